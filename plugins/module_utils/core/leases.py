# Copyright: (c) 2026, leasehold.cloud contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Leases over time: when one is warned of, when it ends and is released, and what a renewal may ask for.

A cluster holds what it holds in C([start, end + grace)). All moments are texts of C(times.iso), which sort as they follow
each other; all periods are seconds.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Collection

from ansible_collections.leasehold.cloud.plugins.module_utils.core.errors import InvalidOrder, Refused
from ansible_collections.leasehold.cloud.plugins.module_utils.core.times import after, moment

ONLY_KEPT = ("requested", "awaiting_approval")  # phases of an order that is reserved or held
TO_EXPIRE = ("ready", "degraded")
EXPIRED, HELD_BACK, AT_WORK, DUE, MISSED = "expired", "held_back", "at_work", "due", "missed"


@dataclasses.dataclass(frozen=True)
class Lease:
    """A cluster's lease, and what of the cluster matters to it. C(hold) is why it is not released, C(warned) the smallest threshold told."""

    cluster: str
    phase: str
    start: str | None = None
    end: str | None = None
    grace: int = 0
    hold: str | None = None
    warned: int | None = None
    at_work: str | None = None  # operation of the run that is at work on the cluster
    failed: str | None = None  # operation whose failure the cluster stands in
    failed_at: str | None = None

    @property
    def over(self) -> str | None:
        """When its grace has passed too, and it is released. None: never."""
        return after(self.end, self.grace) if self.end else None

    def remaining(self, now: str) -> int | None:
        """Seconds until its end; negative after it."""
        return seconds_between(now, self.end) if self.end else None


@dataclasses.dataclass(frozen=True)
class Verdict:
    """What a sweep does with a lease: the threshold to C(warn) of, whether it has C(ended), and its C(fate), if it has one.

    A fate is C(expired) (to be released), C(held_back) (it would be), C(at_work) (a run is), C(due) (reserved, and its start
    has come) or C(missed) (reserved, and its end has come).
    """

    warn: int | None = None
    ended: bool = False
    fate: str | None = None


def judge(lease: Lease, now: str, thresholds: Collection[int] = ()) -> Verdict:
    """What a sweep does with a lease at a moment.

    :param thresholds: seconds before the end at which it is warned of, once each.
    """
    if lease.phase == "deleted" or not lease.end:
        return Verdict()
    if lease.phase in ONLY_KEPT:
        return Verdict(fate=_fate_of_reserved(lease, now))
    if lease.end > now:
        return Verdict(warn=_threshold(lease, now, thresholds))
    return Verdict(ended=lease.phase in TO_EXPIRE, fate=_fate_of_ended(lease, now))


def new_end(lease: Lease, now: str, end: str | None = None, duration: int | None = None) -> str:
    """The end that a renewal gives a lease: the moment C(end), or C(duration) seconds after its start; as it is without both.

    :raises InvalidOrder: the new end has passed already.
    :raises Refused: the lease has not begun, or the cluster is on its way out.
    """
    refuse_gone(lease)
    wanted = end or (after(lease.start, duration) if duration is not None else lease.end)
    if wanted != lease.end and wanted <= now:
        raise InvalidOrder(
            f"{wanted} has passed already", object=f"lease of cluster {lease.cluster}", attempted="renewing it",
            remedy="name a later end, or release the cluster with leasehold.cloud.cluster_delete", details={"end": lease.end, "wanted": wanted},
        )
    return wanted


def release_order(lease: Lease) -> tuple[str, str, str]:
    """The key by which clusters are released one after another: the most overdue first, but those whose release has failed after all others,
    and of these the one that failed longest ago. So where only some are released at a time, one that fails each time keeps no other waiting."""
    tried = lease.failed_at if lease.failed == "delete" else None  # no moment sorts before any
    return (tried or "", lease.over or "", lease.cluster)


def refuse_gone(lease: Lease) -> None:
    """Refuse to change a lease that has not begun, or is over for good.

    :raises Refused: saying why.
    """
    releasing = lease.phase in ("deleting", "deleted") or (lease.phase == "failed" and lease.failed == "delete")
    if not releasing and lease.phase not in ONLY_KEPT and lease.start:
        return
    why, remedy = ("its release has begun", "order a new cluster") if releasing else (
        "its lease has not begun", "change the order: leasehold.cloud.cluster_reserve again, or leasehold.cloud.cluster_create")
    raise Refused(why, object=f"lease of cluster {lease.cluster}", attempted="changing it", remedy=remedy, details={"phase": lease.phase})


def seconds_between(start: str, end: str) -> int:
    """Whole seconds from one moment to another."""
    return int((moment(end) - moment(start)).total_seconds())


def _fate_of_reserved(lease: Lease, now: str) -> str | None:
    if lease.start is None or lease.start > now or lease.at_work:
        return None
    return DUE if lease.end > now else MISSED


def _fate_of_ended(lease: Lease, now: str) -> str | None:
    if lease.over > now:
        return None
    if lease.hold:
        return HELD_BACK
    return AT_WORK if lease.at_work else EXPIRED


def _threshold(lease: Lease, now: str, thresholds: Collection[int]) -> int | None:
    """The smallest threshold that has been reached and not been told. Of those longer than the lease itself nobody wants to hear."""
    remaining, length = moment(lease.end) - moment(now), seconds_between(lease.start, lease.end) if lease.start else None
    reached = [seconds for seconds in thresholds if remaining.total_seconds() <= seconds and (length is None or seconds < length)]
    smallest = min(reached, default=None)
    return smallest if smallest is not None and (lease.warned is None or smallest < lease.warned) else None
