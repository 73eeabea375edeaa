# SPDX-License-Identifier: GPL-3.0-or-later
"""A warm sync gives what a cold one gives: for random changes, renames, moved cables and deletions, one after the other."""

from __future__ import annotations

import dataclasses
import json

import pytest
from hypothesis import HealthCheck, Phase, example, given, settings
from hypothesis import strategies as st

from ansible_collections.leasehold.cloud.plugins.module_utils.core.errors import InvalidSource
from ansible_collections.leasehold.cloud.plugins.module_utils.core.records import Device, Interface
from ansible_collections.leasehold.cloud.plugins.module_utils.ledger.database import Ledger
from ansible_collections.leasehold.cloud.plugins.module_utils.ledger.schema import tables
from tests.unit.plugins.module_utils.fake_source import World
from tests.unit.plugins.module_utils.ledger import books
from tests.unit.plugins.module_utils.ledger.test_syncing import content, sync


@pytest.fixture
def two(request, url, tmp_path):
    """Two ledgers that are used again and again: to open one takes longer than to empty it."""
    other = request.getfixturevalue("postgres").new_database() if url.startswith("postgresql") else f"sqlite:///{tmp_path}/cold.db"
    with Ledger.open(url, "tester") as warm, Ledger.open(other, "tester") as cold:
        yield warm, cold


def emptied(ledger) -> Ledger:
    with ledger.transaction() as tx:
        for table in reversed(tables().metadata.sorted_tables):
            if table.name not in ("events", "clusters"):
                tx.execute(table.delete())
        tx.execute(tables().clusters.delete())
        tx.keep()
    return ledger


# What may happen in a world. Each takes the world and two numbers that choose.

def _devices(world: World, *roles: str) -> list[str]:
    return sorted(id for id, device in world.devices.items() if not roles or device.role in roles)


def _pick(items, number: int):
    items = list(items)
    return items[number % len(items)] if items else None


def _interfaces(world: World, *roles: str) -> list[str]:
    mine = set(_devices(world, *roles))
    return sorted(id for id, interface in world.interfaces.items() if interface.device in mine)


def rename(world: World, one: int, other: int) -> None:
    id = _pick(_devices(world), one)
    taken = _pick([device.name for device in world.devices.values()], other)
    world.device(id, name=_pick([f"other-{other % 5}", taken, world.devices[id].name, None, "Not A Label"], other))


