# Copyright: (c) 2026, leasehold.cloud contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Orders, and what clusters hold, as frozen values. See M(models) for the rules they share."""

from __future__ import annotations

import collections
import dataclasses
from collections.abc import Iterable, Mapping

from ansible_collections.leasehold.cloud.plugins.module_utils.core.models import Server


@dataclasses.dataclass(frozen=True)
class NodeSet:
    """So many servers of one class, under a name, and where they may and should be (see M(picks)).

    C(require) and C(max_per) are hard, and so are C(within), C(include) and C(exclude); C(spread_by) and C(pack_by) are wishes.
    """

    name: str
    server_class: str
    count: int
    require: Mapping = dataclasses.field(default_factory=dict, hash=False)  # rack or attribute: what it must be
    spread_by: str | None = None  # a kind of domain: as even as can be
    max_per: Mapping[str, int] = dataclasses.field(default_factory=dict, hash=False)  # kind of domain: at most so many in each
    within: str | None = None  # a kind of domain: all in the same one
    pack_by: str | None = None  # a kind of domain: as few as can be
    include: tuple[str, ...] = ()  # names of servers
    exclude: tuple[str, ...] = ()

    @classmethod
    def from_dict(cls, data: Mapping) -> NodeSet:
        return cls(
            data["name"], data["class"], int(data["count"]), dict(data.get("require") or {}), data.get("spread_by"),
            {key: int(most) for key, most in (data.get("max_per") or {}).items()}, data.get("within"), data.get("pack_by"),
            tuple(data.get("include") or ()), tuple(data.get("exclude") or ()),
        )

    def as_dict(self) -> dict:
        """Constraints only where there are any."""
        constraints = {
            "require": dict(self.require), "spread_by": self.spread_by, "max_per": dict(self.max_per), "within": self.within,
            "pack_by": self.pack_by, "include": list(self.include), "exclude": list(self.exclude),
        }
        return {"name": self.name, "class": self.server_class, "count": self.count} | {key: value for key, value in constraints.items() if value}


def node_sets_of(servers: Iterable[Server]) -> tuple[NodeSet, ...]:
    """The node sets that these servers make up, by name; servers of no node set are left out."""
    counts = collections.Counter((server.node_set, server.server_class) for server in servers if server.node_set)
    return tuple(NodeSet(name, server_class, count) for (name, server_class), count in sorted(counts.items()))


@dataclasses.dataclass(frozen=True)
class Order:
    """What is asked for. Its dict has the variables of the role C(cluster) as keys; make it with C(orders.parse).

    C(lease_duration) is as written (C(orders.duration_seconds) reads it). C(tenant) may be None for a scale or delete:
    the ledger knows it then.
    """

    name: str
    tenant: str | None = None
    template: str | None = None
    node_sets: tuple[NodeSet, ...] = ()
    lease_duration: str | None = None
    placement: str = "spread"  # spread | pack
    remove_servers: tuple[str, ...] = ()
    expected_plan: str | None = None
    settings: Mapping = dataclasses.field(default_factory=dict, hash=False)  # the template's, see C(orders.SETTINGS)
    lease_start: str | None = None  # C(times.iso); None: at once
    lease_grace: str | None = None  # a duration, after the lease's end
    hold: str | None = None  # a duration: claims are kept so long for an approval

    @classmethod
    def from_dict(cls, data: Mapping) -> Order:
        return cls(
            name=data["cluster_name"], tenant=data.get("cluster_tenant"), template=data.get("cluster_template"),
            node_sets=tuple(NodeSet.from_dict(item) for item in data.get("cluster_node_sets") or ()),
            lease_duration=data.get("cluster_lease_duration"), placement=data.get("cluster_placement") or "spread",
            remove_servers=tuple(data.get("cluster_remove_servers") or ()),
            expected_plan=data.get("cluster_expected_plan"), settings=dict(data.get("cluster_settings") or {}),
            lease_start=data.get("cluster_lease_start"), lease_grace=data.get("cluster_lease_grace"), hold=data.get("cluster_hold"),
        )

    def as_dict(self) -> dict:
        return {
            "cluster_name": self.name, "cluster_tenant": self.tenant, "cluster_template": self.template,
            "cluster_node_sets": [node_set.as_dict() for node_set in self.node_sets],
            "cluster_lease_duration": self.lease_duration, "cluster_placement": self.placement,
            "cluster_remove_servers": list(self.remove_servers), "cluster_expected_plan": self.expected_plan,
            "cluster_settings": dict(self.settings),
            "cluster_lease_start": self.lease_start, "cluster_lease_grace": self.lease_grace, "cluster_hold": self.hold,
        }


