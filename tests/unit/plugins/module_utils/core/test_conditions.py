# SPDX-License-Identifier: GPL-3.0-or-later
"""The named conditions of waits: when they hold, why not, and when waiting is of no use."""

from __future__ import annotations

import pytest

from ansible_collections.leasehold.cloud.plugins.module_utils.core import conditions
from ansible_collections.leasehold.cloud.plugins.module_utils.core.errors import InvalidInput
from tests.unit.plugins.module_utils.core.sites import server

OURS = {"app.kubernetes.io/managed-by": "leasehold", "leasehold.cloud/cluster": "blue"}
SERVERS = [server("r1-s01").as_dict(), server("r1-s02").as_dict()]


def thing(kind: str, name: str = "blue", namespace: str | None = "blue", states: dict | None = None, **more) -> dict:
    """An object; C(states) are its conditions, as status or (status, reason, message)."""
    stated = []
    for condition, state in (states or {}).items():
        status, reason, message = (*((state,) if isinstance(state, str) else state), "", "")[:3]
        stated.append({"type": condition, "status": status, "reason": reason, "message": message})
    metadata = {"name": name, **({"namespace": namespace} if namespace else {}), **more.pop("metadata", {})}
    return {"kind": kind, "metadata": metadata, "spec": more.pop("spec", {}), "status": {"conditions": stated, **more}}


def judge(name: str, *objects: dict, **parameters) -> conditions.Verdict:
    condition = {"name": name, "cluster": "blue", **parameters}
    conditions.target(condition)
    return conditions.evaluate(condition, objects)


def namespace(labels: dict, **metadata) -> dict:
    return thing("Namespace", namespace=None, metadata={"labels": labels, **metadata})


def test_a_free_name_and_our_own_namespace_are_ours():
    assert judge("namespace_ours") == conditions.Verdict(True, "the name is free", "Namespace blue")
    assert judge("namespace_ours", namespace({**OURS, "more": "x"})).resources


@pytest.mark.parametrize("labels", [{}, {**OURS, "leasehold.cloud/cluster": "green"}, {"leasehold.cloud/cluster": "blue"}])
@pytest.mark.parametrize("name", ["namespace_ours", "namespace_known"])
def test_somebody_elses_namespace_is_never_taken(name, labels):
    verdict = judge(name, namespace(labels))
    assert not verdict.done and verdict.remedy


def test_a_namespace_that_is_going_is_waited_for_only_to_make_it_anew():
    going = namespace(OURS, deletionTimestamp="2026-01-01T00:00:00Z")
    assert not judge("namespace_ours", going).done and judge("namespace_ours", going).remedy is None
    assert judge("namespace_known", going).done


@pytest.mark.parametrize(("states", "url", "done"), [
    ({}, None, False), ({"ImageCreated": "True"}, None, False), ({"ImageCreated": "Unknown"}, "http://iso", False),
    ({"ImageCreated": "True"}, "http://iso", True),
])
def test_the_discovery_image_needs_condition_and_url(states, url, done):
    assert judge("infraenv_image", thing("InfraEnv", states=states, isoDownloadURL=url)).done is done


def test_an_object_that_is_not_there_or_going_is_not_ready():
    assert judge("infraenv_image").reason == "it does not exist yet"
    going = thing("HostedCluster", states={"Available": "True"}, kubeconfig={"name": "k"}, metadata={"deletionTimestamp": "now"})
    assert "being deleted" in judge("hosted_cluster_available", going).reason


def agent(name: str, mac: str, **states: str) -> dict:
    return thing("Agent", name, states=states, inventory={"interfaces": [{"macAddress": mac, "flags": ["up"]}], "disks": ["many"]})


