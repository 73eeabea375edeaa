# SPDX-License-Identifier: GPL-3.0-or-later
"""Cells and the list of free servers: true after whatever happens to a server, and as the migration made them."""

from __future__ import annotations

import sqlalchemy
from alembic.migration import MigrationContext
from alembic.operations import Operations

from ansible_collections.leasehold.cloud.plugins.module_utils.core import allocate
from ansible_collections.leasehold.cloud.plugins.module_utils.core.models import Datacenter
from ansible_collections.leasehold.cloud.plugins.module_utils.ledger import free
from ansible_collections.leasehold.cloud.plugins.module_utils.ledger.migrations.versions import v0002_time_and_tenants as migration
from ansible_collections.leasehold.cloud.plugins.module_utils.ledger.schema import tables
from tests.unit.plugins.module_utils.core import sites
from tests.unit.plugins.module_utils.ledger import books

ALL = {f"r{rack}-s{slot:02d}" for rack in (1, 2) for slot in (1, 2, 3, 4)}


def listed(ledger) -> set[str]:
    """The names on the list of free servers, which has to be what a look at everything says."""
    with ledger.reading() as tx:
        found = {(row["cell"], row["sort_key"], row["server"]) for row in tx.rows(sqlalchemy.select(tables().free_servers))}
        assert found == {tuple(row) for row in tx.execute(free.qualified())}
        return {server for _cell, _key, server in found}


def document(change) -> Datacenter:
    made = sites.document()
    change(made)
    return Datacenter.from_dict(made)


def placement(tx) -> list[list[dict]]:
    servers, cells, listed_ones = tables().servers, tables().cells, tables().free_servers
    return [tx.rows(query) for query in (
        sqlalchemy.select(servers.c.name, servers.c.cell, servers.c.sort_key).order_by(servers.c.name),
        sqlalchemy.select(cells).order_by(cells.c.cell), sqlalchemy.select(listed_ones).order_by(listed_ones.c.server),
    )]


def test_a_new_site_is_free_and_a_cluster_takes_from_it_and_gives_back(ledger):
    assert listed(ledger) == ALL
    books.create(ledger, "blue")
    assert listed(ledger) == ALL - {"r1-s01", "r2-s01"}
    books.free(ledger, "blue", ["r2-s01"])
    assert listed(ledger) == ALL - {"r1-s01"}
    books.free(ledger, "blue")
    assert listed(ledger) == ALL


def test_a_server_put_aside_is_not_free_until_it_is_back(ledger):
    books.move(ledger, ["r1-s02"], "quarantined", reason="smoke")
    assert listed(ledger) == ALL - {"r1-s02"}
    books.move(ledger, ["r1-s02"], "repair", reason="a fan")
    books.move(ledger, ["r1-s02"], "cleaning", reason="repaired")
    books.move(ledger, ["r1-s02"], "available", evidence={"r1-s02": books.PROOF})
    assert listed(ledger) == ALL


def test_a_sync_lists_what_its_source_now_says(ledger):
    books.create(ledger, "blue")
    maintained = document(lambda made: made["servers"][1].update(status="maintenance"))
    books.sync(ledger, maintained, "2")
    assert listed(ledger) == ALL - {"r1-s01", "r2-s01", "r1-s02"}
    books.sync(ledger, document(lambda made: made.update(servers=made["servers"][1:3])), "3")  # r1-s01 is missing and held
    assert listed(ledger) == {"r1-s02", "r1-s03"}
    books.free(ledger, "blue")
    assert listed(ledger) == {"r1-s02", "r1-s03"}, "what its source does not know is not to be had"
    books.sync(ledger, sites.site(), "4")
    assert listed(ledger) == ALL


def test_cells_are_those_in_use(ledger):
    with ledger.reading() as tx:
        first = placement(tx)[1]
    assert [(row["rack"], row["class"], row["document"]["leafs"]) for row in sorted(first, key=lambda row: (row["rack"], row["class"]))] == [
        (f"r{rack}", name, [f"leaf-r{rack}a", f"leaf-r{rack}b"]) for rack in (1, 2) for name in ("cpu", "gpu")]
    books.sync(ledger, document(lambda made: made["servers"][0].update(attributes={"gpu_model": "h100"})), "2")
    with ledger.reading() as tx:
        servers, cells, _listed = placement(tx)
    assert len(cells) == 5 and {row["cell"] for row in servers} == {row["cell"] for row in cells}
    books.sync(ledger, sites.site(), "3")
    with ledger.reading() as tx:
        assert placement(tx)[1] == first


def test_the_migration_makes_the_cells_and_the_list_that_a_sync_makes(ledger):
    books.sync(ledger, document(lambda made: made["servers"][0].update(attributes={"größe": 1, "disks": ["a", {"b": None}]})), "2")
    books.create(ledger, "blue")
    with ledger.transaction() as tx:
        expected = placement(tx)
        for table in ("cells", "free_servers"):
            tx.execute(sqlalchemy.text(f"DELETE FROM {table}"))
        tx.execute(sqlalchemy.text("UPDATE servers SET cell = NULL, sort_key = NULL"))
        with Operations.context(MigrationContext.configure(tx.connection)):
            migration._fill_cells()
            migration._fill_free()
        assert placement(tx) == expected


def test_the_database_sorts_as_the_allocator_does(ledger):
    names = ["r2-s01", "r10-s01", "r1-S9", "r1-s2", "r1-s02", "R1-s10", "a_b", "a-b", "a.b", "r1"]

    def rename(made: dict) -> None:
        made["servers"] = [{**server, "name": name} for server, name in zip(sites.document(5, 2)["servers"], names, strict=True)]
        made["switches"] = sites.document(5, 2)["switches"]

    books.sync(ledger, document(rename), "2")
    servers = tables().servers
    name = sqlalchemy.collate(servers.c.name, "C") if ledger.engine.dialect.name == "postgresql" else servers.c.name
    with ledger.reading() as tx:
        found = [row["name"] for row in tx.rows(sqlalchemy.select(servers.c.name).order_by(servers.c.sort_key, name))]
    assert found == sorted(names, key=allocate.natural)
