# SPDX-License-Identifier: GPL-3.0-or-later
"""Events as tasks find and export them."""

from __future__ import annotations

import fcntl
import json
import os
import stat
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from ansible_collections.leasehold.cloud.plugins.module_utils.core import chain
from ansible_collections.leasehold.cloud.plugins.module_utils.event_file import EventFile
from ansible_collections.leasehold.cloud.plugins.module_utils.ledger import audit, events
from ansible_collections.leasehold.cloud.plugins.module_utils.ledger.database import Ledger
# pylint: disable-next=unused-import
from tests.unit.plugins.action.test_ledger_actions import Prompt, names, prompt, runner, synced
from tests.unit.plugins.module_utils.ledger import books


@pytest.fixture
def leased(synced):
    """A ledger with cluster blue in it, and the names of its servers."""
    plan, _token = synced.create()
    return synced, names(plan)


def found(prompt: Prompt, **filters) -> list[dict]:
    return prompt.done("event_info", **filters)["events"]


def lines(path) -> list[dict]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def test_the_newest_events_come_first(leased):
    prompt, _names = leased
    ids = [event["id"] for event in found(prompt)]
    assert ids == sorted(ids, reverse=True)
    assert found(prompt)[0]["after"]["phase"] == "ready"


def test_events_are_found_by_subject_kind_action_and_actor(leased):
    prompt, servers = leased
    assert {event["action"] for event in found(prompt, subject=f"server {servers[0]}")} >= {"synced", "claimed", "moved"}
    assert {event["subject"].split()[0] for event in found(prompt, subject="server", limit=1000)} == {"server"}
    assert {event["subject"] for event in found(prompt, subject="server", action="claimed")} == {f"server {name}" for name in servers}
    actor = found(prompt)[0]["actor"]
    assert found(prompt, actor=actor) and not found(prompt, actor="nobody")


def test_a_kind_is_a_whole_word_and_no_pattern(leased):
    prompt, _names = leased
    assert not found(prompt, subject="serv")
    assert not found(prompt, subject="serve_")
    assert not found(prompt, subject="%")


def test_events_are_found_by_time(leased):
    prompt, _names = leased
    middle = found(prompt, action="claimed")[-1]["at"]
    earlier, later = found(prompt, until=middle, limit=1000), found(prompt, since=middle, limit=1000)
    assert {event["id"] for event in earlier}.isdisjoint(event["id"] for event in later)
    assert len(earlier) + len(later) == len(found(prompt, limit=1000))
    assert found(prompt, since="2020-01-01", until="2021-01-01") == []
    shifted = middle.replace("Z", "+00:00")
    assert found(prompt, since=shifted, limit=1000) == later


def test_a_follower_misses_nothing(leased):
    prompt, _names = leased
    everything = sorted(event["id"] for event in found(prompt, limit=1000))
    seen, last = [], 0
    while True:
        result = prompt.done("event_info", after=last, limit=7)
        seen += [event["id"] for event in result["events"]]
        if not result["more"]:
            break
        last = seen[-1]
    assert seen == everything


@pytest.mark.parametrize("wrong", [{"since": "yesterday"}, {"limit": 0}])
def test_what_cannot_be_meant_is_told(synced, wrong):
    result = synced.run("event_info", **wrong)
    assert (result["error_code"], next(iter(wrong)) in result["object"]) == ("invalid_input", True)


def test_an_export_grows_by_what_is_new(leased, tmp_path):
    prompt, servers = leased
    dest = tmp_path / "events.jsonl"
    checked = prompt.done("event_export", check=True, dest=str(dest))
    assert checked["changed"] and not dest.exists()
    first = prompt.done("event_export", dest=str(dest))
    assert first["added"] == checked["added"] == len(lines(dest)) > 0
    assert stat.S_IMODE(dest.stat().st_mode) == 0o600
    again = prompt.done("event_export", dest=str(dest))
    assert (again["changed"], again["added"]) == (False, 0)
    before = dest.read_bytes()
    prompt.done("server", servers=[servers[0]], state="quarantined", reason="smoke")
    assert prompt.done("event_export", dest=str(dest))["added"] == 1
    assert dest.read_bytes().startswith(before)
    assert lines(dest) == sorted(found(prompt, limit=1000), key=lambda event: event["id"])


