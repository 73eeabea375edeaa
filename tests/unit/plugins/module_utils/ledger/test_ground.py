# SPDX-License-Identifier: GPL-3.0-or-later
"""Plans made from the ledger: what they see of it, and what they do not load."""

from __future__ import annotations

import pytest

from ansible_collections.leasehold.cloud.plugins.module_utils.core.errors import NoCapacity
from ansible_collections.leasehold.cloud.plugins.module_utils.core.models import Datacenter
from ansible_collections.leasehold.cloud.plugins.module_utils.ledger import ground, mirror, stock
from tests.unit.plugins.module_utils.core import sites
from tests.unit.plugins.module_utils.ledger import books

THREE = [{"name": "workers", "class": "cpu", "count": 3}]


def to_be_had(ledger, *classes: str, start: str | None = None, end: str = "9999", cluster: str = "new") -> list[str]:
    """The servers that an order for these classes could be given, in the order of their names."""
    with ledger.reading() as tx:
        period = stock.Period.of(tx, cluster, start or tx.at, end)
        shelf = stock.Shelf(tx, mirror.site_of(tx, None), period, classes, {})
        picks = {"all": [(cell, cell.free) for cell in shelf.stock().cells]}
        return sorted(server.name for some in shelf.draw(picks).values() for server in some)


def test_free_is_what_can_be_had(ledger):
    books.create(ledger, "blue")  # takes r1-s01, r2-s01
    document = sites.document()
    document["servers"][2]["status"] = "maintenance"  # r1-s03
    books.sync(ledger, Datacenter.from_dict(document), "2")
    books.move(ledger, ["r1-s02"], "quarantined", reason="smoke")
    assert to_be_had(ledger, "cpu", "gpu") == ["r1-s04", "r2-s02", "r2-s03", "r2-s04"]
    assert to_be_had(ledger, "cpu") == ["r2-s03"]
    assert to_be_had(ledger, "tpu") == []


def test_what_is_short_is_told_with_the_reasons_of_all_servers(ledger):
    books.create(ledger, "blue")
    books.move(ledger, ["r2-s03"], "quarantined", reason="smoke")
    with pytest.raises(NoCapacity) as error:
        books.planned(ledger, "green", node_sets=THREE)
    assert error.value.details["reasons"] == {"class gpu": 4, "held by a cluster": 2, "state quarantined": 1}


def test_a_second_cluster_gets_what_is_left(ledger):
    books.create(ledger, "blue")
    plan = books.planned(ledger, "green")
    assert (books.names_of(plan), plan["segment"]["vlan"], plan["segment"]["prefix"]) == (["r1-s03", "r2-s03"], 101, "10.64.1.0/24")


def test_a_finished_order_plans_nothing_more_and_keeps_its_hash(ledger):
    first, _token = books.serve(ledger, "blue")
    again = books.planned(ledger, "blue")
    assert (again["changes"], again["add"], again["hash"]) == ([], [], first["hash"])


def test_a_scale_sees_the_members_and_the_free(ledger):
    books.serve(ledger, "blue")
    plan = books.planned(ledger, "blue", "scale", node_sets=THREE)
    assert [server["name"] for server in plan["keep"]] == ["r1-s01", "r2-s01"]
    assert [server["name"] for server in plan["add"]] == ["r1-s03"]
    assert plan["add"][0]["address"] == "10.64.0.12"


def test_other_clusters_servers_must_not_answer(ledger):
    books.serve(ledger, "blue")
    plan = books.planned(ledger, "green")
    assert "10.64.0.10" in str(plan["wire"]["must_not_answer"])


def test_a_delete_needs_no_candidates(ledger, monkeypatch):
    books.serve(ledger, "blue")
    monkeypatch.setattr(ground, "Shelf", None)
    plan = books.planned(ledger, "blue", "delete")
    assert [server["name"] for server in plan["remove"]] == ["r1-s01", "r2-s01"]
