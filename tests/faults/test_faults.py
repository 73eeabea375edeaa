"""Every fault of the lab: the order fails closed with a clear error, or recovers; a re-run finishes it; nothing leaks."""

from __future__ import annotations

import pytest

from lab.faults import KINDS
from tests.faults.faults import STORIES

HALVES = [(story.name, operation) for story in STORIES for operation in ("create", "delete")]


@pytest.mark.parametrize(("story", "operation"), HALVES, ids=lambda value: value)
def test_an_order_survives(told, story, operation):
    outcome = told.outcome(story, operation)
    if outcome.problem:
        raise outcome.problem
    assert outcome.became in ("failed closed", "recovered")


def test_every_fault_of_the_lab_is_met():
    met = {strike.fault[0] for story in STORIES for strike in (story.create, story.delete)}
    assert met == set(KINDS)
