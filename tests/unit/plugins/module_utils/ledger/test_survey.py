# SPDX-License-Identifier: GPL-3.0-or-later
"""What the ledger says of a site to be compared with the world, and what of the drift is mended in it."""

from __future__ import annotations

import pytest

from ansible_collections.leasehold.cloud.plugins.module_utils.core import drift, reconcile
from ansible_collections.leasehold.cloud.plugins.module_utils.core.errors import NotFound
from ansible_collections.leasehold.cloud.plugins.module_utils.core.models import Datacenter
from ansible_collections.leasehold.cloud.plugins.module_utils.ledger import audit, clusters, runs, servers, survey
from ansible_collections.leasehold.cloud.plugins.module_utils.ledger.schema import tables
from tests.unit.plugins.module_utils.core import sites
from tests.unit.plugins.module_utils.ledger import books

ALL = survey.Chosen()


def surveyed(ledger, chosen: survey.Chosen = ALL, since: str | None = None):
    with ledger.reading() as tx:
        return survey.read(tx, None, chosen, since)


def mended(ledger, reasons: dict[str, str], *, lapsed: bool = False) -> survey.Mended:
    with ledger.transaction() as tx:
        done = survey.mend(tx, None, reasons, lapsed=lapsed)
        tx.keep()
        return done


def held_too_long(ledger, name: str) -> None:
    """A cluster whose hold is past its deadline, and no run at work on it."""
    plan, token = books.create(ledger, name)
    with ledger.transaction() as tx:
        clusters.note_order(tx, name, {"hold_until": "2026-01-01T00:00:00.000Z"})
        tx.keep()
    books.finish(ledger, name, token)


def test_a_site_is_surveyed_with_who_holds_what(ledger):
    plan, _token = books.serve(ledger, "blue")
    facts = surveyed(ledger)
    assert len(facts.servers) == 8 and set(facts.holders) == set(books.names_of(plan))
    blue = facts.clusters["blue"]
    assert (blue.steady, blue.segment.vlan, [server.name for server in blue.serving]) == (True, 100, books.names_of(plan))
    assert facts.holder("r1-s02") is None and facts.known_clusters == {"blue"}
    assert reconcile.ledger_drifts(facts) == []


def test_only_some_servers_are_looked_at(ledger):
    assert surveyed(ledger, survey.Chosen(racks=("r1",), classes=("cpu",))).chosen == {"r1-s01", "r1-s03"}
    assert surveyed(ledger, survey.Chosen(names=("r1-s02",))).chosen == {"r1-s02"}
    assert len(surveyed(ledger, survey.Chosen(names=("r1-s02",))).datacenter.servers) == 8


def test_a_cluster_that_a_live_run_is_at_work_on_is_not_steady(ledger):
    books.serve(ledger, "blue")
    books.begin(ledger, "blue", "scale")
    assert not surveyed(ledger).clusters["blue"].steady
    assert reconcile.ledger_drifts(surveyed(ledger)) == []


def test_a_dead_run_is_told(ledger):
    books.serve(ledger, "blue")
    books.begin(ledger, "blue", "scale", holder="elsewhere~0:1:1")
    with ledger.transaction() as tx:
        tx.execute(audit.tables().runs.update().values(deadline="2026-01-01T00:00:00.000Z"))
        tx.keep()
    (found,) = reconcile.ledger_drifts(surveyed(ledger))
    assert (found.kind, found.object, "cluster_scale" in found.mend) == ("run", "cluster blue", True)


def test_the_operation_that_a_cluster_failed_in_is_named_and_what_serves_on_is_still_judged(ledger):
    plan, _token = books.serve(ledger, "blue")
    token = books.begin(ledger, "blue", "scale", resizing=True)
    with ledger.transaction() as tx:
        runs.end(tx, "blue", token, runs.FAILED, {"message": "BMC"})
        clusters.fail(tx, "blue", "scale", {"message": "BMC"})
        tx.keep()
    facts = surveyed(ledger)
    assert (facts.clusters["blue"].phase, facts.clusters["blue"].failed) == ("failed", "scale")
    off = {"servers": {server.name: {"power": "Off", "serial": server.serial, "virtual_media": None} for server in facts.servers}}
    assert [found.object for found in reconcile.bmc_drifts(facts, off)] == [f"server {name}" for name in books.names_of(plan)]
    assert [found.kind for found in reconcile.hub_drifts(facts, [{"resources": []}])] == ["lost"]


def test_what_changed_since_a_moment_is_named(ledger):
    books.serve(ledger, "blue")
    begun = surveyed_at(ledger)
    assert surveyed(ledger, since=begun).moving == set()
    books.begin(ledger, "blue", "scale")
    books.move(ledger, ["r1-s02"], "quarantined", reason="smoke")
    moved = surveyed(ledger, since=begun)
    assert moved.moving == {"blue", "r1-s02"} and "r1-s02" not in {server.name for server in moved.servers}


