# Copyright: (c) 2026, leasehold.cloud contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where cables lead, from REST's list of their ends: a cable between two interfaces is told from the list, what leads through panels NetBox is asked for."""

from __future__ import annotations

import collections
from collections.abc import Collection, Iterable, Mapping

from ansible_collections.leasehold.cloud.plugins.module_utils.sources.netbox.api import Api, view

INTERFACE = "dcim.interface"
OTHER = {"A": "B", "B": "A"}
WORTH_IT = 40  # rows of the list that NetBox shows in the time in which it traces one interface
FIELDS = "id,cable,cable_end,termination_type,termination_id"


def direct(terminations: Iterable[Mapping], planned: Collection[int]) -> tuple[dict[int, list[int]], set[int]]:
    """The interfaces at the other end of each interface's cable, and those interfaces that have to be asked for.

    :param terminations: rows of REST's list of cable terminations.
    :param planned: cables that are not there yet, or no more.
    """
    ends = collections.defaultdict(list)
    for row in terminations:
        cable = row["cable"]["id"] if isinstance(row["cable"], Mapping) else row["cable"]
        ends[cable, row["cable_end"]].append((row["termination_type"], row["termination_id"]))
    found: dict[int, list[int]] = {}
    unclear: set[int] = set()
    for (cable, side), near in ends.items():
        far = ends.get((cable, OTHER[side]), [])
        mine = [number for kind, number in near if kind == INTERFACE]
        if cable in planned or not far:
            continue
        if len(near) == len(far) == 1 and far[0][0] == INTERFACE:
            found |= {number: [far[0][1]] for number in mine}
        else:  # a panel, a circuit, a breakout cable
            unclear |= set(mine)
    return found, unclear


class Cabling:
    """The far ends of interfaces."""

    def __init__(self, api: Api):
        self.api = api

    def whole(self, own: Collection[int]) -> dict[int, list[int]]:
        """Of all interfaces of the site. The list is that of all sites, so the interfaces of a small one are asked for."""
        needs = view("dcim.cabletermination")
        if self.api.get("dcim/cable-terminations", {"limit": 1, "fields": "id"}, needs).json()["count"] > WORTH_IT * len(own):
            return self.some(own)
        lists = [
            lambda: self.api.rows("dcim/cable-terminations", {"fields": FIELDS}, needs),
            lambda: self.api.rows("dcim/cables", {"status__n": "connected", "fields": "id"}, view("dcim.cable")),
        ]
        terminations, planned = self.api.client.map(lambda ask: ask(), lists)
        found, unclear = direct(terminations, {row["id"] for row in planned})
        return {number: far for number, far in found.items() if number in own} | self.some(unclear.intersection(own))

    def some(self, numbers: Iterable[int]) -> dict[int, list[int]]:
        """Of these interfaces, as NetBox traces them."""
        fields = {"fields": "id,connected_endpoints,connected_endpoints_type,connected_endpoints_reachable"}
        rows = self.api.some("dcim/interfaces", "id", numbers, fields, view("dcim.interface"))
        return {row["id"]: [end["id"] for end in row["connected_endpoints"] or []] for row in rows
                if row["connected_endpoints_type"] == INTERFACE and row["connected_endpoints_reachable"]}
