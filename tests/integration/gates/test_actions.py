# SPDX-License-Identifier: GPL-3.0-or-later
"""The actions gate_info and probe_info, run as Ansible runs an action plugin."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

RUNNER = Path(__file__).parent.parent / "bmc" / "runner.py"
SSH = """#!/bin/sh
# An ssh that prints for s1 what a well server finds, and cannot reach any other.
cat > /dev/null
case "$*" in
*" 192.0.2.1 "*) printf 'device leased eth0 52:54:00:00:00:01\\nanswer icmp eth0 0 yes\\nanswer arp eth0 0 yes\\ndone\\n' ;;
*) echo 'ssh: connect to host: No route to host' >&2; exit 255 ;;
esac
"""


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """Runs an action as a task does and returns its result."""
    programs = tmp_path_factory.mktemp("programs")
    (programs / "ssh").write_text(SSH)
    (programs / "ssh").chmod(0o755)
    environment = {**os.environ, "PATH": f"{programs}:{os.environ['PATH']}", "ANSIBLE_LOCAL_TEMP": str(programs)}
    with subprocess.Popen([sys.executable, str(RUNNER)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment) as runner:

        def action(module, **options):
            print(json.dumps({"module": module, "options": options, "check": False}), file=runner.stdin, flush=True)
            return json.loads(runner.stdout.readline())

        yield action
        runner.stdin.close()


NODES = {"gate": "cluster", "expected": {"nodes": ["s1"]}}
WELL = {"nodes": [{"name": "s1", "ready": True}], "api": True}
ILL = {"nodes": [{"name": "s1", "ready": False, "reason": "no network"}], "api": True}


def test_a_gate_that_passes_returns_its_finding(run):
    result = run("gate_info", **NODES, observed=WELL)
    assert result == {"changed": False, "finding": {"gate": "cluster", "ok": True, "problems": [], "evidence": {"api": True, "nodes_ready": ["s1"]}}}


def test_a_gate_that_does_not_pass_fails_with_its_finding(run):
    result = run("gate_info", **NODES, observed=ILL)
    assert result["failed"] and result["error_code"] == "gate_failed" and "node s1 is not Ready: no network" in result["msg"]
    assert not result["finding"]["ok"] and len(result["finding"]["problems"]) == 1


def test_without_enforcement_it_only_tells(run):
    result = run("gate_info", **NODES, observed=ILL, enforce=False)
    assert "failed" not in result and not result["finding"]["ok"]


@pytest.mark.parametrize("options", [
    {"gate": "cluster", "observed": WELL},  # nobody expected
    {"gate": "wire", "observed": {}},
    {"gate": "readback", "observed": {}},  # no segment
    {"gate": "readback", "segment": {"name": "blue"}, "observed": {"leaf": []}},
    {"gate": "readback", "segment": {"name": "blue", "vlan": 5}, "observed": {"leaf": None}},
    {"gate": "smoke", "observed": {}},
])
def test_what_a_gate_cannot_decide_on_is_never_passed(run, options):
    result = run("gate_info", **options)
    assert result["failed"] and result["error_code"] == "invalid_input"


def server(number):
    return {"name": f"s{number}", "address": f"10.64.0.1{number}", "management": {"address": f"192.0.2.{number}"},
            "nics": [{"name": "eth0", "mac": f"52:54:00:00:00:0{number}", "switch": "leaf-a", "port": f"p{number}"}]}


def test_a_server_that_cannot_be_probed_is_a_result_and_closes_the_gate(run):
    expected = {"must_answer": [{"name": "gateway", "address": "10.64.0.1"}], "peers": False}
    probed = run("probe_info", servers=[server(1), server(2)], **expected)
    assert [(result["server"], result["method"], result["answered"]) for result in probed["results"]] == [
        ("s1", "arp", True), ("s1", "icmp", True), ("s2", None, None)]
    passed = run("gate_info", gate="wire", servers=[server(1)], expected=expected, observed=probed)
    assert passed["finding"]["ok"]
    closed = run("gate_info", gate="wire", servers=[server(1), server(2)], expected=expected, observed=probed)
    assert closed["error_code"] == "gate_failed" and "No route to host" in closed["msg"] and "switch leaf-a port p2" in closed["msg"]


def test_a_target_that_is_no_address_is_refused_before_anyone_is_logged_in_to(run):
    result = run("probe_info", servers=[server(1)], must_answer=[{"name": "gateway", "address": "not one"}])
    assert result["failed"] and result["error_code"] == "invalid_input" and "gateway" in result["msg"]
