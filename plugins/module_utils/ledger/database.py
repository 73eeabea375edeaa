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
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from ansible_collections.leasehold.cloud.plugins.module_utils.core.errors import InvalidInput, LeaseholdError, Refused, Unreachable
from ansible_collections.leasehold.cloud.plugins.module_utils.lazy import lazy
from ansible_collections.leasehold.cloud.plugins.module_utils.ledger import engines, schema
from ansible_collections.leasehold.cloud.plugins.module_utils.ledger.migrations import upgrade

sa = lazy("sqlalchemy")
exc = lazy("sqlalchemy.exc")

DRIVERS = ("sqlite", "sqlite+pysqlite", "postgresql+psycopg")
CHUNK = 500  # names in one query; every database takes that many


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
    """One transaction: its ``connection``, the ``actor`` it acts for and ``now`` (UTC, by the database's clock).

    One that is to write begins, and waits for its turn, when it is first asked for something.

    :param now: None for one that is to write.
    """

    def __init__(self, connection, actor: str, now: datetime.datetime | None = None):
        self._connection = connection
        self.actor = actor
        self._now = now
        self.kept = False
        self.memo: dict = {}  # rows that this transaction has read and will need again; whoever writes one drops it
        self._waiting: list[tuple] = []  # what is to be written, each (statement or table, parameters or rows)

    @property
    def connection(self):
        self._begin()
        return self._connection

    @property
    def now(self) -> datetime.datetime:
        self._begin()
        return self._now

    @now.setter
    def now(self, then: datetime.datetime) -> None:
        self._begin()
        self._now = then

    @property
    def at(self) -> str:
        return iso(self.now)

    def keep(self) -> None:
        """What was written is to stay. A transaction that nobody keeps is rolled back: check mode is just that."""
        self.kept = True

    def begin_with(self, statement, parameters: Mapping):
        """Execute a statement that may be the first, see M(ledger.engines.begin_with); as any other, when it is not."""
        if self._now is not None:
            return self.execute(statement, parameters)
        self._now, found = engines.begin_with(self._connection, statement, parameters)
        return found

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
        with engines.together(self.connection):
            self._write()
            self.connection.commit()

    def _begin(self) -> None:
        if self._now is None:
            self._now = engines.begin(self._connection, writing=True)

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
        :param writable: False never makes anything: where no ledger is yet, an empty one in memory is opened. One that is there
            can be written to all the same, by whoever may.
        :raises Refused: when the schema is older or newer than this collection's.
        :raises Unreachable: when the database does not answer.
        """
        address = address_of(url)
        with explained(address, "opening the ledger"):
            if not writable and not _exists(address):
                return cls(engines.empty(), actor)
            engine = engines.of(address, writable)
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
            yield Transaction(connection, self.actor, None if writing else engines.begin(connection, writing=False))

    def _prepare(self, migrate: bool, writable: bool) -> None:
        with self.reading() as transaction:
            version = schema_version(transaction.connection)
        if version == schema.HEAD:
            return
        if version is None and not writable:
            self.engine.dispose()
            self.engine = engines.empty()
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


def address_of(url: str):
    """The SQLAlchemy URL of what a user wrote: a URL, or a path (SQLite).

    :raises Unreachable: a ledger cannot be there. What was written is not repeated: it may have a password in it.
    """
    if "://" not in url:
        return sa.URL.create("sqlite", database=str(Path(url).expanduser().absolute()))
    try:
        address = sa.make_url(url)
    except (exc.ArgumentError, ValueError):
        raise _no_url("it is not written as a URL") from None  # what it says of the URL has parts of it
    if address.drivername == "postgresql":
        address = address.set(drivername="postgresql+psycopg")
    if address.drivername not in DRIVERS:
        raise _no_url(f"a ledger is not kept in {address.drivername}")
    if address.get_backend_name() == "sqlite" and address.host:
        raise _no_url("it names a host, and a ledger in SQLite is a file")
    if address.get_backend_name() == "postgresql" and "@" in f"{address.host}{address.database}":
        raise _no_url("there is an @ after the one before the host")  # then a part of the password is taken for the host
    return address


def _no_url(why: str) -> Unreachable:
    return Unreachable(
        why, object="ledger", attempted="reading its URL",
        remedy="give a path, or a URL such as sqlite:////var/lib/leasehold/ledger.db or postgresql+psycopg://user@host/name; in a password, @ : / and % are "
        "escaped (%40 %3A %2F %25)",
    )


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
    except exc.DataError as error:
        raise InvalidInput(
            str(error.orig).strip().partition("\n")[0], object=told(address), attempted=attempted,  # what follows repeats the data
            remedy="look for a text that is too long, or has characters that are none: the actor (LEASEHOLD_ACTOR), a name, a reason",
        ) from error
    except exc.DBAPIError as error:
        if isinstance(error, (exc.IntegrityError, exc.ProgrammingError, exc.InternalError)):
            raise  # about what was asked, not about the database
        raise Unreachable(
            str(error.orig).strip(), object=told(address), attempted=attempted,
            remedy="check the ledger's URL, that its database runs and that you may use it",
        ) from error
    except exc.ArgumentError as error:
        raise Unreachable(
            str(error), object="ledger", attempted=attempted,
            remedy="give a path, or a URL such as sqlite:////var/lib/leasehold/ledger.db or postgresql+psycopg://user@host/name",
        ) from error


def told(address) -> str:
    """A ledger as errors name it, without its password."""
    return f"ledger {address.render_as_string(hide_password=True)}"


def _other_schema(address, version: str) -> Refused:
    newer = version > schema.HEAD
    return Refused(
        f"its schema is {'newer' if newer else 'older'} ({version}) than this collection's ({schema.HEAD})",
        object=told(address), attempted="opening the ledger",
        remedy="install the leasehold.cloud collection that the ledger's other users have" if newer else
        "back it up (leasehold.cloud.ledger_backup), then run ansible-playbook leasehold.cloud.ledger_migrate, which is leasehold.cloud.ledger "
        "with migrate=true",
        details={"schema": version, "expected": schema.HEAD},
    )


def _exists(address) -> bool:
    return address.get_backend_name() != "sqlite" or bool(address.database and Path(address.database).exists())
