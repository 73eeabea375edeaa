# SPDX-License-Identifier: GPL-3.0-or-later
"""The sweep: what is warned of, expires, is released, started and called off; and that a second one finds nothing to do."""

from __future__ import annotations

import pytest

from ansible_collections.leasehold.cloud.plugins.module_utils.core.errors import LeaseholdError
from ansible_collections.leasehold.cloud.plugins.module_utils.ledger import audit, clusters, leases, runs, sweeps
from tests.unit.plugins.module_utils.ledger import books, clock
from tests.unit.plugins.module_utils.ledger.clock import DAY, HOUR

WARN = (7 * DAY, DAY, HOUR)
KINDS = ("lapsed", "warned", "expiring", "expired", "held_back", "at_work", "due")


def sweep(ledger, seconds: int, grace: int = 0) -> dict:
    """A sweep at another time: of each kind that has something, the clusters; and C(changed)."""
    with clock.at(ledger, seconds) as tx:
        report, changes = sweeps.sweep(tx, WARN, grace)
    assert set(report) == set(KINDS)
    told = {kind: [entry if isinstance(entry, str) else entry["cluster"] for entry in entries] for kind, entries in report.items() if entries}
    return told | {"changed": bool(changes)}


def warned(ledger, name: str) -> list[int]:
    return [after["lease_warned"] for action, after in clock.events(ledger, f"cluster {name}") if action == "lease_warned"]


def fails(ledger, name: str, operation: str, seconds: int) -> None:
    token = clock.begin(ledger, name, operation, seconds)
    with clock.at(ledger, seconds) as tx:
        runs.end(tx, name, token, runs.FAILED, {"message": "BMC"})
        clusters.fail(tx, name, operation, {"message": "BMC"})


def test_each_threshold_is_warned_of_once(ledger):
    books.serve(ledger, "blue")
    for seconds in (22 * DAY, 23 * DAY + HOUR, 24 * DAY, 29 * DAY + HOUR, 29 * DAY + 2 * HOUR, 30 * DAY - 60):
        first = sweep(ledger, seconds)
        assert sweep(ledger, seconds) == {"changed": False}
        assert first["changed"] is ("warned" in first)
    assert warned(ledger, "blue") == [7 * DAY, DAY, HOUR]


def test_a_sweep_that_comes_late_warns_of_the_nearest_alone(ledger):
    books.serve(ledger, "blue")
    assert sweep(ledger, 30 * DAY - 600) == {"warned": ["blue"], "changed": True}
    assert warned(ledger, "blue") == [HOUR]


def test_a_lease_that_is_over_expires_and_is_released_after_its_grace(ledger):
    books.serve(ledger, "blue", lease_grace="1d")
    assert sweep(ledger, 30 * DAY + HOUR) == {"expiring": ["blue"], "changed": True}
    assert sweep(ledger, 30 * DAY + HOUR) == {"changed": False}
    assert books.cluster(ledger, "blue")["phase"] == "expiring"
    assert sweep(ledger, 31 * DAY + HOUR) == {"expired": ["blue"], "changed": False}


def test_a_lease_without_a_grace_of_its_own_has_the_sweeps(ledger):
    books.serve(ledger, "blue")
    books.serve(ledger, "green", lease_grace="0h")
    assert sweep(ledger, 30 * DAY + HOUR, grace=DAY)["expired"] == ["green"]
    assert sweep(ledger, 31 * DAY + HOUR, grace=DAY)["expired"] == ["green", "blue"]


def test_the_most_overdue_is_released_first(ledger):
    books.serve(ledger, "blue", lease_duration="3d")
    books.serve(ledger, "green", lease_duration="1d")
    assert sweep(ledger, 4 * DAY)["expired"] == ["green", "blue"]


def test_a_release_that_fails_each_time_keeps_no_other_waiting(ledger):
    one = [{"name": "workers", "class": "cpu", "count": 1}]
    for name, duration in (("blue", "1d"), ("green", "2d"), ("amber", "3d")):
        books.serve(ledger, name, lease_duration=duration, node_sets=one)
    assert sweep(ledger, 4 * DAY)["expired"] == ["blue", "green", "amber"]
    fails(ledger, "blue", "delete", 4 * DAY)
    assert sweep(ledger, 4 * DAY + HOUR)["expired"] == ["green", "amber", "blue"]
    fails(ledger, "green", "delete", 4 * DAY + HOUR)
    assert sweep(ledger, 4 * DAY + 2 * HOUR)["expired"] == ["amber", "blue", "green"]
    fails(ledger, "blue", "delete", 4 * DAY + 2 * HOUR)
    assert sweep(ledger, 4 * DAY + 3 * HOUR)["expired"] == ["amber", "green", "blue"], "of those that failed, the one that waited longest"
    fails(ledger, "amber", "scale", 4 * DAY + 3 * HOUR)
    assert sweep(ledger, 4 * DAY + 4 * HOUR)["expired"] == ["amber", "green", "blue"], "no release has failed of it"


def test_what_is_on_hold_expires_and_is_held_back_with_the_reason(ledger):
    books.serve(ledger, "blue")
    with ledger.transaction() as tx:
        leases.hold(tx, "blue", "dispute")
        tx.keep()
    assert sweep(ledger, 31 * DAY) == {"expiring": ["blue"], "held_back": ["blue"], "changed": True}
    with clock.at(ledger, 31 * DAY) as tx:
        (entry,) = sweeps.sweep(tx, WARN)[0]["held_back"]
        assert entry["reason"] == "dispute"


