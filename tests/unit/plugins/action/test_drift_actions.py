# SPDX-License-Identifier: GPL-3.0-or-later
"""Comparing the ledger with the world, and mending it, as tasks do."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

# pylint: disable-next=unused-import
from tests.unit.plugins.action.test_ledger_actions import Prompt, names, prompt, runner, synced
from tests.unit.plugins.module_utils.core import sites

ROOT = Path(__file__).parents[4]
QUARANTINED = 999


@pytest.fixture
def leased(synced):
    """A ledger with cluster blue in service, and the names of its servers."""
    plan, _token = synced.create()
    return synced, names(plan)


def switches(vlans: dict[str, int], trunk: list[int]) -> list[dict]:
    """All switches of the site as read: servers' ports in a VLAN by server (quarantine unless given), the same list on each trunk."""
    document = sites.document()
    ports: dict[str, list[dict]] = {switch["name"]: [] for switch in document["switches"]}
    for server in document["servers"]:
        for nic in server["nics"]:
            ports[nic["switch"]].append({"name": nic["port"], "mode": "access", "vlan": vlans.get(server["name"], QUARANTINED), "vlans": []})
    for link in document["links"]:
        for end in (link["a"], link["b"]):
            if "switch" in end:
                ports[end["switch"]].append({"name": end["port"], "mode": "trunk", "vlan": None, "vlans": trunk})
    return [{"switch": name, "ports": found, "changed": False} for name, found in ports.items()]


def bmcs(on: list[str]) -> dict:
    servers = sites.document()["servers"]
    return {"failed_servers": {}, "servers": {
        server["name"]: {"power": "On" if server["name"] in on else "Off", "serial": server["serial"], "virtual_media": None} for server in servers}}


def compared(prompt: Prompt, places: list[str], **options) -> list[tuple]:
    found = prompt.done("drift_info", places=places, **options)["drifts"]
    return [(one["kind"], one["object"], one["severity"]) for one in found]


def state_of(prompt: Prompt, name: str) -> dict:
    (found,) = (one for one in prompt.done("claim_info", servers=True)["servers"] if one["name"] == name)
    return found


def test_a_survey_names_all_there_is_to_read(leased):
    prompt, _servers = leased
    survey = prompt.done("survey_info")
    assert [switch["name"] for switch in survey["fabric"]] == [switch["name"] for switch in sorted(sites.document()["switches"], key=lambda one: one["name"])]
    assert len(survey["bmcs"]) == 8 and set(survey["bmcs"][0]) == {"name", "serial", "bmc"}
    assert {one["kind"] for one in survey["hub"]} == {"Namespace", "HostedCluster", "NodePool", "ManagedCluster"}
    assert len(prompt.done("survey_info", racks=["r2"])["bmcs"]) == 4
    assert prompt.done("survey_info", classes=["gpu"], racks=["r2"], places=["bmcs"]) | {"at": 0} == {
        "changed": False, "at": 0, "fabric": [], "hub": [], "bmcs": [one for one in survey["bmcs"] if one["name"] in ("r2-s02", "r2-s04")]}


def test_a_world_as_the_ledger_has_it_has_no_drift(leased):
    prompt, servers = leased
    right = {"switches": switches(dict.fromkeys(servers, 100), [100, 999]), "bmcs": bmcs(servers)}
    result = prompt.done("drift_info", places=["switches", "bmcs", "ledger"], observed=right, enforce="drift")
    assert (result["drifts"], result["counts"], result["table"]) == ([], {"alarm": 0, "drift": 0, "note": 0}, ["none"])


def test_what_was_not_read_fails_closed(leased):
    prompt, _servers = leased
    result = prompt.run("drift_info", enforce="alarm")
    assert result["error_code"] == "gate_failed"
    assert {one["place"] for one in result["details"]["drifts"]} == {"switches", "hub"}
    assert {one[0] for one in compared(prompt, ["source", "switches", "bmcs", "hub"])} == {"unread"}


@pytest.mark.parametrize(("enforce", "fails"), [("nothing", False), ("alarm", False), ("drift", True)])
def test_a_drift_fails_where_it_is_asked_to(leased, enforce, fails):
    prompt, servers = leased
    result = prompt.run("drift_info", places=["bmcs"], observed={"bmcs": bmcs([*servers, "r2-s04"])}, enforce=enforce)
    assert bool(result.get("failed")) == fails


def test_the_result_of_a_sync_in_check_mode_is_compared(leased):
    prompt, servers = leased
    document = sites.document()
    document["servers"] = [server for server in document["servers"] if server["name"] != servers[0]]
    next(server for server in document["servers"] if server["name"] == "r2-s04")["status"] = "maintenance"
    prompt.write(document)
    found = compared(prompt, ["source"], observed={"source": prompt.sync(check=True)})
    assert found == [("vanished", f"server {servers[0]}", "alarm"), ("source", "server r2-s04", "drift")]


def test_what_changed_since_the_survey_is_left_out(synced):
    begun = synced.done("survey_info")["at"]
    _plan, _token = synced.create()
    nothing_there = [{"resources": []}]
    assert compared(synced, ["bmcs", "hub"], observed={"bmcs": bmcs([]), "hub": nothing_there}, since=begun) == []
    later = compared(synced, ["bmcs", "hub"], observed={"bmcs": bmcs([]), "hub": nothing_there}, since=synced.done("survey_info")["at"])
    assert {one[0] for one in later} == {"lost", "power"}