def revalue(world: World, one: int, other: int) -> None:
    id, field = _pick(_devices(world), one), _pick(["serial", "oob_ip", "primary_ip", "platform", "status", "role", "rack", "tags"], other)
    values = {
        "serial": ["S1-1", "S9-9", None], "oob_ip": ["bmc-1-1", "bmc-9", None], "primary_ip": ["192.0.2.77", None], "platform": ["openvswitch", "eos", None],
        "status": ["active", "offline", "planned", "staged", "retired"], "role": ["server", "leaf", "spine", "pdu", "border", "canary"],
        "rack": ["r1", "r2", None], "tags": [(), ("leasehold-envelope",), ("leasehold-canary",)],
    }[field]
    world.device(id, **{field: _pick(values, one + other // 8)})


def reclass(world: World, one: int, other: int) -> None:
    id = _pick(_devices(world, "server"), one)
    if id:
        fields = {key: value for key, value in world.devices[id].custom_fields.items() if key != "leasehold_class"}
        world.device(id, custom_fields=fields | _pick([{}, {"leasehold_class": "gpu"}, {"leasehold_class": "big"}], other))


def change_interface(world: World, one: int, other: int) -> None:
    id = _pick(_interfaces(world), one)
    if id is None:
        return
    values = _pick([{"name": f"port-{other % 4}"}, {"mac": "52:54:00:01:01:00"}, {"mac": None}, {"mgmt_only": True}, {"enabled": False},
                    {"name": f"s0{other % 5}"}, {"mac": f"52:54:00:ff:ff:{other % 8:02x}"}], other)
    world.interface(id, **values)


def recable(world: World, one: int, other: int) -> None:
    first, second = _pick(_interfaces(world, "server", "canary", "leaf"), one), _pick(_interfaces(world, "leaf", "spine", "border"), other)
    if first and second and first != second and world.interfaces[first].device != world.interfaces[second].device:
        world.cable(first, second)


def cut(world: World, one: int, _other: int) -> None:
    id = _pick(sorted(world.cables), one)
    if id:
        world.cut(id)


def delete(world: World, one: int, _other: int) -> None:
    if len(world.devices) > 4:
        id = _pick(_devices(world), one)
        DEAD.append((world.devices[id].serial, [each.mac for each in world.interfaces.values() if each.device == id]))
        world.delete(id)


def _give(world: World, id: str, serial: str | None, macs: list) -> None:
    world.device(id, serial=serial)
    for interface, mac in zip([each for each in world.interfaces.values() if each.device == id], macs):
        world.interface(interface.id, mac=mac)


def give_hardware_of_another(world: World, one: int, other: int) -> None:
    """A server's record says that it is the machine of one that is there no more, or the two are exchanged; or only a NIC is."""
    first, second = _pick(_devices(world, "server"), one), _pick(_devices(world, "server"), other)
    if not first or first == second:
        return
    mine, theirs = ((world.devices[id].serial, [each.mac for each in world.interfaces.values() if each.device == id]) for id in (first, second))
    dead = _pick(DEAD, other)
    if other % 3 == 0 and dead:
        _give(world, first, *dead)
    elif other % 3 == 1:
        _give(world, first, *theirs)
        _give(world, second, *mine)
    else:
        _give(world, first, mine[0], theirs[1][:1])
        _give(world, second, theirs[0], mine[1][:1])


def add(world: World, one: int, other: int) -> None:
    id = f"new-{one % 3}"
    if id not in world.devices:
        world.add(Device(id, f"r1-n{one % 3}", "server", "r760", "r1", None, "active", f"N{one % 3}", oob_ip=f"bmc-n{one % 3}"),
                  Interface(f"{id}-eth0", id, "eth0", mac=f"52:54:00:aa:00:0{one % 3}"))
        port = _pick(_interfaces(world, "leaf"), other)
        if port:
            world.cable(f"{id}-eth0", port)


def make_anew(world: World, one: int, other: int) -> None:
    """The same machine as another device, as of somebody who deletes and adds where he could edit."""
    id = _pick(_devices(world, "server"), one)
    if id is None or f"{id}-anew" in world.devices:
        return
    device, cables = world.devices[id], dict(world.cables)
    interfaces = [interface for interface in world.interfaces.values() if interface.device == id]
    world.delete(id)
    again = [dataclasses.replace(interface, id=f"{interface.id}-anew", device=f"{id}-anew") for interface in interfaces]
    world.add(dataclasses.replace(device, id=f"{id}-anew", name=_pick([device.name, f"anew-{one}"], other)), *again)
    for before, after in zip(interfaces, again):
        if before.id in cables and other % 3:
            world.cable(after.id, cables[before.id])


def swap_names(world: World, one: int, other: int) -> None:
    first, second = _pick(_devices(world, "server"), one), _pick(_devices(world, "server"), other)
    if first and second:
        names = world.devices[first].name, world.devices[second].name
        world.device(first, name=names[1])
        world.device(second, name=names[0])


def change_site(world: World, one: int, other: int) -> None:
    if one % 3 == 0:
        world.rename_rack(_pick([rack.name for rack in world.wide.racks], other), f"room-{other % 2}")
    elif one % 3 == 1:
        world.site(vlan_groups=tuple(dataclasses.replace(group, ranges=f"100-10{other % 10}") for group in world.wide.vlan_groups))
    else:
        world.site(vlans=tuple(dataclasses.replace(vlan, vid=990 + other % 9) for vlan in world.wide.vlans))


DEAD: list[tuple[str | None, list]] = []  # the serial numbers and MAC addresses of what was deleted in the world at hand
OPERATIONS = (rename, revalue, reclass, change_interface, recable, cut, delete, give_hardware_of_another, add, make_anew, swap_names, change_site)
STEPS = st.lists(st.lists(st.tuples(st.sampled_from(OPERATIONS), st.integers(0, 60), st.integers(0, 60)), min_size=1, max_size=4), min_size=1, max_size=4)


def outcome_of(ledger, world: World, **options):
    try:
        return sync(ledger, world, **options)
    except InvalidSource as error:
        return error.details["problems"]


def told(outcome) -> object:
    """What both kinds of sync must tell alike."""
    if isinstance(outcome, list):
        return sorted(json.dumps(problem, sort_keys=True) for problem in outcome)
    return sorted(json.dumps(problem, sort_keys=True) for problem in outcome.problems), outcome.sync.alarms, outcome.sync.counts


@settings(max_examples=25, deadline=None, phases=[Phase.explicit, Phase.reuse, Phase.generate], suppress_health_check=[HealthCheck.function_scoped_fixture])
@example(steps=[[(swap_names, 1, 2)], [(recable, 14, 17)]], held=True, quarantined=True)
@example(steps=[[(make_anew, 0, 1)], [(recable, 14, 17)], [(cut, 3, 0)], [(recable, 14, 17)]], held=True, quarantined=True)
@example(steps=[[(recable, 50, 2)], [(revalue, 2, 7)]], held=False, quarantined=False)  # a leaf, cabled to another, becomes something else
@given(steps=STEPS, held=st.booleans(), quarantined=st.booleans())
def test_a_warm_sync_gives_what_a_cold_one_gives(two, steps, held, quarantined):
    world = World()
    DEAD.clear()
    for ledger in map(emptied, two):
        sync(ledger, world, full=True)
        if held:
            books.create(ledger, "blue")
        if quarantined:
            books.move(ledger, ["r1-s02"], "quarantined", reason="smoke")
    warm, cold = two
    for number, step in enumerate(steps):
        for operation, one, other in step:
            operation(world, one, other)
        if held and number == 2:
            for ledger in two:
                books.free(ledger, "blue")
        assert told(outcome_of(warm, world)) == told(outcome_of(cold, world, full=True))
        assert content(warm) == content(cold)
