# Copyright: (c) 2026, leasehold.cloud contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Reservations: what a cluster will hold from a later moment on. No resource is promised twice over time.

A reservation covers C([starts_at, ends_at)), the grace after the lease included. The database has the last word: a trigger
refuses two that overlap.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Mapping

from ansible_collections.leasehold.cloud.plugins.module_utils.core.changes import Change
from ansible_collections.leasehold.cloud.plugins.module_utils.core.errors import Reserved
from ansible_collections.leasehold.cloud.plugins.module_utils.core.times import after
from ansible_collections.leasehold.cloud.plugins.module_utils.lazy import lazy
from ansible_collections.leasehold.cloud.plugins.module_utils.ledger import claims, events
from ansible_collections.leasehold.cloud.plugins.module_utils.ledger.database import Transaction, chunks
from ansible_collections.leasehold.cloud.plugins.module_utils.ledger.schema import tables

sa = lazy("sqlalchemy")

ALIKE = ("resource", "starts_at", "ends_at", "node_set")  # two rows of a kind that agree in these are the same promise


def of(tx: Transaction, cluster: str | None = None) -> list[dict]:
    """The reservations of a cluster, or (None) of all: C({kind, resource, cluster, node_set, detail, starts_at, ends_at})."""
    table = tables().reservations
    query = sa.select(table).order_by(table.c.starts_at, table.c.id)
    return tx.rows(query.where(table.c.cluster == cluster) if cluster else query)


def busy(tx: Transaction, start: str, end: str, cluster: str | None) -> dict[tuple[str, str], str]:
    """Who has reserved what in C([start, end)), by (kind, resource); without the reservations of ``cluster`` itself."""
    table = tables().reservations
    query = sa.select(table.c.kind, table.c.resource, table.c.cluster).where(table.c.starts_at < end, table.c.ends_at > start)
    rows = tx.rows(query.where(table.c.cluster != cluster) if cluster else query)
    return {(row["kind"], row["resource"]): row["cluster"] for row in rows}


def clashing(tx: Transaction, rows: Iterable[Mapping], start: str, end: str, cluster: str) -> list[dict]:
    """Reservations of other clusters that need one of the resources in C([start, end)), the earliest first.

    :param rows: of claims or reservations, each with C(kind) and C(resource). Prefixes clash where they overlap.
    """
    table = tables().reservations
    within = sa.select(table).where(table.c.starts_at < end, table.c.ends_at > start, table.c.cluster != cluster)
    if tx.row(within.limit(1)) is None:
        return []
    wanted: dict[str, list[str]] = {}
    for row in rows:
        wanted.setdefault(row["kind"], []).append(row["resource"])
    found = [
        row for kind, resources in wanted.items() if kind != "prefix" for chunk in chunks(resources)
        for row in tx.rows(within.where(table.c.kind == kind, table.c.resource.in_(chunk)))
    ]
    if "prefix" in wanted:
        found += [row for row in tx.rows(within.where(table.c.kind == "prefix")) if _overlaps(row["resource"], wanted["prefix"])]
    return sorted(found, key=lambda row: (row["starts_at"], row["id"]))


def take(tx: Transaction, plan: Mapping, start: str, end: str) -> list[Change]:
    """Promise all that a plan needs to its cluster for C([start, end)). What it had reserved and needs no more is dropped.

    :raises Reserved: when a resource is promised to another cluster in that time, or held by one whose lease (with its
        grace) ends later than ``start``, or is on hold; then nothing is reserved.
    """
    cluster = plan["cluster"]
    wanted = [row | {"starts_at": start, "ends_at": end} for row in claims.of_plan(plan)]
    clashes = clashing(tx, wanted, start, end, cluster) + _still_held(tx, wanted, start, cluster)
    if clashes:
        raise _reserved(cluster, clashes, start)
    had = {_key(row): row for row in of(tx, cluster)}
    new = [row for row in wanted if _key(row) not in had]
    kept = {_key(row) for row in wanted}
    changes = _drop(tx, [row for key, row in had.items() if key not in kept])
    if new:
        tx.execute(tables().reservations.insert(), [row | {"reserved_at": tx.at} for row in new])
    events.record_all(tx, ((_subject(row), "reserved", None, _told(row)) for row in new))
    return changes + [Change("reservation", _subject(row), None, _words(row)) for row in new]


def drop(tx: Transaction, cluster: str, reason: str | None = None) -> list[Change]:
    """Give up all that a cluster has reserved: as it becomes claims, or is called off."""
    return _drop(tx, of(tx, cluster), reason)


def _drop(tx: Transaction, rows: list[dict], reason: str | None = None) -> list[Change]:
    table = tables().reservations
    for chunk in chunks(row["id"] for row in rows):
        tx.execute(table.delete().where(table.c.id.in_(chunk)))
    after = {"reason": reason} if reason else None
    events.record_all(tx, ((_subject(row), "unreserved", _told(row), after) for row in rows))
    return [Change("reservation", _subject(row), _words(row), None) for row in rows]


def _still_held(tx: Transaction, rows: Iterable[Mapping], start: str, cluster: str) -> list[dict]:
    """Claims of other clusters on the resources that do not end, as far as the ledger knows, by C(start)."""
    table, clusters = tables().claims, tables().clusters
    query = sa.select(
        table.c.kind, table.c.resource, table.c.cluster, clusters.c.lease_end, clusters.c.lease_grace, clusters.c.lease_hold,
    ).join(clusters, clusters.c.name == table.c.cluster).where(table.c.cluster != cluster)
    wanted: dict[str, list[str]] = {}
    for row in rows:
        wanted.setdefault(row["kind"], []).append(row["resource"])
    found = [
        row for kind, resources in wanted.items() if kind != "prefix" for chunk in chunks(resources)
        for row in tx.rows(query.where(table.c.kind == kind, table.c.resource.in_(chunk)))
    ]
    found += [row for row in tx.rows(query.where(table.c.kind == "prefix")) if _overlaps(row["resource"], wanted.get("prefix", ()))]
    return [row for row in found if _free_at(row) is None or _free_at(row) > start]


def _free_at(row: Mapping) -> str | None:
    """When a lease and its grace are over; None: nobody knows."""
    if not row["lease_end"] or row["lease_hold"]:
        return None
    return after(row["lease_end"], row["lease_grace"] or 0)


def _overlaps(one: str, others: Iterable[str]) -> bool:
    network = ipaddress.ip_network(one)
    return any(network.version == other.version and network.overlaps(other) for other in map(ipaddress.ip_network, others))


def _reserved(cluster: str, clashes: list[dict], start: str) -> Reserved:
    told = ", ".join(f"{_subject(row)} is {'reserved by' if 'starts_at' in row else 'held by'} cluster {row['cluster']}" for row in clashes)
    return Reserved(
        told, object=f"cluster {cluster}", attempted=f"reserving what it needs from {start} on",
        remedy="plan it again: other servers, or another time (leasehold.cloud.lease_info shows leases and reservations)",
        details={"reserved": [{key: row.get(key) for key in ("kind", "resource", "cluster", "starts_at", "ends_at")} for row in clashes]},
    )


def _key(row: Mapping) -> tuple:
    return (row["kind"], *(row[key] for key in ALIKE), (row["detail"] or {}).get("address"))


def _subject(row: Mapping) -> str:
    return f"{row['kind']} {row['resource']}"


def _told(row: Mapping) -> dict:
    return {key: row[key] for key in ("cluster", "starts_at", "ends_at")}


def _words(row: Mapping) -> str:
    """For whom and when, in words for a diff."""
    return f"cluster {row['cluster']}, {row['starts_at']} to {row['ends_at']}"
