# SPDX-License-Identifier: GPL-3.0-or-later
"""Reservations: leases that start later, and what they forbid to others until then."""

from __future__ import annotations

import contextlib

import pytest
import sqlalchemy

from ansible_collections.leasehold.cloud.plugins.module_utils.core.errors import NoCapacity, Refused, Reserved
from ansible_collections.leasehold.cloud.plugins.module_utils.core.times import after
from ansible_collections.leasehold.cloud.plugins.module_utils.ledger import clusters, gang, holds, leases, reservations, runs
from ansible_collections.leasehold.cloud.plugins.module_utils.ledger.schema import tables
from tests.unit.plugins.module_utils.ledger import books, clock
from tests.unit.plugins.module_utils.ledger.clock import DAY, HOUR

SOON, LATER = 2 * DAY, 10 * DAY


@contextlib.contextmanager
def reserved(ledger):
    with pytest.raises(Reserved) as caught, ledger.transaction() as tx:
        yield tx, caught
        tx.keep()


def reserve(ledger, name: str, start: int = SOON, **changes) -> dict:
    return clock.keep(ledger, name, lease_start=clock.moment(start), lease_duration="1d", **changes)


def test_a_reservation_promises_everything_for_its_time_and_claims_nothing(ledger):
    plan = reserve(ledger, "green", lease_grace="1h")
    segment = plan["segment"]
    assert clock.claims(ledger, "green") == set()
    assert clock.reserved(ledger, "green") == {
        *(f"server {name}" for name in books.names_of(plan)), *(f"address {server['address']}" for server in plan["servers"]),
        f"vlan lab/{segment['vlan']}", f"prefix {segment['prefix']}",
    }
    with ledger.reading() as tx:
        rows = reservations.of(tx, "green")
    assert {(row["starts_at"], row["ends_at"]) for row in rows} == {(plan["lease_start"], after(plan["lease_start"], DAY + HOUR))}
    found = books.cluster(ledger, "green")
    assert (found["phase"], found["lease"]) == ("requested", {"start": plan["lease_start"], "end": after(plan["lease_start"], DAY)})


def test_to_reserve_again_changes_nothing_and_another_time_moves_it(ledger):
    plan = reserve(ledger, "green")
    token = books.begin(ledger, "green", "reserve")
    with ledger.transaction() as tx:
        assert gang.take(tx, plan, token).changes == []
    moved = reserve(ledger, "green", LATER)
    with ledger.reading() as tx:
        assert {row["starts_at"] for row in reservations.of(tx, "green")} == {moved["lease_start"]}
    assert books.cluster(ledger, "green")["lease"]["end"] == after(moved["lease_start"], DAY)


def test_busy_is_what_others_have_reserved_in_a_time(ledger):
    plan = reserve(ledger, "green")
    server = ("server", books.names_of(plan)[0])
    with ledger.reading() as tx:
        assert reservations.busy(tx, clock.moment(SOON + HOUR), clock.moment(LATER), "blue")[server] == "green"
        assert server not in reservations.busy(tx, clock.moment(SOON + HOUR), clock.moment(LATER), "green")
        assert reservations.busy(tx, tx.at, plan["lease_start"], "blue") == {}, "until its start, the end does not count"
        assert reservations.busy(tx, after(plan["lease_start"], DAY), clock.moment(LATER), "blue") == {}


def test_a_claim_that_would_last_into_a_reservation_is_refused_with_the_latest_end(ledger):
    long, short = (books.planned(ledger, "blue", lease_duration=duration, lease_grace="1h") for duration in ("30d", "1d"))
    promised = reserve(ledger, "green")
    token = books.begin(ledger, "blue")
    with reserved(ledger) as (tx, caught):
        leases.refuse_clash(tx, long)
    assert caught.value.details["latest_end"] == after(promised["lease_start"], -HOUR)
    assert {row["cluster"] for row in caught.value.details["reserved"]} == {"green"}
    assert f"server {books.names_of(promised)[0]} from {promised['lease_start']} on by cluster green" in caught.value.message
    books.take(ledger, short, token)
    assert {f"server {name}" for name in books.names_of(promised)} < clock.claims(ledger, "blue"), "until then they can be used"


def test_what_is_held_until_after_its_start_cannot_be_reserved(ledger):
    plan = books.planned(ledger, "green", lease_start=clock.moment(SOON), lease_duration="1d")
    books.create(ledger, "blue", lease_duration="3d")
    with reserved(ledger) as (tx, caught):
        clusters.begin(tx, "green", "reserve", tenant="acme", site="lab")
        reservations.take(tx, plan, plan["lease_start"], clock.moment(LATER))
    assert "is held by cluster blue" in caught.value.message


