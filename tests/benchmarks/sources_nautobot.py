# SPDX-License-Identifier: GPL-3.0-or-later
"""Ours and pynautobot on a real Nautobot of the tests' own, with 2,000 servers; ours alone with LEASEHOLD_BENCH_LARGE (10,000; 0 leaves it out)."""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import tempfile
from collections.abc import Callable, Iterable
from pathlib import Path

import httpx

from ansible_collections.leasehold.cloud.plugins.module_utils import syncing
from ansible_collections.leasehold.cloud.plugins.module_utils.core.mapping_file import Mapping
from ansible_collections.leasehold.cloud.plugins.module_utils.ledger.database import Ledger
from ansible_collections.leasehold.cloud.plugins.module_utils.sources import open_source
from ansible_collections.leasehold.cloud.plugins.module_utils.sources.protocol import Delta, Gap, Options, Source
from tests.benchmarks.harness import RUNS, Figure, Report
from tests.benchmarks.sources_measure import Spent, measured, processor, told
from tests.sources.center import center
from tests.sources.expected import MAPPING
from tests.sources.nautobot_server import Nautobot, Site

PEER = Path(__file__).parent / "sources_peers.py"
OURS = Mapping.from_dict(MAPPING)
SERVERS = int(os.environ.get("LEASEHOLD_BENCH_SERVERS", "2000"))
LARGE = int(os.environ.get("LEASEHOLD_BENCH_LARGE", "10000"))
WARM = 1.0  # seconds, for 10,000 servers
FIFTH = 5  # ours cold is at most one in so many of the best that users have
PER_RACK = 48
MANY = 100  # changes, from which on it may be faster to read all


def nautobot(report: Report) -> None:
    """Ours and theirs."""
    with Nautobot() as server:
        report.say(f"Nautobot {server.version}: loading {SERVERS:,} servers")
        _compared(report, server, server.site(center(SERVERS, PER_RACK)))


def nautobot_large(report: Report) -> None:
    """Ours alone, on a large site."""
    if LARGE:
        with Nautobot() as server:
            report.say(f"Nautobot {server.version}: loading {LARGE:,} servers")
            _large(report, server.site(center(LARGE, PER_RACK)))


def _options(site: Site) -> Options:
    return Options(url=site.url, token=site.token, site=site.document["site"]["name"], mapping=OURS.values, timeout=600)


def _compared(report: Report, server: Nautobot, site: Site) -> None:
    source = open_source("nautobot", _options(site))
    name = f"Nautobot, {SERVERS:,} servers: {{}}".format
    report.say("cold, without setup")
    flat = [measured(source, lambda each: each.read(), site.web) for _run in range(RUNS)]
    source.setup("present", False)
    report.say("cold, with setup")
    rendered = [measured(source, lambda each: each.read(), site.web) for _run in range(RUNS)]
    theirs = {}
    for way in ("rest", "graphql"):
        report.say(f"pynautobot, {way}: minutes")
        theirs[way] = [_peer(server, site, way)]
    best = min(theirs, key=lambda way: theirs[way][0].seconds)
    told(report, name("cold by computed fields"), rendered, f"pynautobot, {best}", theirs[best])
    told(report, name("cold by flat GraphQL (no setup)"), flat, f"pynautobot, {best}", theirs[best])
    for way, runs in theirs.items():
        told(report, name(f"pynautobot, {way}"), runs)
    ratio = statistics.median(run.seconds for run in rendered) / theirs[best][0].seconds
    report.add(Figure(name("cold, part of the best that users have"), "", [ratio], "budget", [1 / FIFTH]))
    _warm(report, name, source, site, (0, 10, 1_000))


def _warm(report: Report, name: Callable[[str], str], source: Source, site: Site, counts: Iterable[int]) -> None:
    """A read after so many changes: warm, or, where they are so many that the client thinks it faster, cold."""
    for count in counts:
        report.say(f"{count:,} changes")
        runs, ways = [], set()
        for run in range(RUNS if count < MANY else 1):
            cursor = source.read().cursor
            _change(site, count, f"R{run}-{count}")
            runs.append(measured(source, lambda each, cursor=cursor: ways.add(_follow(each, cursor, count)), site.web))
        told(report, name(f"{' and '.join(sorted(ways))}, {count:,} changes"), runs, budget=WARM if count < MANY else None)


def _follow(source: Source, cursor: dict, count: int) -> str:
    delta = source.since(cursor)
    if isinstance(delta, Delta) and delta.empty != bool(count):
        return "warm"
    if not isinstance(delta, Gap) or count < MANY:
        raise SystemExit(f"{count} changes were not followed: {delta}")
    source.read()
    return "cold"


def _change(site: Site, count: int, mark: str) -> None:
    """Give so many servers another serial number, as a script of an admin would."""
    headers = {"Authorization": f"Token {site.token}"}
    names = [device["name"] for device in site.document["devices"] if device["role"] == "server"][::max(1, SERVERS // count) if count else 1][:count]
    for start in range(0, len(names), 40):
        part = {"name": names[start:start + 40], "depth": 0, "exclude_m2m": "true", "limit": 100}
        rows = httpx.get(f"{site.url}/api/dcim/devices/", params=part, headers=headers, timeout=600).json()["results"]
        body = [{"id": row["id"], "serial": f"{mark}-{row['name']}"} for row in rows]
        httpx.patch(f"{site.url}/api/dcim/devices/", json=body, headers=headers, timeout=600).raise_for_status()


def _peer(server: Nautobot, site: Site, way: str) -> Spent:
    served = processor(site.web)
    found = json.loads(subprocess.run(
        [server.python, PEER, way, site.url, site.document["site"]["name"]], env={"NAUTOBOT_TOKEN": site.token, "PATH": os.environ["PATH"]},
        capture_output=True, text=True, check=True).stdout)
    return Spent(found["seconds"], found["processor"], found["requests"], found["bytes"], processor(site.web) - served)


def _large(report: Report, site: Site) -> None:
    source = open_source("nautobot", _options(site))
    source.setup("present", False)
    name = f"Nautobot, {LARGE:,} servers: {{}}".format
    told(report, name("cold by computed fields"), [measured(source, lambda each: each.read(), site.web)])
    _warm(report, name, source, site, (0, 10, 1_000))
    with tempfile.TemporaryDirectory() as scratch, Ledger.open(f"sqlite:///{scratch}/ledger.db", "bench") as ledger:
        told(report, name("sync into an empty ledger"), [measured(source, lambda each: syncing.sync(ledger, each, OURS), site.web)])
        runs = []
        for run in range(RUNS):
            _change(site, 10, f"S{run}")
            runs.append(measured(open_source("nautobot", _options(site)), lambda each: syncing.sync(ledger, each, OURS), site.web))
        told(report, name("warm sync of the ledger, 10 changes"), runs, budget=WARM)
