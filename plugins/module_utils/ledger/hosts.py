# Copyright: (c) 2026, leasehold.cloud contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The mirror as hosts of an inventory: names, groups, variables. Only what was asked for is read of the database, and made."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Collection, Mapping

from ansible_collections.leasehold.cloud.plugins.module_utils.lazy import lazy
from ansible_collections.leasehold.cloud.plugins.module_utils.ledger import servers
from ansible_collections.leasehold.cloud.plugins.module_utils.ledger.database import Transaction
from ansible_collections.leasehold.cloud.plugins.module_utils.ledger.schema import tables

sa = lazy("sqlalchemy")

AVAILABLE = "available"  # also of a server whose state was never noted
SERVER_GROUPS = ("site", "rack", "class", "state", "tenant", "cluster")
SWITCH_GROUPS = ("site", "rack", "role")
Value = Callable[[Mapping, Mapping], object]  # of a row and its document


@dataclasses.dataclass(frozen=True)
class Filters:
    """Which hosts; an empty filter lets all pass. Classes, states, clusters and tenants are of servers only, roles of switches only."""

    kinds: tuple[str, ...] = ("server", "switch")
    sites: tuple[str, ...] = ()
    racks: tuple[str, ...] = ()
    classes: tuple[str, ...] = ()
    states: tuple[str, ...] = ()
    clusters: tuple[str, ...] = ()
    tenants: tuple[str, ...] = ()
    roles: tuple[str, ...] = ()


def _address(row: Mapping) -> str | None:
    return (row["detail"] or {}).get("address")


def _managed(key: str) -> Value:
    return lambda row, document: (document.get("management") or {}).get(key)


def _of(key: str) -> Value:
    return lambda row, document: row[key]


SERVER: dict[str, Value] = {
    "ansible_host": lambda row, document: _managed("address")(row, document) or _address(row),
    "ansible_port": _managed("port"), "ansible_user": _managed("user"),
    "leasehold_kind": lambda row, document: "server", "leasehold_site": _of("site"), "leasehold_rack": _of("rack"), "leasehold_class": _of("class"),
    "leasehold_serial": _of("serial"), "leasehold_status": _of("status"), "leasehold_state": _of("state"), "leasehold_cluster": _of("cluster"),
    "leasehold_tenant": _of("tenant"), "leasehold_node_set": _of("node_set"), "leasehold_address": lambda row, document: _address(row),
    "leasehold_bmc": lambda row, document: document["bmc"], "leasehold_nics": lambda row, document: document["nics"],
    "leasehold_attributes": lambda row, document: document.get("attributes") or {},
}
SWITCH: dict[str, Value] = {
    "ansible_host": lambda row, document: document["address"], "ansible_network_os": _of("network_os"),
    "leasehold_kind": lambda row, document: "switch", "leasehold_site": _of("site"), "leasehold_rack": _of("rack"), "leasehold_role": _of("role"),
    "leasehold_port": lambda row, document: document.get("port"), "leasehold_bridge": lambda row, document: document.get("bridge"),
}
DOCUMENTED = frozenset({"ansible_host", "ansible_port", "ansible_user", "leasehold_bmc", "leasehold_nics", "leasehold_attributes"})  # of a server
VARIABLES = tuple(dict.fromkeys([*SERVER, *SWITCH]))


def read(tx: Transaction, filters: Filters, expose: Collection[str] = VARIABLES) -> list[dict]:
    """Hosts as C({name, groups, variables}), servers first, by name.

    :param expose: the variables that they shall have, of C(VARIABLES).
    """
    found = []
    if "server" in filters.kinds:
        found += _servers(tx, filters, {name: value for name, value in SERVER.items() if name in expose})
    if "switch" in filters.kinds:
        found += _switches(tx, filters, {name: value for name, value in SWITCH.items() if name in expose})
    return found


def _servers(tx: Transaction, filters: Filters, values: dict[str, Value]) -> list[dict]:
    table, states = tables().servers, tables().server_states
    query = servers.select_rows()
    if DOCUMENTED.isdisjoint(values):  # documents are most of what there is to read
        query = query.with_only_columns(*(column for column in query.selected_columns if column.name != "document"), maintain_column_froms=True)
    state = sa.func.coalesce(states.c.state, AVAILABLE) if AVAILABLE in filters.states else states.c.state  # an index has the others
    clusters = _clusters_of(tx, filters)
    if clusters is not None and not clusters:
        return []
    query = _filtered(query, {
        table.c.site: filters.sites, table.c.rack: filters.racks, table.c["class"]: filters.classes, state: filters.states,
        tables().claims.c.cluster: clusters,
    })
    return [_host("servers", row, SERVER_GROUPS, values) for row in tx.rows(query)]


def _clusters_of(tx: Transaction, filters: Filters) -> Collection[str] | None:
    """The clusters that servers have to be held by; None: any or none. Asked for first, since the database would else look at all servers."""
    if not filters.tenants:
        return filters.clusters or None
    clusters = tables().clusters
    query = _filtered(sa.select(clusters.c.name).where(clusters.c.tenant.in_(filters.tenants)), {clusters.c.name: filters.clusters})
    return [row.name for row in tx.execute(query)]


def _switches(tx: Transaction, filters: Filters, values: dict[str, Value]) -> list[dict]:
    table = tables().switches
    query = sa.select(table).order_by(table.c.name)
    wanted = {table.c.site: filters.sites, table.c.rack: filters.racks, table.c.role: filters.roles}
    return [_host("switches", row, SWITCH_GROUPS, values) for row in tx.rows(_filtered(query, wanted))]


def _filtered(query, wanted: Mapping):
    for column, values in wanted.items():
        if values:
            query = query.where(column.in_(values))
    return query


def _host(kind: str, row: Mapping, keys: tuple[str, ...], values: dict[str, Value]) -> dict:
    document = row.get("document")
    variables = {name: found for name, value in values.items() if (found := value(row, document)) is not None}
    return {"name": row["name"], "groups": [kind, *(f"{key}_{row[key]}" for key in keys if row[key] is not None)], "variables": variables}
