# SPDX-License-Identifier: GPL-3.0-or-later
"""The audit: a whole ledger has no findings, whatever was done with it; what is changed behind its back is found and named."""

from __future__ import annotations

import pytest
import sqlalchemy

from ansible_collections.leasehold.cloud.plugins.module_utils.core import chain
from ansible_collections.leasehold.cloud.plugins.module_utils.core.quotas import Limit
from ansible_collections.leasehold.cloud.plugins.module_utils.ledger import audit, clusters, events, holds, quotas, reservations, runs, schema, servers
from ansible_collections.leasehold.cloud.plugins.module_utils.ledger.schema import tables
from tests.unit.plugins.module_utils.core import sites
from tests.unit.plugins.module_utils.ledger import books

LATER = ("2030-01-01T00:00:00.000Z", "2030-02-01T00:00:00.000Z")


@pytest.fixture
def busy(ledger):
    """A ledger with a past: a cluster in service, one that was deleted, one that failed, one on hold, a reservation, a sick server."""
    books.serve(ledger, "blue")
    release(ledger, "red", books.serve(ledger, "red", node_sets=[{"name": "gpus", "class": "gpu", "count": 2}])[0])
    books.move(ledger, ["r2-s04"], "quarantined", reason="smoke")
    plan = books.planned(ledger, "green", node_sets=[{"name": "gpus", "class": "gpu", "count": 1}])
    with ledger.transaction() as tx:
        runs.start(tx, "green", "create", "elsewhere~1:1:1", books.HOUR)
        clusters.begin(tx, "green", "create", tenant="acme", site="lab")
        clusters.fail(tx, "green", "create", {"message": "it burns"})
        reservations.take(tx, plan, *LATER)
        quotas.put(tx, "acme", [Limit("acme", "servers", "cpu", soft=5, hard=6), Limit("acme", "clusters", soft=9)])
        quotas.remove(tx, "acme", [("clusters", "")])
        tx.keep()
    return ledger


def release(ledger, name: str, plan: dict) -> None:
    token = books.begin(ledger, name, "delete")
    names = books.names_of(plan)
    for state in ("releasing", "cleaning"):
        books.move(ledger, names, state, by=servers.Mover(name, token))
    books.move(ledger, names, "available", by=servers.Mover(name, token), evidence=dict.fromkeys(names, books.PROOF))
    books.free(ledger, name)
    books.finish(ledger, name, token, "delete")


def verified(ledger, exported=None) -> dict:
    with ledger.reading() as tx:
        return audit.verify(tx, None if exported is None else iter(exported))


def found(ledger, exported=None) -> list[tuple]:
    return [(finding.kind, finding.object, finding.expected, finding.found) for finding in verified(ledger, exported)["findings"]]


def exported(ledger) -> list[dict]:
    with ledger.reading() as tx:
        return [chain.parse(chain.line(event)) for event, _fault in events.stream(tx)]


def behind(ledger, *statements: str) -> None:
    """Write to the tables as nobody should."""
    with ledger.transaction() as tx:
        if tx.connection.dialect.name == "postgresql":
            tx.execute(sqlalchemy.text("ALTER TABLE events DISABLE TRIGGER events_append_only"))
            tx.execute(sqlalchemy.text("ALTER TABLE claims DROP CONSTRAINT claims_of_a_cluster"))
            tx.execute(sqlalchemy.text("ALTER TABLE reservations DISABLE TRIGGER reservations_once"))
        else:
            for verb in ("update", "delete"):
                tx.execute(sqlalchemy.text(f"DROP TRIGGER IF EXISTS events_append_only_{verb}"))
            for verb in ("insert", "update"):
                tx.execute(sqlalchemy.text(f"DROP TRIGGER IF EXISTS reservations_once_{verb}"))
        for statement in statements:
            tx.execute(sqlalchemy.text(statement))
        tx.keep()


def test_what_was_done_by_the_ledger_has_no_findings(busy):
    report = verified(busy)
    assert report["findings"] == []
    assert report["events"] == len(exported(busy)) > 80


def test_a_ledger_that_is_empty_is_whole(url):
    with books.Ledger.open(url, "tester") as opened:
        assert verified(opened) == {"events": 0, "anchored": None, "lost": 0, "lost_events": [], "findings": []}


def test_pages_make_no_difference(busy, monkeypatch):
    whole = exported(busy)
    monkeypatch.setattr(events, "PAGE", 7)
    assert exported(busy) == whole
    assert verified(busy)["findings"] == []


