# Copyright: (c) 2026, leasehold.cloud contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Backups of a ledger in SQLite: copied while others write to it, verified, put in place whole or not at all."""

from __future__ import annotations

import contextlib
import datetime
import hashlib
import os
import sqlite3
import tempfile
from collections.abc import Iterator
from pathlib import Path

from ansible_collections.leasehold.cloud.plugins.module_utils.core.errors import InvalidInput, LedgerBroken, NotFound, Refused
from ansible_collections.leasehold.cloud.plugins.module_utils.lazy import lazy
from ansible_collections.leasehold.cloud.plugins.module_utils.ledger import events
from ansible_collections.leasehold.cloud.plugins.module_utils.ledger.database import Transaction, address_of, told
from ansible_collections.leasehold.cloud.plugins.module_utils.ledger.engines import BUSY_TIMEOUT

sa = lazy("sqlalchemy")
pool = lazy("sqlalchemy.pool")

ATTEMPTED = "backing the ledger up"


def file_of(url: str) -> Path:
    """The file of a ledger in SQLite.

    :raises Refused: it is in another database. :raises Unreachable: it can be in none. :raises NotFound: there is none yet.
    """
    address = address_of(url)
    if address.get_backend_name() != "sqlite":
        raise Refused(
            f"it is in {address.get_backend_name()}, which has its own tools for that", object=told(address), attempted=ATTEMPTED,
            remedy="pg_dump --format=custom --file=<file> <database>, at any time; docs/ledger.md has it in full",
        )
    if not address.database or not Path(address.database).is_file():
        raise NotFound("there is none yet", object=told(address), attempted=ATTEMPTED, remedy="check the option ledger")
    return Path(address.database)


def contents(path: Path) -> dict:
    """What a ledger's file holds: C({schema, head, count, mark}); two with the same mark hold the same.

    :raises InvalidInput: it is no ledger.
    """
    with _reading(path) as database:
        names = sorted(name for (name,) in database.execute("SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%'"))
        if not {"alembic_version", "events"} <= {*names}:
            raise _no_ledger(path, "it has no events")
        (schema,) = database.execute("SELECT version_num FROM alembic_version").fetchone()
        count, last = database.execute("SELECT count(*), max(id) FROM events").fetchone()
        head = database.execute("SELECT id, at, hash FROM events WHERE id = ?", (last,)).fetchone()
        digest = hashlib.sha256()
        for name in names:
            digest.update(name.encode())
            for row in database.execute(f'SELECT * FROM "{name}" ORDER BY rowid'):
                digest.update(repr(row).encode())
    return {"schema": schema, "head": head and dict(zip(("id", "at", "hash"), head)), "count": count, "mark": digest.hexdigest()}


def write(source: Path, dest: Path) -> dict:
    """Copy a ledger to ``dest`` (mode 0600), verified before it is there. Those who write to it do not wait.

    :returns: as C(contents), of what was written.
    :raises LedgerBroken: the copy is damaged, or the chain of its events is; then what was at ``dest`` is still there.
    :raises InvalidInput: ``dest`` cannot be written.
    """
    try:
        descriptor, name = tempfile.mkstemp(dir=dest.parent, prefix=f".{dest.name}.")  # mode 0600
    except OSError as error:
        raise InvalidInput(f"{error.strerror}", object=f"backup {dest}", attempted=ATTEMPTED, remedy="give a path that can be written") from error
    draft = Path(name)
    try:
        _copy(source, draft)
        _verify(draft)
        written = contents(draft)
        os.fsync(descriptor)
        os.replace(draft, dest)
    finally:
        os.close(descriptor)
        draft.unlink(missing_ok=True)
    _sync_directory(dest.parent)
    return written


def _copy(source: Path, draft: Path) -> None:
    with _reading(source) as database, contextlib.closing(sqlite3.connect(draft)) as copy:
        database.backup(copy)  # in one step: a moment of the ledger, however many write to it
        copy.execute("PRAGMA journal_mode=DELETE")  # one file, without a log beside it


def _verify(draft: Path) -> None:
    with _reading(draft) as database:
        said = [row[0] for row in database.execute("PRAGMA integrity_check")]
    if said != ["ok"]:
        raise _broken("; ".join(said[:3]))
    engine = sa.create_engine("sqlite://", creator=lambda: sqlite3.connect(draft), poolclass=pool.NullPool)
    with engine.connect() as connection:
        first = events.first_broken(Transaction(connection, "", datetime.datetime.now(datetime.timezone.utc)))
    engine.dispose()
    if first is not None:
        raise _broken(f"the chain of its events does not hold at event {first}")


@contextlib.contextmanager
def _reading(path: Path) -> Iterator[sqlite3.Connection]:
    """A connection that changes nothing, and sees one moment."""
    try:
        with contextlib.closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True, timeout=BUSY_TIMEOUT)) as database:
            database.isolation_level = None
            database.execute("BEGIN")
            yield database
    except sqlite3.Error as error:
        raise _no_ledger(path, str(error)) from error


def _sync_directory(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _no_ledger(path: Path, why: str) -> InvalidInput:
    return InvalidInput(
        f"it is no ledger: {why}", object=f"file {path}", attempted=ATTEMPTED, remedy="give the path of a ledger, or of a backup of one",
    )


def _broken(why: str) -> LedgerBroken:
    return LedgerBroken(
        why, object="ledger", attempted=ATTEMPTED,
        remedy="leasehold.cloud.ledger_verify says more; keep the backups that there are, see docs/ledger.md",
    )
