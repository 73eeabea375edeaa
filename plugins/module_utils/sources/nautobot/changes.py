# Copyright: (c) 2026, leasehold.cloud contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What Nautobot's change log means for a site's records: which devices have to be read again, and whether what is site-wide has to be.

Pure: entries in, the objects to look at out. An entry says what was changed, and of a component, whose it is; for some it has to be seen what the object was
(C(details)). Too much is never wrong, only slower; what cannot be told is a C(gap), and everything is read.
"""

from __future__ import annotations

import collections
import dataclasses
from collections.abc import Callable, Iterable, Mapping

WIDE = frozenset({"ipam.vlangroup", "ipam.prefix"})
KINDS_OF_DEVICE = {  # the filters of their devices
    "extras.role": "role", "dcim.devicetype": "device_type", "dcim.platform": "platform", "tenancy.tenant": "tenant", "extras.status": "status",
}
PORTS = {"dcim.frontport": "front-ports", "dcim.rearport": "rear-ports"}
GAPS = {  # what changes many objects that the log does not name
    "dcim.location": "a location", "dcim.locationtype": "a type of location", "extras.customfield": "a custom field",
    "extras.customfieldchoice": "a choice of a custom field", "dcim.module": "a module",
}
DELETED = {  # likewise, when deleted
    "extras.tag": "a tag", "ipam.vlan": "a VLAN", "dcim.platform": "a platform", "ipam.namespace": "a namespace",
}
SHOWN = {"dcim.device": ("name", "role", "tags"), "dcim.interface": ("name", "lag")}  # what the ends of neighbours repeat


@dataclasses.dataclass
class Affected:
    """Ids of objects, by what they are."""

    devices: set[str] = dataclasses.field(default_factory=set)
    shown: set[str] = dataclasses.field(default_factory=set)  # devices and interfaces whose neighbours' ends changed with them
    interfaces: set[str] = dataclasses.field(default_factory=set)
    addresses: set[str] = dataclasses.field(default_factory=set)
    ports: set[tuple[str, str]] = dataclasses.field(default_factory=set)  # of patch panels: ("rear-ports", id)
    vlans: set[str] = dataclasses.field(default_factory=set)
    tags: set[str] = dataclasses.field(default_factory=set)
    rack_names: set[str] = dataclasses.field(default_factory=set)
    filters: dict[str, set[str]] = dataclasses.field(default_factory=lambda: collections.defaultdict(set))  # of the list of devices
    details: list[Mapping] = dataclasses.field(default_factory=list)  # entries whose objects have to be seen, as they were before and after
    wide: bool = False
    gap: str | None = None

    @property
    def size(self) -> int:
        """How many things there are to look up, roughly."""
        return sum(map(len, (self.devices, self.interfaces, self.addresses, self.ports, self.details)))


def affected(rows: Iterable[Mapping]) -> Affected:
    """What entries of a change log touch."""
    found = Affected()
    for row in rows:
        kind = kind_of(row["changed_object_type"])
        action = row["action"].lower()
        if kind in GAPS:
            found.gap = f"{GAPS[kind]} was made, changed or deleted"
        elif kind in DELETED and action == "delete":
            found.gap = f"{DELETED[kind]} was deleted"
        elif kind in WIDE:
            found.wide = True
        elif kind in NOTES:
            NOTES[kind](found, row, action)
        if kind_of(row["related_object_type"]) == "dcim.device":
            found.devices.add(row["related_object_id"])
    return found


def detail(found: Affected, row: Mapping, before: Mapping | None, after: Mapping) -> None:
    """Add what an entry of C(details) touches.

    :param before: the object as the entry before had it; None where the log does not have one.
    :param after: the object as this entry has it; of a deletion, as it was.
    """
    kind, action = kind_of(row["changed_object_type"]), row["action"].lower()
    sides = [side for side in (before, after) if side]
    if kind == "dcim.cable":
        for side in sides:
            _ends(found, side)
    elif kind in SHOWN and action == "update":
        # Of a device whose entry before is not there any more, the ledger knows what it was, and asks for its neighbours if it has to.
        if any(before.get(key) != after.get(key) for key in SHOWN[kind]) if before else kind == "dcim.interface":
            found.shown.add(row["changed_object_id"])
    elif kind == "dcim.rack":
        found.rack_names |= {side["name"] for side in sides}
    elif kind == "ipam.ipaddress":
        found.interfaces |= {held["id"] for side in sides for held in side.get("interfaces") or () if isinstance(held, Mapping)}
    else:  # a port that is gone
        for key in ("cable_peer", "connected_endpoint"):
            _end(found, after.get(key))


def kind_of(content_type: Mapping | None) -> str | None:
    """C(dcim.device)."""
    return f"{content_type['app_label']}.{content_type['model']}" if content_type else None


def _ends(found: Affected, cable: Mapping) -> None:
    for side in ("a", "b"):
        _end(found, {"id": cable.get(f"termination_{side}_id"), "object_type": cable.get(f"termination_{side}_type")})
    for end in (cable.get("terminations") or {}).values():
        _end(found, end)


def _end(found: Affected, end: Mapping | None) -> None:
    if not end or not end.get("id"):
        return
    if end.get("object_type") == "dcim.interface":
        found.interfaces.add(end["id"])
    elif end.get("object_type") in PORTS:
        found.ports.add((PORTS[end["object_type"]], end["id"]))


def _device(found: Affected, row: Mapping, action: str) -> None:
    found.devices.add(row["changed_object_id"])
    if action == "update":
        found.details.append(row)


def _interface(found: Affected, row: Mapping, action: str) -> None:
    if action != "create":
        found.details.append(row)
    if action != "delete":
        found.interfaces.add(row["changed_object_id"])


def _cable(found: Affected, row: Mapping, action: str) -> None:
    found.details.append(row)


def _address(found: Affected, row: Mapping, action: str) -> None:
    if action != "delete":
        found.addresses.add(row["changed_object_id"])
    found.details.append(row)


def _port(found: Affected, row: Mapping, action: str) -> None:
    if action == "delete":
        found.details.append(row)
    else:
        found.ports.add((PORTS[kind_of(row["changed_object_type"])], row["changed_object_id"]))


def _rack(found: Affected, row: Mapping, action: str) -> None:
    found.wide = True
    found.details.append(row)
    if action == "update":
        found.filters["rack"].add(row["changed_object_id"])


def _vlan(found: Affected, row: Mapping, action: str) -> None:
    found.wide = True
    if action == "update":
        found.vlans.add(row["changed_object_id"])


def _tag(found: Affected, row: Mapping, action: str) -> None:
    if action == "update":
        found.wide = True
        found.tags.add(row["changed_object_id"])


def _kind_of_device(found: Affected, row: Mapping, action: str) -> None:
    kind = kind_of(row["changed_object_type"])
    found.wide |= kind in ("tenancy.tenant", "extras.role", "extras.status")
    if action == "update":
        found.filters[KINDS_OF_DEVICE[kind]].add(row["changed_object_id"])


NOTES: dict[str, Callable[[Affected, Mapping, str], None]] = {
    "dcim.device": _device, "dcim.interface": _interface, "ipam.ipaddress": _address, "dcim.cable": _cable, "dcim.frontport": _port, "dcim.rearport": _port,
    "dcim.rack": _rack, "ipam.vlan": _vlan, "extras.tag": _tag, **dict.fromkeys(KINDS_OF_DEVICE, _kind_of_device),
}
