# SPDX-License-Identifier: GPL-3.0-or-later
"""Rows of a Nautobot, as records."""

from __future__ import annotations

import pytest

from ansible_collections.leasehold.cloud.plugins.module_utils.core.records import Address, Device, End, Interface
from ansible_collections.leasehold.cloud.plugins.module_utils.sources.nautobot.rows import Rows, plain, rack_names


def device(id: str, name: str, **changes) -> tuple:
    row = {"role": "Server", "type": "GPU 8X", "rack": "k1", "position": 3, "status": "Active", "serial": "S1", "platform": None, "tenant": "Green Power",
           "ipv4": None, "ipv6": None, "fields": {}} | changes
    return (id, name, *row.values())


def port(id: str, device: str, name: str, lag: str | None = None, vlan: int | None = None) -> tuple:
    return (id, device, name, "25gbase-x-sfp28", "0C:42:A1:5E:01:10", True, False, lag, vlan, {})


@pytest.fixture
def rows():
    return Rows(
        devices=[
            device("d1", "s1", fields={"a": 1, "b": None, "c": ""}, ipv4="10.0.0.1"), device("d2", "leaf", role="Leaf", ipv4="10.0.0.2", ipv6="2001:db8::2")],
        interfaces=[port("i0", "d1", "bond0"), port("i1", "d1", "eth0", lag="i0", vlan=7), port("i2", "d2", "p1"), port("i9", "d9", "eth0")],
        tagged=[("i2", 20), ("i2", "10")], ends=[("i1", "i2"), ("i2", "i1"), ("i2", "far1"), ("i9", "i1"), ("i0", "nowhere")],
        addresses=[("a1", "10.0.0.1", "i1", "", "Active"), ("a9", "10.0.0.9", "i9", "", "Active")],
        device_tags=[("d2", "Core Net"), ("d2", "B"), ("f1", "X")], interface_tags=[("i1", "Data")], address_tags=[("a1", "T")],
        racks=[("k1", "r1", "room 1"), ("k2", "r1", "room 2"), ("k3", "r3", "room 1")],
        far=[("far1", "e1", "po1", "f1", "border", "Border Router")])


def test_devices_have_slugs_where_nautobot_has_names(rows):
    assert rows.records().devices == (
        Device("d1", "s1", "server", "gpu-8x", "room 1/r1", 3.0, "active", "S1", None, "green-power", primary_ip="10.0.0.1", custom_fields={"a": 1}),
        Device("d2", "leaf", "leaf", "gpu-8x", "room 1/r1", 3.0, "active", "S1", None, "green-power", primary_ip="2001:db8::2", tags=("b", "core-net")))


def test_interfaces_have_numbers_of_vlans_in_order(rows):
    found = {one.id: one for one in rows.records().interfaces}
    assert found["i1"] == Interface("i1", "d1", "eth0", "25gbase-x-sfp28", "0C:42:A1:5E:01:10", lag="i0", vlan=7, tags=("data",))
    assert found["i2"].vlans == (10, 20)


def test_ends_are_named_also_those_outside(rows):
    assert rows.strangers() == {"far1", "nowhere"}
    assert rows.records().ends == (
        End("i1", "d2", "leaf", "i2", "p1", None, "leaf", ("b", "core-net")), End("i2", "d1", "s1", "i1", "eth0", "bond0", "server", ()),
        End("i2", "f1", "border", "far1", "e1", "po1", "border-router", ("x",)))


def test_what_lost_its_device_meanwhile_is_left_out(rows):
    found = rows.records()
    assert "i9" not in {one.id for one in found.interfaces}
    assert found.addresses == (Address("a1", "10.0.0.1", "i1", None, "active", ("t",)),)


def test_racks_of_one_name_are_told_apart():
    assert rack_names([("1", "a", "x"), ("2", "a", "y"), ("3", "b", "x"), ("3", "b", "x")]) == {"1": "x/a", "2": "y/a", "3": "b"}


@pytest.mark.parametrize("choice, value", [
    ("A_25GBASE_X_SFP28", "25gbase-x-sfp28"), ("LAG", "lag"), ("A_2_5GBASE_T", "2.5gbase-t"), ("IEEE802_11AC", "ieee802.11ac"), (
        "VIRTUAL", "virtual"), (None, None)])
def test_choices_are_what_they_are_in_the_rest_api(choice, value):
    assert plain(choice) == value
