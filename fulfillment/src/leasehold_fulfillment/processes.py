# SPDX-License-Identifier: GPL-3.0-or-later
"""Ending a run's processes. Ansible's workers lead sessions of their own: whoever ends ansible-playbook alone orphans them."""

from __future__ import annotations

import os
import signal
import time
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path

KILLING = 5.0  # seconds
ENDED = "Z"  # state of a process that has ended and waits for its parent to take notice


@dataclass(frozen=True)
class Process:
    """A process that is told from a later one of the same number by when it started (clock ticks since boot)."""

    pid: int
    started: int

    @property
    def alive(self) -> bool:
        """Whether it still runs."""
        found = _read(self.pid)
        return found is not None and found[0] == self and found[2] != ENDED

    def send(self, number: signal.Signals) -> None:
        """Send it a signal, if it still runs."""
        try:
            if self.alive:
                os.kill(self.pid, number)
        except ProcessLookupError:
            return  # it has ended by itself, which is what was wanted


def tree(pid: int) -> list[Process]:
    """C(pid) and all processes below it, nearest first."""
    children = defaultdict(list)
    found = []
    for path in Path("/proc").glob("[0-9]*"):
        if (entry := _read(int(path.name))) is not None:
            process, parent, _started = entry
            children[parent].append(process)
            if process.pid == pid:
                found.append(process)
    for process in found:
        found.extend(children[process.pid])
    return found


def end(processes: list[Process], deadline: float) -> None:
    """Return when none of C(processes) runs any more; kill those that still do at C(deadline) (of C(time.monotonic)).

    One that the kernel does not end even then (it hangs in a device) is not waited for longer than :data:`KILLING`.
    """
    while any(process.alive for process in processes) and time.monotonic() < deadline + KILLING:
        if time.monotonic() >= deadline:
            for process in processes:
                process.send(signal.SIGKILL)
        time.sleep(0.02)


def _read(pid: int) -> tuple[Process, int, str] | None:
    """A process, its parent's number and its state, from /proc; None when there is none."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return None
    return Process(pid, int(fields[19])), int(fields[1]), fields[0]
