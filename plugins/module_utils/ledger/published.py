# Copyright: (c) 2026, leasehold.cloud contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What was published to a site's source, so that it can be taken back; and what there is to publish."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from ansible_collections.leasehold.cloud.plugins.module_utils.core.states import SERVER_ASIDE
from ansible_collections.leasehold.cloud.plugins.module_utils.lazy import lazy
from ansible_collections.leasehold.cloud.plugins.module_utils.ledger import servers as ledger_servers
from ansible_collections.leasehold.cloud.plugins.module_utils.ledger.database import Transaction, chunks
from ansible_collections.leasehold.cloud.plugins.module_utils.ledger.schema import tables

sa = lazy("sqlalchemy")


def site_of(tx: Transaction, identity: str) -> dict | None:
    """The site that is a source's mirror."""
    sites = tables().sites
    return tx.row(sa.select(sites).where(sites.c.source == identity))


def read(tx: Transaction, site: str) -> dict[str, dict]:
    """The fields that were published, by their object's key."""
    table = tables().source_published
    return {row.object: row.fields for row in tx.execute(sa.select(table).where(table.c.site == site))}


def write(tx: Transaction, site: str, fields: Mapping[str, Mapping]) -> None:
    """Note what was published, and nothing else."""
    table, before = tables().source_published, read(tx, site)
    for chunk in chunks([key for key in before if fields.get(key) != before[key]]):
        tx.execute(table.delete().where(table.c.site == site, table.c.object.in_(chunk)))
    new = [{"site": site, "object": key, "fields": dict(value)} for key, value in fields.items() if before.get(key) != value]
    if new:
        tx.execute(table.insert(), new)


def switches(tx: Transaction, site: str) -> dict[str, str]:
    """By name, the source's ids of switches."""
    table = tables().switches
    return {row.name: row.source_id for row in tx.execute(
        sa.select(table.c.name, table.c.source_id).where(table.c.site == site, table.c.source_id.is_not(None)))}


def servers(tx: Transaction, site: str, ids: Collection[str]) -> list[dict]:
    """The servers that there may be something to publish of: held, set aside, or (by id) published before."""
    table, claims, states, clusters = tables().servers, tables().claims, tables().server_states, tables().clusters
    query = ledger_servers.select_rows(claims.c.claimed_at, clusters.c.order).where(table.c.site == site, table.c.source_id.is_not(None))
    found = tx.rows(query.where(sa.or_(claims.c.cluster.is_not(None), states.c.state.in_(SERVER_ASIDE))))
    there = {row["source_id"] for row in found}
    for chunk in chunks(id for id in ids if id not in there):
        found += tx.rows(query.where(table.c.source_id.in_(chunk)))
    return sorted(found, key=lambda row: row["sort_key"])


def ids(tx: Transaction, site: str, names: Collection[str]) -> dict[tuple[str, str], str]:
    """By name and serial number, the source's ids of those of these servers that are there."""
    table = tables().servers
    query = sa.select(table.c.name, table.c.serial, table.c.source_id).where(table.c.site == site, table.c.source_id.is_not(None))
    return {(row.name, row.serial): row.source_id for chunk in chunks(sorted(names)) for row in tx.execute(query.where(table.c.name.in_(chunk)))}


def networks(tx: Transaction, site: str) -> list[dict]:
    """The segments that clusters hold in a site: C({cluster, tenant, vlan, prefix})."""
    claims, clusters = tables().claims, tables().clusters
    query = sa.select(claims.c.cluster, clusters.c.tenant, claims.c.detail).join(clusters, clusters.c.name == claims.c.cluster)
    found: dict[str, dict] = {}
    for row in tx.execute(query.where(claims.c.kind.in_(("vlan", "prefix"))).order_by(claims.c.cluster)):
        if row.detail["site"] == site:
            segment = found.setdefault(row.cluster, {"cluster": row.cluster, "tenant": row.tenant})
            segment |= {key: row.detail[key] for key in ("vlan", "prefix") if key in row.detail}
    return [segment for segment in found.values() if "vlan" in segment and "prefix" in segment]


def vlan_pools(tx: Transaction, site: str) -> list[dict]:
    """The VLAN pools of a site, as documents."""
    pools = tables().pools
    return [row.document for row in tx.execute(sa.select(pools.c.document).where(pools.c.site == site, pools.c.kind == "vlans").order_by(pools.c.position))]