def test_agents_are_counted_by_their_servers():
    first = agent("a", SERVERS[0]["nics"][1]["mac"], Connected="True")
    verdict = judge("agents_registered", first, servers=SERVERS)
    assert (verdict.done, verdict.reason) == (False, "1 of 2 servers registered; missing r1-s02")
    second = agent("b", SERVERS[1]["nics"][0]["mac"].upper(), Connected="True")
    verdict = judge("agents_registered", first, second, servers=SERVERS)
    assert verdict.done and [found["metadata"]["name"] for found in verdict.resources] == ["a", "b"]
    assert verdict.resources[0]["status"]["inventory"] == {"interfaces": [{"macAddress": SERVERS[0]["nics"][1]["mac"]}]}


def test_an_agent_whose_server_is_off_does_not_count_unless_it_is_installed():
    left = agent("a", SERVERS[0]["nics"][0]["mac"], Connected="False", Bound="False")
    assert not judge("agents_registered", left, servers=SERVERS[:1]).done
    installed = agent("a", SERVERS[0]["nics"][0]["mac"], Connected="False", Bound="True")
    assert judge("agents_registered", installed, servers=SERVERS[:1]).done


def test_a_hosted_cluster_is_available_with_its_kubeconfig():
    assert judge("hosted_cluster_available", thing("HostedCluster")).reason == "Available is not reported yet"
    waiting = thing("HostedCluster", states={"Available": ("False", "EtcdWaitingForQuorum", "waiting\n for  etcd")})
    assert judge("hosted_cluster_available", waiting).reason == "Available is False (EtcdWaitingForQuorum: waiting for etcd)"
    assert not judge("hosted_cluster_available", thing("HostedCluster", states={"Available": "True"})).done
    assert judge("hosted_cluster_available", thing("HostedCluster", states={"Available": "True"}, kubeconfig={"name": "k"})).done


@pytest.mark.parametrize(("condition", "kind", "state", "reason"), [
    ("hosted_cluster_available", "HostedCluster", "ValidReleaseImage", "InvalidImage"),
    ("hosted_cluster_available", "HostedCluster", "SupportedHostedCluster", "UnsupportedHostedCluster"),
    ("hosted_cluster_available", "HostedCluster", "ValidConfiguration", "InvalidConfiguration"),
    ("node_pools_ready", "NodePool", "ValidReleaseImage", "ValidationFailed"),
    ("infraenv_image", "InfraEnv", "ImageCreated", "ImageCreationError"),
])
def test_what_never_recovers_is_told_with_its_message(condition, kind, state, reason):
    verdict = judge(condition, thing(kind, states={"Available": "False", state: ("False", reason, "no such image")}))
    assert not verdict.done and verdict.remedy and "no such image" in verdict.reason


def test_a_missing_pull_secret_may_still_come():
    missing = thing("HostedCluster", states={"ValidReleaseImage": ("False", "SecretNotFound", "pull secret")})
    assert judge("hosted_cluster_available", missing).remedy is None


def pool(name: str, wanted: int, present: int, **states) -> dict:
    return thing("NodePool", name, states=states, spec={"replicas": wanted}, replicas=present)


def test_all_node_pools_need_all_their_nodes():
    assert judge("node_pools_ready").reason == "there is none yet"
    full = pool("blue-a", 2, 2, Ready="True")
    short = pool("blue-b", 3, 1, Ready="True", AllMachinesReady=("False", "Waiting", "2 of 3 machines are not ready"))
    verdict = judge("node_pools_ready", full, short)
    assert (verdict.done, verdict.object) == (False, "NodePool blue/blue-b")
    assert verdict.reason.startswith("1 of 3 nodes; AllMachinesReady is False")
    assert not judge("node_pools_ready", full, pool("blue-b", 3, 4, Ready="True")).done
    assert not judge("node_pools_ready", pool("blue-a", 2, 2, Ready="False")).done
    assert judge("node_pools_ready", full, pool("blue-b", 0, 0)).done


def node(name: str, ready: str = "True") -> dict:
    return thing("Node", name, None, {"Ready": (ready, "KubeletNotReady", "PLEG")})


