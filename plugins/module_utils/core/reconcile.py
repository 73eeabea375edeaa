# Copyright: (c) 2026, leasehold.cloud contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The world beside the ledger: its source, the servers' BMCs, the hub, and what runs left in the ledger itself. (The switches:
M(core.reconcile_fabric).)
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence

from ansible_collections.leasehold.cloud.plugins.module_utils.core import hypershift
from ansible_collections.leasehold.cloud.plugins.module_utils.core.bmc import agrees
from ansible_collections.leasehold.cloud.plugins.module_utils.core.drift import ALARM, DRIFT, NOTE, Drift, Facts, Holder, playbook
from ansible_collections.leasehold.cloud.plugins.module_utils.core.models import Server
from ansible_collections.leasehold.cloud.plugins.module_utils.core.states import SERVER_ASIDE

HELD_STATES = ("claimed", "provisioning", "in_service", "releasing")  # a server in one of them is somebody's
HUB_KINDS = ("Namespace", "HostedCluster", "NodePool", "ManagedCluster")
SET_ASIDE = "mend: {kind} (sets the server aside); then node_return"
FINISH = "mend: {kind} (finishes what an earlier one began); then node_return"
SYNC = "source_sync"
PROBLEMS = {  # of a held server, by what a sync calls it (see M(core.mirroring)): kind, what should be, what is, and what mends it
    "missing": ("vanished", "in its source, as it is held", "not in its source",
                "put it back into the source; if it is gone for good, scale it out of its cluster"),
    "unseen": ("vanished", "in its source, as it is held", "not there as it was taken, when its source was last read",
               "see that the source answers, then run this again: it tells what has become of it"),
    "replaced": ("vanished", "in its source, as it is held", "not in its source: its name is another device's",
                 "in the source, give the name back to the device that had it; if that is gone for good, scale it out of its cluster, then source_sync"),
    "renamed": ("renamed", "under the name that it had when it was taken", "under another name in its source",
                "nothing is wrong with the server: give it back its name in the source, or leave it; it takes the new one when nobody holds it"),
    "invalid": ("invalid", "told by its source as it was when it was taken", "told by its source so that it cannot be used",
                "source_audit says what is wrong with its record: correct that in the source, then source_sync; the server itself goes on"),
    "changed": ("hardware", "the hardware and cabling that it had when it was taken", "other hardware or cabling",
                "find out whether it was exchanged; if so, scale it out of the cluster, then source_sync"),
}
LONGEST = 120  # characters of a value that is shown


def bmcs_to_read(facts: Facts) -> list[dict]:
    """The servers whose BMCs are to be read: C({name, serial, bmc}). Those that their source calls inactive only while they are held.

    Their serials are for BMCs with several systems; that another machine answers is to be told, not to stop the reading (C(strangers)).
    """
    return [{"name": server.name, "serial": server.serial, "bmc": server.bmc.as_dict()} for server in facts.servers
            if server.status == "active" or server.name in facts.holders]


def hub_to_read() -> list[dict]:
    """The kinds of objects to list on the hub: C({api_version, kind, label})."""
    (label,) = (f"{key}={value}" for key, value in hypershift.MANAGED_BY.items())
    return [{"api_version": hypershift.RESOURCES[kind].api_version, "kind": kind, "label": label} for kind in HUB_KINDS]


def source_drifts(facts: Facts, read: Mapping | None) -> list[Drift]:
    """What a sync would change.

    :param read: what the action C(source) said in check mode, C({alarms, diff}); None or an error: it could not be read.
    """
    if read is None or "alarms" not in read:
        unread = Drift("source", "unread", "source of truth", DRIFT, "read", _told(read), "see that it answers; leases go on, syncs do not")
        return [unread, *(_alarm(name, facts.holders.get(name), "unseen") for name in sorted(facts.missing))]
    found = [_alarm(alarm["server"], alarm["cluster"], alarm["problem"]) for alarm in read.get("alarms") or ()]
    alarmed = {drift.object for drift in found}
    found += [_alarm(name, facts.holders.get(name), "missing") for name in sorted(facts.missing) if f"server {name}" not in alarmed]
    diff = read.get("diff") or {}
    before, after = _sides(diff.get("before")), _sides(diff.get("after"))
    for thing in sorted({*before, *after} - alarmed):
        expected, is_now = _differing(after.get(thing), before.get(thing))
        found.append(Drift("source", "source", thing, DRIFT, expected, is_now, SYNC))
    return found


