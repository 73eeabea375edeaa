# Copyright: (c) 2026, leasehold.cloud contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""An order and the state of things in, a plan out: everything that would change, before anything does.

C(create) and C(scale) are one decision: the node sets wanted against those held. C(create) never takes a server away;
C(delete) takes all away; C(verify) changes nothing and says how things must be. Who is a member: a server that the
cluster holds in a state of C(states.SERVER_MEMBER_STATES); one that was put aside (quarantined, in repair) is not, so it
is replaced, and a scale or delete releases it.
"""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Callable, Iterable, Mapping, Sequence

from ansible_collections.leasehold.cloud.plugins.module_utils.core import allocate, fabric, plan_text, wire
from ansible_collections.leasehold.cloud.plugins.module_utils.core.allocate import natural
from ansible_collections.leasehold.cloud.plugins.module_utils.core.changes import fingerprint
from ansible_collections.leasehold.cloud.plugins.module_utils.core.claims import (
    Claims, HeldCluster, NodeSet, Order, Segment, node_sets_of,
)
from ansible_collections.leasehold.cloud.plugins.module_utils.core.errors import (
    ClaimConflict, InvalidOrder, NotFound, OutsideEnvelope, StalePlan,
)
from ansible_collections.leasehold.cloud.plugins.module_utils.core.grounds import grounds
from ansible_collections.leasehold.cloud.plugins.module_utils.core.models import Datacenter, Server
from ansible_collections.leasehold.cloud.plugins.module_utils.core.orders import duration_seconds, grace_seconds
from ansible_collections.leasehold.cloud.plugins.module_utils.core.picks import Picks
from ansible_collections.leasehold.cloud.plugins.module_utils.core.placement import Stock, place_of, stock_of
from ansible_collections.leasehold.cloud.plugins.module_utils.core.states import SERVER_MEMBER_STATES, SERVER_UNUSED

Manifests = Callable[[Order, Segment, Sequence[Server]], list[dict]]  # such as C(hypershift.manifests)
# Up to so many switches a site's are all read back, and in a verify always. Beyond, those that the plan touches: the
# segment cannot get to another switch, as every link to it starts at a touched one, where it is read back as pruned.
READ_BACK_ALL = 32
MAKING = ("create", "reserve")  # never take a server away
GROWING = (*MAKING, "scale")
LEASE_TERMS = ("cluster_lease_duration", "cluster_lease_start", "cluster_lease_grace")


@dataclasses.dataclass(frozen=True)
class Decision:
    """Who is in the cluster afterwards, and who joins, leaves or stands aside. All in natural order of names."""

    order: Order  # with the tenant and all node sets
    segment: Segment | None
    add: tuple[Server, ...] = ()
    keep: tuple[Server, ...] = ()
    remove: tuple[Server, ...] = ()

    @property
    def servers(self) -> tuple[Server, ...]:
        return _ordered((*self.keep, *self.add))


def cluster_plan(order: Order, datacenter: Datacenter, claims: Claims, held: HeldCluster | None, operation: str,
                 objects: Manifests | None = None, strangers: Mapping[str, str] | None = None,
                 joining: Mapping[str, Sequence[Server]] | None = None) -> dict:
    """The plan of an order.

    :param datacenter: the mirror, with the servers' states; of the servers, at least those that could be chosen (none if
        C(joining) has them); of switches and links, at least those that the cluster's servers need.
    :param claims: all that is held in the site, the cluster's own claims too.
    :param held: the cluster as the ledger has it; None where it holds nothing.
    :param operation: create, scale, delete or verify. A delete of what is not held is a plan without changes.
    :param objects: makes the hub's manifests; None leaves them out. A verify needs none.
    :param strangers: servers of other clusters, by name their leased addresses; they must not answer on the wire.
    :param joining: by node set the servers that M(chosen) picked; None: they are chosen among those of C(datacenter).
    :returns: C({operation, cluster, tenant, site, order, lease_seconds, lease_start, grace_seconds, segment, servers, add, remove, keep, aside,
        switches, release_switches, fabric, wire, objects, changes, diff, base, hash}). C(aside) names held servers that are
        neither members nor removed. C(fabric) is each switch of the order with its groups, its C(ports) to set, its
        C(release_ports), and the ports C(expected) at read back. C(wire) is that of M(wire), None without segment.
    :raises InvalidOrder, NotFound, ClaimConflict, NoCapacity, OutsideEnvelope, StalePlan: nothing can be done.
    """
    held = _with_leases(held)
    _check_holder(order, held, operation)
    objects = None if operation == "verify" else objects
    decision = _decide(order, datacenter, claims, held, operation, joining)
    plan = _describe(decision, datacenter, held, operation, objects, strangers or {})
    _check_envelope(plan, datacenter, operation)
    changes = plan_text.changes(plan, decision, datacenter, held, objects)
    plan["changes"] = [change.as_dict() for change in changes]
    plan["diff"] = plan_text.diff(plan, changes)
    plan["base"] = grounds(plan, datacenter, claims, held)
    plan["hash"] = _target(plan)
    _check_expected(plan, order.expected_plan, held)
    return plan


def _check_holder(order: Order, held: HeldCluster | None, operation: str) -> None:
    if held is None and operation in ("scale", "verify"):
        raise NotFound("it holds nothing", object=f"cluster {order.name}", attempted=f"plan a {operation}",
                       remedy="Check the name, or create the cluster first.")
    if held is not None and order.tenant not in (None, held.tenant):
        raise ClaimConflict("the name is taken by another tenant's cluster", object=f"cluster {order.name}",
                            attempted=f"plan a {operation}", remedy="Choose another name.")


def _with_leases(held: HeldCluster | None) -> HeldCluster | None:
    """The cluster with each server reached where its lease says; none where it was deleted."""
    if held is None or (held.phase == "deleted" and not held.servers):
        return None
    servers = (server.leased(server.node_set, server.address) if server.address else server for server in held.servers)
    return dataclasses.replace(held, servers=tuple(servers))


def chosen(order: Order, held: HeldCluster | None, operation: str, stock: Stock) -> dict[str, Picks]:
    """What an order takes out of a stock, by node set: for whoever has no M(models.Datacenter) with all servers at hand.

    :raises InvalidOrder, NotFound, ClaimConflict, NoCapacity: nothing can be done.
    """
    held = _with_leases(held)
    _check_holder(order, held, operation)
    if operation not in GROWING:
        return {}
    order = dataclasses.replace(order, node_sets=_wanted(order, held, operation))
    keep, remove = _staying(order, held)
    if operation in MAKING:
        _check_nobody_leaves(order, remove)
    else:
        _check_named(order, held, remove)
    return allocate.choose_all(_missing(order, keep), stock, order.placement, [(server.node_set, place_of(server)) for server in keep])


def _decide(order: Order, datacenter: Datacenter, claims: Claims, held: HeldCluster | None, operation: str,
            joining: Mapping[str, Sequence[Server]] | None) -> Decision:
    order = dataclasses.replace(order, tenant=held.tenant if held else order.tenant)
    segment = held.segment if held else None
    if operation == "delete" and held and held.hold_until and all(server.state in SERVER_UNUSED for server in held.servers):
        return Decision(order, None)  # its servers were never touched: it is called off in the ledger alone
    if operation == "delete":
        return Decision(order, segment, remove=_ordered(held.servers if held else ()))
    if operation == "verify":
        members = _ordered(server for server in held.servers if _is_member(server))
        return Decision(dataclasses.replace(order, node_sets=node_sets_of(members)), segment, keep=members)
    if joining is None:
        joining = _joining(order, datacenter, claims, held, operation)
    order = dataclasses.replace(order, node_sets=_wanted(order, held, operation))
    keep, remove = _staying(order, held)
    if segment is None:
        segment = allocate.choose_segment(order.name, datacenter, claims, sum(len(servers) for servers in joining.values()))
    return Decision(order, segment, _leased(joining, segment, held), keep, () if operation in MAKING else remove)


def _wanted(order: Order, held: HeldCluster | None, operation: str) -> tuple[NodeSet, ...]:
    """A scale says only the node sets that change; the others stay as they are, with the constraints that they were ordered with."""
    named = {node_set.name for node_set in order.node_sets}
    if operation != "scale" or held is None:
        return order.node_sets
    ordered = {(node_set.name, node_set.server_class): node_set for node_set in held.node_sets}
    members = node_sets_of(server for server in held.servers if _is_member(server))
    return order.node_sets + tuple(
        dataclasses.replace(ordered.get((node_set.name, node_set.server_class), node_set), count=node_set.count, include=())
        for node_set in members if node_set.name not in named
    )


def _is_member(server: Server) -> bool:
    return server.state in SERVER_MEMBER_STATES and server.node_set is not None


def _staying(order: Order, held: HeldCluster | None) -> tuple[tuple[Server, ...], tuple[Server, ...]]:
    """Of the servers held, those that stay and those that leave."""
    servers = held.servers if held else ()
    keep: list[Server] = []
    for node_set in order.node_sets:
        members = [server for server in servers if _is_member(server)
                   and (server.node_set, server.server_class) == (node_set.name, node_set.server_class)]
        leavers = allocate.choose_leavers(node_set, members, order.remove_servers, order.placement)
        keep += [server for server in members if server not in leavers]
    staying = {server.name for server in keep}
    return _ordered(keep), _ordered(server for server in servers if server.name not in staying)


def _check_nobody_leaves(order: Order, remove: tuple[Server, ...]) -> None:
    leaving = [server.name for server in remove if _is_member(server)]
    if leaving:
        raise InvalidOrder(f"the cluster holds more than is ordered: {', '.join(leaving)} would leave",
                           object="cluster_node_sets", attempted=f"plan cluster {order.name}",
                           remedy="Use cluster_scale to make a cluster smaller.", details={"servers": leaving})


def _check_named(order: Order, held: HeldCluster, remove: tuple[Server, ...]) -> None:
    """A name that is no server of the cluster's may be one that has left already, as the order is run again; or a slip of the pen,
    for which no other server may be wiped."""
    strange = [name for name in order.remove_servers if name not in {server.name for server in held.servers}]
    instead = [server.name for server in remove if _is_member(server) and server.name not in order.remove_servers]
    if strange and instead:
        raise InvalidOrder(f"the cluster does not hold {', '.join(strange)}, and {', '.join(instead)} would leave instead",
                           object="cluster_remove_servers", attempted=f"plan a scale of cluster {order.name}",
                           remedy="Name servers that the cluster holds, or leave out those that it does not hold, so that others leave.",
                           details={"variable": "cluster_remove_servers", "unknown": strange, "servers": instead})


def _missing(order: Order, keep: tuple[Server, ...]) -> list[NodeSet]:
    """The node sets with what is to be added to each: so many, and of the included servers those that are no members yet."""
    requests = []
    for node_set in order.node_sets:
        present = {server.name for server in keep if server.node_set == node_set.name}
        include = tuple(name for name in node_set.include if name not in {*present, *order.remove_servers})
        count = max(0, node_set.count - len(present))
        if len(include) > count:
            raise InvalidOrder(
                f"node set {node_set.name} includes {', '.join(include)}, but only {count} are to be added", object="cluster_node_sets",
                attempted=f"plan cluster {order.name}", remedy="Raise its count, or name in cluster_remove_servers who leaves for them.")
        requests.append(dataclasses.replace(node_set, count=count, include=include))
    return requests


def _joining(order: Order, datacenter: Datacenter, claims: Claims, held: HeldCluster | None, operation: str) -> dict[str, list[Server]]:
    """The servers to add to each node set, out of a data centre's."""
    named = {name for node_set in order.node_sets for name in (*node_set.include, *node_set.exclude)}
    stock, free = stock_of(datacenter, claims.servers, named)
    return dealt(chosen(order, held, operation, stock), free)


