# Copyright: (c) 2026, leasehold.cloud contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Quotas in the ledger: the limits, and what counts against them. What they mean is decided in M(core.quotas).

Looked at in the transaction that takes something, so that no race exceeds them: writers follow one another.
"""

from __future__ import annotations

import collections
import dataclasses
import datetime
import functools
from collections.abc import Callable, Collection, Mapping, Sequence

from ansible_collections.leasehold.cloud.plugins.module_utils.core import quotas as core
from ansible_collections.leasehold.cloud.plugins.module_utils.core.changes import Change
from ansible_collections.leasehold.cloud.plugins.module_utils.core.orders import duration_seconds
from ansible_collections.leasehold.cloud.plugins.module_utils.core.quotas import ANY_TENANT, Finding, Holding, Limit, Month
from ansible_collections.leasehold.cloud.plugins.module_utils.core.states import SERVER_MEMBER_STATES
from ansible_collections.leasehold.cloud.plugins.module_utils.core.times import after, iso, moment
from ansible_collections.leasehold.cloud.plugins.module_utils.lazy import lazy
from ansible_collections.leasehold.cloud.plugins.module_utils.ledger import events, usage
from ansible_collections.leasehold.cloud.plugins.module_utils.ledger.database import Transaction, chunks
from ansible_collections.leasehold.cloud.plugins.module_utils.ledger.schema import tables

sa = lazy("sqlalchemy")

KINDS = {"server": "server", "vlan": "segment"}  # what is counted of claims and reservations
# Said so, and not as what is counted, a database without statistics does not take all servers of the site to be few.
NOT_COUNTED = ("prefix", "address")


def get(tx: Transaction, tenant: str | None = None) -> list[Limit]:
    """The limits as they were set, of one tenant (``*``: of any) or of all, by tenant, resource and class."""
    quotas = tables().quotas
    query = sa.select(quotas).order_by(quotas.c.tenant, quotas.c.resource, quotas.c["class"])
    return [Limit.from_dict(row) for row in tx.rows(query.where(quotas.c.tenant == tenant) if tenant else query)]


def effective(tx: Transaction, tenant: str) -> list[Limit]:
    """The limits that hold for a tenant."""
    quotas = tables().quotas
    rows = tx.rows(sa.select(quotas).where(quotas.c.tenant.in_((tenant, ANY_TENANT))))
    return core.effective(map(Limit.from_dict, rows), tenant)


def put(tx: Transaction, tenant: str, limits: Sequence[Limit], *, purge: bool = False) -> list[Change]:
    """Set limits of a tenant, each to exactly the soft and hard given.

    :param purge: and take away all others that it has.
    :raises InvalidInput: naming the limit that cannot be meant; then none is set.
    """
    core.check_limits(limits)
    known = {limit.key: limit for limit in get(tx, tenant)}
    wanted = {limit.key: limit for limit in limits}
    changed = [(known.get(key), limit) for key, limit in wanted.items() if known.get(key) != limit]
    gone = [(limit, None) for key, limit in known.items() if purge and key not in wanted]
    return _write(tx, changed + gone)


def remove(tx: Transaction, tenant: str, keys: Sequence[tuple[str, str]] | None = None) -> list[Change]:
    """Take away limits of a tenant, each (resource, class), or (None) all."""
    return _write(tx, [(limit, None) for limit in get(tx, tenant) if keys is None or limit.key in keys])


def unknown_classes(tx: Transaction, limits: Sequence[Limit]) -> list[str]:
    """What there is to warn of: limits of a class that no server has limit nothing."""
    cells = tables().cells
    wanted = {limit.server_class for limit in limits if limit.server_class}
    known = {row["class"] for row in tx.rows(sa.select(cells.c["class"]).distinct())} if wanted else set()
    return [f"no server in the ledger is of class {name}: its limit will take effect when one is" for name in sorted(wanted - known)]


def check(tx: Transaction, plan: Mapping, window: tuple[str, str | None] | None = None) -> list[str]:
    """What there is to warn of before all that a plan needs is claimed, held or reserved.

    To be called before anything of the plan is written; what its cluster had before does not count twice.

    :param window: the lease, C((start, end)) without its grace; None: from now (or where it began), as long as ordered.
    :raises QuotaExceeded: naming the resource, the limit, and who uses how much; then nothing may be taken.
    """
    cluster, counts = plan["cluster"], collections.Counter(server["class"] for server in plan["servers"])

    def wanted(limits: list[Limit], _own: list[Holding]) -> list[Holding]:
        timed = any(limit.resource == "server_hours" for limit in limits)
        start, end = _moments(tx, window or (_lease(tx, plan) if timed else (tx.at, None)))
        segments = [Holding(cluster, "segment", "", 1, start, end)] if plan["segment"] else []
        return segments + [Holding(cluster, "server", server_class, count, start, end) for server_class, count in sorted(counts.items())]

    return core.warnings(_judge(tx, plan["tenant"], cluster, wanted), f"taking what cluster {cluster} needs")


def check_hours(tx: Transaction, tenant: str, cluster: str, end: str | None) -> list[str]:
    """What there is to warn of before a lease gets another end: its servers' hours until then.

    :param end: of the lease, without its grace; None: it has none.
    :raises QuotaExceeded: as :func:`check` does.
    """
    def wanted(_limits: list[Limit], own: list[Holding]) -> list[Holding]:
        ends = None if end is None else moment(end)
        return [dataclasses.replace(holding, end=ends) for holding in own]

    return core.warnings(_judge(tx, tenant, cluster, wanted), f"giving the lease of cluster {cluster} another end")


def holdings(tx: Transaction, tenant: str | None = None) -> dict[str, list[Holding]]:
    """What clusters have and were promised, from now on, by tenant; servers that are on their way out do not count.

    Costs two queries, whose rows are as many as there are clusters and classes (of the tenant, or of all).
    """
    found: dict[str, list[Holding]] = {}
    for row, holding in (*_claimed(tx, tenant), *_reserved(tx, tenant)):
        found.setdefault(row["tenant"], []).append(holding)
    return found


def spent(tx: Transaction, month: Month, tenant: str | None = None) -> dict[str, dict[tuple[str, str], int]]:
    """Milliseconds of servers that were used in a month, by tenant, and by cluster and class."""
    found: dict[str, dict] = {}
    for row in usage.spent(tx, *map(iso, month), tenant=tenant):
        found.setdefault(row["tenant"], {})[row["cluster"], row["class"]] = row["milliseconds"]
    return found


def standing(tx: Transaction, tenant: str | None = None, months: Sequence[Month] = ()) -> list[dict]:
    """What each tenant (or one) uses, and may use: C([{tenant, resources}]), see M(core.quotas.standing).

    Tenants are those that have a limit of their own, hold or were promised something, or used hours in the months.

    :param months: for server hours; none: this one.
    """
    limits, held = get(tx), holdings(tx, tenant)
    used = {month: spent(tx, month, tenant) for month in months or [core.month_of(tx.now)]}
    known = {limit.tenant for limit in limits if limit.tenant != ANY_TENANT}.union(held, *used.values())
    return [
        {"tenant": name, "resources": core.standing(limits, name, held.get(name, ()), {month: by.get(name, {}) for month, by in used.items()})}
        for name in sorted(known if tenant is None else {tenant})
    ]


def _judge(tx: Transaction, tenant: str, cluster: str, wanted: Callable) -> list[Finding]:
    limits = effective(tx, tenant)
    if not limits:
        return []
    known = holdings(tx, tenant).get(tenant, [])
    others, own = ([held for held in known if (held.cluster == cluster) is mine] for mine in (False, True))
    used = spent(tx, core.month_of(tx.now), tenant).get(tenant, {}) if any(limit.resource == "server_hours" for limit in limits) else {}
    return core.judge(limits, others, own, wanted(limits, own), used, tx.now)


def _claimed(tx: Transaction, tenant: str | None) -> list[tuple[dict, Holding]]:
    rows = _counted(tx, "claims", tenant)
    durations = _durations(tx, {row["cluster"] for row in rows if row["hold_until"] and not row["lease_end"]})
    found = []
    for row in rows:
        # A lease that is held for approval begins when it is approved: until then it needs what it would need from now on.
        end = tx.now + durations[row["cluster"]] if row["cluster"] in durations else row["lease_end"] and max(moment(row["lease_end"]), tx.now)
        found.append((row, _holding(row, tx.now, end)))
    return found


def _durations(tx: Transaction, names: Collection[str]) -> dict[str, datetime.timedelta]:
    """How long the leases of some clusters were ordered for."""
    clusters = tables().clusters
    orders = {row["name"]: row["order"] or {} for chunk in chunks(names)
              for row in tx.rows(sa.select(clusters.c.name, clusters.c.order).where(clusters.c.name.in_(chunk)))}
    ordered = {name: order.get("cluster_lease_duration") for name, order in orders.items()}
    return {name: datetime.timedelta(seconds=duration_seconds(duration)) for name, duration in ordered.items() if duration}


def _reserved(tx: Transaction, tenant: str | None) -> list[tuple[dict, Holding]]:
    rows = _counted(tx, "reservations", tenant)
    return [(row, _holding(row, *(max(moment(time), tx.now) for time in (row["starts_at"], _reserved_end(row))))) for row in rows]


def _reserved_end(row: Mapping) -> str:
    """A reservation covers the grace after the lease, too, which nobody is charged for."""
    return min(row["lease_end"] or row["ends_at"], row["ends_at"])


def _counted(tx: Transaction, name: str, tenant: str | None) -> list[dict]:
    """How many servers of each class, and segments, clusters have in the table of claims or of reservations."""
    return tx.rows(_count(name, tenant is not None), {"now": tx.at} | ({"tenant": tenant} if tenant else {}))


@functools.cache
def _count(name: str, of_tenant: bool):
    """The query of :func:`_counted`, built once: that takes longer than to run it."""
    table, claims, clusters, servers, states = (getattr(tables(), each) for each in (name, "claims", "clusters", "servers", "server_states"))
    if table is claims:
        times = (clusters.c.lease_end, clusters.c.hold_until)
        counts = sa.or_(table.c.kind == "vlan", sa.func.coalesce(states.c.state, "available").in_(SERVER_MEMBER_STATES))
    else:
        times = (clusters.c.lease_end, table.c.starts_at, table.c.ends_at)
        counts = ~sa.exists().where(*(claims.c[key] == table.c[key] for key in ("kind", "resource", "cluster")))  # it has it already
    columns = (clusters.c.tenant, table.c.cluster, table.c.kind, servers.c["class"], *times)
    return sa.select(*columns, sa.func.count().label("count")).select_from(
        clusters.join(table, table.c.cluster == clusters.c.name)
        .outerjoin(servers, sa.and_(table.c.kind == "server", servers.c.name == table.c.resource))
        .outerjoin(states, sa.and_(table.c.kind == "server", states.c.server == table.c.resource))
    ).where(
        clusters.c.tenant == sa.bindparam("tenant") if of_tenant else clusters.c.tenant.is_not(None),
        sa.or_(clusters.c.hold_until.is_(None), clusters.c.hold_until > sa.bindparam("now")), table.c.kind.not_in(NOT_COUNTED), counts,
    ).group_by(*columns).order_by(*columns)


def _holding(row: Mapping, start: datetime.datetime, end: datetime.datetime | None) -> Holding:
    return Holding(row["cluster"], KINDS[row["kind"]], row["class"] or "", row["count"], start, end)


def _lease(tx: Transaction, plan: Mapping) -> tuple[str, str | None]:
    """The lease that a plan's cluster will have: as long as ordered from its start on, else until when it has it."""
    clusters = tables().clusters
    row = tx.row(sa.select(clusters.c.lease_start, clusters.c.lease_end).where(clusters.c.name == plan["cluster"], clusters.c.phase != "deleted"))
    known, end = (row["lease_start"], row["lease_end"]) if row else (None, None)
    start = known or plan.get("lease_start") or tx.at
    return start, after(start, plan["lease_seconds"]) if plan["lease_seconds"] else end


def _moments(tx: Transaction, window: tuple[str, str | None]) -> list[datetime.datetime | None]:
    """What is left of a lease."""
    return [time and max(moment(time), tx.now) for time in window]


def _write(tx: Transaction, changing: Sequence[tuple[Limit | None, Limit | None]]) -> list[Change]:
    """Bring limits from what they were to what they shall be, each with its event."""
    quotas, changes = tables().quotas, []
    for old, new in changing:
        limit = new or old
        tx.execute(quotas.delete().where(
            quotas.c.tenant == limit.tenant, quotas.c.resource == limit.resource, quotas.c["class"] == limit.server_class,
        ))
        if new:
            tx.execute(quotas.insert().values(new.as_dict()))
        sides = [side and {"soft": side.soft, "hard": side.hard} for side in (old, new)]
        changes.append(Change("quota", " ".join(filter(None, (limit.tenant, *limit.key))), *sides))
    events.record_all(tx, ((f"quota {change.name}", "limited" if change.after else "unlimited", change.before, change.after) for change in changes))
    return changes
