# SPDX-License-Identifier: GPL-3.0-or-later
"""The lab's BMCs alone (no fabric, no hub: no root needed beyond loopback), and tasks run against them as at the prompt."""

from __future__ import annotations

import dataclasses
import functools
import http.server
import json
import os
import subprocess
import sys
import threading
from pathlib import Path
from typing import NamedTuple

import pytest

from lab import bmc as lab_bmc
from lab import faults, settings
from lab.hardware import Hardware, ServerState
from lab.layout import Layout
from lab.process import Processes

WORKER = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0")[2:])
NUMBER = 232 + WORKER  # a lab number of these tests' own, for each of pytest's workers


class Bench:
    """Two servers' BMCs."""

    def __init__(self, directory: Path):
        self.directory = directory
        self.layout = Layout(directory, NUMBER, 1, 2)
        self.processes = Processes(directory)
        settings.save(settings.Settings(self.layout))
        lab_bmc.start(settings.load(directory), self.processes)
        self.hardware = Hardware(directory / "hardware.db")

    @property
    def servers(self) -> list[dict]:
        """As a plan has them."""
        return [{"name": server.name, "serial": server.serial, "state": "provisioning", "rack": server.rack,
                 "bmc": {"address": f"https://{server.bmc_address}:8443"}} for server in self.layout.servers]

    def options(self, **more) -> dict:
        return {"servers": self.servers, **lab_bmc.credentials(self.directory), "ca_path": str(self.directory / "ca.crt"),
                "request_timeout": 3, **more}

    def renew(self) -> None:
        """As on the first day: off, blank, without faults. (The BMCs run on.)"""
        faults.clear(self.directory)
        for state in self.hardware.servers():
            drives = [{**drive, "health": "OK", "contents": None, "erased_at": None} for drive in state.drives]
            blank = dataclasses.asdict(ServerState(state.name)) | {"drives": drives}
            self.hardware.update(blank.pop("name"), **blank)


class Answer(NamedTuple):
    """What one task came to at the prompt."""

    code: int
    result: dict
    output: str


@pytest.fixture(scope="session")
def _running_bench(tmp_path_factory):
    bench = Bench(tmp_path_factory.mktemp("lab"))
    yield bench
    lab_bmc.stop(bench.processes)


@pytest.fixture
def bench(_running_bench):
    _running_bench.renew()
    return _running_bench


@pytest.fixture(scope="session")
def _runner():
    runner = subprocess.Popen([sys.executable, str(Path(__file__).with_name("runner.py"))], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    yield runner
    runner.stdin.close()
    runner.wait(10)


@pytest.fixture
def action(_runner):
    """Run an action as a task does, without a playbook's start; its result."""

    def run(module: str, options: dict, check: bool = False) -> dict:
        print(json.dumps({"module": module, "options": options, "check": check}), file=_runner.stdin, flush=True)
        return json.loads(_runner.stdout.readline())

    return run


@pytest.fixture
def image(tmp_path):
    """URL of a discovery image."""
    (tmp_path / "www").mkdir()
    (tmp_path / "www" / "discovery.iso").write_bytes(b"\0" * 4096)
    handler = functools.partial(http.server.SimpleHTTPRequestHandler, directory=tmp_path / "www")
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}/discovery.iso"
    server.shutdown()
    server.server_close()


@pytest.fixture
def ansible(tmp_path):
    """Run one task, as a user does at the prompt."""

    def run(module: str, options: dict, *flags: str, env: dict | None = None) -> Answer:
        environment = {**os.environ, "ANSIBLE_LOCALHOST_WARNING": "false", "ANSIBLE_NOCOLOR": "1",
                       "ANSIBLE_LOCAL_TEMP": str(tmp_path / "ansible"), **(env or {})}
        command = [str(Path(sys.executable).parent / "ansible"), "localhost", "-i", "localhost,", "-c", "local"]
        command += ["-m", f"leasehold.cloud.{module}", "-a", json.dumps(options), *flags]
        done = subprocess.run(command, capture_output=True, text=True, env=environment, check=False)
        assert " => {" in done.stdout, done.stdout + done.stderr
        text = done.stdout[done.stdout.index(" => {") + 4:]
        return Answer(done.returncode, json.JSONDecoder().raw_decode(text)[0], done.stdout + done.stderr)

    return run
