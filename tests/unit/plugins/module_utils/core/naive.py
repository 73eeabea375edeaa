# SPDX-License-Identifier: GPL-3.0-or-later
"""The allocator's choice, made the slow way: every step looks at every way to go on. What M(picks) says, word for word."""

from __future__ import annotations

import collections
import itertools

from hypothesis import strategies as st

from ansible_collections.leasehold.cloud.plugins.module_utils.core.claims import NodeSet
from ansible_collections.leasehold.cloud.plugins.module_utils.core.placement import Cell, Place, natural

KINDS = ("rack", "leaf_pair", "feed")


def passes(request: NodeSet, cell: Cell) -> bool:
    """Whether the cell itself is as asked for, whatever else is taken."""
    wanted = [request.within] if request.within else []
    return cell.name not in request.exclude and all(cell.place.domain(kind) for kind in (*wanted, *request.max_per)) and all(
        cell.place.attributes.get(key) == value for key, value in request.require.items())


def allowed(request: NodeSet, taken: collections.Counter, cells: dict, peers) -> bool:
    """Whether these (cell key: how many) may join the members that are there. Those may be too many for a cap that is new."""
    places = [cells[key].place for key, count in taken.items() for _one in range(count)]
    members = [place for node_set, place in peers if node_set == request.name]
    if request.within and len({place.domain(request.within) for place in (*places, *members)}) > 1:
        return False
    for kind, cap in request.max_per.items():
        crowd = collections.Counter(place.domain(kind) for place in (*places, *members))
        if any(crowd[place.domain(kind)] > cap for place in places):
            return False
    return True


def ways(request: NodeSet, cells: dict, peers, count: int) -> list[collections.Counter]:
    """Every way to take so many, the included among them."""
    named = {cell.name: key for key, cell in cells.items() if cell.name}
    found = []
    for counts in itertools.product(*(range(cell.free + 1) for cell in cells.values())):
        taken = collections.Counter(dict(zip(cells, counts)))
        included = all(name in named and taken[named[name]] for name in request.include)
        if sum(counts) == count and included and allowed(request, taken, cells, peers):
            found.append(taken)
    return found


def most(request: NodeSet, cells, peers) -> int:
    """The most that could be taken."""
    known = {cell.key: cell for cell in cells if passes(request, cell)}
    return max((count for count in range(sum(cell.free for cell in known.values()) + 1) if ways(request, known, peers, count)), default=0)


class Naive:
    """One choice in the making."""

    def __init__(self, request: NodeSet, cells, placement: str, peers):
        self.request, self.peers = request, list(peers)
        self.cells = {cell.key: cell for cell in cells if passes(request, cell)}
        self.taken: collections.Counter = collections.Counter()
        self.pack_by = [request.pack_by] if request.pack_by else []
        self.spread_by = [request.spread_by] if request.spread_by else []
        if (request.pack_by or placement == "pack") and not request.spread_by:
            self.pack_by += [kind for kind in ("leaf_pair", "rack") if kind not in self.pack_by]
        elif "rack" not in self.spread_by:
            self.spread_by.append("rack")

    def choose(self) -> dict[str, int] | None:
        if self.request.within:
            self._settle_on_a_domain()
        self.ways = ways(self.request, self.cells, self.peers, self.request.count)
        if not self.ways:
            return None
        for name in self.request.include:
            self._take(next(cell for cell in self.cells.values() if cell.name == name))
        for tier in range(4):
            some = [cell for cell in self.cells.values() if self._tier(cell) == tier]
            self._pack(some, min(self.request.count - self.taken.total(), self._room(some)), self.pack_by)
        return {key: count for key, count in self.taken.items() if count}

    def _settle_on_a_domain(self) -> None:
        domains = collections.defaultdict(dict)
        for key, cell in self.cells.items():
            domains[cell.place.domain(self.request.within)][key] = cell

        def rank(domain):
            reserved = sum(cell.free for cell in domains[domain].values() if cell.reserved == self.request.name)
            present = sum(place.domain(self.request.within) == domain for _node_set, place in self.peers)
            room = max(count for count in range(30) if ways(self.request, domains[domain], self.peers, count))
            return (-reserved, -present, room, natural(domain)) if self.pack_by else (-reserved, present, natural(domain))

        able = [domain for domain in domains if ways(self.request, domains[domain], self.peers, self.request.count)]
        self.cells = domains[min(able, key=rank)] if able else {}

    def _tier(self, cell: Cell) -> int:
        return 0 if cell.reserved == self.request.name else 2 if cell.reserved else 3 if cell.held else 1

    def _take(self, cell: Cell) -> None:
        self.taken[cell.key] += 1
        self.peers.append((self.request.name, cell.place))
        self.ways = [way for way in self.ways if way[cell.key] >= self.taken[cell.key]]

    def _may(self, cell: Cell) -> bool:
        return any(way[cell.key] > self.taken[cell.key] for way in self.ways)

    def _room(self, some) -> int:
        """How many more of these could be held, whatever becomes of the rest."""
        left = {cell.key: cell for cell in some}
        plain = NodeSet(self.request.name, self.request.server_class, 1, max_per=self.request.max_per)
        return max(
            sum(counts) for counts in itertools.product(*(range(cell.free - self.taken[cell.key] + 1) for cell in some))
            if allowed(plain, collections.Counter(dict(zip(left, counts))), left, self.peers) or not sum(counts))

    def _crowd(self, kind: str, domain: str, own: bool) -> int:
        return sum((place.domain(kind) or "") == domain for node_set, place in self.peers if not own or node_set == self.request.name)

    def _pack(self, some, wanted: int, pack_by) -> int:
        if not pack_by:
            return self._spread(some, wanted)
        domains, missing = collections.defaultdict(list), wanted
        for cell in some:
            domains[cell.place.domain(pack_by[0]) or ""].append(cell)
        while missing and domains:
            rooms = {domain: self._room(members) for domain, members in domains.items()}

            def rank(domain, rooms=rooms, need=missing):
                near = [min((-self._crowd(kind, cell.place.domain(kind) or "", True), -self._crowd(kind, cell.place.domain(kind) or "", False))
                            for cell in domains[domain]) for kind in pack_by]
                return near, rooms[domain] < need, rooms[domain] if rooms[domain] >= need else -rooms[domain], natural(domain)

            best = min(domains, key=rank)
            missing -= self._pack(domains.pop(best), min(missing, rooms[best]), pack_by[1:])
        return wanted - missing

    def _spread(self, some, wanted: int) -> int:
        for turn in range(wanted):
            able = [cell for cell in some if self._may(cell)]
            if not able:
                return turn

            def rank(cell):
                domains = [(kind, cell.place.domain(kind) or "") for kind in self.spread_by]
                return [(self._crowd(*domain, True), self._crowd(*domain, False), natural(domain[1])) for domain in domains], cell.first, cell.key

            self._take(min(able, key=rank))
        return wanted


