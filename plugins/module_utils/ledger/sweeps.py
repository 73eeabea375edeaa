# Copyright: (c) 2026, leasehold.cloud contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The sweep: what has become of leases, holds and reservations by now. To sweep twice changes nothing the second time."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping

from ansible_collections.leasehold.cloud.plugins.module_utils.core import leases as core
from ansible_collections.leasehold.cloud.plugins.module_utils.core.changes import Change
from ansible_collections.leasehold.cloud.plugins.module_utils.lazy import lazy
from ansible_collections.leasehold.cloud.plugins.module_utils.ledger import calendar, clusters, events, holds, leases, runs
from ansible_collections.leasehold.cloud.plugins.module_utils.ledger.database import Transaction, chunks
from ansible_collections.leasehold.cloud.plugins.module_utils.ledger.schema import tables

sa = lazy("sqlalchemy")
NEVER_BEGUN = "reserved, and not begun by its end"
FATES = {core.EXPIRED: "expired", core.HELD_BACK: "held_back", core.AT_WORK: "at_work", core.DUE: "due"}
Judged = tuple[dict, core.Lease, core.Verdict]


def sweep(tx: Transaction, thresholds: Collection[int], grace: int = 0) -> tuple[dict, list[Change]]:
    """Lapse what has lapsed, warn once of what is ending, let expire what has ended, and say what is to be done.

    :param thresholds: seconds before its end at which a lease is warned of.
    :param grace: seconds, of leases that have no grace of their own; it ends where a reservation of what they hold begins.
    :returns: the report of the action sweep, and the changes.
    """
    changes = holds.lapse(tx)
    judged = _judge(tx, thresholds, grace)
    changes += _cancel_missed(tx, judged)
    changes += _warn(tx, [item for item in judged if item[2].warn is not None])
    changes += clusters.expire(tx, [row for row, _lease, verdict in judged if verdict.ended])
    report = {
        "lapsed": [change.name for change in changes if change.kind == "cluster" and change.after == "deleted"],
        "warned": [_shown(tx, item) | {"threshold_seconds": item[2].warn} for item in judged if item[2].warn is not None],
        "expiring": [_shown(tx, item) for item in judged if item[2].ended],
    }
    for fate, key in FATES.items():
        report[key] = [_shown(tx, item) for item in sorted(judged, key=_order) if item[2].fate == fate]
    return report, changes


def _judge(tx: Transaction, thresholds: Collection[int], grace: int) -> list[Judged]:
    """Every lease that may have something to tell, with the verdict; those that end first first."""
    table = tables().clusters
    soon = core.after(tx.at, max(thresholds, default=0))
    begins = sa.and_(table.c.phase.in_(clusters.NOT_BEGUN), table.c.lease_start <= tx.at)
    query = sa.select(table).where(table.c.phase != "deleted", sa.or_(table.c.lease_end <= soon, begins))
    rows = tx.rows(query.order_by(table.c.lease_end, table.c.name))
    latest = runs.of(tx, [row["name"] for row in rows if row["lease_end"] is None or row["lease_end"] <= tx.at or row["phase"] in clusters.NOT_BEGUN])
    graces = _default_graces(tx, rows, grace)
    judged = []
    for row in rows:
        lease = leases.of_row(tx, row | {"lease_grace": graces.get(row["name"], row["lease_grace"])}, latest.get(row["name"]))
        judged.append((row, lease, core.judge(lease, tx.at, thresholds)))
    return judged


def _default_graces(tx: Transaction, rows: list[dict], grace: int) -> dict[str, int]:
    """The graces of leases that are over and have none of their own, in seconds by cluster: nobody was told of those, so what others have
    reserved goes before them."""
    ended = {row["name"]: row["lease_end"] for row in rows if row["lease_grace"] is None and row["lease_end"] and row["lease_end"] <= tx.at}
    followers = calendar.following(tx, ended) if grace and ended else {}
    waited_for = {cluster: min(item["starts_at"] for item in reserved) for cluster, reserved in followers.items()}
    return {cluster: min(grace, max(0, core.seconds_between(end, waited_for[cluster]))) if cluster in waited_for else grace
            for cluster, end in ended.items()}


def _cancel_missed(tx: Transaction, judged: list[Judged]) -> list[Change]:
    missed = [lease.cluster for _row, lease, verdict in judged if verdict.fate == core.MISSED]
    return [change for name in missed for change in holds.cancel(tx, name, NEVER_BEGUN)]


def _warn(tx: Transaction, judged: list[Judged]) -> list[Change]:
    """Note which threshold each was warned of, with an event: whoever is to be told reads those."""
    table, told = tables().clusters, {}
    for _row, lease, verdict in judged:
        told.setdefault(verdict.warn, []).append(lease.cluster)
    for threshold, names in told.items():
        for chunk in chunks(names):
            tx.execute(table.update().where(table.c.name.in_(chunk)).values(lease_warned=threshold, updated_at=tx.at))
            for name in chunk:
                tx.memo.pop(("cluster", name), None)
    events.record_all(tx, (
        (f"cluster {lease.cluster}", "lease_warned", {"lease_warned": lease.warned},
         {"lease_warned": verdict.warn, "lease_end": lease.end, "remaining_seconds": lease.remaining(tx.at), "tenant": row["tenant"]})
        for row, lease, verdict in judged
    ))
    return [Change("lease", f"{lease.cluster} lease_warned", lease.warned, verdict.warn) for _row, lease, verdict in judged]


def _shown(tx: Transaction, judged: Judged) -> dict:
    row, lease, verdict = judged
    shown = {
        "cluster": lease.cluster, "tenant": row["tenant"], "site": row["site"], "phase": row["phase"], "start": lease.start, "end": lease.end,
        "over": lease.over, "remaining_seconds": lease.remaining(tx.at),
    }
    if verdict.ended:
        shown["phase"] = "expiring"
    if verdict.fate == core.HELD_BACK:
        shown["reason"] = lease.hold
    if verdict.fate == core.AT_WORK:
        shown["operation"] = lease.at_work
    if verdict.fate == core.DUE:
        shown |= {"order": row["order"] or {}, "command": _command(row["order"] or {})}
    return shown


def _command(order: Mapping) -> str:
    """What makes of a reservation a cluster, at a prompt."""
    variables = {key: value for key, value in order.items() if value and key != "cluster_settings"}  # those are the template's
    return f"ansible-playbook leasehold.cloud.cluster_create -e '{json.dumps(variables)}'"


def _order(judged: Judged) -> tuple:
    _row, lease, _verdict = judged
    return core.release_order(lease)
