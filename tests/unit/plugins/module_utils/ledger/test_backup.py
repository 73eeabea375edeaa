# SPDX-License-Identifier: GPL-3.0-or-later
"""Backups of a ledger in SQLite: of one moment, while others write. (Of PostgreSQL: tests/integration/postgres/test_dump.py.)"""

from __future__ import annotations

from pathlib import Path

import pytest

from ansible_collections.leasehold.cloud.plugins.module_utils.core.errors import InvalidInput
from ansible_collections.leasehold.cloud.plugins.module_utils.ledger import audit, backup, events
from ansible_collections.leasehold.cloud.plugins.module_utils.ledger.database import Ledger
from tests.unit.plugins.module_utils.ledger import books

WRITES = 60


def write_much(url: str) -> int:
    """Events in pairs, two in each transaction."""
    with Ledger.open(url, "writer") as ledger:
        for number in range(WRITES):
            with ledger.transaction() as tx:
                events.record_all(tx, [(f"note {side}", "written", None, {"hard": number, "text": "x" * 2000}) for side in ("a", "b")])
                tx.keep()
    return WRITES


def test_a_backup_is_of_one_moment_however_many_write(ledger, url, tmp_path):
    books.serve(ledger, "blue")
    path, counts = backup.file_of(url), []
    before = backup.contents(path)["count"]
    with books.pool(2) as pool:
        writers = [pool.submit(write_much, url) for _writer in range(2)]
        while not all(writer.done() for writer in writers) or not counts:
            counts.append(backup.write(path, tmp_path / "copy.db")["count"])
            with Ledger.open(str(tmp_path / "copy.db"), "tester") as copy, copy.reading() as tx:
                assert audit.verify(tx)["findings"] == []
                assert events.find(tx, events.Filters(), 1)[0]["subject"] in ("note b", "cluster blue"), "it was cut within a transaction"
            Path(tmp_path / "copy.db").unlink()
        assert [writer.result() for writer in writers] == [WRITES] * 2, "a writer had to wait too long"
    assert counts == sorted(counts)
    assert backup.write(path, tmp_path / "copy.db")["count"] == before + 4 * WRITES


def test_what_goes_wrong_leaves_what_was(ledger, url, tmp_path, monkeypatch):
    dest = tmp_path / "copy.db"
    backup.write(backup.file_of(url), dest)
    kept = dest.read_bytes()
    books.serve(ledger, "blue")
    monkeypatch.setattr(backup, "_verify", lambda draft: _raise(InvalidInput("no", object="x", attempted="x", remedy="x")))
    with pytest.raises(InvalidInput):
        backup.write(backup.file_of(url), dest)
    assert dest.read_bytes() == kept
    assert sorted(path.name for path in tmp_path.glob("*copy*")) == ["copy.db"]


def _raise(error: Exception) -> None:
    raise error
