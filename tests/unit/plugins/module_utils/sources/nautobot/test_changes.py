# SPDX-License-Identifier: GPL-3.0-or-later
"""What the change log of a Nautobot means."""

from __future__ import annotations

import pytest

from ansible_collections.leasehold.cloud.plugins.module_utils.sources.nautobot.changes import Affected, affected, detail


def entry(model: str, action: str = "UPDATE", id: str = "x1", related: tuple[str, str] | None = None) -> dict:
    app, name = model.split(".")
    return {
        "id": f"e-{model}-{action}-{id}", "time": "2026-11-21T07:00:00+00:00", "action": action, "changed_object_type": {"app_label": app, "model": name},
        "changed_object_id": id, "related_object_type": related and {"app_label": related[0].split(".")[0], "model": related[0].split(".")[1]},
        "related_object_id": related and related[1],
    }


def test_a_device_and_whose_component_changed_are_read_again():
    found = affected([entry("dcim.device", id="d1"), entry("dcim.interface", "CREATE", "i1", ("dcim.device", "d2")),
                      entry("dcim.consoleport", "DELETE", "c1", ("dcim.device", "d3"))])
    assert found.devices == {"d1", "d2", "d3"}
    assert not found.wide and found.gap is None


@pytest.mark.parametrize("model", ["extras.note", "circuits.circuit", "extras.jobresult", "extras.computedfield", "dcim.manufacturer"])
def test_what_has_nothing_to_do_with_the_site_is_nothing(model):
    assert affected([entry(model)]) == Affected()


@pytest.mark.parametrize("model, action", [
    ("dcim.location", "UPDATE"), ("extras.customfield", "CREATE"), ("extras.tag", "DELETE"), ("ipam.vlan", "DELETE"), ("dcim.platform", "DELETE"),
    ("dcim.module", "CREATE")])
def test_what_touches_objects_that_the_log_does_not_name_is_a_gap(model, action):
    assert affected([entry(model, action)]).gap


@pytest.mark.parametrize("model, action, wide", [("ipam.vlan", "CREATE", True), ("ipam.prefix", "DELETE", True), ("ipam.vlangroup", "UPDATE", True),
                                                 ("dcim.rack", "CREATE", True), ("tenancy.tenant", "CREATE", True), ("extras.tag", "CREATE", False)])
def test_what_is_site_wide(model, action, wide):
    found = affected([entry(model, action)])
    assert found.wide is wide and found.gap is None


def test_a_role_that_is_renamed_means_its_devices():
    assert dict(affected([entry("extras.role", id="r1")]).filters) == {"role": {"r1"}}
    assert not affected([entry("extras.role", "CREATE", "r1")]).filters


def test_a_vlan_that_changed_may_be_on_interfaces():
    assert affected([entry("ipam.vlan", id="v1")]).vlans == {"v1"}


def cable(a: tuple[str, str], b: tuple[str, str]) -> dict:
    return {"termination_a_type": a[0], "termination_a_id": a[1], "termination_b_type": b[0], "termination_b_id": b[1]}


def test_a_cable_touches_both_ends_before_and_after():
    found = Affected()
    detail(found, entry("dcim.cable"), cable(("dcim.interface", "i1"), ("dcim.interface", "i2")), cable(("dcim.interface", "i1"), ("dcim.frontport", "f1")))
    assert found.interfaces == {"i1", "i2"} and found.ports == {("front-ports", "f1")}


def test_a_cable_of_3_2_has_all_its_terminations():
    found = Affected()
    detail(found, entry("dcim.cable"), None, {"terminations": {
        "a1": {"id": "i1", "object_type": "dcim.interface"}, "b1": {"id": "i2", "object_type": "dcim.interface"},
        "b2": {"id": "r1", "object_type": "dcim.rearport"}}})
    assert found.interfaces == {"i1", "i2"} and found.ports == {("rear-ports", "r1")}


def test_an_interface_that_is_gone_leaves_its_neighbours():
    found = affected([row := entry("dcim.interface", "DELETE", "i1", ("dcim.device", "d1"))])
    detail(found, found.details[0], None, {"cable_peer": {"id": "f1", "object_type": "dcim.frontport"},
                                           "connected_endpoint": {"id": "i9", "object_type": "dcim.interface"}})
    assert found.details == [row] and found.interfaces == {"i9"} and found.ports == {("front-ports", "f1")}


@pytest.mark.parametrize(
    "before, shown", [({"name": "s1", "role": {"id": "r"}, "tags": []}, False), ({"name": "s0", "role": {"id": "r"}, "tags": []}, True), (None, False)])
def test_neighbours_repeat_a_devices_name(before, shown):
    found = affected([entry("dcim.device", id="d1")])
    detail(found, found.details[0], before, {"name": "s1", "role": {"id": "r"}, "tags": []})
    assert found.shown == ({"d1"} if shown else set())


@pytest.mark.parametrize("before, shown", [({"name": "eth0", "lag": None}, True), ({"name": "eth9", "lag": None}, False), (None, True)])
def test_an_interface_that_is_renamed_shows_at_the_other_end(before, shown):
    found = affected([entry("dcim.interface", id="i1", related=("dcim.device", "d1"))])
    detail(found, found.details[0], before, {"name": "eth9", "lag": None})
    assert found.shown == ({"i1"} if shown else set())


def test_both_names_of_a_rack_count():
    found = affected([entry("dcim.rack", id="k1")])
    detail(found, found.details[0], {"name": "r1"}, {"name": "r2"})
    assert found.rack_names == {"r1", "r2"} and found.filters["rack"] == {"k1"} and found.wide


def test_an_address_means_the_interfaces_that_had_it():
    found = affected([entry("ipam.ipaddress", "DELETE", "a1")])
    detail(found, found.details[0], None, {"interfaces": [{"id": "i1"}]})
    assert found.interfaces == {"i1"} and not found.addresses
