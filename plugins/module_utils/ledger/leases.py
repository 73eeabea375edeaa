# Copyright: (c) 2026, leasehold.cloud contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Leases in the ledger: what a plan makes of one, its renewal, and what later reservations forbid."""

from __future__ import annotations

from collections.abc import Mapping

from ansible_collections.leasehold.cloud.plugins.module_utils.core.changes import Change
from ansible_collections.leasehold.cloud.plugins.module_utils.core.errors import Reserved
from ansible_collections.leasehold.cloud.plugins.module_utils.core.times import after
from ansible_collections.leasehold.cloud.plugins.module_utils.ledger import claims, clusters, reservations
from ansible_collections.leasehold.cloud.plugins.module_utils.ledger.database import Transaction

FOREVER = "9999-12-31T00:00:00.000Z"  # the end of a lease without one
NOT_BEGUN = (*clusters.GONE, "requested", "awaiting_approval")


def terms(tx: Transaction, plan: Mapping) -> dict:
    """What a plan makes of its cluster's lease: C({lease_start, lease_end, lease_grace}). An order that says no duration keeps the end.

    A lease begins with its first claim, or when it was reserved for; then its start stays.
    """
    row = clusters.get(tx, plan["cluster"]) or {}
    start = _start(tx, row, plan.get("lease_start"))
    known = row.get("phase") not in clusters.GONE
    grace = plan.get("grace_seconds")
    return {
        "lease_start": start,
        "lease_end": after(start, plan["lease_seconds"]) if plan["lease_seconds"] else row.get("lease_end") if known else None,
        "lease_grace": grace if grace is not None else row.get("lease_grace") if known else None,
    }


def window(tx: Transaction, plan: Mapping, hold: int | None = None) -> tuple[str, str]:
    """From when to when (its grace included) a plan's cluster will hold its resources.

    :param hold: seconds until the deadline of a hold: the lease may begin as late as that.
    """
    planned = terms(tx, plan)
    start = max(planned["lease_start"], tx.at)
    if planned["lease_end"] is None:
        return start, FOREVER
    return start, after(planned["lease_end"], (planned["lease_grace"] or 0) + (hold or 0))


def refuse_clash(tx: Transaction, plan: Mapping, hold: int | None = None) -> None:
    """Refuse a plan that would hold what a later reservation of another cluster needs.

    :raises Reserved: naming the reservation and the latest end that is possible.
    """
    start, end = window(tx, plan, hold)
    refuse_later(tx, plan["cluster"], claims.of_plan(plan), start, end, terms(tx, plan)["lease_grace"] or 0)


def refuse_later(tx: Transaction, cluster: str, rows: list[Mapping], start: str, end: str, grace: int) -> None:
    """Refuse that a cluster holds the resources of C(rows) from C(start) to C(end), of which the last C(grace) seconds are its grace.

    :raises Reserved: when a reservation of another cluster needs one of them in that time.
    """
    clashes = reservations.clashing(tx, rows, start, end, cluster)
    if not clashes:
        return
    latest = after(clashes[0]["starts_at"], -grace)
    told = ", ".join(f"{row['kind']} {row['resource']} from {row['starts_at']} on by cluster {row['cluster']}" for row in clashes)
    raise Reserved(
        f"reserved: {told}", object=f"cluster {cluster}", attempted=f"holding it until {end}",
        remedy=f"end at {latest} at the latest, or order other servers" if latest > tx.at else "order other servers",
        details={
            "latest_end": latest if latest > tx.at else None,
            "reserved": [{key: row[key] for key in ("kind", "resource", "cluster", "starts_at", "ends_at")} for row in clashes],
        },
    )


def settle(tx: Transaction, plan: Mapping, hold: int | None = None) -> list[Change]:
    """Write what a plan makes of its cluster's lease, and of its hold: a claim with C(hold) seconds begins one, one without ends it.

    A hold that has begun keeps its deadline. A lease that was ending and has time again is ready.
    """
    row = clusters.require(tx, plan["cluster"], "settling its lease")
    if hold:
        changes = clusters.note_order(tx, row["name"], {"hold_until": row["hold_until"] or after(tx.at, hold)})
        return changes + clusters.move(tx, row["name"], "awaiting_approval")
    values = terms(tx, plan) | {"hold_until": None}
    if values["lease_end"] != row["lease_end"]:
        values["lease_warned"] = None
    return clusters.note_order(tx, row["name"], values) + clusters.renew(tx, row["name"])


def _start(tx: Transaction, row: Mapping, ordered: str | None) -> str:
    """When a lease begins: what was ordered may still move one that has not begun."""
    begun = row.get("phase") not in NOT_BEGUN and row.get("lease_start")
    if not begun and ordered and ordered > tx.at:
        return ordered
    known = row.get("lease_start") if row.get("phase") not in clusters.GONE else None
    return known or tx.at
