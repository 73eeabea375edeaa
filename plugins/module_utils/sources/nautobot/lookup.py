# Copyright: (c) 2026, leasehold.cloud contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""From what the change log touches to the devices that are read again: looked up where an entry does not say whose it is."""

from __future__ import annotations

from collections.abc import Iterable

from ansible_collections.leasehold.cloud.plugins.module_utils.sources.nautobot.api import LEAN, Api, chunks, literal, view
from ansible_collections.leasehold.cloud.plugins.module_utils.sources.nautobot.changes import PORTS, Affected, detail
from ansible_collections.leasehold.cloud.plugins.module_utils.sources.nautobot.log import data_before, data_of

BEFORE = 50  # entries whose predecessors one query asks for
EACH = 400  # ids in one query


class Lookup:
    """Finds the devices of things. Those that are gone have none: what they were part of is in the log itself."""

    def __init__(self, api: Api):
        self.api = api

    def details(self, found: Affected) -> None:
        """Look at the objects of the entries that do not say enough, as they were before and after."""
        parts = [found.details[start:start + BEFORE] for start in range(0, len(found.details), BEFORE)]
        for part, (after, before) in zip(parts, self.api.client.map(self._both, parts), strict=True):
            for row in part:
                detail(found, row, before.get(row["id"]), after.get(row["id"], {}))

    def _both(self, part: list) -> tuple[dict, dict]:
        updates = [row for row in part if row["action"].lower() == "update"]
        return data_of(self.api, [row["id"] for row in part]), data_before(self.api, updates)

    def devices(self, found: Affected) -> set[str]:
        """The ids of the devices that an :class:`Affected` means, in whatever site they are."""
        interfaces = set(found.interfaces)
        for ends in self.api.client.map(self._through, sorted(found.ports)):
            interfaces |= ends
        ids = set(found.devices)
        for asked in self._asked(found, interfaces):
            ids |= _devices_in(self.api.query(f"{{{asked}}}"))
        return ids

    def _asked(self, found: Affected, interfaces: set[str]) -> Iterable[str]:
        site = f"location: {literal([self.api.site['id']])}"
        for part in chunks(interfaces, EACH):
            yield f"interfaces(id: {literal(part)}){{device{{id}}}}"
        for part in chunks(found.addresses, EACH):
            yield f"ip_addresses(id: {literal(part)}){{interface_assignments{{interface{{device{{id}}}}}}}}"
        for name, values in found.filters.items():
            yield f"devices({site}, {name}: {literal(values)}){{id}}"
        for part in chunks(found.vlans, EACH):
            yield f"a: interfaces({site}, untagged_vlan: {literal(part)}){{device{{id}}}} b: interfaces({site}, tagged_vlans: {literal(part)}){{device{{id}}}}"
        for part in chunks(found.tags, EACH):
            tags = f"tags: {literal(self._names(part))}"
            yield f"devices({site}, {tags}){{id}} interfaces({site}, {tags}){{device{{id}}}}"
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


def _devices_in(answer: dict) -> set[str]:
    """The ids of all devices, and of the devices of all interfaces, in an answer."""
    found = set()
    for name, rows in answer.items():
        for row in rows:
            if name == "devices":
                found.add(row["id"])
            elif name == "ip_addresses":
                found |= {held["interface"]["device"]["id"] for held in row["interface_assignments"] if held["interface"] and held["interface"]["device"]}
            elif row["device"]:
                found.add(row["device"]["id"])
    return found
