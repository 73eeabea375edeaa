# Copyright: (c) 2026, leasehold.cloud contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which servers, which VLAN, which prefix, which addresses; and who leaves. The same input gives the same choice."""

from __future__ import annotations

import collections
import ipaddress
import itertools
from collections.abc import Collection, Iterable, Mapping, Sequence

from ansible_collections.leasehold.cloud.plugins.module_utils.core import shortage
from ansible_collections.leasehold.cloud.plugins.module_utils.core.claims import Claims, NodeSet, Segment
from ansible_collections.leasehold.cloud.plugins.module_utils.core.errors import LeaseholdError, NoCapacity, OutsideEnvelope
from ansible_collections.leasehold.cloud.plugins.module_utils.core.models import Datacenter, PrefixPool, Server
from ansible_collections.leasehold.cloud.plugins.module_utils.core.picks import Peers, Picks, levels, pick
from ansible_collections.leasehold.cloud.plugins.module_utils.core.placement import HELD, Stock, natural, place_of
from ansible_collections.leasehold.cloud.plugins.module_utils.core.prefixes import Pieces, length_of

FIRST_SERVER_ADDRESS = 10  # .1 is the gateway; .2 to .9 are left for the network admin's own
MOST_TRIES = 24  # orders in which node sets choose, unless there are more node sets
RESERVED = "reserved for quarantine or a canary"
OUTSIDE = "outside the envelope"


def choose_all(requests: Sequence[NodeSet], stock: Stock, placement: str, peers: Peers = ()) -> dict[str, Picks]:
    """What each node set of a cluster takes, as M(picks) says, all from one stock. Where one would take what only another can do with, that
    other one chooses first.

    :param requests: each one's count is how many to add.
    :param stock: of it, cells that the envelope holds do for all, or else for each go before others; C(stock.spares) of a class stay free.
    :param placement: C(spread) or C(pack), where a request wishes neither.
    :param peers: the cluster's other servers, each with its node set, those of these node sets too.
    :returns: by node set, cells with the number taken; of a cell, the first ones in natural order are meant, for the node sets in this order.
    :raises NoCapacity: for the first node set that gets too few, with the reasons, see M(shortage).
    """
    requests, short = [request for request in requests if request.count > 0], None
    for inside in (False,) if all(cell.inside for cell in stock.cells) else (True, False):
        chosen, short = _in_some_order(requests, stock, placement, peers, inside)
        if short is None:
            return chosen
    raise shortage.explain(*short)


def _in_some_order(requests: Sequence[NodeSet], stock: Stock, placement: str, peers: Peers, inside: bool) -> tuple[dict[str, Picks], tuple | None]:
    """As M(_in_turn), in the order in which they are written; then, again and again, with the one that got too few before all others,
    until that goes round in circles; then with those first that could do with the fewest others."""
    first, turn, tried = None, list(requests), []
    while turn not in tried and len(tried) < max(MOST_TRIES, len(requests)):
        chosen, short = _in_turn(turn, stock, placement, peers, inside)
        if short is None:
            return chosen, None
        first = first or short
        if short[0] is turn[0]:
            return {}, first  # what it cannot have as the first, it can in no order
        tried.append(turn)
        turn = [short[0], *(other for other in turn if other is not short[0])]
    turn = sorted(requests, key=lambda request: shortage.most(request, stock, peers, inside) - request.count)
    chosen, short = _in_turn(turn, stock, placement, peers, inside) if turn not in tried else ({}, first)
    return chosen, first if short else None


def _in_turn(requests: Sequence[NodeSet], stock: Stock, placement: str, peers: Peers, inside: bool) -> tuple[dict[str, Picks], tuple | None]:
    """What node sets take, one after the other; and None, or the first that gets too few, with what the others left it and beside whom."""
    chosen: dict[str, Picks] = {}
    beside = list(peers)
    for request in requests:
        picks = _picked(request, stock, placement, beside, inside)
        if picks is None:
            return {}, (request, stock, beside)
        chosen[request.name] = picks
        stock = stock.less(picks, request.name)
        beside += [(request.name, cell.place) for cell, count in picks for _server in range(count)]
    return chosen, None


def _picked(request: NodeSet, stock: Stock, placement: str, peers: Peers, inside: bool) -> Picks | None:
    """What one node set takes; None where there are too few. C(inside): nothing that the envelope does not hold."""
    cells = shortage.within_reach(request, stock)
    delegated = [cell for cell in cells if cell.inside]
    picks = pick(request, delegated, placement, peers)
    return picks if picks or inside or len(delegated) == len(cells) else pick(request, cells, placement, peers)


