# SPDX-License-Identifier: GPL-3.0-or-later
"""Switches that are as the ledger has them have no drift; each port and trunk that is not, is told with its severity and what mends it."""

from __future__ import annotations

import dataclasses

import pytest

from ansible_collections.leasehold.cloud.plugins.module_utils.core import reconcile_fabric
from ansible_collections.leasehold.cloud.plugins.module_utils.core.drift import ALARM, DRIFT, Facts
from tests.unit.plugins.module_utils.core.drifting import altered, facts, seen, told, world


def on_switches(facts_: Facts, ports: dict) -> list[tuple]:
    return told(reconcile_fabric.drifts(facts_, seen(ports)))


def test_switches_that_are_right_have_no_drift():
    assert on_switches(facts(), world()) == []


def test_a_free_servers_port_in_a_vlan_is_drift_and_in_a_tenants_segment_an_alarm():
    (stray,) = reconcile_fabric.drifts(facts(), seen(altered("leaf-r1a", "s03", vlan=55)))
    assert (stray.kind, stray.severity, stray.server, stray.expected, stray.found) == ("port", DRIFT, "r1-s03", "access 999", "access 55")
    (leak,) = reconcile_fabric.drifts(facts(), seen(altered("leaf-r1a", "s03", vlan=101)))
    assert (leak.severity, leak.server, "in the segment of red" in leak.found) == (ALARM, "r1-s03", True)
    assert leak.mend.startswith("mend: port")


def test_a_port_of_what_a_mend_has_set_aside_is_still_to_be_moved():
    aside = facts({"r1-s03": "quarantined", "r1-s04": "quarantined"}, drifted=frozenset({"r1-s03"}))
    ports = altered("leaf-r1a", "s03", vlan=55)
    ports["leaf-r1a"]["s04"]["vlan"] = 55
    assert [(one.server, one.begun) for one in reconcile_fabric.drifts(aside, seen(ports))] == [("r1-s03", True), ("r1-s04", False)]


def test_a_trunk_to_a_free_server_is_drift():
    assert on_switches(facts(), altered("leaf-r1a", "s03", mode="trunk", vlan=None, vlans=[999])) == [
        ("port", "leaf-r1a port s03 (r1-s03 eth0)", DRIFT)]
    assert on_switches(facts(), altered("leaf-r1a", "s03", mode="trunk", vlan=None, vlans=[]))[0][2] == ALARM, "it carries all"


@pytest.mark.parametrize(("vlan", "word"), [(999, "access 999"), (101, "in the segment of red"), (7, "access 7")])
def test_a_held_servers_port_elsewhere_is_an_alarm_that_nobody_mends_by_himself(vlan, word):
    (found,) = reconcile_fabric.drifts(facts(), seen(altered("leaf-r1b", "s01", vlan=vlan)))
    assert (found.kind, found.severity, found.server) == ("port", ALARM, None)
    assert word in found.found and found.expected == "access 100"


def test_a_run_at_work_moves_ports_but_only_between_its_segment_and_quarantine():
    at_work = facts(blue={"at_work": True, "phase": "scaling"})
    assert on_switches(at_work, altered("leaf-r1b", "s01", vlan=999)) == []
    assert on_switches(at_work, altered("leaf-r1b", "s01", vlan=101)) == [("port", "leaf-r1b port s01 (r1-s01 eth1)", ALARM)]


@pytest.mark.parametrize(("state", "vlan", "fine"), [
    ("claimed", 999, True), ("provisioning", 100, True), ("cleaning", 999, True), ("in_service", 999, False), ("quarantined", 999, True),
    ("quarantined", 100, False),
])
def test_a_held_servers_ports_go_with_its_state(state, vlan, fine):
    assert (on_switches(facts({"r1-s01": state}), altered("leaf-r1b", "s01", vlan=vlan) | {
        "leaf-r1a": altered("leaf-r1a", "s01", vlan=vlan)["leaf-r1a"]}) == []) == fine


def test_a_trunk_that_cuts_a_segment_is_an_alarm():
    found = reconcile_fabric.drifts(facts(), seen(altered("spine-1", "border", vlans=[101, 999])))
    assert told(found) == [("trunk", "spine-1 port border", ALARM)]
    assert "100 of blue" in found[0].expected