def test_an_export_that_waits_for_another_goes_on_from_it(leased, tmp_path):
    prompt, servers = leased
    dest = tmp_path / "events.jsonl"
    prompt.done("event_export", dest=str(dest))
    prompt.done("server", servers=[servers[0]], state="quarantined", reason="smoke")
    with EventFile(str(dest)).locked() as descriptor:  # another export, which adds what happens while this one waits
        with ThreadPoolExecutor(1) as pool:
            waiting = pool.submit(prompt.done, "event_export", dest=str(dest))
            until_somebody_waits_for(dest)
            with Ledger.open(str(prompt.ledger), "other") as ledger:
                books.move(ledger, [servers[1]], "quarantined", reason="smoke")
                with ledger.reading() as tx:
                    new = [event for event, _fault in events.stream(tx)][len(lines(dest)):]
            os.write(descriptor, b"".join(chain.line(event).encode() + b"\n" for event in new))
            fcntl.flock(descriptor, fcntl.LOCK_UN)
            result = waiting.result()
    assert (len(new), result["added"], result["last"]["id"]) == (2, 0, new[-1]["id"])
    assert lines(dest)[-1] == new[-1]
    assert not prompt.done("event_export", dest=str(dest))["changed"]


def test_what_is_exported_while_a_ledger_is_verified_is_not_lost(leased, tmp_path):
    prompt, servers = leased
    dest = tmp_path / "events.jsonl"
    prompt.done("event_export", dest=str(dest))
    exported = EventFile(str(dest)).events()  # as it is before the ledger is looked at
    with Ledger.open(str(prompt.ledger), "tester") as ledger, ledger.reading() as tx:
        assert events.head(tx)
        prompt.done("server", servers=[servers[0]], state="quarantined", reason="smoke")
        assert prompt.done("event_export", dest=str(dest))["added"] == 1
        report = audit.verify(tx, exported)
    assert (report["findings"], report["anchored"]) == ([], report["events"])


def until_somebody_waits_for(path) -> None:
    """Until a process waits for the lock of a file."""
    mark, deadline = f":{path.stat().st_ino} ", time.monotonic() + 30
    while not any("->" in line and mark in line for line in Path("/proc/locks").read_text(encoding="utf-8").splitlines()):
        assert time.monotonic() < deadline, "nobody waits for it"
        time.sleep(0.01)


@pytest.mark.parametrize("cut", [1, 30, 400])
def test_what_a_killed_export_left_half_is_completed(leased, tmp_path, cut):
    prompt, _names = leased
    dest = tmp_path / "events.jsonl"
    prompt.done("event_export", dest=str(dest))
    whole = dest.read_bytes()
    dest.write_bytes(whole[:-cut])
    assert prompt.done("event_export", dest=str(dest))["changed"]
    assert dest.read_bytes() == whole


def test_a_half_line_of_somebody_else_is_refused(leased, tmp_path):
    prompt, _names = leased
    dest = tmp_path / "events.jsonl"
    prompt.done("event_export", dest=str(dest))
    dest.write_bytes(dest.read_bytes()[:-20] + b"rubbish")
    kept = dest.read_bytes()
    assert prompt.run("event_export", dest=str(dest))["error_code"] == "ledger_broken"
    assert dest.read_bytes() == kept


def test_an_export_of_another_past_is_refused(leased, tmp_path):
    prompt, _names = leased
    backup = prompt.ledger.read_bytes()
    prompt.done("server", servers=["r2-s03"], state="quarantined", reason="smoke")
    dest = tmp_path / "events.jsonl"
    prompt.done("event_export", dest=str(dest))
    kept = dest.read_bytes()
    prompt.ledger.write_bytes(backup)
    lost = prompt.run("event_export", dest=str(dest))
    assert (lost["error_code"], lost["details"]["findings"][0]["found"]) == ("ledger_broken", None)
    prompt.done("server", servers=["r2-s04"], state="quarantined", reason="another story")
    other = prompt.run("event_export", dest=str(dest))
    assert other["error_code"] == "ledger_broken" and "another hash" in other["reason"]
    assert dest.read_bytes() == kept


def test_a_file_that_is_no_export_is_told(synced, tmp_path):
    dest = tmp_path / "notes.txt"
    dest.write_text("dear diary\n", encoding="utf-8")
    assert synced.run("event_export", dest=str(dest))["error_code"] == "invalid_input"
    missing = synced.run("event_export", dest=str(tmp_path / "nowhere" / "events.jsonl"))
    assert (missing["error_code"], "No such file" in missing["reason"]) == ("invalid_input", True)
