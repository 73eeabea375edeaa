# SPDX-License-Identifier: GPL-3.0-or-later
"""A process that looks at the ledger all along, in snapshots, and writes down whatever must not be."""

from __future__ import annotations

import collections
from pathlib import Path

import sqlalchemy

from ansible_collections.leasehold.cloud.plugins.module_utils.core.errors import Unreachable
from ansible_collections.leasehold.cloud.plugins.module_utils.core.states import SERVER_MEMBER_STATES
from ansible_collections.leasehold.cloud.plugins.module_utils.ledger.database import Ledger, Transaction
from ansible_collections.leasehold.cloud.plugins.module_utils.ledger.schema import tables
from tests.contention.size import Size

LIMITED = "t0"  # the tenant with a quota
EVERY = 0.5  # seconds between two looks
LOOKS, FINDINGS = "looks", "findings"  # its files: a byte for each look, a line for each finding


class Watcher:
    """What was seen before is kept, for what may only grow."""

    def __init__(self, size: Size):
        self.size = size
        self.tokens: dict[str, int] = {}
        self.last_event: dict | None = None
        self.most = 0  # servers held at once

    def look(self, tx: Transaction) -> list[str]:
        """One snapshot: all that is wrong in it, and against the one before."""
        table = tables()
        clusters = {row["name"]: row for row in tx.rows(sqlalchemy.select(table.clusters))}
        claims = [tuple(row) for row in tx.execute(sqlalchemy.select(table.claims.c.kind, table.claims.c.resource, table.claims.c.cluster))]
        self.most = max(self.most, sum(kind == "server" for kind, _resource, _cluster in claims))
        return [*_double(claims), *_partial(claims, clusters), *_free(tx, claims), *_usage(tx, claims), *self._quota(tx), *self._tokens(tx), *self._chain(tx)]

    def _quota(self, tx: Transaction) -> list[str]:
        """No race gets a tenant more than it may have. What it is giving back does not count."""
        claims, states, clusters = tables().claims, tables().server_states, tables().clusters
        query = sqlalchemy.select(sqlalchemy.func.count()).select_from(
            claims.join(states, states.c.server == claims.c.resource).join(clusters, clusters.c.name == claims.c.cluster))
        members = claims.c.kind == "server", states.c.state.in_(SERVER_MEMBER_STATES), clusters.c.tenant == LIMITED
        used = tx.execute(query.where(*members)).scalar()
        return [f"tenant {LIMITED} has {used} servers, of {self.size.quota} it may have"] if used > self.size.quota else []

    def _tokens(self, tx: Transaction) -> list[str]:
        now = {row.cluster: row.token for row in tx.execute(sqlalchemy.select(tables().runs.c.cluster, tables().runs.c.token))}
        fell = [f"{cluster}: its run's token fell from {token} to {now.get(cluster)}" for cluster, token in self.tokens.items()
                if now.get(cluster, 0) < token]
        self.tokens = now
        return fell

    def _chain(self, tx: Transaction) -> list[str]:
        """New events follow on the last one seen. That they are what was sealed is for the end."""
        events, last = tables().events, self.last_event or {"id": 0, "hash": None}
        rows = tx.rows(sqlalchemy.select(events.c.id, events.c.previous, events.c.hash).where(events.c.id >= last["id"]).order_by(events.c.id))
        broken = [f"event {after['id']} does not follow {before['id']}" for before, after in zip(rows, rows[1:]) if after["previous"] != before["hash"]]
        if last["id"] and (not rows or rows[0] != self.last_event):
            broken.append(f"event {last['id']} has gone, or changed")
        self.last_event = rows[-1] if rows else None
        return broken


def _double(claims: list[tuple]) -> list[str]:
    counted = collections.Counter((kind, resource) for kind, resource, _cluster in claims)
    return [f"{kind} {resource} is held {count} times" for (kind, resource), count in counted.items() if count > 1]


def _partial(claims: list[tuple], clusters: dict[str, dict]) -> list[str]:
    """A cluster holds all that was ordered, or nothing."""
    held: dict[str, collections.Counter] = collections.defaultdict(collections.Counter)
    for kind, _resource, cluster in claims:
        held[cluster][kind] += 1
    wrong = []
    for cluster, kinds in held.items():
        ordered = sum(node_set["count"] for node_set in (clusters[cluster]["order"] or {}).get("cluster_node_sets", ()))
        whole = {"server": ordered, "address": ordered, "vlan": 1, "prefix": 1}
        if dict(kinds) != whole:
            wrong.append(f"{cluster} ({clusters[cluster]['phase']}) holds {dict(kinds)}, not {whole}")
    return wrong


def _free(tx: Transaction, claims: list[tuple]) -> list[str]:
    """Here no server is ever set aside but by a release: it is held, or it can be had."""
    free = {row.server for row in tx.execute(sqlalchemy.select(tables().free_servers.c.server))}
    held = {resource for kind, resource, _cluster in claims if kind == "server"}
    every = {row.name for row in tx.execute(sqlalchemy.select(tables().servers.c.name))}
    found = {"both held and free": free & held, "neither held nor free": every - free - held, "free but unknown": free - every}
    return [f"{what}: {len(names)} servers, such as {min(names)}" for what, names in found.items() if names]


def _usage(tx: Transaction, claims: list[tuple]) -> list[str]:
    """A server's usage is open while it is held."""
    usage = tables().usage
    opened = [(row.server, row.cluster) for row in tx.execute(sqlalchemy.select(usage.c.server, usage.c.cluster).where(usage.c.ends_at.is_(None)))]
    held = {(resource, cluster) for kind, resource, cluster in claims if kind == "server"}
    return [f"usage is open for {len(opened)} servers, {len(held)} are held"] if sorted(opened) != sorted(held) else []


def main(url: str, size: Size, directory: Path, start, stop) -> None:
    """Look until told to stop."""
    watcher = Watcher(size)
    start.wait()
    with (directory / LOOKS).open("a", buffering=1) as looks, (directory / FINDINGS).open("a", buffering=1) as findings:
        while not stop.wait(EVERY):
            try:
                with Ledger.open(url, "watcher", writable=False) as ledger, ledger.reading() as tx:
                    findings.writelines(f"{finding}\n" for finding in watcher.look(tx))
            except Unreachable:
                continue
            looks.write(f"{watcher.most}\n")