def dealt(picks: Mapping[str, Picks], free: Mapping[str, Sequence[Server]]) -> dict[str, list[Server]]:
    """The servers of each node set: of a cell's free ones, in natural order, the first go to the first node set that picked any.

    :param free: by the key of the cell.
    """
    waiting = {key: iter(servers) for key, servers in free.items()}
    return {node_set: [server for cell, count in picked for server in itertools.islice(waiting[cell.key], count)]
            for node_set, picked in picks.items()}


def _leased(joining: Mapping[str, Sequence[Server]], segment: Segment, held: HeldCluster | None) -> tuple[Server, ...]:
    node_sets = {server.name: node_set for node_set, servers in joining.items() for server in servers}
    taken = {server.address for server in held.servers} if held else set()
    addresses = allocate.choose_addresses(segment, node_sets, taken)
    return _ordered(server.leased(node_sets[server.name], addresses[server.name]) for servers in joining.values() for server in servers)


def _describe(decision: Decision, datacenter: Datacenter, held: HeldCluster | None, operation: str,
              objects: Manifests | None, strangers: Mapping[str, str]) -> dict:
    order, segment = decision.order, decision.segment
    switches = fabric.desired_ports(segment, decision.servers, datacenter) if decision.servers else []
    release = fabric.release_ports(segment, decision.remove, decision.servers, datacenter) if decision.remove else []
    reachable = wire.expectations(segment, order.tenant, datacenter, strangers) if segment else None
    concerned = {server.name for server in (*decision.servers, *decision.remove)}
    return {
        "operation": operation, "cluster": order.name, "tenant": order.tenant, "site": datacenter.site,
        "order": order.as_dict(),
        "lease_seconds": duration_seconds(order.lease_duration) if order.lease_duration else None,
        "lease_start": order.lease_start, "grace_seconds": grace_seconds(order.lease_grace) if order.lease_grace else None,
        "segment": segment.as_dict() if segment else None,
        "servers": [server.as_dict() for server in decision.servers],
        **{key: [server.as_dict() for server in getattr(decision, key)] for key in ("add", "remove", "keep")},
        "aside": [server.name for server in held.servers if server.name not in concerned] if held else [],
        "switches": switches, "release_switches": release, "wire": reachable,
        "fabric": _fabric(decision, datacenter, switches, release, whole=operation == "verify"),
        "objects": plan_text.manifests(objects, order, segment, decision.servers),
    }