def test_a_trunk_is_asked_for_by_what_is_in_service_also_of_a_cluster_that_failed_or_whose_run_died():
    cut = altered("spine-1", "border", vlans=[101, 999])
    for operation in ("scale", "create", "delete"):
        (found,) = reconcile_fabric.drifts(facts(blue={"phase": "failed", "failed": operation}), seen(cut))
        assert (found.kind, found.object, found.severity) == ("trunk", "spine-1 port border", ALARM)
        assert found.mend == f"cluster_{operation} of blue again"
    dead = {"state": "running", "live": False, "operation": "scale"}
    assert on_switches(facts(blue={"phase": "scaling", "run": dead}), cut) == [("trunk", "spine-1 port border", ALARM)]
    assert on_switches(facts(blue={"phase": "scaling", "run": dead | {"live": True}, "at_work": True}), cut) == []
    begun = facts({"r1-s01": "provisioning", "r2-s01": "claimed"}, blue={"phase": "failed", "failed": "create"})
    assert on_switches(begun, cut) == [], "a create that failed has not set it yet"


def test_a_vlan_on_a_trunk_where_no_member_needs_it_is_drift():
    assert on_switches(facts(), altered("leaf-r2a", "up1", vlans=[100, 103, 999])) == [("trunk", "leaf-r2a port up1", DRIFT)]
    assert on_switches(facts(), altered("leaf-r2a", "up1", vlans=[100, 101, 999])) == [("trunk", "leaf-r2a port up1", DRIFT)]
    assert on_switches(facts(), altered("leaf-r2a", "up1", vlans=[100, 999, 3000])) == [], "VLANs outside the pools are not ours"


def test_a_run_at_work_may_have_its_vlan_anywhere():
    at_work = facts(blue={"at_work": True, "members": ()}, holders={"r1-s02": "red"})
    ports = world()
    for server in ("s01",):
        for switch in ("leaf-r1a", "leaf-r1b", "leaf-r2a", "leaf-r2b"):
            ports[switch][server]["vlan"] = 999
    assert on_switches(at_work, ports) == []


def test_a_trunk_that_carries_all_is_an_alarm():
    assert on_switches(facts(), altered("leaf-r2a", "up1", vlans=[])) == [("trunk", "leaf-r2a port up1", ALARM)]


def test_a_port_that_the_source_does_not_have_carries_no_segment():
    ports = world()
    ports["leaf-r1a"]["x9"] = {"name": "x9", "mode": "access", "vlan": 100, "vlans": []}
    ports["leaf-r1b"]["x9"] = {"name": "x9", "mode": "access", "vlan": 7, "vlans": []}
    ports["spine-1"]["can0"]["vlan"] = 101
    assert on_switches(facts(), ports) == [("port", "spine-1 port can0", ALARM), ("port", "leaf-r1a port x9", ALARM)]


def test_a_port_that_is_gone_is_told():
    ports = world()
    del ports["leaf-r1a"]["s01"], ports["leaf-r1a"]["s03"]
    assert on_switches(facts(), ports) == [("port", "leaf-r1a port s01 (r1-s01 eth0)", ALARM), ("port", "leaf-r1a port s03 (r1-s03 eth0)", DRIFT)]
    assert [found.server for found in reconcile_fabric.drifts(facts(), seen(ports))] == [None, None]


def test_a_switch_that_was_not_read_is_an_alarm_and_no_more():
    ports = world()
    del ports["leaf-r1a"]
    assert on_switches(facts(), ports) == [("unread", "switch leaf-r1a", ALARM)]


def test_with_few_servers_only_their_switches_are_looked_at():
    few = facts(chosen=frozenset({"r1-s03"}))
    assert [switch["name"] for switch in reconcile_fabric.to_read(few)] == ["leaf-r1a", "leaf-r1b"]
    ports = altered("leaf-r1a", "s04", vlan=55)
    ports["leaf-r1a"]["s03"]["vlan"] = 66
    assert on_switches(few, {"leaf-r1a": ports["leaf-r1a"], "leaf-r1b": ports["leaf-r1b"]}) == [("port", "leaf-r1a port s03 (r1-s03 eth0)", DRIFT)]
    assert len(reconcile_fabric.to_read(facts())) == 5


def test_of_what_moved_meanwhile_nothing_is_said():
    assert on_switches(facts(moving=frozenset({"r1-s03"})), altered("leaf-r1a", "s03", vlan=55)) == []


def test_a_cluster_without_a_way_to_the_border_is_told():
    cut = facts()
    cut = dataclasses.replace(cut, datacenter=dataclasses.replace(cut.datacenter, links=cut.datacenter.links[:-2]))
    assert ("source", "cluster blue", ALARM) in on_switches(cut, world())
