# Copyright: (c) 2026, leasehold.cloud contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which servers, which VLAN, which prefix, which addresses; and who leaves. The same input gives the same choice."""

from __future__ import annotations

import collections
import ipaddress
import itertools
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence

from ansible_collections.leasehold.cloud.plugins.module_utils.core.claims import Claims, NodeSet, Segment
from ansible_collections.leasehold.cloud.plugins.module_utils.core.errors import NoCapacity, OutsideEnvelope
from ansible_collections.leasehold.cloud.plugins.module_utils.core.models import Datacenter, PrefixPool, Server
from ansible_collections.leasehold.cloud.plugins.module_utils.core.placement import sort_key

FIRST_SERVER_ADDRESS = 10  # .1 is the gateway; .2 to .9 are left for the network admin's own
HELD = "held by a cluster"
RESERVED = "reserved for quarantine or a canary"
OUTSIDE = "outside the envelope"


def natural(name: str) -> tuple:
    """A sort key by which r2 comes before r10: as the ledger's C(ORDER BY sort_key, name)."""
    return sort_key(name), name


def choose(request: NodeSet, servers: Iterable[Server], held: Collection[str], policy: str,
           beside: Sequence[Server] = ()) -> list[Server]:
    """The servers of the site that a node set takes.

    Free is what its source calls active, what the ledger calls available, and what nobody holds.

    :param request: class and number; its count is how many to add.
    :param held: names of servers that any cluster holds.
    :param policy: C(spread) evens the node set out over the racks, and then the cluster; C(pack) takes few racks, those
        first that the cluster is in. Ties go to the first name.
    :param beside: the cluster's other servers, those of this node set and of others.
    :returns: in natural order of their names.
    :raises NoCapacity: with C(details.reasons), how many servers of the site are not free for which reason.
    """
    free: dict[str, list[Server]] = {}
    reasons: collections.Counter[str] = collections.Counter()
    for server in servers:
        reason = _unusable(server, request.server_class, held)
        if reason:
            reasons[reason] += 1
        else:
            free.setdefault(server.rack, []).append(server)
    found = sum(len(members) for members in free.values())
    if found < request.count:
        raise _no_servers(request, found, reasons)
    for members in free.values():
        members.sort(key=lambda server: natural(server.name))
    place = _packed if policy == "pack" else _spread
    return sorted(place(request, free, beside), key=lambda server: natural(server.name))


def choose_leavers(members: Sequence[Server], count: int, named: Collection[str] = (),
                   policy: str = "spread") -> list[Server]:
    """The servers of a node set that leave so that at most C(count) stay.

    First those named (all of them, even where that leaves fewer than C(count)); then those that their source does not
    call active; then those not in service yet; then one by one from the most crowded rack (packed: the least crowded),
    the last by name.

    :returns: in the order in which they were chosen.
    """
    leavers = [server for server in members if server.name in named]
    staying = [server for server in members if server.name not in named]
    while len(staying) > count:
        crowd = collections.Counter(server.rack for server in staying)
        weight = -1 if policy == "pack" else 1
        leaver = max(staying, key=lambda server: (
            server.status != "active", server.state != "in_service", weight * crowd[server.rack], natural(server.name),
        ))
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


def _unusable(server: Server, wanted_class: str, held: Collection[str]) -> str | None:
    """Why a server cannot be taken: the first reason that holds."""
    if server.server_class != wanted_class:
        return f"class {server.server_class}"
    if server.status != "active":
        return f"status {server.status}"
    if server.name in held:
        return HELD
    return None if server.state == "available" else f"state {server.state}"


def _no_servers(request: NodeSet, found: int, reasons: collections.Counter) -> NoCapacity:
    table = ", ".join(f"{count} {reason}" for reason, count in sorted(reasons.items(), key=lambda item: (-item[1], item[0])))
    return NoCapacity(
        f"{request.count} servers of class {request.server_class} are needed, {found} are free; the others: {table or 'none'}",
        object=f"node set {request.name}", attempted="choose servers",
        remedy="Order fewer, order another class, or return servers to service.",
        details={"wanted": request.count, "free": found, "class": request.server_class, "reasons": dict(reasons)},
    )