def _fabric(decision: Decision, datacenter: Datacenter, switches: list[dict], release: list[dict], whole: bool) -> list[dict]:
    """Each switch that is touched or read back, with what is to be done on it, as a host of the run."""
    to_set = {switch["name"]: switch["ports"] for switch in switches}
    to_release = {switch["name"]: switch["ports"] for switch in release}
    if decision.segment is None:
        return []
    whole = whole or len(datacenter.switches) <= READ_BACK_ALL
    read = [switch for switch in datacenter.switches if whole or switch.name in to_set or switch.name in to_release]
    expected = fabric.expected_readback(decision.segment, decision.servers, datacenter, [switch.name for switch in read])
    return [{
        **fabric.switch_address(switch),
        "groups": ["leasehold_fabric"] + ["leasehold_switches"] * (switch.name in to_set)
        + ["leasehold_release_switches"] * (switch.name in to_release),
        "ports": to_set.get(switch.name, []), "release_ports": to_release.get(switch.name, []),
        "expected": expected[switch.name],
    } for switch in sorted(read, key=lambda switch: natural(switch.name))]


def _check_envelope(plan: dict, datacenter: Datacenter, operation: str) -> None:
    """The segment (unless it only ends) and every touched switch must be delegated. To look is always allowed."""
    if operation == "verify":
        return
    envelope, segment = datacenter.envelope, plan["segment"]
    outside = []
    if segment and operation != "delete":
        outside += [f"VLAN {segment['vlan']}"] * (not envelope.allows_vlan(segment["vlan"]))
        outside += [f"prefix {segment['prefix']}"] * (not envelope.allows_prefix(segment["prefix"]))
    touched = {switch["name"] for key in ("switches", "release_switches") for switch in plan[key]}
    outside += [f"switch {name}" for name in sorted(touched, key=natural) if not envelope.allows_switch(name)]
    if outside:
        raise OutsideEnvelope(f"the envelope does not hold {', '.join(outside)}", object=outside[0],
                              attempted=f"plan a {operation} of cluster {plan['cluster']}",
                              remedy="Ask the network admin to widen the envelope in the source of truth.",
                              details={"outside": outside})


