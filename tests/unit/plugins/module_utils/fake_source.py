# SPDX-License-Identifier: GPL-3.0-or-later
"""A source in memory that speaks the protocol and tells changes no better than it must: what is changed in it, and the far ends of changed cables."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

from ansible_collections.leasehold.cloud.plugins.module_utils.core.records import Device, End, Interface, Rack, Records, Wide
from ansible_collections.leasehold.cloud.plugins.module_utils.sources.protocol import Delta, Gap, Reading
from tests.unit.plugins.module_utils.core import source_records


class World:
    """What a source holds. Every change notes the devices (or that something site-wide) it was made to."""

    def __init__(self, document: dict | None = None):
        found = source_records.records(document)
        self.wide: Wide = found.wide
        self.devices: dict[str, Device] = {device.id: device for device in found.devices}
        self.interfaces: dict[str, Interface] = {interface.id: interface for interface in found.interfaces}
        self.cables: dict[str, str] = {end.interface: end.far_interface for end in found.ends}
        self.log: list[str | None] = []  # of each change the device, None for what is site-wide

    def device(self, id: str, **values) -> None:
        self.devices[id] = dataclasses.replace(self.devices[id], **values)
        self.log.append(id)

    def interface(self, id: str, **values) -> None:
        self.interfaces[id] = dataclasses.replace(self.interfaces[id], **values)
        self.log.append(self.interfaces[id].device)

    def cut(self, interface: str) -> None:
        """Take a cable away, with both its ends."""
        other = self.cables.pop(interface, None)
        if other is not None:
            del self.cables[other]
            self.log += [self.interfaces[interface].device, self.interfaces[other].device]

    def cable(self, one: str, other: str) -> None:
        self.cut(one)
        self.cut(other)
        self.cables |= {one: other, other: one}
        self.log += [self.interfaces[one].device, self.interfaces[other].device]

    def delete(self, id: str) -> None:
        for interface in [interface for interface in self.interfaces.values() if interface.device == id]:
            self.cut(interface.id)
            del self.interfaces[interface.id]
        del self.devices[id]
        self.log.append(id)

    def add(self, device: Device, *interfaces: Interface) -> None:
        self.devices[device.id] = device
        self.interfaces |= {interface.id: interface for interface in interfaces}
        self.log.append(device.id)

    def site(self, **values) -> None:
        self.wide = dataclasses.replace(self.wide, **values)
        self.log.append(None)

    def rename_rack(self, rack: str, name: str) -> None:
        self.site(racks=tuple(Rack(item.id, name) if item.name == rack else item for item in self.wide.racks))
        for device in list(self.devices.values()):
            if device.rack == rack:
                self.device(device.id, rack=name)

    def records(self, ids: set[str] | None = None, wide: bool = True) -> Records:
        devices = tuple(device for id, device in self.devices.items() if ids is None or id in ids)
        mine = {device.id for device in devices}
        interfaces = tuple(interface for interface in self.interfaces.values() if interface.device in mine)
        return Records(self.wide if wide else None, devices, interfaces, tuple(self._end(interface) for interface in interfaces if interface.id in self.cables))

    def _end(self, interface: Interface) -> End:
        far = self.interfaces[self.cables[interface.id]]
        device, lag = self.devices[far.device], self.interfaces.get(far.lag) if far.lag else None
        return End(interface.id, device.id, device.name, far.id, far.name, lag.name if lag else None, device.role, device.tags)


class FakeSource:
    """The protocol over a world. ``before``, where given, is called before each answer: to fail, or to change the world meanwhile."""

    identity = "fake lab"

    def __init__(self, world: World, before: Callable[[str], None] | None = None):
        self.world = world
        self.before = before or (lambda question: None)
        self.asked: list[str] = []
        self.read_ids: list[str] = []

    @property
    def cost(self) -> dict:
        return {"requests": len(self.asked), "bytes": 0, "seconds": 0.0}

    def read(self) -> Reading:
        self._ask("read")
        return Reading(cursor={"at": len(self.world.log)}, way="memory", records=self.world.records())

    def since(self, cursor: dict) -> Delta | Gap:
        self._ask("since")
        if cursor["at"] > len(self.world.log):
            return Gap("its change log is younger than the last sync")
        changed = set(self.world.log[cursor["at"]:])
        there = {id for id in changed if id in self.world.devices}
        self.read_ids += sorted(there)
        return Delta({"at": len(self.world.log)}, self.world.records(there, wide=None in changed), frozenset(changed - there - {None}))

    def devices(self, ids) -> Records:
        self._ask("devices")
        self.read_ids += sorted(ids)
        return self.world.records(set(ids), wide=False)

    def _ask(self, question: str) -> None:
        self.asked.append(question)
        self.before(question)
