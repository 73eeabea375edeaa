# SPDX-License-Identifier: GPL-3.0-or-later
"""Quotas and usage in the ledger: what counts, and that nothing gets past a limit."""

from __future__ import annotations

import contextlib
import datetime
import os

import pytest
import sqlalchemy
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ansible_collections.leasehold.cloud.plugins.module_utils.core.errors import (
    ClaimConflict, InvalidInput, NoCapacity, QuotaExceeded, Refused, Reserved, StalePlan,
)
from ansible_collections.leasehold.cloud.plugins.module_utils.core.quotas import HOUR, Limit, month_called
from ansible_collections.leasehold.cloud.plugins.module_utils.core.times import after, iso, moment
from ansible_collections.leasehold.cloud.plugins.module_utils.ledger import (
    claims, clusters, events, gang, ground, mirror, quotas, runs, servers, usage,
)
from ansible_collections.leasehold.cloud.plugins.module_utils.ledger.database import Ledger
from ansible_collections.leasehold.cloud.plugins.module_utils.ledger.holder import holder_of
from ansible_collections.leasehold.cloud.plugins.module_utils.ledger.schema import tables
from tests.unit.plugins.module_utils.core import sites
from tests.unit.plugins.module_utils.ledger import books

ONE = [{"name": "workers", "class": "cpu", "count": 1}]
DAY = 24
BEGINNING = datetime.datetime(2026, 12, 1, tzinfo=datetime.timezone.utc)


def put(ledger, *limits: Limit, tenant: str = "acme", **options) -> list:
    with ledger.transaction() as tx:
        changes = quotas.put(tx, tenant, limits, **options)
        tx.keep()
        return changes


def limit(resource: str, hard: int | None = None, soft: int | None = None, server_class: str = "", tenant: str = "acme") -> Limit:
    return Limit(tenant, resource, server_class, soft, hard)


@contextlib.contextmanager
def at(ledger, time: datetime.datetime):
    """A transaction at another time, which is kept."""
    with ledger.transaction() as tx:
        tx.now = time
        yield tx
        tx.keep()


def hold(ledger, duration: str, seconds: int) -> None:
    """Hold two servers for cluster blue, until its lease is approved."""
    token = books.begin(ledger, "blue", "reserve")
    with at(ledger, BEGINNING) as tx:
        gang.take(tx, ground.plan(tx, books.order("blue", lease_duration=duration), "create", None, None), token, hold=seconds)
    books.finish(ledger, "blue", token, "reserve")


def resources(ledger, tenant: str = "acme", months=()) -> dict:
    with ledger.reading() as tx:
        found = quotas.standing(tx, tenant, [month_called(name) for name in months])
    return {(row["resource"], row["class"]): row for row in found[0]["resources"]}


def test_limits_are_set_exactly_and_once(ledger):
    first = [limit("servers", 3, 2, "cpu"), limit("clusters", 2)]
    assert [change.name for change in put(ledger, *first)] == ["acme servers cpu", "acme clusters"]
    assert put(ledger, *first) == []
    assert put(ledger, limit("servers", 3, None, "cpu"))[0].before == {"soft": 2, "hard": 3}
    purged = put(ledger, limit("segments", 1), purge=True)
    assert sorted((change.name, change.after) for change in purged if change.after is None) == [("acme clusters", None), ("acme servers cpu", None)]
    with ledger.transaction() as tx:
        assert quotas.get(tx) == quotas.get(tx, "acme") == [limit("segments", 1)]
        assert quotas.get(tx, "other") == []
        assert [change.name for change in quotas.remove(tx, "acme")] == ["acme segments"]
        assert quotas.remove(tx, "acme") == []


def test_a_set_limit_is_an_event_and_a_wrong_one_sets_none(ledger):
    with pytest.raises(InvalidInput, match="above hard"):
        put(ledger, limit("clusters", 2), limit("servers", 1, 2))
    put(ledger, limit("clusters", 2))
    with ledger.reading() as tx:
        told = [(event["action"], event["before"], event["after"]) for event in events.history(tx, "quota acme clusters")]
        assert told == [("limited", None, {"soft": None, "hard": 2})]
        assert quotas.get(tx) == [limit("clusters", 2)]


