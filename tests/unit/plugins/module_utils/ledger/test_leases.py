# SPDX-License-Identifier: GPL-3.0-or-later
"""Leases: what orders make of them, how they are renewed and held, and who is told."""

from __future__ import annotations

import contextlib
import datetime

import pytest

from ansible_collections.leasehold.cloud.plugins.module_utils.core.errors import (
    InvalidInput, InvalidOrder, NoCapacity, QuotaExceeded, Refused, Reserved, StalePlan,
)
from ansible_collections.leasehold.cloud.plugins.module_utils.core.quotas import Limit
from ansible_collections.leasehold.cloud.plugins.module_utils.core.times import after
from ansible_collections.leasehold.cloud.plugins.module_utils.ledger import calendar, clusters, gang, leases, quotas
from tests.unit.plugins.module_utils.ledger import books, clock
from tests.unit.plugins.module_utils.ledger.clock import DAY, HOUR

ALL = [{"name": "workers", "class": "cpu", "count": 4}]  # of the site


def renew(ledger, seconds: int = 0, name: str = "blue", **changes) -> list:
    with clock.at(ledger, seconds) as tx:
        return [(change.name, change.after) for change in leases.renew(tx, name, **changes).changes]


def lease(ledger, name: str = "blue") -> dict:
    with ledger.reading() as tx:
        (found,) = calendar.find(tx, calendar.Wanted(cluster=name))
        return found


def test_a_lease_begins_with_its_first_claim_and_lasts_as_long_as_ordered(ledger):
    books.serve(ledger, "blue", lease_grace="3d")
    found = lease(ledger)
    assert (found["end"], found["over"]) == (after(found["start"], 30 * DAY), after(found["start"], 33 * DAY))
    assert (found["grace_seconds"], found["hold"], found["followed_by"]) == (3 * DAY, None, [])
    assert 30 * DAY - HOUR < found["remaining_seconds"] <= 30 * DAY


def take_again(ledger, operation: str = "create", **changes) -> list:
    plan = books.planned(ledger, "blue", operation, **changes)
    token = books.begin(ledger, "blue", operation)
    with ledger.transaction() as tx:
        changed = gang.take(tx, plan, token).changes
        tx.keep()
    books.finish(ledger, "blue", token, operation)
    return changed


def test_the_same_order_given_again_does_not_cut_a_renewed_lease_short(ledger):
    books.serve(ledger, "blue")
    renew(ledger, duration=60 * DAY, grace=DAY)
    renewed = lease(ledger)
    assert take_again(ledger) == []
    assert lease(ledger)["end"] == renewed["end"]
    take_again(ledger, lease_duration="45d", lease_grace="2d")
    found = lease(ledger)
    assert (found["end"], found["grace_seconds"]) == (after(found["start"], 45 * DAY), 2 * DAY), "another order is another lease"


def test_a_scale_leaves_the_lease_as_it_is(ledger):
    books.serve(ledger, "blue")
    renew(ledger, duration=60 * DAY)
    before = lease(ledger)
    take_again(ledger, "scale", node_sets=[{"name": "workers", "class": "cpu", "count": 3}], lease_duration="30d")
    assert (lease(ledger)["start"], lease(ledger)["end"]) == (before["start"], before["end"])


def test_a_renewal_changes_the_end_once_and_is_told(ledger):
    books.serve(ledger, "blue")
    end = after(lease(ledger)["start"], 60 * DAY)
    assert renew(ledger, duration=60 * DAY) == [("blue lease_end", end)]
    assert renew(ledger, duration=60 * DAY) == []
    assert renew(ledger, end=end, grace=0) == [("blue lease_grace", 0)]
    assert [action for action, _after in clock.events(ledger, "cluster blue")][-2:] == ["renewed", "renewed"]


def test_a_renewal_brings_an_expiring_cluster_back_and_forgets_the_warnings(ledger):
    books.serve(ledger, "blue")
    with clock.at(ledger, 31 * DAY) as tx:
        clusters.expire(tx, [clusters.get(tx, "blue")])
        clusters.note_order(tx, "blue", {"lease_warned": HOUR})
    assert renew(ledger, 31 * DAY, grace=DAY) == [("blue lease_grace", DAY)], "more grace is no more lease"
    assert lease(ledger)["phase"] == "expiring"
    assert ("blue", "ready") in renew(ledger, 31 * DAY, duration=60 * DAY)
    assert (lease(ledger)["phase"], lease(ledger)["warned_seconds"]) == ("ready", None)


