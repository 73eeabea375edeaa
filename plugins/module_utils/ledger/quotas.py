# Copyright: (c) 2026, leasehold.cloud contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Quotas in the ledger: the limits, and what counts against them. What they mean is decided in M(core.quotas).

Looked at in the transaction that takes something, so that no race exceeds them: writers follow one another.
"""

from __future__ import annotations

import collections
import datetime
from collections.abc import Mapping, Sequence

from ansible_collections.leasehold.cloud.plugins.module_utils.core import quotas as core
from ansible_collections.leasehold.cloud.plugins.module_utils.core.changes import Change
from ansible_collections.leasehold.cloud.plugins.module_utils.core.quotas import ANY_TENANT, Finding, Holding, Limit
from ansible_collections.leasehold.cloud.plugins.module_utils.core.states import SERVER_MEMBER_STATES
from ansible_collections.leasehold.cloud.plugins.module_utils.lazy import lazy
from ansible_collections.leasehold.cloud.plugins.module_utils.ledger import events, usage
from ansible_collections.leasehold.cloud.plugins.module_utils.ledger.database import Transaction, iso, moment
from ansible_collections.leasehold.cloud.plugins.module_utils.ledger.schema import tables

sa = lazy("sqlalchemy")

KINDS = {"server": "server", "vlan": "segment"}  # what is counted of claims and reservations
Window = tuple[datetime.datetime, "datetime.datetime | None"]  # of a lease: without an end, for good


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


def check(tx: Transaction, plan: Mapping, window: tuple[str, str | None] | None = None) -> list[str]:
    """What there is to warn of before all that a plan needs is claimed, held or reserved.

    To be called before anything of the plan is written; what its cluster had before does not count twice.

    :param window: the lease, C((start, end)) without its grace; None: from now (or where it began), as long as ordered.
    :raises QuotaExceeded: naming the resource, the limit, and who uses how much; then nothing may be taken.
    """
    cluster, counts = plan["cluster"], collections.Counter(server["class"] for server in plan["servers"])

    def after(limits: list[Limit]) -> list[Holding]:
        timed = any(limit.resource == "server_hours" for limit in limits)
        start, end = _moments(tx, window or (_lease(tx, plan) if timed else (tx.at, None)))
        segments = [Holding(cluster, "segment", "", 1, start, end)] if plan["segment"] else []
        return segments + [Holding(cluster, "server", server_class, count, start, end) for server_class, count in sorted(counts.items())]

    return core.warnings(_judge(tx, plan["tenant"], cluster, after), f"taking what cluster {cluster} needs")


def check_hours(tx: Transaction, tenant: str, cluster: str, end: str | None) -> list[str]:
    """What there is to warn of before a lease gets another end: its servers' hours until then.

    :param end: of the lease, without its grace; None: it has none.
    :raises QuotaExceeded: as :func:`check` does.
    """
    def after(_limits: list[Limit]) -> list[Holding]:
        own = [holding for holding in holdings(tx, tenant) if holding.cluster == cluster]
        ends = None if end is None else moment(end)
        return [Holding(cluster, held.kind, held.server_class, held.count, held.start, ends) for held in own]

    return core.warnings(_judge(tx, tenant, cluster, after), f"giving the lease of cluster {cluster} another end")


def holdings(tx: Transaction, tenant: str) -> list[Holding]:
    """What a tenant's clusters have and were promised, from now on. Servers that are on their way out do not count.

    Costs two queries, whose rows are as many as the tenant has clusters and classes.
    """
    return [*_claimed(tx, tenant), *_reserved(tx, tenant)]


def spent(tx: Transaction, tenant: str) -> dict[tuple[str, str], int]:
    """Milliseconds of servers that a tenant has used this month, by cluster and class."""
    first, following = core.month_of(tx.now)
    rows = usage.spent(tx, iso(first), iso(following), tenant=tenant)
    return {(row["cluster"], row["class"]): row["milliseconds"] for row in rows}


def _judge(tx: Transaction, tenant: str, cluster: str, after) -> list[Finding]:
    limits = effective(tx, tenant)
    if not limits:
        return []
    known = holdings(tx, tenant)
    others, own = ([held for held in known if (held.cluster == cluster) is mine] for mine in (False, True))
    used = spent(tx, tenant) if any(limit.resource == "server_hours" for limit in limits) else {}
    return core.judge(limits, others, own, after(limits), used, tx.now)


def _claimed(tx: Transaction, tenant: str) -> list[Holding]:
    claims, clusters = tables().claims, tables().clusters
    rows = _counted(tx, tenant, claims, clusters.c.lease_end, clusters.c.hold_until)
    ends = [row["lease_end"] or row["hold_until"] for row in rows]
    return [_holding(row, tx.now, end and max(moment(end), tx.now)) for row, end in zip(rows, ends)]


def _reserved(tx: Transaction, tenant: str) -> list[Holding]:
    """Of what a cluster holds already, it has reserved nothing more."""
    table, claims, clusters = tables().reservations, tables().claims, tables().clusters
    held = sa.select(claims.c.id).where(*(claims.c[key] == table.c[key] for key in ("kind", "resource", "cluster")))
    rows = _counted(tx, tenant, table, clusters.c.lease_end, table.c.starts_at, table.c.ends_at, where=[~held.exists()])
    return [_holding(row, max(moment(row["starts_at"]), tx.now), max(moment(_reserved_end(row)), tx.now)) for row in rows]


def _reserved_end(row: Mapping) -> str:
    """A reservation covers the grace after the lease, too, which nobody is charged for."""
    return min(row["lease_end"] or row["ends_at"], row["ends_at"])


def _counted(tx: Transaction, tenant: str, table, *keys, where: Sequence = ()) -> list[dict]:
    """How many servers of each class, and segments, the tenant's clusters have in a table of claims or reservations."""
    clusters, servers, states = tables().clusters, tables().servers, tables().server_states
    state = sa.func.coalesce(states.c.state, "available")
    columns = (table.c.cluster, table.c.kind, servers.c["class"], *keys)
    member = state.in_(SERVER_MEMBER_STATES) if table is tables().claims else sa.true()
    query = sa.select(*columns, sa.func.count().label("count")).select_from(
        clusters.join(table, table.c.cluster == clusters.c.name)
        .outerjoin(servers, sa.and_(table.c.kind == "server", servers.c.name == table.c.resource))
        .outerjoin(states, sa.and_(table.c.kind == "server", states.c.server == table.c.resource))
    ).where(
        clusters.c.tenant == tenant, sa.or_(clusters.c.hold_until.is_(None), clusters.c.hold_until > tx.at),
        table.c.kind.in_(tuple(KINDS)), sa.or_(table.c.kind == "vlan", member), *where,
    )
    return tx.rows(query.group_by(*columns).order_by(*columns))


