# Copyright: (c) 2026, leasehold.cloud contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Opening the ledger's database, and its transactions.

SQLite (WAL): a writing transaction takes the write lock when it begins. PostgreSQL: it takes one advisory lock. Either
way writers follow one another, so what a writer read still holds when it writes; readers never wait.
"""

from __future__ import annotations

import contextlib
import datetime
import functools
import random
import time
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from ansible_collections.leasehold.cloud.plugins.module_utils.core.errors import LeaseholdError, Refused, Unreachable
from ansible_collections.leasehold.cloud.plugins.module_utils.lazy import lazy
from ansible_collections.leasehold.cloud.plugins.module_utils.ledger import schema
from ansible_collections.leasehold.cloud.plugins.module_utils.ledger.migrations import upgrade

sa = lazy("sqlalchemy")
exc = lazy("sqlalchemy.exc")
pool = lazy("sqlalchemy.pool")
psycopg = lazy("psycopg")

SHORTEST_PAUSE, LONGEST_PAUSE = 0.001, 0.02  # seconds between two questions whether it is one's turn to write
BUSY_TIMEOUT = 30  # seconds a writer waits for the one before it
CHUNK = 500  # names in one query; every database takes that many
WRITERS_LOCK = 0x1EA5E401D  # PostgreSQL's advisory lock that writers of a ledger take in turn


def iso(moment: datetime.datetime) -> str:
    """A moment as the ledger writes it: UTC, milliseconds."""
    return moment.astimezone(datetime.timezone.utc).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def moment(text: str) -> datetime.datetime:
    """The moment that :func:`iso` wrote."""
    return datetime.datetime.fromisoformat(text.replace("Z", "+00:00"))


def chunks(names: Iterable[str | int]) -> Iterator[list]:
    """The names in lists short enough for one query."""
    every = list(names)
    return (every[start:start + CHUNK] for start in range(0, len(every), CHUNK))


class Transaction:
    """One transaction: its ``connection``, the ``actor`` it acts for and ``now`` (UTC, by the database's clock)."""

    def __init__(self, connection, actor: str, now: datetime.datetime):
        self.connection = connection
        self.actor = actor
        self.now = now
        self.kept = False
        self.memo: dict = {}  # rows that this transaction has read and will need again; whoever writes one drops it
        self._waiting: list[tuple] = []  # what is to be written, each (statement or table, parameters or rows)

    @property
    def at(self) -> str:
        return iso(self.now)

    def keep(self) -> None:
        """What was written is to stay. A transaction that nobody keeps is rolled back: check mode is just that."""
        self.kept = True

    def execute(self, statement, *parameters):
        self._write()
        return self.connection.execute(statement, *parameters)

    def write(self, statement, parameters: Mapping) -> None:
        """Write what nothing has to be known of afterwards, such as how many rows it was. It waits until something is
        asked, or the end; then all that waits goes to the database at once, in its order."""
        self._waiting.append((statement, parameters))

    def insert(self, table, rows: list[dict]) -> None:
        """Add rows with the same keys, in their order; as :meth:`write` does."""
        self._waiting.append((table, list(rows)))

    def append(self, table, rows: list[dict]) -> None:
        """Add rows to a table that is only added to: they go with those that wait already."""
        waiting = next((waiting for what, waiting in self._waiting if what is table), None)
        if waiting is None:
            self.insert(table, rows)
        else:
            waiting.extend(rows)

    def commit(self) -> None:
        """Make what was written last. To PostgreSQL, it goes with what waits: others wait for the end, so they wait for one answer only."""
        with _together(self.connection):
            self._write()
            self.connection.commit()

    def _write(self) -> None:
        waiting, self._waiting = self._waiting, []
        for what, given in waiting:
            if isinstance(what, sa.Table):
                _add(self.connection, what, given)
            else:
                self.connection.execute(what, given)

    def rows(self, statement, *parameters) -> list[dict]:
        """The rows of a query as dicts."""
        found = self.execute(statement, *parameters)
        columns = tuple(found.keys())  # asked once: mappings() asks for each row, which takes longer than the query
        return [dict(zip(columns, row)) for row in found.all()]

    def row(self, statement, *parameters) -> dict | None:
        """The first row of a query as a dict, None when there is none."""
        found = self.execute(statement, *parameters)
        columns, first = found.keys(), found.first()
        return None if first is None else dict(zip(columns, first))


class Ledger:
    """An open ledger. Use it as a context manager, or call :meth:`close`."""

    def __init__(self, engine, actor: str):
        self.engine = engine
        self.actor = actor

    @classmethod
    def open(cls, url: str, actor: str, *, migrate: bool = False, writable: bool = True) -> Ledger:
        """Open the ledger at ``url`` (a SQLAlchemy URL, or a path for SQLite).

        :param actor: who acts, for the events: C(user@host) or the order's requester.
        :param migrate: bring an older schema up to date first. An empty database gets its schema in any case.
        :param writable: False never makes anything: where no ledger is yet, an empty one in memory is opened.
        :raises Refused: when the schema is older or newer than this collection's.
        :raises Unreachable: when the database does not answer.
        """
        address = address_of(url)
        with explained(address, "opening the ledger"):
            if not writable and not _exists(address):
                return cls(_empty_engine(), actor)
            engine = _engine(address)
            ledger = cls(engine, actor)
            try:
                ledger._prepare(migrate, writable)
            except BaseException:
                engine.dispose()
                raise
            return ledger

    @contextlib.contextmanager
    def transaction(self):
        """A writing transaction: committed at the end if it was kept, else (or on an error) rolled back."""
        with self._connection(writing=True) as transaction:
            yield transaction
            if transaction.kept:
                transaction.commit()

    @contextlib.contextmanager
    def reading(self):
        """A transaction that sees one moment of the ledger and writes nothing."""
        with self._connection(writing=False) as transaction:
            yield transaction

    def close(self) -> None:
        self.engine.dispose()

    def __enter__(self) -> Ledger:
        return self

    def __exit__(self, *exc_info) -> None:
        self.close()

    @contextlib.contextmanager
    def _connection(self, *, writing: bool):
        url = self.engine.url
        isolation = "REPEATABLE READ" if url.get_backend_name() == "postgresql" and not writing else None
        options = {"leasehold_writing": writing} | ({"isolation_level": isolation} if isolation else {})
        with explained(url, "using the ledger"), self.engine.connect() as plain:
            connection = plain.execution_options(**options)
            yield Transaction(connection, self.actor, _now(connection, writing))

    def _prepare(self, migrate: bool, writable: bool) -> None:
        with self.reading() as transaction:
            version = schema_version(transaction.connection)
        if version == schema.HEAD:
            return
        if version is None and not writable:
            self.engine.dispose()
            self.engine = _empty_engine()
        elif version is None or migrate:
            self._migrate(migrate)
        else:
            raise _other_schema(self.engine.url, version)

    def _migrate(self, older: bool) -> None:
        with self.transaction() as transaction:
            version = schema_version(transaction.connection)  # again: another process may have been first
            if version == schema.HEAD:
                return
            if version is not None and not (older and upgrade.knows(version)):
                raise _other_schema(self.engine.url, version)
            upgrade.to_head(transaction.connection)
            transaction.keep()


def _add(connection, table, rows: list[dict]) -> None:
    if connection.dialect.name == "postgresql":
        connection.execute(_insertion_of_json(table, tuple(rows[0])), {"rows": rows})
    else:
        connection.execute(_insertion(table), rows)


@functools.cache
def _insertion(table):
    """An INSERT, built once: that takes longer than to run it."""
    return table.insert()


@functools.cache
def _insertion_of_json(table, columns: tuple[str, ...]):
    """An INSERT of any number of rows in one parameter: one statement for PostgreSQL, prepared once, where there would be one for each row."""
    rows = sa.func.json_to_recordset(sa.bindparam("rows", type_=sa.JSON)).table_valued(*(sa.column(name, table.c[name].type) for name in columns))
    return table.insert().inline().from_select(columns, sa.select(rows.render_derived(with_types=True)))


def _together(connection):
    """What is executed within goes to PostgreSQL as it comes, and is answered at the end (psycopg's pipeline, where libpq knows it: 14)."""
    if connection.dialect.name == "postgresql" and psycopg.Pipeline.is_supported():
        return connection.connection.driver_connection.pipeline()
    return contextlib.nullcontext()


def address_of(url: str):
    """The SQLAlchemy URL of what a user wrote: a URL, or a path (SQLite)."""
    if "://" not in url:
        return sa.URL.create("sqlite", database=str(Path(url).expanduser().absolute()))
    address = sa.make_url(url)
    if address.drivername == "postgresql":
        address = address.set(drivername="postgresql+psycopg")
    return address


def schema_version(connection) -> str | None:
    """The migration that the database is at, None when it has no ledger."""
    if not sa.inspect(connection).has_table("alembic_version"):
        return None
    return connection.execute(sa.text("SELECT version_num FROM alembic_version")).scalar()


@contextlib.contextmanager
def explained(address, attempted: str):
    """Turn what the database's driver says into our errors."""
    try:
        yield
    except LeaseholdError:
        raise
    except exc.DBAPIError as error:
        if isinstance(error, (exc.IntegrityError, exc.ProgrammingError, exc.InternalError, exc.DataError)):
            raise  # about what was asked, not about the database
        raise Unreachable(
            str(error.orig).strip(), object=f"ledger {address.render_as_string(hide_password=True)}", attempted=attempted,
            remedy="check the ledger's URL, that its database runs and that you may use it",
        ) from error
    except exc.ArgumentError as error:
        raise Unreachable(
            str(error), object="ledger", attempted=attempted,
            remedy="give a path, or a URL such as sqlite:////var/lib/leasehold/ledger.db or postgresql+psycopg://user@host/name",
        ) from error


def _other_schema(address, version: str) -> Refused:
    newer = version > schema.HEAD
    return Refused(
        f"its schema is {'newer' if newer else 'older'} ({version}) than this collection's ({schema.HEAD})",
        object=f"ledger {address.render_as_string(hide_password=True)}", attempted="opening the ledger",
        remedy="install the leasehold.cloud collection that the ledger's other users have" if newer else
        "back it up (leasehold.cloud.ledger_backup), then run ansible-playbook leasehold.cloud.ledger_migrate, which is leasehold.cloud.ledger "
        "with migrate=true",
        details={"schema": version, "expected": schema.HEAD},
    )


def _exists(address) -> bool:
    return address.get_backend_name() != "sqlite" or bool(address.database and Path(address.database).exists())


def _engine(address):
    # A few connections are kept while the ledger is open: to open one takes longer than a claim.
    if address.get_backend_name() == "sqlite":
        return _sqlite_engine(address, poolclass=pool.QueuePool)
    engine = sa.create_engine(address, poolclass=pool.QueuePool)
    sa.event.listen(engine, "connect", _set_up_postgresql)
    return engine


def _sqlite_engine(address, **options):
    if address.database and address.database != ":memory:":
        Path(address.database).parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    engine = sa.create_engine(address, connect_args={"timeout": BUSY_TIMEOUT}, **options)
    sa.event.listen(engine, "connect", _set_up_sqlite)
    sa.event.listen(engine, "begin", _begin_sqlite)
    return engine


def _empty_engine():
    engine = _sqlite_engine(sa.make_url("sqlite://"), poolclass=pool.StaticPool)
    with engine.begin() as connection:
        schema.tables().metadata.create_all(connection)
    return engine


def _set_up_sqlite(connection, _record) -> None:
    connection.isolation_level = None  # BEGIN is ours to say, see _begin_sqlite
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute("PRAGMA synchronous=FULL")  # a token that was given out survives a power cut
    connection.execute("PRAGMA foreign_keys=ON")


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


def _now(connection, writing: bool) -> datetime.datetime:
    """Begin the transaction: with the writers' lock, if it is to write. The clock is read when that is held, so that events follow each other."""
    if connection.dialect.name == "sqlite":
        if writing:
            connection.begin()
        return datetime.datetime.now(datetime.timezone.utc)
    # PostgreSQL's own clock is the one that all machines share. What a SELECT lists is done in its order: first the lock.
    # Others wait for a writer, who does few things again and again: what is prepared is not planned anew for each of its values.
    lock = f"set_config('plan_cache_mode', 'force_generic_plan', true), pg_advisory_xact_lock({WRITERS_LOCK}), " if writing else ""
    return connection.exec_driver_sql(f"SELECT {lock}clock_timestamp()").first()[-1].astimezone(datetime.timezone.utc)
