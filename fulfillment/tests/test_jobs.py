# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs through the real ansible-runner, from launch to outcome."""

from __future__ import annotations

import stat
import time

import pytest

from leasehold_fulfillment import processes
from leasehold_fulfillment.events import State
from leasehold_fulfillment.translator import PROGRESS

SECRETS = {"LEASEHOLD_BMC_PASSWORD": "planted-0b77", "LEASEHOLD_LEDGER": "postgresql://ledger:planted-5c21@db/ledger"}


def of(events, step):
    return [(event.object, event.state.value, event.message) for event in events if event.step == step]


def contents(directory):
    return {path: path.read_bytes() for path in directory.rglob("*") if path.is_file()}


def test_a_run_is_told_step_by_step(launch):
    job = launch("create.yml")
    events = list(job.events())
    outcome = job.wait()

    assert (events[0].step, events[0].state, events[-1].step, events[-1].state) == ("", "started", "", "successful")
    assert [event.step for event in events if event.state is State.PLANNED] == ["Plan and claim", "Segment", "Nobody", "Servers", "Handover"]
    _planned, *begun, one, other, ended = of(events, "Segment")
    assert (begun, ended) == ([("", "started", ""), ("", "started", "Move the ports")], ("", "changed", ""))
    assert {one, other} == {("leaf-a", "changed", "Move the ports"), ("leaf-b", "ok", "Move the ports")}  # who ends first is theirs to say
    assert [(step.name, step.state.value) for step in outcome.steps] == [
        ("Plan and claim", "changed"), ("Segment", "changed"), ("Nobody", "skipped"), ("Servers", "ok"), ("Handover", "ok"),
    ]
    assert all(event.order == "alpha" and event.run == job.run and event.time.tzinfo for event in events)
    assert outcome.findings["handover"]["segment"]["vlan"] == 101
    assert outcome.findings["plan"]["hash"] == "abc123"
    assert (outcome.tasks["changed"], outcome.tasks["ok"], outcome.failure) == (2, 4, None)
    assert "PLAY [Segment]" in outcome.log.read_text()


def test_waiting_is_told_while_it_lasts(launch):
    job = launch("create.yml")
    seen = [(time.monotonic(), event.message) for event in job.events() if event.state is State.WAITING]
    assert [message for _at, message in seen] == [f"agent of r1-s01 has not registered {number}" for number in (1, 2, 3)]
    assert seen[-1][0] - seen[0][0] > 0.1, "lines that were said over 0.8 s came all together"


def test_progress_is_written_as_the_collection_writes_it():
    action = pytest.importorskip("ansible_collections.leasehold.cloud.plugins.plugin_utils.action")
    assert action.PROGRESS == PROGRESS


def test_a_failure_is_told_in_the_words_of_the_action_not_of_the_rescue(launch):
    outcome = launch("refused.yml").wait()
    failure = outcome.failure
    assert outcome.state is State.FAILED
    assert (failure.error_code, failure.object, failure.attempted, failure.remedy) == ("no_capacity", "class gpu", "choosing servers", "order fewer")
    assert (failure.message, failure.step) == ("three of four are held", "Plan and claim")
    assert not failure.bad_input
    assert [(step.name, step.state.value) for step in outcome.steps] == [("Plan and claim", "failed")]


def test_a_refused_order_is_bad_input(launch):
    assert launch("refused.yml", {"error": "InvalidOrder"}).wait().failure.bad_input


def test_a_failure_that_was_rescued_is_none(launch):
    outcome = launch("rescued.yml").wait()
    assert (outcome.state, outcome.failure) == (State.SUCCESSFUL, None)


def test_an_unreachable_host_is_told(launch, tmp_path):
    (tmp_path / "hosts.yml").write_text("all: {hosts: {dead: {ansible_host: 127.0.0.1, ansible_port: 9}}}\n")
    outcome = launch("unreachable.yml", inventory=("hosts.yml",)).wait()
    assert (outcome.state, outcome.failure.object, outcome.failure.error_code) == (State.UNREACHABLE, "dead", "unreachable")
    assert outcome.failure.attempted == "Ask the server"


