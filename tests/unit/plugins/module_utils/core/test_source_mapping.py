# SPDX-License-Identifier: GPL-3.0-or-later
"""From a source's records to a data centre: what becomes of devices, and how what is wrong with them is told."""

from __future__ import annotations

import dataclasses

import pytest

from ansible_collections.leasehold.cloud.plugins.module_utils.core.errors import InvalidInput
from ansible_collections.leasehold.cloud.plugins.module_utils.core.mapping_file import DEFAULTS, Mapping
from ansible_collections.leasehold.cloud.plugins.module_utils.core.records import (
    Address, End, Interface, Prefix, Records, Vlan, VlanGroup, slug,
)
from ansible_collections.leasehold.cloud.plugins.module_utils.core.source_site import map_site
from ansible_collections.leasehold.cloud.plugins.module_utils.core.source_values import mac_of
from tests.unit.plugins.module_utils.core import sites
from tests.unit.plugins.module_utils.core.source_records import changed, records

S1 = "d-r1-s01"


def mapped(found: Records | None = None, **mapping):
    return map_site(found or records(), Mapping.from_dict(mapping))


def device(found: Records, id: str = S1, **values) -> Records:
    return changed(found, "devices", id, **values)


def server(found: Records, name: str = "r1-s01", **mapping) -> dict:
    return next(item.as_dict() for item in mapped(found, **mapping).datacenter.servers if item.name == name)


def codes(found: Records, **mapping) -> list[tuple[str, str]]:
    """Each problem's code and object."""
    return sorted((problem.code, problem.object) for problem in mapped(found, **mapping).problems)


def fatal(found: Records, **mapping) -> list[str]:
    return [problem.code for problem in mapped(found, **mapping).fatal]


def wide(found: Records, **values) -> Records:
    return dataclasses.replace(found, wide=dataclasses.replace(found.wide, **values))


def end(found: Records, interface: str, **values) -> Records:
    return dataclasses.replace(found, ends=tuple(dataclasses.replace(item, **values) if item.interface == interface else item for item in found.ends))


def without_end(found: Records, *interfaces: str) -> Records:
    return dataclasses.replace(found, ends=tuple(item for item in found.ends if item.interface not in interfaces))


def test_the_records_of_a_site_are_the_site():
    made, expected = mapped(), sites.site().as_dict()
    assert (made.problems, made.fatal) == ((), ())
    found = made.datacenter.as_dict()
    assert found["servers"] == expected["servers"]
    assert sorted(found["switches"], key=str) == sorted(expected["switches"], key=str)
    assert found["canaries"] == expected["canaries"]
    assert (found["racks"], found["site"], found["quarantine_vlan"]) == (expected["racks"], "lab", 999)
    assert found["pools"] == {"vlans": [{"name": "tenants", "range": "100-103"}],
                              "prefixes": [{"name": "10.64.0.0/22", "prefix": "10.64.0.0/22", "length": 24}]}
    assert {frozenset(map(str, link.values())) for link in found["links"]} - {
        frozenset(map(str, link.values())) for link in expected["links"]} == {
        frozenset(["{'switch': 'spine-1', 'port': 'border'}", "{'device': 'border-1', 'port': 'eth1'}"])}, "our border's port has a name here"


def test_the_order_of_records_means_nothing():
    found = records()
    turned = Records(found.wide, *(tuple(reversed(getattr(found, kind))) for kind in ("devices", "interfaces", "ends", "addresses")))
    assert mapped(turned).datacenter == mapped(found).datacenter


