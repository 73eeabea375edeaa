# Copyright: (c) 2026, leasehold.cloud contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Leases in the ledger: what a plan makes of one, its renewal, and what later reservations forbid."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping

from ansible_collections.leasehold.cloud.plugins.module_utils.core import leases as core
from ansible_collections.leasehold.cloud.plugins.module_utils.core.changes import Change
from ansible_collections.leasehold.cloud.plugins.module_utils.core.errors import InvalidInput, InvalidOrder, Refused, Reserved
from ansible_collections.leasehold.cloud.plugins.module_utils.core.states import CLUSTER_AT_WORK
from ansible_collections.leasehold.cloud.plugins.module_utils.core.times import after
from ansible_collections.leasehold.cloud.plugins.module_utils.lazy import lazy
from ansible_collections.leasehold.cloud.plugins.module_utils.ledger import claims, clusters, quotas, reservations, runs
from ansible_collections.leasehold.cloud.plugins.module_utils.ledger.database import Transaction
from ansible_collections.leasehold.cloud.plugins.module_utils.ledger.schema import tables

sa = lazy("sqlalchemy")
FOREVER = "9999-12-31T00:00:00.000Z"  # the end of a lease without one
BEGUN = (*clusters.SETTLED, *CLUSTER_AT_WORK)


@dataclasses.dataclass(frozen=True)
class Renewal:
    """What a renewal changed, and what there is to warn of (quotas that are nearly used up)."""

    changes: list[Change]
    warnings: list[str]


def terms(tx: Transaction, plan: Mapping) -> dict:
    """What a plan makes of its cluster's lease: C({lease_start, lease_end, lease_grace}). An order that says no duration keeps the end.

    A lease begins with its first claim, or when it was reserved for; then its start stays. What the order says as it said it
    before changes nothing, so that a lease which was renewed since is not cut short by the old order, given again.
    """
    row = _standing(tx, plan["cluster"])
    recorded, start = row.get("order") or {}, _start(tx, row, plan["lease_start"])
    moved = start != row.get("lease_start")

    def said(variable: str) -> bool:
        return plan["order"][variable] is not None and (moved or plan["order"][variable] != recorded.get(variable))

    return {
        "lease_start": start,
        "lease_end": after(start, plan["lease_seconds"]) if said("cluster_lease_duration") else row.get("lease_end"),
        "lease_grace": plan["grace_seconds"] if said("cluster_lease_grace") else row.get("lease_grace"),
    }


def window(tx: Transaction, plan: Mapping, hold: int | None = None) -> tuple[str, str]:
    """From when to when (its grace included) a plan's cluster will hold its resources.

    :param hold: seconds until the deadline of a hold: the lease may begin as late as that.
    """
    planned, row = terms(tx, plan), _standing(tx, plan["cluster"])
    # One that has begun needs things now, whatever its start says of a clock that was put back since.
    begun = row.get("phase") in BEGUN and row["lease_start"]
    start = tx.at if begun else max(planned["lease_start"], tx.at)
    if planned["lease_end"] is None:
        return start, FOREVER
    return start, after(planned["lease_end"], (planned["lease_grace"] or 0) + (hold or 0))


def window_of_new(tx: Transaction, plan: Mapping, hold: int | None = None) -> tuple[str, str]:
    """From when to when it will hold what joins it: as :func:`window`, but of a lease on hold nobody knows the end."""
    start, end = window(tx, plan, hold)
    return start, FOREVER if _standing(tx, plan["cluster"]).get("lease_hold") else end


def refuse_over(tx: Transaction, plan: Mapping, end: str) -> None:
    """Refuse that anything joins a cluster whose lease, with its grace, is over (C(end)): others may have reserved it from now on.

    :raises Refused: naming the end.
    """
    if plan["add"] and end <= tx.at:
        raise Refused(
            f"its lease was over at {end}", object=f"cluster {plan['cluster']}", attempted="adding servers to it",
            remedy="renew it first (leasehold.cloud.lease_renew); or, of a reservation that was not begun in time, reserve anew", details={"over": end},
        )


def refuse_clash(tx: Transaction, plan: Mapping, hold: int | None = None) -> None:
    """Refuse a plan that would hold what a later reservation of another cluster needs.

    :raises Reserved: naming the reservation and the latest end that is possible.
    """
    start, end = window(tx, plan, hold)
    refuse_later(tx, plan["cluster"], claims.of_plan(plan), start, end, terms(tx, plan)["lease_grace"] or 0)
    end_of_new = window_of_new(tx, plan, hold)[1]
    if end_of_new != end:
        joining = [row for row in claims.of_plan({**plan, "servers": plan["add"]}) if row["node_set"]]
        refuse_later(tx, plan["cluster"], joining, start, end_of_new, 0)


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


def refuse_unkept(tx: Transaction, plan: Mapping) -> None:
    """Refuse to reserve what is neither held until a deadline nor starts later, or what is kept the other way already.

    :raises InvalidOrder: naming what is missing.
    :raises Refused: a hold cannot become a reservation, nor the other way round.
    """
    starts, held = plan["lease_start"], plan["order"]["cluster_hold"]
    if _standing(tx, plan["cluster"]).get("lease_start" if held else "hold_until"):
        raise Refused(
            f"it is {'reserved' if held else 'held'} already", object=f"cluster {plan['cluster']}", attempted="keeping it another way",
            remedy="call it off first (leasehold.cloud.cluster_reserve with cluster_reserve_state=absent), then keep it anew",
        )
    if held or (starts and starts > tx.at):
        return
    raise InvalidOrder(
        f"it starts at {starts}, which has passed" if starts else "it says neither until when it is held nor when its lease starts",
        object="cluster_lease_start" if starts else "cluster_hold", attempted=f"reserving cluster {plan['cluster']}",
        remedy="Name a later start in cluster_lease_start, or a deadline such as 2h in cluster_hold; or make it now, with cluster_create.",
    )


