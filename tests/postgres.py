# SPDX-License-Identifier: GPL-3.0-or-later
"""A PostgreSQL of the tests' own: from the Debian package, in a temporary directory, on a Unix socket alone."""

from __future__ import annotations

import itertools
import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
from pathlib import Path

import sqlalchemy

NUMBERS = itertools.count(1)
STARTED_WITHIN = 30  # seconds
# Nothing of the tests has to survive a power cut; and no TCP port is opened.
SETTINGS = ("listen_addresses=", "fsync=off", "full_page_writes=off", "max_connections=60", "shared_buffers=32MB")
DURABLE = ("listen_addresses=", "max_connections=60", "shared_buffers=128MB")  # as it comes: for what is measured


def programs() -> Path | None:
    """The directory of initdb and postgres: of the newest that is installed."""
    installed = [path for path in Path("/usr/lib/postgresql").glob("*/bin") if (path / "initdb").exists()]
    if installed:
        return max(installed, key=lambda path: int(path.parent.name))
    found = shutil.which("initdb")
    return Path(found).resolve().parent if found else None


class Server:
    """A private PostgreSQL. Root may not run it: it runs as C(nobody) then."""

    def __init__(self, binaries: Path, settings: tuple[str, ...] = SETTINGS):
        self.binaries = binaries
        self.settings = settings
        self.directory = Path(tempfile.mkdtemp(prefix="leasehold-pg-", dir="/tmp"))  # short: a socket's path has 107 bytes
        self.user = "nobody" if os.geteuid() == 0 else pwd.getpwuid(os.geteuid()).pw_name
        if os.geteuid() == 0:
            account = pwd.getpwnam(self.user)
            os.chown(self.directory, account.pw_uid, account.pw_gid)
        self.process: subprocess.Popen | None = None

    def start(self) -> None:
        self._run("initdb", "-D", str(self.data), "-U", "leasehold", "--auth=trust", "--no-sync", "-E", "UTF8", "--locale=C").check_returncode()
        self._launch()

    def crash(self) -> None:
        """Kill its first process as a power cut would. The others end when they notice, each at its next wait."""
        self.process.kill()
        self.process.wait()

    def recover(self) -> None:
        """Start it again after a crash, as soon as what the crash left behind has ended."""
        self._launch(again=True)

    def stop(self) -> None:
        if self.process:
            self.process.send_signal(signal.SIGINT)  # fast shutdown: sessions are not waited for
            try:
                self.process.wait(timeout=10)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        shutil.rmtree(self.directory, ignore_errors=True)

    def new_database(self, like: str | None = None) -> str:
        """The URL of an empty database, or of one like another (its URL), which nobody may be using."""
        name = f"ledger_{next(NUMBERS)}"
        template = f" TEMPLATE {sqlalchemy.make_url(like).database}" if like else ""
        engine = sqlalchemy.create_engine(self._url("postgres"), isolation_level="AUTOCOMMIT", poolclass=sqlalchemy.pool.NullPool)
        with engine.connect() as connection:
            connection.exec_driver_sql(f"CREATE DATABASE {name}{template}")
        return self._url(name)

    @property
    def data(self) -> Path:
        return self.directory / "data"

    def _launch(self, again: bool = False) -> None:
        deadline = time.monotonic() + STARTED_WITHIN
        self.process = self._open_postgres()
        while self._run("pg_isready", "-q", "-h", str(self.directory)).returncode != 0:
            ended = self.process.poll() is not None
            if time.monotonic() > deadline or (ended and not again):
                raise RuntimeError(f"PostgreSQL did not start: {(self.directory / 'log').read_text()}")
            if ended:  # a process of the crashed one is still attached to its shared memory
                self.process = self._open_postgres()
            time.sleep(0.1)

    def _url(self, database: str) -> str:
        return f"postgresql+psycopg://leasehold@/{database}?host={self.directory}"

    def _as_user(self) -> dict:
        return {"user": self.user, "group": pwd.getpwnam(self.user).pw_gid, "extra_groups": []} if os.geteuid() == 0 else {}

    def _run(self, program: str, *arguments: str) -> subprocess.CompletedProcess:
        return subprocess.run([self.binaries / program, *arguments], capture_output=True, cwd=self.directory, check=False, **self._as_user())

    def _open_postgres(self) -> subprocess.Popen:
        options = ("-D", str(self.data), "-k", str(self.directory), *(f"-c{setting}" for setting in self.settings))
        with (self.directory / "log").open("ab") as log:
            return subprocess.Popen([self.binaries / "postgres", *options], stdout=log, stderr=log, cwd=self.directory, **self._as_user())
