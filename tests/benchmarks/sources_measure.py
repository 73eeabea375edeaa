# SPDX-License-Identifier: GPL-3.0-or-later
"""What is measured of sources of truth: wall and processor time, requests and bytes of what a client does, beside those of another."""

from __future__ import annotations

import dataclasses
import os
import time
from collections.abc import Callable, Iterable
from pathlib import Path

from ansible_collections.leasehold.cloud.plugins.module_utils.sources.protocol import Source
from tests.benchmarks.harness import Figure, Report

TICKS = os.sysconf("SC_CLK_TCK")


@dataclasses.dataclass(frozen=True)
class Spent:
    """What one read took. C(server) is the processor time of the web server's processes, where it is the tests' own."""

    seconds: float
    processor: float
    requests: int
    bytes: int
    server: float = 0.0


def measured(source: Source, work: Callable[[Source], object], web: int | None = None) -> Spent:
    """What a client spends on something."""
    before, spent, served, began = dict(source.cost), time.process_time(), processor(web), time.perf_counter()
    work(source)
    took = time.perf_counter() - began
    return Spent(took, time.process_time() - spent, source.cost["requests"] - before["requests"], source.cost["bytes"] - before["bytes"],
                 processor(web) - served)


def processor(web: int | None) -> float:
    """Seconds of processor time that a server and its workers took until now."""
    if web is None:
        return 0.0
    total = 0
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = stat.read_text().rpartition(")")[2].split()
        except OSError:  # it has ended
            continue
        if web in (int(fields[1]), int(stat.parent.name)):
            total += int(fields[11]) + int(fields[12])
    return total / TICKS


def told(report: Report, name: str, runs: list[Spent], against: str = "", theirs: Iterable[Spent] = (), budget: float | None = None) -> None:
    """Wall and processor time, requests and bytes of some runs, beside those of others."""
    theirs = list(theirs)
    report.add(
        Figure(name, "s", [run.seconds for run in runs], against or ("budget" if budget else ""), [run.seconds for run in theirs] or [budget] * bool(budget)))
    for what, unit, value in (("processor time of the client", "s", lambda run: run.processor), ("processor time of the server", "s", lambda run: run.server),
                              ("requests", "requests", lambda run: run.requests), ("answers", "MB", lambda run: run.bytes / 1e6)):
        if any(map(value, runs)):
            report.add(Figure(f"{name}: {what}", unit, list(map(value, runs)), against if theirs else "", list(map(value, theirs))))