def test_a_playbook_that_cannot_start(launch):
    outcome = launch("absent.yml").wait()
    assert (outcome.state, outcome.failure.error_code) == (State.FAILED, "playbook_failed")
    assert "absent.yml could not be found" in outcome.failure.message


def test_cancel_ends_the_run_and_all_its_processes(launch):
    job = launch("slow.yml")
    workers = []
    for event in job.events():
        if event.state is State.WAITING and not workers:
            workers = processes.tree(job._translator.process)
            assert len(workers) > 1
            asked = time.monotonic()
            job.cancel()
    outcome = job.wait()
    assert (outcome.state, outcome.failure) == (State.CANCELED, None)
    assert time.monotonic() - asked < 5
    assert not [process for process in workers if process.alive]
    assert outcome.steps[-1].state is State.CANCELED


def test_a_run_that_does_not_end_when_asked_is_killed_when_its_grace_is_over(launch):
    job = launch("stubborn.yml", grace=1.0)
    workers = []
    for event in job.events():
        if event.state is State.WAITING and not workers:
            workers = processes.tree(job._translator.process)
            asked = time.monotonic()
            job.cancel()
    assert job.wait().state is State.CANCELED
    assert 1.0 <= time.monotonic() - asked < 5
    assert len(workers) > 1 and not [process for process in workers if process.alive]


def test_cancel_before_the_first_event(launch):
    job = launch("slow.yml")
    job.cancel()
    assert job.wait(timeout=5).state is State.CANCELED


def test_no_secret_is_in_what_a_run_leaves(launch, monkeypatch, tmp_path):
    monkeypatch.setenv("INHERITED_TOKEN", "inherited-ff19")
    outcome = launch("secrets.yml", environment=SECRETS).wait()
    assert outcome.state is State.SUCCESSFUL, outcome.failure  # the task did see both
    assert outcome.tasks["ignored"] == 1

    left = contents(tmp_path / "state")
    assert any(path.name == "command" for path in left) and any(path.parent.name == "job_events" for path in left)
    for secret in (b"planted-0b77", b"planted-5c21", b"inherited-ff19"):
        assert not [path for path, content in left.items() if secret in content]
    assert "Task failed: Action failed: ********" in outcome.log.read_text()  # which core prints in spite of no_log


def test_no_secret_is_in_what_a_run_tells(launch, monkeypatch):
    monkeypatch.setenv("INHERITED_TOKEN", "inherited-ff19")
    job = launch("secrets.yml", {"quote": True}, environment=SECRETS)
    told = repr(list(job.events())) + repr(job.wait())
    assert "********" in told
    assert not [secret for secret in ("planted-0b77", "planted-5c21") if secret in told]


def test_what_a_run_leaves_is_private(launch, tmp_path):
    job = launch("rescued.yml")
    job.wait()
    assert stat.S_IMODE(job.log.parent.stat().st_mode) == 0o700
    assert not (job.log.parent / "environment").exists()


def test_extra_vars_hold_the_order_and_arguments_do_not(launch):
    job = launch("rescued.yml", {"cluster_tenant": "acme-in-order"})
    job.wait()
    assert (job.log.parent / "env" / "extravars").read_text() == '{"cluster_name": "alpha", "cluster_tenant": "acme-in-order"}'
    assert "acme-in-order" not in (job.log.parent / "artifacts" / "command").read_text()


def test_check_shows_and_says_so(launch):
    job = launch("create.yml", check=True)
    assert job.wait().check
    assert "--check" in (job.log.parent / "artifacts" / "command").read_text()


def test_an_unknown_operation_starts_nothing(launch, tmp_path):
    with pytest.raises(KeyError):
        launch("create.yml", operation="paint")
    assert not (tmp_path / "state").exists()