def _spread(request: NodeSet, free: dict[str, list[Server]], beside: Sequence[Server]) -> Iterator[Server]:
    """One by one from the rack in which the node set, and then the cluster, has the fewest."""
    own = collections.Counter(server.rack for server in beside if server.node_set == request.name)
    cluster = collections.Counter(server.rack for server in beside)
    waiting = {rack: collections.deque(servers) for rack, servers in free.items()}
    for _turn in range(request.count):
        rack = min((rack for rack in waiting if waiting[rack]), key=lambda rack: (own[rack], cluster[rack], natural(rack)))
        own[rack] += 1
        cluster[rack] += 1
        yield waiting[rack].popleft()


def _packed(request: NodeSet, free: dict[str, list[Server]], beside: Sequence[Server]) -> Iterator[Server]:
    """Whole racks: where the cluster already is, then the tightest that fits the rest, else the roomiest."""
    cluster = collections.Counter(server.rack for server in beside)
    racks = dict(free)
    missing = request.count
    while missing:
        def rank(rack: str, need: int = missing) -> tuple:
            room = len(racks[rack])
            return (-cluster[rack], room < need, room if room >= need else -room, natural(rack))

        taken = racks.pop(min(racks, key=rank))[:missing]
        missing -= len(taken)
        yield from taken


def _choose_vlan(name: str, datacenter: Datacenter, claims: Claims) -> int:
    reserved = {datacenter.quarantine_vlan, *(canary.vlan for canary in datacenter.canaries)}

    def unusable(vlan: int) -> str | None:
        return HELD if vlan in claims.vlans else RESERVED if vlan in reserved else None

    pooled = itertools.chain.from_iterable(pool.vlans for pool in datacenter.vlan_pools)
    return _first(name, "VLAN", pooled, unusable, datacenter.envelope.allows_vlan)


def _choose_prefix(name: str, datacenter: Datacenter, claims: Claims, size: int):
    taken = [ipaddress.ip_network(prefix) for prefix in claims.prefixes]
    exactly = set(taken)

    def unusable(network) -> str | None:
        places = _server_places(network)
        if places.stop - places.start < size:  # not len(): an IPv6 prefix has more than it can count
            return f"too small for {size} servers"
        held = network in exactly or any(other.version == network.version and other.overlaps(network) for other in taken)
        return HELD if held else None

    pooled = itertools.chain.from_iterable(_cut(pool) for pool in datacenter.prefix_pools)
    return _first(name, "prefix", pooled, unusable, lambda network: datacenter.envelope.allows_prefix(str(network)))


def _first(name: str, kind: str, pooled: Iterable, unusable: Callable, delegated: Callable):
    """The first that is usable and delegated."""
    reasons: collections.Counter[str] = collections.Counter()
    outside = None
    for item in pooled:
        reason = unusable(item) or (None if delegated(item) else OUTSIDE)
        if reason is None:
            return item
        reasons[reason] += 1
        outside = item if reason == OUTSIDE and outside is None else outside
    details = {"kind": kind, "reasons": dict(reasons)}
    attempted = f"choose a {kind} for the segment of {name}"
    if outside is not None:
        raise OutsideEnvelope(f"{kind} {outside} is free, but the envelope does not hold it", object=f"{kind} {outside}",
                              attempted=attempted, remedy="Ask the network admin to widen the envelope.", details=details)
    table = ", ".join(f"{count} {reason}" for reason, count in sorted(reasons.items()))
    raise NoCapacity(f"none is free: {table or 'the pools are empty'}", object=f"{kind} pools", attempted=attempted,
                     remedy=f"Add a {kind} to a pool, or delete a cluster.", details=details)


def _cut(pool: PrefixPool) -> Iterator:
    return ipaddress.ip_network(pool.prefix).subnets(new_prefix=pool.length)


def _server_places(network) -> range:
    """Places in a prefix that servers may have; the last one of an IPv4 prefix is its broadcast address."""
    return range(FIRST_SERVER_ADDRESS, network.num_addresses - (network.version == 4))
