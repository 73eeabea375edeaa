# SPDX-License-Identifier: GPL-3.0-or-later
"""Launching an order's playbook and following it. The only caller of ansible-runner."""

from __future__ import annotations

import dataclasses
import queue
import shlex
import signal
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import ansible_runner

from leasehold_fulfillment import environment, processes, runs
from leasehold_fulfillment.events import Event, Failure, Outcome, State
from leasehold_fulfillment.orders import PLAYBOOKS, Order
from leasehold_fulfillment.redaction import Redactor
from leasehold_fulfillment.translator import RERUN, Translator

POLL = 0.5  # seconds between two looks at whether the run is to be canceled


@dataclasses.dataclass(frozen=True)
class Settings:
    """How runs are launched, whatever the order.

    :param state_dir: where the directories of runs are kept.
    :param directory: where ansible-playbook runs (its ansible.cfg and relative paths).
    :param inventory: inventory sources; empty: as Ansible is configured.
    :param environment: variables for the run beyond those of this process. May hold secrets.
    :param check: show what would change and change nothing.
    :param verbosity: as many C(-v).
    :param keep: so many directories of earlier runs are kept.
    :param grace: seconds that a canceled run has to end by itself.
    :param playbooks: what is run for which operation.
    """

    state_dir: Path
    directory: Path = dataclasses.field(default_factory=Path.cwd)
    inventory: tuple[str, ...] = ()
    environment: dict[str, str] = dataclasses.field(default_factory=dict, repr=False)
    check: bool = False
    verbosity: int = 0
    keep: int = 50
    grace: float = 20.0
    playbooks: dict[str, str] = dataclasses.field(default_factory=lambda: dict(PLAYBOOKS))


def launch(order: Order, operation: str, settings: Settings) -> Job:
    """Start the playbook of an operation for an order, and return at once.

    :param operation: C(create), C(scale), C(delete) or C(show).
    :raises KeyError: when there is no such operation.
    """
    playbook = settings.playbooks[operation]
    runs.rotate(settings.state_dir, settings.keep)
    return Job(order, operation, settings, playbook)


