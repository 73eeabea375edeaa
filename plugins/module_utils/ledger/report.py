# Copyright: (c) 2026, leasehold.cloud contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The rows of a ledger's report, counted by the database. What they are shown as is decided in M(core.report)."""

from __future__ import annotations

import collections
from collections.abc import Mapping

from ansible_collections.leasehold.cloud.plugins.module_utils.core import report as core
from ansible_collections.leasehold.cloud.plugins.module_utils.core.allocate import natural
from ansible_collections.leasehold.cloud.plugins.module_utils.core.states import SERVER_ASIDE
from ansible_collections.leasehold.cloud.plugins.module_utils.core.times import after
from ansible_collections.leasehold.cloud.plugins.module_utils.lazy import lazy
from ansible_collections.leasehold.cloud.plugins.module_utils.ledger import quotas, views
from ansible_collections.leasehold.cloud.plugins.module_utils.ledger.database import Transaction
from ansible_collections.leasehold.cloud.plugins.module_utils.ledger.schema import tables

sa = lazy("sqlalchemy")


def read(tx: Transaction, seconds: int) -> dict[str, list[dict]]:
    """Every table of the report by its name, see M(core.report.TABLES).

    :param seconds: a lease that ends within so many is one that ends soon.
    """
    racks, holders = _racks(tx), _holders(tx)
    soon = [row for row in holders if row["lease_end"] and row["lease_end"] <= after(tx.at, seconds)]
    return {
        "capacity": core.capacity(racks, _spares(tx)), "racks": racks, "holders": holders, "reservations": _reservations(tx),
        "expiring": sorted(soon, key=lambda row: (row["lease_end"], row["cluster"])), "out_of_use": _out_of_use(tx), "quotas": _quotas(tx),
    }


def _racks(tx: Transaction) -> list[dict]:
    """How many servers of each class and rack are free, held ... A server counts once: out of use goes before held."""
    mirrored, states, claims, clusters, free, promised = (
        getattr(tables(), name) for name in ("servers", "server_states", "claims", "clusters", "free_servers", "reservations"))
    reserved = sa.exists().where(promised.c.kind == "server", promised.c.resource == mirrored.c.name, promised.c.ends_at > tx.at)
    had = sa.case((reserved, "reserved"), else_="free")
    use = sa.case(
        (states.c.state.in_(SERVER_ASIDE), "quarantined"), (clusters.c.hold_until <= tx.at, had),  # a hold that has lapsed holds nothing
        (claims.c.id.is_not(None), "held"), (free.c.server.is_not(None), had), else_="other",
    ).label("use")
    rows = tx.rows(sa.select(mirrored.c.site, mirrored.c.rack, mirrored.c["class"], use, sa.func.count().label("count")).select_from(
        mirrored.outerjoin(states, states.c.server == mirrored.c.name).outerjoin(free, free.c.server == mirrored.c.name)
        .outerjoin(claims, sa.and_(claims.c.kind == "server", claims.c.resource == mirrored.c.name))
        .outerjoin(clusters, clusters.c.name == claims.c.cluster)
    ).group_by(mirrored.c.site, mirrored.c.rack, mirrored.c["class"], use))
    found: dict[tuple, dict] = {}
    for row in rows:
        place = {key: row[key] for key in ("site", "rack", "class")}
        counts = found.setdefault(tuple(place.values()), place | dict.fromkeys(core.CAPACITY, 0))
        counts[row["use"]] += row["count"]
        counts["total"] += row["count"]
    return [found[key] for key in sorted(found, key=lambda key: tuple(map(natural, key)))]


def _spares(tx: Transaction) -> dict[tuple[str, str], int]:
    rows = tx.rows(sa.select(tables().sites.c.name, tables().sites.c.document))
    return {(row["name"], server_class): count for row in rows for server_class, count in (row["document"].get("spares") or {}).items()}


def _holders(tx: Transaction) -> list[dict]:
    """Clusters with claims: how many servers in which node sets, their segment and lease."""
    clusters, table = tables().clusters, tables().claims
    columns = (clusters.c.tenant, clusters.c.site, clusters.c.phase, clusters.c.lease_start, clusters.c.lease_end, clusters.c.lease_hold)
    return _counted(tx, table, columns)


def _reservations(tx: Transaction) -> list[dict]:
    clusters, table = tables().clusters, tables().reservations
    found = _counted(tx, table, (clusters.c.tenant, clusters.c.site, table.c.starts_at, table.c.ends_at))
    return sorted(found, key=lambda row: (row["starts_at"], row["cluster"]))


def _counted(tx: Transaction, table, columns) -> list[dict]:
    """What clusters have in a table of claims or reservations, a row for each: servers and node sets, VLAN and prefix."""
    clusters, mirrored = tables().clusters, tables().servers
    network = sa.case((table.c.kind == "server", None), else_=table.c.resource)
    keys = (table.c.cluster, *columns, table.c.kind, table.c.node_set, mirrored.c["class"], network.label("resource"))
    rows = tx.rows(sa.select(*keys, sa.func.count().label("count")).select_from(
        table.join(clusters, clusters.c.name == table.c.cluster)
        .outerjoin(mirrored, sa.and_(table.c.kind == "server", mirrored.c.name == table.c.resource))
    ).where(table.c.kind != "address").group_by(*keys))
    known = tuple(column.name for column in columns)
    found: dict[tuple, dict] = {}
    for row in rows:
        same = (row["cluster"], *(row[key] for key in known if key.endswith("s_at")))
        entry = found.setdefault(same, {key: row[key] for key in ("cluster", *known)} | {
            "servers": 0, "node_sets": collections.Counter(), "vlan": None, "prefix": None})
        _add(entry, row)
    for entry in found.values():
        entry["node_sets"] = {name: entry["node_sets"][name] for name in sorted(entry["node_sets"])}
    return sorted(found.values(), key=lambda row: (row["tenant"] or "", row["cluster"]))


def _add(entry: dict, row: Mapping) -> None:
    if row["kind"] == "server":
        entry["servers"] += row["count"]
        entry["node_sets"][f"{row['node_set']} ({row['class']})"] += row["count"]
    elif row["kind"] == "vlan":
        entry["vlan"] = int(row["resource"].rpartition("/")[2])
    else:
        entry["prefix"] = row["resource"]


def _out_of_use(tx: Transaction) -> list[dict]:
    """Servers that were set aside or are missing from their source, the longest first."""
    found = {row["name"]: row for filters in ({"state": SERVER_ASIDE}, {"missing": True}) for row in views.servers(tx, filters, details=False)}
    keys = ("name", "site", "rack", "class", "state", "since", "reason", "cluster", "tenant", "missing_since")
    return [{key: row[key] for key in keys} for row in sorted(found.values(), key=lambda row: (row["since"] or "", row["name"]))]


def _quotas(tx: Transaction) -> list[dict]:
    """What is limited or used."""
    return [
        {"tenant": standing["tenant"]} | row for standing in quotas.standing(tx) for row in standing["resources"]
        if row["used"] or row["soft"] is not None or row["hard"] is not None
    ]
