# SPDX-License-Identifier: GPL-3.0-or-later
"""What the rules of the machine are made of: each step is done to the ledger and to the model of it, which says what has to refuse it."""

from __future__ import annotations

import contextlib
import datetime

import sqlalchemy as sa
from hypothesis.stateful import RuleBasedStateMachine

from ansible_collections.leasehold.cloud.plugins.module_utils.core import chain, errors, orders
from ansible_collections.leasehold.cloud.plugins.module_utils.core.models import Datacenter
from ansible_collections.leasehold.cloud.plugins.module_utils.core.times import iso
from ansible_collections.leasehold.cloud.plugins.module_utils.ledger import claims, clusters, gang, ground, holds, leases, mirror, runs, servers
from ansible_collections.leasehold.cloud.plugins.module_utils.ledger.database import Ledger
from ansible_collections.leasehold.cloud.plugins.module_utils.ledger.schema import tables
from tests.stateful.model import Model
from tests.unit.plugins.module_utils.core import sites

HOUR, DAY = 3600, 86400
EPOCH = datetime.datetime(2026, 11, 20, 12, tzinfo=datetime.timezone.utc)
TENANTS = {"red": "acme", "blue": "acme", "green": "umbrella", "white": "umbrella", "black": "initech"}
CLASSES = {"workers": "cpu", "gpus": "gpu"}  # of the node sets
SERVERS = {server["name"]: server["class"] for server in sites.document()["servers"]}
SEGMENTS = {"vlan": [f"lab/{vlan}" for vlan in range(100, 104)], "prefix": [f"10.64.{number}.0/24" for number in range(4)]}
PROOF = [{"drive": "disk0", "proven": True}]
STEP = 2 * HOUR  # how long a run's step may take; then its holder, which is of another host, counts as dead


class Crash(Exception):
    """The process dies here."""


class Outcome:
    """Whether something went through, and what it returned."""

    passed = False
    value = None


class Driver(RuleBasedStateMachine):
    """C(url) is an empty ledger's."""

    def __init__(self, url: str):
        super().__init__()
        self.ledger = Ledger.open(url, "machine")
        self.now = EPOCH
        self.model = Model(SERVERS, SEGMENTS, iso(self.now))
        self.tokens: list[tuple[str, int]] = []  # all that were given out
        self.marks: list[dict[str, str]] = []  # what the source has said
        self.checked = (None, chain.BEGINNING)  # the last event that was looked at, and its hash

    def teardown(self) -> None:
        self.ledger.close()

    def _sync(self, statuses: dict[str, str]) -> None:
        missing = {name for name in set(self.model.mirror) - set(statuses) if self.model.holder(name)}
        with self.writing() as tx:
            outcome = mirror.sync(tx, source(statuses), f"mark {len(self.marks)}")
        self.marks.append(statuses)
        assert {alarm["server"] for alarm in outcome.alarms} == missing
        self.model.sync(statuses)

    def _planned(self, operation: str, name: str, wanted: dict[str, int], refusal, **terms) -> dict | None:
        with self.expecting(refusal) as outcome, self.reading() as tx:
            outcome.value = ground.plan(tx, order_of(name, wanted, **terms), operation, None, None)
        return outcome.value

    def _start(self, name: str, operation: str, holder: str, resizing: bool, kept: str | None = None, plan: dict | None = None) -> bool:
        """As the action C(run) does it."""
        with self.expecting(self.model.why_not_start(name, operation, holder, resizing, kept)) as outcome, self.writing() as tx:
            outcome.value = runs.start(tx, name, operation, holder, STEP)["token"]
            if operation == "reserve":
                leases.refuse_unkept(tx, plan)
            clusters.begin(tx, name, operation, tenant=TENANTS[name], site="lab", resizing=resizing)
        if outcome.passed:
            self.tokens.append((name, outcome.value))
            self.model.start(name, TENANTS[name], operation, holder, STEP, resizing, outcome.value)
        return outcome.passed

    def _take(self, plan: dict, terms: dict, hold: int | None) -> None:
        with self.writing() as tx:
            token = self.model.running(plan["cluster"])
            runs.fence(tx, plan["cluster"], token, "claiming")
            gang.take(tx, plan, token, hold)
        self.model.take(plan, terms, hold)

    def _serve(self, name: str) -> None:
        self._move([server for server in self.model.held(name) if self.model.states[server] in ("claimed", "provisioning")], "provisioning", name)
        self._move([server for server in self.model.held(name) if self.model.states[server] == "provisioning"], "in_service", name)
        self._end(name, runs.FINISHED)

    def _move(self, moved: list[str], state: str, by: str | None, passing: tuple[str, ...] = (), proven: bool = True) -> bool:
        refusal = self.model.why_not_move(moved, state, by, proven, passing)
        with self.expecting(refusal) as outcome, self.writing() as tx:
            mover = servers.Mover(by, self.model.running(by)) if by else servers.ADMIN
            servers.move(tx, moved, state, by=mover, reason="smoke", passing=passing, evidence=dict.fromkeys(moved, PROOF) if proven else None)
        if outcome.passed:
            self.model.move(moved, state, passing)
        return outcome.passed

    def _free(self, name: str, freed: list[str] | None) -> None:
        with self.expecting(self.model.why_not_free(name, freed)) as outcome, self.writing() as tx:
            runs.fence(tx, name, self.model.running(name), "freeing")
            claims.free(tx, name, freed)
        if outcome.passed:
            self.model.let_go(name, freed)

    def _end(self, name: str, state: str) -> None:
        """As the action C(run) does it."""
        run = self.model.runs[name]
        with self.writing() as tx:
            runs.end(tx, name, run["token"], state)
            if state == runs.FAILED:
                clusters.fail(tx, name, run["operation"], {"message": "it was to be"})
            else:
                if run["operation"] == "delete":
                    holds.give_up(tx, name, "deleted")
                clusters.finish(tx, name, run["operation"])
        self.model.end(name, state)

    @contextlib.contextmanager
    def writing(self):
        """A transaction at the machine's time, kept unless it fails."""
        with self.ledger.transaction() as tx:  # pylint: disable=contextmanager-generator-missing-cleanup  # what fails is rolled back
            tx.now = self.now
            yield tx
            tx.keep()

    @contextlib.contextmanager
    def reading(self):
        with self.ledger.reading() as tx:
            tx.now = self.now
            yield tx

    @contextlib.contextmanager
    def expecting(self, refusal):
        """What is done within is refused with this error; with None it is not, and with C(...) it may be."""
        outcome = Outcome()
        try:
            yield outcome
            outcome.passed = True
        except errors.LeaseholdError as error:
            if refusal is None or (refusal is not ... and error.__class__ is not refusal):
                raise
        assert not outcome.passed or refusal in (None, ...), f"was not refused with {refusal}"

    @contextlib.contextmanager
    def dying_after(self, statements: int):
        left = [statements]

        def count(*_args) -> None:
            left[0] -= 1
            if left[0] < 0:
                raise Crash

        sa.event.listen(self.ledger.engine, "before_cursor_execute", count)
        try:
            yield
        finally:
            sa.event.remove(self.ledger.engine, "before_cursor_execute", count)


