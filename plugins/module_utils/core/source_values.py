# Copyright: (c) 2026, leasehold.cloud contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Single values of a device, as the words of the mapping file say where they are: class, addresses, MACs."""

from __future__ import annotations

import collections
import dataclasses
import fnmatch
import ipaddress
import re
from collections.abc import Iterable

from ansible_collections.leasehold.cloud.plugins.module_utils.core.mapping_file import FIELD, Mapping
from ansible_collections.leasehold.cloud.plugins.module_utils.core.placement import natural
from ansible_collections.leasehold.cloud.plugins.module_utils.core.records import Address, Device, End, Interface, Records, slug

HEX = re.compile(r"[^0-9a-f]")
HOST = re.compile(r"[^\s/]+")
UNREAL = frozenset({"virtual", "lag", "bridge"})  # types of interfaces that no cable can be plugged into


@dataclasses.dataclass(frozen=True)
class Problem:
    """What keeps an object of a source from being used.

    C(object) is in the source's words (C(device r1-s01, interface eth0)); C(code) is for machines; C(device) is the id of the device whose problem it is.
    """

    code: str
    object: str
    problem: str
    remedy: str
    device: str | None = None

    def as_dict(self) -> dict:
        return dataclasses.asdict(self)


class Index:
    """Records by what they belong to."""

    def __init__(self, records: Records):
        self.interfaces: dict[str, list[Interface]] = collections.defaultdict(list)
        self.by_id: dict[str, Interface] = {}
        self.ends: dict[str, list[End]] = collections.defaultdict(list)
        self.addresses: dict[str, list[Address]] = collections.defaultdict(list)
        for interface in records.interfaces:
            self.interfaces[interface.device].append(interface)
            self.by_id[interface.id] = interface
        for end in records.ends:
            self.ends[end.interface].append(end)
        for address in records.addresses:
            self.addresses[address.interface].append(address)

    def of(self, device: str) -> list[Interface]:
        """The interfaces of a device, in natural order of their names."""
        return sorted(self.interfaces.get(device, ()), key=lambda interface: natural(interface.name))


def called(device: Device, interface: Interface | None = None) -> str:
    """A device, or an interface of one, in the source's words."""
    name = f"device {device.name}" if device.name else f"device #{device.id}"
    return f"{name}, interface {interface.name}" if interface else name


def field(device: Device, word: str | None) -> object:
    """The value of a custom field that the mapping names as C(custom_field:X); None when there is none."""
    if word is None or not word.startswith(FIELD):
        return None
    found = device.custom_fields.get(word[len(FIELD):])
    return None if found == "" else found


def bare(address: str | None) -> str | None:
    """An address without its mask."""
    return address.partition("/")[0] if address else None


def address_of(device: Device, index: Index, words: Iterable[str], dns_name: bool = False) -> str | None:
    """Where a device answers: the first of the words that says so.

    :param words: C(oob_ip), C(primary_ip), C(interface) (the first management-only interface that has an address), custom fields.
    :param dns_name: rather the DNS name of that address, where it has one.
    """
    for word in words:
        if word in ("oob_ip", "primary_ip"):
            found = bare(getattr(device, word))
        elif word == "interface":
            found = _management_address(device, index)
        else:
            value = field(device, word)
            found = str(value) if value is not None else None
        if found:
            return (_dns_name(device, index, found) if dns_name else None) or found
    return None


def _management_address(device: Device, index: Index) -> str | None:
    managing = (interface for interface in index.of(device.id) if interface.mgmt_only)
    return next((bare(address.address) for interface in managing for address in index.addresses.get(interface.id, ())), None)


def _dns_name(device: Device, index: Index, found: str) -> str | None:
    every = (address for interface in index.interfaces.get(device.id, ()) for address in index.addresses.get(interface.id, ()))
    return next((address.dns_name for address in every if bare(address.address) == found and address.dns_name), None)


def bmc_url(device: Device, index: Index, mapping: Mapping) -> str | None:
    """The URL of a server's BMC; None when the source has no address for it, or one that cannot be."""
    address = address_of(device, index, mapping["bmc"], mapping["bmc_dns_name"])
    if address is None or address.startswith("https://"):
        return address
    if not HOST.fullmatch(address):
        return None
    port = f":{mapping['bmc_port']}" if mapping["bmc_port"] else ""
    return f"https://{_bracketed(address)}{port}"


def _bracketed(address: str) -> str:
    try:
        return f"[{address}]" if ipaddress.ip_address(address).version == 6 else address
    except ValueError:
        return address


def class_of(device: Device, mapping: Mapping) -> str | None:
    """The class of a server as a DNS label, by the first of the mapping's words that says one."""
    for word in mapping["class"]:
        if word.startswith("tag:"):
            prefix = word[len("tag:"):]
            value = next((tag[len(prefix):] for tag in sorted(device.tags) if tag.startswith(prefix) and tag != prefix), None)
        elif word.startswith(FIELD):
            value = field(device, word)
        else:
            value = {"type": device.type, "role": device.role, "platform": device.platform}.get(word)
        if value:
            return mapping["classes"].get(str(value)) or slug(str(value))[:63].strip("-") or None
    return None


def mac_of(text: str | None) -> str | None:
    """A MAC address as six pairs of lower-case hex digits with colons; None when it is none."""
    digits = HEX.sub("", (text or "").lower())
    return ":".join(digits[at:at + 2] for at in range(0, 12, 2)) if len(digits) == 12 else None


def is_data_nic(interface: Interface, mapping: Mapping) -> bool:
    """Whether an interface is a physical one, enabled, not for management alone, and of the mapping's C(nics)."""
    if interface.mgmt_only or not interface.enabled or interface.type in UNREAL:
        return False
    if mapping["nics"] == ["*"] and not mapping["nics_not"]:
        return True
    fits = any(fnmatch.fnmatchcase(interface.name, str(pattern)) for pattern in mapping["nics"])
    return fits and not any(fnmatch.fnmatchcase(interface.name, str(pattern)) for pattern in mapping["nics_not"])
