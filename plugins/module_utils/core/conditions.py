# Copyright: (c) 2026, leasehold.cloud contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The named conditions that a wait can be for: what to look at, and whether it is as it should be.

Pure: C(evaluate) gets the objects as they are and tells whether the condition holds, why not, and what to do if it never
will. Meaning of the projects' own conditions: openshift/hypershift api/hypershift/v1beta1/*_conditions.go and
openshift/assisted-service api/v1beta1/*_types.go.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping, Sequence

from ansible_collections.leasehold.cloud.plugins.module_utils.core import hypershift
from ansible_collections.leasehold.cloud.plugins.module_utils.core.errors import InvalidInput

# What the operators themselves do not retry: (condition, its reason when it is False). Other reasons can pass.
HOPELESS = {
    "HostedCluster": {("ValidReleaseImage", "InvalidImage"), ("ValidConfiguration", "InvalidConfiguration"),
                      ("SupportedHostedCluster", "UnsupportedHostedCluster")},
    "NodePool": {("ValidReleaseImage", "ValidationFailed"), ("ValidPlatformConfig", "ValidationFailed")},
    "InfraEnv": {("ImageCreated", "ImageCreationError")},
}
SHOWN = 3  # how many names a reason lists before it only counts


@dataclasses.dataclass(frozen=True)
class Target:
    """The objects a condition looks at: one by name, or those with the labels, in the hub or the cluster's own API."""

    kind: str
    namespace: str | None = None
    name: str | None = None
    labels: Mapping = dataclasses.field(default_factory=dict, hash=False)
    tenant: bool = False

    def __str__(self) -> str:
        place = f"{self.namespace}/{self.name or '*'}" if self.namespace else self.name or "*"
        return f"{self.kind} {place}"


@dataclasses.dataclass(frozen=True)
class Verdict:
    """Whether a condition holds. C(remedy) is set when it never will without somebody's help."""

    done: bool
    reason: str
    object: str
    resources: tuple[Mapping, ...] = ()
    remedy: str | None = None


@dataclasses.dataclass(frozen=True)
class Condition:
    """A named condition: the parameters it needs, what it looks at, how it judges, what to do when it is not met."""

    target: Callable[[Mapping], Target]
    judge: Callable[[Sequence[Mapping], Mapping], Verdict]
    needs: tuple[str, ...]
    remedy: str


def target(condition: Mapping) -> Target:
    """What C(condition) looks at.

    :raises InvalidInput: when a parameter is missing.
    """
    named = CONDITIONS[condition["name"]]
    missing = [parameter for parameter in named.needs if condition.get(parameter) is None]
    if missing:
        raise InvalidInput(
            f"it needs {' and '.join(missing)}", object=f"condition {condition['name']}", attempted="reading the conditions",
            remedy="give the condition its parameters; ansible-doc leasehold.cloud.watch lists them",
        )
    return named.target(condition)


def evaluate(condition: Mapping, objects: Sequence[Mapping]) -> Verdict:
    """Judge C(condition) on the objects that its target selects."""
    return CONDITIONS[condition["name"]].judge(objects, condition)


def remedy(condition: Mapping) -> str:
    """What to do when the condition is not met in time."""
    return CONDITIONS[condition["name"]].remedy


def state_of(resource: Mapping, kind: str) -> dict | None:
    """The status condition C(kind) of an object, if it has it."""
    stated = (resource.get("status") or {}).get("conditions") or []
    return next((entry for entry in stated if entry["type"] == kind), None)


def explain(resource: Mapping, kind: str) -> str:
    """A status condition in words: C(Available is False (EtcdWaitingForQuorum: waiting for etcd))."""
    entry = state_of(resource, kind)
    if entry is None:
        return f"{kind} is not reported yet"
    told = " ".join((entry.get("message") or "").split()).rstrip(": ")
    because = ": ".join(text for text in (entry.get("reason"), told) if text)
    return f"{kind} is {entry['status']}" + (f" ({because})" if because else "")


def holds(resource: Mapping, kind: str) -> bool:
    entry = state_of(resource, kind)
    return entry is not None and entry["status"] == "True"


def hopeless(resource: Mapping) -> str | None:
    """Why the object will never become what it should, if so."""
    for entry in (resource.get("status") or {}).get("conditions") or []:
        known = HOPELESS.get(resource.get("kind", ""), set())
        if entry["status"] == "False" and (entry["type"], entry.get("reason")) in known:
            return explain(resource, entry["type"])
    return None


def _listed(names: Sequence[str]) -> str:
    more = len(names) - SHOWN
    return ", ".join(names[:SHOWN]) + (f" and {more} more" if more > 0 else "")


def _name(resource: Mapping) -> str:
    metadata = resource["metadata"]
    place = f"{metadata['namespace']}/{metadata['name']}" if metadata.get("namespace") else metadata["name"]
    return f"{resource['kind']} {place}"


def _single(kind: str, objects: Sequence[Mapping], condition: Mapping) -> Verdict | None:
    """The verdict on an object that does not exist yet, is going, or can never be right."""
    where = f"{kind} {condition['cluster']}/{condition['cluster']}"
    if not objects:
        return Verdict(False, "it does not exist yet", where)
    problem = hopeless(objects[0])
    if problem:
        return Verdict(False, problem, where, remedy=f"correct what the {kind} says, then run the order again")
    if objects[0]["metadata"].get("deletionTimestamp"):
        return Verdict(False, "it is being deleted", where)
    return None


def _namespace_known(objects: Sequence[Mapping], condition: Mapping) -> Verdict:
    where = f"Namespace {condition['cluster']}"
    if not objects:
        return Verdict(True, "the name is free", where)
    if not _is_ours(objects[0], condition["cluster"]):
        return Verdict(False, "it exists and is not leasehold's", where,
                       remedy="choose another cluster name, or remove the namespace if nobody needs it")
    return Verdict(True, "it is the cluster's", where, tuple(objects))


def _namespace_ours(objects: Sequence[Mapping], condition: Mapping) -> Verdict:
    verdict = _namespace_known(objects, condition)
    if verdict.done and objects and objects[0]["metadata"].get("deletionTimestamp"):
        return Verdict(False, "a former cluster of that name is still being deleted", verdict.object)
    return verdict


def _infraenv_image(objects: Sequence[Mapping], condition: Mapping) -> Verdict:
    verdict = _single("InfraEnv", objects, condition)
    if verdict:
        return verdict
    infra_env = objects[0]
    if holds(infra_env, "ImageCreated") and infra_env["status"].get("isoDownloadURL"):
        return Verdict(True, "the discovery image is ready", _name(infra_env), tuple(objects))
    return Verdict(False, explain(infra_env, "ImageCreated"), _name(infra_env))


def _agents_registered(objects: Sequence[Mapping], condition: Mapping) -> Verdict:
    where = f"Agents in {condition['cluster']}"
    servers = condition["servers"]
    present = [agent for agent in objects if _is_present(agent)]
    matches = {server["name"]: hypershift.agent_of(server, present) for server in servers}
    missing = [name for name, agent in matches.items() if agent is None]
    if missing:
        return Verdict(False, f"{len(servers) - len(missing)} of {len(servers)} servers registered; missing {_listed(missing)}",
                       where)
    return Verdict(True, f"all {len(servers)} servers registered", where, tuple(_brief(agent) for agent in matches.values()))


def _is_present(agent: Mapping) -> bool:
    """Whether a server is behind an Agent: it is connected, or installed for a cluster. Others are left from former lives."""
    return holds(agent, "Connected") or holds(agent, "Bound")


def _brief(agent: Mapping) -> dict:
    """An Agent without the bulk of its inventory."""
    status = agent.get("status") or {}
    interfaces = [{"macAddress": mac} for mac in sorted(hypershift.agent_macs(agent))]
    kept = {"inventory": {"interfaces": interfaces}, "debugInfo": {"state": (status.get("debugInfo") or {}).get("state")}}
    return {**agent, "status": kept}


def _hosted_cluster_available(objects: Sequence[Mapping], condition: Mapping) -> Verdict:
    verdict = _single("HostedCluster", objects, condition)
    if verdict:
        return verdict
    hosted = objects[0]
    if not holds(hosted, "Available"):
        return Verdict(False, explain(hosted, "Available"), _name(hosted))
    if not ((hosted["status"].get("kubeconfig") or {}).get("name")):
        return Verdict(False, "its kubeconfig is not published yet", _name(hosted))
    return Verdict(True, "its control plane is available", _name(hosted), tuple(objects))


def _node_pools_ready(objects: Sequence[Mapping], condition: Mapping) -> Verdict:
    where = f"NodePools of {condition['cluster']}"
    leaving = len(condition.get("names") or ())  # they may be dead; their pools keep places for them until they are gone
    if not objects:
        return Verdict(False, "there is none yet", where)
    for pool in objects:
        problem = hopeless(pool)
        if problem:
            return Verdict(False, problem, _name(pool), remedy="correct what the NodePool says, then run the order again")
        wanted, present = pool["spec"].get("replicas", 0), (pool.get("status") or {}).get("replicas", 0)
        if not wanted - leaving <= present <= wanted:
            because = "" if holds(pool, "AllMachinesReady") else f"; {explain(pool, 'AllMachinesReady')}"
            return Verdict(False, f"{present} of {wanted} nodes{because}", _name(pool))
        if wanted and not leaving and not holds(pool, "Ready"):
            return Verdict(False, explain(pool, "Ready"), _name(pool))
    return Verdict(True, "every node pool has its nodes", where, tuple(objects))


def _nodes_ready(objects: Sequence[Mapping], condition: Mapping) -> Verdict:
    where = f"Nodes of {condition.get('cluster') or 'the cluster'}"
    wanted = condition["names"]
    nodes = {node["metadata"]["name"]: node for node in objects}
    absent = [name for name in wanted if name not in nodes]
    unready = [name for name in wanted if name in nodes and not holds(nodes[name], "Ready")]
    if not absent and not unready:
        return Verdict(True, f"all {len(wanted)} nodes are Ready", where, tuple(nodes[name] for name in wanted))
    parts = [f"{len(wanted) - len(absent) - len(unready)} of {len(wanted)} nodes are Ready"]
    if absent:
        parts.append(f"not joined: {_listed(absent)}")
    if unready:
        parts.append(f"{unready[0]}: {explain(nodes[unready[0]], 'Ready')}")
    return Verdict(False, "; ".join(parts), where)


def _gone(objects: Sequence[Mapping], condition: Mapping) -> Verdict:
    names = condition.get("names")
    left = [found for found in objects if names is None or found["metadata"]["name"] in names]
    return _none_left(left, condition["kind"], condition)


def _machines_gone(objects: Sequence[Mapping], condition: Mapping) -> Verdict:
    left = [machine for machine in objects if hypershift.node_name(machine) in condition["names"]]
    return _none_left(left, "Machine", condition)


def _none_left(left: Sequence[Mapping], kind: str, condition: Mapping) -> Verdict:
    where = f"{kind}s of {condition.get('cluster') or condition.get('namespace') or 'the cluster'}"
    if not left:
        return Verdict(True, "none is left", where)
    held = sorted({text for found in left for text in found["metadata"].get("finalizers") or []})
    names = _listed([found["metadata"]["name"] for found in left])
    return Verdict(False, f"still there: {names}" + (f" (held by {_listed(held)})" if held else ""), where)


def _api_ready(objects: Sequence[Mapping], condition: Mapping) -> Verdict:
    where = f"API of {condition.get('cluster') or 'the cluster'}"
    if not objects:
        return Verdict(False, "it answers, but its namespaces are not there yet", where)
    return Verdict(True, "it answers", where)


def _known(objects: Sequence[Mapping], condition: Mapping) -> Verdict:
    found = objects
    if not hypershift.RESOURCES[condition["kind"]].namespaced:  # its name alone does not say whose it is
        found = [item for item in objects if _is_ours(item, condition["cluster"])]
    if condition["kind"] == "Agent":
        found = [_brief(agent) for agent in found]
    return Verdict(True, f"{len(found)} found", f"{condition['kind']}s of {condition['cluster']}", tuple(found))


def _is_ours(resource: Mapping, cluster: str) -> bool:
    found = resource["metadata"].get("labels") or {}
    return all(found.get(label) == value for label, value in hypershift.labels(cluster).items())


def _own(kind: str) -> Callable[[Mapping], Target]:
    """The object of the cluster's name in the cluster's namespace."""
    return lambda condition: Target(kind, condition["cluster"], condition["cluster"])


def _all(kind: str, labelled: bool = False) -> Callable[[Mapping], Target]:
    """The objects of a kind in the cluster's namespace, all or those with the cluster's label."""
    def select(condition: Mapping) -> Target:
        found = {hypershift.CLUSTER: condition["cluster"]} if labelled else {}
        return Target(kind, condition["cluster"], labels=found)
    return select


def _hosted_machines(condition: Mapping) -> Target:
    return Target("Machine", hypershift.hosted_namespace(condition["cluster"]))


def _nodes(condition: Mapping) -> Target:
    return Target("Node", tenant=bool(condition.get("cluster")))


def _known_target(condition: Mapping) -> Target:
    if condition["kind"] == "Machine":
        return _hosted_machines(condition)
    if hypershift.RESOURCES[condition["kind"]].namespaced:
        return Target(condition["kind"], condition["cluster"])
    return Target(condition["kind"], name=condition["cluster"])


def _gone_target(condition: Mapping) -> Target:
    if condition["kind"] == "Node":
        return _nodes(condition)
    names = condition.get("names") or []
    namespace = condition.get("namespace") or condition.get("cluster")
    if not hypershift.RESOURCES[condition["kind"]].namespaced:
        namespace = None
    return Target(condition["kind"], namespace, names[0] if len(names) == 1 else None, condition.get("labels") or {})


_HUB = "look at the object's conditions and events on the hub, and at its operator's log"
_SERVER = "look at the missing servers' consoles and at the hub's Agents; run the order again, or set a server aside with node_quarantine"
_HELD = "see what holds the objects (finalizers, their operator's log) on the hub; then run the release again"
CONDITIONS = {
    "namespace_ours": Condition(lambda c: Target("Namespace", name=c["cluster"]), _namespace_ours, ("cluster",), _HELD),
    "namespace_known": Condition(lambda c: Target("Namespace", name=c["cluster"]), _namespace_known, ("cluster",), _HELD),
    "infraenv_image": Condition(_own("InfraEnv"), _infraenv_image, ("cluster",), _HUB),
    "agents_registered": Condition(_all("Agent"), _agents_registered, ("cluster", "servers"), _SERVER),
    "known": Condition(_known_target, _known, ("cluster", "kind"), _HUB),
    "hosted_cluster_available": Condition(_own("HostedCluster"), _hosted_cluster_available, ("cluster",), _HUB),
    "node_pools_ready": Condition(_all("NodePool", labelled=True), _node_pools_ready, ("cluster",), _HUB),
    "nodes_ready": Condition(_nodes, _nodes_ready, ("names",), _SERVER),
    "machines_gone": Condition(_hosted_machines, _machines_gone, ("cluster", "names"), _HELD),
    "gone": Condition(_gone_target, _gone, ("kind",), _HELD),
    "api_ready": Condition(lambda c: Target("Namespace", name="default", tenant=bool(c.get("cluster"))), _api_ready, (),
                           "see whether the API server runs and is reachable from here"),
}
