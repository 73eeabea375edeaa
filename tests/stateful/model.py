# SPDX-License-Identifier: GPL-3.0-or-later
"""What the ledger has to say, in plain dicts: each function is what an operation does when nothing refuses it.

C(why_not_*) say beforehand which error has to refuse it; None: it has to go through. Times are texts as the ledger's.
"""

from __future__ import annotations

import collections
from collections.abc import Collection, Iterable, Mapping

from ansible_collections.leasehold.cloud.plugins.module_utils.core import errors
from ansible_collections.leasehold.cloud.plugins.module_utils.core.states import CLUSTER_STEPS, SERVER_ASIDE, SERVER_STEPS
from ansible_collections.leasehold.cloud.plugins.module_utils.core.times import after

MEMBER = ("claimed", "provisioning", "in_service")
SETTLED = ("ready", "degraded", "expiring")
KEPT = ("requested", "awaiting_approval")
FOREVER = "9999-12-31T00:00:00.000Z"
Resource = tuple[str, str]


class Model:
    """The ledger's contents."""

    def __init__(self, servers: Mapping[str, str], segments: Mapping[str, Collection[str]], now: str):
        """:param servers: class by name. :param segments: the resources of each kind (vlan, prefix) that there are."""
        self.now = now
        self.segments = segments
        self.classes = dict(servers)
        self.mirror = {name: {"status": "active", "missing": False} for name in servers}
        self.states = dict.fromkeys(servers, "available")
        self.claims: dict[Resource, str] = {}
        self.node_sets: dict[str, str] = {}  # of the servers held
        self.addresses: dict[str, str] = {}
        self.clusters: dict[str, dict] = {}
        self.runs: dict[str, dict] = {}
        self.reservations: dict[str, dict[Resource, tuple[str, str]]] = {}
        self.last_token = 0

    # What is so ---------------------------------------------------------------------------------------------------

    def holder(self, server: str) -> str | None:
        return self.claims.get(("server", server))

    def held(self, cluster: str) -> list[str]:
        return sorted(resource for (kind, resource), holder in self.claims.items() if (kind, holder) == ("server", cluster))

    def members(self, cluster: str) -> dict[str, list[str]]:
        """By node set."""
        found = collections.defaultdict(list)
        for name in self.held(cluster):
            if self.states[name] in MEMBER:
                found[self.node_sets[name]].append(name)
        return dict(found)

    def fit(self, server: str) -> bool:
        """Whether nothing but a claim or a state could keep a server from being had."""
        record = self.mirror.get(server)
        return bool(record) and record["status"] == "active" and not record["missing"]

    def free(self) -> set[str]:
        return {name for name in self.mirror if self.fit(name) and self.states[name] == "available" and self.holder(name) is None}

    def live(self, cluster: str) -> bool:
        run = self.runs.get(cluster)
        return bool(run) and run["state"] == "running" and run["deadline"] > self.now

    def running(self, cluster: str) -> int | None:
        """The token of the run that may write, if there is one."""
        run = self.runs.get(cluster)
        return run["token"] if run and run["state"] == "running" else None

    def lapsed(self) -> list[str]:
        """Clusters whose hold is over; one that was put to use, or whose release has begun, lapses no more."""
        over = [name for name, row in self.clusters.items() if row["hold_until"] and row["hold_until"] <= self.now and row["phase"] != "deleted"]
        unused = ("available", "claimed", *SERVER_ASIDE)
        return sorted(name for name in over if not self.live(name) and all(self.states[server] in unused for server in self.held(name)))

    def reserved(self, start: str, end: str, cluster: str) -> set[Resource]:
        """What other clusters have reserved in a window."""
        return {resource for other, rows in self.reservations.items() if other != cluster
                for resource, (begins, ends) in rows.items() if begins < end and ends > start}

    def window(self, cluster: str, start: str | None, duration: int, grace: int, hold: int) -> tuple[str, str]:
        """From when to when a new order holds what it takes."""
        planned, row = self.terms(cluster, start, duration, grace), self.clusters.get(cluster)
        on_hold = row and row["phase"] != "deleted" and row["kept"]
        return max(planned["start"], self.now), FOREVER if on_hold else after(planned["end"], planned["grace"] + hold)

    def terms(self, cluster: str, start: str | None, duration: int, grace: int) -> dict:
        """The lease that an order makes; ordered again as it was, what it was renewed to stays."""
        row = self.clusters.get(cluster) or {}
        row = {} if row.get("phase") == "deleted" else row
        begun = row and row["phase"] not in KEPT and row["start"]
        begins = start if not begun and start and start > self.now else row.get("start") or self.now
        moved = begins != row.get("start")
        return {
            "start": begins,
            "end": after(begins, duration) if moved or row["duration"] != duration else row["end"],
            "grace": grace if moved or row["ordered_grace"] != grace else row["grace"],
            "duration": duration, "ordered_grace": grace,
        }

    # What refuses -------------------------------------------------------------------------------------------------

    def why_not_plan(self, cluster: str, wanted: Mapping[str, tuple[str, int]], window: tuple[str, str], operation: str):
        """Of a plan of node sets, each (class, count). For a lease that starts later, more may be had than is free now: C(...) then."""
        members = self.members(cluster)
        if operation != "scale" and any(len(names) > wanted.get(name, ("", 0))[1] for name, names in members.items()):
            return errors.InvalidOrder
        if not self._short(cluster, wanted, window):
            joining = any(count > len(members.get(name, ())) for name, (_class, count) in wanted.items())
            return errors.Refused if joining and window[1] <= self.now else None
        return ... if window[0] > self.now else errors.NoCapacity

    def _short(self, cluster: str, wanted: Mapping[str, tuple[str, int]], window: tuple[str, str]) -> bool:
        """Whether too little is free, counting what holds have lapsed and not what others have reserved in the window."""
        gone, taken = set(self.lapsed()) - {cluster}, self.reserved(*window, cluster)
        held = {resource for resource, holder in self.claims.items() if holder not in gone}
        kept_aside = {name for name, state in self.states.items() if state not in ("available", "claimed")}
        room = collections.Counter(
            self.classes[name] for name in self.mirror if self.fit(name) and ("server", name) not in held | taken and name not in kept_aside)
        members, need = self.members(cluster), collections.Counter()
        for name, (server_class, count) in wanted.items():
            need[server_class] += max(0, count - len(members.get(name, ())))
        segmented = any(kind == "vlan" and holder == cluster for (kind, _name), holder in self.claims.items())
        segments_left = all(any((kind, name) not in held | taken for name in names) for kind, names in self.segments.items())
        return not (segmented or segments_left) or any(room[server_class] < count for server_class, count in need.items())

    def why_not_start(self, cluster: str, operation: str, holder: str, resizing: bool, kept: str | None):
        """:param kept: whether it is to be C(held), or reserved for C(later)."""
        if self.live(cluster) and self.runs[cluster]["holder"] != holder:
            return errors.RunInProgress
        row = self.clusters.get(cluster)
        phase = row["phase"] if row else None
        if kept and phase not in (None, "deleted") and row["start" if kept == "held" else "hold_until"]:
            return errors.Refused  # it is kept the other way already
        if phase is None and operation not in ("create", "reserve"):
            return errors.NotFound
        if phase not in (None, "deleted") and self._refused(row, operation):
            return errors.Refused
        wanted = self._first_phase(phase, operation, resizing)
        if phase in (None, "deleted") and operation in ("create", "reserve"):
            return None
        return errors.IllegalTransition if wanted and wanted != phase and wanted not in CLUSTER_STEPS[phase] else None

    def _refused(self, row: Mapping, operation: str) -> bool:
        failed = row["failed"] if row["phase"] == "failed" else None
        if failed == "delete" and operation != "delete" or failed == "create" and operation == "scale":
            return True
        if operation == "reserve" and row["phase"] not in KEPT and failed != "reserve":
            return True
        return operation == "create" and row["phase"] in ("requested", "failed") and bool(row["start"]) and row["start"] > self.now

    def _first_phase(self, phase: str | None, operation: str, resizing: bool) -> str | None:
        if operation == "delete":
            return None if phase == "deleted" else "deleting"
        if operation == "reserve":
            return None if phase == "awaiting_approval" else "requested"
        if operation == "create" and phase not in (*SETTLED, "scaling", "upgrading"):
            return "provisioning"
        if operation == "scale" and phase not in (*SETTLED, "verifying"):
            return "scaling"
        return "scaling" if resizing else None

    def why_not_move(self, names: Iterable[str], state: str, by: str | None, proven: bool, passing: Collection[str]):
        """Of an admin's move (C(by) None) or that of a cluster's run, whose token is good."""
        names = sorted(names)
        if any(name not in self.mirror for name in names):
            return errors.NotFound
        moving = [name for name in names if self.states[name] != state and self.states[name] not in passing]
        for name in moving:
            if state not in SERVER_ASIDE and state not in SERVER_STEPS[self.states[name]]:
                return errors.IllegalTransition
            if (self.states[name], state) == ("cleaning", "available") and not proven:
                return errors.WipeUnproven
        if by is None:
            return errors.InvalidInput if state not in SERVER_ASIDE and any(self.holder(name) for name in moving) else None
        return errors.StaleRun if any(self.holder(name) != by for name in moving) else None

    def why_not_free(self, cluster: str, names: Collection[str] | None):
        held = self.held(cluster) if names is None else [name for name in self.held(cluster) if name in names]
        return errors.WipeUnproven if any(self.states[name] not in ("available", "claimed") for name in held) else None

    def why_not_change(self, cluster: str):
        """Of a lease: one that has not begun, or whose release has."""
        row = self.clusters.get(cluster)
        if row is None:
            return errors.NotFound
        releasing = row["phase"] in ("deleting", "deleted") or (row["phase"], row["failed"]) == ("failed", "delete")
        return errors.Refused if releasing or row["phase"] in KEPT or not row["start"] else None

    def why_not_renew(self, cluster: str, duration: int):
        refused, row = self.why_not_change(cluster), self.clusters.get(cluster)
        if refused:
            return refused
        wanted = after(row["start"], duration)
        if wanted == row["end"]:
            return None
        if wanted <= self.now:
            return errors.InvalidOrder
        clashing = {resource for resource, holder in self.claims.items() if holder == cluster} & self.reserved(
            self.now, after(wanted, row["grace"] or 0), cluster)
        return errors.Reserved if clashing else None

    # What happens -------------------------------------------------------------------------------------------------

    def start(self, cluster: str, tenant: str, operation: str, holder: str, seconds: int, resizing: bool, token: int) -> None:
        assert token == self.last_token + 1, "tokens grow by one"
        self.last_token = token
        self.runs[cluster] = {"token": token, "holder": holder, "state": "running", "operation": operation, "deadline": after(self.now, seconds)}
        row = self.clusters.get(cluster)
        phase = row["phase"] if row else None
        if phase in (None, "deleted") and operation in ("create", "reserve"):
            self.clusters[cluster] = dict.fromkeys(("start", "end", "grace", "duration", "ordered_grace", "hold_until", "failed", "kept"))
            self.clusters[cluster] |= {"tenant": tenant, "phase": "provisioning" if operation == "create" else "requested"}
            return
        row["phase"] = self._first_phase(phase, operation, resizing) or phase

    def take(self, plan: Mapping, terms: Mapping, hold: int | None) -> None:
        """What a plan takes is the ledger's choice; that it may be taken is checked here."""
        self.lapse()
        cluster, segment = plan["cluster"], plan["segment"]
        window = max(terms["start"], self.now), after(terms["end"], terms["grace"] + (hold or 0))
        wanted = {("vlan", f"{plan['site']}/{segment['vlan']}"), ("prefix", segment["prefix"])}
        wanted |= {("server", server["name"]) for server in plan["servers"]} | {("address", server["address"]) for server in plan["servers"]}
        assert len(wanted) == 2 + 2 * len(plan["servers"])
        assert not wanted & self.reserved(*window, cluster), "reserved by another cluster"
        if window[0] > self.now:
            self._reserve(cluster, wanted, window)
        else:
            self._claim(cluster, wanted, plan)
        row = self.clusters[cluster]
        if hold:
            lasting = row["hold_until"] and row["hold_until"] > self.now
            row |= {"hold_until": row["hold_until"] if lasting else after(self.now, hold), "phase": "awaiting_approval"}
        else:
            row |= {"hold_until": None, **terms}
            if row["phase"] == "expiring" and row["end"] > self.now:
                row["phase"] = "ready"

    def _reserve(self, cluster: str, wanted: Iterable[Resource], window: tuple[str, str]) -> None:
        for resource in wanted:
            holder = self.claims.get(resource)
            row = self.clusters.get(holder) if holder and holder != cluster else None
            assert row is None or (row["end"] and not row["kept"] and after(row["end"], row["grace"] or 0) <= window[0]), f"{resource} is held then"
        self.reservations[cluster] = dict.fromkeys(wanted, window)

    def _claim(self, cluster: str, wanted: Collection[Resource], plan: Mapping) -> None:
        new = {resource for resource in wanted if self.claims.get(resource) != cluster}
        for kind, name in new:
            assert (kind, name) not in self.claims, f"{kind} {name} is {self.claims[kind, name]}'s"
            assert kind != "server" or name in self.free(), f"{name} was not to be had"
            assert kind not in self.segments or name in self.segments[kind]
        self.claims |= dict.fromkeys(new, cluster)
        for server in plan["servers"]:
            if ("server", server["name"]) in new:
                self.states[server["name"]] = "claimed"
                self.node_sets[server["name"]] = server["node_set"]
        self.addresses |= {server["name"]: server["address"] for server in plan["servers"]}
        self.reservations.pop(cluster, None)

    def move(self, names: Iterable[str], state: str, passing: Collection[str] = ()) -> None:
        for name in names:
            if self.states[name] not in passing:
                self.states[name] = state

    def let_go(self, cluster: str, names: Collection[str] | None = None) -> None:
        for name in self.held(cluster):
            if names is None or name in names:
                if self.states[name] == "claimed":
                    self.states[name] = "available"
                del self.claims["server", name], self.claims["address", self.addresses[name]]
        if names is None:
            self.claims = {resource: holder for resource, holder in self.claims.items() if holder != cluster}

    def end(self, cluster: str, state: str) -> None:
        """A run ends; the cluster's phase with it."""
        run, row = self.runs[cluster], self.clusters[cluster]
        run["state"] = state
        if state == "failed":
            kept = run["operation"] == "reserve" and (row["hold_until"] or row["start"])
            row["failed"] = run["operation"]
            if not kept and row["phase"] not in (*SETTLED, "failed", "deleted"):
                row["phase"] = "failed"
            return
        row["failed"] = None
        if run["operation"] == "delete":
            self.reservations.pop(cluster, None)
            row["phase"] = "deleted"
        elif run["operation"] in ("create", "scale") and row["phase"] not in SETTLED:
            row["phase"] = "ready"

    def lapse(self) -> list[str]:
        over = self.lapsed()
        for cluster in over:
            self._call_off(cluster)
        return over

    def _call_off(self, cluster: str) -> None:
        if self.clusters[cluster]["hold_until"]:
            self.let_go(cluster)
        self.reservations.pop(cluster, None)
        self.clusters[cluster] |= {"phase": "deleted", "hold_until": None}

    def sweep(self) -> list[str]:
        """Those that were called off."""
        called_off = self.lapse()
        for cluster, row in self.clusters.items():
            if row["end"] is None or row["end"] > self.now:
                continue
            if row["phase"] in KEPT and row["start"] <= self.now and not self.live(cluster):
                self._call_off(cluster)
                called_off.append(cluster)
            elif row["phase"] in ("ready", "degraded"):
                row["phase"] = "expiring"
        return sorted(called_off)

    def renew(self, cluster: str, duration: int) -> None:
        row = self.clusters[cluster]
        end = after(row["start"], duration)
        if end != row["end"]:
            row["end"] = end
            if row["phase"] == "expiring" and end > self.now:
                row["phase"] = "ready"

    def sync(self, statuses: Mapping[str, str]) -> None:
        """The source says that these are there, with a status each. What is held and gone is missing."""
        for name in list(self.mirror):
            if name in statuses:
                continue
            if self.holder(name):
                self.mirror[name]["missing"] = True
            else:
                del self.mirror[name]
        for name, status in statuses.items():
            self.mirror[name] = {"status": status, "missing": False}