def _holding(row: Mapping, start: datetime.datetime, end: datetime.datetime | None) -> Holding:
    return Holding(row["cluster"], KINDS[row["kind"]], row["class"] or "", row["count"], start, end)


def _lease(tx: Transaction, plan: Mapping) -> tuple[str, str | None]:
    """The lease that a plan's cluster will have: as long as ordered from its start on, else until when it has it."""
    clusters = tables().clusters
    row = tx.row(sa.select(clusters.c.lease_start, clusters.c.lease_end).where(clusters.c.name == plan["cluster"], clusters.c.phase != "deleted"))
    start, end = (row["lease_start"], row["lease_end"]) if row else (None, None)
    if plan["lease_seconds"]:
        end = iso(moment(start or tx.at) + datetime.timedelta(seconds=plan["lease_seconds"]))
    return start or tx.at, end


def _moments(tx: Transaction, window: tuple[str, str | None]) -> Window:
    """What is left of a lease."""
    start, end = (time and max(moment(time), tx.now) for time in window)
    return start, end


def _write(tx: Transaction, changing: Sequence[tuple[Limit | None, Limit | None]]) -> list[Change]:
    """Bring limits from (before) to (after), each with its event."""
    quotas, changes = tables().quotas, []
    for before, after in changing:
        limit = after or before
        tx.execute(quotas.delete().where(
            quotas.c.tenant == limit.tenant, quotas.c.resource == limit.resource, quotas.c["class"] == limit.server_class,
        ))
        if after:
            tx.execute(quotas.insert().values(after.as_dict()))
        sides = [side and {"soft": side.soft, "hard": side.hard} for side in (before, after)]
        changes.append(Change("quota", " ".join(filter(None, (limit.tenant, *limit.key))), *sides))
    events.record_all(tx, ((f"quota {change.name}", "limited" if change.after else "unlimited", change.before, change.after) for change in changes))
    return changes
