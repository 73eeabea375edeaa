# SPDX-License-Identifier: GPL-3.0-or-later
"""What the ledger costs in a large site, on SQLite and PostgreSQL, and how it grows (make bench-ledger)."""

from __future__ import annotations

import contextlib
import itertools
import os
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT))

from tests import postgres  # noqa: E402
from tests.benchmarks import contenders  # noqa: E402
from tests.benchmarks.books import DAY, Books, RowByRow, later, timed  # noqa: E402
from tests.benchmarks.harness import Figure, Report  # noqa: E402

SERVERS = 10_000
CLUSTERS = 1_000  # that hold half of the cpu servers when it is measured
GANG = 64
REPEAT = int(os.environ.get("LEASEHOLD_BENCH_REPEAT", "100"))
CONTENDERS = (1, 8, 32)
CONTENDED = 320  # claims of one server that the contenders share out
SIZES = tuple(int(size) for size in os.environ.get("LEASEHOLD_BENCH_SIZES", "1000,10000,100000").split(","))
DATABASES = os.environ.get("LEASEHOLD_BENCH_DATABASES", "sqlite,postgresql").split(",")
LARGE = 200  # servers of a cluster in a site that only grows
CLAIM_BUDGET = 0.050  # seconds, median
RATE_BUDGET = 200  # claims per second of one server, 32 contenders, PostgreSQL
GROWTH_BUDGET = 3  # times the cost in a site of a tenth


