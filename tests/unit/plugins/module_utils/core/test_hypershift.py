# SPDX-License-Identifier: GPL-3.0-or-later
"""The hub's objects of a cluster: what they must say to each other, and to the projects whose API they are."""

from __future__ import annotations

import base64
import dataclasses
import ipaddress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.leasehold.cloud.plugins.module_utils.core import hypershift
from ansible_collections.leasehold.cloud.plugins.module_utils.core.claims import NodeSet, Order, Segment
from ansible_collections.leasehold.cloud.plugins.module_utils.core.errors import InvalidOrder
from tests.unit.plugins.module_utils.core.sites import server

SETTINGS = {"release_image": "quay.io/ocp:4.20.4", "base_domain": "clusters.example.com"}
ORDER = Order("blue", "acme", node_sets=(NodeSet("workers", "cpu", 2), NodeSet("gpus", "gpu", 1)), settings=SETTINGS)
SEGMENT = Segment("blue", 101, "10.64.1.0/24", "10.64.1.1", 999)
SERVERS = (
    server("r1-s01", node_set="workers", address="10.64.1.10"),
    server("r2-s01", node_set="workers", address="10.64.1.11"),
    server("r1-s02", node_set="gpus", address="10.64.1.12"),
)
DICTS = [member.as_dict() for member in SERVERS]


def objects(order: Order = ORDER, servers=tuple(SERVERS)) -> dict:
    return {(found["kind"], found["metadata"]["name"]): found for found in hypershift.manifests(order, SEGMENT, servers)}


def with_settings(**more) -> Order:
    return dataclasses.replace(ORDER, settings={**SETTINGS, **more})


def agent(name: str, *macs: str, created: str = "2026-01-01T00:00:00Z") -> dict:
    interfaces = [{"macAddress": mac} for mac in macs]
    return {"kind": "Agent", "metadata": {"name": name, "namespace": "blue", "creationTimestamp": created},
            "status": {"inventory": {"interfaces": interfaces}}}


def machine(name: str, node: str | None) -> dict:
    status = {"nodeRef": {"name": node}} if node else {}
    return {"kind": "Machine", "metadata": {"name": name, "namespace": "blue-blue"}, "status": status}


def test_every_object_is_labelled_and_in_the_clusters_namespace():
    for found in hypershift.manifests(ORDER, SEGMENT, SERVERS):
        metadata = found["metadata"]
        assert metadata["labels"].items() >= {"app.kubernetes.io/managed-by": "leasehold", "leasehold.cloud/cluster": "blue",
                                              "leasehold.cloud/tenant": "acme"}.items()
        resource = hypershift.RESOURCES[found["kind"]]
        assert found["apiVersion"] == resource.api_version
        assert metadata.get("namespace") == ("blue" if resource.namespaced else None)


def test_what_others_need_comes_first():
    kinds = [found["kind"] for found in hypershift.manifests(ORDER, SEGMENT, SERVERS)]
    assert kinds[0] == "Namespace"
    # the image service bakes network configurations into the image that it makes when it sees the InfraEnv
    assert max(i for i, kind in enumerate(kinds) if kind == "NMStateConfig") < kinds.index("InfraEnv")
    assert kinds.index("HostedCluster") < kinds.index("NodePool")


def test_references_meet():
    found = objects()
    secrets = {secret["metadata"]["name"]: secret for secret in hypershift.secrets("blue", "acme", "{}", "ssh-ed25519 AAAA")}
    hosted = found["HostedCluster", "blue"]["spec"]
    assert ".dockerconfigjson" in secrets[hosted["pullSecret"]["name"]]["data"]
    assert "id_rsa.pub" in secrets[hosted["sshKey"]["name"]]["data"]
    assert found["InfraEnv", "blue"]["spec"]["pullSecretRef"] == hosted["pullSecret"]
    agents = hosted["platform"]["agent"]["agentNamespace"]
    assert found["Role", "capi-provider-role"]["metadata"]["namespace"] == agents
    selected = found["InfraEnv", "blue"]["spec"]["nmStateConfigLabelSelector"]["matchLabels"].items()
    assert all(item["metadata"]["labels"].items() >= selected for (kind, _name), item in found.items() if kind == "NMStateConfig")