def test_a_hold_and_its_lapse_have_no_findings(ledger):
    books.create(ledger, "blue")
    with ledger.transaction() as tx:
        clusters.note_order(tx, "blue", {"hold_until": tx.at})
        tx.keep()
    assert found(ledger) == []
    books.finish(ledger, "blue", books.begin(ledger, "blue"))
    with ledger.transaction() as tx:
        assert holds.lapse(tx)
        tx.keep()
    assert found(ledger) == []


@pytest.mark.parametrize(("statement", "kind", "object", "expected", "seen"), [
    ("UPDATE server_states SET state = 'available' WHERE server = 'r2-s04'", "state", "server r2-s04", "quarantined", "available"),
    ("DELETE FROM server_states WHERE server = 'r1-s01'", "state", "server r1-s01", "in_service", None),
    ("UPDATE clusters SET phase = 'degraded' WHERE name = 'blue'", "phase", "cluster blue", "ready", "degraded"),
    ("UPDATE clusters SET lease_end = '2099-01-01T00:00:00.000Z' WHERE name = 'blue'", "lease_end", "cluster blue", None, "2099-01-01T00:00:00.000Z"),
    ("UPDATE clusters SET tenant = 'initech' WHERE name = 'blue'", "tenant", "cluster blue", "acme", "initech"),
    ("UPDATE claims SET token = 99 WHERE resource = 'r1-s01'", "claim", "server r1-s01", "cluster blue, token 1", "cluster blue, token 99"),
    ("DELETE FROM claims WHERE kind = 'vlan'", "claim", "vlan lab/100", "cluster blue, token 1", None),
    ("INSERT INTO claims (kind, resource, cluster, token, claimed_at) VALUES ('vlan', 'lab/103', 'blue', 1, '2026')", "claim", "vlan lab/103", None,
     "cluster blue, token 1"),
    ("UPDATE claims SET cluster = 'red' WHERE resource = 'lab/100'", "claim", "vlan lab/100", "of a cluster that is there", "of cluster red, which is deleted"),
    ("UPDATE runs SET token = 9 WHERE cluster = 'red'", "run", "cluster red", "finished with token 3", "finished with token 9"),
    ("DELETE FROM runs WHERE cluster = 'red'", "run", "cluster red", "finished with token 3", None),
    ("DELETE FROM free_servers WHERE server = 'r1-s03'", "entry among the free", "server r1-s03", "cell", None),
    ("UPDATE free_servers SET cell = 'x' WHERE server = 'r1-s03'", "entry among the free", "server r1-s03", "cell", "cell x"),
    ("UPDATE usage SET ends_at = starts_at WHERE server = 'r1-s01'", "usage", "server r1-s01", "open 1 times for cluster blue", "open 0 times"),
    ("UPDATE quotas SET hard = 900 WHERE tenant = 'acme'", "limit", "quota acme servers cpu", "soft 5, hard 6", "soft 5, hard 900"),
    ("DELETE FROM quotas WHERE tenant = 'acme'", "limit", "quota acme servers cpu", "soft 5, hard 6", None),
    ("DELETE FROM reservations WHERE kind = 'vlan'", "reservation", "vlan lab/101", f"cluster green from {LATER[0]} to {LATER[1]}", None),
])
def test_what_is_written_behind_the_ledgers_back_is_named(busy, statement, kind, object, expected, seen):
    behind(busy, statement)
    matching = [finding for finding in found(busy) if finding[:2] == (kind, object)]
    assert len(matching) >= 1, found(busy)
    told = [(str(one[2])[:4], one[3]) if expected == "cell" else one[2:] for one in matching]
    if object == "cluster blue" and kind == "lease_end":
        assert told[0][1] == seen
    else:
        assert (expected, seen) in told


def test_a_promise_that_was_made_twice_is_named(busy):
    behind(busy, "INSERT INTO reservations (kind, resource, cluster, starts_at, ends_at, reserved_at) "
                 "SELECT kind, resource, 'blue', starts_at, ends_at, reserved_at FROM reservations WHERE kind = 'vlan'")
    assert ("reservation", "vlan lab/101", f"from {LATER[1]} on", f"from {LATER[0]} on") in found(busy)


@pytest.mark.parametrize("change", [
    "actor = 'somebody else'", "at = '2020-01-01T00:00:00.000Z'", "subject = 'server r9-s01'", "after = '{\"state\": \"retired\"}'",
])
def test_an_event_that_was_changed_is_the_first_finding(busy, change):
    behind(busy, f"UPDATE events SET {change} WHERE id = 30")
    assert found(busy)[0][:2] == ("event", "event 30")


