# SPDX-License-Identifier: GPL-3.0-or-later
"""Holds: an order's claims are kept for an approval, until a deadline."""

from __future__ import annotations

import datetime

import pytest

from ansible_collections.leasehold.cloud.plugins.module_utils.core.errors import IllegalTransition, Refused, WipeUnproven
from ansible_collections.leasehold.cloud.plugins.module_utils.ledger import claims, clusters, gang, holds, runs
from ansible_collections.leasehold.cloud.plugins.module_utils.ledger.servers import Mover
from tests.unit.plugins.module_utils.ledger import books, clock
from tests.unit.plugins.module_utils.ledger.clock import HOUR


def lapse(ledger, seconds: int) -> list:
    with clock.at(ledger, seconds) as tx:
        return holds.lapse(tx)


def test_a_hold_claims_everything_and_waits_without_a_lease(ledger):
    plan = clock.keep(ledger, "blue", hold=2 * HOUR)
    assert {f"server {name}" for name in books.names_of(plan)} < clock.claims(ledger, "blue")
    found = books.cluster(ledger, "blue")
    assert (found["phase"], found["lease"]) == ("awaiting_approval", None)
    assert found["hold_until"] > clock.moment(2 * HOUR - 60)


def test_a_hold_that_is_held_again_keeps_its_deadline(ledger):
    clock.keep(ledger, "blue", hold=2 * HOUR)
    deadline = books.cluster(ledger, "blue")["hold_until"]
    clock.keep(ledger, "blue", hold=2 * HOUR, seconds=HOUR)
    assert books.cluster(ledger, "blue")["hold_until"] == deadline


def test_a_hold_lapses_at_its_deadline_and_everything_is_free(ledger):
    plan = clock.keep(ledger, "blue", hold=2 * HOUR)
    assert lapse(ledger, 2 * HOUR - 60) == []
    changes = lapse(ledger, 2 * HOUR + 60)
    assert ("cluster", "blue", "awaiting_approval", "deleted") in {(change.kind, change.name, change.before, change.after) for change in changes}
    assert clock.claims(ledger, "blue") == set()
    assert {books.states(ledger)[name] for name in books.names_of(plan)} == {"available"}
    assert ("moved", {"phase": "deleted", "reason": "hold lapsed"}) in clock.events(ledger, "cluster blue")
    assert lapse(ledger, 2 * HOUR + 60) == []


def test_the_next_claim_lapses_a_hold_by_itself(ledger):
    plan = clock.keep(ledger, "blue", hold=HOUR)
    token = clock.begin(ledger, "green", "create", 2 * HOUR)
    with clock.at(ledger, 2 * HOUR) as tx:
        assert holds.lapsed(tx) == ["blue"]
        gang.take(tx, books.ground.plan(tx, books.order("green"), "create", None, None), token)
    assert books.cluster(ledger, "blue")["phase"] == "deleted"
    assert clock.claims(ledger, "blue") == set()
    assert {f"server {name}" for name in books.names_of(plan)} < clock.claims(ledger, "green"), "they were free for everybody"


def test_a_create_in_time_makes_a_hold_a_lease(ledger):
    clock.keep(ledger, "blue", hold=2 * HOUR)
    before = clock.claims(ledger, "blue")
    token = clock.begin(ledger, "blue", "create", HOUR)
    with clock.at(ledger, HOUR) as tx:
        gang.take(tx, books.ground.plan(tx, books.order("blue"), "create", None, None), token)
    found = books.cluster(ledger, "blue")
    assert clock.claims(ledger, "blue") == before
    assert (found["phase"], found["hold_until"]) == ("provisioning", None)
    assert found["lease"]["start"] > clock.moment(HOUR - 60), "the lease begins with its use"
    assert lapse(ledger, 3 * HOUR) == []


def test_a_hold_with_a_run_at_work_is_never_lapsed(ledger):
    clock.keep(ledger, "blue", hold=HOUR)
    clock.begin(ledger, "blue", "create", HOUR - 60)
    assert lapse(ledger, HOUR + 60) == []
    with clock.at(ledger, HOUR + 60) as tx:
        runs.end(tx, "blue", runs.get(tx, "blue")["token"], runs.FAILED)
        assert [change.after for change in holds.lapse(tx) if change.kind == "cluster"] == ["deleted"]


