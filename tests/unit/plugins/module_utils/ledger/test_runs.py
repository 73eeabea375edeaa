# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs: one at a time on a cluster, each with a higher token, the dead ones taken over from."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from ansible_collections.leasehold.cloud.plugins.module_utils.core.errors import RunInProgress, StaleRun
from ansible_collections.leasehold.cloud.plugins.module_utils.ledger import holder, runs
from tests.unit.plugins.module_utils.ledger import books

ELSEWHERE = "another-host~00000000:4711:1"


def start(ledger, cluster: str = "blue", who: str | None = None, seconds: int = books.HOUR) -> dict:
    with ledger.transaction() as tx:
        run = runs.start(tx, cluster, "create", who or holder.holder_of(os.getpid()), seconds)
        tx.keep()
        return run


@pytest.fixture
def other():
    """Another process of this host, as a holder."""
    process = subprocess.Popen(["sleep", "600"])
    yield process, holder.holder_of(process.pid)
    process.kill()
    process.wait()


def test_a_live_run_of_another_process_refuses_a_second(ledger, other):
    first = start(ledger, who=other[1])
    with pytest.raises(RunInProgress) as refusal:
        start(ledger)
    assert refusal.value.details["run"]["token"] == first["token"]
    assert start(ledger, "green")["token"] > first["token"], "another cluster is free"


def test_a_holder_whose_process_is_gone_is_dead_at_once(ledger, other):
    process, who = other
    first = start(ledger, who=who)
    process.kill()
    process.wait()
    second = start(ledger)
    assert second["token"] > first["token"]
    assert second["taken_over"]["token"] == first["token"]


def test_a_process_id_used_again_is_another_process(ledger):
    host, pid, _started = holder.holder_of(os.getpid()).rsplit(":", 2)
    start(ledger, who=f"{host}:{pid}:1")
    assert start(ledger)["taken_over"]


def test_a_holder_on_another_host_is_dead_when_its_step_is_overdue(ledger):
    start(ledger, who=ELSEWHERE, seconds=books.HOUR)
    with pytest.raises(RunInProgress):
        start(ledger)
    with ledger.transaction() as tx:
        runs.step(tx, "blue", runs.get(tx, "blue")["token"], "late", -1)
        tx.keep()
    assert start(ledger)["taken_over"]["step"] == "late"


def test_a_step_is_the_heartbeat(ledger):
    token = start(ledger, who=ELSEWHERE, seconds=-1)["token"]
    with ledger.transaction() as tx:
        runs.step(tx, "blue", token, "boot", books.HOUR)
        tx.keep()
    with pytest.raises(RunInProgress, match="boot"):
        start(ledger)


def test_the_run_that_was_taken_over_may_write_no_more(ledger):
    old = start(ledger, who=ELSEWHERE, seconds=-1)["token"]
    new = start(ledger)["token"]
    with ledger.transaction() as tx:
        for write in (lambda: runs.fence(tx, "blue", old, "x"), lambda: runs.step(tx, "blue", old, "x", 1),
                      lambda: runs.end(tx, "blue", old, runs.FINISHED)):
            with pytest.raises(StaleRun):
                write()
        assert runs.fence(tx, "blue", new, "x")["token"] == new


def test_the_token_of_another_cluster_does_not_pass(ledger):
    token = start(ledger, "green")["token"]
    start(ledger, "blue")
    with ledger.transaction() as tx, pytest.raises(StaleRun):
        runs.fence(tx, "blue", token, "x")


def test_a_run_that_ended_may_write_no_more_and_leaves_its_token(ledger):
    token = start(ledger)["token"]
    with ledger.transaction() as tx:
        runs.end(tx, "blue", token, runs.FAILED)
        runs.end(tx, "blue", token, runs.FAILED)  # told twice, as by two hosts of a play
        with pytest.raises(StaleRun, match="failed"):
            runs.fence(tx, "blue", token, "x")
        tx.keep()
    again = start(ledger)
    assert again["token"] > token
    assert again["taken_over"] is None, "it had ended"


def test_the_same_process_may_start_again(ledger):
    first = start(ledger)
    assert start(ledger)["token"] > first["token"]


def test_holders_are_told_apart():
    mine = holder.holder_of(os.getpid())
    assert mine.split(":")[1] == str(os.getpid())
    assert not holder.is_gone(mine)
    assert holder.is_gone(mine + "9")
    assert not holder.is_gone(ELSEWHERE), "nothing is known of another host's"


@pytest.fixture(params=[FileNotFoundError, PermissionError])
def hidden(request, monkeypatch, other):
    """The other process, as one sees it where /proc is mounted with hidepid=2 (there is nothing) or hidepid=1 (it may not be read)."""
    path, read = Path(f"/proc/{other[0].pid}/stat"), Path.read_text

    def read_text(this, *args, **kwargs):
        if this == path:
            raise request.param(path)
        return read(this, *args, **kwargs)

    monkeypatch.setattr(Path, "read_text", read_text)
    return other


@pytest.mark.parametrize(("error", "gone"), [(None, False), (PermissionError, False), (ProcessLookupError, True)])
def test_only_a_process_that_the_kernel_does_not_know_is_gone(hidden, monkeypatch, error, gone):
    asked = []

    def kill(*what):
        asked.append(what)
        if error:
            raise error

    with monkeypatch.context() as patched:
        patched.setattr(os, "kill", kill)
        assert holder.is_gone(hidden[1]) is gone
    assert asked == [(hidden[0].pid, 0)]


def test_a_run_whose_process_is_hidden_is_not_taken_over(ledger, hidden):
    start(ledger, who=hidden[1])
    with pytest.raises(RunInProgress):
        start(ledger)
    hidden[0].kill()
    hidden[0].wait()
    assert start(ledger)["taken_over"]


def test_a_zombie_is_gone():
    process = subprocess.Popen(["true"])
    os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
    assert holder.is_gone(f"{holder.this_host()}:{process.pid}:1")
    process.wait()
