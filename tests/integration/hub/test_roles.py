# SPDX-License-Identifier: GPL-3.0-or-later
"""A cluster's life on a real hub, as the roles control_plane and access lead it."""

from __future__ import annotations

import stat

import pytest

from ansible_collections.leasehold.cloud.plugins.module_utils.hub import Hub

CREATE = ("control_plane/create", "control_plane/agents", "control_plane/ready", "access/create")
DELETE = ("control_plane/delete", "access/delete")


@pytest.fixture
def blue(provider):
    """A ready cluster of two servers, of which nothing is left afterwards."""
    members = ("r1-s01", "r1-s03")
    provider.play("control_plane/create", servers=members).succeeded()
    provider.power_on(*members)
    provider.play(*CREATE[1:], servers=members).succeeded()
    yield members
    provider.power_off(*provider.servers)
    provider.play(*DELETE).succeeded()


def kubeconfig(provider):
    return provider.lab.product / "clusters" / "blue" / "kubeconfig"


def test_check_mode_before_anything_is_there(provider):
    played = provider.play(*CREATE, servers=("r1-s01",), options=("--check", "--diff")).succeeded()
    assert played.changed > 0
    assert "blue" not in provider.names("Namespace")
    assert provider.play(*DELETE, options=("--check",)).succeeded().changed == 0
    assert not kubeconfig(provider).exists()


def test_a_cluster_lives_and_goes(provider, blue):
    api = Hub.from_file(str(kubeconfig(provider)))
    assert stat.S_IMODE(kubeconfig(provider).stat().st_mode) == 0o600
    assert sorted(node["metadata"]["name"] for node in api.list("Node")[0]) == list(blue)

    again = provider.play(*CREATE, servers=blue).succeeded()
    assert again.changed == 0, again.output
    checked = provider.play(*CREATE, servers=blue, options=("--check", "--diff")).succeeded()
    assert checked.changed == 0, checked.output

    provider.power_off(*blue)
    assert provider.play(*DELETE, options=("--check",)).succeeded().changed == 3
    assert "blue" in provider.names("Namespace")
    provider.play(*DELETE).succeeded()
    assert not {"blue", "blue-blue"} & set(provider.names("Namespace"))
    assert provider.names("ManagedCluster") == [] and not kubeconfig(provider).exists()
    assert provider.play(*DELETE).succeeded().changed == 0


def test_a_swap_joins_the_new_server_before_the_old_one_leaves(provider, blue):
    stays, leaves = blue
    after = (stays, "r1-s02")
    provider.play("control_plane/create", servers=after, leaving=(leaves,)).succeeded()
    assert provider.hub.get("NodePool", "blue-workers", "blue")["spec"]["replicas"] == 3
    provider.power_on("r1-s02")
    provider.play("control_plane/agents", "control_plane/ready", servers=after).succeeded()
    api = provider.hub.hosted("blue")
    assert len(api.list("Node")[0]) == 3
    pod(api, "web", leaves)
    pod(api, "other", stays)

    checked = provider.play("control_plane/scale_down", servers=after, leaving=(leaves,), options=("--check",)).succeeded()
    assert checked.changed and len(api.list("Node")[0]) == 3
    provider.play("control_plane/scale_down", servers=after, leaving=(leaves,)).succeeded()
    assert sorted(node["metadata"]["name"] for node in api.list("Node")[0]) == sorted(after)
    assert [found["metadata"]["name"] for found in api.list("Pod", "default")[0]] == ["other"]
    assert provider.hub.get("NodePool", "blue-workers", "blue")["spec"]["replicas"] == 2
    assert provider.names("NMStateConfig", "blue") == sorted(after)
    provider.power_off(leaves)
    provider.play("control_plane/forget", servers=after, leaving=(leaves,)).succeeded()
    assert len(provider.names("Agent", "blue")) == 2
    again = provider.play("control_plane/create", "control_plane/scale_down", servers=after, leaving=(leaves,)).succeeded()
    assert again.changed == 0, again.output


def pod(api: Hub, name: str, node: str) -> None:
    """A pod that runs on a node."""
    api._request("POST", "/api/v1/namespaces/default/pods", body={
        "apiVersion": "v1", "kind": "Pod", "metadata": {"name": name},
        "spec": {"nodeName": node, "containers": [{"name": "main", "image": "registry.example/web:1"}]}})


def test_somebody_elses_namespace_is_left_alone(provider):
    provider.hub._request("POST", "/api/v1/namespaces", body={"metadata": {"name": "payroll"}})
    played = provider.play("control_plane/create", cluster="payroll", servers=("r1-s01",)).failed_with("refused")
    assert "not leasehold's" in played.output
    provider.play("control_plane/delete", cluster="payroll").failed_with("refused")
    labels = provider.hub.get("Namespace", "payroll")["metadata"]["labels"]
    assert not any(label.startswith("leasehold.cloud") for label in labels)


def test_a_cluster_of_which_half_never_existed_is_deleted(provider):
    provider.hub._request("POST", "/api/v1/namespaces", body={"metadata": {"name": "half", "labels": {
        "app.kubernetes.io/managed-by": "leasehold", "leasehold.cloud/cluster": "half"}}})
    assert provider.play("control_plane/delete", cluster="half").succeeded().changed == 1
    assert "half" not in provider.names("Namespace")


def test_a_hub_that_is_away_for_a_while_is_outlasted(provider):
    provider.lab.command("fault", "set", "hub-down", "hub", "--for", "8")
    played = provider.play("control_plane/create", cluster="green", servers=("r1-s04",)).succeeded()
    assert "does not answer" in played.output
    provider.play("control_plane/delete", cluster="green").succeeded()


def test_a_server_that_never_registers_is_named(provider):
    provider.play("control_plane/create", cluster="red", servers=("r1-s04",)).succeeded()
    played = provider.play("control_plane/agents", cluster="red", servers=("r1-s04",), control_plane_agents_timeout=2)
    assert "missing r1-s04" in played.failed_with("wait_timeout").output
    provider.play("control_plane/delete", cluster="red").succeeded()


def test_no_secret_is_ever_shown(provider, blue):
    played = provider.play(*CREATE, servers=blue, options=("-vvv", "--diff"), control_plane_pull_secret='{"auths": {"x": {"auth": "aHVudGVyMg"}}}')
    shown = played.succeeded().output.partition("PLAY [")[2]  # before it, Ansible repeats the command line
    assert "aHVudGVyMg" not in shown and "client-key-data" not in shown
