# SPDX-License-Identifier: GPL-3.0-or-later
"""A real Nautobot of the tests' own: installed from PyPI, with a private PostgreSQL and Redis, served on loopback.

What takes long is done once: the environment by version in the cache directory, the empty database as a dump beside it.
Migrating an empty database takes Nautobot some six minutes of CPU time. Its tables are made from its models instead,
15 s: compared once with a migrated database of 3.2.7, columns, indexes and constraints are the same (but for the width
of two numbers), and of the rows that migrations leave behind, those that are missing (VPN profiles, cable types,
approval workflows) mean nothing here.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import httpx

from tests import postgres

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
WANTED = os.environ.get("LEASEHOLD_TEST_NAUTOBOT", "")  # such as nautobot==2.4.44, instead of the file's
SETTINGS = (*postgres.SETTINGS[:-1], "shared_buffers=256MB", "max_wal_size=2GB", "synchronous_commit=off")
STARTED_WITHIN = 600  # seconds; some on an idle machine
DATABASE = "nautobot_{}"
EMPTY = 1  # raise it when an empty database is made another way
PYTHONS = {"2": ((3, 10), (3, 12)), "3": ((3, 10), (3, 14))}  # the oldest and the newest that each Nautobot supports
REDIS = "redis-server", "redis-check-rdb"  # one program, by either name: Debian's redis-tools has the second alone, and no service


def cache() -> Path:
    """Where environments and dumps are kept: LEASEHOLD_CACHE, or .cache of the checkout."""
    return Path(os.environ.get("LEASEHOLD_CACHE", ROOT / ".cache")) / "nautobot"


class NoPython(Exception):
    """No Python is here that the wanted Nautobot supports, and none can be fetched; its text says which would be."""


def installed() -> Path:
    """The programs of an environment with Nautobot: installed if there is none with what is wanted.

    :raises NoPython: there is no Python for it.
    """
    uv = ROOT / ".cache" / "uv" / "bin" / "uv"
    uv = str(uv) if uv.exists() else "uv"
    python, version = _python(uv)
    wanted = (HERE / "requirements-nautobot.txt").read_text() + f"\n{WANTED}\n"
    key = hashlib.sha256(f"{wanted}{version}".encode()).hexdigest()[:12]
    home = cache() / f"env-{key}"
    cache().mkdir(parents=True, exist_ok=True)
    with (cache() / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # one of those that want the same at once makes it
        if not (home / "complete").exists():
            shutil.rmtree(home, ignore_errors=True)
            subprocess.run([uv, "venv", "--quiet", "--python", python, str(home)], check=True)
            packages = [WANTED, "gunicorn", "pynautobot"] if WANTED else ["-r", str(HERE / "requirements-nautobot.txt")]
            subprocess.run([uv, "pip", "install", "--quiet", "--python", str(home / "bin" / "python"), *packages], check=True)
            (home / "complete").touch()
    return home / "bin"


def _python(uv: str) -> tuple[str, tuple[int, int]]:
    """A Python that the wanted Nautobot supports, and its version: this one, else another of the machine, else one that uv fetches."""
    oldest, newest = PYTHONS["2" if WANTED.partition("==")[2].startswith("2.") else "3"]
    if oldest <= sys.version_info[:2] <= newest:
        return sys.executable, sys.version_info[:2]
    supported = f">={oldest[0]}.{oldest[1]},<{newest[0]}.{newest[1] + 1}"
    for prepare in (["find", "--system", "--no-python-downloads"], ["install"]):
        if subprocess.run([uv, "python", *prepare, supported], capture_output=True, check=False).returncode == 0:
            found = subprocess.run([uv, "python", "find", "--system", supported], capture_output=True, text=True, check=True).stdout.strip()
            version = subprocess.run([found, "-c", "import sys; print(*sys.version_info[:2])"], capture_output=True, text=True, check=True).stdout
            return found, tuple(map(int, version.split()))
    raise NoPython(f"Nautobot needs a Python {supported}: there is none here, and uv can fetch none")


class Console:
    """A process in Nautobot's environment that does what its API does not."""

    def __init__(self, python: Path, environment: dict, log: Path):
        self.process = subprocess.Popen(
            [python, HERE / "nautobot_console.py"], env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log.open("ab"), text=True)

    def __call__(self, command: str, **arguments):
        self.process.stdin.write(json.dumps([command, arguments]) + "\n")
        self.process.stdin.flush()
        answer = json.loads(self.process.stdout.readline() or '{"error": "the console ended, see its log"}')
        if "error" in answer:
            raise RuntimeError(answer["error"])
        return answer["result"]

    def close(self) -> None:
        self.process.stdin.close()
        self.process.terminate()
        self.process.wait()


class Site:
    """One database with a data centre in it, and Nautobot serving it. ``token`` is of a user who may do everything, ``web`` the server's first process."""

    def __init__(self, url: str, console: Console, document: dict):
        self.url, self.console, self.document = url, console, document
        self.token = ""
        self.web: int | None = None

    def stop(self) -> None:
        if self.web:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.web, signal.SIGTERM)
        self.console.close()


