# SPDX-License-Identifier: GPL-3.0-or-later
"""Buyers let loose on one ledger, some of them killed, and what has to be so afterwards."""

from __future__ import annotations

import collections
import json
import random
import signal
import time
from collections.abc import Callable
from pathlib import Path

import sqlalchemy

from ansible_collections.leasehold.cloud.plugins.module_utils.core.models import Datacenter
from ansible_collections.leasehold.cloud.plugins.module_utils.core.quotas import Limit
from ansible_collections.leasehold.cloud.plugins.module_utils.ledger import events, mirror, quotas
from ansible_collections.leasehold.cloud.plugins.module_utils.ledger.database import Ledger
from ansible_collections.leasehold.cloud.plugins.module_utils.ledger.schema import tables
from tests.benchmarks import big_site
from tests.contention import buyer, journal, watcher
from tests.contention.size import Size
from tests.unit.plugins.module_utils.ledger.books import PROCESSES

TICK = 0.05  # seconds


class Storm:
    """All buyers of one test and their watcher.

    :param crash: kills the database's server and starts it again; None where there is none to kill.
    """

    def __init__(self, url: str, size: Size, directory: Path, crash: Callable[[], None] | None = None):
        self.url = url
        self.size = size
        self.directory = directory
        self.crash = crash
        self.random = random.Random(size.seed)
        self.buyers: dict[str, object] = {}  # by name: those at work
        self.killed: list[str] = []
        self.crashed = 0
        self.seconds = 0.0

    def prepare(self) -> None:
        """The ledger, with the site in it, and a quota for one of the tenants."""
        path = self.directory / "datacenter.json"
        big_site.write(path, self.size.servers)
        with Ledger.open(self.url, "storm") as ledger, ledger.transaction() as tx:
            mirror.sync(tx, Datacenter.from_dict(json.loads(path.read_text())), "1")
            quotas.put(tx, watcher.LIMITED, [Limit(watcher.LIMITED, "servers", hard=self.size.quota)])
            tx.keep()

    def rage(self) -> None:
        """Start all, kill some, and wait until everything was ordered and given back."""
        start, stop = PROCESSES.Event(), PROCESSES.Event()
        watching = PROCESSES.Process(target=watcher.main, args=(self.url, self.size, self.directory, start, stop))
        watching.start()
        for number in range(self.size.processes):
            self._launch(f"b{number}", start)
        start.set()
        began = time.monotonic()
        try:
            self._watch_over(began + self.size.seconds)
        finally:
            for process in self.buyers.values():
                process.kill()
            self.seconds = time.monotonic() - began
            stop.set()
            watching.join(60)
        assert watching.exitcode == 0, "the watcher failed"

    def _launch(self, name: str, start=None, heir_of: str | None = None) -> None:
        process = PROCESSES.Process(target=buyer.main, args=(self.url, name, self.size, self.directory, start, heir_of))
        process.start()
        self.buyers[name] = process

    def _watch_over(self, deadline: float) -> None:
        """Kill buyers, and the server, whenever so many orders more have gone through; until the last one ends."""
        every = self.size.processes * self.size.orders
        kills = sorted(self.random.sample(range(every // 20, every * 3 // 4), self.size.kills))
        crashes = [every * (turn + 1) // (self.size.crashes + 2) for turn in range(self.size.crashes)] if self.crash else []
        while self.buyers:
            assert time.monotonic() < deadline, f"after {self.size.seconds} s still at work: {sorted(self.buyers)}"
            time.sleep(TICK)
            ordered = journal.claims(self.directory)
            if crashes and ordered >= crashes[0]:
                crashes.pop(0)
                self.crash()
                self.crashed += 1
            if kills and ordered >= kills[0]:
                kills.pop(0)
                self._kill()
            self._bury()

    def _kill(self) -> None:
        """One of the first buyers, whatever it is at; an heir takes over from it. Heirs are left alone."""
        name = self.random.choice(sorted(name for name in self.buyers if not name.endswith(buyer.HEIR)))
        process = self.buyers.pop(name)
        process.kill()
        process.join()
        assert process.exitcode == -signal.SIGKILL, f"{name} had ended with {process.exitcode}"
        self.killed.append(name)
        self._launch(name + buyer.HEIR, heir_of=name)

    def _bury(self) -> None:
        for name, process in list(self.buyers.items()):
            if not process.is_alive():
                assert process.exitcode == 0, f"{name} ended with {process.exitcode}; its standard error says why"
                del self.buyers[name]


def check(storm: Storm) -> dict[str, int]:
    """All that has to be so when the storm is over; how often what happened in it."""
    said = journal.read(storm.directory)
    assert journal.held_twice(said) == []
    assert journal.unfinished(said) == {}, "begun, and neither ended nor taken over"
    findings = (storm.directory / watcher.FINDINGS).read_text()
    assert findings == "", findings[:2000]
    with Ledger.open(storm.url, "judge") as ledger, ledger.reading() as tx:
        _check_drained(tx, storm.size)
        assert events.first_broken(tx) is None
        history = events.history(tx)
    _check_tokens(history)
    _check_turns(history)
    happened = collections.Counter(line["event"] for line in said)
    looks = (storm.directory / watcher.LOOKS).read_text().split()
    return dict(happened) | {"killed": len(storm.killed), "crashed": storm.crashed, "events": len(history), "looks": len(looks),
                             "most servers held": int(looks[-1])}


def _check_drained(tx, size: Size) -> None:
    """Nothing is held, everything can be had, every cluster has gone and no usage is open."""
    table = tables()
    assert tx.rows(sqlalchemy.select(table.claims)) == []
    assert {row.phase for row in tx.execute(sqlalchemy.select(table.clusters.c.phase))} == {"deleted"}
    assert {row.state for row in tx.execute(sqlalchemy.select(table.server_states.c.state))} == {"available"}
    names = {row.name for row in tx.execute(sqlalchemy.select(table.servers.c.name))}
    assert len(names) == size.servers
    assert {row.server for row in tx.execute(sqlalchemy.select(table.free_servers.c.server))} == names
    assert tx.rows(sqlalchemy.select(table.usage).where(table.usage.c.ends_at.is_(None))) == []


def _check_tokens(history: list[dict]) -> None:
    """Each run's token is higher than all before it, in the order of the events."""
    tokens = [event["after"]["token"] for event in history if event["action"] == "run_started"]
    assert tokens == sorted(set(tokens))


def _check_turns(history: list[dict]) -> None:
    """By the events, too, each resource is claimed and freed in turns, by one cluster each time."""
    holders: dict[str, str] = {}
    for event in history:
        subject = event["subject"]
        if event["action"] == "claimed":
            assert subject not in holders, f"event {event['id']}: {subject} is claimed while {holders[subject]} has it"
            holders[subject] = event["after"]["cluster"]
        elif event["action"] == "freed":
            assert holders.pop(subject) == event["before"]["cluster"], f"event {event['id']}"
    assert holders == {}