def test_an_event_that_is_no_json_any_more_is_a_finding(busy):
    with busy.reading() as tx:
        if tx.connection.dialect.name == "postgresql":
            pytest.skip("the database itself refuses it")
    behind(busy, "UPDATE events SET after = '{\"state\":' WHERE id = 30")
    assert found(busy)[0][:2] == ("event", "event 30")
    with busy.reading() as tx:
        assert events.first_broken(tx) == 30


@pytest.mark.parametrize("number", [0, -5])
def test_an_event_before_the_first_is_found(busy, number):
    behind(busy, "INSERT INTO events (id, at, actor, subject, action, previous, hash) "
                 f"VALUES ({number}, '2030-01-01T00:00:00.000Z', 'boss', 'server r2-s04', 'moved', 'x', 'y')")
    assert ("event", f"event {number}", "as it was written", "it was changed: its hash is not that of its content") in found(busy)
    with busy.reading() as tx:
        assert events.first_broken(tx) == number
        assert events.count(tx) == events.count(tx, 0) + 1 == verified(busy)["events"]


@pytest.mark.parametrize("column", ["at", "actor", "subject", "action", "before", "after", "previous", "hash"])
@pytest.mark.parametrize("value", ["x'00ff'", "CAST(x'ff' AS TEXT)"], ids=["bytes", "no UTF-8"])
def test_what_is_no_text_is_found(busy, column, value):
    if busy.engine.dialect.name == "postgresql":
        pytest.skip("PostgreSQL takes texts only")
    behind(busy, f'UPDATE events SET "{column}" = {value} WHERE id = 5')
    assert "event 5" in [finding.object for finding in verified(busy, exported(busy))["findings"]]
    with busy.reading() as tx:
        assert events.first_broken(tx) == 5


@pytest.mark.parametrize("key", chain.TEXTS)
def test_bytes_are_at_fault_whatever_hash_they_are_given(busy, key):
    event = exported(busy)[4]
    assert chain.fault(event, event["previous"]) is None
    event |= {key: event[key].encode()}
    if key != "hash":
        event["hash"] = chain.seal(event)
    assert chain.fault(event, None) == f"it was changed: its {key} is no text"


def test_an_event_that_is_gone_is_told_by_the_next(busy):
    behind(busy, "DELETE FROM events WHERE id = 30")
    assert found(busy)[0][:2] == ("event", "event 31")


def test_a_tail_that_was_cut_off_is_told_by_the_anchor_alone(busy):
    anchor = exported(busy)
    with busy.transaction() as tx:
        events.record(tx, "note acme", "written", None, {"text": "hello"})
        tx.keep()
    longer = exported(busy)
    assert found(busy, anchor) == found(busy, longer) == []
    assert verified(busy, anchor)["anchored"] == anchor[-1]["id"]
    behind(busy, f"DELETE FROM events WHERE id = {longer[-1]['id']}")
    assert found(busy) == []
    report = verified(busy, longer)
    assert (report["lost"], report["lost_events"][0]["subject"]) == (1, "note acme")
    assert [finding.kind for finding in report["findings"]] == ["export"]


def test_a_past_that_was_written_anew_is_told_by_the_anchor_alone(busy):
    anchor = exported(busy)
    rewritten, previous = [], chain.BEGINNING
    for event in anchor:
        new = event | {"actor": "nobody" if event["id"] == 40 else event["actor"], "previous": previous}
        previous = new["hash"] = chain.seal(new)
        rewritten.append(new)
    behind(busy, "DELETE FROM events")
    with busy.transaction() as tx:
        tx.execute(tables().events.insert(), rewritten)
        tx.keep()
    assert found(busy) == []
    assert [finding[:2] for finding in found(busy, anchor)] == [("export", "event 40")]


def test_an_export_that_begins_later_is_an_anchor_too(busy):
    assert found(busy, exported(busy)[20:]) == []


def test_an_event_put_in_between_is_told_by_the_anchor(busy):
    anchor = exported(busy)
    without = [event for event in anchor if event["id"] != 40]
    assert [finding[:2] for finding in found(busy, without)] == [("export", "event 40")]


def test_the_ledger_is_described(busy):
    with busy.reading() as tx:
        told = audit.describe(tx)
    assert (told["schema"], told["tables"]["servers"], told["tables"]["events"]) == (schema.HEAD, 8, told["head"]["id"])
    assert [site["name"] for site in told["sites"]] == ["lab"] and 0 <= told["sites"][0]["age"] < books.HOUR
    books.sync(busy, sites.site(), "2")
    with busy.reading() as tx:
        assert audit.describe(tx)["head"] == told["head"]