class Job:
    """A run under way. Read :meth:`events` to its end, or :meth:`wait`; :meth:`cancel` at any time, from any thread."""

    def __init__(self, order: Order, operation: str, settings: Settings, playbook: str):
        self._directory = runs.RunDirectory(settings.state_dir.absolute(), order, operation)
        self.run = self._directory.run
        self.operation = operation
        self.log = self._directory.log
        self._order = order
        self._settings = settings
        self._translator = Translator(order.name, self.run)
        self._environment = environment.of_run(settings.environment)
        self._redact = Redactor(self._environment)
        self._events: queue.SimpleQueue[Event | None] = queue.SimpleQueue()
        self._cancel_by: float | None = None  # monotonic time at which a canceled run is killed
        self._ending: list[processes.Process] = []  # what was asked to end
        self._outcome: Outcome | None = None
        self._crash: BaseException | None = None
        self._thread = threading.Thread(target=self._work, args=(playbook,), name=self.run, daemon=True)
        self._thread.start()

    def events(self) -> Iterator[Event]:
        """The run's events as they happen, until it has ended. May be left and taken up again."""
        while (event := self._events.get()) is not None:
            yield event
        self._events.put(None)  # for whoever asks again

    def cancel(self, now: bool = False) -> None:
        """End the run: it is asked to, and killed when its grace is over. A run that has ended stays as it is.

        :param now: without grace.
        """
        grace = 0.0 if now else self._settings.grace
        deadline = time.monotonic() + grace
        self._cancel_by = min(deadline, self._cancel_by or deadline)
        self._tell([self._translator.waiting(f"canceled: the run has {grace:.0f} s to end" if grace else "canceled: the run is ended now")])

    def wait(self, timeout: float | None = None) -> Outcome:
        """How the run ended, once it has.

        :raises TimeoutError: when it is still at work after C(timeout) seconds.
        """
        self._thread.join(timeout)
        if self._crash:
            raise self._crash
        if self._outcome is None:
            raise TimeoutError(f"run {self.run} is still at work")
        return self._outcome

    def _work(self, playbook: str) -> None:
        began = time.monotonic()
        try:
            self._tell([self._translator.started()])
            status, rc = self._run(playbook)
            state, failure = self._end(status, rc)
            self._tell(self._translator.finish(state))
            self._outcome = Outcome(
                order=self._order.name, operation=self.operation, run=self.run, state=state, check=self._settings.check,
                seconds=round(time.monotonic() - began, 3), steps=tuple(self._translator.steps), tasks=self._translator.tasks,
                findings=self._translator.findings, failure=failure, log=self.log,
            )
        except BaseException as error:  # not lost: wait() raises it
            self._crash = error
        finally:
            self._directory.release()
            self._events.put(None)

    def _run(self, playbook: str) -> tuple[str, int]:
        """Run ansible-runner to its end, in this thread."""
        private = self._environment
        self._directory.write_settings({"pexpect_timeout": POLL, "suppress_output_file": True})  # the log is ours, redacted
        runner = ansible_runner.interface.init_runner(
            private_data_dir=str(self._directory.path), artifact_dir=str(self._directory.path), ident="artifacts",
            project_dir=str(self._settings.directory), playbook=playbook, inventory=list(self._settings.inventory),
            cmdline=shlex.join(self._options()) or None, verbosity=self._settings.verbosity, envvars=private,
            fact_cache_type="memory", suppress_env_files=True, quiet=True,
            event_handler=self._on_event, cancel_callback=self._is_to_be_killed,
        )
        if "ANSIBLE_HOST_KEY_CHECKING" not in private:
            runner.config.env.pop("ANSIBLE_HOST_KEY_CHECKING", None)  # runner turns it off; that is for Ansible's configuration to say
        runner.config.env = {name: value for name, value in runner.config.env.items() if private.get(name) != value}
        handed = environment.PrivateEnvironment(self._directory.path, private)
        try:
            runner.config.command = handed.wrap(runner.config.command)
            return runner.run()
        finally:
            handed.close()
            processes.end(self._ending, self._cancel_by or 0.0)

    def _options(self) -> list[str]:
        return ["--check", "--diff"] if self._settings.check else []

    def _on_event(self, raw: dict) -> bool:
        """Runner hands over each event before it writes it down: what is struck here is in no artifact."""
        raw.update(self._redact(raw))
        self._directory.append_log(raw.get("stdout", ""))
        self._tell(self._translator.translate(raw))
        return True

    def _tell(self, events: list[Event]) -> None:
        for event in events:
            self._events.put(event)

    def _is_to_be_killed(self) -> bool:
        """Runner asks this twice a second; at True it kills ansible-playbook's process group."""
        if self._cancel_by is None:
            return False
        process = self._translator.process
        if process and not self._ending:
            self._ending = processes.tree(process)  # before: its workers are not found by it afterwards
            for first in self._ending[:1]:
                first.send(signal.SIGTERM)  # it passes it on to its workers, and they to their children
        return not self._ending or time.monotonic() >= self._cancel_by  # before its first event, a run has begun nothing

    def _end(self, status: str, rc: int) -> tuple[State, Failure | None]:
        """How the run ended. By what its tasks said: ansible-playbook's code 4 means unreachable, but also broken YAML."""
        if status == "successful":
            return State.SUCCESSFUL, None
        if self._cancel_by is not None:
            return State.CANCELED, None
        unexplained = Failure("playbook_failed", "ansible-playbook", "running it", RERUN, f"it ended with code {rc}")
        failure = self._translator.failure or unexplained
        return State.UNREACHABLE if failure.error_code == "unreachable" else State.FAILED, failure