def _target(plan: Mapping) -> str:
    """The plan's hash: what would be, and not how much of it already is, so that a re-run has the same."""
    kept = {key: value for key, value in plan.items()
            if key in ("operation", "cluster", "tenant", "site", "lease_seconds", "segment", "switches", "release_switches", "objects")}
    kept |= {key: plan[key] for key in ("lease_start", "grace_seconds") if plan[key] is not None}
    without_state = [[{key: value for key, value in server.items() if key != "state"} for server in plan[key]]
                     for key in ("servers", "remove")]
    return fingerprint([kept, without_state])


def _check_expected(plan: Mapping, expected: str | None, held: HeldCluster | None) -> None:
    """Refuse another plan than the one approved, unless it only finishes what was decided before."""
    if expected and expected != plan["hash"] and not _finishes(plan, held):
        raise stale(plan, expected)


def _finishes(plan: Mapping, held: HeldCluster | None) -> bool:
    """Whether a plan only goes on with what a run has claimed: nobody joins or leaves, the lease is as it was ordered, and nothing waits for approval."""
    resized = plan["add"] or any(server["state"] in SERVER_MEMBER_STATES for server in plan["remove"])
    said = {variable: plan["order"][variable] for variable in LEASE_TERMS if plan["order"][variable] is not None}
    return not resized and (held is None or not held.hold_until and (not held.terms or said.items() <= held.terms.items()))


def stale(plan: Mapping, expected: str) -> StalePlan:
    """What is told of a plan that is not the one that was approved."""
    return StalePlan(
        f"the plan is now {plan['hash'][:12]}, not {expected[:12]}", object=f"cluster {plan['cluster']}", attempted="apply the plan that was approved",
        remedy="Look at the new plan, and name its hash in cluster_expected_plan.",
        details={"hash": plan["hash"], "expected": expected, "diff": plan["diff"]})


def _ordered(servers: Iterable[Server]) -> tuple[Server, ...]:
    return tuple(sorted(servers, key=lambda server: natural(server.name)))