def bmc_drifts(facts: Facts, read: Mapping | None) -> list[Drift]:
    """Power, virtual media and identity of the servers.

    :param read: what the action C(bmc_info) said, C({servers, failed_servers}); None or an error: none was read.
    """
    asked = {server["name"] for server in bmcs_to_read(facts)}
    if asked and (read is None or "servers" not in read):
        return [Drift("bmcs", "unread", "the BMCs", DRIFT, "read", _told(read), "see that they answer, then run this again")]
    seen, failed = (read or {}).get("servers") or {}, (read or {}).get("failed_servers") or {}
    found = []
    for server in facts.servers:
        if server.name in seen:
            found += _bmc_drifts(server, facts.holders.get(server.name), facts.holder(server.name), seen[server.name], server.name in facts.drifted)
        elif server.name in asked:
            found.append(Drift("bmcs", "unread", f"server {server.name}", DRIFT, "read", failed.get(server.name), "see that its BMC answers"))
    return found


def hub_drifts(facts: Facts, read: Sequence[Mapping] | None) -> list[Drift]:
    """Objects of ours that no cluster has, and clusters that have none.

    :param read: the answers to :func:`hub_to_read`, each C({resources}); None, or an answer without: the hub could not be read.
    """
    unread = [answer for answer in read or [{}] if "resources" not in answer]
    if unread:
        return [Drift("hub", "unread", "hub", ALARM, "read", _told(unread[0]), "see that it answers and that the kubeconfig is valid")]
    by_cluster: dict[str, list[Mapping]] = {}
    for item in (item for answer in read or () for item in answer["resources"]):
        labels = item["metadata"].get("labels") or {}
        if hypershift.MANAGED_BY.items() <= labels.items() and labels.get(hypershift.CLUSTER):
            by_cluster.setdefault(labels[hypershift.CLUSTER], []).append(item)
    found = []
    for name in sorted(set(by_cluster) - facts.known_clusters - facts.moving):
        told = ", ".join(sorted(_hub_name(item) for item in by_cluster[name]))
        found.append(Drift("hub", "leftover", f"cluster {name}", DRIFT, "nothing on the hub", told, f"if no other ledger has it: kubectl delete {told}"))
    for name, holder in sorted(facts.clusters.items()):
        if holder.on_hub:
            found += _lost(holder, by_cluster.get(name, ()))
    return found


def ledger_drifts(facts: Facts) -> list[Drift]:
    """What runs that were killed, and holds that nobody used, left in the ledger."""
    found = [Drift("ledger", "hold", f"cluster {name}", NOTE, "freed", "held past its deadline", "mend: hold; the next claim does it, too")
             for name in sorted(facts.lapsed)]
    for server in facts.servers:
        if server.name not in facts.holders and server.state in HELD_STATES:
            told = SET_ASIDE.format(kind="state")
            found.append(Drift("ledger", "state", f"server {server.name}", DRIFT, "available, as nobody holds it", server.state, told, server.name))
        holder = facts.holder(server.name)
        if holder and holder.steady and server.state in ("available", "claimed", "provisioning", "releasing", "cleaning"):
            found.append(Drift("ledger", "state", f"server {server.name}", DRIFT, f"in_service in cluster {holder.name}", server.state,
                               f"run the last playbook on {holder.name} again: it goes on"))
    for name, holder in sorted(facts.clusters.items()):
        run = holder.run or {}
        if holder.dead and name not in facts.moving:
            told = f"dead in step {run.get('step') or 'start'}, token {run.get('token')}"
            found.append(Drift("ledger", "run", f"cluster {name}", NOTE, f"{run.get('operation')} at work", told,
                               f"run {playbook(run.get('operation'))} again: it goes on from there"))
    return found


