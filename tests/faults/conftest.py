"""The stories asked for are told at the start, in a few labs side by side; the tests look at what became of them."""

from __future__ import annotations

import contextlib
import os
import queue
import sys
import threading
import time

import pytest
from rich.console import Console
from rich.table import Table

from tests.conftest import make_lab, require_root
from tests.faults.faults import STORIES, Story
from tests.faults.story import SIZE, Outcome, Teller

LABS = (45, 145)  # numbers; a story has a lab to itself


class Tellers:
    """One thread per lab, each taking the next story until none is left."""

    def __init__(self, stories: list[Story]):
        self.outcomes: list[Outcome] = []
        self.begun = time.monotonic()
        self.told = {story.name: threading.Event() for story in stories}
        self._stories: queue.SimpleQueue = queue.SimpleQueue()
        for story in stories:
            self._stories.put(story)
        self._threads = [threading.Thread(target=self._tell_in, args=(number,), name=f"lab-{number}")
                         for number in LABS[:min(os.cpu_count() or 1, len(LABS), len(stories))]]
        for thread in self._threads:
            thread.start()

    def outcome(self, story: str, operation: str) -> Outcome:
        """What became of one half of a story; waits until it has been told."""
        assert self.told[story].wait(600), f"the story {story} did not end"
        return next(outcome for outcome in self.outcomes if (outcome.story, outcome.operation) == (story, operation))

    def end(self) -> None:
        for thread in self._threads:
            thread.join()

    def _tell_in(self, number: int) -> None:
        with contextlib.contextmanager(make_lab)(number, *SIZE) as lab:
            teller = Teller(lab)
            teller.begin()
            with contextlib.suppress(queue.Empty):
                while True:
                    self._tell(teller, self._stories.get_nowait())

    def _tell(self, teller: Teller, story) -> None:
        outcomes = teller.tell(story)
        self.outcomes += outcomes
        self.told[story.name].set()
        if any(outcome.problem for outcome in outcomes):
            teller.begin_again()
        for outcome in outcomes:
            verdict = "as it must" if outcome.problem is None else "NOT as it must"
            print(f"  {verdict:15} {outcome.operation:6} {outcome.fault:48} {outcome.became}", file=sys.stderr, flush=True)


@pytest.fixture(scope="session")
def told(request):
    require_root()
    asked = {item.callspec.params["story"] for item in request.session.items if hasattr(item, "callspec")}
    tellers = Tellers([story for story in STORIES if story.name in asked])
    yield tellers
    tellers.end()
    Console(file=sys.stderr, width=150).print(*report(tellers), sep="\n")


def report(tellers: Tellers) -> tuple[Table, str]:
    """The table for people, and the totals."""
    table = Table(title="Orders that met a fault")
    for heading in ("fault", "during", "the order", "error_code", "names", "run again", "seconds", "as it must"):
        table.add_column(heading, justify="right" if heading == "seconds" else "left")
    for outcome in sorted(tellers.outcomes, key=lambda each: (each.operation, each.fault)):
        table.add_row(outcome.fault, outcome.operation, outcome.became, outcome.error.get("error_code") or "–",
                      outcome.error.get("object") or "–", outcome.again, f"{outcome.seconds:.0f}",
                      "no" if outcome.problem or outcome.became == "not reached" else "yes")
    became = [outcome.became for outcome in tellers.outcomes]
    good = sum(1 for outcome in tellers.outcomes if not outcome.problem and outcome.became != "not reached")
    totals = (f"{len(became)} faults: {became.count('failed closed')} orders failed closed and were finished by running them again, "
              f"{became.count('recovered')} recovered by themselves; {good} of {len(became)} ended as they must, with nothing leaked; "
              f"{time.monotonic() - tellers.begun:.0f} s.")
    return table, totals
