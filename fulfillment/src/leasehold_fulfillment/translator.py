# SPDX-License-Identifier: GPL-3.0-or-later
"""From ansible-runner's events to ours. Knows how our playbooks speak: a play is a step, ``… `` starts a line of progress."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from pathlib import Path

import yaml

from leasehold_fulfillment.events import Event, Failure, State, Step
from leasehold_fulfillment.runs import ANSI

PROGRESS = "… "  # as plugins/plugin_utils/action.py of the collection writes it
NO_HOSTS = "Could not match supplied host pattern"  # a step without objects is skipped, and that is seen
FINDINGS = ("plan", "handover", "clusters")
RERUN = "Read the run's log, mend the cause, and run the same command again: it goes on where it stopped."
RESULTS = {
    "runner_on_ok": State.OK,
    "runner_on_skipped": State.SKIPPED,
    "runner_on_failed": State.FAILED,
    "runner_on_unreachable": State.UNREACHABLE,
}
ERROR_PREFIX = re.compile(r"^(ERROR! |\[ERROR\]: |fatal: )")


def planned_steps(playbook: Path) -> list[str]:
    """The names of a playbook's own plays, in order; those that are only known when they run are left out."""
    plays = yaml.safe_load(playbook.read_text(encoding="utf-8")) or []
    names = [str(play.get("name", "")) for play in plays if isinstance(play, dict) and "hosts" in play]
    return [name for name in names if name and "{{" not in name]


def failure_of(result: dict, step: str, task: str, host: str) -> Failure:
    """Why a task failed, from its result: in the words of our actions if it is one of ours."""
    broken = [item for item in result.get("results") or [] if isinstance(item, dict) and item.get("failed")]
    if broken and "error_code" not in result:
        result = broken[0]
    if "error_code" in result:
        words = {key: str(result.get(key, "")) for key in ("error_code", "object", "attempted", "remedy")}
        return Failure(**words, message=str(result.get("reason") or result.get("msg", "")), step=step)
    if "argument_errors" in result:
        return Failure(
            "invalid_order", "the order", f"reading it ({task})", "Correct the order file; the role's documentation lists what it may hold.",
            "; ".join(map(str, result["argument_errors"])), step,
        )
    said = next((result[key] for key in ("msg", "censored", "module_stderr", "stderr", "stdout") if result.get(key)), "no reason given")
    return Failure("task_failed", host, task, RERUN, str(said).strip(), step)


def findings_of(result: dict) -> dict:
    """What an outcome takes from a task's result: by key, and what a release receipt certifies."""
    found = {key: result[key] for key in FINDINGS if result.get(key)}
    receipt = result.get("receipt")
    if isinstance(receipt, dict) and receipt.get("kind") == "release":
        told = {key: receipt.get(key) or [] for key in ("servers", "gates")}
        found["released"] = told | {"drives": len(receipt.get("wipes") or []), "receipt": result.get("path", "")}
    return found


