# Copyright: (c) 2026, leasehold.cloud contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The two databases: how each is connected to, how writers take turns, and how what is asked goes there at once."""

from __future__ import annotations

import contextlib
import datetime
import functools
import random
import time
from pathlib import Path

from ansible_collections.leasehold.cloud.plugins.module_utils.core.errors import Unreachable
from ansible_collections.leasehold.cloud.plugins.module_utils.lazy import lazy
from ansible_collections.leasehold.cloud.plugins.module_utils.ledger import schema

sa = lazy("sqlalchemy")
pool = lazy("sqlalchemy.pool")
psycopg = lazy("psycopg")

SHORTEST_PAUSE, LONGEST_PAUSE = 0.001, 0.02  # seconds between two questions whether it is one's turn to write
BUSY_TIMEOUT = 30  # seconds a writer waits for the one before it
WRITERS_LOCK = 0x1EA5E401D  # PostgreSQL's advisory lock that writers of a ledger take in turn
# PostgreSQL's own clock is the one that all machines share. What a SELECT lists is done in its order: first the lock, so that events
# follow each other. Others wait for a writer, who does few things again and again: what is prepared is not planned anew for each of its values.
TURN = f"SELECT set_config('plan_cache_mode', 'force_generic_plan', true), pg_advisory_xact_lock({WRITERS_LOCK}), clock_timestamp()"
CLOCK = "SELECT clock_timestamp()"
TURN_BEFORE = "leasehold_turn_before"  # option of a statement: a list, to which the turn that was taken before it is added


def of(address, writable: bool):
    """The engine of a ledger's address.

    :param writable: False leaves a file that is read as it is, also a backup, and makes nothing beside it.
    """
    # A few connections are kept while the ledger is open: to open one takes longer than a claim.
    if address.get_backend_name() == "sqlite":
        engine = _sqlite(address, poolclass=pool.QueuePool)
        if writable:
            sa.event.listen(engine, "connect", _keep_a_log)
        return engine
    engine = sa.create_engine(address, poolclass=pool.QueuePool)
    sa.event.listen(engine, "connect", _set_up_postgresql)
    sa.event.listen(engine, "do_execute", _turn_first)
    return engine


def _sqlite(address, **options):
    if address.database and address.database != ":memory:":
        Path(address.database).parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    engine = sa.create_engine(address, connect_args={"timeout": BUSY_TIMEOUT}, **options)
    sa.event.listen(engine, "connect", _set_up_sqlite)
    sa.event.listen(engine, "begin", _begin_sqlite)
    return engine


def empty():
    """The engine of a ledger in memory, with its schema and nothing in it."""
    engine = _sqlite(sa.make_url("sqlite://"), poolclass=pool.StaticPool)
    with engine.begin() as connection:
        schema.tables().metadata.create_all(connection)
    return engine


def _set_up_sqlite(connection, _record) -> None:
    connection.isolation_level = None  # BEGIN is ours to say, see _begin_sqlite
    connection.execute("PRAGMA synchronous=FULL")  # a token that was given out survives a power cut
    connection.execute("PRAGMA foreign_keys=ON")


@contextlib.contextmanager
def whatever_is_there(connection):
    """What is read within may be no text where there should be one: SQLite takes anything, and its driver refuses what it cannot decode."""
    if connection.dialect.name != "sqlite":
        yield
        return
    driver = connection.connection.driver_connection
    before, driver.text_factory = driver.text_factory, functools.partial(str, encoding="utf-8", errors="replace")
    try:
        yield
    finally:
        driver.text_factory = before


def _keep_a_log(connection, _record) -> None:
    """Have readers not wait. The file remembers it, so whoever does not ask for it, reads and writes by the log as well: a heartbeat, say."""
    connection.execute("PRAGMA journal_mode=WAL")


def _begin_sqlite(connection) -> None:
    if connection.get_execution_options().get("leasehold_writing", True):
        _wait_in_turn(connection.connection.driver_connection)
    else:
        connection.exec_driver_sql("BEGIN")


def _wait_in_turn(connection) -> None:
    """Begin to write. SQLite's own waiting asks the less often the longer it waits, so that among many writers some never get their turn."""
    deadline, pause = time.monotonic() + BUSY_TIMEOUT, SHORTEST_PAUSE
    connection.execute("PRAGMA busy_timeout=0")
    try:
        while True:
            try:
                connection.execute("BEGIN IMMEDIATE")
                return
            except connection.OperationalError as error:
                if "locked" not in str(error):
                    raise
                if time.monotonic() > deadline:
                    raise Unreachable(
                        str(error), object="ledger", attempted=f"waiting {BUSY_TIMEOUT} s for those who write to it",
                        remedy="run it again; with many at work at once, keep the ledger in PostgreSQL",
                    ) from error
            time.sleep(pause * random.uniform(0.5, 1.5))
            pause = min(2 * pause, LONGEST_PAUSE)
    finally:
        connection.execute(f"PRAGMA busy_timeout={1000 * BUSY_TIMEOUT}")


def _set_up_postgresql(connection, _record) -> None:
    connection.execute(f"SET lock_timeout = '{BUSY_TIMEOUT}s'")
    connection.commit()


def begin(connection, *, writing: bool) -> datetime.datetime:
    """Begin a transaction, a writing one when it is its turn; the moment."""
    if connection.dialect.name == "sqlite":
        if writing:
            connection.begin()
        return datetime.datetime.now(datetime.timezone.utc)
    return _moment(connection.exec_driver_sql(TURN if writing else CLOCK))


def begin_with(connection, statement, parameters) -> tuple:
    """Begin to write, and ask the first thing: (the moment, the answer). PostgreSQL is asked for both at once, so that those who
    wait for their turn wait for one answer less."""
    if not _has_pipelines(connection):
        return begin(connection, writing=True), connection.execute(statement, parameters)
    turns = []
    found = connection.execute(statement, parameters, execution_options={TURN_BEFORE: turns})
    return _moment(turns[0]), found


def _turn_first(cursor, statement, parameters, context) -> bool:
    """Take the turn in the same pipeline. Executed there by SQLAlchemy, a statement's answer would be looked at before it has come."""
    turns = context.execution_options.get(TURN_BEFORE)
    if turns is None:
        return False
    with cursor.connection.pipeline():
        turns.append(cursor.connection.execute(TURN))
        cursor.execute(statement, parameters)
    return True


def _moment(found) -> datetime.datetime:
    return found.fetchone()[-1].astimezone(datetime.timezone.utc)


def together(connection):
    """What is executed within goes to PostgreSQL as it comes, and is answered at the end (psycopg's pipeline)."""
    return connection.connection.driver_connection.pipeline() if _has_pipelines(connection) else contextlib.nullcontext()


def _has_pipelines(connection) -> bool:
    """Of PostgreSQL, where libpq knows them: 14."""
    return connection.dialect.name == "postgresql" and psycopg.Pipeline.is_supported()
