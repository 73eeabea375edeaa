# SPDX-License-Identifier: GPL-3.0-or-later
"""Processes that claim one server at a time from one ledger, as fast as they can."""

from __future__ import annotations

import time

from ansible_collections.leasehold.cloud.plugins.module_utils.core.errors import Unreachable
from tests.benchmarks.books import Books
from tests.unit.plugins.module_utils.ledger.books import PROCESSES

PATIENCE = 300  # seconds


def race(books: Books, contenders: int, orders: list[tuple[str, int, dict | None]]) -> float:
    """Claims per second.

    :param orders: each (cluster, token of its run, plan); without a plan each is planned first. They are dealt out.
    :raises RuntimeError: when a contender failed.
    """
    begin, times = PROCESSES.Barrier(contenders), PROCESSES.SimpleQueue()
    processes = [PROCESSES.Process(target=_contend, args=(books.url, orders[place::contenders], begin, times)) for place in range(contenders)]
    for process in processes:
        process.start()
    for process in processes:
        process.join(PATIENCE)
    if any(process.exitcode for process in processes):
        raise RuntimeError(f"contenders ended with {[process.exitcode for process in processes]}")
    measured = [times.get() for _process in processes]
    return len(orders) / (max(end for _begin, end in measured) - min(start for start, _end in measured))


def _contend(url: str, orders: list, begin, times) -> None:
    books = Books(url)
    for name, token, plan in orders[:1]:  # what the first use of a library costs is paid before
        _claim(books, name, token, plan)
        books.free(name)
    begin.wait(PATIENCE)
    began = time.monotonic()
    for name, token, plan in orders:
        _claim(books, name, token, plan)
    times.put((began, time.monotonic()))


def _claim(books: Books, name: str, token: int, plan: dict | None) -> None:
    """Claim it; and again where it did not get its turn to write in the time that the ledger gives it."""
    while True:
        try:
            books.claim(plan or books.plan(name, 1), token)
            return
        except Unreachable:
            continue
