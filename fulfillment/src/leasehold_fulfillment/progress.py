# SPDX-License-Identifier: GPL-3.0-or-later
"""Showing a run as it happens: live in a terminal, line by line elsewhere, as JSON lines for programs."""

from __future__ import annotations

import dataclasses
import json
import time
from collections import deque
from typing import Protocol

from rich.console import Console, ConsoleOptions, RenderResult
from rich.live import Live
from rich.spinner import Spinner
from rich.table import Table
from rich.text import Text

from leasehold_fulfillment.events import Event, Outcome, State

MARKS = {
    State.OK: ("✔", "green"), State.CHANGED: ("✔", "green"), State.SKIPPED: ("–", "dim"), State.FAILED: ("✘", "bold red"),
    State.UNREACHABLE: ("✘", "bold red"), State.CANCELED: ("■", "yellow"), State.PLANNED: ("·", "dim"),
}
ENDS = (State.OK, State.CHANGED, State.SKIPPED, State.FAILED, State.UNREACHABLE, State.CANCELED)
OBJECTS = 4  # so many are named; the rest are counted
WAITS = 3  # lines of waiting that are kept in sight


class View(Protocol):
    """Whatever shows a run. Used as a context manager around :meth:`show`."""

    def __enter__(self) -> View: ...

    def __exit__(self, *_) -> None: ...

    def show(self, event: Event) -> None:
        """Take notice of an event."""

    def end(self, outcome: Outcome) -> None:
        """The run has ended."""


def duration(seconds: float) -> str:
    """Seconds for people: C(4.2 s), C(1 min 12 s), C(2 h 3 min)."""
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest} s" if minutes < 60 else f"{minutes // 60} h {minutes % 60} min"


class JsonView:
    """One JSON object a line: the events, then the outcome."""

    def __init__(self, console: Console):
        self._stream = console.file

    def __enter__(self) -> JsonView:
        return self

    def __exit__(self, *_) -> None:
        self._stream.flush()

    def show(self, event: Event) -> None:
        self._line({"event": event.as_dict()})

    def end(self, outcome: Outcome) -> None:
        self._line({"outcome": outcome.as_dict()})

    def _line(self, content: dict) -> None:
        self._stream.write(json.dumps(content, ensure_ascii=False, default=str) + "\n")
        self._stream.flush()


class PlainView:
    """One line per event that a reader of a log cares for. ``everything`` adds tasks that start or change nothing."""

    def __init__(self, console: Console, everything: bool = False):
        self._console = console
        self._everything = everything

    def __enter__(self) -> PlainView:
        return self

    def __exit__(self, *_) -> None:
        self._console.file.flush()

    def show(self, event: Event) -> None:
        unremarkable = event.message and event.state in (State.STARTED, State.OK, State.SKIPPED)
        if event.state is State.PLANNED or not (event.step or event.message) or (unremarkable and not self._everything):
            return
        what = ": ".join(filter(None, (event.object, event.message)))
        self._print(f"{event.time.astimezone():%H:%M:%S}  {event.step or event.order:<26} {event.state.value:<11} {what}".rstrip())

    def end(self, outcome: Outcome) -> None:
        self._print(f"{outcome.order}: {outcome.operation} {outcome.state.value} after {duration(outcome.seconds)}")

    def _print(self, line: str) -> None:
        self._console.print(line, markup=False, highlight=False, soft_wrap=True)


@dataclasses.dataclass
class _Step:
    """What is shown of one step."""

    name: str
    state: State = State.PLANNED
    began: float = 0.0
    seconds: float = 0.0
    task: str = ""
    waits: deque[str] = dataclasses.field(default_factory=lambda: deque(maxlen=WAITS))
    objects: dict[str, State] = dataclasses.field(default_factory=dict)


class LiveView:
    """The steps of the run: what is done and how long it took, what is under way and what it waits for, what will come."""

    def __init__(self, console: Console, title: str, transient: bool = False):
        self._title = title
        self._began = time.monotonic()
        self._note = ""
        self._steps: dict[str, _Step] = {}
        self._spinner = Spinner("dots", style="cyan")
        self._console = console
        self._live = Live(self, console=console, refresh_per_second=10, transient=transient)

    def __enter__(self) -> LiveView:
        self._live.__enter__()
        return self

    def __exit__(self, *details) -> None:
        self._live.__exit__(*details)

    def show(self, event: Event) -> None:
        if event.state is State.WARNING:
            self._console.print(Text(event.message, style="yellow"))
        elif event.step and not event.message:
            self._show_step(event)
        elif event.step:
            self._show_task(self._steps.setdefault(event.step, _Step(event.step)), event)
        else:
            self._note = event.message

    def end(self, outcome: Outcome) -> None:
        for name in [name for name, step in self._steps.items() if step.state is State.PLANNED]:
            del self._steps[name]  # the run ended before them
        self._live.refresh()

    def _show_step(self, event: Event) -> None:
        step = self._steps.setdefault(event.step, _Step(event.step))
        step.state = event.state
        if event.state is State.STARTED:
            step.began = time.monotonic()
        elif event.state in ENDS:
            step.seconds = time.monotonic() - step.began
            step.waits.clear()

    def _show_task(self, step: _Step, event: Event) -> None:
        if event.state is State.STARTED:
            step.task = event.message
            step.waits.clear()
        elif event.state is State.WAITING:
            if event.message in step.waits:
                step.waits.remove(event.message)
            step.waits.append(event.message)
        elif event.object:
            step.objects[event.object] = event.state

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        table = Table.grid(padding=(0, 1))
        table.add_column(width=2)
        table.add_column(no_wrap=True, min_width=24)
        table.add_column(justify="right", no_wrap=True, min_width=9)
        table.add_column(overflow="ellipsis", no_wrap=True, ratio=1)
        heading = Text.assemble((self._title, "bold"), "  ", (duration(time.monotonic() - self._began), "cyan"), "  ", (self._note, "yellow"))
        yield heading
        for step in self._steps.values():
            self._add(table, step)
        yield table

    def _add(self, table: Table, step: _Step) -> None:
        if step.state is State.STARTED:
            elapsed = duration(time.monotonic() - step.began)
            table.add_row(self._spinner, Text(step.name, style="bold"), Text(elapsed, style="cyan"), _objects(step) or Text(step.task))
            for wait in step.waits:
                table.add_row("", "", "", Text(f"… {wait}", style="dim"))
            return
        mark, style = MARKS[step.state]
        dim = style if style == "dim" else ""
        taken = "" if step.state in (State.PLANNED, State.SKIPPED) else duration(step.seconds)
        table.add_row(Text(mark, style=style), Text(step.name, style=dim), Text(taken, style="dim"), _objects(step))


def _objects(step: _Step) -> Text:
    """The objects that a step has dealt with, each coloured by how it went."""
    hidden = len(step.objects) - OBJECTS
    text = Text(f"{hidden} more, ", style="dim") if hidden > 0 else Text()
    for name in list(step.objects)[-OBJECTS:]:
        mark, style = MARKS.get(step.objects[name], ("·", "dim"))
        text.append(f"{mark} ", style=style).append(f"{name}  ")
    return text
