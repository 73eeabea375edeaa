# SPDX-License-Identifier: GPL-3.0-or-later
"""A site with two clusters, as the ledger has it and as the world is when all is right, to be compared."""

from __future__ import annotations

import dataclasses

from ansible_collections.leasehold.cloud.plugins.module_utils.core import fabric, hypershift
from ansible_collections.leasehold.cloud.plugins.module_utils.core.changes import Change, as_diff
from ansible_collections.leasehold.cloud.plugins.module_utils.core.claims import Segment
from ansible_collections.leasehold.cloud.plugins.module_utils.core.drift import Facts, Holder
from tests.unit.plugins.module_utils.core import sites

RED = Segment("red", 101, "10.64.1.0/24", "10.64.1.1", 999)
HELD = {"r1-s01": "blue", "r2-s01": "blue", "r1-s02": "red"}


def facts(states: dict[str, str] | None = None, statuses: dict[str, str] | None = None, **changes) -> Facts:
    """Blue holds a server in each rack, red one in the first; all ready and in service, but for what is changed.

    :param changes: fields of Facts, and C(blue), a dict of fields of its Holder.
    """
    servers = []
    for server in sites.site().servers:
        held = HELD.get(server.name)
        state = (states or {}).get(server.name, "in_service" if held else "available")
        servers.append(dataclasses.replace(server, state=state, status=(statuses or {}).get(server.name, "active"), node_set="workers" if held else None))
    members = {name: tuple(server for server in servers if HELD.get(server.name) == name) for name in ("blue", "red")}
    clusters = {
        "blue": Holder("blue", "ready", sites.SEGMENT, members["blue"], **{}),
        "red": Holder("red", "ready", RED, members["red"]),
    }
    clusters["blue"] = dataclasses.replace(clusters["blue"], **changes.pop("blue", {}))
    return Facts(**{
        "datacenter": sites.site(servers=tuple(servers)), "chosen": frozenset(server.name for server in servers), "holders": dict(HELD),
        "clusters": clusters, "known_clusters": frozenset(clusters),
    } | changes)


def told(drifts) -> list[tuple]:
    return [(found.kind, found.object, found.severity) for found in drifts]


def world() -> dict[str, dict[str, dict]]:
    """The switches as they are when all is right: by switch, by port."""
    datacenter = sites.site()
    ports: dict[str, dict[str, dict]] = {switch.name: {} for switch in datacenter.switches}
    for server in datacenter.servers:
        for nic in server.nics:
            ports[nic.switch][nic.port] = {"name": nic.port, "mode": "access", "vlan": 999, "vlans": []}
    for link in datacenter.links:
        for end in link.ends:
            ports[end.switch][end.port] = {"name": end.port, "mode": "trunk", "vlan": None, "vlans": [999]}
    for canary in datacenter.canaries:
        ports[canary.switch][canary.port] = {"name": canary.port, "mode": "access", "vlan": canary.vlan, "vlans": []}
    for segment, names in ((sites.SEGMENT, ("r1-s01", "r2-s01")), (RED, ("r1-s02",))):
        members = [server for server in datacenter.servers if server.name in names]
        for change in fabric.desired_ports(segment, members, datacenter):
            for port in change["ports"]:
                there = ports[change["name"]][port["name"]]
                if port["mode"] == "access":
                    there["vlan"] = port["vlan"]
                else:
                    there["vlans"] = sorted({*there["vlans"], *port["add"]})
    return ports


def seen(ports: dict) -> dict[str, list[dict]]:
    return {switch: list(found.values()) for switch, found in ports.items()}


def altered(switch: str, port: str, **changes) -> dict:
    ports = world()
    ports[switch][port] |= changes
    return ports


def synced(*changes: Change, alarms: tuple = ()) -> dict:
    return {"changed": bool(changes), "alarms": list(alarms), "diff": as_diff(list(changes))}


def bmcs(facts_: Facts, **changes) -> dict:
    """What the BMCs say when all is right, with changes by server (its dashes as underscores)."""
    answers = {server.name: {"power": "On" if server.name in HELD else "Off", "serial": server.serial, "virtual_media": None}
               for server in facts_.datacenter.servers}
    for name, change in changes.items():
        answers[name.replace("_", "-")] |= change
    return {"servers": answers, "failed_servers": {}}


def hub(*clusters: str, without: tuple = ()) -> list[dict]:
    """Answers with the objects of clusters, each with a node set C(workers)."""
    resources = []
    for name in clusters:
        kinds = (("Namespace", name, None), ("HostedCluster", name, name), ("NodePool", f"{name}-workers", name), ("ManagedCluster", name, None))
        for kind, own, namespace in kinds:
            metadata = {"name": own, "labels": hypershift.labels(name, "acme")} | ({"namespace": namespace} if namespace else {})
            resources.append({"kind": kind, "metadata": metadata})
    return [{"resources": [item]} for item in resources if (item["kind"], item["metadata"]["name"]) not in without]
