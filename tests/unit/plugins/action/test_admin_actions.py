# SPDX-License-Identifier: GPL-3.0-or-later
"""Quotas, servers, segments and the report, as tasks and playbooks see them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.unit.plugins.action.test_ledger_actions import ORDER, prompt, runner, synced  # pylint: disable=unused-import

ROOT = Path(__file__).parents[4]
LIMITS = [{"resource": "servers", "class": "cpu", "soft": 1, "hard": 3}, {"resource": "clusters", "hard": 2}]


def kept(prompt, check: bool = False, **options) -> dict:
    """The outcome of keeping a report: the one action here that opens no ledger."""
    prompt.process.stdin.write(json.dumps({"module": "report", "options": options, "check": check}) + "\n")
    prompt.process.stdin.flush()
    return json.loads(prompt.process.stdout.readline())


def claimed(prompt, name: str) -> dict:
    """The outcome of an order's claim."""
    plan = prompt.done("plan_info", operation="create", **ORDER | {"cluster": name})["plan"]
    token = prompt.done("run", cluster=name, state="started", operation="create", plan=plan)["token"]
    return prompt.run("claim", cluster=name, plan=plan, token=token)


def test_limits_in_check_mode_then_set_then_again(synced):
    foreseen = synced.done("quota", check=True, tenant="acme", limits=LIMITS)
    assert foreseen["changed"] and 'quota acme servers cpu: {"hard":3,"soft":1}' in foreseen["diff"]["after"]
    assert synced.done("quota_info")["limits"] == [], "check mode had written nothing"
    assert synced.done("quota", tenant="acme", limits=LIMITS)["changed"]
    again = synced.done("quota", tenant="acme", limits=LIMITS)
    assert (again["changed"], len(again["limits"])) == (False, 2)
    purged = synced.done("quota", tenant="acme", limits=LIMITS[1:], purge=True)
    assert [limit["resource"] for limit in purged["limits"]] == ["clusters"]
    assert synced.done("quota", check=True, tenant="acme", state="absent")["changed"]
    assert synced.done("quota", tenant="acme", state="absent", limits=LIMITS[1:])["limits"] == []
    assert not synced.done("quota", tenant="acme", state="absent")["changed"]


@pytest.mark.parametrize(("options", "word"), [
    ({"limits": [{"resource": "servers"}]}, "neither"),
    ({"limits": [{"resource": "disks", "hard": 1}]}, "disks"),
    ({"limits": [{"resource": "clusters", "class": "cpu", "hard": 1}]}, "no class"),
    ({}, "limits"),
])
def test_limits_that_cannot_be_meant_are_told(synced, options, word):
    result = synced.run("quota", tenant="acme", **options)
    assert (result["error_code"], word in result["reason"]) == ("invalid_input", True)


def test_a_class_that_no_server_has_is_warned_of(synced):
    assert "gpuu" in synced.done("quota", tenant="acme", limits=[{"resource": "servers", "class": "gpuu", "hard": 1}])["warnings"][0]
    assert "warnings" not in synced.done("quota", tenant="acme", limits=LIMITS)


def test_a_soft_limit_warns_in_the_claim_and_a_hard_one_refuses_it(synced):
    synced.done("quota", tenant="acme", limits=LIMITS)
    assert "soft limit of 1 servers of class cpu" in claimed(synced, "blue")["warnings"][0]
    refused = claimed(synced, "green")
    assert (refused["error_code"], refused["details"]["by"], refused["details"]["wanted"]) == ("quota_exceeded", {"blue": 2}, 2)
    standing = {(row["resource"], row["class"]): row for row in synced.done("quota_info", tenant="acme")["tenants"][0]["resources"]}
    assert (standing["servers", "cpu"]["used"], standing["servers", "cpu"]["left"]) == (2, 1)
    assert standing["clusters", ""]["by"] == {"blue": 1}


def test_hours_of_other_months(synced):
    claimed(synced, "blue")
    rows = synced.done("quota_info", months=["2020-01", "2020-02"])["tenants"][0]["resources"]
    assert [(row["month"], row["used"]) for row in rows if row["resource"] == "server_hours"] == [("2020-01", 0.0), ("2020-02", 0.0)]
    assert synced.run("quota_info", months=["2020-13"])["error_code"] == "invalid_input"


