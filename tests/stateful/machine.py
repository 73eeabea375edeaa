# SPDX-License-Identifier: GPL-3.0-or-later
"""Random operations on a ledger and on the model of it; after each, the two have to agree, and what must always hold has to."""

from __future__ import annotations

import contextlib
import datetime

from hypothesis import strategies as st
from hypothesis.stateful import initialize, invariant, rule

from ansible_collections.leasehold.cloud.plugins.module_utils.core import errors
from ansible_collections.leasehold.cloud.plugins.module_utils.core.times import iso
from ansible_collections.leasehold.cloud.plugins.module_utils.ledger import claims, clusters, events, gang, ground, leases, mirror, runs, servers, sweeps
from tests.stateful.driver import CLASSES, DAY, HOUR, SERVERS, STEP, TENANTS, Crash, Driver, by_set, contents, order_of, source

names = st.sampled_from(sorted(TENANTS))
holders = st.sampled_from(["one:1:1", "other:1:1"])
machines = st.sampled_from(sorted(SERVERS))
counts = st.integers(0, 3)


class LedgerMachine(Driver):
    """What may happen, in any order."""

    @initialize()
    def first_sync(self) -> None:
        self._sync(dict.fromkeys(SERVERS, "active"))

    # Time and sources -----------------------------------------------------------------------------------------------

    @rule(seconds=st.sampled_from([60, HOUR, 3 * HOUR, DAY, 5 * DAY]))
    def time_passes(self, seconds: int) -> None:
        self.now += datetime.timedelta(seconds=seconds)
        self.model.now = iso(self.now)

    @rule(gone=st.sets(machines, max_size=2), resting=st.sets(machines, max_size=2))
    def source_changes(self, gone: set[str], resting: set[str]) -> None:
        self._sync({name: "maintenance" if name in resting else "active" for name in SERVERS if name not in gone})

    # Orders -----------------------------------------------------------------------------------------------------------

    @rule(name=names, workers=counts, gpus=counts, days=st.integers(1, 4), grace=st.sampled_from([0, DAY]), holder=holders,
          kept=st.sampled_from([None, None, "held", "later"]))
    def order(self, name: str, workers: int, gpus: int, days: int, grace: int, holder: str, kept: str | None) -> None:
        """A cluster is made, resumed or enlarged; or held for an hour; or reserved for the day after tomorrow."""
        hold = HOUR if kept == "held" else None
        start = iso(self.now + datetime.timedelta(days=2)) if kept == "later" else None
        wanted = {name: count for name, count in (("workers", workers), ("gpus", gpus)) if count} or {"workers": 1}
        terms = self.model.terms(name, start, days * DAY, grace)
        window = self.model.window(name, start, days * DAY, grace, hold or 0)
        refusal = self.model.why_not_plan(name, {key: (CLASSES[key], count) for key, count in wanted.items()}, window, "create")
        plan = self._planned("create", name, wanted, refusal, lease_duration=f"{days}d", lease_grace=f"{grace // DAY}d",
                             lease_start=start, hold=hold and "1h")
        if plan is None or not self._start(name, "reserve" if kept else "create", holder, bool(plan["add"]), kept, plan):
            return
        self._take(plan, terms, hold)
        if kept:
            self._end(name, runs.FINISHED)

    @rule(name=names, workers=counts, gpus=counts, holder=holders)
    def scale(self, name: str, workers: int, gpus: int, holder: str) -> None:
        """Up and down in one; those that leave are wiped and freed at once."""
        row = self.model.clusters.get(name)
        if not self.model.held(name) or row["duration"] is None:
            return  # a scale needs a cluster, with its lease
        wanted = {key: count for key, count in (("workers", workers), ("gpus", gpus)) if count} or {"gpus": 1}
        days, grace = row["duration"] // DAY, row["ordered_grace"]
        terms = self.model.terms(name, None, row["duration"], grace)
        staying = {key: len(found) for key, found in self.model.members(name).items()} | wanted
        window = self.model.window(name, None, row["duration"], grace, 0)
        refusal = self.model.why_not_plan(name, {key: (CLASSES[key], count) for key, count in staying.items()}, window, "scale")
        plan = self._planned("scale", name, wanted, refusal, lease_duration=f"{days}d", lease_grace=f"{grace // DAY}d")
        if plan is None or not self._start(name, "scale", holder, bool(plan["add"] or plan["remove"])):
            return
        assert {key: len(found) for key, found in by_set(plan).items()} == staying
        self._take(plan, terms, None)
        leavers = [server["name"] for server in plan["remove"]]
        for state, passing in (("releasing", ("cleaning", "available")), ("cleaning", ("available",)), ("available", ())):
            assert self._move(leavers, state, name, passing)
        self._free(name, leavers)
        self._serve(name)

    @rule(name=names)
    def serve(self, name: str) -> None:
        """A create that was begun is brought to its end."""
        run = self.model.runs.get(name)
        if self.model.running(name) is not None and run["operation"] == "create" and self.model.held(name):
            self._serve(name)

    @rule(name=names, holder=holders, last=st.sampled_from(["start", "releasing", "cleaning", "available", "free", "end", "end"]))
    def release(self, name: str, holder: str, last: str) -> None:
        """A cluster is given back, or the run dies on the way, after one of its steps."""
        if not self._start(name, "delete", holder, False) or last == "start":
            return
        for state, passing in (("releasing", ("cleaning", "available")), ("cleaning", ("available",)), ("available", ())):
            assert self._move(self.model.held(name), state, name, passing)
            if state == last:
                return
        self._free(name, None)
        if last == "end":
            self._end(name, runs.FINISHED)

    @rule(name=names)
    def run_fails(self, name: str) -> None:
        if self.model.running(name) is not None:
            self._end(name, runs.FAILED)

    @rule(name=names)
    def free_at_once(self, name: str) -> None:
        """Without a wipe: fine for what was never booted, refused for all else."""
        if self.model.running(name) is not None:
            self._free(name, None)

    # Servers ----------------------------------------------------------------------------------------------------------

    @rule(server=machines, state=st.sampled_from(["quarantined", "repair", "cleaning", "available", "in_service"]), proven=st.booleans())
    def admin_moves(self, server: str, state: str, proven: bool) -> None:
        self._move([server], state, None, (), proven)

    @rule(name=names, server=machines, state=st.sampled_from(["provisioning", "releasing", "quarantined"]))
    def run_moves(self, name: str, server: str, state: str) -> None:
        """Also servers that are another's, or nobody's."""
        if self.model.running(name) is not None:
            self._move([server], state, name)

    # Time's own -------------------------------------------------------------------------------------------------------

    @rule(name=names, days=st.integers(1, 12))
    def renew(self, name: str, days: int) -> None:
        with self.expecting(self.model.why_not_renew(name, days * DAY)) as outcome, self.writing() as tx:
            leases.renew(tx, name, duration=days * DAY)
        if outcome.passed:
            self.model.renew(name, days * DAY)

    @rule(name=names, reason=st.sampled_from([None, "a dispute"]))
    def hold_lease(self, name: str, reason: str | None) -> None:
        """Kept from being released, or not any more."""
        row = self.model.clusters.get(name)
        same = row is not None and row["kept"] == reason
        with self.expecting(None if same else self.model.why_not_change(name)) as outcome, self.writing() as tx:
            leases.hold(tx, name, reason)
        if outcome.passed:
            row["kept"] = reason

    @rule()
    def sweep(self) -> None:
        with self.writing() as tx:
            report, _changes = sweeps.sweep(tx, [HOUR], 0)
            again, changes = sweeps.sweep(tx, [HOUR], 0)
        called_off = self.model.sweep()
        assert set(report["lapsed"]) == set(called_off)
        assert changes == [], "a second sweep changes nothing"
        assert [item["cluster"] for item in again["expired"]] == [item["cluster"] for item in report["expired"]]

    # Trouble ----------------------------------------------------------------------------------------------------------

    @rule(pick=st.integers(0, 10_000), server=machines)
    def a_stale_token_is_used(self, pick: int, server: str) -> None:
        stale = [(name, token) for name, token in self.tokens if self.model.running(name) != token]
        if not stale:
            return
        name, token = stale[pick % len(stale)]
        with self.expecting(errors.StaleRun), self.writing() as tx:
            runs.fence(tx, name, token, "trying")
        other = self.model.holder(server)
        if other and self.model.states[server] != "quarantined":
            with self.expecting(errors.StaleRun), self.writing() as tx:
                servers.move(tx, [server], "quarantined", reason="stale", by=servers.Mover(name, token))
        with self.expecting(errors.StaleRun), self.writing() as tx:
            runs.end(tx, name, token, runs.FINISHED if self.model.runs[name]["state"] != runs.FINISHED else runs.FAILED)

    @rule(name=names, what=st.sampled_from(["take", "free", "sweep", "sync", "start"]), statements=st.integers(0, 25))
    def a_process_dies(self, name: str, what: str, statements: int) -> None:
        """In the middle of a transaction, after so many statements, or right before its end."""
        plan = None
        if what == "take":
            with contextlib.suppress(errors.LeaseholdError), self.reading() as tx:
                plan = ground.plan(tx, order_of(name, {"workers": 2, "gpus": 1}), "create", None, None)
        work = {
            "take": lambda tx: plan and name in self.model.clusters and gang.take(tx, plan, self.model.last_token),
            "free": lambda tx: claims.free(tx, name),
            "sweep": lambda tx: sweeps.sweep(tx, [HOUR], 0),
            "sync": lambda tx: mirror.sync(tx, source({"r1-s01": "maintenance"}), "crash"),
            "start": lambda tx: (runs.start(tx, name, "create", "one:1:1", STEP), clusters.begin(tx, name, "create", tenant=TENANTS[name], site="lab")),
        }[what]
        with contextlib.suppress(Crash, errors.LeaseholdError), self.writing() as tx:
            with self.dying_after(statements):
                work(tx)
            raise Crash

    # What must always hold ----------------------------------------------------------------------------------------------

    @invariant()
    def ledger_and_model_agree(self) -> None:
        with self.reading() as tx:
            found = contents(tx)
            self._check_chain(tx)
        model = self.model
        assert found["claims"] == sorted((kind, name, cluster) for (kind, name), cluster in model.claims.items())
        assert found["servers"] == {name: (row["status"], row["missing"], model.states[name], model.holder(name)) for name, row in model.mirror.items()}
        assert found["free"] == sorted(model.free())
        assert found["usage"] == sorted((name, cluster) for (kind, name), cluster in model.claims.items() if kind == "server")
        assert found["clusters"] == {
            name: (row["phase"], row["tenant"], row["start"], row["end"], row["grace"], row["hold_until"], row["kept"]) for name, row in model.clusters.items()}
        assert found["runs"] == {name: (run["token"], run["holder"], run["state"], run["deadline"]) for name, run in model.runs.items()}
        assert found["reservations"] == sorted(
            (kind, name, cluster, *window) for cluster, rows in model.reservations.items() for (kind, name), window in rows.items())

    def _check_chain(self, tx) -> None:
        """Of the events that are new, that each is what was sealed, and follows the one before."""
        for event, fault in events.stream(tx, *self.checked):
            assert fault is None
            self.checked = (event["id"], event["hash"])
