"""A lab that was broken from outside is repaired by `up`, and gone after `down`, whatever is left of it."""

from __future__ import annotations

import json
import os
import shutil
import signal
from pathlib import Path

import pytest

from lab import namespaces, servers
from lab.process import start_time
from tests.conftest import make_lab

NUMBER = 43


@pytest.fixture
def lab():
    yield from make_lab(NUMBER, "--racks", "1", "--servers-per-rack", "1", "--no-hub")


def kill(lab, name: str) -> None:
    os.kill(json.loads((lab.directory / "pids" / f"{name}.json").read_text())["pid"], signal.SIGKILL)


def is_up(lab) -> bool:
    return json.loads(lab.command("status", "--json").stdout)["up"]


def remains() -> list:
    return [*namespaces.existing(f"lh{NUMBER}-"), *Path("/run").glob(f"leasehold-lab-{NUMBER}")]


def test_a_daemon_that_ended_is_started_and_the_fabric_stays(lab):
    fabric = json.loads((lab.directory / "pids" / "vswitchd-spine-1.json").read_text())
    kill(lab, "ssh-gate")
    assert not is_up(lab)
    lab.up()
    assert is_up(lab)
    assert json.loads((lab.directory / "pids" / "vswitchd-spine-1.json").read_text()) == fabric


def test_a_lab_without_a_switch_is_made_anew(lab):
    kill(lab, "vswitchd-leaf-r1a")
    assert not is_up(lab)
    lab.up()
    assert is_up(lab)


def test_down_ends_a_lab_whose_directory_was_deleted(lab):
    layout = lab.layout()
    servers.boot(layout, "r1-s01", {}, None, "", "r1-s01")
    record = json.loads((lab.directory / "servers" / "r1-s01" / "running.json").read_text())
    processes = [record["pid"], *(json.loads(path.read_text())["pid"] for path in (lab.directory / "pids").iterdir())]
    shutil.rmtree(lab.directory)
    assert remains()
    lab.command("down")
    assert not remains()
    assert [pid for pid in processes if start_time(pid)] == []


def test_another_directory_cannot_take_the_number(lab, tmp_path):
    environment = {**lab.environment, "LEASEHOLD_LAB_DIR": str(tmp_path / "other")}
    lab.environment, own = environment, lab.environment
    refused = lab.command("up", "--number", str(NUMBER), check=False)
    lab.environment = own
    assert refused.returncode == 1
    assert str(lab.directory) in refused.stderr
    assert is_up(lab)