@pytest.mark.parametrize(("values", "code"), [
    ({"oob_ip": None}, "no_bmc_address"), ({"serial": ""}, "no_serial"), ({"rack": None}, "no_rack"), ({"rack": "r9"}, "no_rack"),
    ({"custom_fields": {}, "type": None}, "no_class"), ({"name": "Büro 1"}, "no_name"), ({"name": None}, "no_name"), (
        {"oob_ip": "not a host"}, "no_bmc_address"),
])
def test_what_is_wrong_with_a_server_is_told_of_it_and_hides_no_other(values, code):
    found = device(records(), **values)
    name = values["name"] if values.get("name") else "#d-r1-s01" if "name" in values else "r1-s01"
    assert codes(found) == [(code, f"device {name}")]
    assert len(mapped(found).datacenter.servers) == 7
    assert all(problem.remedy and problem.device == S1 for problem in mapped(found).problems)


@pytest.mark.parametrize(("values", "code"), [({"platform": None}, "no_network_os"), ({"primary_ip": None}, "no_address"), ({"rack": "r9"}, "no_rack")])
def test_a_switch_that_cannot_be_used_takes_its_servers_along(values, code):
    found = codes(device(records(), "d-leaf-r1a", **values))
    assert found[0] == ("bad_switch", "device r1-s01, interface eth0")
    assert (code, "device leaf-r1a") in found
    assert len(found) == 1 + 4
    made = mapped(device(records(), "d-leaf-r1a", **values)).datacenter
    assert not any("leaf-r1a" in (link.a.switch, link.b.switch) for link in made.links)


@pytest.mark.parametrize(("change", "code", "names"), [
    (lambda found: device(found, serial="S2-1"), "duplicate_serial", ("r1-s01", "r2-s01")),
    (lambda found: device(found, oob_ip="bmc-2-1"), "duplicate_bmc", ("r1-s01", "r2-s01")),
    (lambda found: device(found, name="R2-S01"), "duplicate_name", ("r2-s01", "r2-s01")),
    (lambda found: changed(found, "interfaces", "i-r1-s01-eth0", mac="5254.0002.0100"), "duplicate_mac", ("r1-s01", "r2-s01")),
    (lambda found: end(found, "i-r1-s01-eth0", far_interface="i-leaf-r1a-s02", far_port="s02"), "port_twice", ("r1-s01", "r1-s02")),
])
def test_what_two_have_is_told_of_both_and_neither_is_used(change, code, names):
    made = mapped(change(records()))
    assert sorted(problem.code for problem in made.problems) == [code, code]
    assert sorted(problem.object for problem in made.problems) == [f"device {name}" for name in names]
    assert len(made.datacenter.servers) == 6


def test_a_server_on_a_port_that_a_link_is_in_is_wrong_and_the_switch_is_not():
    assert codes(end(records(), "i-r1-s01-eth0", far_interface="i-leaf-r1a-up1", far_port="up1")) == [("port_twice", "device r1-s01")]


def test_nics_are_cabled_physical_interfaces_on_our_switches():
    found = records()
    extra = [
        Interface("x-bmc", S1, "ipmi", mac="52:54:00:00:00:01", mgmt_only=True), Interface("x-lag", S1, "bond0", type="lag", mac="52:54:00:00:00:02"),
        Interface("x-virtual", S1, "vlan10", type="virtual"), Interface("x-off", S1, "eth7", enabled=False), Interface("x-loose", S1, "eth8"),
        Interface("x-pdu", S1, "psu0", mac="52:54:00:00:00:03"),
    ]
    ends = [End(item.id, "d-spine-1", "spine-1", f"far-{item.id}", f"far-{item.id}", far_role="spine") for item in extra if item.id != "x-loose"]
    ends[-1] = dataclasses.replace(ends[-1], far_device="pdu", far_name="pdu", far_role="pdu")
    found = dataclasses.replace(found, interfaces=found.interfaces + tuple(extra), ends=found.ends + tuple(ends))
    assert [nic["name"] for nic in server(found)["nics"]] == ["eth0", "eth1"]


def test_members_of_a_lag_are_nics():
    found = changed(records(), "interfaces", "i-r1-s01-eth0", lag="x")
    assert [nic["name"] for nic in server(found)["nics"]] == ["eth0", "eth1"]


