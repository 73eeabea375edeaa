# SPDX-License-Identifier: GPL-3.0-or-later
"""Drift: a world that is as the ledger has it has none; each thing that is not, is told with its severity and what mends it."""

from __future__ import annotations

import copy
import dataclasses

import pytest

from ansible_collections.leasehold.cloud.plugins.module_utils.core import drift, fabric, hypershift, reconcile, reconcile_fabric
from ansible_collections.leasehold.cloud.plugins.module_utils.core.changes import Change, as_diff
from ansible_collections.leasehold.cloud.plugins.module_utils.core.claims import Segment
from ansible_collections.leasehold.cloud.plugins.module_utils.core.drift import ALARM, DRIFT, NOTE, Facts, Holder
from tests.unit.plugins.module_utils.core import sites

RED = Segment("red", 101, "10.64.1.0/24", "10.64.1.1", 999)
HELD = {"r1-s01": "blue", "r2-s01": "blue", "r1-s02": "red"}


def facts(states: dict[str, str] | None = None, statuses: dict[str, str] | None = None, **changes) -> Facts:
    """Blue holds a server in each rack, red one in the first; all ready and in service, but for what is changed.

    :param changes: fields of Facts, and C(blue), a dict of fields of its Holder.
    """
    servers = []
    for server in sites.site().servers:
        held = HELD.get(server.name)
        state = (states or {}).get(server.name, "in_service" if held else "available")
        servers.append(dataclasses.replace(server, state=state, status=(statuses or {}).get(server.name, "active"), node_set="workers" if held else None))
    members = {name: tuple(server for server in servers if HELD.get(server.name) == name) for name in ("blue", "red")}
    clusters = {
        "blue": Holder("blue", "ready", sites.SEGMENT, members["blue"], **{}),
        "red": Holder("red", "ready", RED, members["red"]),
    }
    clusters["blue"] = dataclasses.replace(clusters["blue"], **changes.pop("blue", {}))
    return Facts(**{
        "datacenter": sites.site(servers=tuple(servers)), "chosen": frozenset(server.name for server in servers), "holders": dict(HELD),
        "clusters": clusters, "known_clusters": frozenset(clusters),
    } | changes)


def world() -> dict[str, dict[str, dict]]:
    """The switches as they are when all is right: by switch, by port."""
    datacenter = sites.site()
    ports: dict[str, dict[str, dict]] = {switch.name: {} for switch in datacenter.switches}
    for server in datacenter.servers:
        for nic in server.nics:
            ports[nic.switch][nic.port] = {"name": nic.port, "mode": "access", "vlan": 999, "vlans": []}
    for link in datacenter.links:
        for end in link.ends:
            ports[end.switch][end.port] = {"name": end.port, "mode": "trunk", "vlan": None, "vlans": [999]}
    for canary in datacenter.canaries:
        ports[canary.switch][canary.port] = {"name": canary.port, "mode": "access", "vlan": canary.vlan, "vlans": []}
    for segment, names in ((sites.SEGMENT, ("r1-s01", "r2-s01")), (RED, ("r1-s02",))):
        members = [server for server in datacenter.servers if server.name in names]
        for change in fabric.desired_ports(segment, members, datacenter):
            for port in change["ports"]:
                there = ports[change["name"]][port["name"]]
                if port["mode"] == "access":
                    there["vlan"] = port["vlan"]
                else:
                    there["vlans"] = sorted({*there["vlans"], *port["add"]})
    return ports


def seen(ports: dict) -> dict[str, list[dict]]:
    return {switch: list(found.values()) for switch, found in ports.items()}


def on_switches(facts_: Facts, ports: dict) -> list[tuple]:
    return told(reconcile_fabric.drifts(facts_, seen(ports)))


def told(drifts) -> list[tuple]:
    return [(found.kind, found.object, found.severity) for found in drifts]


def altered(switch: str, port: str, **changes) -> dict:
    ports = world()
    ports[switch][port] |= changes
    return ports


# --- switches ---


def test_switches_that_are_right_have_no_drift():
    assert on_switches(facts(), world()) == []


