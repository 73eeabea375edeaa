# SPDX-License-Identifier: GPL-3.0-or-later
"""What a client has to read of a data centre (tests/sources/center.py), and records in a form that two systems with ids of their own can be compared in."""

from __future__ import annotations

import collections

from ansible_collections.leasehold.cloud.plugins.module_utils.core import records as rec
from ansible_collections.leasehold.cloud.plugins.module_utils.core.mapping_file import Mapping
from ansible_collections.leasehold.cloud.plugins.module_utils.core.source_site import map_site

MAPPING = {  # center() marks with one tag what the defaults look for under several
    "vlan_pools": ["tenants"], "prefix_pools": ["tag:leasehold"], "quarantine_vlan": ["quarantine"], "ours": ["tag:leasehold-made"],
    "envelope_vlans": ["100-899"], "envelope_prefixes": ["tag:leasehold"], "envelope_switches": ["leaf-*", "spine-*"],
}


def records(document: dict) -> rec.Records:
    """The records of a document; ids are made of names."""
    devices = {device["name"]: device for device in document["devices"]}
    lags = {(device["name"], port["name"]): port["lag"] for device in document["devices"] for port in device["interfaces"]}
    ends = []
    for cable in document["cables"]:
        for near, far in ((cable["a"], cable["b"]), (cable["b"], cable["a"])):
            other = devices[far[0]]
            ends.append(rec.End(_port(*near), far[0], far[0], _port(*far), far[1], lags[tuple(far)], rec.slug(other["role"]), tuple(sorted(other["tags"]))))
    return rec.Records(
        _wide(document), tuple(_device(device) for device in devices.values()),
        tuple(_interface(device["name"], port) for device in devices.values() for port in device["interfaces"]), tuple(ends),
        tuple(rec.Address(f"ip:{port['address']}", port["address"].partition("/")[0], _port(device["name"], port["name"]), status="active")
              for device in devices.values() for port in device["interfaces"] if port["address"]))


def as_file(document: dict) -> dict:
    """The same data centre as a datacenter.yml."""
    made = map_site(records(document), Mapping.from_dict(MAPPING)).datacenter.as_dict()
    for server in made["servers"]:
        del server["state"]  # the ledger's, and not a source's
    return made


def comparable(found: rec.Records) -> dict:
    """Records by name, without ids, positions (not every system has them for every device) and addresses out of band (Nautobot has none)."""
    names = {device.id: device.name for device in found.devices}
    ports = {port.id: (names[port.device], port.name) for port in found.interfaces}
    ends = collections.defaultdict(set)
    for end in found.ends:
        ends[ports[end.interface]].add((end.far_name, end.far_port, end.far_lag, end.far_role, end.far_tags))
    return {
        "devices": {device.name: (device.role, device.type, device.rack, device.status, device.serial, device.platform, device.tenant, device.primary_ip,
                                  device.tags, dict(device.custom_fields)) for device in found.devices},
        "interfaces": {ports[port.id]: (port.type, (port.mac or "").lower(), port.enabled, port.mgmt_only, ports[port.lag][1] if port.lag else None, port.vlan,
                                        port.vlans, port.tags) for port in found.interfaces},
        "ends": dict(ends), "addresses": {(ports[address.interface], address.address, address.status) for address in found.addresses},
    } | (_comparable_wide(found.wide) if found.wide else {})


def _comparable_wide(wide: rec.Wide) -> dict:
    groups = {group.id: group.name for group in wide.vlan_groups}
    return {
        "site": wide.site.name, "racks": {rack.name for rack in wide.racks}, "groups": {(group.name, group.ranges, group.tags) for group in wide.vlan_groups},
        "vlans": {(vlan.vid, vlan.name, groups.get(vlan.group), vlan.status, vlan.tenant, vlan.tags) for vlan in wide.vlans},
        "prefixes": {(prefix.prefix, prefix.status, prefix.tenant, prefix.vlan, prefix.tags) for prefix in wide.prefixes},
        "tenants": {tenant.name for tenant in wide.tenants},
    }


def _port(device: str, name: str) -> str:
    return f"port:{device}/{name}"


def _device(device: dict) -> rec.Device:
    return rec.Device(
        device["name"], device["name"], rec.slug(device["role"]), rec.slug(device["type"]), device["rack"], device["position"], device["status"],
        device["serial"], device["platform"] and rec.slug(device["platform"]), device["tenant"] and rec.slug(device["tenant"]),
        primary_ip=device["primary_ip"], tags=tuple(sorted(device["tags"])))


def _interface(device: str, port: dict) -> rec.Interface:
    return rec.Interface(_port(device, port["name"]), device, port["name"], port["type"], port["mac"], True, port["mgmt_only"],
                         port["lag"] and _port(device, port["lag"]), port["vlan"], tuple(port["vlans"]))


def _wide(document: dict) -> rec.Wide:
    name = document["site"]["name"]
    return rec.Wide(
        rec.Site(name, name, name), tuple(rec.Rack(rack, rack) for rack in document["racks"]),
        tuple(rec.VlanGroup(group["name"], group["name"], rec.slug(group["name"]), group["ranges"], tuple(group["tags"])) for group in document["vlan_groups"]),
        tuple(rec.Vlan(str(vlan["vid"]), vlan["vid"], vlan["name"], vlan["group"], "active", tags=tuple(vlan["tags"])) for vlan in document["vlans"]),
        tuple(rec.Prefix(prefix["prefix"], prefix["prefix"], "active", tags=tuple(prefix["tags"])) for prefix in document["prefixes"]),
        tuple(rec.Tenant(tenant, tenant, rec.slug(tenant)) for tenant in document["tenants"]))
