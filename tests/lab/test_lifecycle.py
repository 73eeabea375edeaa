"""A lab that was broken from outside is repaired by `up`, and gone after `down`, whatever is left of it."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from lab import namespaces, servers
from lab.process import start_time
from tests.conftest import ROOT, make_lab

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


def test_a_number_whose_lab_was_killed_is_free(lab, tmp_path):
    for name in (path.stem for path in (lab.directory / "pids").iterdir()):
        kill(lab, name)
    environment = {**lab.environment, "LEASEHOLD_LAB_DIR": str(tmp_path / "other")}
    lab.environment, own = environment, lab.environment
    lab.up("--racks", "1", "--servers-per-rack", "1", "--no-hub")
    assert is_up(lab)
    lab.environment = own
    lab.command("down")  # the killed one: what is now another's stays
    lab.environment = environment
    assert is_up(lab)
    lab.command("down")
    assert not remains()


def test_a_test_run_that_was_killed_leaves_its_number_to_the_next(tmp_path):
    script = "import os, signal, sys; from tests.conftest import ROOT, make_lab\n" \
             f"lab = make_lab({NUMBER}, '--racks', '1', '--servers-per-rack', '1', '--no-hub'); next(lab); os.kill(os.getpid(), signal.SIGKILL)"
    killed = subprocess.run([sys.executable, "-c", script], cwd=ROOT, timeout=120, check=False)
    assert killed.returncode == -signal.SIGKILL
    left = Path("/run", f"leasehold-lab-{NUMBER}", "directory").read_text()
    with contextlib.contextmanager(make_lab)(NUMBER, "--racks", "1", "--servers-per-rack", "1", "--no-hub") as lab:
        assert is_up(lab)
        assert not Path(left).exists()
    assert not remains()
