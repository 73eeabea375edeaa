"""Processes of the lab: started detached, remembered on disk, ended by their id and never by name."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import time
from pathlib import Path


class ProcessError(RuntimeError):
    """A process of the lab did not start; the message holds the end of its log."""


class Processes:
    """The processes whose records lie in ``directory`` (one JSON file each; logs beside it in ``log/``)."""

    def __init__(self, directory: Path):
        self.records = directory / "pids"
        self.logs = directory / "log"
        for folder in (self.records, self.logs):
            folder.mkdir(parents=True, exist_ok=True)

    @classmethod
    def recorded_in(cls, directory: Path) -> Processes:
        """The processes recorded in ``directory``/pids, of which no logs are asked for."""
        processes = cls.__new__(cls)
        processes.records, processes.logs = directory / "pids", directory
        return processes

    def start(self, name: str, argv: list[str], env: dict[str, str] | None = None, cwd: Path | None = None) -> int:
        """Start ``argv`` in a session of its own, output to ``log/<name>.log``. Already running: left as it is."""
        if self.alive(name):
            return self._record(name)["pid"]
        with open(self.logs / f"{name}.log", "ab") as log:
            child = subprocess.Popen(
                argv, env={**os.environ, **(env or {})}, cwd=cwd, stdin=subprocess.DEVNULL,
                stdout=log, stderr=log, start_new_session=True,
            )
        record = {"pid": child.pid, "started": start_time(child.pid), "argv": argv}
        (self.records / f"{name}.json").write_text(json.dumps(record))
        return child.pid

    def alive(self, name: str) -> bool:
        record = self._record(name)
        return bool(record) and start_time(record["pid"]) == record["started"]

    def names(self) -> list[str]:
        return sorted(path.stem for path in self.records.glob("*.json"))

    def stop(self, name: str, grace: float = 3.0) -> None:
        """End a process: SIGTERM, and SIGKILL after ``grace`` seconds (0: SIGKILL at once)."""
        if self.alive(name):
            pid = self._record(name)["pid"]
            os.kill(pid, signal.SIGTERM if grace else signal.SIGKILL)
            deadline = time.monotonic() + grace
            while self.alive(name) and time.monotonic() < deadline:
                time.sleep(0.02)
            if self.alive(name):
                os.kill(pid, signal.SIGKILL)
            while self.alive(name):
                time.sleep(0.02)
        (self.records / f"{name}.json").unlink(missing_ok=True)

    def stop_all(self, names: list[str], grace: float = 3.0) -> None:
        """End many processes together: all get the signal before the first is waited for."""
        if grace:
            for name in filter(self.alive, names):
                os.kill(self._record(name)["pid"], signal.SIGTERM)
        deadline = time.monotonic() + grace
        while any(map(self.alive, names)) and time.monotonic() < deadline:
            time.sleep(0.02)
        for name in filter(self.alive, names):
            os.kill(self._record(name)["pid"], signal.SIGKILL)
        for name in names:
            self.stop(name, grace=0)

    def log_tail(self, name: str, lines: int = 15) -> str:
        path = self.logs / f"{name}.log"
        return "\n".join(path.read_text(errors="replace").splitlines()[-lines:]) if path.exists() else ""

    def wait_until(self, name: str, ready, timeout: float, what: str) -> None:
        """Wait until ``ready()`` is true while ``name`` lives.

        :raises ProcessError: it died, or ``timeout`` seconds passed; with the end of its log.
        """
        deadline = time.monotonic() + timeout
        while not ready():
            if not self.alive(name):
                raise ProcessError(f"{name} ended while waiting for {what}:\n{self.log_tail(name)}")
            if time.monotonic() > deadline:
                raise ProcessError(f"{name}: no {what} within {timeout:.0f} s:\n{self.log_tail(name)}")
            time.sleep(0.05)

    def _record(self, name: str) -> dict:
        path = self.records / f"{name}.json"
        return json.loads(path.read_text()) if path.exists() else {}


def answers(address: str, port: int) -> bool:
    """Whether something accepts TCP connections there."""
    with socket.socket() as probe:
        return probe.connect_ex((address, port)) == 0


def start_time(pid: int) -> str | None:
    """The kernel's start time of a process, or None when it is gone or a zombie (proc(5), /proc/pid/stat)."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return None
    fields = stat.rpartition(")")[2].split()
    if fields[0] == "Z":
        try:
            os.waitpid(pid, os.WNOHANG)
        except ChildProcessError:
            return None
        return None
    return fields[19]
