# Copyright: (c) 2026, leasehold.cloud contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The calendar: which leases end when, what is promised after them, and which holds lapse when."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping

from ansible_collections.leasehold.cloud.plugins.module_utils.lazy import lazy
from ansible_collections.leasehold.cloud.plugins.module_utils.ledger import leases, runs
from ansible_collections.leasehold.cloud.plugins.module_utils.ledger.database import Transaction, chunks
from ansible_collections.leasehold.cloud.plugins.module_utils.ledger.schema import tables

sa = lazy("sqlalchemy")


@dataclasses.dataclass(frozen=True)
class Wanted:
    """Which clusters to look at; None of a field: whichever. C(held): those on hold, or those that are not."""

    tenant: str | None = None
    cluster: str | None = None
    phase: str | None = None
    ends_before: str | None = None
    held: bool | None = None
    site: str | None = None


def find(tx: Transaction, wanted: Wanted) -> list[dict]:
    """Leases, those that end first first; see the action lease_info. A deleted cluster's only where its name or phase is asked for."""
    rows = _clusters(tx, wanted, tables().clusters.c.lease_start.is_not(None))
    names = [row["name"] for row in rows]
    latest, followers = runs.of(tx, names), following(tx, names)
    return [_shown(tx, row, latest.get(row["name"]), followers.get(row["name"], [])) for row in rows]


def reservations(tx: Transaction, wanted: Wanted) -> list[dict]:
    """What is reserved and has not ended, by cluster, the earliest first: C({cluster, tenant, starts_at, ends_at, due, resources})."""
    table, found = tables().reservations, {}
    rows = {row["name"]: row for row in _clusters(tx, wanted)}
    for row in tx.rows(sa.select(table).where(table.c.ends_at > tx.at).order_by(table.c.starts_at, table.c.id)):
        if row["cluster"] not in rows:
            continue
        entry = found.setdefault(row["cluster"], {
            "cluster": row["cluster"], "tenant": rows[row["cluster"]]["tenant"], "starts_at": row["starts_at"], "ends_at": row["ends_at"],
            "due": row["starts_at"] <= tx.at, "resources": [],
        })
        entry["resources"].append({"kind": row["kind"], "resource": row["resource"], "node_set": row["node_set"]})
    return list(found.values())


def holds(tx: Transaction, wanted: Wanted) -> list[dict]:
    """Holds, the one that lapses first first: C({cluster, tenant, hold_until, lapsed, servers})."""
    claims = tables().claims
    rows = _clusters(tx, wanted, tables().clusters.c.hold_until.is_not(None))
    servers: dict[str, list[str]] = {row["name"]: [] for row in rows}
    for chunk in chunks(servers):
        held = sa.select(claims.c.cluster, claims.c.resource).where(claims.c.kind == "server", claims.c.cluster.in_(chunk))
        for row in tx.rows(held.order_by(claims.c.id)):
            servers[row["cluster"]].append(row["resource"])
    return [
        {"cluster": row["name"], "tenant": row["tenant"], "hold_until": row["hold_until"], "lapsed": row["hold_until"] <= tx.at,
         "servers": servers[row["name"]]}
        for row in sorted(rows, key=lambda row: (row["hold_until"], row["name"]))
    ]


def following(tx: Transaction, clusters: Iterable[str]) -> dict[str, list[dict]]:
    """By cluster: other clusters' reservations of what it holds, the earliest first, C({cluster, kind, resource, starts_at, ends_at})."""
    claims, table, found = tables().claims, tables().reservations, {}
    same = sa.and_(table.c.kind == claims.c.kind, table.c.resource == claims.c.resource, table.c.cluster != claims.c.cluster)
    query = sa.select(table, claims.c.cluster.label("holder")).join(claims, same).where(table.c.ends_at > tx.at)
    for chunk in chunks(clusters):
        for row in tx.rows(query.where(claims.c.cluster.in_(chunk)).order_by(table.c.starts_at, table.c.id)):
            shown = {key: row[key] for key in ("cluster", "kind", "resource", "starts_at", "ends_at")}
            found.setdefault(row["holder"], []).append(shown)
    return found


def _clusters(tx: Transaction, wanted: Wanted, *more) -> list[dict]:
    table = tables().clusters
    conditions = [*more] + [table.c[column] == value for column, value in (
        ("tenant", wanted.tenant), ("name", wanted.cluster), ("phase", wanted.phase), ("site", wanted.site)) if value is not None]
    if wanted.cluster is None and wanted.phase is None:
        conditions.append(table.c.phase != "deleted")
    if wanted.ends_before is not None:
        conditions.append(table.c.lease_end < wanted.ends_before)
    if wanted.held is not None:
        conditions.append(table.c.lease_hold.is_not(None) if wanted.held else table.c.lease_hold.is_(None))
    return tx.rows(sa.select(table).where(*conditions).order_by(sa.func.coalesce(table.c.lease_end, leases.FOREVER), table.c.name))


def _shown(tx: Transaction, row: Mapping, run: Mapping | None, followers: list[dict]) -> dict:
    lease = leases.of_row(tx, row, run)
    return {
        "cluster": row["name"], "tenant": row["tenant"], "site": row["site"], "phase": row["phase"], "start": lease.start, "end": lease.end,
        "grace_seconds": lease.grace, "over": lease.over, "remaining_seconds": lease.remaining(tx.at), "hold": lease.hold,
        "warned_seconds": lease.warned, "at_work": lease.at_work, "followed_by": followers,
    }
