# SPDX-License-Identifier: GPL-3.0-or-later
"""What an order costs: beside the same calls by a bare script, and in a site of 10,000 servers (make bench-order)."""

from __future__ import annotations

import contextlib
import itertools
import json
import os
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT))

from lab.hardware import Hardware  # noqa: E402
from tests.benchmarks import big_site, floor, harness  # noqa: E402
from tests.benchmarks.harness import RUNS, Figure, Report, play, seconds  # noqa: E402
from tests.conftest import Lab, make_lab  # noqa: E402

LAB = 46
SIZES = (2, 8, 32)
SERVERS = 10_000
PLAYS = Path(__file__).parent / "plays"
INVENTORY = ("-i", str(ROOT / "inventory/lab"))
BARE_SCRIPT = "the same calls by a bare script"
BUDGET = 40  # task executions of an order, and two more per switch


class Bench:
    """Orders in one lab whose hardware takes no time."""

    def __init__(self, lab: Lab, scratch: Path):
        self.lab = lab
        self.scratch = scratch
        self.names = (f"bench{number}" for number in itertools.count())

    def play(self, playbook: str, variables: dict | None = None) -> harness.Played:
        return play(playbook, *INVENTORY, "-e", json.dumps(variables or {}), environment=self.lab.environment, directory=ROOT)

    def order(self, count: int) -> dict:
        return {"cluster_name": next(self.names), "cluster_tenant": "bench",
                "cluster_node_sets": [{"name": "workers", "class": "cpu", "count": count}]}

    def create(self, count: int) -> tuple[harness.Played, harness.Played]:
        """Create and delete a cluster by our playbooks."""
        order = self.order(count)
        return self.play("leasehold.cloud.cluster_create", order), self.play("leasehold.cloud.cluster_delete", {"cluster_name": order["cluster_name"]})

    def floor(self, count: int) -> tuple[float, float]:
        """Seconds that a bare script takes for the same, and its processor time."""
        path = self.scratch / "plan.json"
        self.play(str(PLAYS / "plan.yml"), self.order(count) | {"plan_path": str(path)})
        plan = json.loads(path.read_text())
        hub = floor.Api((self.lab.directory / "hub.kubeconfig").read_text(), self.scratch)
        bmcs = floor.session()
        login = json.loads((self.lab.directory / "bmc.json").read_text())
        bmcs.auth, bmcs.verify = (login["username"], login["password"]), str(self.lab.directory / "ca.crt")
        secrets = self._secrets(plan)
        spent = time.process_time()
        took = seconds(lambda: floor.create(plan, secrets, _approvals, hub, bmcs, self.scratch), runs=1)[0]
        spent = time.process_time() - spent
        floor.release(plan, hub, bmcs)
        self._blank(plan)
        return took, spent

    def _secrets(self, plan: dict) -> list[dict]:
        from ansible_collections.leasehold.cloud.plugins.module_utils.core import hypershift

        key = (self.lab.directory / "ssh/id_ed25519.pub").read_text()
        for manifest in plan["objects"]:
            if manifest["kind"] == "InfraEnv":
                manifest["spec"]["sshAuthorizedKey"] = key
        return hypershift.secrets(plan["cluster"], plan["tenant"], '{"auths": {}}', key)

    def _blank(self, plan: dict) -> None:
        hardware = Hardware(self.lab.directory / "hardware.db")
        for server in plan["servers"]:
            for drive in hardware.get(server["name"]).drives:
                hardware.update_drive(server["name"], drive["id"], contents=None)


def _approvals(agents: list, plan: dict) -> list[dict]:
    from ansible_collections.leasehold.cloud.plugins.module_utils.core import hypershift

    return hypershift.approvals(agents, plan["servers"], plan["cluster"], plan["tenant"])


def orders(report: Report, bench: Bench) -> None:
    """Creation of 2, 8 and 32 servers, beside the floor and the budget."""
    switches = len(bench.lab.layout().switches)
    for count in SIZES:
        report.say(f"{count} servers: {RUNS} times by playbooks, {RUNS} times by a bare script")
        runs = [bench.create(count) for _turn in range(RUNS)]
        created, deleted = zip(*runs, strict=True)
        took, spent = zip(*(bench.floor(count) for _turn in range(RUNS)), strict=True)
        report.add(Figure(f"create {count} servers", "s", [run.seconds for run in created], BARE_SCRIPT, took))
        report.add(Figure(f"create {count} servers: processor time", "s", [run.processor for run in created], BARE_SCRIPT, spent))
        report.add(Figure(f"create {count} servers: task executions", "tasks", [run.executions for run in created],
                          f"budget, {switches} switches", [BUDGET + 2 * switches]))
        report.add(Figure(f"delete {count} servers", "s", [run.seconds for run in deleted]))
        report.add(Figure(f"delete {count} servers: task executions", "tasks", [run.executions for run in deleted],
                          f"budget, {switches} switches", [BUDGET + 2 * switches]))


def start(report: Report, scratch: Path) -> None:
    """An order's start in a large site, beside a bare playbook."""
    report.say(f"a site of {SERVERS:,} servers")
    source = scratch / "datacenter.yml"
    big_site.write(source, SERVERS)
    site = {"leasehold_state_dir": str(scratch), "leasehold_ledger": f"sqlite:///{scratch}/ledger.db",
            "leasehold_source": {"kind": "file", "path": str(source)}}
    environment = {**os.environ, "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}", "ANSIBLE_LOCALHOST_WARNING": "false"}
    names = (f"bench{number}" for number in itertools.count())

    def run(playbook: str, variables: dict | None = None) -> harness.Played:
        return play(playbook, "-i", "localhost,", "-c", "local", "-e", json.dumps(site | (variables or {})), environment=environment, directory=ROOT)

    report.add(Figure(f"sync of {SERVERS:,} servers from a file", "s", [run("leasehold.cloud.source_sync").seconds]))
    order = {"cluster_tenant": "bench", "cluster_node_sets": [{"name": "workers", "class": "cpu", "count": 8}]}
    began, bare = [], []
    for _turn in range(max(RUNS, 3)):  # in turns: whatever else the machine does, it does to both
        bare.append(run(str(PLAYS / "bare.yml")))
        began.append(run(str(PLAYS / "start.yml"), order | {"cluster_name": next(names)}))
    name = f"an order's start among {SERVERS:,} servers"
    report.add(Figure(name, "s", [each.seconds for each in began], "a bare playbook", [each.seconds for each in bare]))
    report.add(Figure(f"{name}: processor time", "s", [each.processor for each in began], "a bare playbook", [each.processor for each in bare]))
    above = [ours.seconds - theirs.seconds for ours, theirs in zip(began, bare, strict=True)]
    report.add(Figure(f"{name}: above the bare playbook", "s", above, "budget", [1.0]))


@contextlib.contextmanager
def _bench(scratch: Path) -> Iterator[Bench]:
    # Half of the servers are of the class that is ordered.
    size = ("--racks", "2", "--servers-per-rack", str(max(SIZES)), "--boot-delay", "0", "--install-delay", "0")
    with contextlib.contextmanager(make_lab)(LAB, *size) as lab:
        bench = Bench(lab, scratch)
        bench.play("leasehold.cloud.source_sync")
        yield bench


def main() -> int:
    began = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="leasehold-bench-") as directory, Report("What an order costs") as report:
        scratch = Path(directory)
        start(report, scratch)
        with _bench(scratch) as bench:
            orders(report, bench)
        report.say(f"{time.monotonic() - began:.0f} s in all")
    return 0


if __name__ == "__main__":
    sys.exit(main())
