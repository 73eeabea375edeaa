"""Plays a story in a lab of its own: order, fault, what is left standing; without the fault, again; release; residue."""

from __future__ import annotations

import dataclasses
import json
import socket
import sqlite3
import threading
import time

from lab.hardware import Hardware
from tests.conftest import Lab, Played, Site
from tests.e2e.world import claims, port_vlans, powered_on, vlans_in_use
from tests.faults import hub
from tests.faults.faults import FIRST, HUB, NETWORK, SECOND, Story, Strike

PATIENCE = 180  # seconds that any playbook may take here: nothing hangs
OUTAGE = 6  # seconds that a passing outage goes on after the step that meets it has begun
SERVERS = (FIRST, SECOND)
SIZE = ("--racks", "2", "--servers-per-rack", "4", "--boot-delay", "0.2", "--install-delay", "0.2")


@dataclasses.dataclass
class Outcome:
    """What became of an order that met a fault."""

    story: str
    operation: str
    fault: str
    became: str = "not reached"
    error: dict = dataclasses.field(default_factory=dict)
    again: str = "–"
    seconds: float = 0
    problem: Exception | None = None


class Teller:
    """Plays stories one after another in one lab."""

    def __init__(self, lab: Lab):
        self.lab = lab
        self.site = Site(lab)

    @property
    def hardware(self) -> Hardware:
        return Hardware(self.lab.directory / "hardware.db")  # another file after each new beginning

    def tell(self, story: Story) -> list[Outcome]:
        """Both halves of a story; the second is not reached when the first goes wrong."""
        outcomes = [Outcome(story.name, operation, strike.title)
                    for operation, strike in (("create", story.create), ("delete", story.delete))]
        try:
            for outcome, strike in zip(outcomes, (story.create, story.delete), strict=True):
                self._half(story, strike, outcome)
                if outcome.problem:
                    break
        finally:
            self.lab.command("fault", "clear")
        return outcomes

    def begin_again(self) -> None:
        """A new lab in place of one that a story has left in an unknown state."""
        self.lab.down()
        self.begin()

    def begin(self) -> None:
        self.lab.up(*SIZE)
        self.site.play("source_sync").succeeded()

    def _half(self, story: Story, strike: Strike, outcome: Outcome) -> None:
        begun = time.monotonic()
        try:
            self._strike(story.name, strike, outcome)
            if strike.error_code:
                outcome.again = "failed"
                self._play(story.name, outcome.operation).succeeded()
                outcome.again = "finished it"
            self._whole(story.name) if outcome.operation == "create" else self._nothing_left(story.name)
        except Exception as problem:  # raised again by the test that looks at this outcome
            outcome.problem = problem
        finally:
            outcome.seconds = time.monotonic() - begun

    def _strike(self, cluster: str, strike: Strike, outcome: Outcome) -> None:
        """One run under the fault, to its expected end; then without the fault."""
        self.lab.command("fault", "set", *strike.fault)
        if HUB in strike.fault:
            self._hub_is(up=False)
        if strike.passes:
            threading.Thread(target=self._pass, args=(cluster, strike.step), daemon=True).start()
        played = self._play(cluster, outcome.operation, strike.variables)
        outcome.became = "recovered" if played.returncode == 0 else "failed"
        outcome.error = self._row(cluster)["error"] or {}
        if strike.error_code:
            self._failed_closed(cluster, strike, outcome, played)
        else:
            played.succeeded()
            assert strike.says in played.output, played.output[-4000:]
        self.lab.command("fault", "clear")
        if HUB in strike.fault:
            self._hub_is(up=True)

    def _play(self, cluster: str, operation: str, variables: dict | None = None) -> Played:
        order = {"cluster_name": cluster}
        if operation == "create":
            order |= {"cluster_tenant": "initech", "cluster_node_sets": [{"name": "workers", "class": "cpu", "count": len(SERVERS)}]}
        return self.site.play(f"cluster_{operation}", order | (variables or {}), timeout=PATIENCE)

    def _failed_closed(self, cluster: str, strike: Strike, outcome: Outcome, played: Played) -> None:
        played.failed_with(strike.error_code)
        row, error = self._row(cluster), outcome.error
        assert (row["phase"], row["run"]) == ("failed", "failed")
        assert error["error_code"] == strike.error_code, error
        assert error["step"] == strike.step, error
        assert strike.object in f"{error['object']}: {error['message']}", error
        assert len(error["remedy"]) > 20 and error["message"] and error["attempted"], error
        held = {resource for kind, resource, holder in claims(self.lab) if kind == "server" and holder == cluster}
        assert held == set(SERVERS), "a failed order keeps its whole gang claim, no more and no less"
        self._nothing_handed_over(cluster) if outcome.operation == "create" else self._nothing_freed(cluster, strike)
        outcome.became = "failed closed"

    def _nothing_handed_over(self, cluster: str) -> None:
        directory = self.lab.product / "clusters" / cluster
        assert not (directory / "kubeconfig").exists()
        assert not (directory / "receipt.json").exists()

    def _nothing_freed(self, cluster: str, strike: Strike) -> None:
        states = self._server_states()
        assert all(states[name] not in ("available", "in_service") for name in SERVERS), states
        assert not list((self.lab.product / "clusters" / cluster).glob("release*"))
        if strike.step == NETWORK:
            assert powered_on(self.lab) == set(SERVERS), "network first: no server is touched before its ports are"
            assert all(self.hardware.get(name).contents for name in SERVERS)
            return
        assert self._ports_of(SERVERS) == {999}
        if strike.error_code == "wipe_unproven":
            liar = strike.fault[1]
            assert states[liar] == "quarantined", states
            assert self.hardware.get(liar).contents, "the fault left the drive as it was"

    def _whole(self, cluster: str) -> None:
        """The cluster is there, as if nothing had happened."""
        assert self._row(cluster)["phase"] == "ready"
        assert self._row(cluster)["error"] is None
        assert (self.lab.product / "clusters" / cluster / "receipt.json").exists()
        assert len(self._ports_of(SERVERS) - {999}) == 1
        others = {place.name for place in self.lab.layout().servers} - set(SERVERS)
        assert self._ports_of(others) == {999}
        assert powered_on(self.lab) == set(SERVERS)

    def _nothing_left(self, cluster: str) -> None:
        assert self._row(cluster)["phase"] == "deleted"
        assert claims(self.lab) == []
        assert set(self._server_states().values()) <= {"available"}
        assert vlans_in_use(self.lab) == set()
        assert self._ports_of(place.name for place in self.lab.layout().servers) == {999}
        assert powered_on(self.lab) == set()
        for state in self.hardware.servers():
            assert not state.media_inserted, state.name
            assert [drive["contents"] for drive in state.drives] == [None] * len(state.drives), state.name
        assert hub.objects_of(self.lab, cluster) == []
        directory = self.lab.product / "clusters" / cluster
        assert not (directory / "kubeconfig").exists()
        assert list(directory.glob("release*.json"))

    def _ports_of(self, servers) -> set[int]:
        """The VLANs of the servers' ports, as their switches have them."""
        wanted = set(servers)
        seen = {switch.name: port_vlans(self.lab, switch.name) for switch in self.lab.layout().switches}
        return {seen[nic.switch][nic.port][0] for place in self.lab.layout().servers if place.name in wanted for nic in place.nics}

    def _row(self, cluster: str) -> dict:
        with sqlite3.connect(self.lab.product / "ledger.db", timeout=10) as database:
            found = database.execute("select c.phase, c.error, r.state, r.step from clusters c join runs r on r.cluster = c.name"
                                     " where c.name = ?", (cluster,)).fetchone()
        phase, error, run, step = found or (None, None, None, None)
        return {"phase": phase, "error": json.loads(error) if error else None, "run": run, "step": step}

    def _server_states(self) -> dict[str, str]:
        with sqlite3.connect(self.lab.product / "ledger.db", timeout=10) as database:
            return dict(database.execute("select server, state from server_states"))

    def _pass(self, cluster: str, step: str) -> None:
        """Take the fault away when the step that meets it has been under way for a while."""
        end = time.monotonic() + PATIENCE
        while time.monotonic() < end and not (self._row(cluster)["run"] == "running" and self._row(cluster)["step"] == step):
            time.sleep(0.2)
        time.sleep(OUTAGE)
        self.lab.command("fault", "clear")

    def _hub_is(self, up: bool) -> None:
        """Wait until the hub's API takes connections, or no more."""
        end = time.monotonic() + 30
        while time.monotonic() < end:
            with socket.socket() as probe:
                if (probe.connect_ex((self.lab.layout().hub_address, 6443)) == 0) == up:
                    return
            time.sleep(0.2)
        raise AssertionError(f"the lab's hub did not {'come back' if up else 'go away'}")