def test_a_renewal_into_a_reservation_is_refused_and_says_how_long_is_possible(ledger):
    green = books.planned(ledger, "green", lease_start=clock.moment(10 * DAY), lease_duration="1d")
    books.serve(ledger, "blue", lease_duration="2d", lease_grace="1h")
    with ledger.transaction() as tx:
        clusters.begin(tx, "green", "reserve", tenant="acme", site="lab")
        gang.reservations.take(tx, green, green["lease_start"], after(green["lease_start"], DAY))
        tx.keep()
    with pytest.raises(Reserved) as caught:
        renew(ledger, duration=30 * DAY)
    latest = caught.value.details["latest_end"]
    assert latest == after(green["lease_start"], -HOUR)
    assert {(row["cluster"], row["resource"]) for row in caught.value.details["reserved"]} >= {("green", name) for name in books.names_of(green)}
    assert latest in caught.value.remedy
    assert {row["cluster"] for row in lease(ledger)["followed_by"]} == {"green"}
    assert renew(ledger, end=latest) == [("blue lease_end", latest)]
    with pytest.raises(Reserved):
        renew(ledger, grace=2 * HOUR)


def test_a_renewal_beyond_the_tenants_hours_is_refused_and_changes_nothing(ledger):
    books.serve(ledger, "blue", lease_duration="1h")
    with ledger.transaction() as tx:
        quotas.put(tx, "acme", [Limit("acme", "server_hours", "", None, 4)])
        tx.keep()
    before = lease(ledger)["end"]
    with pytest.raises(QuotaExceeded):
        renew(ledger, duration=20 * HOUR)
    assert lease(ledger)["end"] == before


def test_a_lease_may_be_shortened_but_not_into_the_past(ledger):
    books.serve(ledger, "blue")
    renew(ledger, end=clock.moment(2 * HOUR))
    with pytest.raises(InvalidOrder):
        renew(ledger, HOUR, end=clock.moment(HOUR - 60))


@pytest.mark.parametrize("operation", ["delete", "reserve"])
def test_what_is_being_released_or_has_not_begun_is_not_renewed_nor_held(operation, ledger):
    if operation == "delete":
        books.serve(ledger, "blue")
        books.begin(ledger, "blue", "delete")
    else:
        clock.keep(ledger, "blue", hold=HOUR)
    with pytest.raises(Refused):
        renew(ledger, duration=60 * DAY)
    with pytest.raises(Refused), ledger.transaction() as tx:
        leases.hold(tx, "blue", "dispute")


def test_a_lease_is_held_for_a_reason_and_let_go_each_once(ledger):
    books.serve(ledger, "blue")
    for reason, changes in (("dispute", 1), ("dispute", 0), ("audit", 1), (None, 1), (None, 0)):
        with ledger.transaction() as tx:
            assert len(leases.hold(tx, "blue", reason).changes) == changes
            tx.keep()
        assert lease(ledger)["hold"] == reason


def test_who_holds_a_lease_is_told_who_waits_for_its_servers(ledger):
    books.serve(ledger, "blue", lease_duration="1d", node_sets=ALL)
    green = clock.keep(ledger, "green", lease_start=clock.moment(2 * DAY), lease_duration="1d")
    with ledger.transaction() as tx:
        warnings = leases.hold(tx, "blue", "dispute").warnings
    assert [warning.split()[:6] for warning in warnings] == [["server", name, "is", "reserved", "by", "cluster"] for name in books.names_of(green)]


