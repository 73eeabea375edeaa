# SPDX-License-Identifier: GPL-3.0-or-later
"""Backups of a ledger in SQLite: of one moment, while others write. (Of PostgreSQL: tests/integration/postgres/test_dump.py.)"""

from __future__ import annotations

import contextlib
import os
import tempfile
from pathlib import Path

import pytest

from ansible_collections.leasehold.cloud.plugins.module_utils.core.errors import InvalidInput, Unreachable
from ansible_collections.leasehold.cloud.plugins.module_utils.ledger import audit, backup, events
from ansible_collections.leasehold.cloud.plugins.module_utils.ledger.database import Ledger
from tests.unit.plugins.module_utils.ledger import books

WRITES = 60
NOBODY = 65534


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


def contents(directory: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in directory.iterdir()}


def look(path: Path) -> dict:
    """Read a ledger as an action that ends in _info does, and what lies beside it meanwhile."""
    with Ledger.open(str(path), "tester", writable=False) as copy, copy.reading() as tx:
        assert audit.verify(tx)["findings"] == []
        return contents(path.parent)


@pytest.fixture
def kept(ledger, url):
    """A backup in a directory of its own."""
    books.serve(ledger, "blue")
    with tempfile.TemporaryDirectory() as directory:  # tmp_path is closed to other users
        path = Path(directory) / "copy.db"
        backup.write(backup.file_of(url), path)
        yield path


def test_a_look_at_a_backup_leaves_it_as_it_was(kept):
    before = contents(kept.parent)
    assert look(kept) == before, "while it is open"
    assert contents(kept.parent) == before
    with Ledger.open(str(kept), "tester", writable=False) as copy, copy.transaction() as tx:
        events.record(tx, "note a", "written")  # as check mode does, which keeps nothing
    assert contents(kept.parent) == before


def test_who_may_only_read_a_backup_can(kept):
    kept.parent.chmod(0o555)
    kept.chmod(0o444)
    with as_somebody(kept):
        assert [*look(kept)] == ["copy.db"]
        with pytest.raises(Unreachable), Ledger.open(str(kept), "tester"):
            pass


def test_a_reader_follows_a_ledger_that_is_written_to(ledger, url):
    books.serve(ledger, "blue")
    path = backup.file_of(url)
    with Ledger.open(url, "reader", writable=False) as reader:
        for number in range(3):
            with ledger.transaction() as writer:
                events.record(writer, "note a", "written", None, number)
                writer.keep()
                with reader.reading() as tx:
                    assert len(events.history(tx, "note a")) == number, "it does not wait for the writer"
            assert path.with_name(f"{path.name}-wal").stat().st_size > 0, "it is in the log alone"
            with reader.reading() as tx:
                assert len(events.history(tx, "note a")) == number + 1


def test_a_backup_that_is_put_in_place_is_written_to_beside_its_readers(kept):
    with Ledger.open(str(kept), "tester") as restored, Ledger.open(str(kept), "reader", writable=False) as reader:
        with restored.transaction() as writer:
            events.record(writer, "note a", "written")
            writer.keep()
            with reader.reading() as tx:
                assert events.history(tx, "note a") == []


@contextlib.contextmanager
def as_somebody(path: Path):
    """As a user who is not root: modes say nothing to root."""
    if os.geteuid() != 0:
        yield
        return
    os.seteuid(NOBODY)
    try:
        if not os.access(path, os.R_OK, effective_ids=True):
            pytest.skip("nobody but root may look into the directory of temporary files")
        yield
    finally:
        os.seteuid(0)


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
