"""The lab that the end-to-end tests share, and two tenants' clusters in it: red by playbook, blue by the leasehold command.

The clusters are made once, side by side, when the first test asks for them. The modules go by the alphabet through a
cluster's life (check, create, isolation … take back); each also runs by itself.
"""

from __future__ import annotations

import dataclasses
import json
import os
import subprocess
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.conftest import BIN, ROOT, Played, Site, make_lab
from tests.e2e import world
from tests.e2e.runs import PATIENCE, Run

LAB = int(os.environ.get("LEASEHOLD_TEST_LAB", "41"))  # another one while somebody else tests on this machine
PULL_SECRET = "cHVsbC1zZWNyZXQtb2YtdGhlLXRlc3Rz"
RED = {"cluster_name": "red", "cluster_tenant": "initech", "cluster_lease_duration": "30d",
       "cluster_node_sets": [{"name": "workers", "class": "cpu", "count": 2}]}
BLUE = {"cluster_name": "blue", "cluster_tenant": "hooli", "cluster_lease_duration": "2w",
        "cluster_node_sets": [{"name": "trainers", "class": "gpu", "count": 2}]}


@dataclasses.dataclass
class Checked:
    """A create of red in check mode, in an empty site."""

    played: Played
    before: dict
    after: dict


@dataclasses.dataclass
class Command:
    """A run of the leasehold command with --json."""

    returncode: int
    output: str

    def of(self, kind: str) -> list[dict]:
        """The lines of a kind: event, outcome."""
        lines = [json.loads(line) for line in self.output.splitlines() if line.startswith("{")]
        return [line[kind] for line in lines if kind in line]


@dataclasses.dataclass
class Made:
    """How red and blue came to be."""

    red: Played
    second: Played  # a run for red while the first was at work
    blue: Command


@pytest.fixture(scope="session")
def lab():
    yield from make_lab(LAB, "--racks", "2", "--servers-per-rack", "4", "--boot-delay", "0.2", "--install-delay", "0.2")


@pytest.fixture(scope="session")
def site(lab):
    secret = lab.directory / "pull-secret.json"
    secret.write_text(json.dumps({"auths": {"quay.io": {"auth": PULL_SECRET}}}))
    secret.chmod(0o600)
    for order in (RED, BLUE):
        order["leasehold_pull_secret_file"] = str(secret)
    site = Site(lab)
    site.play("source_sync", timeout=PATIENCE).succeeded()
    return site


@pytest.fixture(scope="session")
def leasehold(lab, site):
    """The leasehold command: operation, order -> Command."""
    def command(operation: str, order: dict) -> Command:
        path = lab.directory / f"{order['cluster_name']}-order.yml"
        path.write_text(json.dumps(order))
        ended = subprocess.run(
            [str(BIN / "leasehold"), "order", operation, "-f", str(path), "-i", str(ROOT / "inventory/lab"), "--json", "-vvvv",
             "--state-dir", str(lab.directory / "runner")],
            cwd=ROOT, env=lab.environment, text=True, stdin=subprocess.DEVNULL, capture_output=True, timeout=PATIENCE)
        return Command(ended.returncode, ended.stdout + ended.stderr)
    return command


@pytest.fixture(scope="session")
def checked(lab, site):
    before = world.snapshot(lab)
    played = site.play("cluster_create", RED, "--check", "--diff", timeout=PATIENCE)
    return Checked(played, before, world.snapshot(lab))


@pytest.fixture(scope="session")
def made(checked, lab, site, leasehold):
    """Red and blue, made at the same time; and red once more while it was being made."""
    with ThreadPoolExecutor(1) as thread:
        blue = thread.submit(leasehold, "create", BLUE)
        red = Run(site, "cluster_create", RED, "-vvv").until("PLAY [Segment]")
        second = site.play("cluster_create", RED, timeout=PATIENCE)
        return Made(red.end().succeeded(), second, blue.result())


@pytest.fixture
def red(made, lab):
    """The names of red's servers."""
    return sorted(world.held(lab, "red"))


@pytest.fixture
def blue(made, lab):
    return sorted(world.held(lab, "blue"))
