# SPDX-License-Identifier: GPL-3.0-or-later
"""Migrations: a ledger of each released schema, with all that was in it, becomes one of today's.

C(released/<schema>.json) is what the collection of that schema itself wrote: a cluster in service (blue) of which one server vanished from
its source, one deleted (red), one whose create failed (green), one that a run was at work on (white), and a quarantined server.
"""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import sqlalchemy
from alembic import command
from alembic.config import Config

from ansible_collections.leasehold.cloud.plugins.module_utils.core.errors import Refused
from ansible_collections.leasehold.cloud.plugins.module_utils.ledger import audit, events, free, migrations, mirror, schema, servers
from ansible_collections.leasehold.cloud.plugins.module_utils.ledger.database import Ledger, schema_version
from tests.unit.plugins.module_utils.ledger import books

RELEASED = Path(__file__).parent / "released"
SCHEMAS = sorted(path.stem for path in RELEASED.glob("*.json"))
ORDER = ("clusters",)  # before what refers to them


def old_ledger(url: str, version: str, *, rows: bool = True) -> None:
    """Make the ledger that the collection of an earlier schema left."""
    with Ledger.open(url, "jo@controller") as opened, opened.transaction() as tx:
        _drop_everything(tx)
        _upgrade(tx.connection, version)
        if rows:
            _fill(tx, json.loads((RELEASED / f"{version}.json").read_text(encoding="utf-8")))
        tx.keep()


def _drop_everything(tx) -> None:
    if tx.connection.dialect.name == "postgresql":
        tx.execute(sqlalchemy.text("DROP SCHEMA public CASCADE"))
        tx.execute(sqlalchemy.text("CREATE SCHEMA public"))
        return
    for (name,) in tx.execute(sqlalchemy.text("SELECT name FROM sqlite_master WHERE type = 'trigger'")).all():
        tx.execute(sqlalchemy.text(f"DROP TRIGGER {name}"))
    reflected = sqlalchemy.MetaData()
    reflected.reflect(tx.connection)
    reflected.drop_all(tx.connection)


def _upgrade(connection, version: str) -> None:
    config = Config()
    config.set_main_option("script_location", str(Path(migrations.__file__).parent))
    config.attributes["connection"] = connection
    command.upgrade(config, version)


def _fill(tx, tables: dict[str, list[dict]]) -> None:
    there = sqlalchemy.MetaData()
    there.reflect(tx.connection)
    for name in sorted(tables, key=lambda name: name not in ORDER):
        table = there.tables[name]
        assert {column.name for column in table.columns} == set(tables[name][0]), name
        for column in table.columns:
            if isinstance(column.type, sqlalchemy.JSON):
                column.type = sqlalchemy.JSON(none_as_null=True)
        tx.execute(table.insert(), tables[name])
        if tx.connection.dialect.name == "postgresql" and "id" in table.columns:
            tx.execute(sqlalchemy.text(f"SELECT setval(pg_get_serial_sequence('{name}', 'id'), (SELECT max(id) FROM {name}))"))


def migrated(url: str) -> Ledger:
    return Ledger.open(url, "tester", migrate=True)


def where_events_are(url: str) -> list:
    """Where the database keeps the events and their indexes: elsewhere once it has copied them."""
    engine = sqlalchemy.create_engine(url)
    with engine.connect() as connection:
        query = "SELECT name, rootpage FROM sqlite_master WHERE tbl_name = 'events' ORDER BY name" if engine.dialect.name == "sqlite" else (
            "SELECT relname, relfilenode FROM pg_class WHERE relname LIKE 'events%' ORDER BY relname")
        found = connection.execute(sqlalchemy.text(query)).all()
    engine.dispose()
    return found


def all_rows(tx, name: str, *left_out: str) -> list[str]:
    table = schema.tables().metadata.tables[name]
    rows = tx.rows(sqlalchemy.select(*(column for column in table.columns if column.name not in left_out)))
    return sorted(json.dumps(row, sort_keys=True) for row in rows)


@pytest.fixture(params=SCHEMAS)
def version(request) -> str:
    return request.param


@pytest.fixture
def old(version, url) -> str:
    """The URL of a ledger of an earlier schema."""
    old_ledger(url, version)
    return url


def test_every_released_schema_but_todays_has_its_ledger():
    versions = {path.name[1:5] for path in (Path(migrations.__file__).parent / "versions").glob("v*.py")}
    assert {*SCHEMAS, schema.HEAD} == versions


def test_an_older_ledger_is_refused_with_what_to_run(old):
    for writable in (True, False):
        with pytest.raises(Refused, match="older") as refusal:
            Ledger.open(old, "tester", writable=writable)
        assert "leasehold.cloud.ledger_migrate" in refusal.value.remedy
        assert refusal.value.details["expected"] == schema.HEAD


