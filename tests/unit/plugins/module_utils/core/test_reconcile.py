# SPDX-License-Identifier: GPL-3.0-or-later
"""Source, BMCs, hub and ledger that agree have no drift; each thing that does not, is told with its severity and what mends it."""

from __future__ import annotations

import dataclasses
import re
from pathlib import Path

import pytest

from ansible_collections.leasehold.cloud.plugins.module_utils.core import drift, hypershift, mirroring, reconcile, reconcile_fabric
from ansible_collections.leasehold.cloud.plugins.module_utils.core.changes import Change
from ansible_collections.leasehold.cloud.plugins.module_utils.core.drift import ALARM, DRIFT, NOTE
from tests.unit.plugins.module_utils.core.drifting import altered, bmcs, facts, hub, seen, synced, told, world

ROOT = Path(__file__).parents[5]
PLAYBOOKS = {path.stem for path in (ROOT / "playbooks").glob("*.yml")}
OPERATIONS = sorted({  # that runs are started with, wherever a playbook or a role does
    found for folder in ("playbooks", "roles") for path in (ROOT / folder).rglob("*.yml")
    for found in re.findall(r"^ +(?:cluster_)?operation: ([a-z]+)$", path.read_text(encoding="utf-8"), re.MULTILINE)} - {"verify"})  # takes no run

# --- source ---


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


def test_what_vanished_is_told_though_the_source_cannot_be_read():
    found = reconcile.source_drifts(facts(missing=frozenset({"r1-s01"})), {"failed": True, "reason": "it is not there"})
    assert told(found) == [("unread", "source of truth", DRIFT), ("vanished", "server r1-s01", ALARM)]
    assert "cluster blue" in found[1].expected


def alarmed(problem: str) -> drift.Drift:
    """The drift that an alarm of a sync is told as."""
    alarm = mirroring.alarm("r1-s01", "blue", problem)
    (found,) = reconcile.source_drifts(facts(missing=frozenset({"r1-s01"} if problem != "changed" else ())), synced(alarms=(alarm,)))
    return found


@pytest.mark.parametrize(("problem", "kind", "found", "remedy"), [
    ("missing", "vanished", "not in its source", "put it back into the source"),
    ("replaced", "vanished", "another device", "give the name back to the device that had it"),
    ("renamed", "renamed", "another name", "nothing is wrong with the server"),
    ("invalid", "invalid", "cannot be used", "source_audit"),
    ("changed", "hardware", "other hardware or cabling", "find out whether it was exchanged"),
])
def test_each_alarm_of_a_sync_has_its_kind_and_its_remedy(problem, kind, found, remedy):
    one = alarmed(problem)
    assert (one.kind, one.severity, one.object, one.server) == (kind, ALARM, "server r1-s01", None)
    assert "blue" in one.expected and found in one.found and remedy in one.mend


def test_only_what_may_have_lost_its_hardware_is_advised_to_be_scaled_out():
    assert {problem for problem in mirroring.MESSAGES if "scale it out" in alarmed(problem).mend} == {"missing", "replaced", "changed"}


# --- BMCs ---


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


@pytest.mark.parametrize("serial", ["r1-s01-SERIAL", " R1-S01-serial  ", None, "", "  "])
def test_a_serial_that_is_written_otherwise_or_not_told_is_no_other_machine(serial):
    site = facts()
    servers = tuple(dataclasses.replace(server, serial="R1-S01-SERIAL") if server.name == "r1-s01" else server for server in site.datacenter.servers)
    site = dataclasses.replace(site, datacenter=dataclasses.replace(site.datacenter, servers=servers))
    assert reconcile.bmc_drifts(site, bmcs(site, r1_s01={"serial": serial})) == []
    assert told(reconcile.bmc_drifts(site, bmcs(site, r1_s01={"serial": serial, "power": "Off"}))) == [("power", "server r1-s01", ALARM)]
    assert told(reconcile.bmc_drifts(site, bmcs(site, r1_s01={"serial": "other", "power": "Off"}))) == [("serial", "server r1-s01", ALARM)]


def test_a_bmc_is_asked_for_the_system_with_its_servers_serial():
    asked = {server["name"]: server["serial"] for server in reconcile.bmcs_to_read(facts())}
    assert asked == {server.name: server.serial for server in facts().datacenter.servers}


def test_power_is_judged_by_the_servers_state():
    off = bmcs(facts(), r1_s01={"power": "Off"})
    assert reconcile.bmc_drifts(facts(blue={"at_work": True}), off) == []
    assert reconcile.bmc_drifts(facts({"r1-s01": "quarantined"}), off) == []
    for blue in ({"phase": "failed", "failed": "scale"}, {"phase": "scaling", "run": {"state": "running", "live": False, "operation": "scale"}}):
        assert told(reconcile.bmc_drifts(facts(blue=blue), off)) == [("power", "server r1-s01", ALARM)]
        assert reconcile.bmc_drifts(facts({"r1-s01": "releasing"}, blue=blue), off) == []
    on = bmcs(facts(), r1_s03={"power": "On"})
    assert told(reconcile.bmc_drifts(facts({"r1-s03": "quarantined"}), on)) == [("power", "server r1-s03", NOTE)]
    assert reconcile.bmc_drifts(facts({"r1-s03": "cleaning"}), on) == []


