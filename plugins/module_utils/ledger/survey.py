# Copyright: (c) 2026, leasehold.cloud contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the ledger says of a site, to be compared with the world; and what of the drift is mended in the ledger."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping

from ansible_collections.leasehold.cloud.plugins.module_utils.core import fabric, hardware
from ansible_collections.leasehold.cloud.plugins.module_utils.core.changes import Change
from ansible_collections.leasehold.cloud.plugins.module_utils.core.drift import Facts, Holder, set_aside_by_mend
from ansible_collections.leasehold.cloud.plugins.module_utils.core.models import Server
from ansible_collections.leasehold.cloud.plugins.module_utils.core.reconcile import HELD_STATES
from ansible_collections.leasehold.cloud.plugins.module_utils.lazy import lazy
from ansible_collections.leasehold.cloud.plugins.module_utils.ledger import clusters, holds, mirror, runs, servers
from ansible_collections.leasehold.cloud.plugins.module_utils.ledger.database import Transaction
from ansible_collections.leasehold.cloud.plugins.module_utils.ledger.schema import tables

sa = lazy("sqlalchemy")

LOOSE = ("available", *HELD_STATES)  # states in which a server that nobody holds could be taken, or waits for somebody who is gone


@dataclasses.dataclass(frozen=True)
class Chosen:
    """Which servers of a site are looked at; an empty filter lets all pass."""

    racks: tuple[str, ...] = ()
    classes: tuple[str, ...] = ()
    names: tuple[str, ...] = ()

    def has(self, row: Mapping) -> bool:
        pairs = ((self.racks, "rack"), (self.classes, "class"), (self.names, "name"))
        return all(not wanted or row[key] in wanted for wanted, key in pairs)


@dataclasses.dataclass(frozen=True)
class Mended:
    """What was done in the ledger. C(servers): those that are out of everybody's reach now; C(skipped): those that somebody holds by now, or
    whose machine or ports somebody does."""

    changes: list[Change]
    servers: list[Server]
    fabric: list[dict]
    skipped: list[str]


def read(tx: Transaction, site_name: str | None, chosen: Chosen, since: str | None = None) -> Facts:
    """What the ledger says of a site.

    :param since: when the looking at the world began: what changed after it is named in C(moving).
    :raises NotFound: there is no such site, or several and no name.
    """
    site = mirror.site_of(tx, site_name)
    rows = tx.rows(servers.select_rows().where(tables().servers.c.site == site["name"]))
    moved = _moved(tx, since) | {row["name"] for row in rows if since and row["since"] and row["since"] > since}
    return Facts(
        datacenter=mirror.datacenter_of(tx, site, [servers.as_server(row) for row in rows]),
        chosen=frozenset(row["name"] for row in rows if chosen.has(row)),
        holders={row["name"]: row["cluster"] for row in rows if row["cluster"]},
        clusters=_holders(tx, site["name"], rows, moved),
        known_clusters=_known(tx), missing=frozenset(row["name"] for row in rows if row["missing_since"] and row["cluster"]),
        lapsed=frozenset(holds.lapsed(tx)), moving=frozenset(moved),
        drifted=frozenset(row["name"] for row in rows if set_aside_by_mend(row["state"], row["reason"], row["cluster"])),
    )


def mend(tx: Transaction, site_name: str | None, reasons: Mapping[str, str], *, lapsed: bool) -> Mended:
    """Set servers aside that nobody holds, and free what holds past their deadline hold.

    Whoever claims a server does so before this, and it is left alone, or after it, and cannot: what is then done to the ports and
    the power of these servers, harms nobody.

    :param reasons: by server.
    """
    changes = holds.lapse(tx) if lapsed else []
    rows = servers.load(tx, reasons)
    shared = _shared(tx, [row for row in rows if row["cluster"] is None])
    loose = [row for row in rows if row["cluster"] is None and row["name"] not in shared]
    by_reason: dict[str, list[str]] = {}
    for row in loose:
        if row["state"] in LOOSE:
            by_reason.setdefault(reasons[row["name"]], []).append(row["name"])
    for reason, names in by_reason.items():
        changes += servers.move(tx, names, "quarantined", reason=reason)
    aside = [servers.as_server(row) for row in loose]
    network = mirror.datacenter_of(tx, mirror.site_of(tx, site_name), aside) if aside else None
    hosts = fabric.quarantine_ports(aside, network) if network else []
    return Mended(
        changes, aside, [{**host, "groups": ["leasehold_mend_switches"], "release_ports": host["ports"], "ports": []} for host in hosts],
        sorted(shared | {row["name"] for row in rows if row["cluster"]}),
    )


def _shared(tx: Transaction, loose: list[dict]) -> set[str]:
    """Those of the servers whose machine or ports are a held server's too, by whatever mistake: what is done to them would be done to that one."""
    table, claims = tables().servers, tables().claims
    query = sa.select(table.c.name, table.c.document).join(claims, sa.and_(claims.c.kind == "server", claims.c.resource == table.c.name))
    held = tx.rows(query.where(table.c.site.in_({row["site"] for row in loose}))) if loose else []
    register = hardware.Register({row["name"]: row["document"] for row in held})
    return {row["name"] for row in loose if register.having(hardware.marks(row["document"]) | hardware.ports(row["document"]))}


def _moved(tx: Transaction, since: str | None) -> set[str]:
    """Names of clusters, deleted ones included, that changed or had a run at work after a moment."""
    if since is None:
        return set()
    table, run = tables().clusters, tables().runs
    query = sa.select(table.c.name).outerjoin(run, run.c.cluster == table.c.name)
    return {row["name"] for row in tx.rows(query.where(sa.or_(table.c.updated_at > since, run.c.updated_at > since)))}


def _known(tx: Transaction) -> frozenset[str]:
    table = tables().clusters
    return frozenset(row["name"] for row in tx.rows(sa.select(table.c.name).where(table.c.phase != "deleted")))


def _holders(tx: Transaction, site: str, rows: list[dict], moved: set[str]) -> dict[str, Holder]:
    table, claims = tables().clusters, tables().claims
    query = sa.select(table.c.name, table.c.phase, table.c.error).where(table.c.site == site, table.c.phase != "deleted")
    found = tx.rows(query.order_by(table.c.name))
    details: dict[str, dict] = {}
    for row in tx.rows(sa.select(claims.c.cluster, claims.c.detail).where(claims.c.kind.in_(("vlan", "prefix")))):
        details.setdefault(row["cluster"], {}).update(row["detail"])
    members: dict[str, list[Server]] = {}
    for row in rows:
        if row["cluster"]:
            members.setdefault(row["cluster"], []).append(servers.as_server(row))
    latest = runs.of(tx, [row["name"] for row in found])
    holders = {}
    for row in found:
        name, run = row["name"], latest.get(row["name"])
        live = bool(run and runs.is_live(tx, run))
        holders[name] = Holder(
            name, row["phase"], clusters.segment_of(name, details.get(name, {})), tuple(members.get(name, ())),
            at_work=live or name in moved, run=run and run | {"live": live}, failed=clusters.failed_operation(row),
        )
    return holders
