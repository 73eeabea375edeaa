# Copyright: (c) 2026, leasehold.cloud contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Clusters: their phases as runs move them, and what is known of them. A deleted cluster's row stays, as history."""

from __future__ import annotations

import functools
import ipaddress
from collections.abc import Mapping, Sequence

from ansible_collections.leasehold.cloud.plugins.module_utils.core.changes import Change
from ansible_collections.leasehold.cloud.plugins.module_utils.core.claims import HeldCluster, Segment
from ansible_collections.leasehold.cloud.plugins.module_utils.core.errors import NotFound, Refused
from ansible_collections.leasehold.cloud.plugins.module_utils.core.states import cluster_transition
from ansible_collections.leasehold.cloud.plugins.module_utils.lazy import lazy
from ansible_collections.leasehold.cloud.plugins.module_utils.ledger import events, runs, servers
from ansible_collections.leasehold.cloud.plugins.module_utils.ledger.database import Transaction, chunks
from ansible_collections.leasehold.cloud.plugins.module_utils.ledger.schema import tables

sa = lazy("sqlalchemy")

ENDING = ("ready", "degraded")  # what a lease that is over makes expiring
SETTLED = ("ready", "degraded", "expiring")  # a run that changes nothing leaves these as they are
GONE = (None, "deleted")
RESIZING = ("scaling", "upgrading")
TERMS = ("lease_start", "lease_end", "lease_grace", "lease_hold", "lease_warned", "hold_until")
DELETING = ("delete", "cancel")  # operations at whose end a cluster is no more; to cancel is for what was only kept
NOT_BEGUN = ("requested", "awaiting_approval")  # an order that is only kept: reserved, or held
FRESH = dict.fromkeys(("order", "step", "error", *TERMS))
WAY_TO_READY = {"provisioning": ("verifying", "ready")}  # where it is not one step


def get(tx: Transaction, name: str) -> dict | None:
    """The row of a cluster, also of a deleted one; None when there never was one."""
    if ("cluster", name) not in tx.memo:
        tx.memo["cluster", name] = tx.row(_by_name(), {"wanted": name})
    found = tx.memo["cluster", name]
    return found and dict(found)


@functools.cache
def _by_name():
    return sa.select(tables().clusters).where(tables().clusters.c.name == sa.bindparam("wanted"))


@functools.cache
def _update():
    return tables().clusters.update().where(tables().clusters.c.name == sa.bindparam("wanted"))


def require(tx: Transaction, name: str, attempted: str) -> dict:
    """The row of a cluster, also of a deleted one.

    :raises NotFound: when there never was one of this name.
    """
    row = get(tx, name)
    if row is None:
        raise NotFound(
            "the ledger has no such cluster", object=f"cluster {name}", attempted=attempted,
            remedy="check the name: leasehold.cloud.claim_info lists the clusters",
        )
    return row


def begin(
    tx: Transaction, name: str, operation: str, *, tenant: str | None = None, site: str | None = None, resizing: bool = False,
    starts_at: str | None = None,
) -> list[Change]:
    """The phase that a run of ``operation`` brings a cluster to as it starts. A create or reserve makes the cluster.

    :param resizing: the run's plan adds or removes servers: a ready cluster is scaling then, otherwise it stays ready.
    :param starts_at: when the lease is ordered to start, if not at once.
    :raises NotFound: for another operation than create and reserve, where there never was such a cluster.
    :raises IllegalTransition: when the operation cannot start in the cluster's phase.
    :raises Refused: when the name is another tenant's, an earlier run that failed has to be finished first, a lease that was
        reserved has not started, or what is to be reserved is there already.
    """
    making = operation in ("create", "reserve")
    row = get(tx, name) if making else require(tx, name, f"starting {operation}")
    phase = row["phase"] if row else None
    if phase not in GONE:
        _refuse_other(row, operation, tenant)
    if operation in ("reserve", "cancel") and phase not in GONE:
        _refuse_made(row, operation)
    if operation == "create":
        _refuse_early(tx, name, row, starts_at)
    if making and phase in GONE:
        _make(tx, row, name, tenant, site)
        first = "provisioning" if operation == "create" else "requested"
        _transition(tx, require(tx, name, "creating it"), [first])
        return [Change("cluster", name, phase, first)]
    wanted = _first_phase(operation, phase, resizing)
    return _transition(tx, row, [wanted]) if wanted else []


