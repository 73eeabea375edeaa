"""A node set grows by one server, and shrinks by it again: what runs there is evicted first, then it is wiped and freed."""

from __future__ import annotations

import pytest

from tests.e2e import world
from tests.e2e.conftest import RED
from tests.e2e.runs import PATIENCE


def sized(count: int, **more) -> dict:
    return {**RED, "cluster_node_sets": [{"name": "workers", "class": "cpu", "count": count}], **more}


@pytest.fixture(scope="module")
def added(made, lab, site):
    """The server that scaling up added."""
    before = world.held(lab, "red")
    site.play("cluster_scale", sized(3), timeout=PATIENCE).succeeded()
    assert before < world.held(lab, "red")
    [name] = world.held(lab, "red") - before
    return name


def test_a_server_joins(added, lab):
    assert world.phase(lab, "red") == "ready"
    assert len(world.held(lab, "red")) == 3
    assert world.ready_nodes(lab, "red") == world.held(lab, "red")
    assert world.server_states(lab)[added] == "in_service"
    [vlan] = world.held(lab, "red", "vlan")
    assert world.port_tags(lab, added) == {int(vlan.rpartition("/")[2])}
    said = world.receipt(lab, lab.product / "clusters/red/receipt.json")
    assert {server["name"] for server in said["servers"]} == world.held(lab, "red")


def test_a_server_leaves_empty_wiped_and_free(added, lab, site):
    stays = sorted(world.held(lab, "red") - {added})[0]
    start_pod(lab, "leaves", added)
    start_pod(lab, "stays", stays)
    site.play("cluster_scale", sized(2, cluster_remove_servers=[added]), timeout=PATIENCE).succeeded()
    pods = world.tenant_api(lab, "red").list_namespaced_pod("default", _request_timeout=10).items
    assert [pod.metadata.name for pod in pods] == ["stays"]
    assert world.ready_nodes(lab, "red") == world.held(lab, "red")
    assert len(world.held(lab, "red")) == 2
    assert added not in world.held(lab, "red")
    assert world.phase(lab, "red") == "ready"
    assert world.server_states(lab)[added] == "available"
    assert added not in world.powered_on(lab)
    assert world.drive_contents(lab, added) == {None}
    assert world.port_tags(lab, added) == {999}
    [path] = (lab.product / "clusters/red").glob("release*.json")
    said = world.receipt(lab, path)
    assert said["kind"] == "release"
    assert [server["name"] for server in said["servers"]] == [added]
    assert {wipe["server"] for wipe in said["wipes"]} == {added}
    assert all(wipe["proven"] for wipe in said["wipes"])


def start_pod(lab, name: str, node: str) -> None:
    """A pod that is bound to a node, as a scheduler would have bound it."""
    world.tenant_api(lab, "red").create_namespaced_pod("default", {
        "apiVersion": "v1", "kind": "Pod", "metadata": {"name": name},
        "spec": {"nodeName": node, "containers": [{"name": "work", "image": "example.com/work:1"}]},
    }, _request_timeout=10)
