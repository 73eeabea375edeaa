# Copyright: (c) 2026, leasehold.cloud contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The data centre, and what is held in it, as frozen values.

Every class has C(from_dict) and C(as_dict); the dicts are those of datacenter.yml (what a source says) and of plans,
claims and task results. C(from_dict(x.as_dict()) == x) holds for all. They do not validate: documents from outside go
through M(source_schema) or M(orders) first. Orders, segments and claims are in M(claims).
"""

from __future__ import annotations

import dataclasses
import fnmatch
import functools
import ipaddress
from collections.abc import Iterable, Mapping


@functools.lru_cache(maxsize=64)
def vlan_ids(ranges: str) -> tuple[int, ...]:
    """The VLANs of a text such as C(100-115) or C(100-115,120), in ascending order, each once."""
    found: set[int] = set()
    for part in str(ranges).split(","):
        first, _dash, last = part.strip().partition("-")
        found.update(range(int(first), int(last or first) + 1))
    return tuple(sorted(found))


@functools.lru_cache(maxsize=64)
def _vlan_set(ranges: str) -> frozenset[int]:
    return frozenset(vlan_ids(ranges))


def _without_none(values: dict) -> dict:
    return {key: value for key, value in values.items() if value is not None}


@dataclasses.dataclass(frozen=True)
class Nic:
    """A server's network interface and the switch port it is cabled to."""

    name: str
    mac: str  # lower case, colons
    switch: str
    port: str

    @classmethod
    def from_dict(cls, data: Mapping) -> Nic:
        return cls(data["name"], data["mac"].lower(), data["switch"], data["port"])

    def as_dict(self) -> dict:
        return dict(vars(self))


@dataclasses.dataclass(frozen=True)
class Bmc:
    """Where a server's Redfish service answers (an HTTPS URL)."""

    address: str

    @classmethod
    def from_dict(cls, data: Mapping) -> Bmc:
        return cls(data["address"])

    def as_dict(self) -> dict:
        return dict(vars(self))


@dataclasses.dataclass(frozen=True)
class Management:
    """Where the discovery image answers SSH. Without an address, it is the leased one."""

    address: str | None = None
    port: int = 22
    user: str = "core"

    @classmethod
    def from_dict(cls, data: Mapping | None) -> Management:
        data = data or {}
        return cls(data.get("address"), int(data.get("port") or 22), data.get("user") or "core")

    def as_dict(self) -> dict:
        return dict(vars(self))


@dataclasses.dataclass(frozen=True)
class Server:
    """A server: what its source says and, where known, what the ledger says.

    C(status) is the source's (active, maintenance, offline, retired); C(state) is the ledger's (see M(states)).
    C(node_set) and C(address) are set while a cluster holds it.
    """

    name: str
    rack: str
    server_class: str
    serial: str
    bmc: Bmc
    nics: tuple[Nic, ...]
    status: str = "active"
    uuid: str | None = None
    attributes: Mapping = dataclasses.field(default_factory=dict, hash=False)
    management: Management = Management()
    state: str = "available"
    node_set: str | None = None
    address: str | None = None

    @classmethod
    def from_dict(cls, data: Mapping) -> Server:
        return cls(
            name=data["name"], rack=data["rack"], server_class=data["class"], serial=data["serial"],
            bmc=Bmc.from_dict(data["bmc"]), nics=tuple(Nic.from_dict(nic) for nic in data["nics"]),
            status=data.get("status") or "active", uuid=data.get("uuid"), attributes=dict(data.get("attributes") or {}),
            management=Management.from_dict(data.get("management")), state=data.get("state") or "available",
            node_set=data.get("node_set"), address=data.get("address"),
        )

    def as_dict(self) -> dict:
        """All that is known; C(uuid), C(node_set) and C(address) only where set."""
        return _without_none({
            "name": self.name, "rack": self.rack, "class": self.server_class, "serial": self.serial,
            "status": self.status, "state": self.state, "uuid": self.uuid, "attributes": dict(self.attributes),
            "bmc": self.bmc.as_dict(), "management": self.management.as_dict(),
            "nics": [nic.as_dict() for nic in self.nics], "node_set": self.node_set, "address": self.address,
        })

    def definition(self) -> dict:
        """What the source says, and nothing of the ledger: for mirrors and fingerprints."""
        management = self.management
        if self.address and management.address == self.address:  # of the lease, see leased()
            management = dataclasses.replace(management, address=None)
        described = dataclasses.replace(self, management=management, node_set=None, address=None).as_dict()
        del described["state"]
        return described

    def leased(self, node_set: str, address: str) -> Server:
        """The server as a member of a node set, reached at its leased address unless its source says otherwise."""
        management = self.management
        if management.address is None:
            management = dataclasses.replace(management, address=address)
        return dataclasses.replace(self, node_set=node_set, address=address, management=management)

    @property
    def switches(self) -> frozenset[str]:
        """Names of the switches its NICs are cabled to."""
        return frozenset(nic.switch for nic in self.nics)