def _first_phase(operation: str, phase: str | None, resizing: bool) -> str | None:
    """Where an operation begins, None where the phase stays."""
    if operation in DELETING:
        return None if phase == "deleted" else "deleting"
    if operation == "reserve":
        return None if phase == "awaiting_approval" else "requested"
    if operation == "create" and phase not in (*SETTLED, *RESIZING):
        return "provisioning"
    if operation == "scale" and phase not in (*SETTLED, "verifying"):
        return "scaling"
    return "scaling" if operation in ("create", "scale") and resizing else None


def move(tx: Transaction, name: str, phase: str) -> list[Change]:
    """The phase that a run asks for on its way. Where a ready cluster is only looked at, it stays ready."""
    row = require(tx, name, f"moving it to {phase}")
    if row["phase"] in SETTLED and phase in ("provisioning", "verifying"):
        return []
    return _transition(tx, row, [phase])


def finish(tx: Transaction, name: str, operation: str) -> list[Change]:
    """The phase at the end of a run that succeeded; its earlier error is forgotten.

    :raises Refused: when a delete has left claims.
    """
    row = require(tx, name, f"finishing {operation}")
    _write(tx, row, {"error": None})
    if operation in DELETING:
        _refuse_claims(tx, name)
        return _transition(tx, row, ["deleted"])
    if operation in ("create", "scale") and row["phase"] not in SETTLED:
        return _transition(tx, row, list(WAY_TO_READY.get(row["phase"], ("ready",))))
    return []


def fail(tx: Transaction, name: str, operation: str, error: Mapping) -> list[Change]:
    """Note why a run failed. A cluster at work is failed from then on; one that was untouched stays what it was."""
    row = get(tx, name)
    if row is None:
        return []
    error = {"operation": operation, "at": tx.at} | dict(error)
    _write(tx, row, {"error": error})
    kept = operation == "reserve" and (row["hold_until"] or row["lease_start"])  # what an earlier reserve kept, is kept
    if kept or row["phase"] in (*SETTLED, "failed", "deleted"):
        return []
    return _transition(tx, row, ["failed"], reason=error.get("message") or operation)


def close(tx: Transaction, name: str, reason: str) -> list[Change]:
    """End a cluster that was only an order: nothing of it was ever put to use, and it holds nothing any more."""
    row = require(tx, name, "calling it off")
    _write(tx, row, {"hold_until": None, "error": None})
    return _transition(tx, row, ["deleting", "deleted"], reason=reason)


def expire(tx: Transaction, rows: Sequence[Mapping]) -> list[Change]:
    """The leases of these clusters (their rows) are over: those that are ready or degraded go expiring."""
    moving = [row for row in rows if row["phase"] in ENDING and cluster_transition(row["phase"], "expiring", name=row["name"])]
    clusters = tables().clusters
    for chunk in chunks(row["name"] for row in moving):
        tx.execute(clusters.update().where(clusters.c.name.in_(chunk)).values(phase="expiring", updated_at=tx.at))
    for row in moving:
        tx.memo.pop(("cluster", row["name"]), None)
    after = {"phase": "expiring", "reason": "its lease is over"}
    events.record_all(tx, ((f"cluster {row['name']}", "moved", {"phase": row["phase"]}, after) for row in moving))
    return [Change("cluster", row["name"], row["phase"], "expiring") for row in moving]


def renew(tx: Transaction, name: str) -> list[Change]:
    """A cluster that is expiring, and whose lease has time again, is ready."""
    row = require(tx, name, "renewing its lease")
    if row["phase"] != "expiring" or not row["lease_end"] or row["lease_end"] <= tx.at:
        return []
    return _transition(tx, row, ["ready"], reason="its lease was renewed")


