# SPDX-License-Identifier: GPL-3.0-or-later
"""Gang claims: all or nothing, never double, refused when the ground has moved."""

from __future__ import annotations

import os
import signal

import pytest
import sqlalchemy

from ansible_collections.leasehold.cloud.plugins.module_utils.core.errors import ClaimConflict, NoCapacity, NotFound, StalePlan, WipeUnproven
from ansible_collections.leasehold.cloud.plugins.module_utils.ledger import claims, events, runs, servers
from ansible_collections.leasehold.cloud.plugins.module_utils.ledger.database import Ledger
from ansible_collections.leasehold.cloud.plugins.module_utils.ledger.schema import tables
from tests.unit.plugins.module_utils.core import sites
from tests.unit.plugins.module_utils.ledger import books


def held(ledger) -> set[tuple[str, str, str]]:
    with ledger.reading() as tx:
        return {(row["kind"], row["resource"], row["cluster"]) for row in tx.rows(sqlalchemy.select(tables().claims))}


def test_a_claim_takes_servers_vlan_prefix_and_addresses(ledger):
    plan, _token = books.create(ledger, "blue")
    assert held(ledger) == {
        ("vlan", "lab/100", "blue"), ("prefix", "10.64.0.0/24", "blue"),
        ("server", "r1-s01", "blue"), ("address", "10.64.0.10", "blue"),
        ("server", "r2-s01", "blue"), ("address", "10.64.0.11", "blue"),
    }
    assert {name: state for name, state in books.states(ledger).items() if state != "available"} == dict.fromkeys(books.names_of(plan), "claimed")
    found = books.cluster(ledger, "blue")
    assert found["segment"] == plan["segment"]
    assert [(server["name"], server["address"], server["node_set"]) for server in found["servers"]] == [
        ("r1-s01", "10.64.0.10", "workers"), ("r2-s01", "10.64.0.11", "workers")]
    assert found["order"]["cluster_node_sets"] == books.NODE_SETS
    assert found["lease"]["end"] > found["lease"]["start"]


def test_a_second_claim_of_the_same_changes_nothing(ledger):
    plan, token = books.create(ledger, "blue")
    before = held(ledger), books.cluster(ledger, "blue")
    assert books.take(ledger, plan, token) == []
    assert (held(ledger), books.cluster(ledger, "blue")) == before


def test_a_resource_that_another_cluster_holds_refuses_all(ledger):
    books.create(ledger, "blue")
    plan = books.planned(ledger, "green")
    plan["servers"][0]["name"] = "r1-s01"  # blue's
    before = held(ledger)
    token = books.begin(ledger, "green")
    with pytest.raises(ClaimConflict, match="server r1-s01 is held by cluster blue") as refusal, ledger.transaction() as tx:
        claims.take(tx, plan, token)
    assert refusal.value.details["held"] == [{"kind": "server", "resource": "r1-s01", "cluster": "blue"}]
    assert held(ledger) == before


def test_a_prefix_that_overlaps_another_is_refused(ledger):
    books.create(ledger, "blue")
    plan = books.planned(ledger, "green")
    plan["segment"] |= {"prefix": "10.64.0.128/25"}
    token = books.begin(ledger, "green")
    with pytest.raises(ClaimConflict, match="prefix 10.64.0.0/24 is held by cluster blue"), ledger.transaction() as tx:
        claims.take(tx, plan, token)


def test_the_database_itself_refuses_a_resource_twice(ledger):
    books.create(ledger, "blue")
    with pytest.raises(sqlalchemy.exc.IntegrityError), ledger.transaction() as tx:
        row = tx.row(sqlalchemy.select(tables().claims))
        tx.execute(tables().claims.insert(), [{key: value for key, value in row.items() if key != "id"}])


@pytest.mark.parametrize("moved", ["taken", "recabled", "quarantined", "maintenance"])
def test_a_plan_whose_ground_has_moved_is_refused(ledger, moved):
    plan = books.planned(ledger, "green")
    first = plan["servers"][0]["name"]
    document = sites.document()
    if moved == "taken":
        books.create(ledger, "blue")
    elif moved == "quarantined":
        books.move(ledger, [first], "quarantined", reason="smoke")
    else:
        record = next(server for server in document["servers"] if server["name"] == first)
        if moved == "recabled":
            record["nics"][0]["port"] = "elsewhere"
        else:
            record["status"] = "maintenance"
        books.sync(ledger, sites.Datacenter.from_dict(document), "2")
    token = books.begin(ledger, "green")
    with pytest.raises(StalePlan):
        books.take(ledger, plan, token)


