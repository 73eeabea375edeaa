# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import pytest

from leasehold_fulfillment.events import State
from leasehold_fulfillment.translator import Translator, failure_of, planned_steps

OURS = {"failed": True, "error_code": "port_in_use", "object": "leaf-a:s01", "attempted": "moving it", "remedy": "ask its owner", "reason": "carries 120"}


@pytest.fixture
def translator():
    follows = Translator("alpha", "run-1")
    follows.translate({"event": "playbook_on_play_start", "created": "2026-11-21T10:00:00+00:00", "event_data": {"name": "Segment"}})
    return follows


def result(kind, res, **data):
    return {"event": kind, "created": "2026-11-21T10:00:02+00:00", "event_data": {"task": "Move", "host": "localhost", "res": res} | data}


def test_the_failure_of_an_item_is_found_in_its_loop():
    failure = failure_of({"failed": True, "msg": "One or more items failed", "results": [{"failed": False}, OURS]}, "Segment", "Move", "localhost")
    assert (failure.error_code, failure.object, failure.remedy) == ("port_in_use", "leaf-a:s01", "ask its owner")


def test_what_argument_specs_refuse_is_bad_input():
    refused = {"failed": True, "msg": "Validation failed", "argument_errors": ["missing required arguments: cluster_tenant"]}
    failure = failure_of(refused, "Plan", "Validate", "localhost")
    assert failure.bad_input
    assert "cluster_tenant" in failure.message


@pytest.mark.parametrize(("result", "message"), [
    ({"msg": "no route"}, "no route"), ({"module_stderr": "Killed\n"}, "Killed"), ({"censored": "hidden"}, "hidden"), ({}, "no reason given"),
])
def test_a_failure_of_somebody_elses_module_still_names_object_and_remedy(result, message):
    failure = failure_of({"failed": True} | result, "Servers", "Copy", "leaf-a")
    assert (failure.error_code, failure.object, failure.attempted, failure.message) == ("task_failed", "leaf-a", "Copy", message)
    assert failure.remedy


def test_the_last_failure_that_names_its_remedy_counts(translator):
    translator.translate(result("runner_on_failed", OURS | {"error_code": "unreachable"}))  # was rescued, and retried
    translator.translate(result("runner_on_failed", OURS))
    translator.translate(result("runner_on_failed", {"msg": "The order failed."}))
    assert translator.failure.error_code == "port_in_use"


def test_retries_are_waits(translator):
    (event,) = translator.translate(result("runner_retry", {"attempts": 2, "retries": 30}, host="leaf-a"))
    assert (event.state, event.object, event.message) == (State.WAITING, "leaf-a", "Move (try 2 of 30)")


def test_an_ignored_failure_is_no_failure(translator):
    (event,) = translator.translate(result("runner_on_failed", {"msg": "no"}, ignore_errors=True))
    assert (event.state, translator.failure) == (State.IGNORED, None)


def test_an_error_that_only_repeats_a_failure_is_not_told_again(translator):
    translator.translate(result("runner_on_failed", OURS))
    translator.translate({"event": "error", "stdout": "[ERROR]: Task failed"})
    assert len(translator.failures) == 1


def test_lines_that_are_not_progress_are_not_waits(translator):
    assert translator.translate({"event": "verbose", "stdout": "Using /etc/ansible/ansible.cfg as config file"}) == []
    assert [event.message for event in translator.translate({"event": "verbose", "stdout": "\x1b[0;36m… one\x1b[0m\r\n… two"})] == ["one", "two"]


def test_time_of_a_step_is_that_of_its_events(translator):
    translator.translate(result("runner_on_ok", {"changed": True}))
    translator.translate({"event": "playbook_on_play_start", "created": "2026-11-21T10:00:07.500000", "event_data": {"name": "Servers"}})
    assert [(step.name, step.state, step.seconds) for step in translator.steps] == [("Segment", State.CHANGED, 7.5)]


def test_events_of_kinds_that_we_do_not_know_are_passed_over(translator):
    assert translator.translate({"event": "EOF"}) == []
    assert translator.translate({"event": "playbook_on_vars_prompt", "event_data": None}) == []


def test_planned_steps_leave_out_what_is_only_known_later(tmp_path):
    playbook = tmp_path / "playbook.yml"
    playbook.write_text("- {name: One, hosts: all}\n- {name: 'For {{ x }}', hosts: all}\n- {hosts: all}\n- {ansible.builtin.import_playbook: other.yml}\n")
    assert planned_steps(playbook) == ["One"]


def test_a_release_receipt_is_a_finding_and_a_handover_receipt_is_not(translator):
    receipt = {"kind": "release", "servers": [{"name": "r1-s01"}], "gates": [{"gate": "residue", "ok": True}], "wipes": [{}, {}]}
    translator.translate(result("runner_on_ok", {"receipt": receipt | {"kind": "handover"}, "path": "/h.json"}))
    assert translator.findings == {}
    translator.translate(result("runner_on_ok", {"receipt": receipt, "path": "/r.json"}))
    assert translator.findings["released"] == {"servers": receipt["servers"], "gates": receipt["gates"], "drives": 2, "receipt": "/r.json"}