def test_nics_can_be_chosen_by_name():
    assert [nic["name"] for nic in server(records(), nics_not=["eth1"])["nics"]] == ["eth0"]
    assert [nic["name"] for nic in server(records(), nics=["*1"])["nics"]] == ["eth1"]


@pytest.mark.parametrize(("change", "code"), [
    (lambda found: changed(found, "interfaces", "i-r1-s01-eth0", mac=None), "no_mac"),
    (lambda found: changed(found, "interfaces", "i-r1-s01-eth0", mac="52:54"), "no_mac"),
    (lambda found: dataclasses.replace(found, ends=found.ends + (End("i-r1-s01-eth0", "d-spine-1", "spine-1", "i-x", "x", far_role="spine"),)), "nic_twice"),
])
def test_what_is_wrong_with_a_nic_names_the_interface(change, code):
    assert codes(change(records())) == [(code, "device r1-s01, interface eth0")]


def test_a_server_without_nics_on_our_switches_is_told():
    assert codes(without_end(records(), "i-r1-s01-eth0", "i-r1-s01-eth1")) == [("no_nics", "device r1-s01")]


@pytest.mark.parametrize(("values", "mapping", "expected"), [
    ({"custom_fields": {"leasehold_class": "GPU 8xH100"}, "tags": ("class-cpu",)}, {}, "gpu-8xh100"),
    ({"custom_fields": {}, "tags": ("blue", "class-cpu")}, {}, "cpu"), ({"custom_fields": {}, "type": "poweredge_r760"}, {}, "poweredge-r760"),
    ({"custom_fields": {"leasehold_class": "a"}, "tags": ("class-b",), "type": "c"}, {"class": ["type", "tag:class-"]}, "c"),
    ({"custom_fields": {"size": "xl"}}, {"class": ["custom_field:size"], "classes": {"xl": "large"}}, "large"),
    ({"role": "server"}, {"class": ["role"]}, "server"),
])
def test_the_class_is_told_by_what_the_mapping_says(values, mapping, expected):
    assert server(device(records(), **values), **mapping)["class"] == expected


@pytest.mark.parametrize(("values", "mapping", "expected"), [
    ({"oob_ip": "10.0.0.1"}, {}, "https://10.0.0.1"), ({"oob_ip": "10.0.0.1/24"}, {"bmc_port": 8443}, "https://10.0.0.1:8443"),
    ({"oob_ip": "2001:db8::1"}, {}, "https://[2001:db8::1]"),
    ({"oob_ip": None, "custom_fields": {"leasehold_class": "cpu", "leasehold_bmc": "https://bmc.example.com:8443"}}, {}, "https://bmc.example.com:8443"),
    ({"oob_ip": "10.0.0.1", "custom_fields": {"leasehold_class": "cpu", "bmc": "10.0.0.2"}}, {"bmc": ["custom_field:bmc"]}, "https://10.0.0.2"),
    ({"oob_ip": None}, {}, "https://10.9.9.9"), ({"oob_ip": None}, {"bmc_dns_name": True}, "https://bmc-1.example.com"),
])
def test_the_bmc_is_where_the_mapping_says(values, mapping, expected):
    found = device(records(), **values)
    found = dataclasses.replace(found, interfaces=found.interfaces + (Interface("x-bmc", S1, "ipmi", mgmt_only=True),),
                                addresses=(Address("a1", "10.9.9.9/24", "x-bmc", "bmc-1.example.com"),))
    assert server(found, **mapping)["bmc"] == {"address": expected}


def test_attributes_uuid_and_management_are_read_where_the_mapping_says():
    found = device(records(), primary_ip="10.1.1.1", custom_fields={"leasehold_class": "cpu", "mem": 512, "leasehold_uuid": "U-1", "rest": "x", "off": None})
    made = server(found, attributes={"memory_gib": "mem", "gone": "off"}, management="primary_ip")
    assert (made["attributes"], made["uuid"], made["management"]["address"]) == ({"memory_gib": 512}, "U-1", "10.1.1.1")
    assert server(found, attributes=["mem"])["attributes"] == {"mem": 512}
    assert server(found)["attributes"] == {}


