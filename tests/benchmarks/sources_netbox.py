# SPDX-License-Identifier: GPL-3.0-or-later
"""Ours and C(netbox.netbox.nb_inventory) on a live NetBox that has large sites already: what is measured here, nobody loads by its API.

LEASEHOLD_TEST_NETBOX_URL and LEASEHOLD_TEST_NETBOX_TOKEN (of an admin) lead to it; LEASEHOLD_BENCH_NETBOX_SITE is the slug of a site with some 2,000 servers,
LEASEHOLD_BENCH_NETBOX_LARGE of one with some 10,000. LEASEHOLD_BENCH_ANSIBLE is the directory of an C(ansible-inventory) that has C(netbox.netbox) and
C(pytz), where this environment has not. Serial numbers of servers there are changed, and changed back.
"""

from __future__ import annotations

import contextlib
import json
import os
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx

from ansible_collections.leasehold.cloud.plugins.module_utils import syncing
from ansible_collections.leasehold.cloud.plugins.module_utils.core.errors import InvalidSource
from ansible_collections.leasehold.cloud.plugins.module_utils.core.mapping_file import Mapping
from ansible_collections.leasehold.cloud.plugins.module_utils.core.records import Device
from ansible_collections.leasehold.cloud.plugins.module_utils.ledger.database import Ledger
from ansible_collections.leasehold.cloud.plugins.module_utils.sources.netbox import NetBoxSource
from ansible_collections.leasehold.cloud.plugins.module_utils.sources.protocol import Delta, Gap, Options
from tests.benchmarks.harness import RUNS, Figure, Report, play
from tests.benchmarks.sources_inventory import listed
from tests.benchmarks.sources_measure import Spent, measured, told
from tests.sources.proxy import Proxy

COLD = 3.0  # seconds, for 2,000 servers with export templates
WARM = 1.0  # seconds, for 10,000 servers
BULK = 50  # devices of one change
POOLS = {  # whatever the site's VLANs and prefixes are: what is measured are its devices
    "vlan_pools": {"bench": "3000-3999"}, "prefix_pools": {"bench": {"prefix": "100.127.0.0/16", "length": 24}}, "quarantine_vlan": 4000,
}
MAPPING = Mapping.from_dict(POOLS)
BARE = str(Path(__file__).parent / "plays" / "bare.yml")


