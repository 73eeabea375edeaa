# SPDX-License-Identifier: GPL-3.0-or-later
"""A process that orders clusters, holds several at a time and gives them back, as the playbooks do: plan, run, claim, release."""

from __future__ import annotations

import os
import random
import time
from collections.abc import Callable
from pathlib import Path

import sqlalchemy

from ansible_collections.leasehold.cloud.plugins.module_utils.core import orders
from ansible_collections.leasehold.cloud.plugins.module_utils.core.errors import NoCapacity, NotFound, QuotaExceeded, StaleRun, Unreachable
from ansible_collections.leasehold.cloud.plugins.module_utils.ledger import claims, clusters, gang, ground, runs, servers
from ansible_collections.leasehold.cloud.plugins.module_utils.ledger.database import Ledger
from ansible_collections.leasehold.cloud.plugins.module_utils.ledger.holder import holder_of
from ansible_collections.leasehold.cloud.plugins.module_utils.ledger.schema import tables
from tests.contention import journal
from tests.contention.size import Size

HOUR = 3600
TENANTS = 4
HEIR = "h"  # the end of the name of who takes over from a buyer
PATIENCE = 120  # seconds without a database, or waiting for one's turn to write to it
PROOF = [{"drive": "disk0", "proven": True}]
CONFLICT, AWAY, ADOPTED = "conflict", "away", "adopted"  # what else a journal says, and why an order was refused


class Partial(AssertionError):
    """A cluster holds something else than its plan."""


