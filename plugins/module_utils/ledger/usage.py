# Copyright: (c) 2026, leasehold.cloud contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Usage: which tenant's cluster held which server from when to when; and the hours that makes. Rows are never removed."""

from __future__ import annotations

import functools
from collections.abc import Collection, Iterable

from ansible_collections.leasehold.cloud.plugins.module_utils.lazy import lazy
from ansible_collections.leasehold.cloud.plugins.module_utils.ledger.database import Transaction, chunks
from ansible_collections.leasehold.cloud.plugins.module_utils.ledger.schema import tables

sa = lazy("sqlalchemy")


def open(tx: Transaction, cluster: str, tenant: str, servers: Iterable[tuple[str, str]]) -> None:  # pylint: disable=redefined-builtin
    """Note that a cluster holds servers, each (name, class), from now on. To be called as it claims them, and only then."""
    rows = [{"tenant": tenant, "cluster": cluster, "server": name, "class": server_class, "starts_at": tx.at} for name, server_class in servers]
    if rows:
        tx.insert(tables().usage, rows)


def close(tx: Transaction, cluster: str, servers: Collection[str] | None = None) -> None:
    """Note that a cluster holds servers no longer (None: any). To be called as it gives them back; again, it does nothing."""
    usage = tables().usage
    ended = sa.case((usage.c.starts_at > tx.at, usage.c.starts_at), else_=tx.at)  # a clock that was put back makes no negative hours
    for chunk in [None] if servers is None else chunks(servers):
        those = sa.true() if chunk is None else usage.c.server.in_(chunk)
        tx.write(usage.update().where(usage.c.cluster == cluster, usage.c.ends_at.is_(None), those).values(ends_at=ended), {})


def spent(tx: Transaction, start: str, end: str, *, tenant: str | None = None) -> list[dict]:
    """What was used of a period: C({tenant, cluster, class, milliseconds}), by cluster and class; nothing of the future.

    :param start: and ``end``: as M(database.iso) writes them; the end is not part of the period.
    """
    until = min(end, tx.at)
    if start >= until:
        return []
    parameters = {"start": start, "until": until} | ({"tenant": tenant} if tenant else {})
    rows = tx.rows(_spent(tx.connection.dialect.name, tenant is not None), parameters)
    return [row | {"milliseconds": int(row["milliseconds"])} for row in rows]


@functools.cache
def _spent(dialect: str, of_tenant: bool):
    """The query of :func:`spent`, built once: that takes longer than to run it."""
    table, start, until = tables().usage, *(sa.bindparam(name, type_=sa.String) for name in ("start", "until"))
    rows = sa.select(table).where(table.c.starts_at < until, *([table.c.tenant == sa.bindparam("tenant")] if of_tenant else []))
    # Two parts, so that an index finds each: what ended before the period is the most, and is not looked at.
    usage = sa.union_all(rows.where(table.c.ends_at.is_(None)), rows.where(table.c.ends_at > start)).subquery()
    began = sa.case((usage.c.starts_at < start, start), else_=usage.c.starts_at)
    ended = sa.case((usage.c.ends_at.is_(None), until), (usage.c.ends_at > until, until), else_=usage.c.ends_at)
    used = sa.func.sum(_milliseconds(dialect, ended) - _milliseconds(dialect, began))
    keys = (usage.c.tenant, usage.c.cluster, usage.c["class"])
    return sa.select(*keys, used.label("milliseconds")).group_by(*keys).order_by(*keys)


def _milliseconds(dialect: str, time):
    """A time of the ledger as milliseconds since 1970, exactly: whole numbers can be summed without losing any."""
    if dialect == "postgresql":
        return sa.cast(sa.extract("epoch", sa.cast(time, sa.TIMESTAMP(timezone=True))) * 1000, sa.BigInteger)
    text = sa.cast(time, sa.String)
    return sa.cast(sa.func.strftime("%s", text), sa.Integer) * 1000 + sa.cast(sa.func.substr(text, 21, 3), sa.Integer)
