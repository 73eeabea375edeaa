# SPDX-License-Identifier: GPL-3.0-or-later
"""A glance says what is certainly not in a plan's way. Whatever it says, what becomes of the plan is the same as when all is looked at."""

from __future__ import annotations

import pytest
import sqlalchemy

from ansible_collections.leasehold.cloud.plugins.module_utils.core.errors import LeaseholdError
from ansible_collections.leasehold.cloud.plugins.module_utils.core.quotas import Limit
from ansible_collections.leasehold.cloud.plugins.module_utils.ledger import gang, glance, quotas
from ansible_collections.leasehold.cloud.plugins.module_utils.ledger.schema import tables
from tests.unit.plugins.module_utils.core import sites
from tests.unit.plugins.module_utils.ledger import books

FAR = "9998-01-01T00:00:00.000Z"
CLEAR = {"moved": False, "lapsed": False, "limited": False, "reserved": False}
STATEMENTS = 9  # of a claim, however large


def rival_takes(ledger, plan):
    books.create(ledger, "green")


def server_breaks(ledger, plan):
    books.move(ledger, books.names_of(plan)[:1], "quarantined", reason="smoke")


def source_changes(ledger, plan):
    books.sync(ledger, sites.site(), "2")


def prefix_overlaps(ledger, plan):
    """A claim from before the pools were cut anew."""
    books.create(ledger, "green", node_sets=[{"name": "workers", "class": "cpu", "count": 1}])
    prefix = plan["segment"]["prefix"].rpartition("/")[0] + "/25"
    with ledger.transaction() as tx:
        claims = tables().claims
        where = (claims.c.cluster == "green") & (claims.c.kind == "prefix")
        tx.execute(claims.update().where(where).values(resource=prefix, prefix_length=25))
        tx.keep()


def hold_lapses(ledger, plan):
    books.create(ledger, "green", node_sets=[{"name": "workers", "class": "cpu", "count": 1}])
    with ledger.transaction() as tx:
        clusters = tables().clusters
        tx.execute(clusters.update().where(clusters.c.name == "green").values(hold_until="2020-01-01T00:00:00.000Z"))
        tx.keep()


def quota(hard):
    def limit(ledger, plan):
        with ledger.transaction() as tx:
            quotas.put(tx, "acme", [Limit.from_dict({"tenant": "acme", "resource": "servers", "class": "", "soft": 1, "hard": hard})])
            tx.keep()
    return limit


def promised(ledger, plan, cluster="green", starts="2000-01-01T00:00:00.000Z"):
    books.begin(ledger, "green", "reserve")
    with ledger.transaction() as tx:
        row = {"kind": "server", "resource": books.names_of(plan)[0], "cluster": cluster, "starts_at": starts, "ends_at": FAR, "reserved_at": tx.at}
        tx.execute(tables().reservations.insert(), row)
        tx.keep()


IN_THE_WAY = {
    "nothing": (lambda ledger, plan: None, set()),
    "rival": (rival_takes, {"moved"}),
    "server": (server_breaks, {"moved"}),
    "source": (source_changes, {"moved"}),
    "prefix": (prefix_overlaps, {"moved"}),
    "hold": (hold_lapses, {"moved", "lapsed"}),
    "soft": (quota(5), {"limited"}),
    "hard": (quota(1), {"limited"}),
    "reserved": (promised, {"reserved"}),
}


def outcome(ledger, plan, token) -> dict:
    """What becomes of a plan, and of the ledger; and then it is undone."""
    with ledger.transaction() as tx:
        try:
            taken = gang.take(tx, plan, token)
        except LeaseholdError as error:
            return {"refused": error.error_code, "message": error.message}
        return {
            "changes": [(change.kind, change.name) for change in taken.changes], "warnings": taken.warnings,
            **{name: tx.rows(sorted_rows(name)) for name in ("claims", "free_servers", "clusters", "reservations")},
        }


def sorted_rows(name: str):
    table = tables().metadata.tables[name]
    hidden = ("id", "claimed_at", "updated_at", "lease_start", "lease_end", "since")
    columns = [column for column in table.columns if column.name not in hidden]
    return table.select().with_only_columns(*columns).order_by(*(column for column in columns if column.name not in ("detail", "order", "error")))


@pytest.mark.parametrize("case", IN_THE_WAY)
def test_what_is_in_the_way_is_seen_and_makes_no_difference(ledger, monkeypatch, case):
    happen, seen = IN_THE_WAY[case]
    plan, token = books.planned(ledger, "blue"), books.begin(ledger, "blue")
    happen(ledger, plan)
    with ledger.reading() as tx:
        found = glance.at(tx, plan)
    assert {name: bool(value) for name, value in vars(found).items()} == CLEAR | dict.fromkeys(seen, True)
    quickly = outcome(ledger, plan, token)
    monkeypatch.setattr(glance, "at", lambda *_arguments: glance.Glance())
    assert quickly == outcome(ledger, plan, token)


def test_of_a_plan_that_is_more_than_a_first_claim_nothing_is_certain(ledger):
    later = books.planned(ledger, "red", lease_start=FAR, lease_duration="1d")
    books.begin(ledger, "red", "reserve")
    with ledger.reading() as tx:
        assert glance.at(tx, later) == glance.Glance(), "a lease that starts later"
        assert glance.at(tx, later | {"cluster": "nobody's"}) == glance.Glance(), "nothing has begun"
    plan, _token = books.create(ledger, "blue")
    books.sync(ledger, sites.site(spares={"cpu": 1}), "2")
    for other in (books.planned(ledger, "blue"), books.planned(ledger, "green", node_sets=[{"name": "workers", "class": "cpu", "count": 1}])):
        with ledger.reading() as tx:
            assert glance.at(tx, other) == glance.Glance()
    with ledger.reading() as tx:
        assert glance.at(tx, plan | {"mirror": None}) == glance.Glance()


def test_a_claim_takes_a_few_statements_however_large(ledger):
    said: list[str] = []

    def hear(_connection, _cursor, statement, *_more):
        said.append(statement)

    for name, count in (("blue", 1), ("green", 3)):
        plan, token = books.planned(ledger, name, node_sets=[{"name": "workers", "class": "cpu", "count": count}]), books.begin(ledger, name)
        said.clear()
        sqlalchemy.event.listen(ledger.engine, "before_cursor_execute", hear)
        books.take(ledger, plan, token)
        sqlalchemy.event.remove(ledger.engine, "before_cursor_execute", hear)
        assert 0 < len(said) <= STATEMENTS, said
