# SPDX-License-Identifier: GPL-3.0-or-later
"""Opening the ledger: its schema, its transactions, and what a user is told when it cannot be."""

from __future__ import annotations

import json
import subprocess
import sys
import traceback
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import sqlalchemy
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext

from ansible_collections.leasehold.cloud.plugins.module_utils.core.errors import InvalidInput, Refused, Unreachable
from ansible_collections.leasehold.cloud.plugins.module_utils.core.models import Datacenter
from ansible_collections.leasehold.cloud.plugins.module_utils.ledger import audit, backup, engines, events, schema
from ansible_collections.leasehold.cloud.plugins.module_utils.ledger.database import Ledger, address_of
from ansible_collections.leasehold.cloud.plugins.module_utils.ledger.schema import tables
from tests.unit.plugins.module_utils.core import sites
from tests.unit.plugins.module_utils.ledger import books

OPEN = """
import sys
from ansible_collections.leasehold.cloud.plugins.module_utils.ledger.database import Ledger
Ledger.open(sys.argv[1], "x").close()
assert "alembic" not in sys.modules, "imported"
"""


def open_once(url: str) -> bool:
    with Ledger.open(url, "tester") as opened, opened.reading() as tx:
        return events.history(tx) == []


def set_version(url: str, version: str) -> None:
    with Ledger.open(url, "tester") as ledger, ledger.transaction() as tx:
        tx.execute(sqlalchemy.text(f"UPDATE alembic_version SET version_num = '{version}'"))
        tx.keep()


def test_the_migrations_make_the_schema_that_the_code_uses(url):
    with Ledger.open(url, "tester") as ledger, ledger.reading() as tx:
        assert compare_metadata(MigrationContext.configure(tx.connection), schema.tables().metadata) == []


def test_the_newest_migration_is_the_head():
    versions = Path(schema.__file__).parent / "migrations" / "versions"
    newest = max(path.name for path in versions.glob("v*.py"))
    assert newest.startswith(f"v{schema.HEAD}_")


def test_an_up_to_date_ledger_opens_without_alembic(url):
    open_once(url)
    again = subprocess.run([sys.executable, "-c", OPEN, url], capture_output=True, text=True, check=False)
    assert again.returncode == 0, again.stderr


def test_processes_that_open_an_empty_database_at_once_all_get_the_ledger(url):
    with books.pool(6) as pool:
        assert list(pool.map(open_once, [url] * 12)) == [True] * 12


@pytest.mark.parametrize(("version", "word", "remedy"), [("0000", "older", "migrate=true"), ("9999", "newer", "install")])
def test_another_schema_is_refused_with_the_remedy(url, version, word, remedy):
    set_version(url, version)
    with pytest.raises(Refused, match=word) as refusal:
        Ledger.open(url, "tester")
    assert remedy in refusal.value.remedy
    with pytest.raises(Refused):
        Ledger.open(url, "tester", migrate=True)  # there is no way from a schema that nobody knows


def test_what_nobody_keeps_is_not_written(ledger):
    with ledger.transaction() as tx:
        events.record(tx, "server x", "tried")
    with ledger.reading() as tx:
        assert not events.history(tx, "server x")


def test_nothing_is_written_when_something_fails(ledger):
    with pytest.raises(KeyError), ledger.transaction() as tx:
        events.record(tx, "server x", "tried")
        tx.keep()
        raise KeyError("x")
    with ledger.reading() as tx:
        assert not events.history(tx, "server x")


def test_a_reader_does_not_wait_for_a_writer_and_sees_one_moment(ledger):
    with ledger.transaction() as writer:
        events.record(writer, "server x", "tried")
        writer.keep()
        with ledger.reading() as reader:
            assert not events.history(reader, "server x")
    with ledger.reading() as reader:
        assert len(events.history(reader, "server x")) == 1


def test_writers_follow_one_another(ledger):
    def write(number: int) -> None:
        with ledger.transaction() as tx:
            events.record(tx, "server x", "counted", None, {"earlier": len(events.history(tx, "server x"))})
            tx.keep()

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(write, range(24)))
    with ledger.reading() as tx:
        assert [event["after"]["earlier"] for event in events.history(tx, "server x")] == list(range(24))
        assert events.first_broken(tx) is None


