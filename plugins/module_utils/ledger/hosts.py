# Copyright: (c) 2026, leasehold.cloud contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The mirror as hosts of an inventory: names, groups, variables."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping

from ansible_collections.leasehold.cloud.plugins.module_utils.lazy import lazy
from ansible_collections.leasehold.cloud.plugins.module_utils.ledger import servers
from ansible_collections.leasehold.cloud.plugins.module_utils.ledger.database import Transaction
from ansible_collections.leasehold.cloud.plugins.module_utils.ledger.schema import tables

sa = lazy("sqlalchemy")


@dataclasses.dataclass(frozen=True)
class Filters:
    """Which hosts; an empty filter lets all pass. Classes, clusters and tenants are of servers only."""

    kinds: tuple[str, ...] = ("server", "switch")
    sites: tuple[str, ...] = ()
    racks: tuple[str, ...] = ()
    classes: tuple[str, ...] = ()
    clusters: tuple[str, ...] = ()
    tenants: tuple[str, ...] = ()


def read(tx: Transaction, filters: Filters) -> list[dict]:
    """Hosts as C({name, groups, variables}), servers first, by name."""
    found = []
    if "server" in filters.kinds:
        query = _filtered(servers.select_rows(), {
            tables().servers.c.site: filters.sites, tables().servers.c.rack: filters.racks, tables().servers.c["class"]: filters.classes,
            tables().claims.c.cluster: filters.clusters, tables().clusters.c.tenant: filters.tenants,
        })
        found += [_server(row) for row in tx.rows(query)]
    if "switch" in filters.kinds:
        switches = tables().switches
        query = sa.select(switches).order_by(switches.c.name)
        found += [_switch(row) for row in tx.rows(_filtered(query, {switches.c.site: filters.sites, switches.c.rack: filters.racks}))]
    return found


def _filtered(query, wanted: Mapping):
    for column, values in wanted.items():
        if values:
            query = query.where(column.in_(values))
    return query


def _server(row: Mapping) -> dict:
    document, address = row["document"], (row["detail"] or {}).get("address")
    management = document.get("management") or {}
    variables = {
        "ansible_host": management.get("address") or address, "ansible_port": management.get("port"),
        "ansible_user": management.get("user"), "leasehold_kind": "server", "leasehold_site": row["site"],
        "leasehold_rack": row["rack"], "leasehold_class": row["class"], "leasehold_serial": row["serial"],
        "leasehold_status": row["status"], "leasehold_state": row["state"], "leasehold_cluster": row["cluster"],
        "leasehold_tenant": row["tenant"], "leasehold_node_set": row["node_set"], "leasehold_address": address,
        "leasehold_bmc": document["bmc"], "leasehold_nics": document["nics"], "leasehold_attributes": document.get("attributes") or {},
    }
    groups = _groups("servers", row, ("site", "rack", "class", "state", "tenant", "cluster"))
    return {"name": row["name"], "groups": groups, "variables": _known(variables)}


def _switch(row: Mapping) -> dict:
    document = row["document"]
    variables = {
        "ansible_host": document["address"], "ansible_network_os": row["network_os"], "leasehold_kind": "switch",
        "leasehold_site": row["site"], "leasehold_rack": row["rack"], "leasehold_role": row["role"],
        "leasehold_port": document.get("port"), "leasehold_bridge": document.get("bridge"),
    }
    return {"name": row["name"], "groups": _groups("switches", row, ("site", "rack", "role")), "variables": _known(variables)}


def _groups(kind: str, row: Mapping, keys: tuple[str, ...]) -> list[str]:
    return [kind, *(f"{key}_{row[key]}" for key in keys if row[key] is not None)]


def _known(variables: Mapping) -> dict:
    return {key: value for key, value in variables.items() if value is not None}
