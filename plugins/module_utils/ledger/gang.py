# Copyright: (c) 2026, leasehold.cloud contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The gang claim: all that a plan needs in one transaction, or nothing; and a second try for those who came second."""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Callable, Mapping

from ansible_collections.leasehold.cloud.plugins.module_utils.core.changes import Change
from ansible_collections.leasehold.cloud.plugins.module_utils.core.claims import Order
from ansible_collections.leasehold.cloud.plugins.module_utils.core.errors import ClaimConflict, LeaseholdError, Reserved, StalePlan
from ansible_collections.leasehold.cloud.plugins.module_utils.core.plan import Manifests
from ansible_collections.leasehold.cloud.plugins.module_utils.lazy import lazy
from ansible_collections.leasehold.cloud.plugins.module_utils.ledger import claims, clusters, glance, ground, holds, leases, quotas, reservations, runs
from ansible_collections.leasehold.cloud.plugins.module_utils.ledger.database import Ledger, Transaction

exc = lazy("sqlalchemy.exc")

OUTRUN = (ClaimConflict, StalePlan, Reserved)  # somebody else was first; a new plan may still find room


@dataclasses.dataclass(frozen=True)
class Gang:
    """What was taken: the plan that it was for, the changes, and warnings (quotas that are nearly used up)."""

    plan: Mapping
    changes: list[Change]
    warnings: list[str]


def take(tx: Transaction, plan: Mapping, token: int | None, hold: int | None = None) -> Gang:
    """Take, or for a lease that begins later reserve, all that a plan needs; record its order and its lease.

    :param token: of the cluster's run; None in check mode, where there is none.
    :param hold: seconds after which it lapses unless a run has begun to use it.
    :raises StaleRun: the run may no longer write.
    :raises StalePlan: what the plan rests on has moved.
    :raises ClaimConflict, Reserved: another cluster holds, or will need, one of its resources.
    :raises QuotaExceeded: the tenant may not have so much.
    :raises Refused: servers would join a cluster whose lease is over.
    """
    seen = glance.at(tx, plan, hold)
    if token is not None:
        runs.fence(tx, plan["cluster"], token, "claiming")
    lapsed = holds.lapse(tx, besides=plan["cluster"]) if seen.lapsed else []
    if seen.moved:
        ground.verify(tx, plan)
    terms, (start, end) = leases.terms(tx, plan), leases.window(tx, plan, hold)
    leases.refuse_over(tx, plan, leases.window_of_new(tx, plan, hold)[1])
    warnings = quotas.check(tx, plan, (terms["lease_start"], terms["lease_end"])) if seen.limited else []
    if seen.reserved:
        leases.refuse_clash(tx, plan, hold)
    if start > tx.at:
        taken = reservations.take(tx, plan, start, end)
    else:
        taken = claims.take(tx, plan, token or 0, clear=not seen.moved) + (reservations.drop(tx, plan["cluster"]) if seen.reserved else [])
    return Gang(plan, lapsed + taken + _settle(tx, plan, hold), warnings)


def _settle(tx: Transaction, plan: Mapping, hold: int | None) -> list[Change]:
    """Record the order and the lease. What is held awaits approval; a lease that was ending and has time again is ready."""
    cluster = plan["cluster"]
    changes = clusters.note_order(tx, cluster, leases.settled(tx, plan, hold) | claims.settled(tx, plan))
    return changes + (clusters.move(tx, cluster, "awaiting_approval") if hold else clusters.renew(tx, cluster))


def contend(ledger: Ledger, plan: Mapping, attempt: Callable[[Transaction, Mapping], dict], objects: Manifests,
            say: Callable[[str], None], approved: bool = False) -> dict:
    """Try to take what a plan needs. Whoever was outrun plans anew with what is left, in the very transaction that takes, where
    nobody can be faster: a third try would find no more.

    Nothing is held while trying, so contenders never wait for each other's parts. Orders that come together mostly want the same
    VLAN and the same servers, the next free ones: to plan outside again would mostly be outrun again.

    :param attempt: takes what the plan needs in the transaction and returns the result.
    :param objects: makes the hub's manifests of a new plan.
    :param say: is told why it is tried again.
    :param approved: somebody has approved this very plan, so that no other may take its place.
    """
    try:
        with _last_word(plan["cluster"]), ledger.transaction() as tx:
            return attempt(tx, plan)
    except OUTRUN as error:
        if approved:
            raise
        say(f"planning anew, as others were first: {_short(error)}")
    with _last_word(plan["cluster"]), ledger.transaction() as tx:
        return attempt(tx, _again(tx, plan, objects))


@contextlib.contextmanager
def _last_word(cluster: str):
    """The database has it: nothing is claimed twice, whoever writes to it, and however."""
    try:
        yield
    except exc.IntegrityError as error:
        raise ClaimConflict(
            f"one of its resources was taken at the same moment: {error.orig}", object=f"cluster {cluster}",
            attempted="claiming its resources", remedy="run the order again: it plans anew with what is free now",
        ) from error


def _again(tx: Transaction, plan: Mapping, objects: Manifests) -> dict:
    """A new plan for the order of another."""
    return ground.plan(tx, Order.from_dict(plan["order"]), plan["operation"], plan["site"], objects)


def _short(error: LeaseholdError) -> str:
    return f"{error.object}: {error.message}"