def failed_operation(row: Mapping) -> str | None:
    """The operation whose failure a cluster (its row) stands in."""
    return (row["error"] or {}).get("operation") if row["phase"] == "failed" else None


def note_step(tx: Transaction, name: str, step: str) -> None:
    """Note the step that the cluster's run is in."""
    row = get(tx, name)
    if row is not None:
        _write(tx, row, {"step": step})


def note_order(tx: Transaction, name: str, values: Mapping, action: str = "ordered") -> list[Change]:
    """Write what a claim settles (tenant, site, order) or the terms of a lease (see M(leases)) where it differs, with an event."""
    row = require(tx, name, "recording its order")
    new = {key: value for key, value in values.items() if row[key] != value}
    if not new:
        return []
    _write(tx, row, new)
    before = {key: row[key] for key in new}
    events.record(tx, f"cluster {name}", action, before, new)
    return [Change("lease" if key in TERMS else "cluster", f"{name} {key}", before[key], value) for key, value in new.items()]


def describe(tx: Transaction, name: str | None = None, tenant: str | None = None, *, deleted: bool = False, where: Sequence = ()) -> list[dict]:
    """Clusters with all that they hold: M(core.claims.HeldCluster) as dicts, and site, order and step.

    :param deleted: also those that are deleted; a cluster that is named is there in any phase.
    :param where: further conditions on their rows.
    """
    clusters, claims = tables().clusters, tables().claims
    query = sa.select(clusters).where(*where).order_by(clusters.c.name)
    if name:
        query = query.where(clusters.c.name == name)
    elif not deleted:
        query = query.where(clusters.c.phase != "deleted")
    if tenant:
        query = query.where(clusters.c.tenant == tenant)
    rows = tx.rows(query)
    names = [row["name"] for row in rows]
    members: dict[str, list] = {cluster: [] for cluster in names}
    segments: dict[str, dict] = {cluster: {} for cluster in names}
    for chunk in chunks(names):
        for row in tx.rows(servers.select_rows().where(claims.c.cluster.in_(chunk))):
            members[row["cluster"]].append(servers.as_server(row))
        for row in tx.rows(sa.select(claims).where(claims.c.cluster.in_(chunk), claims.c.kind.in_(("vlan", "prefix")))):
            segments[row["cluster"]] |= row["detail"]
    latest = runs.of(tx, names)
    return [_described(tx, row, members[row["name"]], segments[row["name"]], latest.get(row["name"])) for row in rows]


def segment_of(name: str, detail: Mapping) -> Segment | None:
    """The segment that the details of a cluster's VLAN and prefix claims make, None without them."""
    if "vlan" not in detail or "prefix" not in detail:
        return None
    gateway = str(ipaddress.ip_network(detail["prefix"])[1])
    return Segment(name, detail["vlan"], detail["prefix"], gateway, detail["quarantine_vlan"])


def _described(tx: Transaction, row: dict, members: list, detail: dict, run: dict | None) -> dict:
    lease = {"start": row["lease_start"], "end": row["lease_end"]} if row["lease_start"] else None
    shown = run and {key: value for key, value in run.items() if key != "cluster"} | {"live": runs.is_live(tx, run)}
    held = HeldCluster(
        name=row["name"], tenant=row["tenant"], phase=row["phase"], servers=tuple(members),
        segment=segment_of(row["name"], detail), lease=lease, error=row["error"], run=shown or None, hold_until=row["hold_until"],
    )
    return held.as_dict() | {"site": row["site"], "order": row["order"], "step": row["step"]}


def _make(tx: Transaction, row: dict | None, name: str, tenant: str | None, site: str | None) -> None:
    """A new cluster, or a new one under the name of one that was deleted."""
    clusters = tables().clusters
    fresh = FRESH | {"name": name, "tenant": tenant, "site": site, "phase": "requested", "created_at": tx.at, "updated_at": tx.at}
    cluster_transition(row["phase"] if row else None, "requested", name=name)
    tx.execute(clusters.update().where(clusters.c.name == name).values(fresh) if row else clusters.insert().values(fresh))
    tx.memo.pop(("cluster", name), None)
    events.record(tx, f"cluster {name}", "requested", row and {"phase": row["phase"]}, {"phase": "requested", "tenant": tenant})