def test_a_limit_of_a_class_that_no_server_has_is_told(ledger):
    with ledger.reading() as tx:
        assert quotas.unknown_classes(tx, [limit("servers", 1, server_class="cpu"), limit("clusters", 1)]) == []
        assert "gpuu" in quotas.unknown_classes(tx, [limit("servers", 1, server_class="gpuu")])[0]


@pytest.mark.parametrize(("what", "of"), [("servers", ""), ("servers", "cpu"), ("clusters", ""), ("segments", "")])
def test_a_claim_beyond_a_hard_limit_takes_nothing(ledger, what, of):
    put(ledger, limit(what, 3 if what == "servers" else 1, server_class=of))
    books.create(ledger, "blue")
    plan, token = books.planned(ledger, "green"), books.begin(ledger, "green")
    with pytest.raises(QuotaExceeded) as refused:
        books.take(ledger, plan, token)
    assert (refused.value.details["resource"], list(refused.value.details["by"])) == (what, ["blue"])
    with ledger.reading() as tx:
        assert {row["cluster"] for row in tx.rows(sqlalchemy.select(tables().claims))} == {"blue"}
        assert {row["cluster"] for row in tx.rows(sqlalchemy.select(tables().usage))} == {"blue"}


def test_other_tenants_and_other_classes_do_not_count(ledger):
    put(ledger, limit("servers", 2, server_class="cpu"))
    books.create(ledger, "blue", node_sets=[{"name": "gpus", "class": "gpu", "count": 2}])
    token = books.begin(ledger, "theirs", tenant="other")
    books.take(ledger, books.planned(ledger, "theirs", tenant="other"), token)
    books.create(ledger, "green")
    assert resources(ledger)["servers", "cpu"]["by"] == {"green": 2}


def test_the_limit_of_any_tenant_holds_where_there_is_no_own(ledger):
    put(ledger, limit("clusters", 0, tenant="*"), tenant="*")
    put(ledger, limit("clusters", 1))
    books.create(ledger, "blue")
    token = books.begin(ledger, "theirs", tenant="other")
    with pytest.raises(QuotaExceeded, match="may use 0 clusters"):
        books.take(ledger, books.planned(ledger, "theirs", tenant="other"), token)


def test_a_soft_limit_lets_pass_and_warns(ledger):
    put(ledger, limit("servers", 4, 1))
    plan, token = books.planned(ledger, "blue"), books.begin(ledger, "blue")
    with ledger.transaction() as tx:
        taken = gang.take(tx, plan, token)
        tx.keep()
    assert taken.warnings == ["quota of tenant acme: it goes over its soft limit of 1 servers; it uses 0, and wants 2 more"]
    with ledger.transaction() as tx:
        assert gang.take(tx, books.planned(ledger, "blue"), token).warnings == [], "again, nothing more is taken"


def test_a_scale_counts_what_it_adds(ledger):
    put(ledger, limit("servers", 3))
    _plan, token = books.serve(ledger, "blue")
    token = books.begin(ledger, "blue", "scale", resizing=True)
    three, four = ([{"name": "workers", "class": "cpu", "count": count}] for count in (3, 4))
    with pytest.raises(QuotaExceeded) as refused:
        books.take(ledger, books.planned(ledger, "blue", "scale", node_sets=four), token)
    assert (refused.value.details["used"], refused.value.details["wanted"]) == (2, 2)
    books.take(ledger, books.planned(ledger, "blue", "scale", node_sets=three), token)


def test_to_replace_a_server_is_net(ledger):
    put(ledger, limit("servers", 2))
    plan, _token = books.serve(ledger, "blue")
    books.move(ledger, books.names_of(plan)[:1], "quarantined", reason="smoke")
    assert resources(ledger)["servers", ""]["used"] == 1
    token = books.begin(ledger, "blue", "scale", resizing=True)
    replaced = books.planned(ledger, "blue", "scale", node_sets=books.NODE_SETS)
    assert len(replaced["add"]) == 1
    books.take(ledger, replaced, token)
    assert resources(ledger)["servers", ""]["used"] == 2