@pytest.mark.parametrize(("status", "expected"), [
    ("active", "active"), ("staged", "maintenance"), ("failed", "maintenance"), ("offline", "offline"), ("decommissioning", "retired"),
    ("planned", None), ("inventory", None), ("of-our-own", "maintenance"), (None, "maintenance"),
])
def test_statuses_are_mapped_and_unknown_ones_are_not_leased(status, expected):
    made = mapped(device(records(), status=status))
    assert made.problems == ()
    assert {item.name: item.status for item in made.datacenter.servers}.get("r1-s01") == expected


def test_a_status_can_be_mapped_otherwise():
    assert server(device(records(), status="of-our-own"), status={"of-our-own": "active"})["status"] == "active"


def test_a_switch_that_is_not_there_yet_has_no_nics():
    made = mapped(device(records(), "d-leaf-r1a", status="planned"))
    assert made.problems == ()
    assert {nic.switch for item in made.datacenter.servers if item.rack == "r1" for nic in item.nics} == {"leaf-r1b"}


def test_devices_are_told_by_tag_rather_than_by_role():
    made = mapped(device(device(records(), role="computer", tags=("leasehold-server",)), "d-r1-s02", role="server", tags=("leasehold-canary",)))
    assert {item.name for item in made.datacenter.servers} >= {"r1-s01"}
    assert "r1-s02" not in {item.name for item in made.datacenter.servers}
    assert {item.name for item in mapped(device(records(), role="pdu")).datacenter.servers}.isdisjoint({"r1-s01"})
    assert "r1-s01" in {item.name for item in mapped(device(records(), role="box", custom_fields={"leased": True, "leasehold_class": "c"}),
                                                     roles={"server": ["server", "custom_field:leased"]}).datacenter.servers}


@pytest.mark.parametrize(("mapping", "expected"), [({}, "r1-s01.example.com"), ({"names": "short"}, "r1-s01"), ({"names": "exact"}, "R1-S01.example.com")])
def test_names_are_made_dns_labels_as_the_mapping_says(mapping, expected):
    made = mapped(device(records(), name="R1-S01.example.com"), **mapping)
    assert next(iter(item.name for item in made.devices.values() if item.id == S1)) == expected
    assert bool(made.problems) == (expected != "r1-s01")


def test_a_link_is_by_its_lag_and_there_once():
    found = records()
    found = dataclasses.replace(found, interfaces=found.interfaces + (
        Interface("lag-leaf", "d-leaf-r1a", "Po1", type="lag"), Interface("up2", "d-leaf-r1a", "up2", lag="lag-leaf"),
        Interface("lag-spine", "d-spine-1", "Po7", type="lag"), Interface("down2", "d-spine-1", "down2", lag="lag-spine")))
    found = changed(changed(found, "interfaces", "i-leaf-r1a-up1", lag="lag-leaf"), "interfaces", "i-spine-1-leaf-r1a", lag="lag-spine")
    found = end(end(found, "i-leaf-r1a-up1", far_lag="Po7"), "i-spine-1-leaf-r1a", far_lag="Po1")
    found = dataclasses.replace(found, ends=found.ends + (
        End("up2", "d-spine-1", "spine-1", "down2", "down2", "Po7", "spine"), End("down2", "d-leaf-r1a", "leaf-r1a", "up2", "up2", "Po1", "leaf")))
    made = [link.as_dict() for link in mapped(found).datacenter.links if "leaf-r1a" in (link.a.switch, link.b.switch)]
    assert made == [{"a": {"switch": "leaf-r1a", "port": "Po1"}, "b": {"switch": "spine-1", "port": "Po7"}}]


