# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs that are recorded, or killed at one of their tasks; and what is left of a cluster afterwards."""

from __future__ import annotations

import contextlib
import dataclasses
import json
import signal
import subprocess
import tempfile
import time
from pathlib import Path

from ansible_collections.leasehold.cloud.plugins.module_utils.ledger import events
from ansible_collections.leasehold.cloud.plugins.module_utils.ledger.database import Ledger
from tests.conftest import Played, Site
from tests.e2e import world

CALLBACKS = Path(__file__).parent / "callbacks"
PATIENCE = 300  # seconds that any run may take
GOING = 10  # seconds in which processes that look after a run notice that it has ended


@dataclasses.dataclass(frozen=True)
class Kill:
    """One kill, and what became of it."""

    operation: str
    number: int
    task: str
    when: str
    step: str
    again: str
    seconds: float
    problems: tuple[str, ...] = ()


class Crashes:
    """A site whose runs can be watched task by task.

    :param environment: of the lab's; what is added to it is of the callback alone.
    """

    def __init__(self, site: Site):
        self.site = site
        self.lab = site.lab

    def record(self, playbook: str, order: dict) -> list[dict]:
        """Run it to its end; its tasks as C({number, play, task, action}), in their order."""
        tasks, played = self._run(playbook, order, {})
        played.succeeded()
        return tasks

    def kill(self, playbook: str, order: dict, task: dict, when: str) -> None:
        """Run it until the task, which a recorded run had, ends (or begins); it is asserted that it died there and then."""
        seen, played = self._run(playbook, order, {"LEASEHOLD_CRASH_TASK": str(task["number"]), "LEASEHOLD_CRASH_WHEN": when})
        assert played.returncode == -signal.SIGKILL, f"ended with {played.returncode} instead of being killed\n{played.output[-4000:]}"
        assert seen[-1] == {"number": task["number"], "killed": when}
        assert seen[-2] == task, f"died in {seen[-2]} instead of {task}"

    def again(self, playbook: str, order: dict) -> str:
        """Run it to its end; empty, or why it did not succeed."""
        played = self.site.play(playbook, order, timeout=PATIENCE)
        return "" if played.returncode == 0 else f"{playbook} ended with {played.returncode}: {_reason(played)}"

    def step(self, cluster: str) -> str:
        """What the ledger says that the cluster's newest run was at."""
        rows = world.ledger_rows(self.lab, "select operation, state, step from runs where cluster = ?", cluster)
        return " ".join(str(part) for part in rows[0]) if rows else "no run"

    def _run(self, playbook: str, order: dict, variables: dict[str, str]) -> tuple[list[dict], Played]:
        with tempfile.TemporaryDirectory() as scratch, self._watched(Path(scratch) / "tasks", variables) as tasks:
            process = self.site.start(playbook, order)
            try:
                out, err = process.communicate(timeout=PATIENCE)
            except subprocess.TimeoutExpired:
                process.kill()
                out, err = process.communicate()
            lines = [json.loads(line) for line in tasks.read_text().splitlines()]
            return lines, Played(subprocess.CompletedProcess(process.args, process.returncode, out, err))

    @contextlib.contextmanager
    def _watched(self, tasks: Path, variables: dict[str, str]):
        before = self.lab.environment
        self.lab.environment = before | variables | {
            "ANSIBLE_CALLBACK_PLUGINS": str(CALLBACKS), "ANSIBLE_CALLBACKS_ENABLED": "crash", "LEASEHOLD_CRASH_FILE": str(tasks),
        }
        try:
            yield tasks
        finally:
            self.lab.environment = before