def contents(tx) -> dict:
    """All that the model knows of, in the model's terms, straight from the tables."""
    table = tables()
    held = {row["resource"]: row["cluster"] for row in tx.rows(sa.select(table.claims)) if row["kind"] == "server"}
    states = {row["server"]: row["state"] for row in tx.rows(sa.select(table.server_states))}
    terms = ("phase", "tenant", "lease_start", "lease_end", "lease_grace", "hold_until", "lease_hold")
    return {
        "claims": sorted((row["kind"], row["resource"], row["cluster"]) for row in tx.rows(sa.select(table.claims))),
        "servers": {row["name"]: (row["status"], row["missing_since"] is not None, states[row["name"]], held.get(row["name"]))
                    for row in tx.rows(sa.select(table.servers))},
        "free": sorted(row["server"] for row in tx.rows(sa.select(table.free_servers))),
        "usage": sorted((row["server"], row["cluster"]) for row in tx.rows(sa.select(table.usage).where(table.usage.c.ends_at.is_(None)))),
        "clusters": {row["name"]: tuple(row[term] for term in terms) for row in tx.rows(sa.select(table.clusters))},
        "runs": {row["cluster"]: (row["token"], row["holder"], row["state"], row["deadline"]) for row in tx.rows(sa.select(table.runs))},
        "reservations": sorted((row["kind"], row["resource"], row["cluster"], row["starts_at"], row["ends_at"])
                               for row in tx.rows(sa.select(table.reservations))),
    }


def order_of(name: str, wanted: dict[str, int], **terms):
    node_sets = [{"name": key, "class": CLASSES[key], "count": count} for key, count in wanted.items()]
    given = {"name": name, "tenant": TENANTS[name], "node_sets": node_sets, "lease_duration": "1d"} | terms
    return orders.parse({f"cluster_{key}": value for key, value in given.items()}, None, "create")


def source(statuses: dict[str, str]) -> Datacenter:
    document = sites.document()
    document["servers"] = [server | {"status": statuses[server["name"]]} for server in document["servers"] if server["name"] in statuses]
    return Datacenter.from_dict(document)


def by_set(plan: dict) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for server in plan["servers"]:
        found.setdefault(server["node_set"], []).append(server["name"])
    return found