@pytest.mark.parametrize(("platform", "expected"), [("arista-eos", "arista.eos.eos"), ("openvswitch", "openvswitch"), ("something-new", "something-new")])
def test_the_network_os_is_told_by_the_platform(platform, expected):
    made = mapped(device(records(), "d-leaf-r1a", platform=platform)).datacenter
    assert next(switch.network_os for switch in made.switches if switch.name == "leaf-r1a") == expected


def test_what_others_have_of_a_pool_is_left_out_and_what_we_published_is_not():
    found = records()
    vlans = (*found.wide.vlans, Vlan("v1", 101, "legacy", "g0"), Vlan("v2", 102, "blue", "g0", tags=("leasehold",)), Vlan("v3", 103, "elsewhere", "g9"))
    prefixes = (*found.wide.prefixes, Prefix("p1", "10.64.1.0/24", "active"), Prefix("p2", "10.64.2.0/24", "active", tags=("leasehold",)),
                Prefix("p3", "10.0.0.0/8", "container"), Prefix("p4", "10.64.3.0/24", "container"))
    made = mapped(wide(found, vlans=vlans, prefixes=prefixes)).datacenter
    assert [pool.range for pool in made.vlan_pools] == ["100,102-103"]
    assert [pool.prefix for pool in made.prefix_pools] == ["10.64.0.0/24", "10.64.2.0/23"]
    assert {pool.length for pool in made.prefix_pools} == {24}


def test_pools_can_be_written_in_the_mapping():
    made = mapped(vlan_pools={"a": "200-203"}, prefix_pools={"b": {"prefix": "10.70.0.0/20", "length": 26}}, quarantine_vlan=998).datacenter
    assert [(pool.name, pool.range) for pool in made.vlan_pools] == [("a", "200-203")]
    assert [(pool.name, pool.length) for pool in made.prefix_pools] == [("b", 26)]
    assert made.quarantine_vlan == 998
    assert made.envelope.as_dict() == {"vlans": ["200-203"], "prefixes": ["10.70.0.0/20"], "switches": ["*"]}


def test_single_vlans_can_be_marked_as_a_pool():
    found = records()
    vlans = (*found.wide.vlans, Vlan("v1", 301, "a", None, tags=("leasehold-pool",)), Vlan("v2", 302, "b", None, tags=("leasehold-pool",)))
    made = mapped(wide(found, vlan_groups=(), vlans=vlans)).datacenter
    assert [(pool.name, pool.range) for pool in made.vlan_pools] == [("vlans-marked", "301-302")]


def test_the_envelope_is_what_is_marked():
    found = records()
    groups = (*found.wide.vlan_groups, VlanGroup("g9", "delegated", "delegated", "100-101", ("leasehold-envelope",)))
    prefixes = (*found.wide.prefixes, Prefix("p9", "10.64.0.0/23", "container", tags=("leasehold-envelope",)))
    found = device(wide(found, vlan_groups=groups, prefixes=prefixes), "d-leaf-r1a", tags=("leasehold-envelope",))
    assert mapped(found).datacenter.envelope.as_dict() == {"vlans": ["100-101"], "prefixes": ["10.64.0.0/23"], "switches": ["leaf-r1a"]}
    assert mapped(found, envelope_switches=["leaf-*"]).datacenter.envelope.switches == ("leaf-*",)


@pytest.mark.parametrize(("change", "code"), [
    (lambda found: wide(found, vlan_groups=()), "no_vlan_pools"), (lambda found: wide(found, prefixes=()), "no_prefix_pools"),
    (lambda found: wide(found, vlans=()), "no_quarantine"),
    (lambda found: wide(found, vlans=(*found.wide.vlans, dataclasses.replace(found.wide.vlans[0], id="v9", vid=998))), "no_quarantine"),
    (lambda found: without_end(found, "i-spine-1-border"), "no_border"), (lambda found: device(found, "d-spine-1", platform=None), "no_border"),
    (lambda found: wide(found, vlan_groups=(dataclasses.replace(found.wide.vlan_groups[0], ranges="from 1"),)), "no_ranges"),
    (lambda found: wide(found, prefixes=(*found.wide.prefixes, dataclasses.replace(found.wide.prefixes[0], id="p9", prefix="10.64.0.0/23"))), "site_unfit"),
    (lambda found: wide(found, vlan_groups=(dataclasses.replace(found.wide.vlan_groups[0], ranges="990-1000"),), vlans=(
        dataclasses.replace(found.wide.vlans[0], group=None),)), "site_unfit"),
])
def test_what_is_wrong_with_the_site_itself_is_fatal(change, code):
    assert fatal(change(records())) == [code]


