# Copyright: (c) 2026, leasehold.cloud contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A site's objects as plain rows, and the neutral records that they become. Every way of reading Nautobot makes the same rows (M(ways))."""

from __future__ import annotations

import collections
import dataclasses
import re
from collections.abc import Iterable, Mapping

from ansible_collections.leasehold.cloud.plugins.module_utils.core.records import Address, Device, End, Interface, Records, slug

DOTS = (("2-5gbase", "2.5gbase"), ("ieee802-1", "ieee802.1"))  # types of interfaces that have a dot where GraphQL's names cannot


@dataclasses.dataclass
class Rows:
    """Rows of devices and all that is theirs, as tuples; ids are texts.

    ====================  ==================================================================================================
    C(devices)            id, name, role, type, rack id, position, status, serial, platform, tenant, IPv4, IPv6, custom fields
    C(interfaces)         id, device, name, type, mac, enabled, mgmt_only, LAG's id, untagged VLAN's number, custom fields
    C(tagged)             interface, a tagged VLAN's number
    C(ends)               interface, id of the interface that its path leads to
    C(addresses)          id, host, interface, DNS name, status
    C(*_tags)             id of a device, interface or address, a tag's name
    C(racks)              id, name, location's name
    C(far)                id of an interface of another device than these, its name, its LAG's name, device, device's name, role
    ====================  ==================================================================================================
    """

    devices: list[tuple] = dataclasses.field(default_factory=list)
    interfaces: list[tuple] = dataclasses.field(default_factory=list)
    tagged: list[tuple] = dataclasses.field(default_factory=list)
    ends: list[tuple] = dataclasses.field(default_factory=list)
    addresses: list[tuple] = dataclasses.field(default_factory=list)
    device_tags: list[tuple] = dataclasses.field(default_factory=list)
    interface_tags: list[tuple] = dataclasses.field(default_factory=list)
    address_tags: list[tuple] = dataclasses.field(default_factory=list)
    racks: list[tuple] = dataclasses.field(default_factory=list)
    far: list[tuple] = dataclasses.field(default_factory=list)

    def strangers(self) -> set[str]:
        """The interfaces that paths lead to and that are none of these devices'."""
        own = {row[0] for row in self.interfaces}
        return {far for near, far in self.ends if far not in own and near in own}

    def records(self) -> Records:
        """The same as records. What belongs to a device or interface that is not there (it was deleted meanwhile) is left out."""
        tags = tags_of(self.device_tags)
        racks = rack_names(self.racks)
        devices = {row[0]: _device(row, racks, tags.get(row[0], ())) for row in self.devices}
        tagged, port_tags = collections.defaultdict(set), tags_of(self.interface_tags)
        for interface, vid in self.tagged:
            tagged[interface].add(int(vid))
        interfaces = {row[0]: _interface(row, tagged.get(row[0], ()), port_tags.get(row[0], ())) for row in self.interfaces if row[1] in devices}
        return Records(
            devices=tuple(devices.values()), interfaces=tuple(interfaces.values()), ends=tuple(self._ends(devices, interfaces, tags)),
            addresses=tuple(self._addresses(interfaces)))

    def _ends(self, devices: Mapping[str, Device], interfaces: Mapping[str, Interface], tags: Mapping[str, tuple]) -> Iterable[End]:
        strangers = {row[0]: row[1:] for row in self.far}
        for near, far in dict.fromkeys(self.ends):
            if near not in interfaces:
                continue
            if far in interfaces:
                port = interfaces[far]
                device, lag = devices[port.device], interfaces.get(port.lag)
                yield End(near, device.id, device.name, far, port.name, lag.name if lag else None, device.role, device.tags)
            elif far in strangers:
                port, lag, device, name, role = strangers[far]
                yield End(near, device, name or None, far, port, lag, slug(role) if role else None, tags.get(device, ()))

    def _addresses(self, interfaces: Mapping[str, Interface]) -> Iterable[Address]:
        tags = tags_of(self.address_tags)
        for id, host, interface, dns_name, status in dict.fromkeys(self.addresses):
            if interface in interfaces:
                yield Address(id, host, interface, dns_name or None, slug(status) if status else None, tags.get(id, ()))


def rack_names(rows: Iterable[tuple]) -> dict[str, str]:
    """Each rack's name by its id: with its location, where another rack of the site has the same name."""
    rows = dict.fromkeys(rows)
    times = collections.Counter(name for _id, name, _location in rows)
    return {id: f"{location}/{name}" if times[name] > 1 else name for id, name, location in rows}


def tags_of(rows: Iterable[tuple]) -> dict[str, tuple[str, ...]]:
    """Tags, as slugs, by the id of what has them."""
    found = collections.defaultdict(set)
    for id, name in rows:
        found[id].add(slug(name))
    return {id: tuple(sorted(slugs)) for id, slugs in found.items()}


def filled(fields: Mapping | None) -> dict:
    """Custom fields that have a value."""
    return {key: value for key, value in (fields or {}).items() if value not in (None, "", [])}


def plain(choice: str | None) -> str | None:
    """The value of a choice from GraphQL's name of it: C(A_25GBASE_X_SFP28) is C(25gbase-x-sfp28)."""
    if not choice:
        return None
    text = re.sub(r"^A_(?=\d)", "", choice).lower().replace("_", "-")
    for hyphen, dot in DOTS:
        text = text.replace(hyphen, dot)
    return text


def _device(row: tuple, racks: Mapping[str, str], tags: tuple[str, ...]) -> Device:
    id, name, role, kind, rack, position, status, serial, platform, tenant, ipv4, ipv6, fields = row
    return Device(
        id, name or None, *(slug(text) if text else None for text in (role, kind)), racks.get(rack), float(position) if position is not None else None,
        slug(status) if status else None, serial or None, *(slug(text) if text else None for text in (platform, tenant)),
        primary_ip=ipv6 or ipv4 or None, tags=tags, custom_fields=filled(fields))


def _interface(row: tuple, tagged: Iterable[int], tags: tuple[str, ...]) -> Interface:
    id, device, name, kind, mac, enabled, mgmt_only, lag, vlan, fields = row
    return Interface(id, device, name, kind or None, mac or None, bool(enabled), bool(mgmt_only), lag or None, int(vlan) if vlan is not None else None,
                     tuple(sorted(tagged)), tags, filled(fields))
