# SPDX-License-Identifier: GPL-3.0-or-later
"""What reading a source of truth costs, beside what users have today, against the same live server in one run (make bench-sources).

Nautobot is the tests' own. A NetBox is measured where LEASEHOLD_TEST_NETBOX_URL and LEASEHOLD_TEST_NETBOX_TOKEN lead to one, with
LEASEHOLD_BENCH_NETBOX_SITE in it. The inventory is measured over a file source: by then, nobody asks the source any more.
"""

from __future__ import annotations

import dataclasses
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable
from pathlib import Path

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT))

import httpx  # noqa: E402

from ansible_collections.leasehold.cloud.plugins.module_utils import syncing  # noqa: E402
from ansible_collections.leasehold.cloud.plugins.module_utils.core.mapping_file import Mapping  # noqa: E402
from ansible_collections.leasehold.cloud.plugins.module_utils.ledger.database import Ledger  # noqa: E402
from ansible_collections.leasehold.cloud.plugins.module_utils.sources import open_source  # noqa: E402
from ansible_collections.leasehold.cloud.plugins.module_utils.sources.protocol import Delta, Options, Source  # noqa: E402
from tests.benchmarks.harness import RUNS, Figure, Report  # noqa: E402
from tests.sources.center import center  # noqa: E402
from tests.sources.expected import MAPPING, as_file  # noqa: E402
from tests.sources.nautobot_server import Nautobot, Site  # noqa: E402

PEER = Path(__file__).parent / "sources_peers.py"
OURS = Mapping.from_dict(MAPPING)
LARGE = int(os.environ.get("LEASEHOLD_BENCH_LARGE", "10000"))  # servers; 0 leaves the large site out
SIZES = (100, 2_000, 10_000)  # hosts of inventories
COLD = 3.0  # seconds, for 2,000 servers on a NetBox with export templates
WARM = 1.0  # seconds, for 10,000 servers
FIFTH = 5  # ours cold is at most one in so many of the best that users have
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
    before, spent, served, began = dict(source.cost), time.process_time(), _processor(web), time.perf_counter()
    work(source)
    took = time.perf_counter() - began
    return Spent(took, time.process_time() - spent, source.cost["requests"] - before["requests"], source.cost["bytes"] - before["bytes"],
                 _processor(web) - served)


def _processor(web: int | None) -> float:
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


def nautobot(report: Report) -> None:
    """Ours and theirs on a real Nautobot."""
    with Nautobot() as server:
        report.say(f"Nautobot {server.version}: loading 2,000 servers")
        site = server.site(center(2_000, 48))
        _compared(report, server, site)
        if LARGE:
            site.stop()
            server.sites.remove(site)
            report.say(f"loading {LARGE:,} servers")
            _large(report, server.site(center(LARGE, 48)))


def _options(site: Site) -> Options:
    return Options(url=site.url, token=site.token, site=site.document["site"]["name"], mapping=OURS.values, timeout=600)


def _compared(report: Report, server: Nautobot, site: Site) -> None:
    source = open_source("nautobot", _options(site))
    name = "Nautobot, 2,000 servers: {}".format
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
    for count in counts:
        report.say(f"warm, {count} changes")
        runs = []
        for run in range(RUNS if count < 100 else 1):
            cursor = source.read().cursor
            _change(site, count, f"R{run}-{count}")
            runs.append(measured(source, lambda each, cursor=cursor: _followed(each.since(cursor), count), site.web))
        told(report, name(f"warm, {count} changes"), runs, budget=WARM if count < 100 else None)


def _followed(delta, count: int) -> None:
    if not isinstance(delta, Delta) or delta.empty == bool(count):
        raise SystemExit(f"{count} changes were not followed: {delta}")


