# SPDX-License-Identifier: GPL-3.0-or-later
"""Drains through the API: what is cordoned and evicted, what a budget keeps, and an API that is away."""

from __future__ import annotations

import pytest

from ansible_collections.leasehold.cloud.plugins.module_utils import drains
from ansible_collections.leasehold.cloud.plugins.module_utils.core.errors import NotFound, Unreachable, WaitTimeout
from tests.unit.plugins.module_utils.test_waits import Clock


class Cluster:
    """Nodes and pods; a pod that is evicted is gone at the next look, unless a budget keeps it."""

    def __init__(self, nodes: dict[str, bool], pods: dict[str, str], kept: int = 0):
        self.nodes, self.on, self.kept, self.absences = nodes, pods, kept, 0
        self.evicted: list[str] = []

    def get(self, kind, name, namespace=None):
        if name not in self.nodes:
            raise NotFound("HTTP 404", object=name, attempted="GET", remedy="")
        return {"spec": {"unschedulable": True} if self.nodes[name] else {}}

    def patch(self, kind, name, namespace, body):
        self.nodes[name] = body["spec"]["unschedulable"]

    def list(self, kind, namespace=None, *, fieldSelector):
        if self.absences:
            self.absences -= 1
            raise Unreachable("it does not answer", object="api", attempted="GET", remedy="")
        wanted = fieldSelector.removeprefix("spec.nodeName=")
        return [{"metadata": {"name": name, "namespace": "web"}, "spec": {"nodeName": node}}
                for name, node in self.on.items() if node == wanted], "1"

    def evict(self, pod, grace_period=None):
        if self.kept:
            self.kept -= 1
            return False
        self.evicted.append(pod["metadata"]["name"])
        del self.on[pod["metadata"]["name"]]
        return True


@pytest.fixture(autouse=True)
def _clock(monkeypatch):
    monkeypatch.setattr(drains, "time", Clock())


def drain(cluster: Cluster, *nodes: str):
    said: list[str] = []
    return drains.Drain(cluster, nodes, None, said.append), said


def test_only_open_nodes_are_cordoned_and_absent_ones_passed_over():
    cluster = Cluster({"n1": False, "n2": True}, {})
    made, _said = drain(cluster, "n1", "n2", "gone")
    assert made.open_nodes() == ["n1"]
    made.cordon(["n1"])
    assert made.open_nodes() == []


def test_the_pods_of_all_the_nodes_go_and_no_others():
    cluster = Cluster({}, {"a": "n1", "b": "n2", "c": "n3"})
    drain(cluster, "n1", "n2")[0].evict(60)
    assert sorted(cluster.evicted) == ["a", "b"] and cluster.on == {"c": "n3"}


def test_what_a_budget_keeps_is_asked_for_again():
    cluster = Cluster({}, {"a": "n1"}, kept=3)
    made, said = drain(cluster, "n1")
    made.evict(60)
    assert cluster.evicted == ["a"]
    assert said[0] == "draining n1: a PodDisruptionBudget keeps web/a"


def test_a_budget_that_never_gives_way_ends_the_drain():
    made, _said = drain(Cluster({}, {"a": "n1"}, kept=10**6), "n1")
    with pytest.raises(WaitTimeout, match="PodDisruptionBudget keeps web/a"):
        made.evict(60)


def test_an_api_that_is_away_for_a_while_is_outlasted():
    cluster = Cluster({}, {"a": "n1"})
    cluster.absences = 5
    made, said = drain(cluster, "n1")
    made.evict(60)
    assert cluster.evicted == ["a"] and "does not answer" in said[0]


def test_an_api_that_stays_away_is_the_error():
    cluster = Cluster({}, {"a": "n1"})
    cluster.absences = 10**6
    with pytest.raises(Unreachable):
        drain(cluster, "n1")[0].evict(60)
