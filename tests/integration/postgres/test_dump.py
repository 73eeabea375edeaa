# SPDX-License-Identifier: GPL-3.0-or-later
"""A ledger in PostgreSQL, dumped while others write and restored into another database, as docs/ledger.md has it."""

from __future__ import annotations

import subprocess

import pytest
import sqlalchemy

from ansible_collections.leasehold.cloud.plugins.module_utils.core import chain
from ansible_collections.leasehold.cloud.plugins.module_utils.ledger import audit, events
from ansible_collections.leasehold.cloud.plugins.module_utils.ledger.database import Ledger
from tests.unit.plugins.module_utils.ledger import books
from tests.unit.plugins.module_utils.ledger.test_backup import write_much


def for_the_tools(url: str) -> str:
    """The URL as libpq's own programs take it."""
    return url.replace("postgresql+psycopg", "postgresql")


def dump(postgres, url: str, file) -> None:
    subprocess.run([postgres.binaries / "pg_dump", "--format=custom", "--no-owner", f"--file={file}", for_the_tools(url)], check=True, timeout=60)


def restore(postgres, file) -> str:
    """The URL of a new database with what was dumped."""
    url = postgres.new_database()
    subprocess.run([postgres.binaries / "pg_restore", "--exit-on-error", "--no-owner", "--single-transaction", f"--dbname={for_the_tools(url)}", file],
                   check=True, timeout=60)
    return url


def contents(url: str) -> dict[str, int]:
    with Ledger.open(url, "tester") as opened, opened.reading() as tx:
        assert audit.verify(tx)["findings"] == []
        return audit.describe(tx)["tables"]


def test_what_is_dumped_is_what_is_restored(postgres, ledger, url, tmp_path):
    books.serve(ledger, "blue")
    dump(postgres, url, tmp_path / "ledger.dump")
    restored = restore(postgres, tmp_path / "ledger.dump")
    assert contents(restored) == contents(url)
    with Ledger.open(restored, "tester") as other:
        books.serve(other, "red", node_sets=[{"name": "gpus", "class": "gpu", "count": 1}])  # ids and tokens go on
        with other.reading() as tx:
            assert audit.verify(tx)["findings"] == []
        with pytest.raises(sqlalchemy.exc.SQLAlchemyError, match="append-only"), other.transaction() as tx:
            tx.execute(sqlalchemy.text("DELETE FROM events"))


def test_a_dump_is_of_one_moment_while_others_write(postgres, ledger, url, tmp_path):
    with books.pool(2) as pool:
        writers = [pool.submit(write_much, url) for _writer in range(2)]
        dump(postgres, url, tmp_path / "ledger.dump")
        assert all(writer.result() for writer in writers)
    restored = restore(postgres, tmp_path / "ledger.dump")
    assert contents(restored)["events"] <= contents(url)["events"]


def test_an_export_tells_that_an_older_dump_was_restored(postgres, ledger, url, tmp_path):
    dump(postgres, url, tmp_path / "ledger.dump")
    books.serve(ledger, "blue")
    with ledger.reading() as tx:
        exported = [chain.parse(chain.line(event)) for event, _fault in events.stream(tx)]
    with Ledger.open(restore(postgres, tmp_path / "ledger.dump"), "tester") as other, other.reading() as tx:
        report = audit.verify(tx, iter(exported))
    assert report["lost"] > 0 and [finding.kind for finding in report["findings"]] == ["export"]
