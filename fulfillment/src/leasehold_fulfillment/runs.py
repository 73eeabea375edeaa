# SPDX-License-Identifier: GPL-3.0-or-later
"""The directories of runs: one each, private, locked while in use, the oldest removed."""

from __future__ import annotations

import fcntl
import json
import os
import re
import secrets
import shutil
from datetime import UTC, datetime
from pathlib import Path

from leasehold_fulfillment.orders import Order

LOCK = "lock"
ANSI = re.compile(r"\x1b\[[0-9;]*[A-Za-z]")  # colours and cursor movements
UNSAFE = re.compile(r"[^A-Za-z0-9-]+")


class RunDirectory:
    """A run's private directory (mode 0700), as ansible-runner lays it out. Locked until :meth:`release`."""

    def __init__(self, state_dir: Path, order: Order, operation: str):
        """Create it under C(<state_dir>/runs) and write the order into it."""
        runs = state_dir / "runs"
        runs.mkdir(parents=True, exist_ok=True, mode=0o700)
        stamp = datetime.now(UTC).strftime("%Y%m%dT%H%M%S.%f")  # microseconds: names sort by age, and the oldest go first
        name = UNSAFE.sub("-", order.name)[:40] or "all"
        self.run = f"{stamp}-{name}-{operation}-{secrets.token_hex(3)}"
        self.path = runs / self.run
        self.path.mkdir(mode=0o700)
        self._lock = os.open(self.path / LOCK, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
        fcntl.flock(self._lock, fcntl.LOCK_EX)
        env = self.path / "env"
        env.mkdir(mode=0o700)
        _write(env / "extravars", order.variables)
        self._log = os.fdopen(os.open(self.log, os.O_CREAT | os.O_WRONLY | os.O_APPEND, 0o600), "a", encoding="utf-8")

    @property
    def log(self) -> Path:
        """Where ansible-playbook's output is kept."""
        return self.path / "log"

    def append_log(self, text: str) -> None:
        """Add a piece of output to the log."""
        if text:
            self._log.write(ANSI.sub("", text).replace("\r", "") + "\n")
            self._log.flush()

    def write_settings(self, settings: dict) -> None:
        """Runner's own settings. It takes them from this file only when it writes no other file of C(env)."""
        _write(self.path / "env" / "settings", settings)

    def release(self) -> None:
        """The run is over: others may remove the directory when it is old."""
        self._log.close()
        os.close(self._lock)


def rotate(state_dir: Path, keep: int) -> list[str]:
    """Remove the oldest runs beyond C(keep), but none that is in use.

    :returns: the names of the removed ones.
    """
    ended = sorted((path for path in (state_dir / "runs").glob("*") if (path / LOCK).exists()), reverse=True)[keep:]
    removed = []
    for path in ended:
        with (path / LOCK).open("r+") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                continue  # at work
            shutil.rmtree(path)
            removed.append(path.name)
    return removed


def _write(path: Path, content: dict) -> None:
    with os.fdopen(os.open(path, os.O_CREAT | os.O_WRONLY | os.O_EXCL, 0o600), "w", encoding="utf-8") as file:
        json.dump(content, file, default=str)