class Bench:
    """The figures of one database."""

    def __init__(self, report: Report, database: str, new_url: Callable[[], str]):
        self.report = report
        self.database = database
        self.new_url = new_url
        self.names = (f"new{number}" for number in itertools.count())

    def all(self) -> None:
        self.report.say(f"{self.database}: {SERVERS:,} servers, {CLUSTERS:,} clusters")
        books = self._books(SERVERS, CLUSTERS, SERVERS * 3 // 8 // CLUSTERS)
        self.gangs(books)
        self.reads(books)
        self.sweeps(books)
        self.contention(books)
        self.growth()

    def gangs(self, books: Books) -> None:
        """Plan, claim and release of 64 servers, beside one transaction per server."""
        ours = self._lives(books, REPEAT)
        plain = RowByRow(books)
        theirs: dict[str, list[float]] = {"claim": [], "release": []}
        for _turn in range(REPEAT):
            theirs["claim"].append(timed(lambda: plain.claim("plain", GANG)))
            theirs["release"].append(timed(lambda: plain.free("plain")))
        self._add(f"plan of {GANG}", ours["plan"])
        self._add(f"claim of {GANG}", ours["claim"], "row by row", theirs["claim"])
        self._figure(f"claim of {GANG}: p50 beside its budget", "s", ours["claim"], "budget", [CLAIM_BUDGET])
        self._add(f"release of {GANG}", ours["release"], "row by row", theirs["release"])

    def reads(self, books: Books) -> None:
        """What clusters hold, told for one and for all."""
        one = [timed(lambda: books.describe("old7")) for _turn in range(REPEAT)]
        every = [timed(books.describe) for _turn in range(max(3, REPEAT // 10))]
        self._add("claim_info of one cluster", one)
        self._add(f"claim_info of {CLUSTERS:,} clusters", every, "one by one", [seconds * CLUSTERS for seconds in one])

    def sweeps(self, books: Books) -> None:
        """A sweep of leases of which a quarter has ended and a quarter ends within a day; rolled back, so that each finds the same to do."""
        seconds = [timed(books.sweep) for _turn in range(max(10, REPEAT // 2))]
        one = [timed(lambda: books.describe("old7")) for _turn in range(10)]
        self._add(f"sweep of {CLUSTERS:,} leases, half with something to do", seconds, "reading them one by one", [each * CLUSTERS for each in one])

    def contention(self, books: Books) -> None:
        """Claims of one server each: with plans made before, and planned on the spot, where all want the same server first."""
        orders = []
        for _order in range(CONTENDED):
            name = next(self.names)
            token = books.begin(name)
            plan = books.plan(name, 1)
            orders.append((name, token, books.claim(plan, token)))
        for how, ready in (("claims", orders), ("plans and claims", [(name, token, None) for name, token, _plan in orders])):
            for number in CONTENDERS:
                self._free(books, orders)
                rate = contenders.race(books, number, ready)
                budgeted = number == max(CONTENDERS) and how == "claims"
                self._figure(f"{how} of one server, {number} contenders", "per s", [rate], *(("budget", [RATE_BUDGET]) if budgeted else ()))
        self._free(books, orders)

    def growth(self) -> None:
        """The same work in sites ten times as large, half held."""
        smaller: dict[str, list[float]] = {}
        for size in SIZES:
            self.report.say(f"{self.database}: {size:,} servers")
            books = self._books(size, size * 3 // 8 // LARGE, LARGE)
            measured = self._lives(books, max(5, REPEAT // 5))
            measured["claim_info of one"] = [timed(lambda: books.describe("old0")) for _turn in range(max(5, REPEAT // 5))]
            for what, seconds in measured.items():
                beside = (f"among {size // 10:,}", smaller[what]) if what in smaller else ()
                self._figure(f"{what} among {size:,} servers", "s", seconds, *beside)
            smaller = measured

    def _books(self, size: int, clusters: int, each: int) -> Books:
        books = Books(self.new_url())
        books.sync(size)
        ends = [later(books.ledger, days * DAY) for days in (-0.1, 0.5, 30, 60)]
        books.fill(clusters, each, lambda index: ends[index % len(ends)])
        return books

    def _lives(self, books: Books, turns: int) -> dict[str, list[float]]:
        """Clusters of 64 servers that are planned, claimed, wiped and freed: the seconds of each part."""
        took: dict[str, list[float]] = {"plan": [], "claim": [], "release": []}
        for turn in range(turns + 1):
            name = next(self.names)
            began = time.perf_counter()
            plan = books.plan(name, GANG)
            planned = time.perf_counter() - began
            token = books.begin(name)
            claimed = timed(lambda plan=plan, token=token: books.claim(plan, token))
            books.move(name, token, [server["name"] for server in plan["servers"]], ("releasing", "cleaning", "available"))
            freed = timed(lambda name=name: books.free(name))
            if turn:  # the first pays for caches
                for what, seconds in zip(took, (planned, claimed, freed), strict=True):
                    took[what].append(seconds)
        return took

    def _free(self, books: Books, orders: list[tuple]) -> None:
        for name, _token, _plan in orders:
            books.free(name)

    def _add(self, name: str, seconds: list[float], against: str = "", theirs: list[float] | None = None) -> None:
        for title, quantile in (("p50", 0.5), ("p99", 0.99)):
            self._figure(f"{name}: {title}", "s", seconds, against, theirs or [], quantile)

    def _figure(self, name: str, *values) -> None:
        self.report.add(Figure(f"{self.database}: {name}", *values))


@contextlib.contextmanager
def _postgresql() -> Iterator[Callable[[], str]]:
    server = postgres.Server(postgres.programs(), postgres.DURABLE)
    try:
        server.start()
        yield server.new_database
    finally:
        server.stop()


def main() -> int:
    began = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="leasehold-bench-") as directory, Report("What the ledger costs") as report:
        numbers = itertools.count()
        if "sqlite" in DATABASES:
            Bench(report, "SQLite", lambda: f"sqlite:///{directory}/ledger{next(numbers)}.db").all()
        if "postgresql" in DATABASES:
            with _postgresql() as new_database:
                Bench(report, "PostgreSQL", new_database).all()
        report.say(f"{time.monotonic() - began:.0f} s in all; load average {os.getloadavg()[0]:.1f}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
