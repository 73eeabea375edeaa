# Copyright: (c) 2026, leasehold.cloud contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What NetBox's change log means for a site's records: which devices have to be read again, and whether what is site-wide has to be.

Pure: entries in, the objects to look at out. Where an entry does not say whose it is (a cable's far end), it names what to look up (M(lookup)). Too much is
never wrong, only slower; what cannot be told is a C(gap), and everything is read.
"""

from __future__ import annotations

import collections
import dataclasses
from collections.abc import Callable, Iterable, Mapping

WIDE = frozenset({"ipam.vlangroup", "ipam.prefix", "ipam.role", "dcim.region", "dcim.sitegroup"})
KINDS_OF_DEVICE = {"dcim.devicetype": "device_type_id", "dcim.platform": "platform_id", "tenancy.tenant": "tenant_id"}  # the filters of their devices
FIELDS = "id,time,request_id,action,changed_object_type,changed_object_id,prechange_data,postchange_data"
SHOWN = ("name", "role", "tags")  # of a device, that its neighbours' ends repeat
SHOWN_PORT = ("name", "lag")  # of an interface, likewise


@dataclasses.dataclass
class Affected:
    """Numbers of objects, by what they are; C(filters) are those of the list of devices: C({rack_id: {5}})."""

    site: int
    devices: set[int] = dataclasses.field(default_factory=set)  # whose own rows changed
    left: set[int] = dataclasses.field(default_factory=set)  # of the devices that were in the site, those that are no longer, unless they came back
    shown: set[int] = dataclasses.field(default_factory=set)  # of these, those whose neighbours' ends changed with it
    interfaces: set[int] = dataclasses.field(default_factory=set)
    addresses: set[int] = dataclasses.field(default_factory=set)
    macs: set[int] = dataclasses.field(default_factory=set)
    cables: set[int] = dataclasses.field(default_factory=set)
    ends: set[int] = dataclasses.field(default_factory=set)  # where a cable that is gone was: an interface's or a panel port's number
    ports: set[tuple[str, int]] = dataclasses.field(default_factory=set)  # of patch panels: ("rear-ports", 7)
    panels: set[int] = dataclasses.field(default_factory=set)  # devices that have lost a port
    vlans: set[int] = dataclasses.field(default_factory=set)  # whose number changed
    rack_names: set[str] = dataclasses.field(default_factory=set)
    filters: dict[str, set[int]] = dataclasses.field(default_factory=lambda: collections.defaultdict(set))
    wide: bool = False
    gap: str | None = None

    @property
    def size(self) -> int:
        """How many things there are to look up, roughly."""
        return sum(map(len, (self.devices, self.interfaces, self.addresses, self.macs, self.cables, self.ends, self.ports)))


@dataclasses.dataclass(frozen=True)
class Entry:
    """One entry of the change log, without what does not matter. C(before) and C(after) are empty where there is none."""

    type: str
    number: int
    action: str  # create, update, delete
    before: Mapping
    after: Mapping

    @classmethod
    def of(cls, row: Mapping) -> Entry:
        action = row["action"]["value"] if isinstance(row["action"], Mapping) else row["action"]
        return cls(row["changed_object_type"], row["changed_object_id"], action, row["prechange_data"] or {}, row["postchange_data"] or {})

    def both(self, key: str) -> set:
        """A key's values before and after, without None."""
        return {side[key] for side in (self.before, self.after) if side.get(key) is not None}

    def changed(self, *keys: str) -> bool:
        """Whether an update changed one of the keys. An entry without a before (some scripts make such) may have changed all."""
        return self.action == "update" and (not self.before or any(self.before.get(key) != self.after.get(key) for key in keys))


def affected(rows: Iterable[Mapping], site: int) -> Affected:
    """What the entries of a change log touch.

    :param site: the site's number.
    """
    found = Affected(site)
    for row in rows:
        entry = Entry.of(row)
        note = NOTES.get(entry.type)
        if note:
            note(found, entry)
        elif entry.type in WIDE or (entry.type == "dcim.site" and entry.number == site):
            found.wide = True
            if entry.type == "dcim.site" and entry.action == "delete":
                found.gap = "the site was deleted"
    return found


def _device(found: Affected, entry: Entry) -> None:
    sites = entry.both("site")
    if entry.before and found.site not in sites:
        return
    found.devices.add(entry.number)
    if entry.action == "delete" or entry.before.get("site") == found.site != entry.after.get("site"):
        found.left.add(entry.number)
    if entry.changed(*SHOWN):
        found.shown.add(entry.number)


def _interface(found: Affected, entry: Entry) -> None:
    devices = entry.both("device")
    found.devices |= devices
    if entry.changed(*SHOWN_PORT):
        found.shown |= devices


def _address(found: Affected, entry: Entry) -> None:
    before, after = entry.before.get("assigned_object_id"), entry.after.get("assigned_object_id")
    if entry.action != "delete":
        numbers = found.addresses if entry.type == "ipam.ipaddress" else found.macs
        numbers.add(entry.number)
    if before is not None and before != after:
        found.interfaces.add(before)


def _cable(found: Affected, entry: Entry) -> None:
    if entry.action != "delete":
        found.cables.add(entry.number)


def _termination(found: Affected, entry: Entry) -> None:
    found.cables |= entry.both("cable")
    found.ends |= entry.both("termination_id")


def _panel_port(found: Affected, entry: Entry) -> None:
    if entry.action == "delete":
        found.panels |= entry.both("device")
    elif entry.action == "create" or entry.changed("rear_port", "rear_port_position", "rear_ports", "positions", "mappings"):
        found.ports.add(("front-ports" if entry.type == "dcim.frontport" else "rear-ports", entry.number))


def _mapping(found: Affected, entry: Entry) -> None:
    found.ports |= {("front-ports", port) for port in entry.both("front_port")} | {("rear-ports", port) for port in entry.both("rear_port")}


def _rack(found: Affected, entry: Entry) -> None:
    if entry.action != "update" or entry.changed("name", "location", "site"):
        found.wide = True
        found.filters["rack_id"].add(entry.number)
        found.rack_names |= entry.both("name")


def _location(found: Affected, entry: Entry) -> None:
    if entry.action != "update" or entry.changed("name", "site", "parent"):
        found.wide = True
        found.filters["location_id"].add(entry.number)


def _vlan(found: Affected, entry: Entry) -> None:
    found.wide = True
    if entry.changed("vid"):
        found.vlans.add(entry.number)


def _kind_of_device(found: Affected, entry: Entry) -> None:
    found.wide |= entry.type == "tenancy.tenant"
    if entry.changed("slug"):
        found.filters[KINDS_OF_DEVICE[entry.type]].add(entry.number)


def _role(found: Affected, entry: Entry) -> None:
    if entry.changed("slug"):
        found.gap = f"the device role {entry.before.get('slug') or entry.number} was given another slug"


def _tag(found: Affected, entry: Entry) -> None:
    if entry.action == "delete" or entry.changed("slug"):
        found.gap = f"the tag {entry.before.get('slug') or entry.number} was deleted or renamed"


def _custom_field(found: Affected, entry: Entry) -> None:
    defaults = entry.action == "create" and entry.after.get("default") is not None
    if defaults or entry.action == "delete" or entry.changed("name", "type", "related_object_type", "object_types"):
        found.gap = f"the custom field {entry.before.get('name') or entry.after.get('name')} was made, changed or deleted"


NOTES: dict[str, Callable[[Affected, Entry], None]] = {
    "dcim.device": _device, "dcim.interface": _interface, "ipam.ipaddress": _address, "dcim.macaddress": _address, "dcim.cable": _cable,
    "dcim.cabletermination": _termination, "dcim.frontport": _panel_port, "dcim.rearport": _panel_port, "dcim.portmapping": _mapping, "dcim.rack": _rack,
    "dcim.location": _location, "ipam.vlan": _vlan, "dcim.devicerole": _role, "extras.tag": _tag, "extras.customfield": _custom_field,
    **dict.fromkeys(KINDS_OF_DEVICE, _kind_of_device),
}