def refuse_unexpired(tx: Transaction, cluster: str) -> None:
    """Refuse to release a cluster whose lease is not over any more: it may have been renewed, or held, since somebody looked.

    :raises Refused: saying until when it lasts, or why it is held.
    """
    lease = of_row(tx, clusters.require(tx, cluster, "releasing it as expired"))
    if lease.over and lease.over <= tx.at and not lease.hold:
        return
    raise Refused(
        f"its lease is on hold: {lease.hold}" if lease.hold else f"its lease lasts until {lease.over or 'it is given an end'}",
        object=f"cluster {cluster}", attempted="releasing it as expired", remedy="nothing is to be done: it was renewed or held meanwhile",
    )


def settled(tx: Transaction, plan: Mapping, hold: int | None = None) -> dict:
    """What a plan settles of its cluster's lease, and of its hold: a claim with C(hold) seconds begins one, one without ends it.

    A hold that has begun keeps its deadline, until that has passed.
    """
    row = clusters.require(tx, plan["cluster"], "settling its lease")
    if hold:
        lasting = row["hold_until"] and row["hold_until"] > tx.at
        return {"hold_until": row["hold_until"] if lasting else after(tx.at, hold)}
    values = terms(tx, plan) | {"hold_until": None}
    return values if values["lease_end"] == row["lease_end"] else values | {"lease_warned": None}


def renew(tx: Transaction, cluster: str, *, end: str | None = None, duration: int | None = None, grace: int | None = None) -> Renewal:
    """Give a lease another end (the moment C(end), or C(duration) seconds after its start) or grace, and what was expiring is ready.

    :raises InvalidOrder, Refused: see M(core.leases.new_end).
    :raises Reserved: a later reservation of another cluster needs one of its resources before then.
    :raises QuotaExceeded: the tenant may not use so many server hours.
    """
    row = clusters.require(tx, cluster, "renewing its lease")
    wanted = core.new_end(of_row(tx, row), tx.at, end, duration)
    values = {"lease_end": wanted, "lease_grace": row["lease_grace"] if grace is None else grace}
    if all(row[key] == value for key, value in values.items()):
        return Renewal([], [])
    warnings = []
    if wanted:
        kept = values["lease_grace"] or 0
        refuse_later(tx, cluster, _held(tx, cluster), tx.at, after(wanted, kept), kept)
        warnings = quotas.check_hours(tx, row["tenant"], cluster, wanted)
    if wanted != row["lease_end"]:
        values["lease_warned"] = None
    return Renewal(clusters.note_order(tx, cluster, values, "renewed") + clusters.renew(tx, cluster), warnings)


def hold(tx: Transaction, cluster: str, reason: str | None) -> Renewal:
    """Keep a cluster from being released when its lease ends, for a reason; or (None) let its lease take its course again.

    It is warned of what others have reserved of its resources: a hold goes before that.

    :raises InvalidInput: the reason is empty.
    :raises Refused: its release has begun, or its lease has not.
    """
    row = clusters.require(tx, cluster, "changing its lease")
    if reason is not None and not reason.strip():
        raise InvalidInput("it has no reason", object=f"lease of cluster {cluster}", attempted="holding it", remedy="say why it is held")
    if row["lease_hold"] == reason:
        return Renewal([], [])
    core.refuse_gone(of_row(tx, row))
    changes = clusters.note_order(tx, cluster, {"lease_hold": reason}, "lease_held" if reason else "lease_unheld")
    waiting = reservations.clashing(tx, _held(tx, cluster), tx.at, FOREVER, cluster) if reason else []
    return Renewal(changes, [
        f"{row['kind']} {row['resource']} is reserved by cluster {row['cluster']} from {row['starts_at']} on, which will have to do without it"
        for row in waiting if row["kind"] == "server"
    ])


def of_row(tx: Transaction, row: Mapping, run: Mapping | None = None) -> core.Lease:
    """The lease of a cluster's row.

    :param run: the cluster's newest run, if it is known.
    """
    live = run["operation"] if run and runs.is_live(tx, run) else None
    return core.Lease(
        cluster=row["name"], phase=row["phase"], start=row["lease_start"], end=row["lease_end"], grace=row["lease_grace"] or 0,
        hold=row["lease_hold"], warned=row["lease_warned"], at_work=live, failed=clusters.failed_operation(row),
        failed_at=(row["error"] or {}).get("at"),
    )


def _standing(tx: Transaction, cluster: str) -> dict:
    """The row of a cluster that is there; empty where there is none, or none any more."""
    row = clusters.get(tx, cluster)
    return row if row and row["phase"] not in clusters.GONE else {}


def _held(tx: Transaction, cluster: str) -> list[dict]:
    table = tables().claims
    return tx.rows(sa.select(table.c.kind, table.c.resource).where(table.c.cluster == cluster).order_by(table.c.id))


def _start(tx: Transaction, row: Mapping, ordered: str | None) -> str:
    """When a lease begins: what was ordered may still move one that has not begun."""
    begun = row and row["phase"] not in clusters.NOT_BEGUN and row["lease_start"]
    if not begun and ordered and ordered > tx.at:
        return ordered
    return row.get("lease_start") or tx.at