def _transition(tx: Transaction, row: dict, phases: list[str], *, reason: str | None = None) -> list[Change]:
    """Go through ``phases``, in their order; the change tells the first and the last."""
    now = row["phase"]
    for phase in phases:
        if cluster_transition(now, phase, reason, name=row["name"]):
            events.record(tx, f"cluster {row['name']}", "moved", {"phase": now}, {"phase": phase, "reason": reason})
            now = phase
    if now == row["phase"]:
        return []
    _write(tx, row, {"phase": now})
    return [Change("cluster", row["name"], row["phase"], now)]


def _write(tx: Transaction, row: dict, values: Mapping) -> None:
    tx.write(_update(), {"wanted": row["name"], **values, "updated_at": tx.at})
    known = tx.memo.get(("cluster", row["name"]))
    if known:
        tx.memo["cluster", row["name"]] = known | dict(values) | {"updated_at": tx.at}


def _refuse_other(row: dict, operation: str, tenant: str | None) -> None:
    """Another tenant's cluster, or one that another operation left half done."""
    name = f"cluster {row['name']}"
    if tenant and row["tenant"] and tenant != row["tenant"]:
        raise Refused(
            f"it is tenant {row['tenant']}'s, not {tenant}'s", object=name, attempted=f"starting {operation}",
            remedy="choose another cluster name, or the tenant that owns it",
        )
    failed = failed_operation(row)
    if failed == "delete" and operation != "delete" or failed == "create" and operation == "scale":
        raise Refused(
            f"its {failed} failed and has to be finished first", object=name, attempted=f"starting {operation}",
            remedy=f"run leasehold.cloud.cluster_{failed} again: it goes on from where it failed",
            details={"error": row["error"]},
        )


def _refuse_made(row: dict, operation: str) -> None:
    """What has begun is not reserved, nor called off."""
    failed = failed_operation(row)
    cancelling = operation == "cancel" and (row["phase"] == "deleting" or failed == "cancel")
    if row["phase"] in NOT_BEGUN or failed == "reserve" or cancelling:
        return
    raise Refused(
        f"it is {row['phase']} already", object=f"cluster {row['name']}", attempted=f"starting {operation}",
        remedy="release it with leasehold.cloud.cluster_delete" if operation == "cancel" else
        "change it with leasehold.cloud.cluster_scale or leasehold.cloud.lease_renew, or choose another name",
    )


def _refuse_early(tx: Transaction, name: str, row: dict | None, starts_at: str | None) -> None:
    """A lease that was reserved, or is ordered, for later: nothing is made before."""
    reserved = row["lease_start"] if row and row["phase"] in ("requested", "failed") else None
    start = reserved or starts_at
    if start and start > tx.at:
        raise Refused(
            f"its lease starts at {start}", object=f"cluster {name}", attempted="creating it",
            remedy=f"run leasehold.cloud.cluster_create again at {start} or later; or order an earlier start with "
            "leasehold.cloud.cluster_reserve" if reserved else
            "keep the order with leasehold.cloud.cluster_reserve, and run leasehold.cloud.cluster_create at its start; or leave "
            "cluster_lease_start out",
            details={"lease_start": start},
        )


def _refuse_claims(tx: Transaction, name: str) -> None:
    claims = tables().claims
    left = tx.rows(sa.select(claims.c.kind, claims.c.resource).where(claims.c.cluster == name).order_by(claims.c.kind, claims.c.resource))
    if left:
        raise Refused(
            f"it still holds {', '.join(row['kind'] + ' ' + row['resource'] for row in left)}",
            object=f"cluster {name}", attempted="finishing delete", remedy="free its claims first, with leasehold.cloud.claim state=absent",
        )