def test_servers_segments_and_claims_by_filter(synced):
    synced.create()
    found = synced.done("server_info", cluster="blue", rack="r1,r2")
    assert (found["count"], found["servers"][0]["node_set"]) == (2, "workers")
    assert "nics" not in synced.done("server_info", free=True, details=False)["servers"][0]
    assert synced.run("server_info", state="broken")["error_code"] == "invalid_input"
    assert [segment["vlan"] for segment in synced.done("segment_info", cluster="blue")["segments"]] == [100]
    assert synced.done("segment_info", vlan=101)["segments"] == []
    held = synced.done("claim_info", resource="lab/100")
    assert ([claim["cluster"] for claim in held["claims"]], held["clusters"][0]["name"]) == (["blue"], "blue")
    assert synced.done("claim_info", phase=["ready"], site="lab")["clusters"] and "claims" not in synced.done("claim_info")
    assert synced.done("claim_info", phase=["failed"])["clusters"] == []


def test_a_report_is_kept_when_something_has_changed(synced, tmp_path):
    def keep(check: bool = False) -> dict:
        return kept(synced, check, path=str(tmp_path / "kept"), files=synced.done("report_info")["files"])

    assert keep(check=True)["changed"] and not (tmp_path / "kept").exists()
    assert len(keep()["written"]) == 8
    assert (keep()["changed"], keep()["written"]) == (False, [])
    synced.done("server", servers=["r2-s04"], state="quarantined", reason="smoke")
    changed = keep()
    assert set(changed["written"]) == {"report.json", "capacity.csv", "racks.csv", "out_of_use.csv"}
    assert "smoke" in changed["diff"]["after"]
    assert json.loads((tmp_path / "kept/report.json").read_text(encoding="utf-8"))["out_of_use"][0]["name"] == "r2-s04"
    assert (tmp_path / "kept/report.json").stat().st_mode & 0o777 == 0o640


@pytest.mark.parametrize(("options", "word"), [
    ({"files": {"../x": ""}}, "not a file's name"),
    ({"path": "/dev/null/x"}, "directory"),
])
def test_a_report_that_cannot_be_kept_is_told(prompt, tmp_path, options, word):
    result = kept(prompt, **({"path": str(tmp_path / "kept"), "files": {"report.json": "{}"}} | options))
    assert (result["error_code"], word in result["reason"].lower()) == ("invalid_input", True)


def test_a_report_of_what_ends_soon_needs_a_duration(synced):
    assert synced.run("report_info", expiring_within="soon")["error_code"] == "invalid_order"
    assert len(synced.done("report_info", expiring_within="31d")["report"]["holders"]) == 0


def played(prompt, *playbooks: str, **variables) -> str:
    """What playbooks print, run one after the other at the prompt's ledger."""
    command = [str(Path(sys.executable).parent / "ansible-playbook"), *(f"leasehold.cloud.{name}" for name in playbooks), "-i", "localhost,"]
    said = json.dumps({"leasehold_ledger": str(prompt.ledger), "ansible_python_interpreter": sys.executable} | variables)
    environment = {**os.environ, "ANSIBLE_HOME": str(prompt.directory / "home"), "ANSIBLE_NOCOLOR": "1", "ANSIBLE_LOCALHOST_WARNING": "false"}
    outcome = subprocess.run([*command, "-e", said], cwd=ROOT, env=environment, text=True, capture_output=True, check=False, timeout=120)
    assert outcome.returncode == 0, outcome.stdout + outcome.stderr
    return outcome.stdout


def test_the_playbooks_set_show_and_keep_and_change_nothing_the_second_time(synced, tmp_path):
    synced.create()
    said = {"quota_tenant": "acme", "quota_limits": LIMITS, "quota_purge": True, "cluster_name": "blue", "server_class": "cpu", "server_free": False,
            "ledger_report_path": str(tmp_path / "kept"), "ledger_report_within": "40d"}
    told = played(synced, "quota_set", "quota_info", "segment_info", "server_info", "ledger_report", **said)
    assert [field for field in told.split() if field.startswith("changed=")] == ["changed=1"] * 4 + ["changed=2"], "each tells the sum"
    quotas, servers = told.partition("PLAY [Quotas]")[2], told.partition("PLAY [Servers]")[2].partition("PLAY [Report]")[0]
    assert "acme    servers       cpu" in quotas and "leaf-r1a/s01, leaf-r1b/s01" in told
    assert "r1-s01" in servers and "r1-s02" not in servers
    report = told.partition("Capacity by class")[2].partition("TASK [")[0]
    assert "Leases that end soon" in report and max(map(len, report.splitlines())) <= 120
    assert (tmp_path / "kept/expiring.csv").read_text(encoding="utf-8").count("blue") == 1
    assert played(synced, "quota_set", "ledger_report", **said).count("changed=0") == 2