def test_a_release_of_what_expired_is_refused_when_it_was_renewed_or_held_meanwhile(ledger):
    books.serve(ledger, "blue", lease_grace="1d")

    def refused(seconds: int) -> bool:
        try:
            with clock.at(ledger, seconds) as tx:
                leases.refuse_unexpired(tx, "blue")
        except Refused:
            return True
        return False

    assert [refused(seconds) for seconds in (29 * DAY, 30 * DAY + HOUR, 31 * DAY + HOUR)] == [True, True, False]
    with ledger.transaction() as tx:
        leases.hold(tx, "blue", "dispute")
        tx.keep()
    assert refused(31 * DAY + HOUR)


@pytest.mark.parametrize(("changes", "variable"), [
    ({}, "cluster_hold"), ({"lease_start": "2020-01-01T00:00:00Z"}, "cluster_lease_start"),
])
def test_what_is_neither_held_nor_starts_later_is_not_reserved(changes, variable, ledger):
    plan = books.planned(ledger, "blue", **changes)
    with pytest.raises(InvalidOrder) as caught, ledger.reading() as tx:
        leases.refuse_unkept(tx, plan)
    assert caught.value.object == variable


@pytest.mark.parametrize(("first", "second"), [
    ({"hold": "2h"}, {"lease_start": clock.moment(DAY)}), ({"lease_start": clock.moment(DAY)}, {"hold": "2h"}),
])
def test_what_is_kept_one_way_is_not_kept_the_other_way_too(first, second, ledger):
    clock.keep(ledger, "blue", **first | ({"hold": 2 * HOUR} if "hold" in first else {}))
    plan = books.planned(ledger, "blue", **second)
    with pytest.raises(Refused) as caught, ledger.reading() as tx:
        leases.refuse_unkept(tx, plan)
    assert "cluster_reserve_state=absent" in caught.value.remedy


def test_the_calendar_by_tenant_phase_end_hold_and_site(ledger):
    books.serve(ledger, "blue", lease_duration="1d")
    books.serve(ledger, "green", lease_duration="3d")
    with ledger.transaction() as tx:
        leases.hold(tx, "green", "dispute")
        tx.keep()

    def found(**wanted) -> list[str]:
        with ledger.reading() as tx:
            return [row["cluster"] for row in calendar.find(tx, calendar.Wanted(**wanted))]

    assert found() == ["blue", "green"], "those that end first first"
    assert found(ends_before=clock.moment(2 * DAY)) == ["blue"]
    assert (found(held=True), found(held=False)) == (["green"], ["blue"])
    assert (found(tenant="acme"), found(tenant="umbrella")) == (["blue", "green"], [])
    assert (found(phase="ready"), found(phase="expiring")) == (["blue", "green"], [])
    assert (found(site="lab"), found(site="elsewhere"), found(cluster="green")) == (["blue", "green"], [], ["green"])


def test_the_calendar_of_holds_and_reservations(ledger):
    held = clock.keep(ledger, "blue", hold=HOUR)
    promised = clock.keep(ledger, "green", lease_start=clock.moment(DAY), lease_duration="1d")
    with ledger.reading() as tx:
        (hold,) = calendar.holds(tx, calendar.Wanted())
        (reservation,) = calendar.reservations(tx, calendar.Wanted())
        assert calendar.holds(tx, calendar.Wanted(cluster="green")) == calendar.reservations(tx, calendar.Wanted(cluster="blue")) == []
    assert (hold["cluster"], hold["lapsed"], hold["servers"]) == ("blue", False, books.names_of(held))
    assert (reservation["cluster"], reservation["starts_at"], reservation["due"]) == ("green", promised["lease_start"], False)
    assert {row["resource"] for row in reservation["resources"] if row["kind"] == "server"} == set(books.names_of(promised))


@pytest.mark.parametrize("reason", ["", "  "])
def test_a_hold_needs_a_reason(ledger, reason):
    books.serve(ledger, "blue")
    with pytest.raises(InvalidInput), ledger.transaction() as tx:
        leases.hold(tx, "blue", reason)