@dataclasses.dataclass(frozen=True)
class Segment:
    """A tenant network. C(name) is the cluster's; the gateway is the prefix's first address."""

    name: str
    vlan: int
    prefix: str
    gateway: str
    quarantine_vlan: int

    @classmethod
    def from_dict(cls, data: Mapping) -> Segment:
        return cls(data["name"], data["vlan"], data["prefix"], data["gateway"], data["quarantine_vlan"])

    def as_dict(self) -> dict:
        return dict(vars(self))


@dataclasses.dataclass(frozen=True)
class HeldCluster:
    """A cluster as the ledger has it: the shape that C(claim_info) returns.

    C(servers) are the claimed ones, each with state, node set and address, in any state (also quarantined).
    C(lease) is C({start, end}) in RFC 3339, or None before it begins; C(error) and C(run) are the last ones, if any.
    C(hold_until) is the deadline of a hold: what it claims was never put to use. C(node_sets) are those ordered last, C(terms) what
    else was ordered, such as C(cluster_lease_duration).
    """

    name: str
    tenant: str
    phase: str
    servers: tuple[Server, ...] = ()
    segment: Segment | None = None
    lease: Mapping | None = dataclasses.field(default=None, hash=False)
    error: Mapping | None = dataclasses.field(default=None, hash=False)
    run: Mapping | None = dataclasses.field(default=None, hash=False)
    hold_until: str | None = None
    node_sets: tuple[NodeSet, ...] = ()
    terms: Mapping = dataclasses.field(default_factory=dict, hash=False)

    @classmethod
    def from_dict(cls, data: Mapping) -> HeldCluster:
        segment, order = data.get("segment"), data.get("order") or {}
        return cls(
            name=data["name"], tenant=data["tenant"], phase=data["phase"],
            servers=tuple(Server.from_dict(server) for server in data.get("servers") or ()),
            segment=Segment.from_dict(segment) if segment else None,
            lease=data.get("lease"), error=data.get("error"), run=data.get("run"), hold_until=data.get("hold_until"),
            node_sets=tuple(NodeSet.from_dict(item) for item in order.get("cluster_node_sets") or ()),
            terms={key: value for key, value in order.items() if key != "cluster_node_sets"},
        )

    def as_dict(self) -> dict:
        return {
            "name": self.name, "tenant": self.tenant, "phase": self.phase,
            "servers": [server.as_dict() for server in self.servers],
            "segment": self.segment.as_dict() if self.segment else None,
            "lease": self.lease, "error": self.error, "run": self.run, "hold_until": self.hold_until,
            "order": {**self.terms, "cluster_node_sets": [node_set.as_dict() for node_set in self.node_sets]} if self.node_sets else None,
        }


@dataclasses.dataclass(frozen=True)
class Claims:
    """Everything held in a site, each resource with the name of the cluster that holds it.

    Shape: C({servers: {r1-s01: acme}, vlans: {100: acme}, prefixes: {10.64.0.0/24: acme}}); in JSON the VLANs are texts.
    C(reserved_vlan) and C(reserved_prefix) are what the cluster that plans has reserved for itself.
    """

    servers: Mapping[str, str] = dataclasses.field(default_factory=dict, hash=False)
    vlans: Mapping[int, str] = dataclasses.field(default_factory=dict, hash=False)
    prefixes: Mapping[str, str] = dataclasses.field(default_factory=dict, hash=False)
    reserved_vlan: int | None = None
    reserved_prefix: str | None = None

    @classmethod
    def from_dict(cls, data: Mapping) -> Claims:
        vlans = {int(vlan): cluster for vlan, cluster in (data.get("vlans") or {}).items()}
        return cls(
            dict(data.get("servers") or {}), vlans, dict(data.get("prefixes") or {}), data.get("reserved_vlan"), data.get("reserved_prefix"),
        )

    def as_dict(self) -> dict:
        vlans = {str(vlan): cluster for vlan, cluster in self.vlans.items()}
        return {
            "servers": dict(self.servers), "vlans": vlans, "prefixes": dict(self.prefixes),
            "reserved_vlan": self.reserved_vlan, "reserved_prefix": self.reserved_prefix,
        }