def test_what_is_over_a_lowered_limit_runs_again_and_shrinks(ledger):
    books.serve(ledger, "blue")
    put(ledger, limit("servers", 1), limit("clusters", 0), limit("server_hours", 1))
    token = books.begin(ledger, "blue")
    books.take(ledger, books.planned(ledger, "blue"), token)
    books.take(ledger, books.planned(ledger, "blue", "scale", node_sets=ONE), token)


def test_hours_of_a_lease_are_counted_to_its_end(ledger):
    """Two servers from 1 December: 31 days have 1488 hours."""
    put(ledger, limit("server_hours", 2 * 20 * DAY))
    token = books.begin(ledger, "blue")
    with at(ledger, BEGINNING) as tx:
        plan = ground.plan(tx, books.order("blue", lease_duration="20d"), "create", None, None)
        gang.take(tx, plan, token)
    token = books.begin(ledger, "green")
    with ledger.transaction() as tx:
        tx.now = BEGINNING + datetime.timedelta(hours=1)
        plan = ground.plan(tx, books.order("green", lease_duration="1h", node_sets=ONE), "create", None, None)
        with pytest.raises(QuotaExceeded) as refused:
            gang.take(tx, plan, token)
    details = refused.value.details
    assert (details["month"], details["used"], details["wanted"], details["by"]) == ("2026-12", 960.0, 1.0, {"blue": 960.0})


def test_a_renewal_is_judged_by_its_hours(ledger):
    put(ledger, limit("server_hours", 100, 98))
    token = books.begin(ledger, "blue")
    with at(ledger, BEGINNING) as tx:
        gang.take(tx, ground.plan(tx, books.order("blue", lease_duration="48h"), "create", None, None), token)
    with ledger.transaction() as tx:
        tx.now = BEGINNING + datetime.timedelta(hours=10)
        assert quotas.check_hours(tx, "acme", "blue", after(iso(BEGINNING), 49 * 3600)) == []
        assert "soft limit of 98" in quotas.check_hours(tx, "acme", "blue", after(iso(BEGINNING), 50 * 3600))[0]
        for end in (after(iso(BEGINNING), 51 * 3600), None):
            with pytest.raises(QuotaExceeded, match="another end"):
                quotas.check_hours(tx, "acme", "blue", end)
        assert quotas.check_hours(tx, "acme", "blue", after(iso(BEGINNING), 3600)) == [], "to end earlier is always allowed"


def test_hours_that_were_used_stay_used(ledger):
    """A cluster had two servers for a day, and is gone."""
    token = books.begin(ledger, "blue")
    with at(ledger, BEGINNING) as tx:
        gang.take(tx, ground.plan(tx, books.order("blue"), "create", None, None), token)
    with at(ledger, BEGINNING + datetime.timedelta(days=1)) as tx:
        claims.free(tx, "blue")
    with ledger.transaction() as tx:
        tx.now = BEGINNING + datetime.timedelta(days=40)
        rows = usage.spent(tx, iso(BEGINNING), after(iso(BEGINNING), 31 * 86400))
        assert rows == [{"tenant": "acme", "cluster": "blue", "class": "cpu", "milliseconds": 48 * HOUR}]
        assert usage.spent(tx, after(iso(BEGINNING), 86400), tx.at) == []
        assert quotas.standing(tx, None, [month_called("2026-12")])[0]["tenant"] == "acme"


def test_a_hold_counts_with_the_lease_it_is_held_for_until_it_lapses(ledger):
    put(ledger, limit("clusters", 1), limit("server_hours", 2 * 30 * DAY))
    hold(ledger, "30d", 3600)
    with ledger.transaction() as tx:
        tx.now = BEGINNING + datetime.timedelta(minutes=30)
        plan = ground.plan(tx, books.order("green", lease_duration="1h"), "create", None, None)
        with pytest.raises(QuotaExceeded) as refused:
            quotas.check(tx, plan)
        assert {finding["resource"]: finding["by"] for finding in refused.value.details["exceeded"]} == {
            "clusters": {"blue": 1}, "server_hours": {"blue": 1440.0 + 1}}, "its hours so far, and 30 days from now"
        tx.now = BEGINNING + datetime.timedelta(minutes=61)
        assert quotas.check(tx, plan) == []


