# SPDX-License-Identifier: GPL-3.0-or-later
"""What people see: the live view at a moment, and the last words."""

from __future__ import annotations

import io
from datetime import UTC, datetime
from pathlib import Path

import pytest
from rich.console import Console

from leasehold_fulfillment.events import Event, Failure, Outcome, State, Step
from leasehold_fulfillment.progress import LiveView, duration
from leasehold_fulfillment.summary import print_outcome


def event(step, state, message="", subject=""):
    return Event("alpha", "run-1", step, subject, state, message, datetime.now(UTC))


def rendered(what) -> str:
    console = Console(file=io.StringIO(), width=100)
    console.print(what)
    return console.file.getvalue()


def last_words(operation="create", *, findings=None, state=State.SUCCESSFUL, failure=None, check=False, changed=1, hints=()) -> str:
    console = Console(file=io.StringIO(), width=100)
    outcome = Outcome(
        "alpha", operation, "run-1", state, check, 72.4, (Step("Segment", State.CHANGED, 2.0), Step("Servers", State.OK, 70.4)),
        {"changed": changed}, findings or {}, failure, Path("/state/runs/run-1/log"),
    )
    print_outcome(console, outcome, ("inventory/lab",), Path("my order.yml"), hints)
    return console.file.getvalue()


@pytest.fixture
def view():
    return LiveView(Console(file=io.StringIO(), width=100), "create alpha")


def test_the_live_view_shows_what_is_done_under_way_and_to_come(view):
    for name in ("Plan and claim", "Segment", "Gates"):
        view.show(event(name, State.PLANNED))
    view.show(event("Plan and claim", State.STARTED))
    view.show(event("Plan and claim", State.CHANGED))
    view.show(event("Segment", State.STARTED))
    view.show(event("Segment", State.STARTED, "Move the ports"))
    assert [line.split()[0] for line in rendered(view).splitlines()[1::2]] == ["✔", "·"]
    assert "Move the ports" in rendered(view)


def test_the_live_view_shows_the_latest_waits_of_the_task_under_way(view):
    view.show(event("Servers", State.STARTED))
    for number in range(6):
        view.show(event("Servers", State.WAITING, f"r1-s0{number} has not registered"))
    shown = rendered(view)
    assert all(f"… r1-s0{number} has not registered" in shown for number in (3, 4, 5)) and "r1-s02" not in shown
    view.show(event("Servers", State.STARTED, "Approve the agents"))
    assert "has not registered" not in rendered(view)


def test_the_live_view_names_some_objects_and_counts_the_rest(view):
    view.show(event("Segment", State.STARTED))
    for number in range(9):
        view.show(event("Segment", State.CHANGED, "Move the ports", f"leaf-{number}"))
    assert "leaf-8" in rendered(view) and "leaf-0" not in rendered(view) and "5 more, ✔ leaf-5" in rendered(view)


@pytest.mark.parametrize(("seconds", "text"), [(4.24, "4.2 s"), (59.94, "59.9 s"), (72, "1 min 12 s"), (7380, "2 h 3 min")])
def test_durations(seconds, text):
    assert duration(seconds) == text


def test_a_handover_counts_servers_by_class_and_rack():
    servers = [{"name": f"r{rack}-s0{number}", "rack": f"r{rack}", "class": "gpu"} for rack in (1, 2) for number in (1, 2)]
    shown = last_words(findings={"handover": {"cluster": "alpha", "tenant": "acme", "servers": servers}})
    assert "4 gpu in 2 racks" in shown and "r1: r1-s01, r1-s02" in shown and "is ready for acme, 1 min 12 s" in shown


def test_commands_can_be_copied_whole():
    shown = last_words(findings={"handover": {"cluster": "alpha"}}, hints=["make " + "x" * 120 + " {cluster}"])
    assert "make " + "x" * 120 + " alpha\n" in shown
    assert "-i inventory/lab -e '@my order.yml'\n" in shown


def test_a_run_that_changed_nothing_says_so():
    assert "nothing was changed" in last_words(findings={"handover": {"cluster": "alpha"}}, changed=0)
    assert "nothing was changed" not in last_words(findings={"handover": {"cluster": "alpha"}}, changed=3)


def test_a_gate_that_did_not_pass_is_seen():
    shown = last_words(findings={"handover": {"gates": [{"gate": "wire", "ok": False}, {"gate": "readback", "ok": True}]}})
    assert "✘ wire" in shown and "✔ readback" in shown


def test_a_release_tells_what_came_back_and_where_the_receipt_is():
    shown = last_words("delete", findings={"released": {"servers": [{"name": "r1-s01", "rack": "r1", "class": "cpu"}], "drives": 2, "receipt": "/r.json"}})
    assert "2 drives" in shown and "is released" in shown and "1 cpu in 1 rack" in shown and "/r.json" in shown


def test_clusters_are_shown_as_a_table():
    clusters = [{"name": "alpha", "tenant": "acme", "phase": "ready", "servers": [{"name": "r1-s01"}], "segment": {"vlan": 101, "prefix": "10.64.0.0/24"}}]
    clusters[0] |= {"lease": {"start": "s", "end": "2026-12-01"}}
    assert " ".join(last_words("show", findings={"clusters": clusters}).split()[-7:]) == "alpha acme ready r1-s01 101 10.64.0.0/24 2026-12-01"
    assert "No cluster" in last_words("show")


def test_a_cluster_at_work_shows_its_step_and_a_failed_one_its_remedy():
    clusters = [
        {"name": "alpha", "phase": "provisioning", "step": "Segment", "run": {"live": True}},
        {"name": "beta", "phase": "failed", "step": "Gates", "run": {"live": False}, "error": {"object": "leaf-a", "reason": "lost.", "remedy": "run again"}},
    ]
    shown = last_words("show", findings={"clusters": clusters})
    assert "provisioning (Segment)" in shown and "failed (Gates)" not in shown
    assert "beta: leaf-a: lost. Remedy: run again" in shown


def test_text_of_others_is_never_taken_for_markup():
    failure = Failure("task_failed", "[red]leaf[/]", "a[bold]b", "c[/]d", "e[link=x]f", "g[i]h")
    shown = last_words(state=State.FAILED, failure=failure)
    assert all(text in shown for text in ("[red]leaf[/]", "a[bold]b", "c[/]d", "e[link=x]f", "g[i]h"))


def test_a_cancel_says_how_to_go_on():
    assert "Run the same command again" in last_words(state=State.CANCELED)