def problems_of_ready(lab, cluster: str, node_sets: dict[str, int]) -> list[str]:
    """What is not as it has to be where a cluster of so many servers is ready, and nothing else is in use."""
    members = world.held(lab, cluster)
    kubeconfig = lab.product / f"clusters/{cluster}/kubeconfig"
    wanted = {
        "servers held": (len(members), sum(node_sets.values())),
        "claims": (sorted((kind, holder) for kind, _resource, holder in world.claims(lab)),
                   sorted([("vlan", cluster), ("prefix", cluster), *[("server", cluster), ("address", cluster)] * len(members)])),
        "phase": (world.phase(lab, cluster), "ready"),
        "run": (world.run_of(lab, cluster)[0], "finished"),
        "states": (world.server_states(lab), {name: "in_service" if name in members else "available" for name in world.server_states(lab)}),
        "powered on": (world.powered_on(lab), members),
        "nodes ready": (world.ready_nodes(kubeconfig) if kubeconfig.exists() else None, members),
        "VLANs of their ports": ({tag for name in members for tag in world.port_tags(lab, name)}, world.vlans_in_use(lab)),
        "receipt": ({server["name"] for server in world.receipt(lab, lab.product / f"clusters/{cluster}/receipt.json")["servers"]}, members),
        **_problems_of_others(lab, members),
    }
    return [f"{what}: {found}, not {expected}" for what, (found, expected) in wanted.items() if found != expected]


def problems_of_gone(lab, cluster: str) -> list[str]:
    """What is left where nothing may be left."""
    servers = set(world.server_states(lab))
    wanted = {
        "claims": (world.claims(lab), []),
        "phase": (world.phase(lab, cluster), "deleted"),
        "run": (world.run_of(lab, cluster)[0], "finished"),
        "states": (set(world.server_states(lab).values()), {"available"}),
        "powered on": (world.powered_on(lab), set()),
        "VLANs in use": (world.vlans_in_use(lab), set()),
        "on the hub": ([name for name in world.hub_names(lab) if cluster in name], []),
        "kubeconfig": ((lab.product / f"clusters/{cluster}/kubeconfig").exists(), False),
        "ports": ({tag for name in servers for tag in world.port_tags(lab, name)}, {999}),
        **_problems_of_others(lab, set()),
    }
    return [f"{what}: {found}, not {expected}" for what, (found, expected) in wanted.items() if found != expected]


def _problems_of_others(lab, members: set[str]) -> dict:
    others = set(world.server_states(lab)) - members
    with Ledger.open(str(lab.product / "ledger.db"), "judge", writable=False) as ledger, ledger.reading() as tx:
        broken = events.first_broken(tx)
    return {
        "media": (world.media_inserted(lab), set()),
        "drives of the others": ({content for name in others for content in world.disks(lab, name)} - {None}, set()),
        "free servers": ({name for (name,) in world.ledger_rows(lab, "select server from free_servers")}, others),
        "open usage": ({name for (name,) in world.ledger_rows(lab, "select server from usage where ends_at is null")}, members),
        "chain of events": (broken, None),
        "processes left": (_left(lab), []),
    }


def _left(lab) -> list[str]:
    """Processes of ansible-playbook that go on after its end; its heartbeat has a moment to notice."""
    deadline = time.monotonic() + GOING
    while (found := _playing(lab)) and time.monotonic() < deadline:
        time.sleep(0.2)
    return found


def _playing(lab) -> list[str]:
    found = []
    mark = f"LEASEHOLD_LAB_DIR={lab.directory}\0".encode()
    for entry in Path("/proc").iterdir():
        with contextlib.suppress(OSError):
            if entry.name.isdigit() and b"ansible-playbook" in (entry / "cmdline").read_bytes() and mark in (entry / "environ").read_bytes():
                found.append(f"{entry.name}: {(entry / 'cmdline').read_text().replace(chr(0), ' ')[:100]}")
    return found


def _reason(played: Played) -> str:
    """The line that says why a run failed, for the table."""
    told = [line.strip() for line in played.output.splitlines() if "[ERROR]" in line or "fatal:" in line]
    return (told[0] if told else played.output[-300:])[:400]