def test_an_approved_hold_is_never_refused_for_what_it_held(ledger):
    put(ledger, limit("server_hours", 2 * 31 * DAY), limit("servers", 2))
    hold(ledger, "30d", 86400)
    token = books.begin(ledger, "blue")
    with at(ledger, BEGINNING + datetime.timedelta(hours=20)) as tx:
        gang.take(tx, ground.plan(tx, books.order("blue", lease_duration="30d"), "create", None, None), token)


def test_a_reservation_counts_from_when_it_is_made(ledger):
    put(ledger, limit("servers", 3))
    start = iso(BEGINNING + datetime.timedelta(days=365))
    books.create(ledger, "later", lease_start=start, lease_duration="10d")
    with ledger.reading() as tx:
        assert tx.rows(sqlalchemy.select(tables().claims)) == []
    with pytest.raises(QuotaExceeded) as refused:
        books.create(ledger, "blue")
    assert refused.value.details["by"] == {"later": 2}
    name = start[:7]
    assert resources(ledger, months=[name])["server_hours", ""]["used"] == 2 * 10 * DAY
    assert resources(ledger)["server_hours", ""]["used"] == 0


def test_a_reservation_that_begins_is_not_counted_twice(ledger):
    put(ledger, limit("servers", 2), limit("clusters", 1), limit("server_hours", 2 * 10 * DAY))
    start = BEGINNING + datetime.timedelta(days=365)
    _plan, token = books.create(ledger, "later", lease_start=iso(start), lease_duration="10d", lease_grace="2d")
    with at(ledger, start) as tx:
        again = ground.plan(tx, books.order("later", lease_duration="10d", lease_grace="2d"), "create", None, None)
        gang.take(tx, again, token)
    with ledger.reading() as tx:
        assert len(tx.rows(sqlalchemy.select(tables().usage))) == 2


@pytest.mark.parametrize(("limits", "most"), [([], 1), ([limit("servers", 9)], 3), ([limit("servers", 9), limit("server_hours", 9999)], 5)])
def test_a_check_costs_few_queries_whatever_is_held(ledger, limits, most):
    put(ledger, *limits)
    costs = []
    for name in ("blue", "green"):
        plan, token = books.planned(ledger, name, node_sets=ONE), books.begin(ledger, name)
        with ledger.transaction() as tx:
            ran = []
            execute = tx.connection.execute
            tx.connection.execute = lambda *args, execute=execute, ran=ran: ran.append(args) or execute(*args)
            quotas.check(tx, plan)
            del tx.connection.execute
            costs.append(len(ran))
        books.take(ledger, plan, token)
    assert max(costs) <= most
    assert costs[0] == costs[1]


def contend(arguments: tuple[str, str]) -> str:
    """One order of one server, tried until it is decided."""
    url, name = arguments
    with Ledger.open(url, name) as ledger:
        token = books.begin(ledger, name)
        while True:
            try:
                books.take(ledger, books.planned(ledger, name, node_sets=ONE), token)
                return "claimed"
            except (ClaimConflict, StalePlan):
                continue
            except QuotaExceeded:
                return "refused"


def test_many_processes_do_not_exceed_a_limit_together(ledger, url):
    put(ledger, limit("servers", 2, server_class="cpu"))
    names = [f"c{number}" for number in range(6)]
    with books.pool(6) as pool:
        outcomes = list(pool.map(contend, [(url, name) for name in names]))
    assert sorted(outcomes) == ["claimed"] * 2 + ["refused"] * 4
    assert resources(ledger)["servers", "cpu"]["used"] == 2


