# Copyright: (c) 2026, leasehold.cloud contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Why a node set cannot have its servers: which constraint ruled out how many, and what would make it possible."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Iterator, Sequence

from ansible_collections.leasehold.cloud.plugins.module_utils.core.claims import NodeSet
from ansible_collections.leasehold.cloud.plugins.module_utils.core.errors import NoCapacity
from ansible_collections.leasehold.cloud.plugins.module_utils.core.picks import Peers, possible, sieves
from ansible_collections.leasehold.cloud.plugins.module_utils.core.placement import Cell, Stock

SPARES = "kept as spares"
# Why servers cannot be had whatever is asked of them, in the order in which it is told; then whatever else there is.
FIRST = ("status", "missing", "held", "reserved", "state", "taken")


def allowance(request: NodeSet, stock: Stock) -> int:
    """How many of the class may be taken, so that its spares are left."""
    free = sum(cell.free for cell in stock.cells if cell.server_class == request.server_class)
    return max(0, free - stock.spares.get(request.server_class, 0))


def promised(request: NodeSet, cells: Sequence[Cell], stock: Stock) -> list[Cell]:
    """Of cells, those that may be taken though that leaves too few spares: what was promised to the cluster, as long as it takes nothing else."""
    return [] if request.server_class in stock.drawn else [cell for cell in cells if cell.reserved]


def within_reach(request: NodeSet, stock: Stock) -> list[Cell]:
    """The cells that a node set may choose among, with all that it asks for."""
    cells = sifted(request, stock)
    return cells if request.count <= allowance(request, stock) else promised(request, cells, stock)


def sifted(request: NodeSet, stock: Stock) -> list[Cell]:
    """The cells that have something of what is asked for."""
    passing = [test for _constraint, test in sieves(request)]
    return [cell for cell in stock.cells
            if cell.free and cell.server_class == request.server_class and all(test(cell) for test in passing)]


def most(request: NodeSet, stock: Stock, peers: Peers, inside: bool = False) -> int:
    """The most servers that the node set could be given; C(inside): of those that the envelope holds."""
    return _bound(request, [cell for cell in sifted(request, stock) if cell.inside or not inside], stock, peers)


def _bound(request: NodeSet, cells: Sequence[Cell], stock: Stock, peers: Peers) -> int:
    """The most of these cells that leave the spares, or that were promised."""
    most_spared = min(allowance(request, stock), possible(request, cells, peers))
    kept = promised(request, cells, stock)
    return max(most_spared, possible(request, kept, peers)) if kept else most_spared


def explain(request: NodeSet, stock: Stock, peers: Peers) -> NoCapacity:
    """The error that says it all.

    Its details: C(wanted), C(free) (how many could be had as asked), C(class), C(reasons) (constraint: how many servers it
    ruled out, in the order in which constraints are applied, each counted among those left by the ones before), C(include)
    (included server: why it cannot be had), C(possible) (see M(relaxed)) and C(table), a text.
    """
    free, reasons = most(request, stock, peers), _reasons(request, stock, peers)
    options = list(relaxed(request, stock, peers, free))
    named = _named(request, stock)
    told = ", ".join([*(_phrase(count, reason) for reason, count in reasons.items()), *(f"{name}: {why}" for name, why in named.items())])
    enough = [option["text"] for option in options if option["enough"]] + [option["text"] for option in options if "count" in option["change"]]
    return NoCapacity(
        f"{request.count} servers of class {request.server_class} are needed, {free} can be had; the others: {told or 'none'}",
        object=f"node set {request.name}", attempted="choose servers",
        remedy=f"Possible: {'; '.join(enough)}. Or order another class, or return servers to service." if enough
        else "Order fewer, order another class, or return servers to service.",
        details={
            "wanted": request.count, "free": free, "class": request.server_class, "reasons": reasons, "include": named, "possible": options,
            "table": _table(request, reasons, free, options),
        },
    )


def relaxed(request: NodeSet, stock: Stock, peers: Peers, free: int) -> Iterator[dict]:
    """What each constraint costs: how many could be had if it alone were not.

    :returns: C({change, count, enough, text}): the keys of the node set (or C(spares)) to change, how many that gives, and
        whether it is as many as are wanted.
    """
    for change, text in _changes(request):
        if "spares" in change:
            count = most(request, dataclasses.replace(stock, spares={}), peers)
        else:
            count = most(dataclasses.replace(request, **change), stock, peers)
        if count > free:
            yield {"change": change, "count": count, "enough": count >= request.count, "text": text.format(count)}
    for kind, cap in request.max_per.items():
        yield from _wider(request, stock, peers, free, kind, cap)
    if free:
        yield {"change": {"count": free}, "count": free, "enough": False, "text": f"count {free}"}


def _changes(request: NodeSet) -> Iterator[tuple[dict, str]]:
    """The ways to ask for less, one at a time."""
    for name in request.include:
        yield {"include": tuple(other for other in request.include if other != name)}, f"{{}} without {name} in include"
    if request.exclude:
        yield {"exclude": ()}, "{} without exclude"
    for key in request.require:
        yield {"require": {other: value for other, value in request.require.items() if other != key}}, f"{{}} without require.{key}"
    yield {"spares": {}}, "{} if the spares are released"
    if request.within:
        yield {"within": None}, f"{{}} without within {request.within}"