def test_a_change_elsewhere_does_not_stale_a_plan(ledger):
    plan = books.planned(ledger, "green")
    books.move(ledger, ["r2-s04"], "quarantined", reason="smoke")
    books.take(ledger, plan, books.begin(ledger, "green"))


def test_a_lease_begins_with_the_first_claim_and_is_renewed_from_there(ledger):
    _plan, token = books.create(ledger, "blue")
    lease = books.cluster(ledger, "blue")["lease"]
    changes = books.take(ledger, books.planned(ledger, "blue", lease_duration="60d"), token)
    renewed = books.cluster(ledger, "blue")["lease"]
    assert renewed["start"] == lease["start"]
    assert renewed["end"] > lease["end"]
    assert [change.name for change in changes if change.kind == "lease"] == ["blue lease_end"]


def test_servers_are_freed_when_clean_or_never_booted(ledger):
    plan, token = books.create(ledger, "blue")
    wiped, unbooted = books.names_of(plan)
    run = servers.Mover("blue", token)
    for state in ("provisioning", "releasing", "cleaning"):
        books.move(ledger, [wiped], state, by=run)
    with pytest.raises(WipeUnproven, match=f"{wiped} is cleaning"):
        books.free(ledger, "blue")
    books.move(ledger, [wiped], "available", by=run, evidence={wiped: books.PROOF})
    books.free(ledger, "blue", [wiped, unbooted])
    assert set(books.states(ledger).values()) == {"available"}
    assert {kind for kind, _resource, _cluster in held(ledger)} == {"vlan", "prefix"}
    assert books.free(ledger, "blue", [wiped]) == [], "again, no change"
    books.free(ledger, "blue")
    assert held(ledger) == set()


def test_a_server_of_another_cluster_is_not_freed(ledger):
    plan, _token = books.create(ledger, "blue")
    books.create(ledger, "green")
    with pytest.raises(NotFound, match="cluster blue does"):
        books.free(ledger, "green", books.names_of(plan)[:1])


def test_a_quarantined_server_keeps_its_claim(ledger):
    plan, token = books.create(ledger, "blue")
    books.move(ledger, books.names_of(plan)[:1], "quarantined", reason="wipe unproven", by=servers.Mover("blue", token))
    with pytest.raises(WipeUnproven, match="quarantined"):
        books.free(ledger, "blue")
    assert len(held(ledger)) == 6


def contend(arguments: tuple[str, str]) -> str:
    """One order: plan, claim, and again when another was faster; its outcome."""
    url, name = arguments
    with Ledger.open(url, name) as ledger:
        token = books.begin(ledger, name)
        while True:
            try:
                books.take(ledger, books.planned(ledger, name), token)
                return "claimed"
            except (ClaimConflict, StalePlan):
                continue
            except NoCapacity:
                return "full"


def test_many_processes_never_claim_double_and_never_by_half(ledger, url):
    """Two servers are ordered by each of eight processes; four cpu servers are there."""
    contenders = [f"c{number}" for number in range(8)]
    with books.pool(8) as pool:
        outcomes = dict(zip(contenders, pool.map(contend, [(url, name) for name in contenders])))
    winners = {name for name, outcome in outcomes.items() if outcome == "claimed"}
    assert len(winners) == 2, outcomes
    claimed = held(ledger)
    assert len({(kind, resource) for kind, resource, _cluster in claimed}) == len(claimed) == 12
    for name in contenders:
        kinds = sorted(kind for kind, _resource, cluster in claimed if cluster == name)
        assert kinds == (["address", "address", "prefix", "server", "server", "vlan"] if name in winners else [])
    with ledger.reading() as tx:
        assert events.first_broken(tx) is None


def die_claiming(url: str) -> None:
    with Ledger.open(url, "doomed") as ledger:
        plan, token = books.planned(ledger, "blue"), books.begin(ledger, "blue")
        with ledger.transaction() as tx:
            claims.take(tx, plan, token)
            os.kill(os.getpid(), signal.SIGKILL)


def test_a_process_killed_in_the_middle_leaves_no_claim_and_its_run_is_taken_over(ledger, url):
    killed = books.PROCESSES.Process(target=die_claiming, args=(url,))
    killed.start()
    killed.join()
    assert killed.exitcode == -signal.SIGKILL
    assert held(ledger) == set()
    assert set(books.states(ledger).values()) == {"available"}
    plan, token = books.create(ledger, "blue")
    with ledger.reading() as tx:
        assert runs.get(tx, "blue")["token"] == token
    assert len(held(ledger)) == 2 + 2 * len(plan["servers"])