def test_what_a_mend_has_set_aside_is_drift_until_it_is_right():
    aside = facts({"r1-s03": "quarantined"}, drifted=frozenset({"r1-s03"}))
    left = reconcile.bmc_drifts(aside, bmcs(aside, r1_s03={"power": "On", "virtual_media": "http://image"}))
    assert [(one.kind, one.severity, one.server, one.begun) for one in left] == [("power", DRIFT, "r1-s03", True), ("media", DRIFT, "r1-s03", True)]
    assert {one.mend.split(";")[1] for one in left} == {" then node_return"}
    assert reconcile.bmc_drifts(aside, bmcs(aside)) == []
    assert told(reconcile.bmc_drifts(facts({"r1-s03": "quarantined"}), bmcs(aside, r1_s03={"virtual_media": "http://image"}))) == []


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
    for operation in ("create", "delete", "reserve", "cancel", None):
        assert reconcile.hub_drifts(facts(blue={"phase": "failed", "failed": operation}), read) == [], operation


def test_the_hub_must_have_what_a_scale_that_failed_or_died_left_in_service():
    dead = {"state": "running", "live": False, "operation": "scale"}
    for blue in ({"phase": "failed", "failed": "scale"}, {"phase": "scaling", "run": dead}, {"phase": "verifying", "run": dead}):
        (found,) = reconcile.hub_drifts(facts(blue=blue), hub("red"))
        assert (found.kind, found.object, found.severity, found.mend) == ("lost", "cluster blue", ALARM, "cluster_scale of blue again")
        assert reconcile.hub_drifts(facts(blue=blue | {"at_work": True}), hub("red")) == []
    never = facts({"r1-s01": "provisioning", "r2-s01": "claimed"})
    never = dataclasses.replace(never, clusters=never.clusters | {"blue": dataclasses.replace(never.clusters["blue"], phase="failed", failed="scale")})
    assert reconcile.hub_drifts(never, hub("red")) == [], "a scale of what was never made"


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


def named(drifts) -> set[str]:
    """The playbooks that remedies name."""
    return {word for one in drifts for word in re.findall(r"\b(?:cluster|lease|ledger|node|server|source)_[a-z]+\b(?!_)", one.mend)}


@pytest.mark.parametrize("operation", OPERATIONS)
def test_a_dead_run_and_a_failure_are_mended_by_a_playbook_that_there_is(operation):
    dead = facts(blue={"phase": "failed", "run": {"state": "running", "live": False, "operation": operation, "token": 7}})
    (note,) = reconcile.ledger_drifts(dead)
    assert named([note]) and named([note]) <= PLAYBOOKS and operation in drift.PLAYBOOKS
    assert {dead.clusters["blue"].again.split()[0]} == named([note])


def test_to_call_an_order_off_is_a_playbook_by_another_name():
    assert "cancel" in OPERATIONS
    (note,) = reconcile.ledger_drifts(facts(blue={"phase": "requested", "run": {"state": "running", "live": False, "operation": "cancel"}}))
    assert note.mend == "run cluster_reserve with cluster_reserve_state=absent again: it goes on from there"
    (note,) = reconcile.ledger_drifts(facts(blue={"run": {"state": "running", "live": False, "operation": "of-my-own"}}))
    assert note.mend == "run the playbook that began it again: it goes on from there"


def test_every_remedy_names_playbooks_that_there_are():
    messy = facts({"r1-s03": "claimed", "r1-s01": "releasing"}, lapsed=frozenset({"green"}), missing=frozenset({"r2-s01"}))
    world_ = bmcs(facts(), r1_s02={"power": "Off"}, r1_s04={"power": "On", "virtual_media": "x"}, r2_s02={"serial": "other"})
    alarms = tuple(mirroring.alarm("r1-s01", "blue", problem) for problem in mirroring.MESSAGES)
    told_ = [
        *reconcile.ledger_drifts(messy), *reconcile.bmc_drifts(facts(), world_), *reconcile.hub_drifts(facts(), hub("old")),
        *reconcile.source_drifts(messy, synced(Change("server", "r1-s03", None, {}), alarms=alarms)), *reconcile.source_drifts(messy, None),
        *reconcile_fabric.drifts(facts(), {switch: [] for switch in world()}), *reconcile_fabric.drifts(facts(), seen(altered("leaf-r1a", "s03", vlan=55))),
    ]
    assert named(told_) == {"cluster_create", "node_quarantine", "node_return", "source_audit", "source_sync"} and named(told_) <= PLAYBOOKS


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
