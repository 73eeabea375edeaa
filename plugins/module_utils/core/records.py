# Copyright: (c) 2026, leasehold.cloud contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a source such as NetBox or Nautobot says of a site, as neutral rows. M(source_mapping) makes a data centre of them.

Identifiers (C(id), and the fields that point to one: C(device), C(interface), C(lag), C(group)) are the source's own, as texts, and stay when
things are renamed. Roles, types, platforms, statuses, tenants and tags are slugs (where a source has names only: the name in lower case, with hyphens,
see :func:`slug`). Empty texts are None. Custom fields are given by key, those without a value left out; a choice is its value, an object its name.

Records come in two parts that may be there without each other: devices with everything that is theirs (interfaces, ends, addresses), and what is
site-wide (C(wide)). Of a device that is given, all interfaces, ends and addresses are.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterable, Mapping

WORDS = re.compile(r"[^a-z0-9]+")
NOTHING: Mapping = {}


def slug(name: str) -> str:
    """A name as NetBox would make its slug: C(Dell R760) is C(dell-r760)."""
    return WORDS.sub("-", name.lower()).strip("-")


@dataclasses.dataclass(frozen=True, slots=True)
class Site:
    """The site that was asked for. C(slug) is its slug, or its name where the source has no slugs."""

    id: str
    name: str
    slug: str
    tags: tuple[str, ...] = ()
    custom_fields: Mapping = dataclasses.field(default_factory=dict, hash=False)


@dataclasses.dataclass(frozen=True, slots=True)
class Rack:
    """A rack of the site. Where two have one name (in different locations or rooms), C(name) has to tell them apart: C(room-2/r1)."""

    id: str
    name: str


@dataclasses.dataclass(frozen=True, slots=True)
class Device:
    """A device of the site, whatever it is. C(rack) is the rack's name as in M(Rack). Addresses are without a mask."""

    id: str
    name: str | None
    role: str | None = None
    type: str | None = None
    rack: str | None = None
    position: float | None = None
    status: str | None = None
    serial: str | None = None
    platform: str | None = None
    tenant: str | None = None
    oob_ip: str | None = None
    primary_ip: str | None = None
    tags: tuple[str, ...] = ()
    custom_fields: Mapping = dataclasses.field(default_factory=dict, hash=False)


@dataclasses.dataclass(frozen=True, slots=True)
class Interface:
    """An interface of a device. C(type) is the source's (C(lag), C(virtual), C(25gbase-x-sfp28)); C(lag) the id of the LAG it is a member of;
    C(vlan) the untagged VLAN and C(vlans) the tagged ones, as numbers."""

    id: str
    device: str
    name: str
    type: str | None = None
    mac: str | None = None
    enabled: bool = True
    mgmt_only: bool = False
    lag: str | None = None
    vlan: int | None = None
    vlans: tuple[int, ...] = ()
    tags: tuple[str, ...] = ()
    custom_fields: Mapping = dataclasses.field(default_factory=dict, hash=False)


@dataclasses.dataclass(frozen=True, slots=True)
class End:
    """What a cabled interface leads to, patch panels already followed: an interface of another device.

    An interface that is cabled to several has several ends. A cable that ends in the middle (at a panel) has none. C(far_port) is the far
    interface's name, C(far_lag) the name of the LAG that it is a member of, C(far_role) and C(far_tags) are of the far device, which need not be among the
    records given.
    """

    interface: str
    far_device: str
    far_name: str | None
    far_interface: str
    far_port: str
    far_lag: str | None = None
    far_role: str | None = None
    far_tags: tuple[str, ...] = ()


@dataclasses.dataclass(frozen=True, slots=True)
class Address:
    """An IP address on an interface of a device, without its mask."""

    id: str
    address: str
    interface: str
    dns_name: str | None = None
    status: str | None = None
    tags: tuple[str, ...] = ()


@dataclasses.dataclass(frozen=True, slots=True)
class VlanGroup:
    """VLANs that belong together. C(ranges) is a text such as C(100-199,300); None where the source does not say."""

    id: str
    name: str
    slug: str
    ranges: str | None = None
    tags: tuple[str, ...] = ()
    custom_fields: Mapping = dataclasses.field(default_factory=dict, hash=False)


@dataclasses.dataclass(frozen=True, slots=True)
class Vlan:
    """A VLAN that can be used in the site. C(group) is its group's id."""

    id: str
    vid: int
    name: str
    group: str | None = None
    status: str | None = None
    role: str | None = None
    tenant: str | None = None
    tags: tuple[str, ...] = ()
    custom_fields: Mapping = dataclasses.field(default_factory=dict, hash=False)


@dataclasses.dataclass(frozen=True, slots=True)
class Prefix:
    """A prefix that can be used in the site. C(vlan) is its VLAN's number."""

    id: str
    prefix: str
    status: str | None = None
    role: str | None = None
    tenant: str | None = None
    vlan: int | None = None
    tags: tuple[str, ...] = ()
    custom_fields: Mapping = dataclasses.field(default_factory=dict, hash=False)


@dataclasses.dataclass(frozen=True, slots=True)
class Tenant:
    """A tenant as the source has it."""

    id: str
    name: str
    slug: str


@dataclasses.dataclass(frozen=True, slots=True)
class Wide:
    """What is of the site and not of one device. Always whole."""

    site: Site
    racks: tuple[Rack, ...] = ()
    vlan_groups: tuple[VlanGroup, ...] = ()
    vlans: tuple[Vlan, ...] = ()
    prefixes: tuple[Prefix, ...] = ()
    tenants: tuple[Tenant, ...] = ()


@dataclasses.dataclass(frozen=True, slots=True)
class Records:
    """Devices with what is theirs, and (or None) what is site-wide. A cold read has all of both."""

    wide: Wide | None = None
    devices: tuple[Device, ...] = ()
    interfaces: tuple[Interface, ...] = ()
    ends: tuple[End, ...] = ()
    addresses: tuple[Address, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.wide or self.devices)

    def without(self, devices: Iterable[str]) -> Records:
        """The same, but for the devices with these ids and all that is theirs."""
        out = frozenset(devices)
        mine = {interface.id for interface in self.interfaces if interface.device in out}
        return Records(
            self.wide, tuple(device for device in self.devices if device.id not in out),
            tuple(interface for interface in self.interfaces if interface.id not in mine),
            tuple(end for end in self.ends if end.interface not in mine),
            tuple(address for address in self.addresses if address.interface not in mine),
        )

    def merged(self, newer: Records) -> Records:
        """These records, with those of ``newer`` in the place of the same devices (and of what is site-wide, where it has that)."""
        kept = self.without(device.id for device in newer.devices)
        return Records(
            newer.wide or kept.wide, kept.devices + newer.devices, kept.interfaces + newer.interfaces, kept.ends + newer.ends,
            kept.addresses + newer.addresses,
        )