def test_nothing_joins_a_cluster_whose_lease_is_over(ledger):
    two, three = ([{"name": "workers", "class": "cpu", "count": count}] for count in (2, 3))
    books.serve(ledger, "blue", node_sets=two, lease_duration="1d", lease_grace="1h")
    plan = books.planned(ledger, "blue", "scale", node_sets=three, lease_duration=None)
    for seconds, refused in ((DAY + HOUR // 2, False), (DAY + 2 * HOUR, True)):
        with ledger.transaction() as tx:
            tx.now += datetime.timedelta(seconds=seconds)
            with pytest.raises(Refused, match="lease was over") if refused else contextlib.nullcontext():
                books.ground.plan(tx, books.order("blue", "scale", node_sets=three, lease_duration=None), "scale", None, None)
            with pytest.raises(Refused, match="lease was over") if refused else contextlib.nullcontext():
                gang.take(tx, plan, None)


def test_a_reservation_that_was_missed_is_not_begun(ledger):
    clock.keep(ledger, "green", lease_start=clock.moment(HOUR), lease_duration="1d")
    with ledger.transaction() as tx, pytest.raises(Refused, match="lease was over"):
        tx.now += datetime.timedelta(days=2)
        books.ground.plan(tx, books.order("green", lease_duration="1d"), "create", None, None)


def test_what_joins_a_cluster_on_hold_is_not_reserved_by_anybody(ledger):
    one = [{"name": "workers", "class": "cpu", "count": 1}]
    books.serve(ledger, "blue", node_sets=one, lease_duration="1d")
    clock.keep(ledger, "green", node_sets=[{"name": "workers", "class": "cpu", "count": 3}], lease_start=clock.moment(2 * DAY), lease_duration="1d")
    two = [{"name": "workers", "class": "cpu", "count": 2}]
    in_time = books.planned(ledger, "blue", "scale", node_sets=two, lease_duration=None)
    assert len(in_time["add"]) == 1, "until its end it may have what is reserved for later"
    with clock.at(ledger, 0) as tx:
        leases.hold(tx, "blue", "dispute")
    with pytest.raises(NoCapacity):
        books.planned(ledger, "blue", "scale", node_sets=two, lease_duration=None)
    with ledger.transaction() as tx, pytest.raises((Reserved, StalePlan)):
        gang.take(tx, in_time, None)


def test_a_clock_that_was_put_back_makes_no_reservation_of_what_has_begun(ledger):
    with clock.at(ledger, HOUR) as tx:
        token = books.runs.start(tx, "blue", "create", books.holder_of(books.os.getpid()), HOUR)["token"]
        clusters.begin(tx, "blue", "create", tenant="acme", site="lab")
        plan = books.ground.plan(tx, books.order("blue"), "create", None, None)
        gang.take(tx, plan, token)
    for state in ("provisioning", "in_service"):
        books.move(ledger, books.names_of(plan), state, by=books.servers.Mover("blue", token))
    books.finish(ledger, "blue", token)
    more = books.planned(ledger, "blue", "scale", node_sets=[{"name": "workers", "class": "cpu", "count": 3}], lease_duration=None)
    changes = books.take(ledger, more, books.begin(ledger, "blue", "scale"))
    assert {change.kind for change in changes} & {"reservation", "claim"} == {"claim"}


def test_a_hold_of_a_lease_does_not_outlast_its_cluster(ledger):
    books.serve(ledger, "blue")
    with clock.at(ledger, 0) as tx:
        leases.hold(tx, "blue", "dispute")
        before = leases.window_of_new(tx, {"cluster": "blue", "order": books.order("blue").as_dict(), "lease_start": None}, None)
        tx.execute(clusters.tables().clusters.update().values(phase="deleted"))
        tx.memo.clear()
        plan = books.ground.plan(tx, books.order("blue"), "create", None, None)
        assert before[1] == leases.FOREVER > leases.window_of_new(tx, plan)[1]


def test_what_is_on_hold_may_grow_though_its_lease_is_over(ledger):
    books.serve(ledger, "blue", lease_duration="1d")
    with clock.at(ledger, 0) as tx:
        leases.hold(tx, "blue", "dispute")
    with clock.at(ledger, 2 * DAY) as tx:
        three = books.order("blue", "scale", node_sets=[{"name": "workers", "class": "cpu", "count": 3}], lease_duration=None)
        plan = books.ground.plan(tx, three, "scale", None, None)
        assert len(plan["add"]) == 1
        assert "claim" in {change.kind for change in gang.take(tx, plan, None).changes}
