# Copyright: (c) 2026, leasehold.cloud contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Drift: where the world is not as the ledger has it; what it means, what mends it, and how it is told."""

from __future__ import annotations

import collections
import dataclasses
from collections.abc import Collection, Iterable, Mapping, Sequence

from ansible_collections.leasehold.cloud.plugins.module_utils.core import tables
from ansible_collections.leasehold.cloud.plugins.module_utils.core.allocate import natural
from ansible_collections.leasehold.cloud.plugins.module_utils.core.claims import Segment
from ansible_collections.leasehold.cloud.plugins.module_utils.core.models import Datacenter, Server
from ansible_collections.leasehold.cloud.plugins.module_utils.core.states import SERVER_MEMBER_STATES

ALARM, DRIFT, NOTE = "alarm", "drift", "note"  # a customer is, or may be, harmed; it has to be put right; it is good to know
SEVERITIES = (ALARM, DRIFT, NOTE)
PLACES = ("source", "switches", "bmcs", "hub", "ledger")
MENDABLE = ("port", "power", "media", "state", "hold")  # kinds of drift that are mended on request, of what nobody holds
STEADY = ("ready", "degraded", "expiring")  # phases in which a cluster is as it was ordered
PLAYBOOKS = {  # by the operation of a run: what goes on with it
    "create": "cluster_create", "scale": "cluster_scale", "delete": "cluster_delete", "reserve": "cluster_reserve",
    "cancel": "cluster_reserve with cluster_reserve_state=absent",
}
NOT_ON_HUB = ("create", "delete", "reserve", "cancel")  # operations before or after whose end the hub need not have a cluster
SHOWN = 40  # drifts of a severity that are shown; the result has all
REASON = "drift: "  # how the reason begins for which a mend sets a server aside
COLUMNS = (
    ("severity", "SEVERITY"), ("place", "WHERE"), ("kind", "KIND"), ("object", "WHAT"), ("found", "IS"), ("expected", "SHOULD BE"), ("mend", "MEND"),
)


@dataclasses.dataclass(frozen=True)
class Drift:
    """One thing that is not as the ledger has it.

    C(place): where it was seen. C(mend): what puts it right. C(server): the one to set aside, where it is mended on request. C(begun): a mend
    has set it aside already, and was not finished.
    """

    place: str
    kind: str
    object: str
    severity: str
    expected: object
    found: object
    mend: str
    server: str | None = None
    begun: bool = False

    def as_dict(self) -> dict:
        return dataclasses.asdict(self)


@dataclasses.dataclass(frozen=True)
class Holder:
    """A cluster as far as it matters here. C(at_work): a run is at work on it, or was while it was looked at. C(failed): the operation
    whose failure it stands in.

    Where no run is at work, a server that is in service must be: what failed or died on the way to something else left it so.
    """

    name: str
    phase: str
    segment: Segment | None = None
    members: tuple[Server, ...] = ()
    at_work: bool = False
    run: Mapping | None = dataclasses.field(default=None, hash=False)
    failed: str | None = None

    @property
    def dead(self) -> bool:
        """Whether its run is gone without having ended."""
        run = self.run or {}
        return run.get("state") == "running" and not run.get("live")

    @property
    def undone(self) -> str | None:
        """The operation that did not come to its end."""
        return (self.run or {}).get("operation") if self.dead else self.failed

    @property
    def on_hub(self) -> bool:
        """Whether the hub must have it, now: when it is as it was ordered, or serves, and was only to be changed."""
        serves = not self.at_work and bool(self.serving)
        return self.steady or (serves and self.undone is not None and self.undone not in NOT_ON_HUB)

    @property
    def again(self) -> str:
        """What puts it right, where a playbook does."""
        return f"{PLAYBOOKS.get(self.undone or '', PLAYBOOKS['create'])} of {self.name} again"

    @property
    def steady(self) -> bool:
        """Whether it must be as it was ordered, now."""
        return self.phase in STEADY and not self.at_work

    @property
    def serving(self) -> tuple[Server, ...]:
        return tuple(server for server in self.members if server.state == "in_service")

    @property
    def staying(self) -> tuple[Server, ...]:
        return tuple(server for server in self.members if server.state in SERVER_MEMBER_STATES)


