# SPDX-License-Identifier: GPL-3.0-or-later
"""All that a plan needs or nothing, and what becomes of those who came second."""

from __future__ import annotations

import types

import pytest

from ansible_collections.leasehold.cloud.plugins.module_utils.core.errors import (
    ClaimConflict, LeaseholdError, NoCapacity, QuotaExceeded, StalePlan, StaleRun, Unreachable,
)
from ansible_collections.leasehold.cloud.plugins.module_utils.core.quotas import Limit
from ansible_collections.leasehold.cloud.plugins.module_utils.ledger import engines, events, gang, glance, quotas
from ansible_collections.leasehold.cloud.plugins.module_utils.ledger.database import Ledger
from ansible_collections.leasehold.cloud.plugins.module_utils.ledger.schema import tables
from tests.unit.plugins.module_utils.ledger import books


def claim(ledger, plan, token, said=None, **options):
    def attempt(tx, current):
        taken = gang.take(tx, current, token)
        tx.keep()
        return {"plan": taken.plan, "warnings": taken.warnings, "changes": taken.changes}

    return gang.contend(ledger, plan, attempt, None, (said if said is not None else []).append, **options)


def limit(ledger, **limits):
    with ledger.transaction() as tx:
        quotas.put(tx, "acme", [Limit.from_dict({"tenant": "acme", "class": ""} | limits)])
        tx.keep()


def rows(ledger, table):
    with ledger.reading() as tx:
        return tx.rows(tables().metadata.tables[table].select())


def test_who_came_second_plans_anew_with_what_is_left(ledger):
    late = books.planned(ledger, "green")
    first, _token = books.create(ledger, "blue")
    assert books.names_of(late) == books.names_of(first), "both want the same servers"
    said: list[str] = []
    taken = claim(ledger, late, books.begin(ledger, "green"), said)
    assert not set(books.names_of(taken["plan"])) & set(books.names_of(first))
    assert taken["plan"]["segment"]["vlan"] != first["segment"]["vlan"]
    assert len(said) == 1 and "others were first" in said[0] and "held by cluster blue" in said[0]


def test_a_plan_that_was_approved_is_not_replaced_and_says_what_moved(ledger):
    late = books.planned(ledger, "green")
    first, _token = books.create(ledger, "blue")
    with pytest.raises(StalePlan) as refused:
        claim(ledger, late, books.begin(ledger, "green"), approved=True)
    moved = {move["what"]: (move["before"], move["after"]) for move in refused.value.details["moved"]}
    assert moved[f"use of {books.names_of(first)[0]}"] == ("to be had", "held by cluster blue")
    assert moved[f"VLAN {first['segment']['vlan']}"] == ("to be had", "held by cluster blue")
    assert {row["cluster"] for row in rows(ledger, "claims")} == {"blue"}


def test_a_run_that_was_taken_over_takes_nothing(ledger):
    plan, stale = books.planned(ledger, "blue"), books.begin(ledger, "blue")
    token = books.begin(ledger, "blue")
    for other in (stale, 0):
        with pytest.raises(StaleRun):
            claim(ledger, plan, other)
    assert rows(ledger, "claims") == []
    assert claim(ledger, plan, token)["changes"]


def test_the_database_has_the_last_word(ledger, monkeypatch):
    """Even were it overlooked that a resource is held."""
    late, token = books.planned(ledger, "green"), books.begin(ledger, "green")
    books.create(ledger, "blue")
    monkeypatch.setattr(glance, "at", lambda *_arguments: glance.Glance(moved=False, lapsed=False, limited=False, reserved=False))
    with pytest.raises(ClaimConflict, match="at the same moment"):
        claim(ledger, late, token, approved=True)
    assert {row["cluster"] for row in rows(ledger, "claims")} == {"blue"}
    assert claim(ledger, late, token)["plan"]["servers"] != late["servers"], "or else it plans anew"


def test_who_comes_last_takes_nothing_and_is_told_why(ledger):
    late = books.planned(ledger, "red")
    for name in ("blue", "green"):
        books.create(ledger, name)
    with pytest.raises(NoCapacity) as refused:
        claim(ledger, late, books.begin(ledger, "red"))
    assert refused.value.details["reasons"]
    assert {row["cluster"] for row in rows(ledger, "claims")} == {"blue", "green"}


def test_who_was_outrun_plans_where_nobody_is_faster(ledger, monkeypatch):
    """The second plan is made with the writers' lock held: a rival waits for it, in vain until it is taken."""
    late, token, refused = books.planned(ledger, "green"), books.begin(ledger, "green"), []

    def with_a_rival(*given):
        plan = ground.plan(*given)
        with Ledger.open(str(ledger.engine.url.render_as_string(hide_password=False)), "other") as other:
            with pytest.raises(Unreachable) as rival:
                books.create(other, "rival", node_sets=[{"name": "workers", "class": "cpu", "count": 1}])
        refused.append(rival.value.attempted)
        return plan

    books.create(ledger, "first", node_sets=[{"name": "workers", "class": "cpu", "count": 1}])
    monkeypatch.setattr(engines, "BUSY_TIMEOUT", 0.1)
    ground = gang.ground
    monkeypatch.setattr(gang, "ground", types.SimpleNamespace(plan=with_a_rival, verify=ground.verify))
    taken = claim(ledger, late, token)
    assert len(refused) == 1
    assert len(books.names_of(taken["plan"])) == 2
    holders = {row["resource"]: row["cluster"] for row in rows(ledger, "claims") if row["kind"] == "server"}
    assert sorted(holders.values()) == ["first", "green", "green"]


def test_a_hard_quota_refuses_in_the_claims_own_transaction(ledger):
    limit(ledger, resource="servers", hard=3)
    books.create(ledger, "blue")
    with pytest.raises(QuotaExceeded):
        claim(ledger, books.planned(ledger, "green"), books.begin(ledger, "green"))
    assert {row["cluster"] for row in rows(ledger, "claims")} == {"blue"}


def test_a_soft_quota_warns_and_what_is_held_is_no_breach_when_asked_again(ledger):
    limit(ledger, resource="servers", soft=1)
    taken = claim(ledger, books.planned(ledger, "blue"), token := books.begin(ledger, "blue"))
    assert len(taken["warnings"]) == 1 and "servers" in taken["warnings"][0]
    limit(ledger, resource="servers", hard=1)
    assert claim(ledger, books.planned(ledger, "blue"), token)["changes"] == [], "nothing more is taken"


def test_usage_is_open_while_a_server_is_held(ledger):
    plan, token = books.create(ledger, "blue")
    assert {(row["server"], row["tenant"], row["class"], row["ends_at"]) for row in rows(ledger, "usage")} == {
        (name, "acme", "cpu", None) for name in books.names_of(plan)}
    books.take(ledger, books.planned(ledger, "blue"), token)
    assert len(rows(ledger, "usage")) == 2
    books.free(ledger, "blue", books.names_of(plan)[:1])
    assert [row["ends_at"] is None for row in sorted(rows(ledger, "usage"), key=lambda row: row["server"])] == [False, True]


def test_a_refused_claim_leaves_no_trace(ledger):
    late = books.planned(ledger, "green")
    books.create(ledger, "blue")
    token = books.begin(ledger, "green")
    with ledger.reading() as tx:
        before = len(events.history(tx))
    with pytest.raises(LeaseholdError):
        claim(ledger, late, token, approved=True)
    with ledger.reading() as tx:
        assert len(events.history(tx)) == before
