# SPDX-License-Identifier: GPL-3.0-or-later
"""What only Nautobot has, or does its own way."""

from __future__ import annotations

import pytest

from ansible_collections.leasehold.cloud.plugins.module_utils.core.errors import Refused
from ansible_collections.leasehold.cloud.plugins.module_utils.core.mapping_file import Mapping
from ansible_collections.leasehold.cloud.plugins.module_utils.sources.nautobot import edits
from ansible_collections.leasehold.cloud.plugins.module_utils.sources.protocol import Delta, Publication
from tests.sources.expected import MAPPING, comparable, records


@pytest.fixture
def world(nautobot_world):
    nautobot_world.proxy.heal()
    return nautobot_world


def publishing(*fields: str) -> dict:
    return Mapping.from_dict({**MAPPING, "publish": list(fields)}).values


def permission(world, name: str) -> dict | None:
    found = world.call("GET", "users/permissions", name=f"leasehold.cloud {name}", depth=0)["results"]
    return found[0] if found else None


def port(world, device: str, name: str) -> dict:
    return world.call("GET", f"dcim/interfaces/{world._port_id(device, name)}", depth=0, exclude_m2m="false")


def addresses(delta: Delta) -> set[str]:
    return {address.address for address in delta.records.addresses}


# -- reading

def test_who_has_the_permissions_that_setup_makes_can_read_every_way(world):
    token = world.weak_token("reader", "nothing")
    cold = world.source(token=token).read()
    assert (cold.way, cold.advice) == ("template", None)
    assert world.source(token=token).since(cold.cursor).empty
    world.source().setup("absent", False)
    try:
        other = world.source(token=token).read()
        assert other.way == "graphql" and comparable(other.records) == comparable(cold.records) == comparable(records(world.document))
    finally:
        world.source().setup("present", False)


def test_an_address_that_is_given_to_another_interface_later_arrives(world):
    server = world.server()
    address = world.call("GET", "ipam/ip-addresses", device=server, depth=0)["results"][0]
    held = world.one("ipam/ip-address-to-interface", ip_address=address["id"])
    cursor = world.source().read().cursor
    world.call("DELETE", f"ipam/ip-address-to-interface/{held['id']}")
    gone = world.source().since(cursor)
    assert server in {device.name for device in gone.records.devices} and address["host"] not in addresses(gone)
    world.call("POST", "ipam/ip-address-to-interface", {"ip_address": address["id"], "interface": held["interface"]["id"]})
    back = world.source().since(gone.cursor)
    assert isinstance(back, Delta) and address["host"] in addresses(back)


# -- publishing

def test_a_trunk_stays_one_and_keeps_what_somebody_else_adds_meanwhile(world, monkeypatch):
    server = world.server()
    switch, name = world.cable(server, "eth0")["b"]
    vlans = {vid: world.one("ipam/vlans", vid=vid)["id"] for vid in (103, 104, 105)}
    where, id = f"dcim/interfaces/{world._port_id(switch, name)}", world._device_id(switch)
    world.call("PATCH", where, {"mode": "tagged", "tagged_vlans": [vlans[103]]})
    write = edits.Writer.write

    def meanwhile(self, some):
        world.call("PATCH", where, {"tagged_vlans": [vlans[103], vlans[105]]})
        return write(self, some)

    monkeypatch.setattr(edits.Writer, "write", meanwhile)
    wanted = [Publication("interface", name, {"vlan": 104, "vlan_group": "tenants"}, id)]
    assert [change.name for change in world.source().publish(wanted, False)] == [f"interface {name} of {switch}: vlan"]
    monkeypatch.undo()
    after = port(world, switch, name)
    assert (after["mode"]["value"], after["untagged_vlan"]["id"]) == ("tagged", vlans[104])
    assert {vlan["id"] for vlan in after["tagged_vlans"]} == {vlans[103], vlans[105]}
    world.call("PATCH", where, {"mode": "tagged-all", "tagged_vlans": []})
    world.source().publish([Publication("interface", name, {"vlan": 103, "vlan_group": "tenants"}, id)], False)
    assert port(world, switch, name)["mode"]["value"] == "tagged-all"
    world.call("PATCH", where, {"mode": "", "untagged_vlan": None})


def test_many_are_made_at_once_in_the_site_and_removed_at_once(world, monkeypatch):
    monkeypatch.setattr(edits, "BULK", 8)
    vlans = [Publication("vlan", f"many-{vid}", {"vid": vid, "group": "tenants", "tenant": "blue-ocean", "status": "active"}) for vid in range(700, 720)]
    source = world.source()
    assert len(source.publish(vlans, False)) == 20
    assert source.cost["requests"] <= 12
    found = world.call("GET", "ipam/vlans", locations=world.document["site"]["name"], name=[one.name for one in vlans], depth=0)
    assert found["count"] == 20
    again = world.source()
    assert again.publish(vlans, False) == [] and again.cost["requests"] <= 9
    assert len(world.source().publish([Publication("vlan", one.name, {**one.fields, "status": None}) for one in vlans], False)) == 20
    assert world.call("GET", "ipam/vlans", name=[one.name for one in vlans], depth=0)["count"] == 0


def test_a_vlan_of_somebody_else_is_not_given_to_a_cluster(world):
    with pytest.raises(Refused, match="somebody else"):
        world.source().publish([Publication("vlan", "cluster-red", {"vid": 102, "group": "tenants", "tenant": "green-power", "status": "active"})], False)
    assert world.one("ipam/vlans", vid=102)["tenant"] is None


# -- setup

def test_permissions_are_for_what_is_published_and_no_more(world):
    world.source(mapping=publishing("tenant", "vlan")).setup("present", False)
    assert (permission(world, "change")["object_types"], permission(world, "make")["object_types"]) == (["dcim.device", "ipam.vlan"], ["ipam.vlan"])
    less = world.source(mapping=publishing("tenant"))
    assert less.setup("present", True) != [] and permission(world, "make")
    assert len(less.setup("present", False)) == 2
    assert permission(world, "change")["object_types"] == ["dcim.device"] and permission(world, "make") is None
    world.source().setup("present", False)
    assert permission(world, "change") is None and permission(world, "read")


def test_another_site_keeps_what_it_needs(world):
    kind = world.one("dcim/location-types", name="Site")["id"]
    other = world.call("POST", "dcim/locations", {"name": "ams1", "location_type": kind, "status": world.one("extras/statuses", name="Active")["id"]})
    try:
        made = world.source(site="ams1").setup("present", False)
        assert [change.name.partition(" ")[0] for change in made] == ["extras.externalintegration", "extras.relationshipassociation"]
        removed = world.source().setup("absent", False)
        assert [change.name.partition(" ")[0] for change in removed] == ["extras.externalintegration"]
        empty = world.source(site="ams1").read()
        assert (empty.way, empty.records.devices) == ("template", ())
        world.source().setup("present", False)
        assert world.source().read().way == "template"
    finally:
        world.source(site="ams1").setup("absent", False)
        world.call("DELETE", f"dcim/locations/{other['id']}")