class Site:
    """A site of the NetBox, and a change of its servers."""

    def __init__(self, slug: str):
        url, token = os.environ["LEASEHOLD_TEST_NETBOX_URL"], os.environ["LEASEHOLD_TEST_NETBOX_TOKEN"]
        self.options = Options(url=url, token=token, site=slug, mapping=MAPPING.values, timeout=600)
        self.http = httpx.Client(base_url=url, timeout=600, headers={"Authorization": f"{'Bearer' if token.startswith('nbt_') else 'Token'} {token}"})
        self.source().setup("present", False)
        records = self.source().read().records
        self.servers: list[Device] = [device for device in records.devices if device.serial and device.role == "server"]
        self.label = f"NetBox, {len(records.devices):,} devices, {len(records.interfaces):,} interfaces: {{}}".format

    def source(self, way: str | None = None) -> NetBoxSource:
        """A client that knows nothing yet, by one way alone where it is given."""
        source = NetBoxSource(self.options)
        source._ways = [one for one in source._ways if way in (None, one.name)]  # pylint: disable=protected-access
        return source

    @contextlib.contextmanager
    def changed(self, count: int) -> Iterator[None]:
        """So many servers have another serial number meanwhile, as by the script of an admin."""
        chosen = self.servers[::max(1, len(self.servers) // count)][:count] if count else []
        mark = time.monotonic_ns()
        self._write({device.id: f"B{mark}-{device.id}" for device in chosen})
        try:
            yield
        finally:
            self._write({device.id: device.serial for device in chosen})

    def is_most(self, count: int) -> bool:
        """Whether so many servers are so much of the site that all of it is read."""
        return count > len(self.servers) / 3

    def _write(self, serials: dict[str, str]) -> None:
        rows = [{"id": int(number), "serial": serial} for number, serial in serials.items()]
        for start in range(0, len(rows), BULK):
            self.http.patch("/api/dcim/devices/", json=rows[start:start + BULK]).raise_for_status()


def netbox(report: Report) -> None:
    """A site of 2,000 servers: by export templates, what changed, by the other ways, and by what users have today."""
    site = Site(os.environ["LEASEHOLD_BENCH_NETBOX_SITE"])
    rendered = _cold(report, site, "template", COLD)
    _warm(report, site, (0, 10, 1_000))
    _ledger(report, site, (0, 10, 1_000))
    for way in ("graphql", "rest"):
        report.say(f"cold by {way}: a minute or so")
        told(report, site.label("cold, template, beside it"), rendered, way, _cold(report, site, way, None, 1))
    _beside(report, site, rendered, False)


def netbox_others(report: Report) -> None:
    """The same site as users have it today who want to know of interfaces, too: minutes."""
    site = Site(os.environ["LEASEHOLD_BENCH_NETBOX_SITE"])
    _beside(report, site, _cold(report, site, "template", COLD), True)


def _beside(report: Report, site: Site, rendered: list[Spent], interfaces: bool) -> None:
    name = f"nb_inventory{', interfaces' if interfaces else ''}"
    report.say(name)
    theirs = _peer(site, interfaces)
    told(report, site.label(name), [theirs])
    told(report, site.label("cold, template, beside it"), rendered, name, [theirs])


def netbox_large(report: Report) -> None:
    """A site of 10,000 servers: by export templates."""
    site = Site(os.environ["LEASEHOLD_BENCH_NETBOX_LARGE"])
    _cold(report, site, "template", None)
    _warm(report, site, (0, 10, 1_000))
    _ledger(report, site, (0, 10, 1_000))


def _cold(report: Report, site: Site, way: str, budget: float | None, runs: int = RUNS) -> list[Spent]:
    found = [measured(site.source(way), lambda each: each.read()) for _run in range(runs)]
    told(report, site.label(f"cold, {way}"), found, budget=budget)
    return found


def _times(count: int) -> int:
    return RUNS if count < 100 else 1


def _warm(report: Report, site: Site, counts: tuple[int, ...]) -> None:
    for count in counts:
        report.say(f"warm, {count} changes")
        runs = []
        for _run in range(_times(count)):
            cursor = site.source().read().cursor
            with site.changed(count):
                runs.append(measured(site.source(), lambda each, cursor=cursor: _follow(each, cursor, count, site.is_most(count))))
        told(report, site.label(f"warm, {count} changes"), runs, budget=WARM if count < 100 else None)


def _follow(source: NetBoxSource, cursor: dict, count: int, is_most: bool) -> None:
    """What changed since a cursor; all, where that is most of the site."""
    delta = source.since(cursor)
    if is_most and isinstance(delta, Gap):
        source.read()
    elif not isinstance(delta, Delta) or len(delta.records.devices) < count or delta.empty == bool(count):
        raise SystemExit(f"{count} changes were not followed: {delta}")


def _ledger(report: Report, site: Site, counts: tuple[int, ...]) -> None:
    """The whole of a sync: client, mapping and transaction."""
    with tempfile.TemporaryDirectory() as scratch:
        url = f"sqlite:///{scratch}/ledger.db"
        try:
            told(report, site.label("sync into an empty ledger"), [measured(site.source(), _sync(url, "cold"))])
        except InvalidSource as error:
            report.say(f"it is not measured what a sync costs: {error}")
            return
        told(report, site.label("sync, all read again"), [measured(site.source(), _sync(url, "cold", full=True))])
        for count in counts:
            runs = []
            for _run in range(_times(count)):
                kind = "unchanged" if not count else "cold" if site.is_most(count) else "warm"
                with site.changed(count):
                    runs.append(measured(site.source(), _sync(url, kind)))
                measured(site.source(), _sync(url, kind))
            told(report, site.label(f"sync, {count} changes"), runs, budget=WARM if count < 100 else None)
        _playbook(report, site, url)
        _inventory(report, site, Path(scratch), url)


def _playbook(report: Report, site: Site, url: str) -> None:
    """What people wait for: C(ansible-playbook leasehold.cloud.source_sync) when nothing changed."""
    where = {"kind": "netbox", "url": site.options.url, "site": site.options.site, "timeout": 600, "mapping": POOLS}
    said = json.dumps({"leasehold_ledger": url, "leasehold_source": where})
    turns = [(play("leasehold.cloud.source_sync", "-e", said, environment={"LEASEHOLD_SOURCE_TOKEN": site.options.token}), play(BARE))
             for _run in range(RUNS)]
    ours, bare = ([one.seconds for one in runs] for runs in zip(*turns, strict=True))
    report.add(Figure(site.label("ansible-playbook source_sync, nothing new"), "s", ours, "a bare playbook", bare))


def _inventory(report: Report, site: Site, scratch: Path, url: str) -> None:
    """What users of C(nb_inventory) would use instead: an inventory that is synced each time it is asked for."""
    source = {"kind": "netbox", "url": site.options.url, "site": site.options.site, "timeout": 600, "mapping": POOLS}
    os.environ["LEASEHOLD_SOURCE_TOKEN"] = site.options.token
    for words, filters in (("all of it", {}), ("one rack", {"racks": [site.servers[0].rack]})):
        config = scratch / "fresh.datacenter.yml"
        options = {"ledger": url, "sources": [source], "sync": "always", "stale": "fail", **filters}
        config.write_text(json.dumps({"plugin": "leasehold.cloud.datacenter", **options}))
        told(report, site.label(f"our inventory, synced each time, {words}"), [listed(config) for _run in range(RUNS)])


def _sync(url: str, kind: str, **options) -> Callable[[NetBoxSource], None]:
    def work(source: NetBoxSource) -> None:
        with Ledger.open(url, "bench") as ledger:
            found = syncing.sync(ledger, source, MAPPING, **options)
        if found.kind != kind:
            raise SystemExit(f"a sync was {found.kind} ({found.reason}) and not {kind}")
    return work


def _peer(site: Site, interfaces: bool) -> Spent:
    """C(ansible-inventory --list) by C(nb_inventory), through a proxy that counts."""
    proxy = Proxy(site.options.url)
    try:
        with tempfile.TemporaryDirectory() as scratch:
            config = Path(scratch) / "netbox.yml"
            config.write_text(json.dumps({
                "plugin": "netbox.netbox.nb_inventory", "api_endpoint": proxy.url, "token": site.options.token, "interfaces": interfaces,
                "query_filters": [{"site": site.options.site}], "validate_certs": False, "config_context": False, "timeout": 600}))
            spent = listed(config, os.environ.get("LEASEHOLD_BENCH_ANSIBLE"), len(site.servers))
        return Spent(spent.seconds, spent.processor, proxy.asked, proxy.answered)
    finally:
        proxy.close()
