# Copyright: (c) 2026, leasehold.cloud contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How many can be taken where two kinds of domain are capped at once: the greatest flow from the one to the other."""

from __future__ import annotations

from collections.abc import Mapping


def most_through(sizes: Mapping[tuple[str, str], int], ones: Mapping[str, int], others: Mapping[str, int]) -> int:
    """The most that can be taken.

    :param sizes: how many there are, by the domain of the one kind and that of the other.
    :param ones: how many may be taken of each domain of the one kind; C(others): of the other.
    """
    spare, goal = dict(ones), dict(others)
    flow = dict.fromkeys(sizes, 0)
    ways: dict[str, list[str]] = {}
    back: dict[str, list[str]] = {}
    for (one, other), size in sizes.items():
        ways.setdefault(one, []).append(other)
        back.setdefault(other, []).append(one)
        _push(flow, spare, goal, [(one, other)], min(size, spare[one], goal[other]))
    while path := _path(sizes, flow, spare, goal, ways, back):
        forward, backward = path[::2], path[1::2]
        amount = min(spare[path[0][0]], goal[path[-1][1]], *(sizes[edge] - flow[edge] for edge in forward), *(flow[edge] for edge in backward))
        _push(flow, spare, goal, path, amount)
    return sum(flow.values())


def _push(flow: dict, spare: dict, goal: dict, path: list[tuple[str, str]], amount: int) -> None:
    """More along a path: its edges are taken forward and backward in turn."""
    for place, edge in enumerate(path):
        flow[edge] += amount if place % 2 == 0 else -amount
    spare[path[0][0]] -= amount
    goal[path[-1][1]] -= amount


def _path(sizes: Mapping, flow: Mapping, spare: Mapping, goal: Mapping, ways: Mapping, back: Mapping) -> list[tuple[str, str]]:
    """A shortest way by which more can flow; empty when there is none."""
    waiting = [(one, []) for one, amount in spare.items() if amount]
    seen_ones, seen_others = {one for one, _path in waiting}, set()
    for one, path in waiting:
        for other in ways[one]:
            if other in seen_others or flow[one, other] >= sizes[one, other]:
                continue
            seen_others.add(other)
            longer = [*path, (one, other)]
            if goal[other]:
                return longer
            for again in back[other]:
                if again not in seen_ones and flow[again, other]:
                    seen_ones.add(again)
                    waiting.append((again, [*longer, (again, other)]))
    return []
