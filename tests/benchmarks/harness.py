# SPDX-License-Identifier: GPL-3.0-or-later
"""What every benchmark shares: medians, one JSON line per figure, a table for people, playbooks run and counted."""

from __future__ import annotations

import dataclasses
import json
import math
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TextIO

from rich.console import Console
from rich.table import Table

CALLBACKS = Path(__file__).parent / "callbacks"
RUNS = int(os.environ.get("LEASEHOLD_BENCH_RUNS", "3"))


@dataclasses.dataclass(frozen=True)
class Figure:
    """A measured value beside what it is measured against.

    :param value: of each run, in C(unit); so is C(against_value).
    :param against: what the other value is of; empty when there is none.
    :param quantile: of the runs' values, and of what they are against: the median unless said otherwise.
    """

    name: str
    unit: str
    value: Sequence[float]
    against: str = ""
    against_value: Sequence[float] = ()
    quantile: float = 0.5

    def as_dict(self) -> dict:
        """The figure's JSON line: medians (or another quantile), and their ratio, value by against_value."""
        value = _quantile(self.value, self.quantile)
        other = _quantile(self.against_value, self.quantile) if self.against_value else None
        return {
            "name": self.name, "value": round(value, 4), "unit": self.unit, "against": self.against or None,
            "against_value": None if other is None else round(other, 4), "ratio": round(value / other, 3) if other else None,
            "runs": len(self.value),
        }


def _quantile(values: Sequence[float], quantile: float) -> float:
    """The median, or the smallest value that so large a share of the values do not exceed."""
    if quantile == 0.5:
        return statistics.median(values)
    return sorted(values)[max(0, math.ceil(quantile * len(values)) - 1)]


class Report:
    """Figures as they are measured: each a JSON line on stdout at once, all of them a table on stderr at the end (use C(with))."""

    def __init__(self, title: str, lines: TextIO | None = None, people: TextIO | None = None):
        self._title = title
        self._lines = lines or sys.stdout
        self._console = Console(file=people or sys.stderr)
        self._figures: list[Figure] = []

    def __enter__(self) -> Report:
        return self

    def __exit__(self, *_) -> None:
        self._console.print(self._table())

    def add(self, figure: Figure) -> None:
        """Report a figure."""
        self._figures.append(figure)
        self._lines.write(json.dumps(figure.as_dict()) + "\n")
        self._lines.flush()

    def say(self, message: str) -> None:
        """Tell people what is being measured."""
        self._console.print(message, style="dim", markup=False)

    def _table(self) -> Table:
        table = Table(title=self._title)
        for heading, justify in (("figure", "left"), ("value", "right"), ("against", "left"), ("its value", "right"), ("ratio", "right"), ("spread", "right")):
            table.add_column(heading, justify=justify)
        for figure in self._figures:
            line = figure.as_dict()
            other = "" if line["against_value"] is None else f"{line['against_value']:g} {figure.unit}"
            ratio = "" if line["ratio"] is None else f"{line['ratio']:g} ×"
            spread = f"{min(figure.value):.3g} – {max(figure.value):.3g}" if len(figure.value) > 1 else ""
            table.add_row(figure.name, f"{line['value']:g} {figure.unit}", figure.against, other, ratio, spread)
        return table


def seconds(work: Callable[[], object], runs: int = RUNS, before: Callable[[], object] | None = None) -> list[float]:
    """How long C(work) took in each of C(runs).

    :param before: done before each run, not measured.
    """
    measured = []
    for _turn in range(runs):
        if before:
            before()
        began = time.perf_counter()
        work()
        measured.append(time.perf_counter() - began)
    return measured


class PlaybookFailed(Exception):
    """A playbook that was to be measured failed; the text is the end of its output."""


@dataclasses.dataclass(frozen=True)
class Played:
    """A playbook that ran.

    :param processor: seconds of processor time, of Ansible and all that it started.
    :param executed: executions of tasks by action: one per result and host, in a loop one per item.
    """

    seconds: float
    processor: float
    executed: dict[str, int]
    skipped: dict[str, int]

    @property
    def executions(self) -> int:
        """All executions, those of includes too, skipped ones not."""
        return sum(self.executed.values())


def play(playbook: str, *options: str, environment: Mapping[str, str] | None = None, directory: Path | None = None) -> Played:
    """Run C(ansible-playbook PLAYBOOK OPTIONS), the one beside this Python, and count its tasks.

    :raises PlaybookFailed: when it ends with anything but 0.
    """
    command = [str(Path(sys.executable).parent / "ansible-playbook"), playbook, *options]
    with tempfile.TemporaryDirectory() as scratch:
        counted = Path(scratch) / "executions.json"
        variables = {
            **os.environ, "ANSIBLE_CALLBACK_PLUGINS": str(CALLBACKS), "ANSIBLE_CALLBACKS_ENABLED": "executions",
            "LEASEHOLD_EXECUTIONS": str(counted), "ANSIBLE_NOCOLOR": "1", **(environment or {}),
        }
        began, spent = time.perf_counter(), _processor_of_children()
        done = subprocess.run(command, env=variables, cwd=directory, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
        elapsed = time.perf_counter() - began
        if done.returncode:
            raise PlaybookFailed(f"{' '.join(command)} ended with {done.returncode}:\n{done.stdout[-3000:]}")
        return Played(elapsed, _processor_of_children() - spent, **json.loads(counted.read_text(encoding="utf-8")))


def _processor_of_children() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime
