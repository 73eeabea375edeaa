# Copyright: (c) 2026, leasehold.cloud contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The ledger as a whole: what is in it, and whether it is what its events and its exports say."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Iterator, Mapping

from ansible_collections.leasehold.cloud.plugins.module_utils.core import audit
from ansible_collections.leasehold.cloud.plugins.module_utils.core.audit import Finding, Replay
from ansible_collections.leasehold.cloud.plugins.module_utils.lazy import lazy
from ansible_collections.leasehold.cloud.plugins.module_utils.ledger import events, free
from ansible_collections.leasehold.cloud.plugins.module_utils.ledger.database import Transaction, moment, schema_version
from ansible_collections.leasehold.cloud.plugins.module_utils.ledger.schema import tables

sa = lazy("sqlalchemy")

SHOWN = 100  # events that are listed, of those that were lost or changed


@dataclasses.dataclass
class Anchor:
    """An export of the ledger's events, gone through beside the ledger's own: nothing of it may be missing or differ."""

    exported: Iterator[Mapping]
    findings: list[Finding] = dataclasses.field(default_factory=list)
    last: int | None = None
    lost: int = 0
    lost_events: list[dict] = dataclasses.field(default_factory=list)

    def __post_init__(self) -> None:
        self._next = next(self.exported, None)
        self._first = self._next["id"] if self._next else 0

    def meet(self, event: Mapping) -> None:
        """The ledger's next event."""
        while self._next is not None and self._next["id"] < event["id"]:
            self._differs(self._next, None)
        if self._next is None or event["id"] < self._first:
            return
        if event["id"] < self._next["id"]:
            self.findings.append(Finding("export", f"event {event['id']}", None, f"{event['subject']} {event['action']}"))
            self._next = None
        elif event["hash"] != self._next["hash"]:
            self._differs(self._next, event)
            self._next = None  # all that follows rests on another past
        else:
            self._advance()

    def end(self) -> None:
        """The ledger has no more events; what the export still has, was cut off."""
        while self._next is not None:
            self.lost += 1
            if self.lost <= SHOWN:
                self.lost_events.append({key: self._next[key] for key in ("id", "at", "subject", "action")})
            self._advance()
        if self.lost:
            first = self.lost_events[0]["id"]
            self.findings.append(Finding("export", f"events {first} to {self.last}", f"{self.lost} events", "cut off"))

    def _differs(self, exported: Mapping, event: Mapping | None) -> None:
        told = [f"{one['subject']} {one['action']}, hash {one['hash'][:12]}" if one else None for one in (exported, event)]
        self.findings.append(Finding("export", f"event {exported['id']}", *told))
        self._advance()

    def _advance(self) -> None:
        self.last = self._next["id"]
        self._next = next(self.exported, None)


def describe(tx: Transaction) -> dict:
    """What is in the ledger: C({schema, database, events, tables, sites}). A site's C(age) is in seconds since it was last read."""
    every = tables()
    counts = {table.name: tx.execute(sa.select(sa.func.count()).select_from(table)).scalar() for table in every.metadata.sorted_tables}
    sites = tx.rows(sa.select(every.sites.c.name, every.sites.c.synced_at).order_by(every.sites.c.name))
    return {
        "schema": schema_version(tx.connection), "database": tx.connection.dialect.name, "head": events.head(tx),
        "tables": dict(sorted(counts.items())),
        "sites": [site | {"age": round((tx.now - moment(site["synced_at"])).total_seconds())} for site in sites],
    }


def verify(tx: Transaction, exported: Iterator[Mapping] | None = None) -> dict:
    """Whether the ledger is whole: its chain, its past as an export has it, and its tables as its events give them.

    :param exported: the events of an export, in their order.
    :returns: C({events, anchored, lost, lost_events, findings}): how many events there are, the last one of the export, how many
        the export has that the ledger lost (and the first of them), and all that is wrong, as Findings.
    :raises LedgerBroken: the export itself was changed.
    """
    replay, chain, count = Replay(), [], 0
    anchor = Anchor(exported) if exported is not None else None
    for event, fault in events.stream(tx):
        count += 1
        if fault:
            chain.append(Finding("event", f"event {event['id']}", "as it was written", fault))
        if anchor:
            anchor.meet(event)
        replay.feed(event)
    if anchor:
        anchor.end()
    findings = chain + (anchor.findings if anchor else []) + replay.findings + list(_compared(tx, replay))
    return {
        "events": count, "anchored": anchor and anchor.last, "lost": anchor.lost if anchor else 0,
        "lost_events": anchor.lost_events if anchor else [], "findings": findings,
    }


def _compared(tx: Transaction, replay: Replay) -> Iterable[Finding]:
    """The tables beside what the events give, and beside each other."""
    every = tables()
    claims, clusters, usage, reserved = every.claims, every.clusters, every.usage, every.reservations
    yield from replay.compare_states(tx.rows(sa.select(every.server_states.c.server, every.server_states.c.state)))
    yield from replay.compare_claims(tx.rows(sa.select(claims.c.kind, claims.c.resource, claims.c.cluster, claims.c.token)))
    yield from replay.compare_clusters(tx.rows(sa.select(*(clusters.c[key] for key in ("name", "phase", *audit.TERMS)))))
    yield from replay.compare_runs(tx.rows(sa.select(every.runs.c.cluster, every.runs.c.token, every.runs.c.state)))
    yield from replay.compare_limits(tx.rows(sa.select(every.quotas)))
    promised = tx.rows(sa.select(reserved).order_by(reserved.c.kind, reserved.c.resource, reserved.c.starts_at))
    yield from replay.compare_reservations(promised)
    yield from audit.overlap_findings(promised)
    gone = sa.or_(clusters.c.name.is_(None), clusters.c.phase == "deleted")
    orphans = sa.select(claims.c.kind, claims.c.resource, claims.c.cluster, clusters.c.phase).select_from(
        claims.outerjoin(clusters, clusters.c.name == claims.c.cluster)).where(gone).order_by(claims.c.id)
    yield from audit.orphan_findings(tx.rows(orphans))
    held = tx.rows(sa.select(claims.c.resource, claims.c.cluster).where(claims.c.kind == "server"))
    running = tx.rows(sa.select(usage.c.server, usage.c.cluster).where(usage.c.ends_at.is_(None)))
    yield from audit.usage_findings({row["resource"]: row["cluster"] for row in held}, running)
    listed = tx.execute(sa.select(every.free_servers.c.cell, every.free_servers.c.sort_key, every.free_servers.c.server))
    yield from audit.free_findings(map(tuple, tx.execute(free.qualified())), map(tuple, listed))