def test_a_canary_is_a_device_cabled_to_a_switch():
    assert codes(changed(records(), "interfaces", "i-canary-acme-eth0", vlan=None)) == [("no_vlan", "device canary-acme")]
    found = changed(records(), "interfaces", "i-canary-acme-eth0", vlan=None)
    assert mapped(device(found, "d-canary-acme", custom_fields={"leasehold_vlan": 191})).datacenter.canaries[0].vlan == 191
    other = {"name": "mine", "vlan": 192, "address": "10.99.0.11", "switch": "spine-1", "port": "can1"}
    assert [canary.name for canary in mapped(canaries=[other]).datacenter.canaries] == ["mine", "canary-acme"]


@pytest.mark.parametrize("text", ["52:54:00:AA:bb:01", "52-54-00-aa-bb-01", "5254.00aa.bb01", "525400aabb01"])
def test_macs_are_understood_however_they_are_written(text):
    assert mac_of(text) == "52:54:00:aa:bb:01"


def test_slugs_are_as_netbox_makes_them():
    assert [slug(name) for name in ("Dell R760", "Top-of-Rack", " GPU (8x) ")] == ["dell-r760", "top-of-rack", "gpu-8x"]


@pytest.mark.parametrize("mapping", [
    {"rolls": {}}, {"roles": {"server": "server"}}, {"roles": {"boss": []}}, {"roles": {"leaf": ["custom_field:x"]}}, {
        "status": {"a": "up"}}, {"names": "upper"},
    {"class": "type"}, {"bmc_port": "x"}, {"bmc_dns_name": 1}, {"vlan_pools": {"a": "x"}}, {"prefix_pools": {"a": "10.0.0.0/8"}}, {"quarantine_vlan": 5000},
    {"prefix_pools": {"a": {"prefix": "10.0.0.1/8", "length": 9}}}, {"canaries": [{"name": "x"}]}, {"publish": ["everything"]}, {"spares": {"gpu": -1}}, ["x"],
])
def test_a_mapping_that_cannot_be_used_is_refused_with_its_key(mapping):
    with pytest.raises(InvalidInput) as error:
        Mapping.from_dict(mapping, "mapping.yml")
    assert error.value.object.startswith("mapping.yml")
    assert error.value.remedy


def test_what_a_mapping_leaves_out_has_defaults_and_mappings_are_added_to():
    made = Mapping.from_dict({"roles": {"server": ["box"]}, "status": {"active": "offline"}})
    assert (made["roles"]["server"], made["roles"]["leaf"]) == (["box"], DEFAULTS["roles"]["leaf"])
    assert (made["status"]["active"], made["status"]["staged"]) == ("offline", "maintenance")
    assert Mapping.from_dict(None).values == Mapping().values == dict(DEFAULTS)


def test_the_fingerprint_follows_what_records_become():
    assert Mapping.from_dict({"names": "short"}).fingerprint != Mapping().fingerprint == Mapping.from_dict({"publish": ["tenant"]}).fingerprint


def test_the_custom_fields_that_are_read_are_told():
    made = Mapping.from_dict({"class": ["custom_field:size=xl"], "attributes": {"gpus": "gpu_count"}, "roles": {"server": ["custom_field:leased"]}})
    assert {"size", "gpu_count", "leased", "leasehold_bmc", "leasehold_uuid"} <= made.custom_fields
    assert "leasehold_class" not in made.custom_fields
