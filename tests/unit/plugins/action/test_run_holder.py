# SPDX-License-Identifier: GPL-3.0-or-later
"""Who holds a run: the ansible-playbook process, seen by one playbook that is killed and another that takes over."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from ansible_collections.leasehold.cloud.plugins.module_utils.ledger import runs
from ansible_collections.leasehold.cloud.plugins.module_utils.ledger.database import Ledger

PLAYBOOK = Path(sys.executable).parent / "ansible-playbook"
STARTED_WITHIN = 60  # seconds, on a busy machine
START = {"ledger": "{{ ledger }}", "cluster": "blue", "state": "started", "operation": "create", "tenant": "acme"}


class Prompt:
    """Playbooks that start a run of cluster blue."""

    def __init__(self, directory: Path):
        self.ledger = directory / "ledger.db"
        self.environment = os.environ | {"ANSIBLE_HOME": str(directory), "ANSIBLE_NOCOLOR": "1", "ANSIBLE_LOCALHOST_WARNING": "false"}
        self.directory = directory

    def start(self, *more: dict, lapse: int = 120) -> subprocess.Popen:
        begin = {"leasehold.cloud.run": START | {"lapse": lapse}}
        play = [{"name": "Run", "hosts": "localhost", "gather_facts": False, "tasks": [begin, *more]}]
        file = self.directory / f"play-{len(more)}.yml"
        file.write_text(json.dumps(play), encoding="utf-8")
        return subprocess.Popen([PLAYBOOK, file, "-e", f"ledger={self.ledger}"], env=self.environment, text=True,
                                stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, start_new_session=True)

    def run(self) -> dict | None:
        """The run of cluster blue as the ledger has it."""
        with Ledger.open(str(self.ledger), "tester", writable=False) as ledger, ledger.reading() as tx:
            return runs.get(tx, "blue")


@pytest.fixture
def at_work(tmp_path):
    """A playbook that has started a run and is at work."""
    prompt = Prompt(tmp_path)
    process = prompt.start({"ansible.builtin.pause": {"seconds": 60}})
    deadline = time.monotonic() + STARTED_WITHIN
    while not prompt.run() and time.monotonic() < deadline and process.poll() is None:
        time.sleep(0.1)
    yield prompt, process
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.communicate()


def test_the_playbook_holds_its_run_while_it_lives(at_work):
    prompt, process = at_work
    assert prompt.run()["holder"].split(":")[1] == str(process.pid)
    output, _none = prompt.start().communicate()
    assert "[run_in_progress]" in output


def test_a_killed_playbook_is_taken_over_from_at_once(at_work):
    prompt, process = at_work
    first = prompt.run()
    process.kill()
    process.wait()
    second = prompt.start()
    output, _none = second.communicate()
    assert second.returncode == 0, output
    assert prompt.run()["token"] > first["token"]


def test_a_playbook_at_a_long_task_gives_signs_of_life_until_it_dies(tmp_path):
    prompt = Prompt(tmp_path)
    process = prompt.start({"ansible.builtin.pause": {"seconds": 60}}, lapse=3)
    try:
        beats = seen(prompt, lambda moments: len(moments) >= 4)
        assert beats == sorted(beats), "it is put off again and again, in one and the same task"
        process.kill()
        process.wait()
        silent = seen(prompt, lambda moments: False, seconds=3)
        assert len(silent) <= 2, "one beat may have been under way; then nothing more is heard"
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.communicate()


def seen(prompt: Prompt, enough, seconds: float = STARTED_WITHIN) -> list[str]:
    """The deadlines that the run of cluster blue had, one after the other, until there are enough or the time is over."""
    moments: list[str] = []
    over = time.monotonic() + seconds
    while time.monotonic() < over and not enough(moments):
        run = prompt.run()
        if run and run["deadline"] not in moments:
            moments.append(run["deadline"])
        time.sleep(0.1)
    return moments
