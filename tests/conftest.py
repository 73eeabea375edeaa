"""Fixtures that several kinds of tests share: a lab of the tests' own, and playbooks run against it."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import hypothesis
import pytest

from lab.process import start_time

# A busy machine is slow, not wrong: no test is judged by the clock.
hypothesis.settings.register_profile("leasehold", deadline=None)
hypothesis.settings.load_profile("leasehold")

ROOT = Path(__file__).parent.parent
BIN = Path(sys.executable).parent


class Lab:
    """A running lab, seen as its operators see it: commands, files, namespaces."""

    def __init__(self, directory: Path, number: int):
        self.directory = directory
        self.number = number
        self.environment = {
            **os.environ, "LEASEHOLD_LAB_DIR": str(directory), "ANSIBLE_HOME": str(directory / "ansible"),
            "ANSIBLE_FORKS": "20", "ANSIBLE_NOCOLOR": "1", "PATH": f"{BIN}:{os.environ['PATH']}",
            "ANSIBLE_SSH_CONTROL_PATH_DIR": str(directory / "cp"), "ANSIBLE_LOCALHOST_WARNING": "false",
        }

    def command(self, *arguments: str, check: bool = True) -> subprocess.CompletedProcess:
        return subprocess.run([sys.executable, "-m", "lab", *arguments], cwd=ROOT, env=self.environment, text=True,
                              capture_output=True, check=check, timeout=180)

    def up(self, *options: str) -> None:
        outcome = self.command("up", "--number", str(self.number), *options, check=False)
        assert outcome.returncode == 0, outcome.stdout + outcome.stderr

    def down(self) -> None:
        self.command("down", check=False)

    @property
    def product(self) -> Path:
        return self.directory / "product"

    def layout(self):
        from lab import settings

        return settings.load(self.directory).layout


class Played:
    """What a playbook run printed, and its totals per host."""

    def __init__(self, outcome: subprocess.CompletedProcess):
        self.returncode = outcome.returncode
        self.output = outcome.stdout + outcome.stderr

    def total(self, word: str) -> int:
        """The sum of a word of the recap (ok, changed, failed …) over all hosts."""
        recap = self.output.partition("PLAY RECAP")[2]
        found = [field for field in recap.split() if field.startswith(f"{word}=")]
        return sum(int(field.partition("=")[2]) for field in found)

    @property
    def changed(self) -> int:
        return self.total("changed")

    def succeeded(self) -> Played:
        assert self.returncode == 0, self.output[-8000:]
        return self

    def failed_with(self, error_code: str) -> Played:
        assert self.returncode != 0, self.output[-8000:]
        assert f"[{error_code}]" in self.output, self.output[-8000:]
        return self


class Site:
    """An admin's prompt at the lab: playbooks by name, with an order."""

    def __init__(self, lab: Lab):
        self.lab = lab

    def start(self, playbook: str, order: dict | None = None, *options: str) -> subprocess.Popen:
        command = [str(BIN / "ansible-playbook"), f"leasehold.cloud.{playbook}", "-i", str(ROOT / "inventory/lab")]
        command += ["-e", json.dumps(order or {}), *options]
        return subprocess.Popen(command, cwd=ROOT, env=self.lab.environment, text=True, stdin=subprocess.DEVNULL,
                                stdout=subprocess.PIPE, stderr=subprocess.PIPE, start_new_session=True)

    def play(self, playbook: str, order: dict | None = None, *options: str, timeout: float = 240) -> Played:
        running = self.start(playbook, order, *options)
        try:
            out, err = running.communicate(timeout=timeout)
        except subprocess.TimeoutExpired:
            running.kill()
            out, err = running.communicate()
            err += f"\nstill running after {timeout} s"
        return Played(subprocess.CompletedProcess(running.args, running.returncode, out, err))


def require_root() -> None:
    if os.geteuid() != 0 and not shutil.which("sudo"):
        pytest.skip("the lab makes network namespaces: needs root or sudo")
    for program in ("ovs-vswitchd", "ovsdb-server", "ip"):
        if not shutil.which(program, path=f"{os.environ['PATH']}:/usr/sbin:/sbin"):
            pytest.skip(f"the lab needs {program}: run scripts/setup.sh")


def take_down_left(number: int) -> None:
    """End the labs that a killed test run left at this number: their directories name the process that made them."""
    for directory in Path(tempfile.gettempdir()).glob(f"leasehold-{number}-*-*"):
        if not start_time(int(directory.name.split("-")[2])):
            Lab(directory, number).down()
            shutil.rmtree(directory, ignore_errors=True)


def make_lab(number: int, *options: str):
    """A generator for fixtures: a lab that is up, and taken down whatever happens."""
    require_root()
    take_down_left(number)
    directory = Path(tempfile.mkdtemp(prefix=f"leasehold-{number}-{os.getpid()}-"))
    lab = Lab(directory, number)
    try:
        lab.up(*options)
        yield lab
    finally:
        lab.down()
        shutil.rmtree(directory, ignore_errors=True)