class Story:
    """Orders and releases of three clusters, in one transaction that is rolled back; and what must hold after each."""

    def __init__(self, tx):
        self.tx = tx
        self.plans: dict[str, dict] = {}
        self.since: dict[str, datetime.datetime] = {}  # of the servers held now
        self.used = 0
        mirror.sync(tx, sites.site(racks=3), "2")
        quotas.put(tx, "acme", [limit("servers", 3, server_class="cpu"), limit("clusters", 2), limit("server_hours", 400)])

    def plan(self, name: str, count: int) -> None:
        """Now; it is taken at some other time."""
        order = books.order(name, node_sets=[{"name": "workers", "class": "cpu", "count": count}], lease_duration="5d")
        operation = "scale" if self._holds(name) else "create"
        with contextlib.suppress(NoCapacity, Refused):
            self.plans[name] = ground.plan(self.tx, order, operation, None, None)

    def order(self, name: str, count: int) -> None:
        self.plan(name, count)
        self.take(name, count)

    def take(self, name: str, _count: int) -> None:
        if name not in self.plans:
            return
        run = runs.start(self.tx, name, "create", holder_of(os.getpid()), books.HOUR)
        clusters.begin(self.tx, name, "create", tenant="acme", site="lab")
        with contextlib.suppress(QuotaExceeded, StalePlan, ClaimConflict, Reserved):
            gang.take(self.tx, self.plans[name], run["token"])

    def free(self, name: str, count: int) -> None:
        held = sorted(server["name"] for server in self._holds(name))
        claims.free(self.tx, name, held[:count] if count < 3 else None)

    def wait(self, _name: str, count: int) -> None:
        self.tx.now += datetime.timedelta(hours=count, milliseconds=1)

    def check(self) -> None:
        held = {row["name"]: row for row in servers.states(self.tx) if row["cluster"]}
        for name in set(self.since) - set(held):
            self.used += (moment(self.tx.at) - self.since.pop(name)) // datetime.timedelta(milliseconds=1)
        for name in set(held) - set(self.since):
            self.since[name] = moment(self.tx.at)
        open_ones = sum((moment(self.tx.at) - since) // datetime.timedelta(milliseconds=1) for since in self.since.values())
        rows = usage.spent(self.tx, "2026-01-01T00:00:00.000Z", "2028-01-01T00:00:00.000Z")
        assert all(row["milliseconds"] >= 0 for row in rows)
        assert sum(row["milliseconds"] for row in rows) == self.used + open_ones
        assert len(held) <= 3
        assert len({row["cluster"] for row in self.tx.rows(sqlalchemy.select(tables().claims))}) <= 2

    def _holds(self, name: str) -> list[dict]:
        found = clusters.describe(self.tx, name)
        return found[0]["servers"] if found else []


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=25)
@given(st.lists(st.tuples(
    st.sampled_from(["order", "order", "plan", "take", "free", "wait"]), st.sampled_from(["blue", "green", "red"]), st.integers(1, 3),
), min_size=3, max_size=14))
def test_whatever_happens_no_limit_is_exceeded_and_no_hour_is_lost(ledger, steps):
    with ledger.transaction() as tx:
        tx.now = BEGINNING
        story = Story(tx)
        for action, name, count in steps:
            getattr(story, action)(name, count)
            story.check()


def test_a_clock_that_was_put_back_makes_no_negative_hours(ledger):
    _plan, _token = books.create(ledger, "blue")
    with at(ledger, datetime.datetime(2020, 1, 1, tzinfo=datetime.timezone.utc)) as tx:
        claims.free(tx, "blue")
    with ledger.transaction() as tx:
        tx.now += datetime.timedelta(days=1)
        assert usage.spent(tx, "2000-01-01T00:00:00.000Z", tx.at) == [{"tenant": "acme", "cluster": "blue", "class": "cpu", "milliseconds": 0}]


def test_a_site_of_many_racks_is_counted_by_tenant(url):
    with Ledger.open(url, "tester") as ledger:
        books.sync(ledger, sites.site(racks=6))
        books.create(ledger, "blue", node_sets=[{"name": "workers", "class": "cpu", "count": 5}, {"name": "gpus", "class": "gpu", "count": 3}])
        by = {key: row["used"] for key, row in resources(ledger).items()}
        assert (by["servers", ""], by["clusters", ""], by["segments", ""]) == (8, 1, 1)
