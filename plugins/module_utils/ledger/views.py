# Copyright: (c) 2026, leasehold.cloud contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What admins look at: servers, segments and claims, as many as they ask for. Filters are the database's work."""

from __future__ import annotations

import collections
import ipaddress
from collections.abc import Iterable, Mapping, Sequence

from ansible_collections.leasehold.cloud.plugins.module_utils.core.allocate import FIRST_SERVER_ADDRESS, natural
from ansible_collections.leasehold.cloud.plugins.module_utils.lazy import lazy
from ansible_collections.leasehold.cloud.plugins.module_utils.ledger import servers as server_rows
from ansible_collections.leasehold.cloud.plugins.module_utils.ledger.database import Transaction, chunks
from ansible_collections.leasehold.cloud.plugins.module_utils.ledger.schema import tables

sa = lazy("sqlalchemy")

BRIEF = ("name", "site", "rack", "class", "serial", "status", "state", "reason", "since", "missing_since", "cluster", "tenant", "node_set",
         "phase", "lease_end", "hold_until")


def servers(tx: Transaction, filters: Mapping, *, details: bool = True) -> list[dict]:
    """Servers in natural order of their names: what their source says, their state, who holds and who has reserved them.

    :param filters: of C(names), C(site), C(rack), C(class), C(state), C(status), C(cluster), C(tenant), C(node_set) lists, of which a server
        has one; C(missing) and C(free) booleans. What is empty or None lets all pass.
    :param details: with C(evidence), C(nics), C(attributes) and C(bmc).
    """
    mirrored, states, claims = tables().servers, tables().server_states, tables().claims
    clusters, free = tables().clusters, tables().free_servers
    listed = sa.exists().where(free.c.server == mirrored.c.name)
    query = server_rows.select_rows(states.c.evidence, clusters.c.phase, clusters.c.lease_end, clusters.c.hold_until, listed.label("free"))
    columns = {
        "names": mirrored.c.name, "site": mirrored.c.site, "rack": mirrored.c.rack, "class": mirrored.c["class"], "status": mirrored.c.status,
        "state": sa.func.coalesce(states.c.state, "available"), "cluster": claims.c.cluster, "tenant": clusters.c.tenant,
        "node_set": claims.c.node_set,
    }
    query = query.where(*(column.in_(list(filters[name])) for name, column in columns.items() if filters.get(name)))
    if filters.get("missing") is not None:
        query = query.where(mirrored.c.missing_since.is_not(None) if filters["missing"] else mirrored.c.missing_since.is_(None))
    if filters.get("free") is not None:
        query = query.where(listed if filters["free"] else ~listed)
    if not details:  # the documents are what takes long
        query = query.with_only_columns(*(column for column in query.selected_columns if column.name != "document"))
    rows = tx.rows(query.order_by(None).order_by(mirrored.c.sort_key, mirrored.c.name))
    promised = _reserved_servers(tx, [row["name"] for row in rows])
    return [_server(row, promised.get(row["name"], []), details) for row in rows]


def segments(tx: Transaction, filters: Mapping) -> list[dict]:
    """Segments that clusters hold, or have reserved, by site and VLAN: their servers with switch ports, their addresses.

    :param filters: C(cluster), C(tenant), C(site), C(vlan), each one or None for all.
    """
    found = []
    for table, times in ((tables().claims, ()), (tables().reservations, ("starts_at", "ends_at"))):
        parts: dict[tuple, dict] = {}
        for row in _segment_rows(tx, table, filters, times):
            when = tuple(row[time] for time in times)
            known = parts.setdefault((row["cluster"], *when), {"reserved": dict(zip(times, when)) or None} | {"detail": {}})
            known |= {key: row[key] for key in ("cluster", "tenant", "phase")}
            known["detail"] |= row["detail"]
        members = _members(tx, table, {part["cluster"] for part in parts.values()})
        found += [_segment(part, members[part["cluster"]]) for part in parts.values()]
    return sorted(found, key=lambda segment: (segment["site"], segment["vlan"] or 0, segment["prefix"] or "", str(segment["reserved"])))


def claims(tx: Transaction, names: Iterable[str], kinds: Sequence[str] = (), resources: Sequence[str] = ()) -> list[dict]:
    """Claims of clusters, by kind and resource: C({kind, resource, cluster, tenant, node_set, token, claimed_at})."""
    held, clusters = tables().claims, tables().clusters
    columns = (held.c.kind, held.c.resource, held.c.cluster, clusters.c.tenant, held.c.node_set, held.c.token, held.c.claimed_at)
    query = sa.select(*columns).join(clusters, clusters.c.name == held.c.cluster).where(*_of(kinds, resources))
    found = [row for chunk in chunks(names) for row in tx.rows(query.where(held.c.cluster.in_(chunk)))]
    return sorted(found, key=lambda row: (row["kind"], natural(row["resource"])))


