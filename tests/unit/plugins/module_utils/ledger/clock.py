# SPDX-License-Identifier: GPL-3.0-or-later
"""What is done with a ledger at another time than now, and orders that are only kept."""

from __future__ import annotations

import contextlib
import datetime
import os

from ansible_collections.leasehold.cloud.plugins.module_utils.core.times import iso
from ansible_collections.leasehold.cloud.plugins.module_utils.ledger import clusters, gang, runs
from ansible_collections.leasehold.cloud.plugins.module_utils.ledger.database import Ledger
from ansible_collections.leasehold.cloud.plugins.module_utils.ledger.holder import holder_of
from ansible_collections.leasehold.cloud.plugins.module_utils.ledger.schema import tables
from tests.unit.plugins.module_utils.ledger import books

HOUR, DAY = 3600, 86400


@contextlib.contextmanager
def at(opened: Ledger, seconds: int):
    """A writing transaction so many seconds from now; kept, unless it fails."""
    with opened.transaction() as tx:
        tx.now += datetime.timedelta(seconds=seconds)
        yield tx
        tx.keep()


def moment(seconds: int) -> str:
    """So many seconds from now, in the words of an order."""
    return iso(datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(seconds=seconds))


def keep(opened: Ledger, name: str, *, hold: int | None = None, seconds: int = 0, plan: dict | None = None, **changes) -> dict:
    """An order that is held, or (with lease_start) reserved, by a run from its start to its end; the plan."""
    plan = plan or books.planned(opened, name, **changes)
    with at(opened, seconds) as tx:
        token = runs.start(tx, name, "reserve", holder_of(os.getpid()), HOUR)["token"]
        clusters.begin(tx, name, "reserve", tenant="acme", site="lab")
    with at(opened, seconds) as tx:
        gang.take(tx, plan, token, hold)
    with at(opened, seconds) as tx:
        runs.end(tx, name, token, runs.FINISHED)
        clusters.finish(tx, name, "reserve")
    return plan


def begin(opened: Ledger, name: str, operation: str, seconds: int, **changes) -> int:
    """Start a run at another time; its token."""
    with at(opened, seconds) as tx:
        token = runs.start(tx, name, operation, holder_of(os.getpid()), HOUR)["token"]
        clusters.begin(tx, name, operation, **({"tenant": "acme", "site": "lab"} | changes))
        return token


def claims(opened: Ledger, name: str) -> set[str]:
    """What a cluster holds: C(server r1-s01) and the like."""
    return _resources(opened, "claims", name)


def reserved(opened: Ledger, name: str) -> set[str]:
    """What a cluster has reserved."""
    return _resources(opened, "reservations", name)


def events(opened: Ledger, subject: str) -> list[tuple[str, dict | None]]:
    """What happened to something: each (action, after)."""
    table = tables().events
    with opened.reading() as tx:
        return [(row["action"], row["after"]) for row in tx.rows(table.select().where(table.c.subject == subject).order_by(table.c.id))]


def _resources(opened: Ledger, name: str, cluster: str) -> set[str]:
    table = getattr(tables(), name)
    with opened.reading() as tx:
        return {f"{row['kind']} {row['resource']}" for row in tx.rows(table.select().where(table.c.cluster == cluster))}
