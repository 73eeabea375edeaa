# Copyright: (c) 2026, leasehold.cloud contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Claims: who holds a resource. A cluster's are taken in one transaction, all or none, and never taken over.

Kinds and what their resource is called: ``server`` (its name), ``vlan`` (``site/101``), ``prefix`` (``10.64.1.0/24``),
``address`` (``10.64.1.10``).
"""

from __future__ import annotations

import ipaddress
from collections.abc import Collection, Iterable, Mapping

from ansible_collections.leasehold.cloud.plugins.module_utils.core.changes import Change
from ansible_collections.leasehold.cloud.plugins.module_utils.core.errors import ClaimConflict, NotFound, WipeUnproven
from ansible_collections.leasehold.cloud.plugins.module_utils.core.prefixes import length_of
from ansible_collections.leasehold.cloud.plugins.module_utils.core.states import SERVER_UNUSED, server_transition
from ansible_collections.leasehold.cloud.plugins.module_utils.lazy import lazy
from ansible_collections.leasehold.cloud.plugins.module_utils.ledger import clusters, events, servers, usage
from ansible_collections.leasehold.cloud.plugins.module_utils.ledger import free as free_list
from ansible_collections.leasehold.cloud.plugins.module_utils.ledger.database import Transaction, chunks
from ansible_collections.leasehold.cloud.plugins.module_utils.ledger.schema import tables

sa = lazy("sqlalchemy")

OF_ONE_ORDER = ("cluster_expected_plan", "cluster_remove_servers", "cluster_hold")  # not what the cluster is
FREEABLE = ("available", "claimed")  # wiped with proof, or never booted for this cluster


def of_plan(plan: Mapping) -> list[dict]:
    """The rows of all claims that a plan's cluster holds once the plan is carried out (and those it will give back)."""
    segment = plan["segment"]
    common = {"cluster": plan["cluster"]}
    network = {"site": plan["site"], "quarantine_vlan": segment["quarantine_vlan"]}
    rows = [
        common | {"kind": "vlan", "resource": f"{plan['site']}/{segment['vlan']}", "node_set": None, "detail": network | {"vlan": segment["vlan"]}},
        common | {"kind": "prefix", "resource": segment["prefix"], "node_set": None, "detail": network | {"prefix": segment["prefix"]}},
    ]
    for server in plan["servers"]:
        rows.append(common | {"kind": "server", "resource": server["name"], "node_set": server["node_set"], "detail": {"address": server["address"]}})
        rows.append(common | {"kind": "address", "resource": server["address"], "node_set": server["node_set"], "detail": {"server": server["name"]}})
    return rows


def take(tx: Transaction, plan: Mapping, token: int, *, clear: bool = False) -> list[Change]:
    """Take all that a plan needs: servers, VLAN, prefix and addresses. What this cluster holds already stays held.

    :param clear: that none of it is held, and its servers are available, was seen in this transaction.
    :raises ClaimConflict: naming each resource and who holds it; then nothing is taken.
    :raises IllegalTransition: for a server that is not available; then nothing is taken.
    """
    rows = of_plan(plan)
    holders = {} if clear else _holders(tx, rows)
    new = [row for row in rows if (row["kind"], row["resource"]) not in holders]
    lost = {key: cluster for key, cluster in holders.items() if cluster != plan["cluster"]}
    if lost:
        raise _conflict(plan["cluster"], lost)
    if not clear:
        _refuse_overlap(tx, new)
    moving = []
    joining = [row["resource"] for row in new if row["kind"] == "server"]
    for name, state in (dict.fromkeys(joining, "available") if clear else servers.states_of(tx, joining)).items():
        server_transition(state, "claimed", name=name)
        moving.append((name, state))
    if new:
        tx.insert(tables().claims, [row | {"token": token, "claimed_at": tx.at, "prefix_length": _prefix_length(row)} for row in new])
    classes = {server["name"]: server["class"] for server in plan["servers"]}
    usage.open(tx, plan["cluster"], plan["tenant"], [(row["resource"], classes[row["resource"]]) for row in new if row["kind"] == "server"])
    servers.put(tx, moving, "claimed", listed=clear)
    events.record_all(tx, ((_subject(row), "claimed", None, {"cluster": row["cluster"], "token": token}) for row in new))
    return [Change("claim", _subject(row), None, _told(row)) for row in new]


def settled(tx: Transaction, plan: Mapping) -> dict:
    """What a plan settles about its cluster: tenant, site and order (of its lease, see M(leases)).

    What this order does not say (a scale names no template) stays as it was ordered before.
    """
    row = clusters.require(tx, plan["cluster"], "recording its order")
    said = {key: value for key, value in plan["order"].items() if value and key not in OF_ONE_ORDER}
    return {"tenant": plan["tenant"], "site": plan["site"], "order": (row["order"] or {}) | said}


