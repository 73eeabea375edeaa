# Copyright: (c) 2026, leasehold.cloud contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""From what the change log touches to the devices that are read again: looked up where an entry does not say whose it is."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from ansible_collections.leasehold.cloud.plugins.module_utils.sources.netbox.api import Api, view
from ansible_collections.leasehold.cloud.plugins.module_utils.sources.netbox.changes import Affected

PORT_LISTS = {"dcim.frontport": "front-ports", "dcim.rearport": "rear-ports"}


class Lookup:
    """Finds the devices of things. Those that are gone have none: what they were part of is in the log itself."""

    def __init__(self, api: Api):
        self.api = api

    def devices(self, affected: Affected) -> set[int]:
        """The numbers of the devices that an :class:`Affected` means by its devices and all that has to be looked up. (Its filters are not in it.)"""
        asked = [
            lambda: self._interfaces(affected.interfaces | affected.ends), lambda: self._holders("ipam/ip-addresses", affected.addresses, "ipam.ipaddress"),
            lambda: self._holders("dcim/mac-addresses", affected.macs, "dcim.macaddress"), lambda: self._vlans(affected.vlans),
            lambda: self._cables(affected.cables), lambda: (set(), self._ports(affected)),
        ]
        answers = self.api.client.map(lambda ask: ask(), asked)
        ports = affected.ports.union(*(found for _devices, found in answers))
        through = self.api.client.map(self._through, sorted(ports))
        return affected.devices.union(*(found for found, _ports in answers), *through)

    def racks(self, names: Iterable[str]) -> set[int]:
        """The numbers of the site's racks with these names: one of the same name in another location changes what each is called."""
        rows = self.api.some("dcim/racks", "name", names, {"site_id": self.api.site_id, "fields": "id"}, view("dcim.rack"))
        return {row["id"] for row in rows}

    def _interfaces(self, numbers: set[int]) -> tuple[set[int], set]:
        rows = self.api.some("dcim/interfaces", "id", numbers, {"fields": "id,device"}, view("dcim.interface"))
        return {row["device"]["id"] for row in rows}, set()

    def _vlans(self, numbers: set[int]) -> tuple[set[int], set]:
        rows = self.api.some("dcim/interfaces", "vlan_id", numbers, {"fields": "id,device"}, view("dcim.interface"))
        return {row["device"]["id"] for row in rows}, set()

    def _holders(self, path: str, numbers: set[int], kind: str) -> tuple[set[int], set]:
        """Of the interfaces that addresses are assigned to."""
        rows = self.api.some(path, "id", numbers, {"fields": "id,assigned_object"}, view(kind))
        return {device for row in rows if (device := _device(row["assigned_object"])) is not None}, set()

    def _cables(self, numbers: set[int]) -> tuple[set[int], set]:
        rows = self.api.some("dcim/cables", "id", numbers, {"fields": "id,a_terminations,b_terminations"}, view("dcim.cable"))
        ends = [end for row in rows for side in ("a_terminations", "b_terminations") for end in row[side]]
        return ({device for end in ends if (device := _device(end["object"])) is not None},
                {(PORT_LISTS[end["object_type"]], end["object_id"]) for end in ends if end["object_type"] in PORT_LISTS})

    def _ports(self, affected: Affected) -> set[tuple[str, int]]:
        """The panel ports where cables were that are gone, and all of panels that lost one: what is left of their paths still leads through those."""
        found = set()
        for path in PORT_LISTS.values() if affected.ends else ():
            found |= {(path, row["id"]) for row in self.api.some(f"dcim/{path}", "id", affected.ends, {"fields": "id"}, view(_type(path)))}
        rear = self.api.some("dcim/rear-ports", "device_id", affected.panels, {"fields": "id"}, view("dcim.rearport"))
        return found | {("rear-ports", row["id"]) for row in rear}

    def _through(self, port: tuple[str, int]) -> set[int]:
        """The devices at the ends of all cable paths through a panel's port."""
        path, number = port
        answer = self.api.get(f"dcim/{path}/{number}/paths", needs=view(_type(path)), accept=(404,))
        paths = answer.json() if answer.status == 200 else []  # 404: the port is gone, its panel is among those asked for
        ends = [node for found in paths for nodes in (found["path"][:1] + found["path"][-1:]) for node in nodes]
        return {device for node in ends if (device := _device(node)) is not None}


def _device(held: Mapping | None) -> int | None:
    """The device of an interface or port in brief; None for what is none's."""
    return held["device"]["id"] if held and held.get("device") else None


def _type(path: str) -> str:
    return {"front-ports": "dcim.frontport", "rear-ports": "dcim.rearport"}[path]
