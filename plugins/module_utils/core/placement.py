# Copyright: (c) 2026, leasehold.cloud contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where servers are, and which of them can be had: what the allocator decides over.

It sees cells: servers of one class and place (rack, leaves, attributes), which are alike to it. A site has hundreds of
them where it has tens of thousands of servers. A domain is what a constraint counts in: a rack, a pair of leaves, or
all that have the same value of an attribute (a power feed, an NVLink domain).
"""

from __future__ import annotations

import collections
import dataclasses
import functools
import re
from collections.abc import Collection, Mapping

from ansible_collections.leasehold.cloud.plugins.module_utils.core.changes import canonical, fingerprint
from ansible_collections.leasehold.cloud.plugins.module_utils.core.models import Datacenter, Server

DIGITS = re.compile(r"[0-9]+")
COMPARISON = re.compile(r"(>=|<=|!=|>|<)\s*(\S.*)")
RACK, LEAF_PAIR = "rack", "leaf_pair"
HELD = "held by a cluster"
ABSENT = object()


@functools.lru_cache(maxsize=65536)
def sort_key(name: str) -> str:
    """The text by which names sort in their natural order, r2 before r10: bytes compare, in a database too."""
    return DIGITS.sub(lambda digits: digits.group().zfill(10), name)


def natural(name: str) -> tuple[str, str]:
    """A sort key by which r2 comes before r10: as the ledger's C(ORDER BY sort_key, name)."""
    return sort_key(name), name


@dataclasses.dataclass(frozen=True)
class Place:
    """What of a server constraints may ask for, besides its class."""

    rack: str
    leafs: tuple[str, ...]  # in alphabetical order
    attributes: Mapping = dataclasses.field(default_factory=dict, hash=False)

    def domain(self, key: str) -> str | None:
        """The domain of a kind (C(rack), C(leaf_pair), an attribute) that the place is in; None: it lacks the attribute."""
        if key == RACK:
            return self.rack
        if key == LEAF_PAIR:
            return "+".join(self.leafs)
        value = self.value(key)
        return None if value is ABSENT or value is None else _text(value)

    def value(self, key: str) -> object:
        """Its rack, or an attribute; C(gpu.model) is that of the mapping C(gpu), unless there is one of the whole name."""
        if key == RACK:
            return self.rack
        if key in self.attributes:
            return self.attributes[key]
        found: object = self.attributes
        for part in key.split("."):
            found = found.get(part, ABSENT) if isinstance(found, Mapping) else ABSENT
        return found

    def meets(self, key: str, wanted: object) -> bool:
        """Whether C(require.<key>) is met: equal, one of a list, or as a comparison such as C(>=1024) says.

        Texts equal the numbers that they write. An attribute that is a list meets what any of its items does; one that
        is absent meets nothing.
        """
        value = self.value(key)
        values = value if isinstance(value, (list, tuple)) else () if value is ABSENT or value is None else (value,)
        choices = wanted if isinstance(wanted, (list, tuple)) else (wanted,)
        return any(_meets(one, choice) for one in values for choice in choices)


def place_of(server: Server) -> Place:
    """The place of a server."""
    return Place(server.rack, tuple(sorted(server.switches)), server.attributes)


def cell_document(site: str, server: Server) -> dict:
    """What makes servers alike: C({site, class, rack, leafs, attributes}). Its C(fingerprint) is the cell's name."""
    return {
        "site": site, "class": server.server_class, "rack": server.rack, "leafs": sorted(server.switches),
        "attributes": dict(server.attributes),
    }


def cell_name(document: Mapping) -> str:
    """The name of the cell with this C(cell_document)."""
    return fingerprint(document)


@dataclasses.dataclass(frozen=True)
class Cell:
    """Servers that are alike, and how many of them can be had.

    A server that the order names (C(include), C(exclude)), or that is reserved for it, is a cell of its own, C(name).
    """

    key: str  # one in a stock
    server_class: str
    place: Place
    free: int
    first: str  # the sort key of its first free server: cells of a domain are used up in this order
    inside: bool = True  # the envelope holds all its switches
    name: str | None = None
    reserved: str | None = None  # the node set of the planning cluster that it is reserved for
    held: bool = False  # by clusters whose leases are over when the order's begins
    others: Mapping[str, int] = dataclasses.field(default_factory=dict, hash=False)  # that cannot be had, by reason; if asked for


