# SPDX-License-Identifier: GPL-3.0-or-later
"""The command as a person or a program meets it: its output, its exit code, Ctrl-C."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pexpect
import pytest

PLAYBOOKS = Path(__file__).parent / "plays"
DRIVER = """
import sys
from leasehold_fulfillment import cli, orders
playbook = sys.argv.pop(1)
orders.PLAYBOOKS.update(dict.fromkeys(orders.PLAYBOOKS, playbook))
cli.app()
"""


@pytest.fixture
def command(tmp_path):
    """A function: the command line for an operation on one of our playbooks."""
    (tmp_path / "order.yml").write_text("cluster_name: alpha\n")
    (tmp_path / "hosts.yml").write_text("all: {hosts: {localhost: {ansible_connection: local}}}\n")

    def line(playbook: str, operation: str, *options: str) -> list[str]:
        defaults = ["-f", "order.yml", "-i", "hosts.yml", "--state-dir", "state"]
        return [sys.executable, "-c", DRIVER, str(PLAYBOOKS / playbook), "order", operation, *defaults, *options]

    return line


@pytest.fixture
def run(command, tmp_path):
    """A function: run the command without a terminal, to its end."""

    def start(playbook: str, operation: str, *options: str) -> subprocess.CompletedProcess:
        return subprocess.run(command(playbook, operation, *options), cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False)

    return start


def test_create_without_a_terminal(run):
    done = run("create.yml", "create", "--hint", "make lab-shell SERVER={server}")
    assert (done.returncode, done.stderr) == (0, "")
    lines = done.stdout.splitlines()
    assert any(line.split()[1:] == "Servers waiting agent of r1-s01 has not registered 2".split() for line in lines)
    for expected in (
        "r1: r1-s01 10.64.0.10", "VLAN 101, 10.64.0.0/24, gateway 10.64.0.1", "✔ wire", "/somewhere/receipt.json", "Time by step",
        "  make lab-shell SERVER=r1-s01\n", "  kubectl --kubeconfig /somewhere/kubeconfig get nodes\n",
        "  ansible-playbook leasehold.cloud.cluster_delete -i hosts.yml -e @order.yml\n",
    ):
        assert expected in done.stdout
    assert "\x1b" not in done.stdout


def test_json_is_one_object_a_line(run):
    done = run("create.yml", "create", "--json")
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    assert done.returncode == 0
    assert {"order", "run", "step", "object", "state", "message", "time"} == set(lines[0]["event"])
    assert lines[-1]["outcome"]["state"] == "successful"
    assert lines[-1]["outcome"]["findings"]["handover"]["cluster"] == "alpha"


def test_a_failure_names_step_object_attempt_remedy_and_log(run, tmp_path):
    done = run("refused.yml", "create")
    assert done.returncode == 1
    shown = " ".join(done.stderr.replace("│", " ").split())
    for expected in ("Step Plan and claim", "Object class gpu", "Attempted choosing servers", "Remedy order fewer", "no_capacity", "Log state/runs/"):
        assert expected in shown
    assert list((tmp_path / "state" / "runs").glob("*/log"))


def test_check_shows_the_plan(run):
    done = run("create.yml", "create", "--check")
    assert done.returncode == 0
    assert "+ claim server r1-s01" in done.stdout and "abc123" in done.stdout


@pytest.mark.parametrize("content", ["- a list\n", "cluster_name: [unclosed\n", "cluster_tenant: acme\n", None])
def test_an_order_that_cannot_be_used_is_bad_input_and_launches_nothing(run, tmp_path, content):
    (tmp_path / "order.yml").unlink()
    if content is not None:
        (tmp_path / "order.yml").write_text(content)
    done = run("create.yml", "create")
    assert done.returncode == 2
    assert "order.yml" in done.stderr and "Traceback" not in done.stderr
    assert not (tmp_path / "state").exists()


def test_an_order_that_the_role_refuses_is_bad_input(run, tmp_path):
    (tmp_path / "order.yml").write_text("cluster_name: alpha\nerror: InvalidOrder\n")
    assert run("refused.yml", "create").returncode == 2


def test_ctrl_c_cancels_in_a_terminal(command, tmp_path):
    line = command("slow.yml", "create")
    child = pexpect.spawn(line[0], line[1:], cwd=str(tmp_path), env=os.environ | {"TERM": "xterm"}, dimensions=(30, 110), encoding="utf-8", timeout=20)
    child.expect("still waiting 5")
    child.sendintr()
    child.expect("canceled: the run has 20 s to end")
    child.expect("create canceled")
    child.expect(pexpect.EOF)
    child.close()
    assert child.exitstatus == 130


def test_sigterm_cancels_too(command, tmp_path):
    with subprocess.Popen(command("slow.yml", "create"), cwd=tmp_path, stdout=subprocess.PIPE, text=True) as child:
        next(line for line in child.stdout if "waiting" in line)
        child.send_signal(signal.SIGTERM)
        assert "create canceled" in child.stdout.read()
    assert child.returncode == 130