def test_node_pools_select_the_agents_that_are_approved_for_them():
    found = objects()
    agents = [agent(f"a-{member.name}", member.nics[0].mac) for member in SERVERS]
    approved = hypershift.approvals(agents, DICTS, "blue", "acme")
    for name, replicas in (("workers", 2), ("gpus", 1)):
        pool = found["NodePool", f"blue-{name}"]
        selector = pool["spec"]["platform"]["agent"]["agentLabelSelector"]["matchLabels"].items()
        assert pool["spec"]["replicas"] == replicas == sum(item["metadata"]["labels"].items() >= selector for item in approved)
        assert pool["spec"]["clusterName"] == "blue"
    assert [item["spec"] for item in approved] == [{"approved": True, "hostname": member.name} for member in SERVERS]


def test_networks_of_the_hosted_cluster():
    hosted = objects(with_settings(cluster_network="10.128.0.0/14", service_network="172.30.0.0/16"))["HostedCluster", "blue"]
    networking = hosted["spec"]["networking"]
    assert networking["machineNetwork"] == [{"cidr": SEGMENT.prefix}]
    assert networking["clusterNetwork"] == [{"cidr": "10.128.0.0/14"}]
    assert networking["serviceNetwork"] == [{"cidr": "172.30.0.0/16"}]


@pytest.mark.parametrize(("address", "api", "other"), [(None, "LoadBalancer", "Route"), ("api.example.com", "NodePort", "NodePort")])
def test_services_are_published_by_one_valid_strategy(address, api, other):
    services = objects(with_settings(api_address=address))["HostedCluster", "blue"]["spec"]["services"]
    kinds = {service["service"]: service["servicePublishingStrategy"] for service in services}
    assert len(kinds) == len(services) >= 4  # the API demands four
    assert kinds.pop("APIServer")["type"] == api
    assert {strategy["type"] for strategy in kinds.values()} == {other}
    assert all(("nodePort" in strategy) == (strategy["type"] == "NodePort") for strategy in kinds.values())


def test_bond_of_two_nics():
    state = hypershift.network_state(SERVERS[0], SEGMENT)
    bond = state["interfaces"][0]
    assert bond["name"] == "bond0" and bond["link-aggregation"]["mode"] == "active-backup"
    assert bond["link-aggregation"]["port"] == [nic.name for nic in SERVERS[0].nics]
    assert bond["ipv4"]["address"] == [{"ip": "10.64.1.10", "prefix-length": 24}]
    ports = state["interfaces"][1:]
    assert [port["mac-address"] for port in ports] == [nic.mac for nic in SERVERS[0].nics]
    assert not any(port["ipv4"]["enabled"] for port in ports)
    assert state["routes"]["config"][0]["next-hop-interface"] == "bond0"


@given(st.sampled_from(["10.0.0.0/24", "192.168.4.0/22", "fd00:1::/64"]), st.integers(1, 2))
def test_every_interface_of_a_server_is_described_and_one_has_its_address(prefix, nics):
    network = ipaddress.ip_network(prefix)
    member = dataclasses.replace(SERVERS[0], address=str(network[10]), nics=SERVERS[0].nics[:nics])
    state = hypershift.network_state(member, Segment("blue", 101, prefix, str(network[1]), 999), ["192.0.2.53"])
    family = "ipv4" if network.version == 4 else "ipv6"
    addressed = [interface for interface in state["interfaces"] if interface[family].get("address")]
    assert len(addressed) == 1
    assert state["routes"]["config"][0]["next-hop-interface"] == addressed[0]["name"]
    assert {interface.get("mac-address") for interface in state["interfaces"]} >= {nic.mac for nic in member.nics}
    assert all(interface["ipv4"].get("dhcp", False) is False for interface in state["interfaces"])
    assert state["dns-resolver"]["config"]["server"] == ["192.0.2.53"]


@pytest.mark.parametrize("name", ["kube-system", "default", "openshift-etcd", "local-cluster", "Blue", "blue_1", "1blue", "b" * 32, ""])
def test_names_that_mean_something_else_on_a_hub_are_refused(name):
    with pytest.raises(InvalidOrder):
        hypershift.manifests(dataclasses.replace(ORDER, name=name), SEGMENT, SERVERS)


@pytest.mark.parametrize("missing", ["release_image", "base_domain"])
def test_a_template_without_its_settings_is_refused(missing):
    with pytest.raises(InvalidOrder, match=missing):
        hypershift.manifests(with_settings(**{missing: None}), SEGMENT, SERVERS)


def test_manifests_hold_no_secret_and_are_the_same_each_time():
    first = hypershift.manifests(ORDER, SEGMENT, SERVERS)
    assert first == hypershift.manifests(ORDER, SEGMENT, SERVERS)
    assert all(found["kind"] != "Secret" for found in first)


