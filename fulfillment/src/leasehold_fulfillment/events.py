# SPDX-License-Identifier: GPL-3.0-or-later
"""What a run tells: its events, how it failed, how it ended. Pure data."""

from __future__ import annotations

import dataclasses
from datetime import datetime
from enum import StrEnum
from pathlib import Path

BAD_INPUT = frozenset({"invalid_input", "invalid_order", "invalid_source", "outside_envelope"})


class State(StrEnum):
    """What an event says of its subject: the run (no step), a step (no message), or a task of a step."""

    PLANNED = "planned"  # a step that will come
    STARTED = "started"
    WAITING = "waiting"
    OK = "ok"
    CHANGED = "changed"
    SKIPPED = "skipped"
    IGNORED = "ignored"  # failed, and the playbook does not mind
    WARNING = "warning"
    FAILED = "failed"
    UNREACHABLE = "unreachable"
    SUCCESSFUL = "successful"  # of runs only
    CANCELED = "canceled"


@dataclasses.dataclass(frozen=True)
class Event:
    """One thing that happened in a run.

    :param order: the order's name, which is its cluster's.
    :param run: the run's id.
    :param step: the play it happened in; empty for the run as a whole.
    :param object: what it concerns (a switch, a server …); empty when it is the step or the run itself.
    :param message: what was done, or is waited for; empty when a step as a whole starts or ends.
    :param time: when, with time zone.
    """

    order: str
    run: str
    step: str
    object: str
    state: State
    message: str
    time: datetime

    def as_dict(self) -> dict:
        """The event as JSON-able values; the time in ISO 8601."""
        return dataclasses.asdict(self) | {"time": self.time.isoformat()}


@dataclasses.dataclass(frozen=True)
class Failure:
    """Why a run failed: where, on what, while doing what, and what the reader can do about it."""

    error_code: str
    object: str
    attempted: str
    remedy: str
    message: str
    step: str = ""

    @property
    def bad_input(self) -> bool:
        """Whether the order itself has to be corrected."""
        return self.error_code in BAD_INPUT


@dataclasses.dataclass(frozen=True)
class Step:
    """A step that has ended, and how long it took."""

    name: str
    state: State
    seconds: float


@dataclasses.dataclass(frozen=True)
class Outcome:
    """How a run ended.

    :param state: C(successful), C(failed), C(canceled) or C(unreachable).
    :param failure: set unless successful or canceled.
    :param findings: what its tasks returned under the keys C(plan), C(handover), C(released) and C(clusters).
    :param tasks: results of tasks by state, one per task and host.
    :param log: the run's output, as ansible-playbook printed it.
    """

    order: str
    operation: str
    run: str
    state: State
    check: bool
    seconds: float
    steps: tuple[Step, ...]
    tasks: dict[str, int]
    findings: dict
    failure: Failure | None
    log: Path

    def as_dict(self) -> dict:
        """The outcome as JSON-able values."""
        return dataclasses.asdict(self) | {"log": str(self.log)}