def test_a_release_that_failed_or_died_is_to_be_released_again_and_one_at_work_is_not(ledger):
    books.serve(ledger, "blue")
    fails(ledger, "blue", "delete", 31 * DAY)
    assert sweep(ledger, 31 * DAY)["expired"] == ["blue"]
    with clock.at(ledger, 31 * DAY) as tx:
        token = runs.start(tx, "blue", "delete", "elsewhere~1:2:3", HOUR)["token"]
        clusters.begin(tx, "blue", "delete")
    assert sweep(ledger, 31 * DAY) == {"at_work": ["blue"], "changed": False}
    assert token and sweep(ledger, 31 * DAY + 2 * HOUR)["expired"] == ["blue"], "dead: its deadline has passed"


def test_an_order_that_failed_is_released_when_its_lease_is_over(ledger):
    _plan, token = books.create(ledger, "blue", lease_duration="1d")
    with ledger.transaction() as tx:
        runs.end(tx, "blue", token, runs.FAILED, {"message": "BMC"})
        clusters.fail(tx, "blue", "create", {"message": "BMC"})
        tx.keep()
    assert sweep(ledger, HOUR) == {"changed": False}
    assert sweep(ledger, 2 * DAY)["expired"] == ["blue"]


def test_holds_lapse_and_are_told(ledger):
    clock.keep(ledger, "blue", hold=HOUR)
    assert sweep(ledger, 2 * HOUR) == {"lapsed": ["blue"], "changed": True}
    assert sweep(ledger, 2 * HOUR) == {"changed": False}


def test_a_reservation_is_due_at_its_start_with_the_command_that_makes_it(ledger):
    clock.keep(ledger, "green", lease_start=clock.moment(2 * DAY), lease_duration="1d", lease_grace="1h")
    assert sweep(ledger, DAY) == {"changed": False}
    assert sweep(ledger, 2 * DAY + HOUR) == {"due": ["green"], "changed": False}
    with clock.at(ledger, 2 * DAY + HOUR) as tx:
        (entry,) = sweeps.sweep(tx, WARN)[0]["due"]
    assert entry["command"].startswith("ansible-playbook leasehold.cloud.cluster_create -e '{")
    assert entry["order"]["cluster_node_sets"] == books.NODE_SETS
    assert '"cluster_lease_grace": "1h"' in entry["command"]


def test_a_reservation_that_nobody_began_by_its_end_is_called_off(ledger):
    clock.keep(ledger, "green", lease_start=clock.moment(DAY), lease_duration="1d")
    assert sweep(ledger, 2 * DAY + HOUR) == {"lapsed": ["green"], "changed": True}
    assert clock.reserved(ledger, "green") == set()
    assert ("moved", {"phase": "deleted", "reason": "reserved, and not begun by its end"}) in clock.events(ledger, "cluster green")
    assert sweep(ledger, 2 * DAY + HOUR) == {"changed": False}


def test_what_never_ends_and_what_is_gone_is_left_alone(ledger):
    books.serve(ledger, "blue")
    with ledger.transaction() as tx:
        clusters.note_order(tx, "blue", {"lease_end": None})
        tx.keep()
    clock.keep(ledger, "green", hold=HOUR)
    sweep(ledger, 2 * HOUR)
    assert sweep(ledger, 400 * DAY) == {"changed": False}


def test_what_a_sweep_did_is_what_the_events_say(ledger):
    books.serve(ledger, "blue")
    clock.keep(ledger, "green", hold=HOUR)
    clock.keep(ledger, "amber", lease_start=clock.moment(DAY), lease_duration="1d", node_sets=[{"name": "gpus", "class": "gpu", "count": 1}])
    sweep(ledger, 2 * HOUR)
    sweep(ledger, 31 * DAY)
    with ledger.reading() as tx:
        assert audit.verify(tx)["findings"] == []


def test_a_sweep_is_one_transaction(ledger, monkeypatch):
    books.serve(ledger, "blue")
    clock.keep(ledger, "green", hold=HOUR)

    def breaks(*_arguments):
        raise LeaseholdError("no", object="it", attempted="it", remedy="none")

    monkeypatch.setattr(clusters, "expire", breaks)
    with pytest.raises(LeaseholdError):
        sweep(ledger, 31 * DAY)
    assert books.cluster(ledger, "green")["phase"] == "awaiting_approval"


def test_the_sweeps_own_grace_ends_where_a_reservation_begins(ledger):
    """Who reserved what a lease gives back was told that it is free then: the site's grace is no part of the lease."""
    every = [{"name": "workers", "class": "cpu", "count": 4}]
    books.serve(ledger, "blue", node_sets=every)
    clock.keep(ledger, "green", node_sets=every, lease_start=clock.moment(30 * DAY + HOUR), lease_duration="1d")
    assert "expired" not in sweep(ledger, 30 * DAY + HOUR // 2, grace=3 * DAY)
    assert sweep(ledger, 30 * DAY + 2 * HOUR, grace=3 * DAY)["expired"] == ["blue"]