@dataclasses.dataclass(frozen=True)
class Switch:
    """A switch under our management. C(role) is leaf or spine; C(port) is its management port."""

    name: str
    role: str
    network_os: str
    address: str
    port: int | None = None
    rack: str | None = None
    bridge: str | None = None

    @classmethod
    def from_dict(cls, data: Mapping) -> Switch:
        return cls(
            data["name"], data["role"], data["network_os"], data["address"],
            data.get("port"), data.get("rack"), data.get("bridge"),
        )

    def as_dict(self) -> dict:
        return _without_none(dict(vars(self)))


@dataclasses.dataclass(frozen=True)
class Port:
    """A switch port as read back. C(vlan) is the access VLAN; C(vlans) are those of a trunk."""

    name: str
    mode: str  # access | trunk
    vlan: int | None = None
    vlans: tuple[int, ...] = ()

    @classmethod
    def from_dict(cls, data: Mapping) -> Port:
        return cls(data["name"], data["mode"], data.get("vlan"), tuple(data.get("vlans") or ()))

    def as_dict(self) -> dict:
        return {"name": self.name, "mode": self.mode, "vlan": self.vlan, "vlans": list(self.vlans)}


@dataclasses.dataclass(frozen=True)
class LinkEnd:
    """One end of a cable: a port of one of our switches, or a device outside our management (the border)."""

    switch: str | None = None
    device: str | None = None
    port: str | None = None

    @classmethod
    def from_dict(cls, data: Mapping) -> LinkEnd:
        return cls(data.get("switch"), data.get("device"), data.get("port"))

    def as_dict(self) -> dict:
        return _without_none(dict(vars(self)))


@dataclasses.dataclass(frozen=True)
class Link:
    """A cable between two switches, or between a switch and the border."""

    a: LinkEnd
    b: LinkEnd

    @classmethod
    def from_dict(cls, data: Mapping) -> Link:
        return cls(LinkEnd.from_dict(data["a"]), LinkEnd.from_dict(data["b"]))

    def as_dict(self) -> dict:
        return {"a": self.a.as_dict(), "b": self.b.as_dict()}

    @functools.cached_property  # asked for again and again where ways through the fabric are looked for
    def ends(self) -> tuple[LinkEnd, ...]:
        """The ends that are ports of our switches."""
        return tuple(end for end in (self.a, self.b) if end.switch)

    @property
    def is_border(self) -> bool:
        return len(self.ends) == 1


@dataclasses.dataclass(frozen=True)
class VlanPool:
    """VLANs that segments may take; C(range) as in M(vlan_ids)."""

    name: str
    range: str

    @classmethod
    def from_dict(cls, data: Mapping) -> VlanPool:
        return cls(data["name"], str(data["range"]))

    def as_dict(self) -> dict:
        return dict(vars(self))

    @property
    def vlans(self) -> tuple[int, ...]:
        return vlan_ids(self.range)