def free(tx: Transaction, cluster: str, names: Collection[str] | None = None, *, unused: bool = False) -> list[Change]:
    """Give back servers with their addresses, or (``names`` None) all that a cluster holds, VLAN and prefix too.

    A server that was wiped with proof is available and can go; so can one that was claimed and never booted.

    :param unused: none was ever booted for this cluster; so one that was set aside can go, too, and stays aside.
    :raises WipeUnproven: naming the servers that are in another state; then nothing is given back.
    :raises NotFound: when the cluster does not hold a server that another one holds.
    """
    claims = tables().claims
    rows = tx.rows(sa.select(claims).where(claims.c.cluster == cluster).order_by(claims.c.id))
    if names is not None:
        _refuse_others(tx, cluster, set(names) - {row["resource"] for row in rows if row["kind"] == "server"})
        rows = [row for row in rows if _server_of(row) in names]
    states = servers.load(tx, [row["resource"] for row in rows if row["kind"] == "server"])
    freeable = SERVER_UNUSED if unused else FREEABLE
    _refuse_dirty(cluster, [row for row in states if row["state"] not in freeable])
    # Undoes the claim of a server that never left it: no step of a lease, so the state machine is not asked.
    servers.put(tx, [(row["name"], row["state"]) for row in states if row["state"] == "claimed"], "available")
    for chunk in chunks(row["id"] for row in rows):
        tx.write(claims.delete().where(claims.c.id.in_(chunk)), {})
    freed = [row["resource"] for row in rows if row["kind"] == "server"]
    usage.close(tx, cluster, freed)
    free_list.refresh(tx, freed)
    events.record_all(tx, ((_subject(row), "freed", {"cluster": cluster, "token": row["token"]}, None) for row in rows))
    return [Change("claim", _subject(row), _told(row), None) for row in rows]


def _holders(tx: Transaction, rows: Iterable[Mapping]) -> dict[tuple[str, str], str]:
    """Who holds the resources of ``rows`` now."""
    claims = tables().claims
    wanted = {(row["kind"], row["resource"]) for row in rows}
    query = sa.select(claims.c.kind, claims.c.resource, claims.c.cluster).where(claims.c.kind.in_(sorted({kind for kind, _resource in wanted})))
    found = [row for chunk in chunks(resource for _kind, resource in wanted) for row in tx.execute(query.where(claims.c.resource.in_(chunk)))]
    return {(kind, resource): cluster for kind, resource, cluster in found if (kind, resource) in wanted}


def _prefix_length(row: Mapping) -> int | None:
    return length_of(row["resource"]) if row["kind"] == "prefix" else None


def _refuse_overlap(tx: Transaction, new: Iterable[Mapping]) -> None:
    """Prefixes of different length may overlap without being the same resource."""
    claims = tables().claims
    for row in new:
        if row["kind"] != "prefix":
            continue
        wanted = ipaddress.ip_network(row["resource"])
        others = sa.select(claims.c.resource, claims.c.cluster).where(claims.c.prefix_length != wanted.prefixlen)
        clash = {("prefix", prefix): cluster for prefix, cluster in tx.execute(others) if _overlap(wanted, ipaddress.ip_network(prefix))}
        if clash:
            raise _conflict(row["cluster"], clash)


def _overlap(one, other) -> bool:
    return one.version == other.version and one.overlaps(other)


def _refuse_others(tx: Transaction, cluster: str, strangers: Collection[str]) -> None:
    """Servers to free that the cluster does not hold: fine when nobody does (freed earlier), else an error."""
    held_elsewhere = [row for row in servers.load(tx, strangers) if row["cluster"]]
    if held_elsewhere:
        raise NotFound(
            f"cluster {cluster} does not hold it; cluster {held_elsewhere[0]['cluster']} does",
            object=f"server {held_elsewhere[0]['name']}", attempted="freeing it", remedy="name servers of this cluster",
        )


def _refuse_dirty(cluster: str, dirty: list[dict]) -> None:
    if dirty:
        raise WipeUnproven(
            f"not proven clean: {', '.join(row['name'] + ' is ' + row['state'] for row in dirty)}",
            object=f"cluster {cluster}", attempted="freeing its servers",
            remedy="wipe them with proof (the delete or scale playbook again, or node_quarantine and repair), then free them",
            details={"servers": {row["name"]: row["state"] for row in dirty}},
        )


def _conflict(cluster: str, lost: Mapping[tuple[str, str], str]) -> ClaimConflict:
    told = ", ".join(f"{kind} {resource} is held by cluster {holder}" for (kind, resource), holder in sorted(lost.items()))
    return ClaimConflict(
        told, object=f"cluster {cluster}", attempted="claiming its resources",
        remedy="run the order again: it plans anew with what is free now",
        details={"held": [{"kind": kind, "resource": resource, "cluster": holder} for (kind, resource), holder in sorted(lost.items())]},
    )


def _server_of(row: Mapping) -> str | None:
    """The server that a claim belongs to: of a server and of its address."""
    return row["resource"] if row["kind"] == "server" else (row["detail"] or {}).get("server")


def _subject(row: Mapping) -> str:
    return f"{row['kind']} {row['resource']}"


def _told(row: Mapping) -> str:
    """Who holds it, in words for a diff."""
    return f"cluster {row['cluster']}" + (f", node set {row['node_set']}" if row["node_set"] else "")
