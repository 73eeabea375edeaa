# SPDX-License-Identifier: GPL-3.0-or-later
"""A cluster's life on a real hub, as the roles control_plane and access lead it."""

from __future__ import annotations

import stat

from ansible_collections.leasehold.cloud.plugins.module_utils.hub import Hub
from tests.integration.hub.conftest import SECRET

CREATE = ("control_plane/create", "control_plane/agents", "control_plane/ready", "access/create")
DELETE = ("control_plane/delete", "access/delete")


def kubeconfig(provider):
    return provider.lab.product / "clusters" / "blue" / "kubeconfig"


def nodes(api: Hub) -> list[str]:
    return sorted(node["metadata"]["name"] for node in api.list("Node")[0])


def test_a_clusters_life(provider):
    check_mode_before_anything_is_there(provider)
    create(provider, ("r1-s01", "r1-s03"))
    create_again(provider, ("r1-s01", "r1-s03"))
    swap(provider, stays="r1-s01", leaves="r1-s03", joins="r1-s02")
    delete(provider)


def check_mode_before_anything_is_there(provider):
    played = provider.play(*CREATE, servers=("r1-s01",), options=("--check", "--diff")).succeeded()
    assert played.changed > 0
    assert "blue" not in provider.names("Namespace") and not kubeconfig(provider).exists()
    assert provider.play(*DELETE, options=("--check",)).succeeded().changed == 0


def create(provider, members):
    provider.play("control_plane/create", servers=members).succeeded()
    provider.power_on(*members)
    provider.play(*CREATE[1:], servers=members).succeeded()
    assert stat.S_IMODE(kubeconfig(provider).stat().st_mode) == 0o600
    assert nodes(Hub.from_file(str(kubeconfig(provider)))) == list(members)


def create_again(provider, members):
    for options in (("-vvv", "--diff"), ("--check", "--diff")):
        again = provider.play(*CREATE, servers=members, options=options).succeeded()
        assert again.changed == 0, again.output
        shown = again.output.partition("PLAY [")[2]  # before it, Ansible repeats the command line
        assert SECRET not in shown and "client-key-data" not in shown


def swap(provider, stays, leaves, joins):
    after = tuple(sorted((stays, joins)))
    provider.play("control_plane/create", servers=after, leaving=(leaves,)).succeeded()
    assert provider.hub.get("NodePool", "blue-workers", "blue")["spec"]["replicas"] == 3
    provider.power_on(joins)
    provider.play("control_plane/agents", "control_plane/ready", servers=after).succeeded()
    api = provider.hub.hosted("blue")
    assert len(nodes(api)) == 3  # the new one is there before the old one goes
    pod(api, "web", leaves)
    pod(api, "other", stays)

    checked = provider.play("control_plane/scale_down", servers=after, leaving=(leaves,), options=("--check",)).succeeded()
    assert checked.changed and len(nodes(api)) == 3
    provider.play("control_plane/scale_down", servers=after, leaving=(leaves,)).succeeded()
    assert nodes(api) == list(after)
    assert [found["metadata"]["name"] for found in api.list("Pod", "default")[0]] == ["other"]
    assert provider.hub.get("NodePool", "blue-workers", "blue")["spec"]["replicas"] == 2
    assert provider.names("NMStateConfig", "blue") == list(after)
    provider.power_off(leaves)
    provider.play("control_plane/forget", servers=after, leaving=(leaves,)).succeeded()
    assert len(provider.names("Agent", "blue")) == 2
    again = provider.play("control_plane/create", "control_plane/scale_down", servers=after, leaving=(leaves,)).succeeded()
    assert again.changed == 0, again.output


def delete(provider):
    provider.power_off(*provider.servers)
    assert provider.play(*DELETE, options=("--check",)).succeeded().changed == 3
    assert "blue" in provider.names("Namespace") and kubeconfig(provider).exists()
    provider.play(*DELETE).succeeded()
    assert not {"blue", "blue-blue"} & set(provider.names("Namespace"))
    assert provider.names("ManagedCluster") == [] and not kubeconfig(provider).exists()
    assert provider.play(*DELETE).succeeded().changed == 0


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


def test_a_hub_that_is_away_is_outlasted_and_a_server_that_never_registers_is_named(provider):
    provider.lab.command("fault", "set", "hub-down", "hub", "--for", "25")
    played = provider.play("control_plane/create", cluster="green", servers=("r1-s04",)).succeeded()
    assert "does not answer" in played.output
    played = provider.play("control_plane/agents", cluster="green", servers=("r1-s04",), control_plane_agents_timeout=2)
    assert "missing r1-s04" in played.failed_with("wait_timeout").output
    provider.play("control_plane/delete", cluster="green").succeeded()