THEMES = ("spread", "pack", "caps", "within", "names", "any")


@st.composite
def cells(draw, theme: str) -> list[Cell]:
    """A few cells; some are single servers with a name."""
    made = []
    for number in range(draw(st.integers(1 if theme == "any" else 3, 7 if theme == "caps" else 5))):
        rack, feed = draw(st.sampled_from(["r1", "r2", "r10"])), draw(st.sampled_from(["A", "B", "B", None] if theme == "any" else ["A", "B"]))
        leafs = draw(st.sampled_from([(f"{rack}a",), (f"{rack}b",), ("shared",)]))
        attributes = {"feed": feed, "gpu": draw(st.sampled_from(["H100", "A100"]))} if feed else {"gpu": "H100"}
        single = theme in ("within", "names", "any") and draw(st.booleans())
        made.append(Cell(
            f"cell{number}", "gpu", Place(rack, leafs, attributes), 1 if single or theme == "caps" else draw(st.integers(1, 3)),
            f"first{draw(st.integers(0, 3))}",
            True, f"s{number}" if single else None, draw(st.sampled_from([None, "w", "w", "other"])) if single else None,
            theme in ("names", "any") and draw(st.integers(0, 3)) == 0,
        ))
    return made


@st.composite
def requests(draw, theme: str, named) -> NodeSet:
    """A node set with the constraints of a theme, for the cells' named servers."""
    anything = theme == "any"
    kind = st.sampled_from([None, *KINDS] if theme in ("spread", "pack", "caps") else [None])
    crossing = st.fixed_dictionaries({"rack": st.integers(1, 2), "feed": st.integers(1, 3)})
    caps = crossing if theme == "caps" else st.dictionaries(st.sampled_from(KINDS), st.integers(1, 2), max_size=2)
    names = st.lists(st.sampled_from(named), max_size=1) if named and theme in ("names", "any") else st.just([])
    include = draw(names)
    return NodeSet(
        "w", "gpu", draw(st.integers(max(1, len(include)), 5)), draw(st.sampled_from([{}, {"gpu": "H100"}])) if anything else {},
        draw(st.sampled_from([None, *KINDS])) if theme == "spread" or anything else None, draw(caps) if theme == "caps" or anything else {},
        draw(st.sampled_from(KINDS)) if theme == "within" else None, draw(kind) if theme != "spread" else None, tuple(include),
        tuple(name for name in draw(names) if name not in include),
    )


@st.composite
def cases(draw, themes=THEMES):
    """(request, cells, placement, peers). Of a theme, so that what it is about comes up often."""
    theme = draw(st.sampled_from(themes))
    some = draw(cells(theme))
    request = draw(requests(theme, [cell.name for cell in some if cell.name]))
    places = st.builds(
        Place, st.sampled_from(["r1", "r2", "r10"]), st.sampled_from([("r1a",), ("r2b",), ("shared",)]), st.sampled_from([{"feed": "A"}, {"feed": "B"}]))
    peers = draw(st.lists(st.tuples(st.sampled_from(["other"] if theme == "within" else ["w", "other"]), places), max_size=3))
    return request, some, draw(st.sampled_from(["spread", "pack"])), peers
