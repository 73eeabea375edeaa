# Copyright: (c) 2026, leasehold.cloud contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a plan changes, thing by thing, and the text that people read before they approve it.

The ledger is what a plan is compared with: a member that is not in service yet still has its ports and objects to come.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import TYPE_CHECKING

from ansible_collections.leasehold.cloud.plugins.module_utils.core import fabric
from ansible_collections.leasehold.cloud.plugins.module_utils.core.changes import Change, canonical
from ansible_collections.leasehold.cloud.plugins.module_utils.core.claims import HeldCluster, Order, Segment, node_sets_of
from ansible_collections.leasehold.cloud.plugins.module_utils.core.models import Datacenter, Server

if TYPE_CHECKING:
    from ansible_collections.leasehold.cloud.plugins.module_utils.core.plan import Decision

UNFINISHED = ("requested", "awaiting_approval", "failed")  # phases that a run of the order leads out of


def changes(plan: Mapping, decision: Decision, datacenter: Datacenter, held: HeldCluster | None,
            objects: Callable | None) -> list[Change]:
    """Every single thing that the plan changes; none where the ledger says that all is done."""
    served = tuple(server for server in held.servers if server.state == "in_service") if held else ()
    return [
        *_cluster(plan, held), *_segment(plan, held), *_servers(plan),
        *_ports(plan, decision, datacenter, served), *_objects(plan, decision, held, served, objects),
    ]


def diff(plan: Mapping, planned: Iterable[Change]) -> str:
    """The changes for people: a heading, and a line for each thing, the ports under their switch."""
    planned = list(planned)
    lines = [f"{plan['operation']} cluster {plan['cluster']} of {plan['tenant']} in {plan['site']}"]
    switch = None
    for change in planned:
        name, indent = change.name, ""
        if change.kind == "port":
            owner, _slash, name = change.name.partition("/")
            lines += [f"  switch {owner}"] * (owner != switch)
            switch, indent = owner, "  "
        lines.append(f"  {indent}{_sign(change)} {change.kind} {name}{_told(change)}")
    return "\n".join(lines if planned else [*lines, "  nothing changes"]) + "\n"


def manifests(objects: Callable | None, order: Order, segment: Segment | None, servers: Iterable[Server]) -> list[dict]:
    """The hub's manifests as C(objects) makes them; none without servers or where nobody makes them."""
    members = tuple(servers)
    return objects(order, segment, members) if objects and segment and members else []


def _sign(change: Change) -> str:
    return "+" if change.before is None else "-" if change.after is None else "~"


def _told(change: Change) -> str:
    """What changes, short: both sides of a change, and of what comes or goes its one line, if it has one."""
    if change.before is None or change.after is None:
        side = change.after if change.before is None else change.before
        return f": {side}" if isinstance(side, str) else ""
    if isinstance(change.before, Mapping):
        keys = sorted(change.before.keys() | change.after.keys())
        return ": " + ", ".join(f"{key} {_value(change.before, key)} -> {_value(change.after, key)}" for key in keys)
    return f": {change.before} -> {change.after}"


def _value(side: Mapping, key: str) -> str:
    return canonical(side[key]) if key in side else "absent"


def _cluster(plan: Mapping, held: HeldCluster | None) -> Iterator[Change]:
    if plan["operation"] == "delete":
        if held:
            yield Change("cluster", plan["cluster"], held.phase, "deleted")
    elif held is None:
        yield Change("cluster", plan["cluster"], None, "ready")
    elif held.phase in UNFINISHED:
        yield Change("cluster", plan["cluster"], held.phase, "ready")


def _segment(plan: Mapping, held: HeldCluster | None) -> Iterator[Change]:
    segment = plan["segment"]
    text = f"VLAN {segment['vlan']}, prefix {segment['prefix']}, gateway {segment['gateway']}" if segment else None
    if plan["operation"] == "delete":
        if segment:
            yield Change("segment", plan["cluster"], text, None)
    elif held is None or held.segment is None:
        yield Change("segment", plan["cluster"], None, text)


def _servers(plan: Mapping) -> Iterator[Change]:
    for server in plan["servers"]:
        if server["state"] != "in_service":
            place = f"{server['class']} in {server['rack']}, node set {server['node_set']}, {server['address']}"
            yield Change("server", server["name"], server["state"], f"in_service ({place})")
    for server in plan["remove"]:
        yield Change("server", server["name"], f"{server['state']} ({server['class']} in {server['rack']})", "available")


def _ports(plan: Mapping, decision: Decision, datacenter: Datacenter, served: tuple[Server, ...]) -> Iterator[Change]:
    """Ports to set, but those that serving members already have; and ports to release."""
    if decision.segment is None:
        return
    own, quarantine = decision.segment.vlan, decision.segment.quarantine_vlan
    # Without members there is nothing to compare with.
    present = fabric.desired_ports(decision.segment, served, datacenter) if served and plan["switches"] else []
    done = {(switch["name"], port["name"]) for switch in present for port in switch["ports"]}
    for key, before, after, states in (
        ("switches", f"access {quarantine}", f"access {own}", ("without", "with")),
        ("release_switches", f"access {own}", f"access {quarantine}", ("with", "without")),
    ):
        for switch in plan[key]:
            for port in switch["ports"]:
                if key == "switches" and (switch["name"], port["name"]) in done:
                    continue
                sides = (before, after) if port["mode"] == "access" else [f"trunk {state} {own}" for state in states]
                yield Change("port", f"{switch['name']}/{port['name']}", *sides)


def _objects(plan: Mapping, decision: Decision, held: HeldCluster | None, served: tuple[Server, ...],
             objects: Callable | None) -> Iterator[Change]:
    """The hub's objects, against those that what is held now calls for.

    A release must not need a template, which may be gone: without its settings, the objects are told as one.
    """
    if objects and held and plan["operation"] == "delete" and not decision.order.settings:
        yield Change("objects", f"of cluster {held.name} on the hub", "present", None)
        return
    members = held.servers if held and plan["operation"] == "delete" else served
    order = dataclasses.replace(decision.order, node_sets=node_sets_of(members))
    before = _by_name(manifests(objects, order, decision.segment, members))
    after = _by_name(plan["objects"])
    for name in [*after, *(name for name in before if name not in after)]:
        if name not in after:
            yield Change("object", name, before[name], None)
        elif name not in before:
            yield Change("object", name, None, after[name])
        elif before[name] != after[name]:
            old, new = dict(_leaves(before[name])), dict(_leaves(after[name]))
            differing = [key for key in old.keys() | new.keys() if old.get(key) != new.get(key)]
            yield Change("object", name, *({key: side[key] for key in sorted(differing) if key in side} for side in (old, new)))


def _by_name(manifests: Iterable[dict]) -> dict[str, dict]:
    return {_name(manifest): manifest for manifest in manifests}


def _name(manifest: Mapping) -> str:
    metadata = manifest["metadata"]
    return f"{manifest['kind']} {metadata['namespace']}/{metadata['name']}" if metadata.get("namespace") \
        else f"{manifest['kind']} {metadata['name']}"


def _leaves(value: object, path: str = "") -> Iterator[tuple[str, object]]:
    """The paths and values at the ends of a manifest; lists are taken whole."""
    if isinstance(value, Mapping) and value:
        for key, item in value.items():
            yield from _leaves(item, f"{path}.{key}" if path else str(key))
    else:
        yield path, value