@dataclasses.dataclass(frozen=True)
class PrefixPool:
    """A prefix that is cut into segments' prefixes of C(length)."""

    name: str
    prefix: str
    length: int

    @classmethod
    def from_dict(cls, data: Mapping) -> PrefixPool:
        return cls(data["name"], data["prefix"], int(data["length"]))

    def as_dict(self) -> dict:
        return dict(vars(self))


@dataclasses.dataclass(frozen=True)
class Envelope:
    """What the network admin delegates: VLAN ranges, prefixes, switches (shell patterns)."""

    vlans: tuple[str, ...]
    prefixes: tuple[str, ...]
    switches: tuple[str, ...]

    @classmethod
    def from_dict(cls, data: Mapping) -> Envelope:
        return cls(tuple(str(vlans) for vlans in data["vlans"]), tuple(data["prefixes"]), tuple(data["switches"]))

    def as_dict(self) -> dict:
        return {"vlans": list(self.vlans), "prefixes": list(self.prefixes), "switches": list(self.switches)}

    def allows_vlan(self, vlan: int) -> bool:
        return any(vlan in _vlan_set(ranges) for ranges in self.vlans)

    def allows_prefix(self, prefix: str) -> bool:
        wanted = ipaddress.ip_network(prefix)
        allowed = [ipaddress.ip_network(text) for text in self.prefixes]
        return any(wanted.version == network.version and wanted.subnet_of(network) for network in allowed)

    def allows_switch(self, name: str) -> bool:
        return any(fnmatch.fnmatchcase(name, pattern) for pattern in self.switches)


@dataclasses.dataclass(frozen=True)
class Canary:
    """A host of another tenant (or, without tenant, of the quarantine VLAN) that must never answer a segment."""

    name: str
    vlan: int
    address: str
    switch: str
    port: str
    tenant: str | None = None

    @classmethod
    def from_dict(cls, data: Mapping) -> Canary:
        return cls(data["name"], data["vlan"], data["address"], data["switch"], data["port"], data.get("tenant"))

    def as_dict(self) -> dict:
        return _without_none(dict(vars(self)))


@dataclasses.dataclass(frozen=True)
class Datacenter:
    """A site: datacenter.yml, or the ledger's mirror of it (then with the servers' states)."""

    site: str
    racks: tuple[str, ...]
    switches: tuple[Switch, ...]
    links: tuple[Link, ...]
    servers: tuple[Server, ...]
    vlan_pools: tuple[VlanPool, ...]
    prefix_pools: tuple[PrefixPool, ...]
    quarantine_vlan: int
    envelope: Envelope
    canaries: tuple[Canary, ...] = ()
    version: int = 1
    spares: Mapping[str, int] = dataclasses.field(default_factory=dict, hash=False)  # by class, how many no order may take

    @classmethod
    def from_dict(cls, data: Mapping) -> Datacenter:
        def each(model, items: Iterable[Mapping] | None) -> tuple:
            return tuple(model.from_dict(item) for item in items or ())

        return cls(
            site=data["site"], racks=tuple(data["racks"]), switches=each(Switch, data["switches"]),
            links=each(Link, data["links"]), servers=each(Server, data["servers"]),
            vlan_pools=each(VlanPool, data["pools"]["vlans"]), prefix_pools=each(PrefixPool, data["pools"]["prefixes"]),
            quarantine_vlan=data["quarantine_vlan"], envelope=Envelope.from_dict(data["envelope"]),
            canaries=each(Canary, data.get("canaries")), version=data.get("version", 1),
            spares=dict(data.get("spares") or {}),
        )

    def as_dict(self) -> dict:
        def each(items: Iterable) -> list[dict]:
            return [item.as_dict() for item in items]

        return {
            "version": self.version, "site": self.site, "racks": list(self.racks), "switches": each(self.switches),
            "links": each(self.links), "servers": each(self.servers),
            "pools": {"vlans": each(self.vlan_pools), "prefixes": each(self.prefix_pools)},
            "quarantine_vlan": self.quarantine_vlan, "envelope": self.envelope.as_dict(),
            "canaries": each(self.canaries), "spares": dict(self.spares),
        }
