# Copyright: (c) 2026, leasehold.cloud contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a plan rests on, read from the ledger: for making a plan, and for seeing, as it claims, that nothing has moved."""

from __future__ import annotations

import dataclasses
from collections.abc import Collection, Mapping

from ansible_collections.leasehold.cloud.plugins.module_utils.core import grounds
from ansible_collections.leasehold.cloud.plugins.module_utils.core import quarantine as core_quarantine
from ansible_collections.leasehold.cloud.plugins.module_utils.core.claims import HeldCluster, Order
from ansible_collections.leasehold.cloud.plugins.module_utils.core.errors import NoCapacity
from ansible_collections.leasehold.cloud.plugins.module_utils.core.models import Server
from ansible_collections.leasehold.cloud.plugins.module_utils.core.plan import Manifests, cluster_plan
from ansible_collections.leasehold.cloud.plugins.module_utils.lazy import lazy
from ansible_collections.leasehold.cloud.plugins.module_utils.ledger import claims, clusters, mirror, servers
from ansible_collections.leasehold.cloud.plugins.module_utils.ledger.database import Transaction
from ansible_collections.leasehold.cloud.plugins.module_utils.ledger.schema import tables

sa = lazy("sqlalchemy")


def held_cluster(tx: Transaction, name: str) -> HeldCluster | None:
    """The cluster as plans take it; None when there never was one."""
    found = clusters.describe(tx, name)
    return HeldCluster.from_dict(found[0]) if found else None


def free_servers(tx: Transaction, site: str, classes: Collection[str]) -> list[Server]:
    """Servers of some classes that can be had: active, present, available, held by nobody."""
    mirrored, states, held = tables().servers, tables().server_states, tables().claims
    claimed = sa.select(held.c.id).where(held.c.kind == "server", held.c.resource == mirrored.c.name)
    query = sa.select(mirrored.c.document).join(states, states.c.server == mirrored.c.name).where(
        mirrored.c.site == site, mirrored.c["class"].in_(classes), mirrored.c.status == "active", mirrored.c.missing_since.is_(None),
        states.c.state == "available", ~claimed.exists(),
    )
    return [Server.from_dict(row.document) for row in tx.execute(query)]  # the state of all is the default, available


def all_servers(tx: Transaction, site: str) -> list[Server]:
    """Every server of a site: to tell why too few can be had."""
    return [servers.as_server(row) for row in tx.rows(servers.select_rows().where(tables().servers.c.site == site))]


def verify(tx: Transaction, plan: Mapping) -> None:
    """Refuse a plan whose ground has moved since it was made.

    :raises StalePlan: what the plan rests on is not what it was.
    """
    names = [server["name"] for key in ("add", "keep", "remove") for server in plan[key]]
    switches = [switch["name"] for key in ("switches", "release_switches") for switch in plan[key]]
    site = mirror.site_of(tx, plan["site"])
    touched = [servers.as_server(row) for row in servers.load(tx, names)]
    grounds.verify(plan, mirror.datacenter_of(tx, site, touched, switches), claims.held(tx, plan["site"]), held_cluster(tx, plan["cluster"]))


def plan(tx: Transaction, order: Order, operation: str, site_name: str | None, objects: Manifests) -> dict:
    """The plan of an order (see M(core.plan.cluster_plan)), from as little of the ledger as it needs.

    :param site_name: None for the only site.
    """
    site = mirror.site_of(tx, site_name)
    network = mirror.datacenter_of(tx, site, ())
    held, taken = held_cluster(tx, order.name), claims.held(tx, site["name"])
    strangers = claims.addresses(tx, order.name)

    def planned(candidates: list[Server]) -> dict:
        datacenter = dataclasses.replace(network, servers=tuple(candidates))
        return cluster_plan(order, datacenter, taken, held, operation, objects, strangers)

    if operation in ("delete", "verify"):
        return planned([])
    try:
        return planned(free_servers(tx, site["name"], {node_set.server_class for node_set in order.node_sets}))
    except NoCapacity:
        return planned(all_servers(tx, site["name"]))  # what is short is told with the reasons of all servers


def quarantine(tx: Transaction, name: str) -> dict:
    """What takes a server into quarantine: C({server, cluster, fabric}), see M(core.quarantine).

    :raises NotFound: the ledger does not know the server.
    """
    row = servers.load(tx, [name])[0]
    server = servers.as_server(row)
    held = held_cluster(tx, row["cluster"]) if row["cluster"] else None
    datacenter = mirror.datacenter_of(tx, mirror.site_of(tx, row["site"]), [server])
    return {"server": server.as_dict(), "cluster": row["cluster"], "fabric": core_quarantine.hosts(server, held, datacenter)}
