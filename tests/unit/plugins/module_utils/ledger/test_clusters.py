# SPDX-License-Identifier: GPL-3.0-or-later
"""Clusters' phases, as runs move them from the order to the end of the lease."""

from __future__ import annotations

import pytest

from ansible_collections.leasehold.cloud.plugins.module_utils.core.errors import IllegalTransition, NotFound, Refused
from ansible_collections.leasehold.cloud.plugins.module_utils.ledger import clusters, runs
from ansible_collections.leasehold.cloud.plugins.module_utils.ledger.servers import Mover
from tests.unit.plugins.module_utils.ledger import books

ERROR = {"error_code": "wait_timeout", "object": "server r1-s01", "remedy": "look at it", "message": "no agent", "step": "boot"}


def phase(ledger, name: str = "blue") -> str:
    return books.cluster(ledger, name)["phase"]


def go(ledger, wanted: str, name: str = "blue") -> list:
    with ledger.transaction() as tx:
        changes = clusters.move(tx, name, wanted)
        tx.keep()
        return changes


def fail(ledger, token: int, operation: str, name: str = "blue") -> list:
    with ledger.transaction() as tx:
        runs.end(tx, name, token, runs.FAILED, ERROR)
        changes = clusters.fail(tx, name, operation, ERROR)
        tx.keep()
        return changes


def release(ledger, plan: dict, name: str = "blue") -> None:
    """A delete from its start to its end."""
    token = books.begin(ledger, name, "delete")
    for state in ("releasing", "cleaning", "available"):
        books.move(ledger, books.names_of(plan), state, by=Mover(name, token), evidence=dict.fromkeys(books.names_of(plan), books.PROOF))
    books.free(ledger, name)
    books.finish(ledger, name, token, "delete")


def test_a_create_goes_from_requested_to_ready(ledger):
    token = books.begin(ledger, "blue")
    assert phase(ledger) == "provisioning"
    assert [(change.before, change.after) for change in go(ledger, "verifying")] == [("provisioning", "verifying")]
    books.finish(ledger, "blue", token)
    assert phase(ledger) == "ready"


def test_a_create_of_a_ready_cluster_changes_nothing(ledger):
    books.serve(ledger, "blue")
    with ledger.transaction() as tx:
        assert clusters.begin(tx, "blue", "create", tenant="acme", site="lab") == []
        assert clusters.move(tx, "blue", "verifying") == []
        assert clusters.finish(tx, "blue", "create") == []


def test_a_run_that_resizes_a_ready_cluster_is_scaling(ledger):
    books.serve(ledger, "blue")
    token = books.begin(ledger, "blue", "scale", resizing=True)
    assert phase(ledger) == "scaling"
    books.finish(ledger, "blue", token, "scale")
    assert phase(ledger) == "ready"


def test_a_scale_without_work_leaves_it_ready(ledger):
    books.serve(ledger, "blue")
    books.begin(ledger, "blue", "scale")
    assert phase(ledger) == "ready"


def test_a_failed_create_tells_why_and_goes_on(ledger):
    token = books.begin(ledger, "blue")
    fail(ledger, token, "create")
    found = books.cluster(ledger, "blue")
    assert found["phase"] == "failed"
    assert {key: found["error"][key] for key in ("operation", *ERROR)} == {"operation": "create"} | ERROR
    token = books.begin(ledger, "blue")
    assert phase(ledger) == "provisioning"
    books.finish(ledger, "blue", token)
    assert (phase(ledger), books.cluster(ledger, "blue")["error"]) == ("ready", None)


def test_a_run_that_fails_before_it_touched_a_ready_cluster_leaves_it_ready(ledger):
    books.serve(ledger, "blue")
    fail(ledger, books.begin(ledger, "blue", "scale"), "scale")
    found = books.cluster(ledger, "blue")
    assert (found["phase"], found["error"]["operation"]) == ("ready", "scale")