def choose_leavers(node_set: NodeSet, members: Sequence[Server], named: Collection[str] = (), placement: str = "spread") -> list[Server]:
    """The servers of a node set that leave so that at most its C(count) stay.

    First those named (all of them, even where that leaves fewer); then those that their source does not call active; then
    those not in service. Of the others, those that the node set includes leave last; those that are too many for C(max_per)
    or outside the domain of C(within) that most are in, first; then, one by one, those from the most crowded domain
    (packed: the least crowded), the last by name.

    :returns: in the order in which they were chosen.
    """
    leavers = [server for server in members if server.name in named]
    staying = [server for server in members if server.name not in named]
    pack_by, spread_by = levels(node_set, placement)
    while len(staying) > node_set.count:
        kinds = {*pack_by, *spread_by, *node_set.max_per, *filter(None, [node_set.within])}
        crowd = {kind: collections.Counter(place_of(server).domain(kind) for server in staying) for kind in kinds}

        def rank(server: Server, crowd: Mapping = crowd) -> tuple:
            around = {kind: counts[place_of(server).domain(kind)] for kind, counts in crowd.items()}
            return (
                server.status != "active", server.state != "in_service", server.name not in node_set.include,
                max([0, *(around[kind] - most for kind, most in node_set.max_per.items())]),
                -around[node_set.within] if node_set.within else 0,
                *(-around[kind] for kind in pack_by), *(around[kind] for kind in spread_by), natural(server.name),
            )

        leaver = max(staying, key=rank)
        staying.remove(leaver)
        leavers.append(leaver)
    return leavers


def choose_segment(name: str, datacenter: Datacenter, claims: Claims, size: int) -> Segment:
    """The first free VLAN and the first free prefix with room for C(size) servers, in the order of the pools.

    :raises NoCapacity: none is free; C(details.reasons) counts why.
    :raises OutsideEnvelope: those that are free were not delegated.
    """
    prefix = _choose_prefix(name, datacenter, claims, size)
    return Segment(name, _choose_vlan(name, datacenter, claims), str(prefix), str(prefix[1]), datacenter.quarantine_vlan)


def choose_addresses(segment: Segment, names: Iterable[str], taken: Collection[str] = ()) -> dict[str, str]:
    """An address of the segment's prefix for each name, in natural order of the names, from .10 upward.

    :raises NoCapacity: the prefix has not enough.
    """
    network = ipaddress.ip_network(segment.prefix)
    free = (address for address in (str(network[place]) for place in _server_places(network)) if address not in taken)
    ordered = sorted(names, key=natural)
    chosen = dict(zip(ordered, free))
    if len(chosen) < len(ordered):
        raise NoCapacity(f"{len(ordered)} more addresses are needed, {len(chosen)} are free", object=f"prefix {network}",
                         attempted=f"address the servers of {segment.name}",
                         remedy="Order fewer servers, or a cluster in a larger prefix.",
                         details={"wanted": len(ordered), "free": len(chosen)})
    return chosen


def _choose_vlan(name: str, datacenter: Datacenter, claims: Claims) -> int:
    reserved = {datacenter.quarantine_vlan, *(canary.vlan for canary in datacenter.canaries)}

    def reason(vlan: int) -> str | None:
        """Why it cannot be had."""
        if vlan in claims.vlans:
            return HELD
        return RESERVED if vlan in reserved else None if datacenter.envelope.allows_vlan(vlan) else OUTSIDE

    own = claims.reserved_vlan
    if own is not None and reason(own) is None:
        return own
    reasons: collections.Counter[str] = collections.Counter()
    outside = None
    for vlan in itertools.chain.from_iterable(pool.vlans for pool in datacenter.vlan_pools):
        why = reason(vlan)
        if why is None:
            return vlan
        reasons[why] += 1
        outside = vlan if why == OUTSIDE and outside is None else outside
    raise _none_free(name, "VLAN", reasons, outside)


def _choose_prefix(name: str, datacenter: Datacenter, claims: Claims, size: int):
    pools = [Pieces(pool, claims.prefixes) for pool in datacenter.prefix_pools]
    reserved = claims.reserved_prefix
    own = [Pieces(PrefixPool("reserved", reserved, length_of(reserved)), claims.prefixes)] if reserved else []
    for pieces in (*own, *pools):
        found = pieces.first_free(datacenter.envelope.prefixes) if _places(pieces.piece()) >= size else None
        if found is not None:
            return found
    reasons: collections.Counter[str] = collections.Counter()
    outside = []
    for pieces in pools:
        if _places(pieces.piece()) < size:
            reasons[f"pool {pieces.name} too small for {size} servers"] += 1
            continue
        held, free = pieces.reckoned()
        reasons.update({HELD: held, OUTSIDE: pieces.total - held})
        outside += [] if free is None else [pieces.piece(free)]
    raise _none_free(name, "prefix", +reasons, outside[0] if outside else None)


def _none_free(name: str, kind: str, reasons: Mapping[str, int], outside: object) -> LeaseholdError:
    """The error that says why there is none; C(outside) is the first one that only the envelope does not hold."""
    details = {"kind": kind, "reasons": dict(reasons)}
    attempted = f"choose a {kind} for the segment of {name}"
    if outside is not None:
        return OutsideEnvelope(f"{kind} {outside} is free, but the envelope does not hold it", object=f"{kind} {outside}",
                               attempted=attempted, remedy="Ask the network admin to widen the envelope.", details=details)
    table = ", ".join(f"{count} {reason}" for reason, count in sorted(reasons.items()))
    return NoCapacity(f"none is free: {table or 'the pools are empty'}", object=f"{kind} pools", attempted=attempted,
                      remedy=f"Add a {kind} to a pool, or delete a cluster.", details=details)


def _server_places(network) -> range:
    """Places in a prefix that servers may have; the last one of an IPv4 prefix is its broadcast address."""
    return range(FIRST_SERVER_ADDRESS, network.num_addresses - (network.version == 4))


def _places(network) -> int:
    places = _server_places(network)
    return places.stop - places.start  # not len(): an IPv6 prefix has more than it can count