class Buyer:
    """Orders of random sizes, the same for the same name and seed."""

    def __init__(self, url: str, name: str, size: Size, directory: Path):
        self.ledger = Ledger.open(url, name)
        self.name = name
        self.size = size
        self.random = random.Random(f"{size.seed}/{name}")
        self.directory = directory
        self.journal = journal.Journal(directory, name)
        self.holding: list[str] = []

    def buy(self, first: int) -> None:
        """Every order from number C(first) on; all is given back at the end."""
        for number in range(first, self.size.orders):
            cluster = f"{self.name}-{number}"
            self.journal.say(journal.BEGUN, cluster)
            if self._patiently(lambda name=cluster: self._create(name)):
                self.holding.append(cluster)
                time.sleep(self.random.random() * self.size.moment)
            else:
                self._release(cluster)
            if self.holding and (cluster not in self.holding or len(self.holding) == self.size.holding):
                self._release(self.holding.pop(0))
        for cluster in self.holding:
            self._release(cluster)

    def adopt(self, dead: str) -> int:
        """Take over the clusters of a buyer that was killed, and give them back; the number of orders that it had begun."""
        lines = journal.read(self.directory, dead)
        for cluster, token in journal.unfinished(lines).items():
            self.journal.say(journal.BEGUN, cluster)
            self._release(cluster, token)
            self.journal.say(ADOPTED, cluster)
        return sum(line["event"] == journal.BEGUN and line["cluster"].startswith(f"{dead}-") for line in lines)

    def _create(self, cluster: str) -> bool:
        """Order a cluster; False when there is no capacity, or the tenant may have no more. Done again after an interruption, it goes on from there."""
        token = self._start(cluster, "create")
        try:
            with self.ledger.reading() as tx:
                plan = ground.plan(tx, self._order(cluster), "create", None, None)
            plan = self._claim(cluster, plan, token)
        except (NoCapacity, QuotaExceeded) as error:
            self.journal.say(error.error_code, cluster)
            return False
        self._check_whole(plan)
        names = [server["name"] for server in plan["servers"]]
        self._move(cluster, token, names, "provisioning", passing=("in_service",))
        self._move(cluster, token, names, "in_service")
        self._end(cluster, token, "create")
        return True

    def _claim(self, cluster: str, plan: dict, token: int) -> dict:
        """As leasehold.cloud.claim does it; the plan that was taken, which may be a later one."""
        def attempt(tx, wanted: dict) -> dict:
            taken = gang.take(tx, wanted, token)
            tx.keep()
            return taken.plan

        return gang.contend(self.ledger, plan, attempt, None, lambda why: self.journal.say(CONFLICT, cluster, why=why))

    def _check_whole(self, plan: dict) -> None:
        """Read back what the cluster holds: the plan, all of it and no more. It is in the journal from then on."""
        cluster, segment = plan["cluster"], plan["segment"]
        wanted = {f"vlan {plan['site']}/{segment['vlan']}", f"prefix {segment['prefix']}"}
        wanted |= {f"server {server['name']}" for server in plan["servers"]} | {f"address {server['address']}" for server in plan["servers"]}
        held = self._held(cluster)
        if set(held) != wanted:
            raise Partial(f"{cluster}: planned {sorted(wanted)}, holds {sorted(held)}")
        self.journal.say(journal.TOOK, cluster, resources=held)

    def _release(self, cluster: str, stale: int | None = None) -> None:
        self._patiently(lambda: self._delete(cluster, stale))
        self.journal.say(journal.ENDED, cluster)

    def _delete(self, cluster: str, stale: int | None) -> None:
        """Give a cluster back, through the states of a release, with proofs of wipe that nobody has made."""
        try:
            token = self._start(cluster, "delete")
        except NotFound:
            return  # killed before it was made
        if stale is not None:
            self._check_refused(cluster, stale)
        with self.ledger.reading() as tx:
            names = [server["name"] for server in clusters.describe(tx, cluster)[0]["servers"]]
        self._move(cluster, token, names, "releasing", passing=("cleaning", "available"))
        self._move(cluster, token, names, "cleaning", passing=("available",))
        self._move(cluster, token, names, "available")
        self.journal.say(journal.DROPS, cluster)
        with self.ledger.transaction() as tx:
            runs.fence(tx, cluster, token, "freeing claims")
            claims.free(tx, cluster)
            tx.keep()
        self._end(cluster, token, "delete")

    def _check_refused(self, cluster: str, stale: int) -> None:
        """The token of the killed buyer no longer opens anything."""
        try:
            with self.ledger.transaction() as tx:
                runs.fence(tx, cluster, stale, "writing with a stale token")
        except StaleRun:
            return
        raise AssertionError(f"{cluster}: the stale token {stale} was not refused")

    def _start(self, cluster: str, operation: str) -> int:
        with self.ledger.transaction() as tx:
            run = runs.start(tx, cluster, operation, holder_of(os.getpid()), HOUR)
            clusters.begin(tx, cluster, operation, tenant=_tenant(cluster), site="big")
            tx.keep()
        self.journal.say(journal.TOKEN, cluster, token=run["token"])
        return run["token"]

    def _end(self, cluster: str, token: int, operation: str) -> None:
        with self.ledger.transaction() as tx:
            runs.end(tx, cluster, token, runs.FINISHED)
            clusters.finish(tx, cluster, operation)
            tx.keep()

    def _move(self, cluster: str, token: int, names: list[str], state: str, passing: tuple[str, ...] = ()) -> None:
        with self.ledger.transaction() as tx:
            servers.move(tx, names, state, by=servers.Mover(cluster, token), passing=passing, evidence=dict.fromkeys(names, PROOF))
            tx.keep()

    def _held(self, cluster: str) -> list[str]:
        table = tables().claims
        with self.ledger.reading() as tx:
            return [f"{row['kind']} {row['resource']}" for row in tx.rows(sqlalchemy.select(table).where(table.c.cluster == cluster))]

    def _order(self, cluster: str):
        """An order of 1 to 64 servers, of one class or of both; the same each time it is asked for."""
        dice = random.Random(f"{self.size.seed}/{cluster}")
        count, kind = dice.randint(1, self.size.largest), dice.choice(("cpu", "cpu", "gpu", "both"))
        gpus = dice.randint(1, count) if kind == "both" else count if kind == "gpu" else 0
        node_sets = [{"name": name, "class": name, "count": number} for name, number in (("cpu", count - gpus), ("gpu", gpus)) if number]
        return orders.parse({
            "cluster_name": cluster, "cluster_tenant": _tenant(cluster), "cluster_lease_duration": "30d", "cluster_node_sets": node_sets,
            "cluster_placement": dice.choice(("spread", "pack")),
        }, None, "create")

    def _patiently(self, work: Callable):
        """Do it; and once more, from where it stopped, while the database is away."""
        deadline = time.monotonic() + PATIENCE
        while True:
            try:
                return work()
            except Unreachable as error:
                self.journal.say(AWAY, reason=str(error))
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.1 + self.random.random() * 0.2)


def _tenant(cluster: str) -> str:
    """Buyers share a few; an heir acts for the one who died."""
    return f"t{int(cluster.partition('-')[0].strip(f'b{HEIR}')) % TENANTS}"


def main(url: str, name: str, size: Size, directory: Path, start, heir_of: str | None) -> None:
    """A buyer's process. It begins when all others are ready, or at once as the heir of one that was killed."""
    buyer = _opened(url, name, size, directory)
    if heir_of is None:
        start.wait(PATIENCE)
        buyer.buy(0)
    else:
        buyer.buy(buyer.adopt(heir_of))


def _opened(url: str, name: str, size: Size, directory: Path) -> Buyer:
    """The buyer, as soon as its database answers."""
    deadline = time.monotonic() + PATIENCE
    while True:
        try:
            return Buyer(url, name, size, directory)
        except Unreachable:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.2)