def _told(result: Mapping | None) -> str | None:
    """Why a task failed, in its own words."""
    return (result or {}).get("reason") or (result or {}).get("msg")


def _alarm(server: str, cluster: str | None, problem: str) -> Drift:
    """That a held server is not as it was taken."""
    kind, expected, found, mend = PROBLEMS[problem]
    return Drift("source", kind, f"server {server}", ALARM, expected + (f" by cluster {cluster}" if cluster else ""), found, mend)


def _sides(text: str | None) -> dict[str, str]:
    """One side of a diff: by thing (C(server r1-s01)) what it says."""
    pairs = (line.partition(": ") for line in (text or "").splitlines())
    return {thing: said for thing, _colon, said in pairs}


def _differing(expected: str | None, found: str | None) -> tuple[object, object]:
    """Of two records as JSON, what differs; of one alone, that the other is not there."""
    if expected is None or found is None:
        return ("not there", "there") if expected is None else ("there", "not there")
    try:
        one, other = json.loads(expected), json.loads(found)
        keys = sorted(key for key in {*one, *other} if one.get(key) != other.get(key))
    except (ValueError, TypeError, AttributeError):
        return expected[:LONGEST], found[:LONGEST]
    return tuple(", ".join(f"{key} {json.dumps(side.get(key))}" for key in keys)[:LONGEST] for side in (one, other))


def _bmc_drifts(server: Server, held_by: str | None, holder: Holder | None, seen: Mapping, drifted: bool) -> Iterable[Drift]:
    where = f"server {server.name}"
    if not agrees(server.serial, seen.get("serial")):
        yield Drift("bmcs", "serial", where, ALARM if held_by else DRIFT, server.serial, seen.get("serial"),
                    "another machine answers at its BMC's address: correct the source")
        return  # what that machine does, is not this server's doing
    power = str(seen.get("power")).lower()
    if holder and not holder.at_work and server.state == "in_service" and power != "on":
        yield Drift("bmcs", "power", where, ALARM, f"on, in service in cluster {holder.name}", power, "power it on, or node_quarantine and replace it")
    if held_by is not None:
        return
    if server.state == "available" or drifted:
        mend = FINISH if drifted else SET_ASIDE
        if power != "off":
            yield Drift("bmcs", "power", where, DRIFT, "off, as nobody holds it", power, mend.format(kind="power"), server.name, drifted)
        if seen.get("virtual_media"):
            yield Drift("bmcs", "media", where, DRIFT, "none", seen["virtual_media"], mend.format(kind="media"), server.name, drifted)
    elif server.state in SERVER_ASIDE and power != "off":
        yield Drift("bmcs", "power", where, NOTE, f"off, as it is {server.state}", power, "power it off when nobody needs to look into it")


def _lost(holder: Holder, objects: Sequence[Mapping]) -> Iterable[Drift]:
    """What the hub must have of a cluster that is in service."""
    there = {(item["kind"], item["metadata"]["name"]): item for item in objects}
    hosted = there.get(("HostedCluster", holder.name))
    if hosted is None:
        yield Drift("hub", "lost", f"cluster {holder.name}", ALARM, "a HostedCluster", None, holder.again)
        return
    if hosted["metadata"].get("deletionTimestamp"):
        yield Drift("hub", "lost", f"cluster {holder.name}", ALARM, "a HostedCluster", "one that is being deleted", "find out who deletes it")
    for node_set in sorted({server.node_set for server in holder.serving if server.node_set}):
        name = hypershift.node_pool_name(holder.name, node_set)
        if ("NodePool", name) not in there:
            yield Drift("hub", "lost", f"cluster {holder.name}", ALARM, f"a NodePool {name}", None, holder.again)


def _hub_name(item: Mapping) -> str:
    metadata = item["metadata"]
    place = f" -n {metadata['namespace']}" if metadata.get("namespace") else ""
    return f"{item['kind'].lower()}/{metadata['name']}{place}"