def _change(site: Site, count: int, mark: str) -> None:
    """Give so many servers another serial number, as a script of an admin would."""
    headers = {"Authorization": f"Token {site.token}"}
    names = [device["name"] for device in site.document["devices"] if device["role"] == "server"][::max(1, 2_000 // count) if count else 1][:count]
    for start in range(0, len(names), 40):
        part = {"name": names[start:start + 40], "depth": 0, "exclude_m2m": "true", "limit": 100}
        rows = httpx.get(f"{site.url}/api/dcim/devices/", params=part, headers=headers, timeout=600).json()["results"]
        body = [{"id": row["id"], "serial": f"{mark}-{row['name']}"} for row in rows]
        httpx.patch(f"{site.url}/api/dcim/devices/", json=body, headers=headers, timeout=600).raise_for_status()


def _peer(server: Nautobot, site: Site, way: str) -> Spent:
    served = _processor(site.web)
    found = json.loads(subprocess.run(
        [server.python, PEER, way, site.url, site.document["site"]["name"]], env={"NAUTOBOT_TOKEN": site.token, "PATH": os.environ["PATH"]},
        capture_output=True, text=True, check=True).stdout)
    return Spent(found["seconds"], found["processor"], found["requests"], found["bytes"], _processor(site.web) - served)


def _large(report: Report, site: Site) -> None:
    source = open_source("nautobot", _options(site))
    source.setup("present", False)
    name = f"Nautobot, {LARGE:,} servers: {{}}".format
    told(report, name("cold by computed fields"), [measured(source, lambda each: each.read(), site.web)])
    _warm(report, name, source, site, (0, 10))
    with tempfile.TemporaryDirectory() as scratch, Ledger.open(f"sqlite:///{scratch}/ledger.db", "bench") as ledger:
        told(report, name("sync into an empty ledger"), [measured(source, lambda each: syncing.sync(ledger, each, OURS), site.web)])
        runs = []
        for run in range(RUNS):
            _change(site, 10, f"S{run}")
            runs.append(measured(open_source("nautobot", _options(site)), lambda each: syncing.sync(ledger, each, OURS), site.web))
        told(report, name("warm sync of the ledger, 10 changes"), runs, budget=WARM)


def netbox(report: Report) -> None:
    """Ours and C(netbox.netbox.nb_inventory) on a live NetBox that has a site with 2,000 servers."""
    options = Options(url=os.environ["LEASEHOLD_TEST_NETBOX_URL"], token=os.environ["LEASEHOLD_TEST_NETBOX_TOKEN"],
                      site=os.environ["LEASEHOLD_BENCH_NETBOX_SITE"], mapping=OURS.values, timeout=600)
    source = open_source("netbox", options)
    source.setup("present", False)
    devices = len(source.read().records.devices)
    name = f"NetBox, {devices:,} devices: {{}}".format
    rendered = [measured(source, lambda each: each.read()) for _run in range(RUNS)]
    told(report, name("cold by export templates"), rendered, budget=COLD)
    cursor = source.read().cursor
    told(report, name("warm, no changes"), [measured(source, lambda each: each.since(cursor)) for _run in range(RUNS)], budget=WARM)
    for interfaces in (False, True):
        report.say(f"nb_inventory, interfaces: {interfaces}: minutes")
        with tempfile.TemporaryDirectory() as scratch:
            config = Path(scratch) / "netbox.yml"
            config.write_text(json.dumps({"plugin": "netbox.netbox.nb_inventory", "api_endpoint": options.url, "token": options.token,
                                          "interfaces": interfaces, "query_filters": [{"site": options.site}], "validate_certs": False}))
            theirs = _listed(config)
        told(report, name(f"nb_inventory{', interfaces' if interfaces else ''}"), [theirs])


def inventory(report: Report) -> None:
    """C(ansible-inventory --list) over a ledger, beside a static inventory of the same hosts."""
    for size in SIZES:
        report.say(f"ansible-inventory --list, {size:,} servers")
        with tempfile.TemporaryDirectory() as scratch:
            ours, some, static = _inventories(Path(scratch), size)
            turns = [(_listed(ours), _listed(static), _listed(some)) for _run in range(RUNS)]  # in turns: what else the machine does, it does to all
        mine, theirs, few = zip(*turns, strict=True)
        name = f"ansible-inventory --list, {size:,} servers"
        told(report, name, list(mine), "a static YAML inventory", theirs)
        told(report, f"{name}: of one rack", list(few))


def _inventories(scratch: Path, size: int) -> tuple[Path, Path, Path]:
    """Ours, ours filtered, and a static one of what ours yields."""
    source = scratch / "source.json"
    source.write_text(json.dumps(as_file(center(size, 48))))
    url = f"sqlite:///{scratch}/ledger.db"
    with Ledger.open(url, "bench") as ledger:
        syncing.sync(ledger, open_source("file", Options(path=str(source))), OURS)
    ours, some, static = (scratch / name for name in ("all.datacenter.yml", "some.datacenter.yml", "static.yml"))
    ours.write_text(json.dumps({"plugin": "leasehold.cloud.datacenter", "ledger": url}))
    some.write_text(json.dumps({"plugin": "leasehold.cloud.datacenter", "ledger": url, "kinds": ["server"], "racks": ["r1"]}))
    static.write_text(_ansible(ours, "--yaml").stdout)
    return ours, some, static


def _ansible(config: Path, *options: str) -> subprocess.CompletedProcess:
    environment = {**os.environ, "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}
    return subprocess.run(["ansible-inventory", "-i", str(config), "--list", *options], env=environment, capture_output=True, text=True, check=True)


def _listed(config: Path) -> Spent:
    before, began = os.times(), time.perf_counter()
    size = len(_ansible(config).stdout)
    after = os.times()
    spent = after.children_user + after.children_system - before.children_user - before.children_system
    return Spent(time.perf_counter() - began, spent, 0, size)


PARTS: dict[str, Callable[[Report], None]] = {"nautobot": nautobot, "inventory": inventory, "netbox": netbox}


def main() -> None:
    wanted = sys.argv[1:] or [part for part in PARTS if part != "netbox" or "LEASEHOLD_BENCH_NETBOX_SITE" in os.environ]
    with Report("Sources of truth") as report:
        for part in wanted:
            PARTS[part](report)


if __name__ == "__main__":
    main()