class Translator:
    """Follows one run: takes runner's events one by one, returns ours, and remembers what the outcome needs."""

    def __init__(self, order: str, run: str):
        self.order = order
        self.run = run
        self.failures: list[Failure] = []
        self.findings: dict = {}
        self.steps: list[Step] = []
        self.tasks = dict.fromkeys((State.OK, State.CHANGED, State.SKIPPED, State.IGNORED, State.FAILED, State.UNREACHABLE), 0)
        self.process: int | None = None  # ansible-playbook's
        self._step = ""
        self._began = self._now = datetime.now(UTC)
        self._in_step: set[State] = set()

    @property
    def failure(self) -> Failure | None:
        """The failure to show: the last that names its remedy, as a rescue that only fails the play again says less."""
        named = [failure for failure in self.failures if failure.error_code not in ("task_failed", "playbook_failed")]
        return (named or self.failures or [None])[-1]

    def translate(self, raw: dict) -> list[Event]:
        """Our events for one of ansible-runner's (often none)."""
        if raw.get("created"):
            self._now = _utc(raw["created"])
        self.process = self.process or raw.get("pid")
        kind, data = raw.get("event", ""), raw.get("event_data") or {}
        if kind in RESULTS:
            return self._result(RESULTS[kind], data)
        if kind in ("verbose", "warning", "system_warning", "error"):
            return self._said(kind, ANSI.sub("", raw.get("stdout", "")))
        handlers = {
            "playbook_on_start": self._playbook_starts, "playbook_on_play_start": self._step_starts,
            "playbook_on_task_start": self._task_starts, "runner_retry": self._retries,
        }
        return handlers[kind](data) if kind in handlers else []

    def started(self) -> Event:
        """The run as a whole begins."""
        return self._event(State.STARTED)

    def waiting(self, message: str) -> Event:
        """The run as a whole waits."""
        return self._event(State.WAITING, message, step="")

    def finish(self, state: State) -> list[Event]:
        """The run is over: end the step under way and the run."""
        self._now = max(self._now, datetime.now(UTC))
        return [*self._end_step(None if state is State.SUCCESSFUL else state), self._event(state, step="")]

    def _event(self, state: State, message: str = "", object: str = "", step: str | None = None) -> Event:
        return Event(self.order, self.run, self._step if step is None else step, object, state, message, self._now)

    def _playbook_starts(self, data: dict) -> list[Event]:
        path = Path(data.get("playbook", ""))
        return [self._event(State.PLANNED, step=name) for name in planned_steps(path)] if path.is_file() else []

    def _step_starts(self, data: dict) -> list[Event]:
        ended = self._end_step(None)
        self._step, self._began, self._in_step = data.get("name", ""), self._now, set()
        return [*ended, self._event(State.STARTED)]

    def _task_starts(self, data: dict) -> list[Event]:
        return [self._event(State.STARTED, data.get("task") or data.get("name", ""))]

    def _retries(self, data: dict) -> list[Event]:
        result = data.get("res") or {}
        message = f"{data.get('task', '')} (try {result.get('attempts', '?')} of {result.get('retries', '?')})"
        return [self._event(State.WAITING, message, _object(data))]

    def _end_step(self, state: State | None) -> list[Event]:
        if not self._step:
            return []
        if state is None:
            state = next((one for one in (State.CHANGED, State.OK) if one in self._in_step), State.SKIPPED)
        self.steps.append(Step(self._step, state, round((self._now - self._began).total_seconds(), 3)))
        ended = self._event(state)
        self._step = ""
        return [ended]

    def _result(self, state: State, data: dict) -> list[Event]:
        result, task = data.get("res") or {}, data.get("task", "")
        if state is State.OK and result.get("changed"):
            state = State.CHANGED
        if state is State.FAILED and data.get("ignore_errors"):
            state = State.IGNORED
        self.tasks[state] += 1
        self._in_step.add(state)
        if state in (State.FAILED, State.UNREACHABLE):
            return [self._failed(state, result, task, data)]
        self.findings |= findings_of(result)
        return [self._event(state, task, _object(data))]

    def _failed(self, state: State, result: dict, task: str, data: dict) -> Event:
        failure = failure_of(result, self._step, task, data.get("host", ""))
        if state is State.UNREACHABLE:
            failure = Failure(
                "unreachable", failure.object, task, "See that it is on and answers at its address, then run the same command again.",
                failure.message, self._step,
            )
        self.failures.append(failure)
        return self._event(state, failure.message, failure.object)

    def _said(self, kind: str, text: str) -> list[Event]:
        lines = [line.strip() for line in text.splitlines() if line.strip()]
        waits = [line.removeprefix(PROGRESS) for line in lines if line.startswith(PROGRESS)]
        if waits:
            return [self._event(State.WAITING, wait) for wait in waits]
        if kind == "error" or any(ERROR_PREFIX.match(line) for line in lines):
            self._playbook_failed(" ".join(lines))
        warning = " ".join(lines).removeprefix("[WARNING]: ") if kind in ("warning", "system_warning") else ""
        return [self._event(State.WARNING, warning)] if warning and NO_HOSTS not in warning else []

    def _playbook_failed(self, text: str) -> None:
        message = ERROR_PREFIX.sub("", text)
        if message and not self.failures:  # what follows a task's failure only repeats it
            attempted = f"running {self._step}" if self._step else "starting it"
            self.failures.append(Failure("playbook_failed", "the playbook", attempted, RERUN, message, self._step))


def _utc(created: str) -> datetime:
    moment = datetime.fromisoformat(created)
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _object(data: dict) -> str:
    host = data.get("host", "")
    return "" if host == "localhost" else host