def test_a_free_servers_port_in_a_vlan_is_drift_and_in_a_tenants_segment_an_alarm():
    (stray,) = reconcile_fabric.drifts(facts(), seen(altered("leaf-r1a", "s03", vlan=55)))
    assert (stray.kind, stray.severity, stray.server, stray.expected, stray.found) == ("port", DRIFT, "r1-s03", "access 999", "access 55")
    (leak,) = reconcile_fabric.drifts(facts(), seen(altered("leaf-r1a", "s03", vlan=101)))
    assert (leak.severity, leak.server, "in the segment of red" in leak.found) == (ALARM, "r1-s03", True)
    assert leak.mend.startswith("mend: port")


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
    failed = facts(blue={"phase": "failed"})
    assert on_switches(failed, altered("spine-1", "border", vlans=[101, 999])) == [], "a create that failed has not set it yet"


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


# --- source ---


def synced(*changes: Change, alarms: tuple = ()) -> dict:
    return {"changed": bool(changes), "alarms": list(alarms), "diff": as_diff(list(changes))}


def test_a_source_that_says_what_the_mirror_says_has_no_drift():
    assert reconcile.source_drifts(facts(), {"alarms": [], "counts": {}}) == []


def test_what_a_sync_would_change_is_drift_with_what_differs():
    before = {"name": "r1-s03", "status": "active", "rack": "r1"}
    found = reconcile.source_drifts(facts(), synced(
        Change("server", "r1-s03", before, before | {"status": "maintenance"}), Change("switch", "leaf-r3a", None, {"name": "leaf-r3a"}),
        Change("link", "lab/leaf-r1a:up1--spine-1:leaf-r1a", {"a": 1}, None)))
    assert [(one.object, one.expected, one.found, one.severity) for one in found] == [
        ("link lab/leaf-r1a:up1--spine-1:leaf-r1a", "not there", "there", DRIFT),
        ("server r1-s03", 'status "maintenance"', 'status "active"', DRIFT), ("switch leaf-r3a", "there", "not there", DRIFT)]
    assert {one.mend for one in found} == {"source_sync"}


def test_a_held_server_that_vanished_or_changed_is_an_alarm_told_once():
    alarms = ({"server": "r1-s01", "cluster": "blue", "problem": "missing", "message": "x"},
              {"server": "r2-s01", "cluster": "blue", "problem": "changed", "message": "x"})
    changes = (Change("server", "r1-s01", "in its source", "missing from its source, and held"), Change("server", "r2-s01", {"serial": 1}, {"serial": 2}))
    found = reconcile.source_drifts(facts(missing=frozenset({"r1-s01"})), synced(*changes, alarms=alarms))
    assert told(found) == [("vanished", "server r1-s01", ALARM), ("hardware", "server r2-s01", ALARM)]


def test_one_that_vanished_long_ago_is_still_an_alarm():
    assert told(reconcile.source_drifts(facts(missing=frozenset({"r1-s01"})), synced())) == [("vanished", "server r1-s01", ALARM)]


@pytest.mark.parametrize("read", [None, {"failed": True, "reason": "it is not there"}, {"failed": False, "reason": "it is not there", "msg": "long"}])
def test_a_source_that_cannot_be_read_is_drift(read):
    (found,) = reconcile.source_drifts(facts(), read)
    assert (found.kind, found.severity, found.found) == ("unread", DRIFT, read and "it is not there")


# --- BMCs ---


def bmcs(facts_: Facts, **changes) -> dict:
    """What the BMCs say when all is right, with changes by server (its dashes as underscores)."""
    answers = {server.name: {"power": "On" if server.name in HELD else "Off", "serial": server.serial, "virtual_media": None}
               for server in facts_.datacenter.servers}
    for name, change in changes.items():
        answers[name.replace("_", "-")] |= change
    return {"servers": answers, "failed_servers": {}}


def test_bmcs_that_are_right_have_no_drift():
    assert reconcile.bmc_drifts(facts(), bmcs(facts())) == []