def test_a_server_set_aside_while_it_is_held_does_not_keep_the_hold_from_lapsing(ledger):
    plan = clock.keep(ledger, "blue", hold=HOUR)
    one, other = books.names_of(plan)
    books.move(ledger, [one], "quarantined", reason="fan")
    lapse(ledger, 2 * HOUR)
    assert clock.claims(ledger, "blue") == set()
    assert (books.states(ledger)[one], books.states(ledger)[other]) == ("quarantined", "available")


def test_a_hold_whose_servers_are_on_their_way_out_does_not_lapse_and_stops_nobody(ledger):
    """Whoever set them moving has to wipe them; until then a claim of others must not stumble over it."""
    plan = clock.keep(ledger, "blue", hold=HOUR)
    token = books.begin(ledger, "blue", "delete")
    books.move(ledger, books.names_of(plan)[:1], "releasing", by=Mover("blue", token))
    with ledger.transaction() as tx:
        runs.end(tx, "blue", token, runs.FAILED)
        tx.keep()
    assert lapse(ledger, 2 * HOUR) == []
    assert [server["name"] for server in books.planned(ledger, "blue", "delete")["remove"]] == books.names_of(plan)


def test_a_delete_of_a_hold_has_no_servers_to_touch_and_frees_them(ledger):
    clock.keep(ledger, "blue", hold=HOUR)
    plan = books.planned(ledger, "blue", "delete")
    assert (plan["remove"], plan["segment"], plan["fabric"]) == ([], None, [])
    token = books.begin(ledger, "blue", "delete")
    with ledger.transaction() as tx:
        runs.end(tx, "blue", token, runs.FINISHED)
        holds.give_up(tx, "blue", "deleted")
        clusters.finish(tx, "blue", "delete")
        tx.keep()
    assert clock.claims(ledger, "blue") == set()
    assert books.cluster(ledger, "blue")["phase"] == "deleted"
    assert set(books.states(ledger).values()) == {"available"}


def test_what_a_cluster_has_put_to_use_is_not_given_up(ledger):
    books.serve(ledger, "blue")
    with ledger.transaction() as tx:
        assert holds.give_up(tx, "blue", "deleted") == []
        with pytest.raises(WipeUnproven):
            claims.free(tx, "blue", unused=True)


def test_what_has_begun_is_not_held(ledger):
    books.serve(ledger, "blue")
    with pytest.raises(Refused) as caught, ledger.transaction() as tx:
        clusters.begin(tx, "blue", "reserve", tenant="acme")
    assert caught.value.message == "it is ready already"


def test_a_hold_cannot_be_scaled(ledger):
    clock.keep(ledger, "blue", hold=HOUR)
    with pytest.raises(IllegalTransition), ledger.transaction() as tx:
        clusters.begin(tx, "blue", "scale", tenant="acme")


def test_a_failed_reserve_fails_a_new_order_and_leaves_a_hold_as_it_is(ledger):
    clock.begin(ledger, "blue", "reserve", 0)
    clock.keep(ledger, "green", hold=HOUR)
    with ledger.transaction() as tx:
        for name in ("blue", "green"):
            clusters.fail(tx, name, "reserve", {"message": "no room"})
        tx.keep()
    assert [books.cluster(ledger, name)["phase"] for name in ("blue", "green")] == ["failed", "awaiting_approval"]
    clock.keep(ledger, "blue", hold=HOUR)
    assert books.cluster(ledger, "blue")["phase"] == "awaiting_approval", "it can be tried again"


def test_a_hold_that_is_held_again_after_its_deadline_has_a_new_one(ledger):
    clock.keep(ledger, "blue", hold=HOUR)
    clock.keep(ledger, "blue", hold=HOUR, seconds=3 * HOUR)
    assert lapse(ledger, 3 * HOUR + 1800) == []
    assert lapse(ledger, 4 * HOUR + 60)


def test_to_look_at_what_becomes_of_a_hold_past_its_deadline_does_not_lapse_it(ledger):
    """In check mode no run says that the cluster is about to use it."""
    plan = clock.keep(ledger, "blue", hold=HOUR)
    with ledger.transaction() as tx:
        tx.now += datetime.timedelta(hours=2)
        clusters.begin(tx, "blue", "create", tenant="acme", site="lab")
        again = books.ground.plan(tx, books.order("blue"), "create", None, None)
        assert [change.kind for change in gang.take(tx, again, None).changes if change.kind == "claim"] == []
    assert books.names_of(again) == books.names_of(plan)
