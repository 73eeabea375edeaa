# Copyright: (c) 2026, leasehold.cloud contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""From what the change log touches to the devices that are read again: looked up where an entry does not say whose it is."""

from __future__ import annotations

from collections.abc import Iterable

from ansible_collections.leasehold.cloud.plugins.module_utils.sources.nautobot.api import LEAN, Api, chunks, literal, view
from ansible_collections.leasehold.cloud.plugins.module_utils.sources.nautobot.changes import PORTS, Affected, detail
from ansible_collections.leasehold.cloud.plugins.module_utils.sources.nautobot.log import details

BEFORE = 50  # entries whose predecessors one query asks for
EACH = 400  # ids in one list of a query
OWNER = "{device{id}}"  # of an interface


class Lookup:
    """Finds the devices of things. Those that are gone have none: what they were part of is in the log itself."""

    def __init__(self, api: Api):
        self.api = api

    def details(self, found: Affected) -> None:
        """Look at the objects of the entries that do not say enough, as they were before and after."""
        parts = [found.details[start:start + BEFORE] for start in range(0, len(found.details), BEFORE)]
        for part, seen in zip(parts, self.api.client.map(lambda part: details(self.api, part), parts), strict=True):
            for row, (before, after) in zip(part, seen, strict=True):
                detail(found, row, before, after)

    def devices(self, found: Affected) -> set[str]:
        """The ids of the devices that an :class:`Affected` means, in whatever site they are."""
        interfaces = set(found.interfaces)
        for ends in self.api.client.map(self._through, sorted(found.ports)):
            interfaces |= ends
        asked = " ".join(f"a{number}: {text}" for number, text in enumerate(self._asked(found, interfaces)))
        return found.devices.union(*map(_devices_in, self.api.query(f"{{{asked}}}").values())) if asked else set(found.devices)

    def _asked(self, found: Affected, interfaces: set[str]) -> Iterable[str]:
        site = f"location: {literal([self.api.site['id']])}"
        for part in chunks(interfaces, EACH):
            yield f"interfaces(id: {literal(part)}){OWNER}"
        for part in chunks(found.addresses, EACH):
            yield f"ip_addresses(id: {literal(part)}){{interface_assignments{{interface{OWNER}}}}}"
        for name, values in found.filters.items():
            yield f"devices({site}, {name}: {literal(values)}){{id}}"
        for part in chunks(found.vlans, EACH):
            yield f"interfaces({site}, untagged_vlan: {literal(part)}){OWNER}"
            yield f"interfaces({site}, tagged_vlans: {literal(part)}){OWNER}"
        for tag in self._names(sorted(found.tags)) if found.tags else ():
            yield f"devices({site}, tags: {literal([tag])}){{id}}"
            yield f"interfaces({site}, tags: {literal([tag])}){OWNER}"
        racks = [row["id"] for row in self.api.query(f"{{racks({site}){{id name}}}}")["racks"] if row["name"] in found.rack_names] if found.rack_names else []
        if racks:
            yield f"devices({site}, rack: {literal(racks)}){{id}}"

    def _names(self, tags: list[str]) -> list[str]:
        return sorted(row["name"] for row in self.api.query(f"{{tags(id: {literal(tags)}){{name}}}}")["tags"])

    def _through(self, port: tuple[str, str]) -> set[str]:
        """The interfaces at the ends of all cable paths through a panel's port."""
        path, id = port
        model = next(model for model, list_name in PORTS.items() if list_name == path)
        answer = self.api.get(f"dcim/{path}/{id}/paths", LEAN, view(model), accept=(404,))
        paths = answer.json() if answer.status == 200 else []  # 404: the port is gone; what was cabled to it is in the log
        return {node["id"] for found in paths for node in (found["origin"], found["destination"]) if node and node["object_type"] == "dcim.interface"}


def _devices_in(rows: list[dict]) -> set[str]:
    """The ids of devices, of the devices of interfaces, or of the devices of the interfaces of addresses."""
    found = set()
    for row in rows:
        held = [each["interface"] for each in row["interface_assignments"] if each["interface"]] if "interface_assignments" in row else [row]
        found |= {one["id"] if "device" not in one else one["device"]["id"] for one in held if one.get("device", one)}
    return found