@pytest.mark.parametrize(("change", "kind", "severity", "server"), [
    ({"r1_s03": {"power": "On"}}, "power", DRIFT, "r1-s03"),
    ({"r1_s03": {"virtual_media": "http://image"}}, "media", DRIFT, "r1-s03"),
    ({"r1_s03": {"serial": "other", "power": "On"}}, "serial", DRIFT, None),
    ({"r1_s01": {"power": "Off"}}, "power", ALARM, None),
    ({"r1_s01": {"serial": "other"}}, "serial", ALARM, None),
])
def test_each_thing_that_is_not_right_at_a_bmc_is_told(change, kind, severity, server):
    (found,) = reconcile.bmc_drifts(facts(), bmcs(facts(), **change))
    assert (found.kind, found.severity, found.server) == (kind, severity, server)


def test_power_is_judged_by_the_servers_state():
    off = bmcs(facts(), r1_s01={"power": "Off"})
    assert reconcile.bmc_drifts(facts(blue={"at_work": True}), off) == []
    assert reconcile.bmc_drifts(facts({"r1-s01": "quarantined"}), off) == []
    on = bmcs(facts(), r1_s03={"power": "On"})
    assert told(reconcile.bmc_drifts(facts({"r1-s03": "quarantined"}), on)) == [("power", "server r1-s03", NOTE)]
    assert reconcile.bmc_drifts(facts({"r1-s03": "cleaning"}), on) == []


def test_a_bmc_that_does_not_answer_is_drift_unless_its_server_is_not_ours_to_ask():
    read = bmcs(facts())
    for name in ("r1-s03", "r1-s04"):
        del read["servers"][name]
    read["failed_servers"] = {"r1-s03": "no route to host"}
    found = reconcile.bmc_drifts(facts(statuses={"r1-s04": "maintenance"}), read)
    assert [(one.kind, one.object, one.severity, one.found) for one in found] == [("unread", "server r1-s03", DRIFT, "no route to host")]
    assert "r1-s04" not in {server["name"] for server in reconcile.bmcs_to_read(facts(statuses={"r1-s04": "maintenance"}))}


def test_when_no_bmc_was_read_that_is_told_once():
    assert told(reconcile.bmc_drifts(facts(), {"msg": "refused"})) == [("unread", "the BMCs", DRIFT)]
    assert reconcile.bmc_drifts(facts(chosen=frozenset()), {"skipped": True}) == []


# --- hub ---


def hub(*clusters: str, without: tuple = ()) -> list[dict]:
    """Answers with the objects of clusters, each with a node set C(workers)."""
    resources = []
    for name in clusters:
        kinds = (("Namespace", name, None), ("HostedCluster", name, name), ("NodePool", f"{name}-workers", name), ("ManagedCluster", name, None))
        for kind, own, namespace in kinds:
            metadata = {"name": own, "labels": hypershift.labels(name, "acme")} | ({"namespace": namespace} if namespace else {})
            resources.append({"kind": kind, "metadata": metadata})
    return [{"resources": [item]} for item in resources if (item["kind"], item["metadata"]["name"]) not in without]


def test_a_hub_that_is_right_has_no_drift():
    assert reconcile.hub_drifts(facts(), hub("blue", "red")) == []


def test_what_a_deleted_cluster_left_on_the_hub_is_drift():
    (found,) = reconcile.hub_drifts(facts(), hub("blue", "red", "old"))
    assert (found.kind, found.object, found.severity) == ("leftover", "cluster old", DRIFT)
    assert "nodepool/old-workers -n old" in found.found and "namespace/old" in found.found


def test_objects_of_others_are_not_ours():
    strange = [{"resources": [{"kind": "Namespace", "metadata": {"name": "x", "labels": {"app.kubernetes.io/managed-by": "helm", hypershift.CLUSTER: "x"}}},
                              {"kind": "Namespace", "metadata": {"name": "y"}}]}]
    assert reconcile.hub_drifts(facts(), hub("blue", "red") + strange) == []


@pytest.mark.parametrize(("gone", "word"), [(("HostedCluster", "blue"), "HostedCluster"), (("NodePool", "blue-workers"), "blue-workers")])
def test_a_ready_cluster_that_the_hub_lost_is_an_alarm(gone, word):
    read = hub("blue", "red", without=(gone,))
    (found,) = reconcile.hub_drifts(facts(), read)
    assert (found.kind, found.object, found.severity) == ("lost", "cluster blue", ALARM) and word in found.expected
    assert reconcile.hub_drifts(facts(blue={"at_work": True}), read) == []
    assert reconcile.hub_drifts(facts(blue={"phase": "failed"}), read) == []