class Nautobot:
    """The servers that all sites share. ``with Nautobot() as nautobot: site = nautobot.site(document)``."""

    def __enter__(self) -> Nautobot:
        self.directory = Path(tempfile.mkdtemp(prefix="leasehold-nb-", dir="/tmp"))
        self.sites: list[Site] = []
        self.numbers = iter(range(1, 1000))
        with contextlib.ExitStack() as self._stack:  # what has begun is ended, should the rest fail
            self._stack.callback(shutil.rmtree, self.directory, ignore_errors=True)
            self._begin()
            self._stack = self._stack.pop_all()
        return self

    def _begin(self) -> None:
        self.bin = installed()
        self.python = self.bin / "python"
        self.version = subprocess.run(
            [self.python, "-c", "import importlib.metadata as m; print(m.version('nautobot'))"], capture_output=True, text=True, check=True).stdout.strip()
        self.database = postgres.Server(postgres.programs(), SETTINGS)
        self._stack.callback(self.database.stop)
        self.database.start()
        self._start_redis()
        self._empty()

    def __exit__(self, *_exception) -> None:
        try:
            for site in self.sites:
                site.stop()
        finally:
            self._stack.close()

    @property
    def log(self) -> Path:
        return self.directory / "log"

    def site(self, document: dict, workers: int = 2) -> Site:
        """A data centre in a database of its own, and Nautobot serving it."""
        name = DATABASE.format(next(self.numbers))
        self._tool("createdb", "-T", DATABASE.format("empty"), name)
        environment = self._environment(name)
        port = _free_port()
        console = Console(self.python, environment, self.log)
        site = Site(f"http://127.0.0.1:{port}", console, document)
        self.sites.append(site)
        console("load", document=document)
        site.token = console("token", user="admin")
        site.web = console("serve", port=port, workers=workers)
        self._await_answer(site)
        return site

    def _environment(self, database: str) -> dict:
        return {
            "PATH": f"{self.bin}:/usr/bin:/bin", "HOME": str(self.directory), "NAUTOBOT_ROOT": str(self.directory),
            "NAUTOBOT_CONFIG": str(HERE / "nautobot_config.py"), "NAUTOBOT_DB_NAME": database, "NAUTOBOT_DB_USER": "leasehold",
            "NAUTOBOT_DB_HOST": str(self.database.directory), "NAUTOBOT_REDIS_SCHEME": "unix", "NAUTOBOT_REDIS_HOST": str(self.directory / "redis.sock"),
            "PYTHONDONTWRITEBYTECODE": "1",
        }

    def _start_redis(self) -> None:
        program = next(filter(None, map(shutil.which, REDIS)), None)
        if not program:
            raise RuntimeError("Redis is missing: apt-get install redis-tools")
        redis = subprocess.Popen(
            [REDIS[0], "--port", "0", "--unixsocket", str(self.directory / "redis.sock"), "--save", "", "--appendonly", "no", "--dir", str(self.directory)],
            executable=program, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        self._stack.callback(redis.wait, 20)
        self._stack.callback(redis.terminate)
        _await((self.directory / "redis.sock").exists, "Redis", redis)

    def _empty(self) -> None:
        """A database as a new Nautobot has it: from the cache, or made and put there."""
        name = DATABASE.format("empty")
        dump = cache() / f"empty-{self.version}-{EMPTY}.dump"
        self._tool("createdb", name)
        if dump.exists():
            self._tool("pg_restore", "--no-owner", "-d", name, str(dump))
            return
        environment = self._environment(name)
        subprocess.run([self.bin / "nautobot-server", "migrate", "--run-syncdb"], env={**environment, "LEASEHOLD_TABLES_FROM_MODELS": "1"},
                       stdout=self.log.open("ab"), stderr=subprocess.STDOUT, check=True)
        console = Console(self.python, environment, self.log)
        console("defaults")
        console.close()
        part = dump.with_suffix(f".{os.getpid()}")
        self._tool("pg_dump", "-Fc", "-f", str(self.directory / "dump"), name)
        shutil.copy(self.directory / "dump", part)
        part.rename(dump)

    def _tool(self, program: str, *arguments: str) -> None:
        subprocess.run([self.database.binaries / program, "-h", str(self.database.directory), "-U", "leasehold", *arguments],
                       check=True, stdout=self.log.open("ab"), stderr=subprocess.STDOUT)

    def _await_answer(self, site: Site) -> None:
        def answers() -> bool:
            try:
                return httpx.post(f"{site.url}/api/graphql/", json={"query": "{locations{id}}"}, headers={"Authorization": f"Token {site.token}"},
                                  timeout=STARTED_WITHIN).status_code == 200
            except httpx.TransportError:
                return False

        _await(answers, "Nautobot", site.console.process)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def _await(there, what: str, process: subprocess.Popen) -> None:
    deadline = time.monotonic() + STARTED_WITHIN
    while not there():
        if process.poll() is not None or time.monotonic() > deadline:
            raise RuntimeError(f"{what} did not start")
        time.sleep(0.1)