@dataclasses.dataclass(frozen=True)
class Facts:
    """What the ledger says of a site.

    C(datacenter) has every server, with its state; C(chosen) are the names of those that are looked at; C(holders) by server.
    C(moving) are servers and clusters that changed while the world was being looked at: of them nothing is said.
    """

    datacenter: Datacenter
    chosen: frozenset[str]
    holders: Mapping[str, str]
    clusters: Mapping[str, Holder]
    known_clusters: frozenset[str] = frozenset()  # of all sites, not deleted
    missing: frozenset[str] = frozenset()  # servers that are gone from their source, and held
    lapsed: frozenset[str] = frozenset()
    moving: frozenset[str] = frozenset()
    drifted: frozenset[str] = frozenset()  # servers that nobody holds, and that a mend has set aside

    @property
    def servers(self) -> Sequence[Server]:
        """Those that are looked at, and stood still."""
        return [server for server in self.datacenter.servers if server.name in self.chosen and server.name not in self.moving]

    def holder(self, server: str) -> Holder | None:
        return self.clusters.get(self.holders.get(server, ""))


def playbook(operation: str | None) -> str:
    """What goes on with an operation, for people."""
    return PLAYBOOKS.get(operation or "", "the playbook that began it")


def ordered(drifts: Iterable[Drift]) -> list[Drift]:
    """Alarms first, then by place and object."""
    return sorted(drifts, key=lambda drift: (SEVERITIES.index(drift.severity), PLACES.index(drift.place), drift.kind, natural(drift.object)))


def counts(drifts: Iterable[Drift]) -> dict[str, int]:
    """How many there are of each severity."""
    found = collections.Counter(drift.severity for drift in drifts)
    return {severity: found[severity] for severity in SEVERITIES}


def table(drifts: Sequence[Drift]) -> list[str]:
    """The drifts as lines for a terminal; of each severity at most as many as can be read."""
    shown, left = [], []
    for severity in SEVERITIES:
        those = [drift for drift in drifts if drift.severity == severity]
        shown += those[:SHOWN]
        if len(those) > SHOWN:
            left.append(f"and {len(those) - SHOWN} more of severity {severity}")
    return tables.render(COLUMNS, [drift.as_dict() for drift in shown]) + left


def verdict(drifts: Sequence[Drift]) -> str:
    """In a sentence."""
    found = counts(drifts)
    if not drifts:
        return "no drift: what was looked at is as the ledger has it"
    parts = [f"{found[severity]} {severity}{'s' if found[severity] > 1 else ''}" for severity in SEVERITIES if found[severity]]
    return f"{', '.join(parts)}: {drifts[0].object} {drifts[0].kind} is {tables.shown(drifts[0].found)}, not {tables.shown(drifts[0].expected)}"


def unmended(drifts: Iterable[Drift], mended: Collection[str]) -> list[Drift]:
    """Without what a mend has put right since the world was read.

    :param mended: the servers that it set aside: their ports, power and media are right now. What no mend can put right of them, stays.
    """
    return [drift for drift in drifts if drift.server is None or drift.server not in mended]


def to_mend(drifts: Iterable[Mapping], kinds: Collection[str]) -> dict[str, str]:
    """The servers to set aside, each with the reason, of drifts (as dicts) of these kinds; by name.

    Whatever is asked for of servers also finishes what an earlier mend began with one: it may have been for another kind.
    """
    reasons: dict[str, list[str]] = {}
    finishing = any(kind != "hold" for kind in kinds)
    for drift in drifts:
        if drift["server"] and (drift["kind"] in kinds or (finishing and drift.get("begun"))):
            reasons.setdefault(drift["server"], []).append(f"{drift['kind']} {tables.shown(drift['found'])}")
    return {name: REASON + ", ".join(dict.fromkeys(told)) for name, told in sorted(reasons.items())}


def set_aside_by_mend(state: str, reason: str | None, holder: str | None) -> bool:
    """Whether a mend has set a server aside that nobody holds: then its ports, power and media have to be put right until they are."""
    return holder is None and state == "quarantined" and (reason or "").startswith(REASON)
