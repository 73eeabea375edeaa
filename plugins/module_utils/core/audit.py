# Copyright: (c) 2026, leasehold.cloud contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The audit of a ledger: its events, played again from the first, must give what its tables say.

What events prove: the state of every server, every claim with holder and token, the phase, tenant and lease terms of every
cluster, every reservation, every quota, every run's token and end. What they do not tell, because it is no decision about who holds what:
a run's step and deadline, a claim's node set, a cluster's order, its last error, the mirror of the sources.
"""

from __future__ import annotations

import collections
import dataclasses
from collections.abc import Iterable, Mapping

CLAIM_KINDS = ("server", "vlan", "prefix", "address")
TERMS = ("tenant", "lease_start", "lease_end", "lease_grace", "lease_hold", "hold_until")  # of a cluster that is not deleted
RUN = "run_"  # what begins the actions of runs


@dataclasses.dataclass(frozen=True)
class Finding:
    """What is not as it must be. C(kind) is what was looked at: event, export, claim, state, cluster, run, free, usage, reservation, quota."""

    kind: str
    object: str
    expected: object
    found: object

    def as_dict(self) -> dict:
        return dataclasses.asdict(self)

    def __str__(self) -> str:
        return f"{self.object}: {self.kind} is {_said(self.found)}, not {_said(self.expected)}"


class Replay:
    """What the ledger must hold after the events so far. Its size is that of what is held, not of the history."""

    def __init__(self) -> None:
        self.findings: list[Finding] = []
        self.states: dict[str, str] = {}
        self.claims: dict[tuple[str, str], tuple[str | None, int | None]] = {}
        self.phases: dict[str, str | None] = {}
        self.terms: dict[str, dict] = {}
        self.runs: dict[str, tuple[int | None, str]] = {}
        self.reservations: collections.Counter = collections.Counter()
        self.limits: dict[str, Mapping] = {}
        self._token = 0

    def feed(self, event: Mapping) -> None:
        """Take in the next event; one that contradicts those before it is a finding. What is of no concern is passed over."""
        subject, action = event["subject"], event["action"]
        if not (isinstance(subject, str) and isinstance(action, str)):
            return  # somebody has tampered with it, which the chain tells
        kind, _space, name = subject.partition(" ")
        if kind in CLAIM_KINDS and action in ("claimed", "freed"):
            self._claim(event, kind, name)
        elif action in ("reserved", "unreserved"):
            self._reservation(event, kind, name)
        elif kind == "server":
            self._server(event, name)
        elif kind == "quota":
            self._limit(event, name)
        elif kind == "cluster" and action.startswith(RUN):
            self._run(event, name)
        elif kind == "cluster":
            self._cluster(event, name)

    def compare_claims(self, rows: Iterable[Mapping]) -> list[Finding]:
        """:param rows: C({kind, resource, cluster, token})."""
        found = {(row["kind"], row["resource"]): (row["cluster"], row["token"]) for row in rows}
        return _differences("claim", {" ".join(key): value for key, value in self.claims.items()},
                            {" ".join(key): value for key, value in found.items()}, _holder)

    def compare_states(self, rows: Iterable[Mapping]) -> list[Finding]:
        """:param rows: C({server, state})."""
        return _differences("state", _named("server", self.states), _named("server", {row["server"]: row["state"] for row in rows}))

    def compare_clusters(self, rows: Iterable[Mapping]) -> list[Finding]:
        """:param rows: C({name, phase}) and the terms."""
        rows = list(rows)
        found = {row["name"]: row["phase"] for row in rows}
        findings = _differences("phase", _named("cluster", self.phases), _named("cluster", found))
        for row in rows:
            if row["phase"] == "deleted" or row["name"] not in self.terms:
                continue
            expected = self.terms[row["name"]]
            findings += [Finding(key, f"cluster {row['name']}", expected.get(key), row[key]) for key in TERMS if expected.get(key) != row[key]]
        return findings

    def compare_runs(self, rows: Iterable[Mapping]) -> list[Finding]:
        """:param rows: C({cluster, token, state})."""
        found = {row["cluster"]: (row["token"], row["state"]) for row in rows}
        return _differences("run", _named("cluster", self.runs), _named("cluster", found), lambda run: f"{run[1]} with token {run[0]}")

    def compare_reservations(self, rows: Iterable[Mapping]) -> list[Finding]:
        """:param rows: C({kind, resource, cluster, starts_at, ends_at})."""
        found = collections.Counter((row["kind"], row["resource"], row["cluster"], row["starts_at"], row["ends_at"]) for row in rows)
        missing, foreign = self.reservations - found, found - self.reservations
        return [Finding("reservation", f"{key[0]} {key[1]}", _period(key), None) for key in sorted(missing)] + [
            Finding("reservation", f"{key[0]} {key[1]}", None, _period(key)) for key in sorted(foreign)]

    def compare_limits(self, rows: Iterable[Mapping]) -> list[Finding]:
        """:param rows: of quotas, C({tenant, resource, class, soft, hard})."""
        found = {" ".join(filter(None, (row["tenant"], row["resource"], row["class"]))): {"soft": row["soft"], "hard": row["hard"]} for row in rows}
        return _differences("limit", _named("quota", self.limits), _named("quota", found), lambda limit: f"soft {limit['soft']}, hard {limit['hard']}")

    def _limit(self, event: Mapping, name: str) -> None:
        after = _fields(event, "after")
        if event["after"] is None:
            self.limits.pop(name, None)
        else:
            self.limits[name] = {"soft": after.get("soft"), "hard": after.get("hard")}

    def _claim(self, event: Mapping, kind: str, name: str) -> None:
        holder = self.claims.get((kind, name))
        if event["action"] == "claimed":
            after = _fields(event, "after")
            if holder is not None:
                self._contradicts(event, "nobody", _holder(holder))
            self.claims[kind, name] = (after.get("cluster"), after.get("token"))
            return
        before = _fields(event, "before")
        released = (before.get("cluster"), before.get("token"))
        if holder != released:
            self._contradicts(event, _holder(released), _holder(holder) if holder else None)
        self.claims.pop((kind, name), None)

    def _server(self, event: Mapping, name: str) -> None:
        if event["action"] == "synced" and event["before"] is None:
            self.states.setdefault(name, "available")  # one that was known before stays what it was
        elif event["action"] == "moved":
            before = _fields(event, "before").get("state")
            if before != self.states.get(name, "available"):
                self._contradicts(event, before, self.states.get(name))
            self.states[name] = _fields(event, "after").get("state")

    def _cluster(self, event: Mapping, name: str) -> None:
        after = _fields(event, "after")
        if event["action"] == "requested":
            self.terms[name] = {"tenant": after.get("tenant")}
        elif event["action"] == "moved":
            before = _fields(event, "before").get("phase")
            if before != self.phases.get(name):
                self._contradicts(event, before, self.phases.get(name))
        else:
            self.terms.setdefault(name, {}).update({key: after[key] for key in TERMS if key in after})
        if "phase" in after:
            self.phases[name] = after["phase"]
        if after.get("phase") == "deleted":
            self.terms.pop(name, None)

    def _run(self, event: Mapping, name: str) -> None:
        if event["action"] != "run_started":
            token, _state = self.runs.get(name, (None, ""))
            ended = _fields(event, "before").get("token")
            if ended != token:
                self._contradicts(event, f"run with token {ended}", f"run with token {token}")
            self.runs[name] = (ended, event["action"].removeprefix(RUN))
            return
        token = _fields(event, "after").get("token")
        if not isinstance(token, int) or token <= self._token:
            self.findings.append(Finding("token", f"event {event['id']}", f"above {self._token}", token))
        else:
            self._token = token
        self.runs[name] = (token, "running")

    def _reservation(self, event: Mapping, kind: str, name: str) -> None:
        made = event["action"] == "reserved"
        told = _fields(event, "after" if made else "before")
        key = (kind, name, *(str(told.get(field)) for field in ("cluster", "starts_at", "ends_at")))
        if not made and not self.reservations[key]:
            self._contradicts(event, _period(key), None)
        self.reservations[key] += 1 if made else -1
        if self.reservations[key] <= 0:
            del self.reservations[key]

    def _contradicts(self, event: Mapping, expected: object, found: object) -> None:
        """The event rests on something that the events before it do not give."""
        self.findings.append(Finding("event", f"event {event['id']} ({event['subject']} {event['action']})", expected, found))


def usage_findings(held: Mapping[str, str], rows: Iterable[Mapping]) -> list[Finding]:
    """Usage is open exactly for the servers that are held, once each, for the cluster that holds them.

    :param held: by server, its cluster. :param rows: those that are open, C({server, cluster}).
    """
    counts = collections.Counter((row["server"], row["cluster"]) for row in rows)
    wanted = collections.Counter(held.items())
    return [
        Finding("usage", f"server {server}", f"open {wanted[server, cluster]} times for cluster {cluster}", f"open {counts[server, cluster]} times")
        for server, cluster in sorted({*counts, *wanted}) if counts[server, cluster] != wanted[server, cluster]
    ]


def free_findings(expected: Iterable[tuple], found: Iterable[tuple]) -> list[Finding]:
    """The list of free servers is what its definition gives. Both are of (cell, sort key, server)."""
    wanted, listed = {row[2]: row[:2] for row in expected}, {row[2]: row[:2] for row in found}
    return _differences("entry among the free", _named("server", wanted), _named("server", listed), lambda entry: f"cell {str(entry[0])[:12]}")


def overlap_findings(rows: Iterable[Mapping]) -> list[Finding]:
    """No resource is promised twice at the same time.

    :param rows: reservations by kind, resource and start.
    """
    findings, before = [], None
    for row in rows:
        this = (row["kind"], row["resource"])
        if before and (before["kind"], before["resource"]) == this and row["starts_at"] < before["ends_at"]:
            findings.append(Finding("reservation", " ".join(this), f"from {before['ends_at']} on", f"from {row['starts_at']} on"))
        before = row
    return findings


def orphan_findings(rows: Iterable[Mapping]) -> list[Finding]:
    """Every claim is of a cluster that is there.

    :param rows: claims whose cluster is not, C({kind, resource, cluster, phase}).
    """
    return [Finding("claim", f"{row['kind']} {row['resource']}", "of a cluster that is there",
                    f"of cluster {row['cluster']}, which is {row['phase'] or 'not known'}") for row in rows]


def _differences(kind: str, expected: Mapping, found: Mapping, told=lambda value: value) -> list[Finding]:
    both = sorted({*expected, *found})
    return [Finding(kind, key, told(expected[key]) if key in expected else None, told(found[key]) if key in found else None)
            for key in both if expected.get(key) != found.get(key) or (key in expected) != (key in found)]


def _fields(event: Mapping, side: str) -> Mapping:
    """One side of an event; empty when it is not a mapping (then somebody has tampered with it, which the chain tells)."""
    return event[side] if isinstance(event[side], Mapping) else {}


def _named(kind: str, values: Mapping) -> dict:
    return {f"{kind} {name}": value for name, value in values.items()}


def _holder(claim: tuple) -> str:
    return f"cluster {claim[0]}, token {claim[1]}"


def _period(key: tuple) -> str:
    return f"cluster {key[2]} from {key[3]} to {key[4]}"


def _said(value: object) -> str:
    return "none" if value is None else str(value)