def _wider(request: NodeSet, stock: Stock, peers: Peers, free: int, kind: str, cap: int) -> Iterator[dict]:
    """The least C(max_per) of a kind of domain that is enough; if none is, what there is without it."""
    others = {other: most_of for other, most_of in request.max_per.items() if other != kind}

    def with_cap(number: int) -> tuple[dict, int]:
        change = {"max_per": {**request.max_per, kind: number}}
        return change, most(dataclasses.replace(request, **change), stock, peers)

    low, high = cap, cap + request.count
    change, count = with_cap(high)
    if count < request.count:
        change = {"max_per": others}
        count = most(dataclasses.replace(request, **change), stock, peers)
        if count > free:
            yield {"change": change, "count": count, "enough": count >= request.count, "text": f"{count} without max_per.{kind}"}
        return
    while high - low > 1:  # low is too little, high is enough
        middle = (low + high) // 2
        if with_cap(middle)[1] >= request.count:
            high = middle
        else:
            low = middle
    change, count = with_cap(high)
    yield {"change": change, "count": count, "enough": True, "text": f"max_per.{kind} {high} instead of {cap}"}


def _reasons(request: NodeSet, stock: Stock, peers: Peers) -> dict[str, int]:
    """How many servers each constraint rules out of those that the ones before have left."""
    reasons = {f"class {name}": count for name, count in sorted(stock.classes.items()) if name != request.server_class}
    cells = [cell for cell in stock.cells if cell.server_class == request.server_class]
    found: dict[str, int] = {}
    for cell in cells:
        for reason, count in cell.others.items():
            found[reason] = found.get(reason, 0) + count
    reasons |= {reason: found[reason] for reason in sorted(found, key=_precedence)}
    for constraint, passes in sieves(request):
        reasons[constraint] = sum(cell.free for cell in cells if not passes(cell)) + reasons.get(constraint, 0)
        cells = [cell for cell in cells if passes(cell)]
    left = sum(cell.free for cell in cells)
    cells = [cell for cell in cells if cell.free]
    for constraint, count in _together(request, cells, stock, peers):
        if count < left:
            reasons[constraint] = reasons.get(constraint, 0) + left - count
            left = count
    return {reason: count for reason, count in reasons.items() if count}


def _named(request: NodeSet, stock: Stock) -> dict[str, str]:
    """Why servers that are asked for by name cannot be had."""
    cells, why = {cell.name: cell for cell in stock.cells if cell.name in request.include}, {}
    for name in request.include:
        cell = cells.get(name)
        if cell is None:
            why[name] = "not a server of the site"
        elif cell.server_class != request.server_class:
            why[name] = f"class {cell.server_class}"
        elif not cell.free:
            why[name] = next(iter(cell.others), "cannot be had")
        else:
            why |= {name: constraint for constraint, passes in sieves(request) if not passes(cell)}
    return why


def _together(request: NodeSet, cells: list[Cell], stock: Stock, peers: Peers) -> Iterator[tuple[str, int]]:
    """What can be had at most under the constraints on all servers together, as one after the other is applied."""
    free_of = dataclasses.replace(request, include=(), within=None, max_per={})
    yield SPARES, _bound(free_of, cells, stock, peers)
    for constraint, keys in [
        *((f"include {name}", {"include": request.include[:place]}) for place, name in enumerate(request.include, 1)),
        *([(f"within.{request.within}", {"within": request.within})] if request.within else []),
        *((f"max_per.{kind}", {"max_per": dict(list(request.max_per.items())[:place])}) for place, kind in enumerate(request.max_per, 1)),
    ]:
        free_of = dataclasses.replace(free_of, **keys)
        yield constraint, _bound(free_of, cells, stock, peers)


def _precedence(reason: str) -> tuple:
    word = reason.partition(" ")[0]
    return FIRST.index(word) if word in FIRST else len(FIRST), reason


def _phrase(count: int, reason: str) -> str:
    ruled = reason.partition(".")[0] in ("require", "within", "max_per", "exclude") or reason.startswith("include ")
    return f"{count} ruled out by {reason}" if ruled else f"{count} {reason}"


def _table(request: NodeSet, reasons: dict[str, int], free: int, options: Iterable[dict]) -> str:
    """For people: what ruled out how many, and how many that left."""
    left = sum(reasons.values()) + free
    rows = [("", "ruled out", "left"), ("servers of the site", "", str(left))]
    for reason, count in reasons.items():
        left -= count
        rows.append((reason, str(count), str(left)))
    wide = max(len(row[0]) for row in rows)
    lines = [f"node set {request.name}: {request.count} of class {request.server_class} wanted, {free} can be had"]
    lines += [f"  {label:<{wide}}  {out:>9}  {rest:>8}" for label, out, rest in rows]
    lines += [f"  possible: {option['text']}" for option in options]
    return "\n".join(lines) + "\n"