def test_a_ready_cluster_that_is_being_deleted_on_the_hub_is_an_alarm():
    read = hub("blue", "red")
    read[1]["resources"][0]["metadata"]["deletionTimestamp"] = "2026-11-20T10:00:00Z"
    assert told(reconcile.hub_drifts(facts(), read)) == [("lost", "cluster blue", ALARM)]


@pytest.mark.parametrize("read", [None, [{"msg": "no"}], [{"resources": []}, {"msg": "no"}]])
def test_a_hub_that_cannot_be_read_is_an_alarm(read):
    assert told(reconcile.hub_drifts(facts(), read)) == [("unread", "hub", ALARM)]


def test_a_cluster_that_ended_meanwhile_is_no_leftover():
    assert reconcile.hub_drifts(facts(moving=frozenset({"old"})), hub("blue", "red", "old")) == []


# --- the ledger itself ---


def test_a_ledger_that_is_right_has_no_drift():
    assert reconcile.ledger_drifts(facts()) == []


def test_what_killed_runs_and_unused_holds_left_is_told():
    dead = {"state": "running", "live": False, "operation": "scale", "step": "Segment", "token": 7}
    found = reconcile.ledger_drifts(facts({"r1-s03": "claimed", "r1-s01": "releasing"}, lapsed=frozenset({"green"}), blue={"run": dead}))
    assert told(found) == [("hold", "cluster green", NOTE), ("state", "server r1-s01", DRIFT), ("state", "server r1-s03", DRIFT), ("run", "cluster blue", NOTE)]
    assert [one.server for one in found] == [None, None, "r1-s03", None]
    assert "cluster_scale" in found[-1].mend and "token 7" in found[-1].found


def test_a_live_run_and_a_wipe_are_no_drift():
    live = {"state": "running", "live": True, "operation": "scale"}
    assert reconcile.ledger_drifts(facts({"r1-s03": "cleaning", "r1-s04": "repair"}, blue={"run": live, "at_work": True})) == []


# --- telling and mending ---


def test_alarms_come_first():
    found = drift.ordered(reconcile.bmc_drifts(facts(), bmcs(facts(), r1_s03={"power": "On"}, r2_s01={"power": "Off"}))
                          + reconcile_fabric.drifts(facts(), seen(altered("leaf-r1a", "s03", vlan=55))))
    assert [one.object for one in found] == ["server r2-s01", "leaf-r1a port s03 (r1-s03 eth0)", "server r1-s03"]
    assert drift.counts(found) == {"alarm": 1, "drift": 2, "note": 0}
    assert drift.verdict(found) == "1 alarm, 2 drifts: server r2-s01 power is off, not on, in service in cluster blue"
    lines = "\n".join(drift.table(found))
    assert "SEVERITY" in lines and "leaf-r1a port s03" in lines


def test_no_drift_is_told_too():
    assert drift.table([]) == ["none"]
    assert drift.verdict([]).startswith("no drift")


def test_of_very_many_some_are_shown_and_the_others_counted():
    many = [drift.Drift("bmcs", "unread", f"server {number}", DRIFT, "read", None, "x") for number in range(drift.SHOWN + 5)]
    assert drift.table(many)[-1] == "and 5 more of severity drift"


def test_only_what_was_asked_for_is_mended_and_only_what_nobody_holds():
    everything = copy.deepcopy(bmcs(facts(), r1_s03={"power": "On", "virtual_media": "http://image"}, r1_s01={"power": "Off"}))
    found = [one.as_dict() for one in reconcile.bmc_drifts(facts(), everything)]
    assert drift.to_mend(found, ["power"]) == {"r1-s03": "drift: power on"}
    assert drift.to_mend(found, drift.MENDABLE) == {"r1-s03": "drift: power on, media http://image"}
    assert drift.to_mend(found, ["port", "hold"]) == {}