def test_who_begins_with_a_question_waits_for_its_turn_too(ledger, monkeypatch):
    monkeypatch.setattr(engines, "BUSY_TIMEOUT", 0.1)
    head = sqlalchemy.select(tables().events.c.hash).order_by(tables().events.c.id.desc()).limit(1)
    with Ledger.open(ledger.engine.url.render_as_string(hide_password=False), "other") as other:
        with ledger.transaction() as tx:
            events.record(tx, "server x", "counted")
            tx.keep()
            with pytest.raises(Unreachable), other.transaction() as rival:
                rival.begin_with(head, {})
        with ledger.reading() as tx:
            newest = events.head(tx)
        with other.transaction() as rival:
            assert rival.begin_with(head, {}).scalar() == newest["hash"]
            assert rival.at >= newest["at"]
            assert rival.begin_with(head, {}).scalar() == newest["hash"], "asked again, it is a question as any other"


def test_events_can_only_be_added_to(ledger):
    for statement in ("UPDATE events SET actor = 'nobody'", "DELETE FROM events"):
        with pytest.raises(sqlalchemy.exc.SQLAlchemyError, match="append-only"), ledger.transaction() as tx:
            tx.execute(sqlalchemy.text(statement))


def test_a_change_made_behind_the_ledgers_back_is_found(ledger):
    books.serve(ledger, "blue")
    with ledger.transaction() as tx:
        if tx.connection.dialect.name == "postgresql":
            tx.execute(sqlalchemy.text("ALTER TABLE events DISABLE TRIGGER events_append_only"))
        else:
            tx.execute(sqlalchemy.text("DROP TRIGGER events_append_only_update"))
        assert events.first_broken(tx) is None
        tx.execute(sqlalchemy.text("UPDATE events SET actor = 'somebody else' WHERE id = 5"))
        assert events.first_broken(tx) == 5


def site(name):
    return {"name": name, "document": {"of": name, "none": None}, "source_mark": "1", "synced_at": "2026-01-01T00:00:00.000Z", "cursor": None}


def test_what_is_written_waits_until_something_is_asked_and_keeps_its_order(ledger):
    table = tables().sites
    with ledger.transaction() as tx:
        tx.insert(table, [site("a")])
        tx.write(table.delete(), {})
        tx.insert(table, [site("b"), site("c")])
        tx.write(table.update().where(table.c.name == sqlalchemy.bindparam("wanted")), {"wanted": "c", "source_mark": "2"})
        assert tx.connection.execute(sqlalchemy.select(table.c.name)).scalars().all() == ["lab"], "behind its back, nothing is there yet"
        found = tx.rows(sqlalchemy.select(table).order_by(table.c.name))
        assert [(row["name"], row["source_mark"], row["document"], row["cursor"]) for row in found] == [
            ("b", "1", {"of": "b", "none": None}, None), ("c", "2", {"of": "c", "none": None}, None)]
        tx.insert(table, [site("d")])
        tx.keep()
    with ledger.reading() as tx:
        assert tx.execute(sqlalchemy.select(table.c.name).order_by(table.c.name)).scalars().all() == ["b", "c", "d"]


def test_what_is_appended_goes_together_and_what_is_not_kept_is_not_written(ledger):
    table, said = tables().sites, []
    sqlalchemy.event.listen(ledger.engine, "before_cursor_execute", lambda _connection, _cursor, statement, *_more: said.append(statement))
    with ledger.transaction() as tx:
        tx.append(table, [site("a")])
        tx.write(table.delete(), {})
        tx.append(table, [site("b")])
        tx.keep()
    assert sum(statement.startswith("INSERT") for statement in said) == 1
    said.clear()
    with ledger.transaction() as tx:
        tx.append(table, [site("c")])
    assert not any(statement.startswith("INSERT") for statement in said)


