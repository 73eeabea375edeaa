"""What the lab's hardware is doing: power, media, drives and event log of every server, in one SQLite file.

The BMCs (``lab.bmc``) and the physics (``lab.physics``) meet here, from different processes: the BMC turns the power
on, the physics sees a new ``boot_id`` and boots the server from ``boots_from``.
"""

from __future__ import annotations

import contextlib
import dataclasses
import datetime
import json
import sqlite3
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

from lab.layout import Layout, ServerPlace

GIB = 2**30
LOG_LENGTH = 500  # entries; the oldest fall out
DRIVE_SIZES = {"cpu": [480 * GIB], "gpu": [480 * GIB, 3840 * GIB]}

_SCHEMA = """
CREATE TABLE IF NOT EXISTS server (name TEXT PRIMARY KEY, position INTEGER NOT NULL, state TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS revision (only INTEGER PRIMARY KEY CHECK (only = 1), value INTEGER NOT NULL);
INSERT OR IGNORE INTO revision VALUES (1, 0);
"""


@dataclasses.dataclass
class ServerState:
    """One server. ``drives``: {id, serial, capacity_bytes, health, contents, erased_at}; ``log``: {id, created,
    severity, message_id, message, args, drive}; times are ISO 8601 in UTC."""

    name: str
    power: str = "Off"  # On | Off
    boot_id: int = 0  # grows at each power-on or reset: a number not seen before is a boot to be done
    media: str | None = None  # URL of the image in the virtual drive
    media_inserted: bool = False
    boot_once: str | None = None  # "Cd": the next boot is from the virtual drive; the boot uses it up
    boot_target: str = "Hdd"  # where all other boots are from
    booted_from: str | None = None  # "Cd" | "Hdd": what the boot ``boot_id`` was told to start from
    drives: list[dict] = dataclasses.field(default_factory=list)
    log: list[dict] = dataclasses.field(default_factory=list)

    @property
    def boots_from_media(self) -> bool:
        """Whether the boot ``boot_id`` starts the image in the virtual drive, and not what the drives hold."""
        return self.booted_from == "Cd" and self.media_inserted

    @property
    def contents(self) -> str | None:
        """What the first drive holds (``installed:<cluster>``), or None when it is blank."""
        return self.drives[0]["contents"] if self.drives else None


class Hardware:
    """The file ``<lab>/hardware.db``. Safe for many threads and processes; every change is one transaction."""

    def __init__(self, path: Path):
        self.path = path
        self._local = threading.local()

    def create(self, layout: Layout) -> None:
        """Make the file, with every server of ``layout`` powered off and its drives blank. Servers in it stay."""
        with self._transaction() as database:
            for position, place in enumerate(layout.servers):
                state = ServerState(name=place.name, drives=_drives(place))
                database.execute("INSERT OR IGNORE INTO server VALUES (?, ?, ?)",
                                 (place.name, position, _dump(state)))
            _count_change(database)

    def servers(self) -> list[ServerState]:
        rows = self._connection().execute("SELECT state FROM server ORDER BY position")
        return [_load(state) for (state,) in rows]

    def get(self, name: str) -> ServerState:
        """:raises KeyError: no such server."""
        return self._read(self._connection(), name)

    def revision(self) -> int:
        """A number that grows with every change of anything: cheap to poll."""
        return self._connection().execute("SELECT value FROM revision").fetchone()[0]

    def update(self, name: str, **changes) -> ServerState:
        """Set fields of one server, and return it as it is afterwards."""
        return self.change(name, lambda state: [setattr(state, key, value) for key, value in _known(changes)])

    def change(self, name: str, alter: Callable[[ServerState], object]) -> ServerState:
        """Read one server, let ``alter`` change it in place, write it: nobody else comes between."""
        with self._transaction() as database:
            state = self._read(database, name)
            alter(state)
            database.execute("UPDATE server SET state = ? WHERE name = ?", (_dump(state), name))
            _count_change(database)
        return state

    def set_power(self, name: str, power: str) -> ServerState:
        """Turn a server ``On`` or ``Off``; nothing happens when it is so already."""
        def turn(state: ServerState) -> None:
            if power == "On" and state.power != "On":
                _boot(state)
            state.power = power
        return self.change(name, turn)

    def reset(self, name: str) -> ServerState:
        """Boot again (a server that is off is turned on)."""
        return self.change(name, _boot)

    def update_drive(self, name: str, drive_id: str, **changes) -> ServerState:
        """:raises KeyError: no such server or drive."""
        def alter(state: ServerState) -> None:
            drive_of(state, drive_id).update(changes)
        return self.change(name, alter)

    def add_log(self, name: str, **entry) -> dict:
        """Append to the event log: ``message_id``, ``message``, and of severity, args, drive what is not usual."""
        record: dict = {}

        def append(state: ServerState) -> None:
            number = int(state.log[-1]["id"]) + 1 if state.log else 1
            record.update({"id": str(number), "created": now(), "severity": "OK", "args": [], "drive": None, **entry})
            state.log = [*state.log, record][-LOG_LENGTH:]
        self.change(name, append)
        return record

    def _connection(self) -> sqlite3.Connection:
        if not hasattr(self._local, "connection"):
            connection = sqlite3.connect(self.path, timeout=30, isolation_level=None)
            connection.execute("PRAGMA journal_mode=WAL")
            connection.execute("PRAGMA synchronous=OFF")  # a lab does not outlive its machine
            connection.executescript(_SCHEMA)
            self._local.connection = connection
        return self._local.connection

    @contextlib.contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        connection = self._connection()
        connection.execute("BEGIN IMMEDIATE")
        try:
            yield connection
        except BaseException:
            connection.execute("ROLLBACK")
            raise
        connection.execute("COMMIT")

    @staticmethod
    def _read(database: sqlite3.Connection, name: str) -> ServerState:
        row = database.execute("SELECT state FROM server WHERE name = ?", (name,)).fetchone()
        if row is None:
            raise KeyError(name)
        return _load(row[0])


def drive_of(state: ServerState, drive_id: str) -> dict:
    """:raises KeyError: the server has no such drive."""
    for drive in state.drives:
        if drive["id"] == drive_id:
            return drive
    raise KeyError(drive_id)


def now() -> str:
    """The time in UTC to the millisecond, as DMTF's date-time wants it."""
    moment = datetime.datetime.now(datetime.timezone.utc)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _boot(state: ServerState) -> None:
    state.power = "On"
    state.boot_id += 1
    state.booted_from = state.boot_once or state.boot_target
    state.boot_once = None


def _drives(place: ServerPlace) -> list[dict]:
    return [
        {"id": f"disk{index}", "serial": f"{place.serial}D{index}", "capacity_bytes": size, "health": "OK",
         "contents": None, "erased_at": None}
        for index, size in enumerate(DRIVE_SIZES[place.server_class])
    ]


def _known(changes: dict) -> list[tuple[str, object]]:
    unknown = set(changes) - {field.name for field in dataclasses.fields(ServerState)}
    if unknown:
        raise TypeError(f"a server has no {', '.join(sorted(unknown))}")
    return list(changes.items())


def _count_change(database: sqlite3.Connection) -> None:
    database.execute("UPDATE revision SET value = value + 1")


def _dump(state: ServerState) -> str:
    return json.dumps(dataclasses.asdict(state))


def _load(text: str) -> ServerState:
    return ServerState(**json.loads(text))