def test_secrets_are_encoded_as_they_are():
    pull, key = hypershift.secrets("blue", None, '{"auths": {"é": {}}}', "ssh-ed25519 AAAA me")
    assert base64.b64decode(pull["data"][".dockerconfigjson"]).decode() == '{"auths": {"é": {}}}'
    assert base64.b64decode(key["data"]["id_rsa.pub"]) == b"ssh-ed25519 AAAA me"
    assert "leasehold.cloud/tenant" not in key["metadata"]["labels"]


def test_replicas_keep_the_place_of_leaving_servers_that_still_have_a_machine():
    planned = hypershift.manifests(ORDER, SEGMENT, SERVERS)
    leaving = [server("r2-s02", node_set="gpus").as_dict(), server("r2-s04", node_set="gpus").as_dict()]
    machines = [machine("m1", "r2-s02"), machine("m2", "r1-s02"), machine("m3", None)]
    replicas = {found["metadata"]["name"]: found["spec"]["replicas"]
                for found in hypershift.at_apply(planned, "", leaving, machines) if found["kind"] == "NodePool"}
    assert replicas == {"blue-workers": 2, "blue-gpus": 2}
    assert hypershift.manifests(ORDER, SEGMENT, SERVERS) == planned  # the plan itself is left alone


def test_the_sites_key_comes_into_the_discovery_image():
    applied = hypershift.at_apply(hypershift.manifests(ORDER, SEGMENT, SERVERS), "ssh-ed25519 AAAA")
    found = {item["kind"]: item for item in applied}
    assert found["InfraEnv"]["spec"]["sshAuthorizedKey"] == "ssh-ed25519 AAAA"
    assert "spec" not in found["Namespace"]


def test_the_newest_agent_with_a_mac_is_the_servers():
    mac = SERVERS[0].nics[1].mac
    old, new = agent("old", mac, created="2025-01-01T00:00:00Z"), agent("new", "52:54:00:ff:ff:ff", mac.upper())
    assert hypershift.agent_of(DICTS[0], [new, old]) is new
    assert hypershift.agent_of(DICTS[1], [new, old]) is None


def test_servers_without_an_agent_are_not_approved():
    approved = hypershift.approvals([agent("a", DICTS[1]["nics"][0]["mac"])], DICTS, "blue", "acme")
    assert [item["spec"]["hostname"] for item in approved] == ["r2-s01"]


def test_only_the_machines_of_leaving_servers_are_marked():
    marks = hypershift.machine_marks([machine("m1", "r1-s01"), machine("m2", "r2-s01"), machine("m3", None)], DICTS[:1])
    assert [(mark["metadata"]["name"], mark["metadata"]["namespace"]) for mark in marks] == [("m1", "blue-blue")]
    assert hypershift.DELETE_MACHINE in marks[0]["metadata"]["annotations"]


def test_leftovers_are_all_agents_and_the_configuration_of_the_servers_that_left():
    macs = [nic["mac"] for nic in DICTS[0]["nics"]]
    agents = [agent("now", macs[0]), agent("before", macs[1]), agent("other", DICTS[1]["nics"][0]["mac"])]
    found = [(item["kind"], item["metadata"]["name"]) for item in hypershift.leftovers(agents, DICTS[:1], "blue")]
    assert sorted(found) == [("Agent", "before"), ("Agent", "now"), ("NMStateConfig", "r1-s01")]


def test_references_name_objects_and_nothing_more():
    found = hypershift.references(hypershift.manifests(ORDER, SEGMENT, SERVERS), ["HostedCluster", "ManagedCluster"])
    assert found == [
        {"apiVersion": "hypershift.openshift.io/v1beta1", "kind": "HostedCluster", "metadata": {"name": "blue", "namespace": "blue"}},
        {"apiVersion": "cluster.open-cluster-management.io/v1", "kind": "ManagedCluster", "metadata": {"name": "blue"}},
    ]


@pytest.mark.parametrize(("kind", "namespace", "name", "path"), [
    ("Node", None, "r1-s01", "/api/v1/nodes/r1-s01"), ("Pod", None, None, "/api/v1/pods"),
    ("Pod", "web", "a", "/api/v1/namespaces/web/pods/a"),
    ("Agent", "blue", None, "/apis/agent-install.openshift.io/v1beta1/namespaces/blue/agents"),
    ("ManagedCluster", "blue", "blue", "/apis/cluster.open-cluster-management.io/v1/managedclusters/blue"),
])
def test_paths(kind, namespace, name, path):
    assert hypershift.RESOURCES[kind].path(namespace, name) == path