def test_nodes_are_awaited_by_name():
    verdict = judge("nodes_ready", node("r1-s01"), node("other"), node("r1-s02", "False"), names=["r1-s01", "r1-s02", "r1-s03"])
    assert verdict.reason == "1 of 3 nodes are Ready; not joined: r1-s03; r1-s02: Ready is False (KubeletNotReady: PLEG)"
    verdict = judge("nodes_ready", node("r1-s01"), node("other", "False"), names=["r1-s01"])
    assert verdict.done and len(verdict.resources) == 1


def test_gone_means_none_of_the_names_or_none_at_all():
    left = thing("Agent", "a", metadata={"finalizers": ["x/hold"]})
    assert judge("gone", left, kind="Agent").reason == "still there: a (held by x/hold)"
    assert judge("gone", left, kind="Agent", names=["b"]).done
    assert judge("gone", left, kind="Agent", names=[]).done  # nothing is named: nothing has to go
    assert judge("gone", kind="Agent").done


def test_machines_are_gone_by_the_node_they_became():
    machines = [thing("Machine", "m1", nodeRef={"name": "r1-s01"}), thing("Machine", "m2")]
    assert judge("machines_gone", *machines, names=["r1-s01"]).reason == "still there: m1"
    assert judge("machines_gone", *machines, names=["r1-s02"]).done


def test_what_is_known_of_a_cluster_is_its_own():
    assert judge("known", thing("NodePool", "blue-a"), kind="NodePool").resources
    assert not judge("known", thing("ManagedCluster", namespace=None), kind="ManagedCluster").resources
    ours = thing("ManagedCluster", namespace=None, metadata={"labels": OURS})
    assert judge("known", ours, kind="ManagedCluster").resources == (ours,)


def test_many_names_are_counted():
    nodes = [f"r1-s{slot:02d}" for slot in range(1, 9)]
    assert judge("nodes_ready", names=nodes).reason.endswith("not joined: r1-s01, r1-s02, r1-s03 and 5 more")


@pytest.mark.parametrize(("condition", "target"), [
    ({"name": "infraenv_image", "cluster": "blue"}, conditions.Target("InfraEnv", "blue", "blue")),
    ({"name": "node_pools_ready", "cluster": "blue"}, conditions.Target("NodePool", "blue", labels={"leasehold.cloud/cluster": "blue"})),
    ({"name": "machines_gone", "cluster": "blue", "names": []}, conditions.Target("Machine", "blue-blue")),
    ({"name": "nodes_ready", "cluster": "blue", "names": []}, conditions.Target("Node", tenant=True)),
    ({"name": "nodes_ready", "names": []}, conditions.Target("Node")),
    ({"name": "gone", "kind": "Node", "cluster": "blue"}, conditions.Target("Node", tenant=True)),
    ({"name": "gone", "kind": "Agent", "cluster": "blue"}, conditions.Target("Agent", "blue")),
    ({"name": "gone", "kind": "Namespace", "cluster": "blue", "names": ["blue"]}, conditions.Target("Namespace", name="blue")),
    ({"name": "known", "kind": "Machine", "cluster": "blue"}, conditions.Target("Machine", "blue-blue")),
    ({"name": "known", "kind": "ManagedCluster", "cluster": "blue"}, conditions.Target("ManagedCluster", name="blue")),
    ({"name": "api_ready"}, conditions.Target("Namespace", name="default")),
])
def test_targets(condition, target):
    assert conditions.target(condition) == target


@pytest.mark.parametrize("condition", [{"name": "infraenv_image"}, {"name": "agents_registered", "cluster": "blue"}, {"name": "gone"}])
def test_a_condition_without_its_parameters_is_refused(condition):
    with pytest.raises(InvalidInput, match="needs"):
        conditions.target(condition)


@pytest.mark.parametrize("name", conditions.CONDITIONS)
def test_every_condition_has_a_remedy(name):
    assert conditions.remedy({"name": name})
