# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import dataclasses

import pytest

from ansible_collections.leasehold.cloud.plugins.module_utils.core import leases
from ansible_collections.leasehold.cloud.plugins.module_utils.core.errors import InvalidOrder, Refused
from ansible_collections.leasehold.cloud.plugins.module_utils.core.leases import Lease, Verdict
from ansible_collections.leasehold.cloud.plugins.module_utils.core.times import after

HOUR, DAY = 3600, 86400
START = "2026-11-01T00:00:00.000Z"
END = after(START, 30 * DAY)
BLUE = Lease("blue", "ready", START, END)
WARN = (7 * DAY, DAY, HOUR)


def blue(**changes) -> Lease:
    return dataclasses.replace(BLUE, **changes)


def judged(seconds_after_end: int, thresholds=WARN, **changes) -> Verdict:
    return leases.judge(blue(**changes), after(END, seconds_after_end), thresholds)


@pytest.mark.parametrize(("left", "warned", "told"), [
    (7 * DAY + 1, None, None), (7 * DAY, None, 7 * DAY), (7 * DAY, 7 * DAY, None), (DAY, 7 * DAY, DAY), (2, None, HOUR),
    (HOUR, HOUR, None), (2 * HOUR, HOUR, None),
])
def test_a_lease_is_warned_of_once_per_threshold_by_the_smallest_that_was_reached(left, warned, told):
    assert judged(-left, warned=warned) == Verdict(warn=told)


def test_thresholds_longer_than_a_lease_are_not_for_it():
    short = Lease("blue", "ready", START, after(START, 12 * HOUR))
    assert leases.judge(short, after(START, HOUR), WARN) == Verdict()
    assert leases.judge(short, after(START, 11 * HOUR), WARN) == Verdict(warn=HOUR)


def test_a_lease_ends_at_its_end_and_is_released_after_its_grace():
    assert judged(-1, ()) == Verdict()
    assert judged(0, grace=DAY) == Verdict(ended=True)
    assert judged(DAY - 1, grace=DAY, phase="expiring") == Verdict()
    assert judged(DAY, grace=DAY, phase="expiring") == Verdict(fate="expired")
    assert judged(0) == Verdict(ended=True, fate="expired")


@pytest.mark.parametrize("phase", ["provisioning", "scaling", "failed", "deleting", "degraded"])
def test_what_never_got_ready_or_was_not_released_is_released_all_the_same(phase):
    assert judged(DAY, phase=phase).fate == "expired"


def test_a_lease_on_hold_ends_and_is_not_released():
    assert judged(0, hold="dispute") == Verdict(ended=True, fate="held_back")


def test_a_cluster_that_a_run_is_at_work_on_is_left_to_it():
    assert judged(0, phase="deleting", at_work="delete") == Verdict(fate="at_work")


def test_a_deleted_cluster_and_one_without_a_lease_have_no_fate():
    assert judged(DAY, phase="deleted") == Verdict()
    assert judged(DAY, end=None) == Verdict()


@pytest.mark.parametrize(("now", "at_work", "fate"), [
    (after(START, -1), None, None), (START, None, "due"), (START, "create", None), (after(END, -1), None, "due"), (END, None, "missed"),
])
def test_a_reservation_is_due_from_its_start_to_its_end(now, at_work, fate):
    assert leases.judge(blue(phase="requested", at_work=at_work), now, WARN) == Verdict(fate=fate)


def test_a_duration_counts_from_the_start_so_that_to_renew_twice_is_to_renew_once():
    once = leases.new_end(BLUE, END, duration=60 * DAY)
    assert once == after(START, 60 * DAY)
    assert leases.new_end(blue(end=once), END, duration=60 * DAY) == once


def test_a_lease_may_be_shortened_but_not_into_the_past():
    now = after(START, 10 * DAY)
    assert leases.new_end(BLUE, now, end=after(now, 1)) == after(now, 1)
    with pytest.raises(InvalidOrder) as caught:
        leases.new_end(BLUE, now, end=now)
    assert caught.value.object == "lease of cluster blue"


def test_an_end_that_stays_may_have_passed():
    assert leases.new_end(BLUE, after(END, DAY), duration=30 * DAY) == END
    assert leases.new_end(BLUE, after(END, DAY)) == END


@pytest.mark.parametrize(("changes", "told"), [
    ({"phase": "deleting"}, "its release has begun"), ({"phase": "deleted"}, "its release has begun"),
    ({"phase": "failed", "failed": "delete"}, "its release has begun"), ({"phase": "requested"}, "its lease has not begun"),
    ({"phase": "awaiting_approval", "start": None, "end": None}, "its lease has not begun"),
])
def test_what_is_on_its_way_out_or_has_not_begun_is_not_renewed(changes, told):
    with pytest.raises(Refused) as caught:
        leases.new_end(blue(**changes), START, duration=60 * DAY)
    assert caught.value.message == told


def test_a_failed_scale_does_not_forbid_a_renewal():
    assert leases.new_end(blue(phase="failed", failed="scale"), START, duration=60 * DAY) == after(START, 60 * DAY)


def test_what_is_released_first_does_not_wait_for_what_fails_each_time():
    def one(name: str, over: str, **changes) -> Lease:
        return Lease(name, "expiring", end=f"2026-01-0{over}T00:00:00.000Z", **changes)

    failed = {"failed": "delete", "failed_at": "2026-02-01T00:00:00.000Z"}
    waiting = [one("c", "2"), one("a", "3"), one("b", "3"), one("d", "4", failed="scale", failed_at="2026-02-03T00:00:00.000Z"),
               one("e", "5", **failed), one("f", "1", **failed | {"failed_at": "2026-02-02T00:00:00.000Z"})]
    assert sorted(reversed(waiting), key=leases.release_order) == waiting