def test_a_killed_run_in_any_phase_goes_on(ledger):
    for killed_in in ("provisioning", "verifying"):
        books.begin(ledger, "blue")
        go(ledger, killed_in)
        books.finish(ledger, "blue", books.begin(ledger, "blue"))
        assert phase(ledger) == "ready"
    books.begin(ledger, "blue", "scale", resizing=True)
    books.finish(ledger, "blue", books.begin(ledger, "blue", "scale"), "scale")
    assert phase(ledger) == "ready"


def test_a_create_that_failed_is_not_scaled(ledger):
    fail(ledger, books.begin(ledger, "blue"), "create")
    with pytest.raises(Refused, match="its create failed") as refusal:
        books.begin(ledger, "blue", "scale")
    assert "cluster_create" in refusal.value.remedy


def test_a_delete_that_began_is_not_undone(ledger):
    books.serve(ledger, "blue")
    token = books.begin(ledger, "blue", "delete")
    with pytest.raises(IllegalTransition):
        books.begin(ledger, "blue", "create")
    fail(ledger, token, "delete")
    for operation in ("create", "scale"):
        with pytest.raises(Refused, match="its delete failed"):
            books.begin(ledger, "blue", operation)
    books.begin(ledger, "blue", "delete")
    assert phase(ledger) == "deleting"


def test_a_delete_is_not_finished_while_something_is_held(ledger):
    books.serve(ledger, "blue")
    token = books.begin(ledger, "blue", "delete")
    with pytest.raises(Refused, match="server r1-s01"):
        books.finish(ledger, "blue", token, "delete")
    assert phase(ledger) == "deleting"


def test_a_deleted_cluster_stays_as_history_and_its_name_is_free(ledger):
    plan, token = books.serve(ledger, "blue")
    release(ledger, plan)
    with ledger.reading() as tx:
        assert clusters.describe(tx) == []
        assert [found["phase"] for found in clusters.describe(tx, deleted=True)] == ["deleted"]
    again = books.begin(ledger, "blue", tenant="globex")
    found = books.cluster(ledger, "blue")
    assert again > token
    assert (found["phase"], found["tenant"], found["lease"], found["order"]) == ("provisioning", "globex", None, None)


def test_a_second_delete_changes_nothing(ledger):
    plan, _token = books.serve(ledger, "blue")
    release(ledger, plan)
    token = books.begin(ledger, "blue", "delete")
    assert books.finish(ledger, "blue", token, "delete") == []
    assert phase(ledger) == "deleted"


def test_what_never_was_is_not_found(ledger):
    for operation in ("scale", "delete", "verify"):
        with pytest.raises(NotFound, match="no such cluster"):
            books.begin(ledger, "typo", operation)


def test_another_tenants_name_is_refused(ledger):
    books.begin(ledger, "blue")
    with pytest.raises(Refused, match="tenant acme's"):
        books.begin(ledger, "blue", tenant="globex")


def test_clusters_are_told_by_tenant(ledger):
    books.begin(ledger, "blue")
    books.begin(ledger, "green", tenant="globex")
    with ledger.reading() as tx:
        assert [found["name"] for found in clusters.describe(tx, tenant="globex")] == ["green"]
        assert [found["name"] for found in clusters.describe(tx)] == ["blue", "green"]


def test_a_scale_keeps_what_it_does_not_say(ledger):
    books.serve(ledger, "blue", placement="pack")
    plan = books.planned(ledger, "blue", "scale", node_sets=[{"name": "workers", "class": "cpu", "count": 3}], lease_duration=None)
    before = books.cluster(ledger, "blue")
    books.take(ledger, plan, books.begin(ledger, "blue", "scale"))
    after = books.cluster(ledger, "blue")
    assert after["lease"] == before["lease"]
    assert after["order"]["cluster_lease_duration"] == "30d"
    assert after["order"]["cluster_node_sets"][0]["count"] == 3
