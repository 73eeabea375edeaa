# Copyright: (c) 2026, leasehold.cloud contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How many servers of which cells a node set takes.

What has to be: C(include) is taken first, C(within) keeps all in one domain, C(max_per) caps every domain; members that
are there count. What is wished, in this order of the levels:

- to spread (C(spread_by), then rack): one by one from the domain in which the node set, and then the cluster, has the fewest;
- to pack (C(pack_by), then pair of leaves, then rack): domain by domain, those first in which the node set, and then the
  cluster, has the most; then the tightest that has room for the rest, else the roomiest. Where C(spread_by) is given too,
  it spreads within a C(pack_by) domain.

Servers reserved for the node set go before others, whatever is wished; those that somebody holds until then (a renewal of that
lease would be refused) come last. Ties go to the domain, then to the cell's first
server, that comes first by name. Wishes never make impossible what is possible: nothing is taken that would leave too few.
"""

from __future__ import annotations

import collections
import heapq
from collections.abc import Callable, Iterable, Iterator, Sequence

from ansible_collections.leasehold.cloud.plugins.module_utils.core.claims import NodeSet
from ansible_collections.leasehold.cloud.plugins.module_utils.core.flow import most_through
from ansible_collections.leasehold.cloud.plugins.module_utils.core.placement import LEAF_PAIR, RACK, Cell, Place, natural

MOST_CAPS = 2  # kinds of domain in max_per: whether more of them can be met at once takes too long to find out
Peers = Sequence[tuple["str | None", Place]]  # the cluster's other servers, each with its node set
Picks = list[tuple[Cell, int]]


def sieves(request: NodeSet) -> Iterator[tuple[str, Callable[[Cell], bool]]]:
    """What rules out a cell whatever else is taken, in the order in which it is told: (constraint, whether a cell passes)."""
    if request.exclude:
        yield "exclude", lambda cell: cell.name not in request.exclude
    for key, wanted in request.require.items():
        yield f"require.{key}", lambda cell, key=key, wanted=wanted: cell.place.meets(key, wanted)
    for label, keys in (("within", filter(None, [request.within])), ("max_per", request.max_per)):
        for key in keys:
            yield f"{label}.{key}", lambda cell, key=key: cell.place.domain(key) is not None


def possible(request: NodeSet, cells: Sequence[Cell], peers: Peers) -> int:
    """The most servers of these cells, which passed the sieves, that the node set could take at once."""
    return max((_room(request, group, peers) for group in _groups(request, cells, peers)), default=0)


def pick(request: NodeSet, cells: Sequence[Cell], placement: str, peers: Peers) -> Picks | None:
    """So many of these cells, which passed the sieves, as the request's count; None when it is not possible.

    :param placement: spread or pack, where the request wishes neither.
    """
    groups = [group for group in _groups(request, cells, peers) if _room(request, group, peers) >= request.count]
    if not groups:
        return None
    group = groups[0] if len(groups) == 1 else min(groups, key=_ranking(request, placement, peers))
    picks = _Hand(request, group, peers).play(placement)
    if picks is None:  # two caps that cross: look ahead at every step
        picks = _Hand(request, group, peers, careful=True).play(placement)
    return picks


def levels(request: NodeSet, placement: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The kinds of domain by which a node set packs, and within those spreads."""
    if request.pack_by and request.spread_by:
        return (request.pack_by,), tuple(dict.fromkeys((request.spread_by, RACK)))
    if request.pack_by or (placement == "pack" and not request.spread_by):
        return tuple(dict.fromkeys(filter(None, (request.pack_by, LEAF_PAIR, RACK)))), ()
    return (), tuple(dict.fromkeys(filter(None, (request.spread_by, RACK))))


def by_rack_alone(request: NodeSet, placement: str) -> bool:
    """Whether no more of a cell has to be known than its rack, and that it has a few free servers: it is spread over the racks."""
    return levels(request, placement) == ((), (RACK,)) and not request.require and not request.within and {*request.max_per} <= {RACK}


def _groups(request: NodeSet, cells: Sequence[Cell], peers: Peers) -> list[list[Cell]]:
    """The cells among which all have to be: of each domain of C(within) that has all included servers and all members."""
    if not request.within:
        return [list(cells)]
    members = {place.domain(request.within) for node_set, place in peers if node_set == request.name}
    domains: dict[str | None, list[Cell]] = {}
    for cell in cells:
        domains.setdefault(cell.place.domain(request.within), []).append(cell)
    return [domains[domain] for domain in sorted(domains, key=natural) if members <= {domain}]


def _room(request: NodeSet, cells: Sequence[Cell], peers: Peers) -> int:
    if not request.max_per and not request.include:
        return sum(cell.free for cell in cells)
    hand = _Hand(request, cells, [peer for peer in peers if peer[0] == request.name])
    return hand.count + hand.room(cells) if hand.include() else 0


def _ranking(request: NodeSet, placement: str, peers: Peers) -> Callable[[Sequence[Cell]], tuple]:
    """By which one of the domains of C(within) is chosen: the one with the least of it."""
    present = collections.Counter(place.domain(request.within) for _node_set, place in peers)
    packed = bool(levels(request, placement)[0])

    def rank(cells: Sequence[Cell]) -> tuple:
        domain = cells[0].place.domain(request.within)
        reserved = sum(cell.free for cell in cells if cell.reserved == request.name)
        if packed:
            return -reserved, -present[domain], _room(request, cells, peers), natural(domain)
        return -reserved, present[domain], natural(domain)

    return rank