def test_names_that_are_made_of_names_are_as_long_as_those(ledger):
    """PostgreSQL keeps to the lengths of columns."""
    document = sites.document()
    name = "leaf-" + "x" * 120
    document = json.loads(json.dumps(document).replace('"leaf-r1a"', json.dumps(name)).replace('"up0"', json.dumps("p" * 100)))
    books.sync(ledger, Datacenter.from_dict(document), "2")
    with ledger.reading() as tx:
        subjects = [row.subject for row in tx.execute(sqlalchemy.select(tables().events.c.subject).order_by(tables().events.c.id)) if name in row.subject]
        assert max(map(len, subjects)) > 256
        assert events.history(tx, max(subjects, key=len)), "it is found by its subject"
        assert audit.verify(tx)["findings"] == []


@pytest.mark.parametrize(("actor", "reason"), [("x" * 300, "smoke"), ("tester", "smo\0ke")], ids=["long", "NUL"])
def test_what_the_database_does_not_take_is_told(ledger, url, actor, reason):
    """SQLite takes it."""
    with Ledger.open(url, actor) as opened:
        if ledger.engine.dialect.name == "sqlite":
            books.move(opened, ["r1-s02"], "quarantined", reason=reason)
            return
        with pytest.raises(InvalidInput) as error:
            books.move(opened, ["r1-s02"], "quarantined", reason=reason)
    assert (error.value.attempted, "ledger" in error.value.object, "\n" in error.value.message) == ("using the ledger", True, False)
    assert books.states(ledger)["r1-s02"] == "available", "nothing of it is kept"


def test_an_unreachable_database_is_told_without_its_password():
    with pytest.raises(Unreachable) as error:
        Ledger.open("postgresql://someone:s3cret@127.0.0.1:1/ledger", "tester")
    assert "s3cret" not in str(error.value.as_result())
    assert "127.0.0.1" in error.value.object
    assert error.value.remedy


def test_a_file_that_is_no_database_is_told(tmp_path):
    (tmp_path / "datacenter.yml").write_text("version: 1\n" * 200, encoding="utf-8")
    with pytest.raises(Unreachable, match="not a database"):
        Ledger.open(str(tmp_path / "datacenter.yml"), "tester")


def test_a_wrong_url_is_told():
    with pytest.raises(Unreachable, match="nonsense"):
        Ledger.open("nonsense://", "tester")


@pytest.mark.parametrize(("url", "word"), [
    ("postgresql://someone:s3@cr3t:w0rd@host/ledger", "escaped"), ("postgresql://someone:s3@cr3t@host/ledger", "escaped"),
    ("postgresql://someone:s3@cr3t/w0rd@host/ledger", "escaped"), ("postgresql://someone:cr3t@host:w0rd/ledger", "escaped"),
    ("://someone:cr3t@host", "escaped"), ("mysql://someone:cr3t@host/ledger", "mysql"), ("postgresql+psycopg2://someone:cr3t@host/ledger", "psycopg2"),
    ("postgres://someone:cr3t@host/ledger", "postgres"), ("sqlite://someone:cr3t@host/ledger", "a file"),
])
def test_a_wrong_url_is_told_without_its_password(url, word):
    for opened in (Ledger.open, backup_of):
        with pytest.raises(Unreachable) as error:
            opened(url, "tester")
        told = str(error.value.as_result()) + "".join(traceback.format_exception(error.value))
        assert word in told
        assert not any(part in told for part in ("s3", "cr3t", "w0rd"))


def backup_of(url: str, _actor: str):
    return backup.file_of(url)


def test_a_password_that_is_escaped_is_taken():
    assert address_of("postgresql://someone:s3%40cr3t%3Aw0rd@host/ledger").password == "s3@cr3t:w0rd"
    assert address_of("sqlite:////srv/a@b/ledger.db").database == "/srv/a@b/ledger.db"


def test_looking_makes_no_ledger(tmp_path):
    path = tmp_path / "deep" / "ledger.db"
    with Ledger.open(str(path), "tester", writable=False) as ledger:
        assert books.states(ledger) == {}
    assert not path.parent.exists()


def test_a_plain_path_is_a_sqlite_file(tmp_path):
    Ledger.open(str(tmp_path / "deep" / "ledger.db"), "tester").close()
    assert (tmp_path / "deep" / "ledger.db").exists()