def test_servers_that_a_lease_gives_back_in_time_are_planned_for_later_and_not_for_now(ledger):
    books.serve(ledger, "blue", lease_duration="1d", node_sets=[{"name": "workers", "class": "cpu", "count": 4}])
    with pytest.raises(NoCapacity):
        books.planned(ledger, "green")
    with pytest.raises(NoCapacity):
        books.planned(ledger, "green", lease_start=clock.moment(HOUR), lease_duration="1d")
    plan = reserve(ledger, "green")
    assert {f"server {name}" for name in books.names_of(plan)} <= clock.reserved(ledger, "green") & clock.claims(ledger, "blue")
    with pytest.raises(Reserved), ledger.transaction() as tx:
        leases.renew(tx, "blue", duration=3 * DAY)


@pytest.mark.parametrize(("values", "possible"), [
    ({"lease_end": clock.moment(SOON - HOUR)}, True), ({"lease_end": clock.moment(SOON - HOUR), "lease_grace": DAY}, False),
    ({"lease_end": clock.moment(SOON - HOUR), "lease_hold": "dispute"}, False), ({"lease_end": None}, False),
])
def test_what_a_lease_gives_back_before_its_start_can_be_reserved(values, possible, ledger):
    plan = books.planned(ledger, "green", lease_start=clock.moment(SOON), lease_duration="1d")
    books.create(ledger, "blue")
    with ledger.transaction() as tx:
        clusters.note_order(tx, "blue", values)
        clusters.begin(tx, "green", "reserve", tenant="acme", site="lab")
        with contextlib.nullcontext() if possible else pytest.raises(Reserved):
            assert reservations.take(tx, plan, plan["lease_start"], clock.moment(LATER))


def test_prefixes_clash_where_they_overlap(ledger):
    reserve(ledger, "green")
    with ledger.reading() as tx:
        for prefix, clashes in (("10.64.0.128/25", True), ("10.64.0.0/16", True), ("10.64.1.0/24", False)):
            rows = [{"kind": "prefix", "resource": prefix}]
            assert bool(reservations.clashing(tx, rows, tx.at, clock.moment(LATER), "blue")) is clashes


def test_the_database_refuses_to_promise_anything_twice(ledger):
    plan = reserve(ledger, "green")
    row = {"kind": "server", "resource": books.names_of(plan)[0], "cluster": "green", "starts_at": clock.moment(0),
           "ends_at": clock.moment(LATER), "reserved_at": clock.moment(0)}
    with pytest.raises(sqlalchemy.exc.DBAPIError, match="overlaps in time"), ledger.transaction() as tx:
        tx.execute(tables().reservations.insert(), [row])


def test_nothing_is_made_of_a_reservation_before_its_start(ledger):
    plan = reserve(ledger, "green")
    with pytest.raises(Refused) as caught:
        clock.begin(ledger, "green", "create", SOON - HOUR)
    assert plan["lease_start"] in caught.value.message
    assert plan["lease_start"] in caught.value.remedy


def test_a_create_of_a_lease_that_starts_later_is_told_to_reserve(ledger):
    with pytest.raises(Refused) as caught, ledger.transaction() as tx:
        clusters.begin(tx, "green", "create", tenant="acme", starts_at=clock.moment(SOON))
    assert "cluster_reserve" in caught.value.remedy


def test_at_its_start_a_reservation_becomes_claims(ledger):
    plan = reserve(ledger, "green")
    token = clock.begin(ledger, "green", "create", SOON + HOUR)
    with clock.at(ledger, SOON + HOUR) as tx:
        gang.take(tx, plan, token)
    assert clock.reserved(ledger, "green") == set()
    assert {f"server {name}" for name in books.names_of(plan)} < clock.claims(ledger, "green")
    lease = books.cluster(ledger, "green")["lease"]
    assert lease == {"start": plan["lease_start"], "end": after(plan["lease_start"], DAY)}, "what was promised, however late it begins"


def test_a_reservation_is_called_off_without_a_trace(ledger):
    reserve(ledger, "green")
    token = books.begin(ledger, "green", "delete")
    with ledger.transaction() as tx:
        runs.end(tx, "green", token, runs.FINISHED)
        dropped = holds.give_up(tx, "green", "deleted")
        clusters.finish(tx, "green", "delete")
        tx.keep()
    assert {change.kind for change in dropped} == {"reservation"}
    assert clock.reserved(ledger, "green") == set()
    assert books.cluster(ledger, "green")["phase"] == "deleted"
    told = [after_it for action, after_it in clock.events(ledger, dropped[0].name) if action == "unreserved"]
    assert told == [{"reason": "deleted"}]
    reserve(ledger, "amber")
    assert clock.reserved(ledger, "amber") == {change.name for change in dropped}, "it is there for the next one"
