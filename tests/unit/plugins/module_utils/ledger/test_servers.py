# SPDX-License-Identifier: GPL-3.0-or-later
"""Servers' states: who may move them, what it takes, what stays as evidence."""

from __future__ import annotations

import pytest

from ansible_collections.leasehold.cloud.plugins.module_utils.core.errors import (
    IllegalTransition, InvalidInput, NotFound, StaleRun, WipeUnproven,
)
from ansible_collections.leasehold.cloud.plugins.module_utils.ledger import events, servers
from ansible_collections.leasehold.cloud.plugins.module_utils.ledger.servers import Mover
from tests.unit.plugins.module_utils.ledger import books


@pytest.fixture
def blue(ledger):
    """A cluster whose run is at work: its servers, and the run."""
    plan, token = books.create(ledger, "blue")
    return books.names_of(plan), Mover("blue", token)


def clean(ledger, names, run) -> None:
    for state in ("provisioning", "in_service", "releasing", "cleaning"):
        books.move(ledger, names, state, by=run)


def test_a_lease_goes_through_all_states_and_back(ledger, blue):
    names, run = blue
    clean(ledger, names, run)
    changes = books.move(ledger, names, "available", by=run, evidence=dict.fromkeys(names, books.PROOF))
    assert [(change.name, change.before, change.after) for change in changes] == [(name, "cleaning", "available") for name in names]
    assert set(books.states(ledger).values()) == {"available"}


def test_servers_in_the_state_are_left_alone(ledger, blue):
    names, run = blue
    books.move(ledger, names[:1], "provisioning", by=run)
    assert [change.name for change in books.move(ledger, names, "provisioning", by=run)] == names[1:]


def test_servers_in_a_passing_state_are_left_alone(ledger, blue):
    names, run = blue
    books.move(ledger, names[:1], "provisioning", by=run)
    assert not books.move(ledger, names, "releasing", by=run, passing=["claimed", "provisioning"])


def test_one_illegal_step_moves_none(ledger, blue):
    names, run = blue
    books.move(ledger, names[:1], "provisioning", by=run)
    with pytest.raises(IllegalTransition, match=names[1]):
        books.move(ledger, names, "in_service", by=run)
    assert books.states(ledger)[names[0]] == "provisioning"


@pytest.mark.parametrize("evidence", [None, [], [{"proven": False}], [{"proven": True}, {"proven": False}], {"proven": True}, "yes"])
def test_a_wipe_without_proof_of_every_drive_frees_nothing(ledger, blue, evidence):
    names, run = blue
    clean(ledger, names, run)
    with pytest.raises(WipeUnproven, match=names[0]):
        books.move(ledger, names[:1], "available", by=run, evidence={names[0]: evidence})
    assert books.states(ledger)[names[0]] == "cleaning"


def test_the_evidence_is_in_the_events(ledger, blue):
    names, run = blue
    clean(ledger, names, run)
    books.move(ledger, names[:1], "available", by=run, evidence={names[0]: books.PROOF})
    with ledger.reading() as tx:
        last = events.history(tx, f"server {names[0]}")[-1]
    assert (last["actor"], last["before"]["state"], last["after"]["evidence"]) == ("tester", "cleaning", books.PROOF)


def test_a_held_server_is_moved_by_its_run_alone(ledger, blue):
    names, run = blue
    with pytest.raises(InvalidInput, match="cluster blue holds it"):
        books.move(ledger, names, "provisioning")
    with pytest.raises(StaleRun, match="newest run's token"):
        books.move(ledger, names, "provisioning", by=Mover("blue", run.token - 1))
    with pytest.raises(StaleRun, match="cluster blue holds it"):
        books.move(ledger, names, "provisioning", by=Mover("green", run.token))
    with pytest.raises(StaleRun, match="no cluster holds it"):
        books.move(ledger, ["r2-s04"], "retired", reason="old", by=run)


def test_an_admin_sets_any_server_aside_with_a_reason(ledger, blue):
    names, _run = blue
    with pytest.raises(IllegalTransition, match="reason"):
        books.move(ledger, names[:1], "quarantined")
    books.move(ledger, [names[0], "r2-s04"], "quarantined", reason="smoke")
    found = {row["name"]: row for row in servers_told(ledger)}
    assert (found["r2-s04"]["state"], found["r2-s04"]["reason"]) == ("quarantined", "smoke")
    assert (found[names[0]]["state"], found[names[0]]["cluster"]) == ("quarantined", "blue"), "it stays held"


def servers_told(ledger) -> list[dict]:
    with ledger.reading() as tx:
        return servers.states(tx)


def test_what_was_aside_comes_back_through_a_wipe_alone(ledger):
    books.move(ledger, ["r2-s04"], "repair", reason="disk")
    with pytest.raises(IllegalTransition):
        books.move(ledger, ["r2-s04"], "available", evidence={"r2-s04": books.PROOF})
    books.move(ledger, ["r2-s04"], "cleaning")
    books.move(ledger, ["r2-s04"], "available", evidence={"r2-s04": books.PROOF})
    assert books.states(ledger)["r2-s04"] == "available"


def test_an_unknown_server_is_told(ledger):
    with pytest.raises(NotFound, match="r9-s99"):
        books.move(ledger, ["r1-s01", "r9-s99"], "quarantined", reason="x")


def test_since_is_the_latest_of_those_in_the_state(ledger):
    books.move(ledger, ["r1-s01"], "retired", reason="old")
    books.move(ledger, ["r1-s02"], "retired", reason="old")
    with ledger.reading() as tx:
        since = {row["name"]: row["since"] for row in servers.states(tx, ["r1-s01", "r1-s02"])}
        assert since["r1-s01"] < since["r1-s02"]
        assert servers.since(tx, ["r1-s01", "r1-s02", "r2-s01"], "retired") == since["r1-s02"]
        assert servers.since(tx, ["r2-s01"], "retired") == tx.at