def test_a_server_that_nobody_holds_is_set_aside_and_its_ports_and_power_are_named(leased):
    prompt, servers = leased
    observed = {"bmcs": bmcs([*servers, "r2-s04"]), "switches": switches(dict.fromkeys(servers, 100) | {"r1-s02": 100}, [100, 999])}
    drifts = prompt.done("drift_info", places=["bmcs", "switches"], observed=observed)["drifts"]
    assert {one["severity"] for one in drifts} == {"alarm", "drift"}
    checked = prompt.done("drift", check=True, drifts=drifts, mend=["port", "power"])
    assert checked["changed"] and state_of(prompt, "r2-s04")["state"] == "available"
    mended = prompt.done("drift", drifts=drifts, mend=["port", "power"])
    assert mended["changed"] and [server["name"] for server in mended["servers"]] == ["r1-s02", "r2-s04"]
    assert (state_of(prompt, "r2-s04")["state"], state_of(prompt, "r2-s04")["reason"]) == ("quarantined", "drift: power on")
    assert "in the segment of blue" in state_of(prompt, "r1-s02")["reason"]
    assert {host["name"] for host in mended["fabric"]} == {"leaf-r1a", "leaf-r1b", "leaf-r2a", "leaf-r2b"}
    assert mended["fabric"][0]["release_ports"] == [{"name": "s02", "mode": "access", "vlan": QUARANTINED}]
    again = prompt.done("drift", drifts=drifts, mend=["port", "power"])
    assert (again["changed"], [server["name"] for server in again["servers"]]) == (False, ["r1-s02", "r2-s04"])


def test_what_was_mended_is_not_judged_again_as_it_was_read(leased):
    prompt, servers = leased
    prompt.done("server", servers=["r1-s02"], state="quarantined", reason="a broken fan")
    begun = prompt.done("survey_info")["at"]
    read = {"switches": switches(dict.fromkeys(servers, 100) | {"r1-s02": 100}, [100, 999])}
    read["switches"][0]["ports"].append({"name": "x9", "mode": "access", "vlan": 100, "vlans": []})
    judge = {"places": ["switches"], "observed": read, "since": begun}
    drifts = prompt.done("drift_info", **judge)["drifts"]
    assert {(one["severity"], one["server"]) for one in drifts} == {("alarm", "r1-s02"), ("alarm", None)}
    checked = prompt.done("drift", check=True, drifts=drifts, mend=["port"])
    assert ([server["name"] for server in checked["servers"]], checked["mended"]) == (["r1-s02"], ["r1-s02"])
    mended = prompt.done("drift", drifts=drifts, mend=["port"])
    assert (mended["changed"], mended["mended"]) == (False, ["r1-s02"])
    (left,) = prompt.run("drift_info", enforce="alarm", mended=mended["mended"], **judge)["details"]["drifts"]
    assert left["object"].endswith("port x9")
    read["switches"][0]["ports"].pop()
    assert prompt.run("drift_info", enforce="alarm", **judge)["error_code"] == "gate_failed"
    assert prompt.done("drift_info", enforce="drift", mended=mended["mended"], **judge)["drifts"] == []


def test_the_playbook_judges_without_what_it_has_mended():
    plays = yaml.safe_load((ROOT / "playbooks" / "ledger_reconcile.yml").read_text(encoding="utf-8"))
    compare, judge = (task["leasehold.cloud.drift_info"] for play in plays for task in play["tasks"] if "leasehold.cloud.drift_info" in task)
    assert "mended" not in compare and judge["mended"] == "{{ ledger_reconcile_mended.mended | default([]) }}"


def test_what_is_not_asked_for_is_not_mended(leased):
    prompt, servers = leased
    drifts = prompt.done("drift_info", places=["bmcs"], observed={"bmcs": bmcs([*servers, "r2-s04"])})["drifts"]
    assert prompt.done("drift", drifts=drifts, mend=["port", "hold"]) == {
        "changed": False, "servers": [], "fabric": [], "mended": [], "skipped": []}


def test_a_server_that_was_claimed_meanwhile_is_not_touched(synced):
    drifts = synced.done("drift_info", places=["bmcs"], observed={"bmcs": bmcs(["r1-s01", "r2-s04"])})["drifts"]
    plan, _token = synced.create()
    assert "r1-s01" in names(plan)
    before = state_of(synced, "r1-s01")
    mended = synced.done("drift", drifts=drifts, mend=["power"])
    assert (mended["skipped"], [server["name"] for server in mended["servers"]]) == (["r1-s01"], ["r2-s04"])
    assert state_of(synced, "r1-s01") == before
    assert not any(port["name"] == "s01" for host in mended["fabric"] for port in host["release_ports"])


def test_a_mend_of_nothing_that_there_is_is_told(synced):
    wrong = synced.run("drift", drifts=[], mend=["everything"])
    assert wrong["error_code"] == "invalid_input"
    assert synced.run("survey_info", site="elsewhere")["error_code"] == "not_found"
