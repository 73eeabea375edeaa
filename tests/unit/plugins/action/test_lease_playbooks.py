# SPDX-License-Identifier: GPL-3.0-or-later
"""The playbooks of leases against a ledger, without any hardware: each run twice, and what they leave behind."""

from __future__ import annotations

import contextlib
import json
import os
import re
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import Played
from tests.unit.plugins.action.test_lease_actions import DAY, HOUR, moment
from tests.unit.plugins.action.test_ledger_actions import ORDER, prompt, runner, synced  # pylint: disable=unused-import

ROOT = Path(__file__).parents[4]
CLUSTER = {f"cluster_{'name' if key == 'cluster' else key}": value for key, value in ORDER.items()}


@pytest.fixture
def play(synced):
    """Playbooks, one after another, with variables: the run, and what it printed."""
    def played(*playbooks: str, check: bool = False, **variables) -> Played:
        said = {"leasehold_ledger": str(synced.ledger), "leasehold_state_dir": str(synced.directory / "state"),
                "leasehold_hub_kubeconfig": str(synced.directory / "no-hub")} | variables
        environment = {**os.environ, "ANSIBLE_HOME": str(synced.directory / "home"), "ANSIBLE_NOCOLOR": "1", "ANSIBLE_LOCALHOST_WARNING": "false",
                       "ANSIBLE_INVENTORY_UNPARSED_WARNING": "false"}
        command = [str(Path(sys.executable).parent / "ansible-playbook"), *(f"leasehold.cloud.{name}" for name in playbooks), "-e", json.dumps(said)]
        command += ["--check", "--diff"] if check else []
        return Played(subprocess.run(command, cwd=ROOT, env=environment, text=True, capture_output=True, check=False, timeout=120))
    return played


def changed(played: Played) -> list[int]:
    """How much each of the playbooks changed; their recaps tell the sum so far."""
    sums = [int(count) for count in re.findall(r"changed=([0-9]+)", played.succeeded().output)]
    return [count - before for before, count in zip([0, *sums], sums)]


def expire(prompt, *names: str) -> None:
    """Clusters that hold nothing any more, and whose leases are long over."""
    for name in names:
        plan = prompt.done("plan_info", **ORDER | {"cluster": name})["plan"]
        token = prompt.done("run", cluster=name, state="started", operation="create", plan=plan)["token"]
        prompt.done("claim", cluster=name, plan=plan, token=token)
        prompt.done("claim", cluster=name, state="absent", token=token)
        prompt.done("run", cluster=name, state="failed", token=token, error={"msg": "BMC"})
    with contextlib.closing(sqlite3.connect(prompt.ledger, isolation_level=None)) as database:
        database.execute("update clusters set lease_start = '2026-01-01T00:00:00.000Z', lease_end = '2026-01-02T00:00:00.000Z'")


def errors(prompt) -> dict[str, tuple]:
    """By cluster: phase, the step that failed and its error_code."""
    return {cluster["name"]: (cluster["phase"], *((cluster["error"] or {}).get(key) for key in ("step", "error_code")))
            for cluster in prompt.done("claim_info")["clusters"]}


@pytest.mark.parametrize(("terms", "phase"), [
    ({"cluster_hold": "2h"}, "awaiting_approval"), ({"cluster_lease_start": moment(2 * DAY), "cluster_lease_grace": "1d"}, "requested"),
])
def test_an_order_is_kept_and_called_off(play, synced, terms, phase):
    planned = play("cluster_reserve", check=True, **CLUSTER, **terms)
    assert changed(planned) == [2] and "server r1-s01" in planned.output
    assert synced.done("claim_info")["clusters"] == []
    kept = play("cluster_reserve", "cluster_reserve", **CLUSTER, **terms)
    assert changed(kept) == [2, 0]
    assert synced.cluster()["phase"] == phase
    assert len(set(re.findall(r'"plan": "([0-9a-f]{64})"', planned.output + kept.output))) == 1, "what was planned is what is kept"
    assert changed(play("cluster_reserve", "cluster_reserve", **CLUSTER, cluster_reserve_state="absent")) == [2, 0]
    assert (synced.cluster()["phase"], synced.cluster()["servers"]) == ("deleted", [])


def test_what_is_reserved_is_not_made_before_its_start(play, synced):
    play("cluster_reserve", **CLUSTER, cluster_lease_start=moment(2 * DAY)).succeeded()
    refused = play("cluster_create", **CLUSTER, cluster_lease_start=moment(2 * DAY)).failed_with("refused")
    assert "its lease starts at" in refused.output
    assert synced.cluster()["phase"] == "requested"


def test_a_lease_is_renewed_held_and_shown(play, synced):
    synced.create()
    said = {"cluster_name": "blue", "lease_duration": "60d", "lease_hold_reason": "dispute"}
    assert changed(play("lease_renew", "lease_hold", check=True, **said)) == [1, 1]
    assert changed(play("lease_renew", "lease_renew", "lease_hold", "lease_hold", **said)) == [1, 0, 1, 0]
    shown = play("lease_info", "lease_hold", lease_ends_before="61d", lease_on_hold=True, cluster_name="blue", lease_hold_state="unheld")
    assert (changed(shown), '"hold": "dispute"' in shown.output) == ([0, 1], True)


def test_a_sweep_with_nothing_to_do_changes_nothing(play, synced):
    synced.create()
    synced.done("lease", cluster="blue", end=moment(HOUR // 2))
    assert changed(play("lease_sweep", "lease_sweep")) == [0, 0]


def test_a_sweep_releases_each_by_itself_and_leaves_what_is_on_hold(play, synced):
    expire(synced, "blue", "green", "amber")
    synced.done("lease", cluster="amber", state="held", reason="dispute")
    told = play("lease_sweep", lease_sweep_release=False).succeeded()
    assert "PLAY RECAP" in told.output and "blue.lease" not in told.output
    assert '"reason": "dispute"' in told.output
    swept = play("lease_sweep")  # it gets as far as the hub, and there is none
    assert swept.returncode != 0
    failed = re.findall(r"^(\w+)\.lease +: .*failed=1", swept.output, re.MULTILINE)
    assert sorted(failed) == ["blue", "green"], swept.output[-3000:]
    assert errors(synced) == {
        "blue": ("failed", "Wipe and release", "invalid_input"), "green": ("failed", "Wipe and release", "invalid_input"),
        "amber": ("failed", None, None),
    }
    synced.done("run", cluster="blue", state="started", operation="delete")  # another sweep has it
    beside = play("lease_sweep", lease_sweep_limit=1)
    assert re.findall(r"^(\w+)\.lease +: ", beside.output, re.MULTILINE) == ["green"]
    assert '"operation": "delete"' in beside.output


def test_a_sweep_takes_no_cluster_of_ones_own(play, synced):
    expire(synced, "blue")
    refused = play("lease_sweep", cluster_name="green")
    assert refused.returncode != 0 and "leave cluster_name out" in refused.output
    assert errors(synced)["blue"] == ("failed", None, None)