def conditions(*, site: str | None = None, phases: Sequence[str] = (), kinds: Sequence[str] = (), resources: Sequence[str] = ()) -> list:
    """Conditions on clusters: where they are, their phases, and what they hold."""
    clusters, held = tables().clusters, tables().claims
    found = [clusters.c.site == site] if site else []
    found += [clusters.c.phase.in_(list(phases))] if phases else []
    if kinds or resources:
        found.append(clusters.c.name.in_(sa.select(held.c.cluster).where(*_of(kinds, resources))))
    return found


def _of(kinds: Sequence[str], resources: Sequence[str]) -> list:
    held = tables().claims
    return [column.in_(list(values)) for column, values in ((held.c.kind, kinds), (held.c.resource, resources)) if values]


def _server(row: Mapping, promised: list[dict], details: bool) -> dict:
    brief = {key: row[key] for key in BRIEF} | {
        "address": (row["detail"] or {}).get("address"), "free": bool(row["free"]), "reservations": promised,
    }
    if not details:
        return brief
    document = row["document"]
    return brief | {"evidence": row["evidence"], "nics": document["nics"], "attributes": document.get("attributes") or {}, "bmc": document["bmc"]}


def _reserved_servers(tx: Transaction, names: Sequence[str]) -> dict[str, list[dict]]:
    """Who has reserved servers, and when, by server, the earliest first."""
    table, found = tables().reservations, collections.defaultdict(list)
    query = sa.select(table.c.resource, table.c.cluster, table.c.starts_at, table.c.ends_at).where(table.c.kind == "server")
    for chunk in chunks(names):
        for row in tx.rows(query.where(table.c.resource.in_(chunk)).order_by(table.c.starts_at)):
            found[row.pop("resource")].append(row)
    return found


def _segment_rows(tx: Transaction, table, filters: Mapping, times: Sequence[str]) -> list[dict]:
    """VLANs and prefixes of the clusters that pass the filters, in a table of claims or reservations."""
    clusters = tables().clusters
    query = sa.select(
        table.c.cluster, table.c.kind, table.c.detail, clusters.c.tenant, clusters.c.phase, *(table.c[time] for time in times),
    ).join(clusters, clusters.c.name == table.c.cluster).where(table.c.kind.in_(("vlan", "prefix"))).order_by(table.c.id)
    for name, column in (("cluster", clusters.c.name), ("tenant", clusters.c.tenant), ("site", clusters.c.site)):
        query = query.where(column == filters[name]) if filters.get(name) else query
    if filters.get("vlan"):
        of_vlan = table.alias()
        has = sa.select(of_vlan.c.cluster).where(of_vlan.c.kind == "vlan", of_vlan.c.resource.endswith(f"/{int(filters['vlan'])}"))
        query = query.where(table.c.cluster.in_(has))
    return tx.rows(query)


def _members(tx: Transaction, table, names: Iterable[str]) -> dict[str, list[dict]]:
    """Servers of clusters with their switch ports, by cluster; in natural order."""
    mirrored, states, found = tables().servers, tables().server_states, collections.defaultdict(list)
    query = sa.select(
        table.c.cluster, table.c.node_set, table.c.detail, mirrored.c.name, mirrored.c.rack, mirrored.c.document, states.c.state,
    ).join(mirrored, mirrored.c.name == table.c.resource).outerjoin(states, states.c.server == mirrored.c.name)
    for chunk in chunks(sorted(names)):
        those = query.where(table.c.kind == "server", table.c.cluster.in_(chunk)).order_by(mirrored.c.sort_key, mirrored.c.name)
        for row in tx.rows(those):
            ports = [{"nic": nic["name"], "switch": nic["switch"], "port": nic["port"]} for nic in row["document"]["nics"]]
            found[row["cluster"]].append({
                "name": row["name"], "rack": row["rack"], "node_set": row["node_set"], "state": row["state"] or "available",
                "address": (row["detail"] or {}).get("address"), "ports": ports,
            })
    return found


def _segment(part: Mapping, members: list[dict]) -> dict:
    detail, prefix = part["detail"], part["detail"].get("prefix")
    network = ipaddress.ip_network(prefix) if prefix else None
    used = sum(member["address"] is not None for member in members)
    size = network.num_addresses - (network.version == 4) - FIRST_SERVER_ADDRESS if network else 0  # the last of IPv4 is broadcast
    return {
        "cluster": part["cluster"], "tenant": part["tenant"], "site": detail["site"], "phase": part["phase"], "vlan": detail.get("vlan"),
        "prefix": prefix, "gateway": str(network[1]) if network else None, "quarantine_vlan": detail["quarantine_vlan"],
        "reserved": part["reserved"], "servers": members, "addresses": {"total": size, "used": used, "free": size - used},
    }