def surveyed_at(ledger) -> str:
    with ledger.reading() as tx:
        return tx.at


def test_a_deleted_cluster_is_known_no_more(ledger):
    held_too_long(ledger, "blue")
    mended(ledger, {}, lapsed=True)
    assert surveyed(ledger).known_clusters == surveyed(ledger).clusters.keys() == set()


def test_a_hold_past_its_deadline_is_freed_on_request(ledger):
    held_too_long(ledger, "blue")
    assert [found.kind for found in reconcile.ledger_drifts(surveyed(ledger))][:1] == ["hold"]
    assert mended(ledger, {}).changes == []
    assert mended(ledger, {}, lapsed=True).changes
    assert reconcile.ledger_drifts(surveyed(ledger)) == []
    assert set(books.states(ledger).values()) == {"available"}


def test_a_server_in_a_state_of_nobodys_is_set_aside(ledger):
    with ledger.transaction() as tx:
        servers.put(tx, [("r1-s01", "available")], "claimed")
        tx.keep()
    (found,) = reconcile.ledger_drifts(surveyed(ledger))
    assert (found.kind, found.server) == ("state", "r1-s01")
    done = mended(ledger, {"r1-s01": "drift: state claimed"})
    assert [change.after for change in done.changes] == ["quarantined"]
    assert [server.name for server in done.servers] == ["r1-s01"] and {host["name"] for host in done.fabric} == {"leaf-r1a", "leaf-r1b"}
    with ledger.reading() as tx:
        assert servers.states(tx, ["r1-s01"])[0]["reason"] == "drift: state claimed"
        assert audit.verify(tx)["findings"] == []
    assert reconcile.ledger_drifts(surveyed(ledger)) == []


def test_a_mend_that_was_killed_after_the_ledger_was_written_is_finished_by_the_next(ledger):
    def on(facts) -> list:
        servers_ = {server.name: {"power": "On" if server.name == "r1-s02" else "Off", "serial": server.serial, "virtual_media": None}
                    for server in facts.servers}
        return [found.as_dict() for found in reconcile.bmc_drifts(facts, {"servers": servers_})]

    books.move(ledger, ["r1-s04"], "quarantined", reason="smoke")
    first = mended(ledger, drift.to_mend(on(surveyed(ledger)), ["power"]))
    assert [change.after for change in first.changes] == ["quarantined"]
    facts = surveyed(ledger)
    assert facts.drifted == {"r1-s02"}
    again = mended(ledger, drift.to_mend(on(facts), ["power"]))
    assert again.changes == [] and [server.name for server in again.servers] == ["r1-s02"] and again.fabric == first.fabric


def test_a_held_server_is_never_set_aside(ledger):
    plan, _token = books.serve(ledger, "blue")
    held = books.names_of(plan)[0]
    done = mended(ledger, {held: "drift: power on", "r1-s02": "drift: power on"})
    assert (done.skipped, [server.name for server in done.servers]) == ([held], ["r1-s02"])
    assert books.states(ledger)[held] == "in_service"


def test_what_is_set_aside_already_keeps_its_reason(ledger):
    books.move(ledger, ["r1-s02"], "repair", reason="a new board")
    done = mended(ledger, {"r1-s02": "drift: port access 55"})
    assert done.changes == [] and [server.name for server in done.servers] == ["r1-s02"]
    assert books.states(ledger)["r1-s02"] == "repair"


def test_a_held_server_that_vanished_from_its_source_is_named(ledger):
    plan, _token = books.serve(ledger, "blue")
    document = sites.document()
    document["servers"] = [server for server in document["servers"] if server["name"] != books.names_of(plan)[0]]
    books.sync(ledger, Datacenter.from_dict(document), "2")
    assert surveyed(ledger).missing == {books.names_of(plan)[0]}


def test_a_site_that_is_not_there_is_told(ledger):
    with pytest.raises(NotFound), ledger.reading() as tx:
        survey.read(tx, "elsewhere", ALL)


def test_a_server_at_a_held_ones_ports_or_of_its_machine_is_never_set_aside(ledger):
    """A sync lets no such record in; should there be one all the same, its ports and its power are a customer's."""
    plan, _token = books.serve(ledger, "blue")
    held, table = books.names_of(plan)[0], tables().servers
    with ledger.transaction() as tx:
        rows = {row["name"]: row for row in tx.rows(table.select())}
        other = next(name for name in rows if name not in books.names_of(plan))
        document = rows[other]["document"] | {"nics": [nic | {"mac": f"52:54:00:0a:0b:0{place}"} for place, nic in enumerate(rows[held]["document"]["nics"])]}
        tx.execute(table.update().where(table.c.name == other).values(document=document))
        mended = survey.mend(tx, None, {other: "drift: port"}, lapsed=False)
    assert (mended.skipped, mended.servers, mended.fabric, mended.changes) == ([other], [], [], [])
