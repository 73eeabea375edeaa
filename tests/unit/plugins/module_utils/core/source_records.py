# SPDX-License-Identifier: GPL-3.0-or-later
"""Records as NetBox or Nautobot would have them, of the sites of M(sites): the same data centre, seen from its source."""

from __future__ import annotations

import dataclasses

from ansible_collections.leasehold.cloud.plugins.module_utils.core.records import (
    Address, Device, End, Interface, Prefix, Rack, Records, Site, Vlan, VlanGroup, Wide,
)
from tests.unit.plugins.module_utils.core import sites

POOL, QUARANTINE = ("leasehold-pool",), ("leasehold-quarantine",)


def wide(document: dict) -> Wide:
    groups = tuple(VlanGroup(f"g{index}", pool["name"], pool["name"], pool["range"], POOL) for index, pool in enumerate(document["pools"]["vlans"]))
    prefixes = tuple(Prefix(f"p{index}", pool["prefix"], "active", tags=POOL, custom_fields={"leasehold_prefix_length": pool["length"]})
                     for index, pool in enumerate(document["pools"]["prefixes"]))
    vlans = (Vlan("v-quarantine", document["quarantine_vlan"], "quarantine", status="active", tags=QUARANTINE),)
    racks = tuple(Rack(f"r-{rack}", rack) for rack in document["racks"])
    return Wide(Site("s1", document["site"].title(), document["site"]), racks, groups, vlans, prefixes)


def ids(document: dict) -> dict[str, str]:
    """The id of each device that the document names."""
    borders = sorted({link[side]["device"] for link in document["links"] for side in "ab" if "device" in link[side]})
    named = [*(switch["name"] for switch in document["switches"]), *(server["name"] for server in document["servers"]),
             *(canary["name"] for canary in document.get("canaries", ())), *borders]
    return {name: f"d-{name}" for name in named}


def records(document: dict | None = None) -> Records:
    """Everything that a source says of the site of a C(datacenter.yml)."""
    document = document or sites.document()
    makers = Makers(document)
    makers.switches()
    makers.borders()
    makers.servers()
    makers.canaries()
    makers.links()
    return Records(wide(document), tuple(makers.devices.values()), tuple(makers.interfaces.values()), tuple(makers.ends), tuple(makers.addresses))


class Makers:
    """Collects the records of a document."""

    def __init__(self, document: dict):
        self.document = document
        self.ids = ids(document)
        self.devices: dict[str, Device] = {}
        self.interfaces: dict[str, Interface] = {}
        self.ends: list[End] = []
        self.addresses: list[Address] = []

    def device(self, name: str, role: str, **values) -> str:
        made = Device(self.ids[name], name, role, status=values.pop("status", "active"), **values)
        self.devices[name] = made
        return made.id

    def interface(self, device: str, name: str, **values) -> Interface:
        id = f"i-{device}-{name}"
        self.interfaces.setdefault(id, Interface(id, self.ids[device], name, type=values.pop("type", "25gbase-x-sfp28"), **values))
        return self.interfaces[id]

    def cable(self, one: Interface, other: Interface) -> None:
        by_id = {device.id: device for device in self.devices.values()}
        for near, far in ((one, other), (other, one)):
            device = by_id[far.device]
            self.ends.append(End(near.id, device.id, device.name, far.id, far.name, far_role=device.role, far_tags=device.tags))

    def switches(self) -> None:
        for switch in self.document["switches"]:
            fields = {f"leasehold_{key}": switch[key] for key in ("port", "bridge") if key in switch}
            self.device(switch["name"], switch["role"], platform=switch["network_os"], primary_ip=switch["address"], rack=switch.get("rack"),
                        custom_fields=fields)

    def borders(self) -> None:
        for name in self.ids:
            if name.startswith("border") and name not in self.devices:
                self.device(name, "border")

    def servers(self) -> None:
        for server in self.document["servers"]:
            fields = {"leasehold_class": server["class"], **server.get("attributes", {})}
            self.device(server["name"], "server", rack=server["rack"], serial=server["serial"], custom_fields=fields, type="r760",
                        oob_ip=server["bmc"]["address"].removeprefix("https://"), status=server.get("status", "active"))
            for nic in server["nics"]:
                self.cable(self.interface(server["name"], nic["name"], mac=nic["mac"].upper()), self.interface(nic["switch"], nic["port"]))

    def canaries(self) -> None:
        for canary in self.document.get("canaries", ()):
            self.device(canary["name"], "canary", primary_ip=canary["address"], tenant=canary.get("tenant"))
            self.cable(self.interface(canary["name"], "eth0", vlan=canary["vlan"]), self.interface(canary["switch"], canary["port"]))

    def links(self) -> None:
        for link in self.document["links"]:
            one, other = (self.interface(end.get("switch") or end["device"], end.get("port") or "eth1") for end in (link["a"], link["b"]))
            self.cable(one, other)


def changed(found: Records, kind: str, id: str, **values) -> Records:
    """The records where one object has other values."""
    items = tuple(dataclasses.replace(item, **values) if item.id == id else item for item in getattr(found, kind))
    return dataclasses.replace(found, **{kind: items})
