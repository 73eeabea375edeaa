# SPDX-License-Identifier: GPL-3.0-or-later
"""C(ansible-inventory --list) over a ledger: all of a site, one cluster, one small site beside it; each beside static inventories of the same hosts."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from ansible_collections.leasehold.cloud.plugins.module_utils import syncing
from ansible_collections.leasehold.cloud.plugins.module_utils.core.mapping_file import Mapping
from ansible_collections.leasehold.cloud.plugins.module_utils.ledger import claims, clusters, runs
from ansible_collections.leasehold.cloud.plugins.module_utils.ledger.database import Ledger
from ansible_collections.leasehold.cloud.plugins.module_utils.ledger.holder import holder_of
from ansible_collections.leasehold.cloud.plugins.module_utils.sources import open_source
from ansible_collections.leasehold.cloud.plugins.module_utils.sources.protocol import Options
from tests.benchmarks.harness import RUNS, Report
from tests.benchmarks.sources_measure import Spent, told
from tests.sources.center import center
from tests.sources.expected import MAPPING, as_file

SIZES = [int(size) for size in os.environ.get("LEASEHOLD_BENCH_INVENTORY", "100,2000,10000").split(",")]  # servers
SMALL = 40  # servers of the other site
HELD = 16  # servers of the cluster
PLUGIN = {"plugin": "leasehold.cloud.datacenter"}
FEW = ["leasehold_class", "leasehold_rack", "leasehold_state"]


def inventory(report: Report) -> None:
    """Ours and static ones."""
    for size in SIZES:
        report.say(f"ansible-inventory --list, {size:,} servers")
        with tempfile.TemporaryDirectory() as scratch:
            _measure(report, Path(scratch), size)


def _measure(report: Report, scratch: Path, size: int) -> None:
    url = _ledger(scratch, size)
    whole = {"sites": ["fra1"]}
    parts = {"": whole, " of one cluster": {"kinds": ["server"], "clusters": ["blue"]}, " of one small site": {"sites": ["ams1"]}}
    files = {words: _files(scratch, number, {**PLUGIN, "ledger": url, **filters}) for number, (words, filters) in enumerate(parts.items())}
    few = scratch / "few.datacenter.yml"
    few.write_text(json.dumps({**PLUGIN, "ledger": url, **whole, "expose": FEW}))
    for words, (ours, text, plain) in files.items():
        turns = [[listed(config) for config in (ours, text, plain)] for _run in range(RUNS)]  # in turns: what else the machine does, it does to all
        mine, yaml, quick = zip(*turns, strict=True)
        name = f"inventory{words}, ledger of {size:,} servers"
        told(report, name, list(mine), "a static YAML inventory", yaml)
        told(report, f"{name} (again)", list(mine), "a static JSON inventory", quick)
    told(report, f"inventory of three variables, ledger of {size:,} servers", [listed(few) for _run in range(RUNS)])


def _ledger(scratch: Path, size: int) -> str:
    """A ledger with a site of so many servers, a small one beside it, and a cluster in the first."""
    url = f"sqlite:///{scratch}/ledger.db"
    with Ledger.open(url, "bench") as ledger:
        for number, document in enumerate((as_file(center(size, 48)), _other(as_file(center(SMALL, 20))))):
            source = scratch / f"source-{number}.json"
            source.write_text(json.dumps(document))
            syncing.sync(ledger, open_source("file", Options(path=str(source))), Mapping.from_dict(MAPPING))
        _claim(ledger, [f"r1-s{place:02}" for place in range(1, HELD + 1)])
    return url


def _other(document: dict) -> dict:
    """The same as another site: names, serials and addresses of its own."""
    text = re.sub(r'"(r\d|leaf-|spine-|border-|SN|fra1")', lambda found: '"ams1"' if found[1] == 'fra1"' else f'"b{found[1]}', json.dumps(document))
    return json.loads(text.replace('"52:54:', '"52:55:').replace("https://10.2.", "https://10.3."))


def _claim(ledger: Ledger, names: list[str]) -> None:
    with ledger.transaction() as tx:
        token = runs.start(tx, "blue", "create", holder_of(os.getpid()), 3600)["token"]
        clusters.begin(tx, "blue", "create", tenant="acme", site="fra1")
        claims.take(tx, {
            "cluster": "blue", "site": "fra1", "tenant": "acme", "segment": {"vlan": 800, "prefix": "10.64.200.0/24", "quarantine_vlan": 999},
            "servers": [{"name": name, "node_set": "workers", "class": "cpu", "address": f"10.64.200.{place}"} for place, name in enumerate(names, 10)],
        }, token)
        tx.keep()


def _files(scratch: Path, number: int, config: dict) -> tuple[Path, Path, Path]:
    """An inventory of ours, and a static one of what it yields, as YAML and as JSON."""
    ours, text, plain = (scratch / f"{number}{ending}" for ending in (".datacenter.yml", "-static.yml", "-static.json"))
    ours.write_text(json.dumps(config))
    text.write_text(ansible(ours, "--yaml").stdout)
    found = json.loads(ansible(ours, "--export").stdout)
    plain.write_text(json.dumps(_static(found)))
    return ours, text, plain


def _static(found: dict) -> dict:
    """What C(--list) says, as a static inventory has it."""
    variables = found.pop("_meta")["hostvars"]
    children = {name: {"hosts": dict.fromkeys(group["hosts"])} for name, group in found.items() if group.get("hosts")}
    return {"all": {"hosts": variables, "children": children}}


def ansible(config: Path, *options: str, directory: str | None = None) -> subprocess.CompletedProcess:
    """C(ansible-inventory --list) of an environment, by default this one's."""
    environment = {**os.environ, "PATH": f"{directory or Path(sys.executable).parent}:{os.environ['PATH']}"}
    return subprocess.run(["ansible-inventory", "-i", str(config), "--list", *options], env=environment, capture_output=True, text=True, check=True)


def listed(config: Path, directory: str | None = None, least: int = 1) -> Spent:
    """What C(ansible-inventory --list) takes.

    :param least: hosts that there have to be: Ansible ends well though an inventory could not be read.
    """
    before, began = os.times(), time.perf_counter()
    done = ansible(config, directory=directory)
    took, after = time.perf_counter() - began, os.times()
    if len(json.loads(done.stdout)["_meta"]["hostvars"]) < least:
        raise SystemExit(f"{config}: too few hosts: {done.stderr[-2000:]}")
    spent = after.children_user + after.children_system - before.children_user - before.children_system
    return Spent(took, spent, 0, len(done.stdout))
