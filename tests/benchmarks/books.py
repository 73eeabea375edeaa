# SPDX-License-Identifier: GPL-3.0-or-later
"""A large ledger to measure, and the same work done as one would without it: row by row, one transaction each."""

from __future__ import annotations

import datetime
import ipaddress
import os
import time
from collections.abc import Callable, Iterable

import sqlalchemy as sa

from ansible_collections.leasehold.cloud.plugins.module_utils.core import orders
from ansible_collections.leasehold.cloud.plugins.module_utils.core.models import Datacenter
from ansible_collections.leasehold.cloud.plugins.module_utils.ledger import claims, clusters, gang, ground, mirror, runs, servers, sweeps
from ansible_collections.leasehold.cloud.plugins.module_utils.ledger.database import Ledger, Transaction, iso
from ansible_collections.leasehold.cloud.plugins.module_utils.ledger.holder import holder_of
from ansible_collections.leasehold.cloud.plugins.module_utils.ledger.schema import tables
from tests.benchmarks import big_site

DAY = 86400
LAST_PREFIX = ipaddress.ip_address("10.79.255.0")  # /24 of 10.64.0.0/12
VLANS = "1000-3999"
TENANTS = 20
PROOF = [{"drive": "disk0", "proven": True}]
TOGETHER = 50  # clusters that are filled in in one transaction


def timed(work: Callable[[], object]) -> float:
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


class Books:
    """An open ledger, and what orders do to it."""

    def __init__(self, url: str):
        self.url = url
        self.ledger = Ledger.open(url, "bench")

    def sync(self, size: int) -> None:
        """A site of so many servers."""
        with self.ledger.transaction() as tx:
            mirror.sync(tx, Datacenter.from_dict(big_site.document(size, VLANS)), "1")
            tx.keep()

    def fill(self, number: int, each: int, ends: Callable[[int], str]) -> list[str]:
        """Clusters that are ready, of C(each) servers, so that they hold every other server of class cpu; their names."""
        with self.ledger.reading() as tx:
            table = tables().servers
            names = [row.name for row in tx.execute(sa.select(table.c.name).where(table.c["class"] == "cpu").order_by(table.c.name))][::2]
        made = [f"old{index}" for index in range(number)]
        for start in range(0, number, TOGETHER):
            with self.ledger.transaction() as tx:
                for index in range(start, min(start + TOGETHER, number)):
                    _fill_in(tx, made[index], index, names[index * each:(index + 1) * each], ends(index))
                tx.keep()
        return made

    def begin(self, name: str, operation: str = "create") -> int:
        with self.ledger.transaction() as tx:
            run = runs.start(tx, name, operation, holder_of(os.getpid()), DAY)
            clusters.begin(tx, name, operation, tenant="bench", site="big")
            tx.keep()
            return run["token"]

    def plan(self, name: str, count: int) -> dict:
        with self.ledger.reading() as tx:
            return ground.plan(tx, order(name, count), "create", None, None)

    def claim(self, plan: dict, token: int) -> dict:
        """As the action C(claim) does it; the plan that was taken, a later one where another contender was first."""
        def attempt(tx, wanted):
            taken = gang.take(tx, wanted, token)
            tx.keep()
            return taken.plan

        return gang.contend(self.ledger, plan, attempt, None, lambda why: None)

    def move(self, name: str, token: int, names: list[str], states: Iterable[str]) -> None:
        """Each state in a transaction of its own."""
        for state in states:
            with self.ledger.transaction() as tx:
                servers.move(tx, names, state, by=servers.Mover(name, token), evidence=dict.fromkeys(names, PROOF))
                tx.keep()

    def free(self, name: str) -> None:
        with self.ledger.transaction() as tx:
            claims.free(tx, name)
            tx.keep()

    def sweep(self) -> None:
        """With warnings a day before the end, and not kept."""
        with self.ledger.transaction() as tx:
            sweeps.sweep(tx, [DAY], 0)

    def describe(self, name: str | None = None) -> list[dict]:
        with self.ledger.reading() as tx:
            return clusters.describe(tx, name)


def order(name: str, count: int):
    return orders.parse({
        "cluster_name": name, "cluster_tenant": "bench", "cluster_lease_duration": "30d",
        "cluster_node_sets": [{"name": "workers", "class": "cpu", "count": count}],
    }, None, "create")


def _fill_in(tx: Transaction, name: str, index: int, names: list[str], end: str) -> None:
    """A ready cluster, as a create leaves it, without planning it."""
    prefix = LAST_PREFIX - index * 256  # from the end: plans take from the start
    tenant = f"tenant{index % TENANTS}"
    token = runs.start(tx, name, "create", holder_of(os.getpid()), DAY)["token"]
    clusters.begin(tx, name, "create", tenant=tenant, site="big")
    claims.take(tx, {
        "cluster": name, "site": "big", "tenant": tenant, "segment": {"vlan": 3999 - index, "prefix": f"{prefix}/24", "quarantine_vlan": 999},
        "servers": [{"name": server, "node_set": "workers", "class": "cpu", "address": str(prefix + 10 + place)}
                    for place, server in enumerate(names)],
    }, token)
    ordered = order(name, len(names)).as_dict() | {"cluster_tenant": tenant}
    clusters.note_order(tx, name, {"order": ordered, "lease_start": tx.at, "lease_end": end, "lease_grace": 0})
    for state in ("provisioning", "in_service"):
        servers.move(tx, names, state, by=servers.Mover(name, token))
    runs.end(tx, name, token, runs.FINISHED)
    clusters.finish(tx, name, "create")


class RowByRow:
    """A table of servers with their holder, claimed one server a transaction: what a loop over servers does."""

    def __init__(self, books: Books):
        self.engine = books.ledger.engine
        self.table = sa.Table(
            "plain_servers", sa.MetaData(), sa.Column("name", sa.String(128), primary_key=True), sa.Column("class", sa.String(128)),
            sa.Column("cluster", sa.String(128)), sa.Index("plain_by_holder", "class", "cluster"),
        )
        with books.ledger.reading() as tx:
            rows = tx.rows(servers.select_rows())
        with self.engine.begin() as connection:
            self.table.create(connection)
            connection.execute(self.table.insert(), [{key: row[key] for key in ("name", "class", "cluster")} for row in rows])

    def claim(self, cluster: str, count: int) -> None:
        """No plan, no segment, no addresses, no events, nobody fenced off, and half of it left behind by a crash."""
        wanted = sa.select(self.table.c.name).where(self.table.c["class"] == "cpu", self.table.c.cluster.is_(None)).limit(1)
        with self.engine.connect() as connection:
            for _server in range(count):
                with connection.begin():
                    name = connection.execute(wanted.with_for_update(skip_locked=True)).scalar_one()
                    connection.execute(self.table.update().where(self.table.c.name == name).values(cluster=cluster))

    def free(self, cluster: str) -> None:
        held = sa.select(self.table.c.name).where(self.table.c.cluster == cluster)
        with self.engine.connect() as connection:
            with connection.begin():
                names = connection.execute(held).scalars().all()
            for name in names:
                with connection.begin():
                    connection.execute(self.table.update().where(self.table.c.name == name).values(cluster=None))


def later(ledger: Ledger, seconds: float) -> str:
    """A moment so many seconds from now, as the ledger writes it."""
    with ledger.reading() as tx:
        return iso(tx.now + datetime.timedelta(seconds=seconds))
