"""Playbook runs that are watched as they go: waited for, let end, or killed with all their processes at a given task."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import threading
import time
from pathlib import Path

from tests.conftest import Played, Site

PATIENCE = 180  # seconds that any run may take here


class Run:
    """One ansible-playbook at work; both of its streams are read as it writes them."""

    def __init__(self, site: Site, playbook: str, order: dict, *options: str):
        self.process = site.start(playbook, order, *options)
        self.lines: list[str] = []
        self._news = threading.Condition()
        self._readers = [threading.Thread(target=self._read, args=(stream,), daemon=True)
                         for stream in (self.process.stdout, self.process.stderr)]
        for reader in self._readers:
            reader.start()

    def until(self, text: str) -> Run:
        """Wait for a line with this text."""
        with self._news:
            told = self._news.wait_for(lambda: self._told(text) or not self._reading, timeout=PATIENCE)
        assert told and self._told(text), f"never said {text!r}:\n{self.output[-6000:]}"
        return self

    def end(self) -> Played:
        """Let it end; killed when it does not in time."""
        try:
            self.process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            self.kill()
            self.lines.append(f"killed by the tests: still running after {PATIENCE} s\n")
        for reader in self._readers:
            reader.join(10)
        return Played(subprocess.CompletedProcess(self.process.args, self.process.returncode, self.output, ""))

    def kill(self) -> None:
        """End the process and all that it has started, at once, as a lost power supply would."""
        left = [self.process.pid]
        while left:
            for pid in left:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGSTOP)  # so that it starts no more while its children are looked for
            born = _children_of(left)
            for pid in left:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            left = born
        self.process.wait(20)

    @property
    def output(self) -> str:
        return "".join(self.lines)

    @property
    def last_task(self) -> str:
        """The name of the task that was under way at the last."""
        headers = [line for line in self.lines if line.startswith("TASK [")]
        return headers[-1].removeprefix("TASK [").rpartition("]")[0].rpartition(" : ")[2] if headers else ""

    @property
    def _reading(self) -> bool:
        return any(reader.is_alive() for reader in self._readers)

    def _told(self, text: str) -> bool:
        return any(text in line for line in self.lines)

    def _read(self, stream) -> None:
        for line in stream:
            with self._news:
                self.lines.append(line)
                self._news.notify_all()
        with self._news:
            self._news.notify_all()


def killed_at(site: Site, playbook: str, order: dict, task: str, after: float = 0) -> Run:
    """Run until the task is named in the output, a moment longer, and kill it there."""
    run = Run(site, playbook, order).until(f" : {task}]")
    time.sleep(after)
    run.kill()
    assert run.process.returncode == -signal.SIGKILL, run.output[-4000:]
    assert run.last_task == task, f"died in {run.last_task!r} instead of {task!r}"
    return run


def _children_of(parents: list[int]) -> list[int]:
    found = []
    for entry in Path("/proc").iterdir():
        with contextlib.suppress(FileNotFoundError, ProcessLookupError):
            if entry.name.isdigit() and int((entry / "stat").read_text().rpartition(")")[2].split()[1]) in parents:
                found.append(int(entry.name))
    return found