def test_the_migrated_ledger_is_whole(old):
    with migrated(old) as ledger, ledger.reading() as tx:
        assert schema_version(tx.connection) == schema.HEAD
        assert audit.verify(tx)["findings"] == []


def test_the_events_are_those_that_were(version, old):
    written = json.loads((RELEASED / f"{version}.json").read_text(encoding="utf-8"))["events"]
    with migrated(old) as ledger, ledger.reading() as tx:
        assert events.first_broken(tx) is None
        assert [event["hash"] for event in events.history(tx)] == [event["hash"] for event in written]


def test_its_tables_are_those_of_a_fresh_sync(old, tmp_path):
    with migrated(old) as ledger, ledger.reading() as tx:
        site = mirror.site_of(tx, None)
        source = mirror.datacenter_of(tx, site, [servers.as_server(row) for row in tx.rows(servers.select_rows())])
        with Ledger.open(str(tmp_path / "fresh.db"), "tester") as other:
            books.sync(other, source)
            with other.reading() as fresh:
                assert all_rows(tx, "cells") == all_rows(fresh, "cells") != []
                # a server that is missing from its source is in the old mirror alone
                assert all_rows(tx, "servers", "missing_since") == all_rows(fresh, "servers", "missing_since")
        listed = {row.server for row in tx.execute(sqlalchemy.select(schema.tables().free_servers.c.server))}
        assert listed == {row.name for row in tx.execute(free.qualified())} == {"r1-s04", "r1-s06", "r2-s04", "r2-s05"}


def test_its_events_can_only_be_added_to(old):
    for statement in ("UPDATE events SET actor = 'nobody'", "DELETE FROM events"):
        with migrated(old) as ledger, pytest.raises(sqlalchemy.exc.SQLAlchemyError, match="append-only"), ledger.transaction() as tx:
            tx.execute(sqlalchemy.text(statement))


def test_no_event_is_written_anew_by_a_migration(old):
    """A ledger may have millions of them."""
    before = where_events_are(old)
    migrated(old).close()
    assert where_events_are(old) == before


def test_usage_goes_on_from_when_each_server_was_claimed(old):
    claim, usage = schema.tables().claims, schema.tables().usage
    with migrated(old) as ledger, ledger.reading() as tx:
        held = {(row["resource"], row["cluster"], row["claimed_at"]) for row in tx.rows(sqlalchemy.select(claim).where(claim.c.kind == "server"))}
        open_rows = tx.rows(sqlalchemy.select(usage).where(usage.c.ends_at.is_(None)))
    assert {(row["server"], row["cluster"], row["starts_at"]) for row in open_rows} == held != set()
    assert {row["tenant"] for row in open_rows} == {"acme"}
    assert {row["class"] for row in open_rows} == {"cpu", "gpu"}


def test_work_goes_on_in_it(old):
    with migrated(old) as ledger:
        token = books.begin(ledger, "green")  # the create that failed, again
        plan = books.planned(ledger, "green", node_sets=[{"name": "gpus", "class": "gpu", "count": 2}])
        assert books.take(ledger, plan, token) == []  # all is held already
        books.serve(ledger, "brown", node_sets=[{"name": "gpus", "class": "gpu", "count": 1}])
        gone = books.names_of(books.planned(ledger, "white", node_sets=[{"name": "workers", "class": "cpu", "count": 1}]))
        books.free(ledger, "white")
        with ledger.reading() as tx:
            assert audit.verify(tx)["findings"] == []
            assert {row["cluster"] for row in tx.rows(sqlalchemy.select(schema.tables().claims))} == {"blue", "green", "brown"}
            assert {row["state"] for row in servers.states(tx, gone)} == {"available"}


def test_a_ledger_without_anything_in_it_migrates(url):
    old_ledger(url, SCHEMAS[0], rows=False)
    with migrated(url) as ledger, ledger.reading() as tx:
        assert audit.verify(tx) == {"events": 0, "anchored": None, "lost": 0, "lost_events": [], "findings": []}


def test_a_migration_that_fails_leaves_what_was(old, monkeypatch):
    with monkeypatch.context() as broken:
        broken.setattr("ansible_collections.leasehold.cloud.plugins.module_utils.ledger.database.schema_version", _fails_the_second_time())
        with pytest.raises(RuntimeError):
            migrated(old)
    with pytest.raises(Refused, match="older"):
        Ledger.open(old, "tester")
    migrated(old).close()


def _fails_the_second_time():
    calls = []

    def version(connection):
        calls.append(connection)
        if len(calls) == 2:
            _upgrade(connection, "head")
            raise RuntimeError("power cut")
        return schema_version(connection)

    return version
