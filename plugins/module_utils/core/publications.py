# Copyright: (c) 2026, leasehold.cloud contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the ledger would have a source show: of what is held, who holds it; of what is no longer, that nobody does.

Nothing else of an object is touched, and nothing is taken back that was not published by us before.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Collection, Iterable, Mapping

from ansible_collections.leasehold.cloud.plugins.module_utils.core.states import SERVER_ASIDE

IN_SEGMENT = ("provisioning", "in_service")  # states of a held server whose ports are in its segment
LEAVING = ("releasing", "cleaning")  # its ports are in quarantine
FAILED, ACTIVE = "failed", "active"  # statuses that both NetBox and Nautobot have


@dataclasses.dataclass(frozen=True)
class Holding:
    """A server as the ledger has it, with the ports that it is in: pairs of a switch's id and the port's name."""

    id: str
    name: str
    state: str
    ports: tuple[tuple[str, str], ...]
    cluster: str | None = None
    tenant: str | None = None
    since: str | None = None
    order: Mapping = dataclasses.field(default_factory=dict, hash=False)


@dataclasses.dataclass(frozen=True)
class Network:
    """A cluster's segment, as it was claimed."""

    cluster: str
    tenant: str | None
    vlan: int
    prefix: str


@dataclasses.dataclass(frozen=True)
class Wanted:
    """One object as it should be shown; C(key) tells it from all others."""

    kind: str
    name: str
    fields: Mapping = dataclasses.field(hash=False)
    id: str | None = None

    @property
    def key(self) -> str:
        return f"{self.kind}:{self.id}/{self.name}" if self.kind == "interface" else f"{self.kind}:{self.id or self.name}"


def wanted(
    servers: Iterable[Holding], networks: Iterable[Network], published: Mapping[str, Mapping], allowed: Collection[str], quarantine_vlan: int,
    group_of: Callable[[int], str | None],
) -> list[Wanted]:
    """The objects to show, and what of them.

    :param published: by key, the fields that were published before. :param allowed: some of C(mapping_file.PUBLISHABLE).
    :param group_of: the slug of the group that a VLAN is of, where a pool was made of one.
    """
    networks = {network.cluster: network for network in networks}
    found: list[Wanted] = []
    for server in servers:
        found += _device(server, published, allowed)
        if "interface_vlan" in allowed:
            found += _interfaces(server, networks.get(server.cluster), published, quarantine_vlan, group_of)
        if "journal" in allowed and server.cluster:
            found.append(_entry(server, networks.get(server.cluster)))
    return found + _networks(networks, published, allowed, group_of)


def remembered(found: Iterable[Wanted]) -> dict[str, dict]:
    """By key, what was published of each: as a later publication needs to know it. What was taken back is forgotten."""
    kept = {one.key: {name: value for name, value in one.fields.items() if value is not None} for one in found if one.kind != "journal"}
    return {key: fields for key, fields in kept.items() if fields and not _is_removed(key, fields)}


def _is_removed(key: str, fields: Mapping) -> bool:
    return key.startswith(("vlan:", "prefix:")) and "status" not in fields


def _device(server: Holding, published: Mapping[str, Mapping], allowed: Collection[str]) -> list[Wanted]:
    before = published.get(f"device:{server.id}", {})
    fields: dict[str, object] = {}
    for name, value in (("tenant", server.tenant), ("cluster", server.cluster)):
        if name in allowed and (server.cluster or before.get(name)):
            fields[name] = value if server.cluster else None
    if "status" in allowed and server.state in SERVER_ASIDE:
        fields["status"] = FAILED
    elif "status" in allowed and before.get("status") == FAILED:
        fields["status"] = ACTIVE
    return [Wanted("device", server.name, fields, server.id)] if fields else []


def _interfaces(server: Holding, network: Network | None, published: Mapping[str, Mapping], quarantine_vlan: int, group_of) -> list[Wanted]:
    found = []
    for switch, port in server.ports:
        if network and server.state in IN_SEGMENT:
            fields = {"vlan": network.vlan, "vlan_group": group_of(network.vlan)}
        elif (not server.cluster or server.state in LEAVING or server.state in SERVER_ASIDE) and f"interface:{switch}/{port}" in published:
            fields = {"vlan": quarantine_vlan, "vlan_group": group_of(quarantine_vlan)}
        else:
            continue
        found.append(Wanted("interface", port, fields, switch))
    return found


def _entry(server: Holding, network: Network | None) -> Wanted:
    segment = f", VLAN {network.vlan}, prefix {network.prefix}" if network else ""
    tenant = f" of tenant {server.tenant}" if server.tenant else ""
    said = f"Leased to cluster {server.cluster}{tenant} since {server.since}{segment}.{_ordered(server.order)}"
    return Wanted("journal", f"{server.cluster} {server.since}", {"comment": said}, server.id)


def _ordered(order: Mapping) -> str:
    """What was ordered, as a sentence."""
    template, sets = order.get("cluster_template"), order.get("cluster_node_sets") or ()
    said = [*([f"template {template}"] if template else ()), *(f"node set {one['name']} of {one['count']} {one['class']}" for one in sets)]
    return f" Ordered: {', '.join(said)}." if said else ""


def certified(receipts: Iterable[Mapping], ids: Mapping[tuple[str, str], str]) -> list[Wanted]:
    """A journal entry of each server for each receipt that it is in.

    :param receipts: signed ones. :param ids: by name and serial number, the source's ids of servers; others are not of the site.
    """
    return [
        Wanted("journal", f"receipt {receipt_key(receipt)}", {"comment": _certificate(receipt)}, ids[server["name"], server["serial"]])
        for receipt in receipts for server in receipt["servers"] if (server["name"], server.get("serial")) in ids
    ]


def receipt_key(receipt: Mapping) -> str:
    """What tells a receipt from all others: how its signature begins."""
    return receipt["signature"]["value"][:40]


def _certificate(receipt: Mapping) -> str:
    order, signature = receipt["order"], receipt["signature"]
    done = f"Handed over to cluster {order['cluster']}" if receipt["kind"] == "handover" else f"Taken back from cluster {order['cluster']}"
    tenant = f" of tenant {order['tenant']}" if order.get("tenant") else ""
    drives = f", {len(receipt['wipes'])} drives erased" if receipt["wipes"] else ""
    gates = ", ".join(str(gate["gate"]) for gate in receipt["gates"])
    return (f"{done}{tenant}. Receipt of {receipt['times']['issued']}: gates {gates} passed{drives}; "
            f"signature {signature['algorithm']} `{signature['value']}`, key {signature['key_id']}.")


def _networks(networks: Mapping[str, Network], published: Mapping[str, Mapping], allowed: Collection[str], group_of) -> list[Wanted]:
    found = []
    if "vlan" in allowed:
        found += [Wanted("vlan", network.cluster, {"vid": network.vlan, "group": group_of(network.vlan), "tenant": network.tenant, "status": ACTIVE})
                  for network in networks.values()]
    if "prefix" in allowed:
        found += [Wanted("prefix", network.prefix, {"tenant": network.tenant, "status": ACTIVE} | (
            {"vlan": network.vlan, "vlan_group": group_of(network.vlan)} if "vlan" in allowed else {})) for network in networks.values()]
    there = {one.key for one in found}
    for key, fields in published.items():
        kind, _colon, name = key.partition(":")
        if kind in ("vlan", "prefix") and kind in allowed and key not in there:
            found.append(Wanted(kind, name, {**fields, "status": None}))
    return sorted(found, key=lambda one: one.fields["status"] is None)