class _Hand:
    """What a node set has taken so far, and what that leaves it."""

    def __init__(self, request: NodeSet, cells: Sequence[Cell], peers: Peers, careful: bool = False):
        self.request = request
        self.cells = cells
        self.caps = tuple(request.max_per.items())
        self.careful = careful
        self.count = 0
        self.left = {cell.key: cell.free for cell in cells}
        self.own: collections.Counter = collections.Counter()
        self.cluster: collections.Counter = collections.Counter()
        self.kinds = {*request.max_per, *(kind for some in (*levels(request, "pack"), *levels(request, "spread")) for kind in some)}
        self._natural: dict[str, tuple] = {}
        for node_set, place in peers:
            self._note(place, node_set == request.name)

    def play(self, placement: str) -> Picks | None:
        """Take as many as were requested; None when it got stuck."""
        if not self.include():
            return None
        pack_by, spread_by = levels(self.request, placement)
        for tier in _tiers(self.request, self.cells):
            wanted = min(self.request.count - self.count, self.room(tier))
            self._pack(tier, wanted, pack_by, spread_by)
        if self.count < self.request.count:
            return None
        return [(cell, cell.free - self.left[cell.key]) for cell in self.cells if cell.free > self.left[cell.key]]

    def include(self) -> bool:
        """Take the servers that are asked for by name; False when they cannot all be had at once."""
        named = {cell.name: cell for cell in self.cells if cell.name in self.request.include}
        for name in self.request.include:
            if name not in named or not self._allows(named[name]):
                return False
            self._take(named[name])
        return True

    def room(self, cells: Iterable[Cell]) -> int:
        """How many more of these cells could be taken."""
        if not self.caps:
            return sum(self.left[cell.key] for cell in cells)
        kinds = [kind for kind, _most in self.caps]
        sizes: collections.Counter = collections.Counter()
        for cell in cells:
            sizes[tuple(cell.place.domain(kind) for kind in kinds)] += self.left[cell.key]
        spare = [{domains[place]: max(0, most - self.own[kind, domains[place]]) for domains in sizes}
                 for place, (kind, most) in enumerate(self.caps)]
        if len(kinds) == 1:
            return sum(min(size, spare[0][domain]) for (domain,), size in sizes.items())
        return most_through(sizes, *spare)

    def _allows(self, cell: Cell) -> bool:
        """Whether one more of the cell may be taken. Once not, never again."""
        if not self.left[cell.key] or any(self.own[kind, cell.place.domain(kind)] >= most for kind, most in self.caps):
            return False
        if not self.careful:
            return True
        self._take(cell)
        enough = self.count + self.room(self.cells) >= self.request.count
        self._take(cell, -1)
        return enough

    def _take(self, cell: Cell, number: int = 1) -> None:
        self.left[cell.key] -= number
        self.count += number
        self._note(cell.place, True, number)

    def _note(self, place: Place, own: bool, number: int = 1) -> None:
        for kind in self.kinds:
            domain = place.domain(kind) or ""
            self.cluster[kind, domain] += number
            if own:
                self.own[kind, domain] += number

    def _pack(self, cells: Sequence[Cell], wanted: int, pack_by: Sequence[str], spread_by: Sequence[str]) -> int:
        """Take so many of the cells if possible, and return how many were."""
        if not pack_by:
            return self._spread(cells, wanted, spread_by)
        domains: dict[str, list[Cell]] = {}
        for cell in cells:
            domains.setdefault(cell.place.domain(pack_by[0]) or "", []).append(cell)
        missing, rooms = wanted, {domain: self.room(members) for domain, members in domains.items()}
        while missing and domains:
            if self.caps:
                rooms = {domain: self.room(members) for domain, members in domains.items()}

            def rank(domain: str, need: int = missing) -> tuple:
                room, near = rooms[domain], [self._near(domains[domain], kind) for kind in pack_by]
                return near, room < need, room if room >= need else -room, self._sorting(domain)

            chosen = min(domains, key=rank)
            missing -= self._pack(domains.pop(chosen), min(missing, rooms[chosen]), pack_by[1:], spread_by)
        return wanted - missing

    def _near(self, cells: Sequence[Cell], kind: str) -> tuple:
        """How near the cells are to the node set, and the cluster: the least is the nearest."""
        domains = {cell.place.domain(kind) or "" for cell in cells}
        return min((-self.own[kind, domain], -self.cluster[kind, domain]) for domain in domains)

    def _spread(self, cells: Sequence[Cell], wanted: int, spread_by: Sequence[str]) -> int:
        """Take so many of the cells if possible, one by one. Ranks only grow, so a rank that still holds is the least."""
        heap = [(self._crowd(cell, spread_by), cell.first, cell.key, cell) for cell in cells if self.left[cell.key]]
        heapq.heapify(heap)
        missing = wanted
        while missing and heap:
            known, first, key, cell = heap[0]
            now = self._crowd(cell, spread_by)
            if now != known:
                heapq.heapreplace(heap, (now, first, key, cell))
            elif self._allows(cell):
                self._take(cell)
                missing -= 1
            else:
                heapq.heappop(heap)
        return wanted - missing

    def _crowd(self, cell: Cell, spread_by: Sequence[str]) -> tuple:
        domains = [(kind, cell.place.domain(kind) or "") for kind in spread_by]
        return tuple((self.own[domain], self.cluster[domain], self._sorting(domain[1])) for domain in domains)

    def _sorting(self, domain: str) -> tuple:
        if domain not in self._natural:
            self._natural[domain] = natural(domain)
        return self._natural[domain]


def _tiers(request: NodeSet, cells: Iterable[Cell]) -> list[list[Cell]]:
    """The cells as they are turned to: reserved for the node set, free, reserved for another node set, held until then."""
    tiers: list[list[Cell]] = [[], [], [], []]
    for cell in cells:
        tiers[0 if cell.reserved == request.name else 2 if cell.reserved else 3 if cell.held else 1].append(cell)
    return [tier for tier in tiers if tier]