@dataclasses.dataclass(frozen=True)
class Stock:
    """What a site has for an order: cells of the classes that are ordered, and what may not be touched.

    C(spares) are how many servers of a class no order may take, but those that it has reserved. C(classes) counts all servers by class,
    to tell a shortage. C(drawn) are classes of which the order has taken servers that it had not reserved: from there on, all have to leave the spares.
    """

    cells: tuple[Cell, ...]
    spares: Mapping[str, int] = dataclasses.field(default_factory=dict, hash=False)
    classes: Mapping[str, int] = dataclasses.field(default_factory=dict, hash=False)
    drawn: frozenset[str] = frozenset()

    def less(self, picks: Collection[tuple[Cell, int]], node_set: str) -> Stock:
        """What is left when a node set of the order has taken its picks."""
        taken = {cell.key: count for cell, count in picks}
        reason = f"taken by node set {node_set} of this order"
        drawn = self.drawn | {cell.server_class for cell, _count in picks if not cell.reserved}
        return dataclasses.replace(self, drawn=drawn, cells=tuple(
            dataclasses.replace(cell, free=cell.free - taken[cell.key], others={**cell.others, reason: taken[cell.key]})
            if cell.key in taken else cell for cell in self.cells
        ))


def stock_of(datacenter: Datacenter, held: Collection[str] = (), named: Collection[str] = ()) -> tuple[Stock, dict[str, list[Server]]]:
    """The stock that a data centre's servers make, and the free ones by the key of their cell, in natural order.

    :param held: names of servers that any cluster holds.
    :param named: names of servers that have to be cells of their own.
    """
    cells: dict[str, list[Server]] = {}
    for server in sorted(datacenter.servers, key=lambda server: natural(server.name)):
        own = [server.name] if server.name in named else []
        cells.setdefault("/".join([cell_name(cell_document(datacenter.site, server)), *own]), []).append(server)
    stock, free = [], {}
    for key, members in cells.items():
        free[key] = [server for server in members if unusable(server, held) is None]
        others = collections.Counter(reason for reason in (unusable(server, held) for server in members) if reason)
        place = place_of(members[0])
        stock.append(Cell(
            key, members[0].server_class, place, len(free[key]), sort_key(free[key][0].name) if free[key] else "",
            all(map(datacenter.envelope.allows_switch, place.leafs)), members[0].name if members[0].name in named else None, others=others,
        ))
    classes = collections.Counter(server.server_class for server in datacenter.servers)
    return Stock(tuple(stock), dict(datacenter.spares), classes), free


def unusable(server: Server, held: Collection[str]) -> str | None:
    """Why a server cannot be had: the first reason that holds; None when it can."""
    if server.status != "active":
        return f"status {server.status}"
    if server.name in held:
        return HELD
    return None if server.state == "available" else f"state {server.state}"


def _meets(value: object, wanted: object) -> bool:
    comparison = COMPARISON.fullmatch(wanted) if isinstance(wanted, str) else None
    if comparison is None:
        return _text(value) == _text(wanted)
    sign, operand = comparison.groups()
    if sign == "!=":
        return _text(value) != _text(operand)
    number, limit = as_number(value), as_number(operand)
    if number is None or limit is None:
        return False
    return {">=": number >= limit, "<=": number <= limit, ">": number > limit, "<": number < limit}[sign]


def as_number(value: object) -> float | None:
    """The number that a value is or writes; None when it is none."""
    if isinstance(value, bool):
        return None
    try:
        return float(value)
    except (TypeError, ValueError):
        return None


def _text(value: object) -> str:
    """How a value is written: 8 and "8" are the same, and so are 8 and 8.0."""
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return value if isinstance(value, str) else canonical(value)
