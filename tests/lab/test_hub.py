"""The hub and its physics, by the worked example of lab/hub/README.md: what a provider does, and what comes of it."""

from __future__ import annotations

import base64
import json
import re
import ssl
import time
import urllib.error
import urllib.request
from pathlib import Path

import pytest
import urllib3
import yaml
from kubernetes import client, config
from kubernetes.client.exceptions import ApiException
from kubernetes.dynamic import DynamicClient

from lab import faults, servers, settings
from lab.hardware import Hardware
from lab.physics import daemon
from lab.process import Processes
from tests.conftest import ROOT, make_lab

HYPERSHIFT, AGENTS = ("hypershift.openshift.io", "v1beta1"), ("agent-install.openshift.io", "v1beta1")
MACHINES = ("cluster.x-k8s.io", "v1beta1")
NAMESPACE, CONTROL_PLANE = "example", "example-example"
LABELS = {"leasehold.cloud/cluster": "example", "leasehold.cloud/node-set": "workers"}


def eventually(check, what: str, timeout: float = 30.0):
    """The first true value of ``check()``."""
    deadline = time.monotonic() + timeout
    while time.monotonic() < deadline:
        value = check()
        if value:
            return value
        time.sleep(0.1)
    raise AssertionError(f"not within {timeout} s: {what}")


class Hub:
    """The lab's hub, spoken to as its users do: by the official client with the kubeconfig."""

    def __init__(self, directory: Path):
        self.settings = settings.load(directory)
        self.directory, self.layout = directory, self.settings.layout
        self.hardware = Hardware(directory / "hardware.db")
        self.processes = Processes(directory)
        self.connection = config.new_client_from_config(str(directory / "hub.kubeconfig"))
        self.dynamic = DynamicClient(self.connection)
        self.custom, self.core = client.CustomObjectsApi(self.connection), client.CoreV1Api(self.connection)

    def example(self) -> list[dict]:
        """The manifests of the README, with this lab's MACs."""
        text = re.search(r"```yaml\n(.*?)```", (ROOT / "lab/hub/README.md").read_text(), re.DOTALL).group(1)
        text = text.replace("52:54:14:", f"52:54:{self.layout.number:02x}:")
        return list(yaml.safe_load_all(text))

    def apply(self, manifest: dict) -> None:
        """Server-side apply."""
        resource = self.dynamic.resources.get(api_version=manifest["apiVersion"], kind=manifest["kind"])
        resource.server_side_apply(body=manifest, field_manager="test", force_conflicts=True)

    def get(self, group: tuple[str, str], plural: str, name: str, namespace: str = NAMESPACE) -> dict | None:
        try:
            return self.custom.get_namespaced_custom_object(*group, namespace, plural, name)
        except ApiException as error:
            if error.status == 404:
                return None
            raise

    def list(self, group: tuple[str, str], plural: str) -> list[dict]:
        return self.custom.list_cluster_custom_object(*group, plural)["items"]

    def patch(self, group: tuple[str, str], plural: str, item: dict, change: dict) -> dict:
        metadata = item["metadata"]
        return self.custom.patch_namespaced_custom_object(
            *group, metadata["namespace"], plural, metadata["name"], change)

    def delete(self, group: tuple[str, str], plural: str, name: str) -> None:
        self.custom.delete_namespaced_custom_object(*group, NAMESPACE, plural, name)

    def agent(self, server: str) -> dict | None:
        place = next(place for place in self.layout.servers if place.name == server)
        return self.get(AGENTS, "agents", place.uuid)

    def boot(self, server: str, url: str) -> None:
        """What a BMC does when it is told to boot once from an image."""
        self.hardware.update(server, media=url, media_inserted=True, boot_once="Cd")
        self.hardware.set_power(server, "On")

    def tenant(self) -> client.CoreV1Api:
        """The tenant's API, with the kubeconfig that was handed over."""
        name = self.get(HYPERSHIFT, "hostedclusters", "example")["status"]["kubeconfig"]["name"]
        text = base64.b64decode(self.core.read_namespaced_secret(name, NAMESPACE).data["kubeconfig"])
        return client.CoreV1Api(config.new_client_from_config_dict(yaml.safe_load(text)))

    def network(self, server: str, index: int) -> dict:
        """The example's NMStateConfig, for another server."""
        place = next(place for place in self.layout.servers if place.name == server)
        manifest = next(item for item in self.example() if item["kind"] == "NMStateConfig")
        manifest["metadata"]["name"] = server
        for interface, nic in zip(manifest["spec"]["interfaces"], place.nics, strict=True):
            interface["macAddress"] = nic.mac
        bond = manifest["spec"]["config"]["interfaces"][2]
        bond["ipv4"]["address"][0]["ip"] = f"10.64.0.{9 + index}"
        return manifest


def condition(item: dict | None, kind: str) -> str | None:
    found = [entry["status"] for entry in (item or {}).get("status", {}).get("conditions", []) if entry["type"] == kind]
    return found[0] if found else None


def ready_nodes(api: client.CoreV1Api) -> set[str]:
    return {node.metadata.name for node in api.list_node().items
            if any(entry.type == "Ready" and entry.status == "True" for entry in node.status.conditions or ())}


@pytest.fixture(scope="module")
def hub():
    for lab in make_lab(31, "--racks", "1", "--servers-per-rack", "4", "--boot-delay", "0.2", "--install-delay", "0.2"):
        yield Hub(lab.directory)


@pytest.fixture(scope="module")
def image(hub: Hub) -> str:
    """The URL of the example's discovery image; everything of the example is applied then."""
    for manifest in hub.example():
        hub.apply(manifest)
    return eventually(lambda: hub.get(AGENTS, "infraenvs", "example").get("status", {}).get("isoDownloadURL"), "image")


def approve(hub: Hub, server: str) -> None:
    agent = eventually(lambda: hub.agent(server), f"Agent of {server}")
    hub.patch(AGENTS, "agents", agent, {"metadata": {"labels": LABELS},
                                        "spec": {"approved": True, "hostname": server, "role": "worker"}})


def test_a_wrong_manifest_is_refused(hub: Hub):
    cluster = next(item for item in hub.example() if item["kind"] == "HostedCluster")
    hub.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE}})

    def refused(change: dict, words: str) -> None:
        wrong = {**cluster, "metadata": {**cluster["metadata"], "name": "wrong"}, "spec": {**cluster["spec"], **change}}
        with pytest.raises(ApiException, match=words):
            hub.apply(wrong)

    refused({"platform": {"type": "Metal"}}, "Unsupported value")
    refused({"platform": {"type": "Agent", "agent": {}}}, "agentNamespace")
    refused({"services": cluster["spec"]["services"][:2]}, "at least 4 items")
    refused({"replicas": 3}, "field not declared in schema")
    refused({"networking": {"clusterNetwork": [{"cidr": "172.31.0.0/16"}]}}, "non-overlapping")


def test_the_example_becomes_a_cluster(hub: Hub, image: str):
    hub.boot("r1-s01", image)
    agent = eventually(lambda: hub.agent("r1-s01"), "the Agent")
    place = hub.layout.servers[0]
    assert agent["metadata"]["labels"]["infraenvs.agent-install.openshift.io"] == "example"
    inventory = eventually(lambda: hub.agent("r1-s01").get("status", {}).get("inventory"), "inventory")
    assert [nic["macAddress"] for nic in inventory["interfaces"]] == [nic.mac for nic in place.nics]
    assert inventory["systemVendor"]["serialNumber"] == place.serial
    assert condition(hub.agent("r1-s01"), "RequirementsMet") == "False", "not approved yet"
    assert hub.get(HYPERSHIFT, "nodepools", "example-workers").get("status", {}).get("replicas", 0) == 0

    approve(hub, "r1-s01")
    eventually(lambda: condition(hub.get(HYPERSHIFT, "nodepools", "example-workers"), "Ready") == "True", "NodePool")
    tenant = hub.tenant()
    assert ready_nodes(tenant) == {"r1-s01"}
    assert hub.hardware.get("r1-s01").contents == "installed:example"
    assert condition(hub.agent("r1-s01"), "Installed") == "True"
    assert hub.agent("r1-s01")["status"]["debugInfo"]["state"] == "added-to-existing-cluster"
    cluster = eventually(
        lambda: (found := hub.get(HYPERSHIFT, "hostedclusters", "example"))
        and found["status"]["version"]["history"][0]["state"] == "Completed" and found, "rolled out")
    assert condition(cluster, "Available") == "True"
    assert condition(cluster, "Progressing") == "False"
    assert cluster["status"]["version"]["history"][0]["version"] == "4.18.6"
    managed = hub.custom.get_cluster_custom_object("cluster.open-cluster-management.io", "v1", "managedclusters", "example")
    assert condition(managed, "ManagedClusterConditionAvailable") == "True"


def test_what_is_immutable_stays(hub: Hub, image: str):
    pool = hub.get(HYPERSHIFT, "nodepools", "example-workers")
    with pytest.raises(ApiException, match="ClusterName is immutable"):
        hub.patch(HYPERSHIFT, "nodepools", pool, {"spec": {"clusterName": "other"}})
    cluster = hub.get(HYPERSHIFT, "hostedclusters", "example")
    with pytest.raises(ApiException, match="Services is immutable"):
        hub.patch(HYPERSHIFT, "hostedclusters", cluster, {"spec": {"services": [
            {"service": name, "servicePublishingStrategy": {"type": "Route"}}
            for name in ("APIServer", "OAuthServer", "Konnectivity", "Ignition")]}})


def test_a_tenants_key_opens_no_other_api(hub: Hub, image: str):
    context = ssl.create_default_context(cafile=str(hub.directory / "ca.crt"))
    folder = hub.directory / "tenants" / CONTROL_PLANE / "tls"
    context.load_cert_chain(folder / "admin.crt", folder / "admin.key")
    with pytest.raises(urllib.error.HTTPError, match="401"):
        urllib.request.urlopen(f"https://{hub.layout.hub_address}:6443/api/v1/nodes", context=context)


def test_a_second_node_and_back(hub: Hub, image: str):
    hub.apply(hub.network("r1-s02", 2))
    hub.boot("r1-s02", image)
    approve(hub, "r1-s02")
    pool = hub.get(HYPERSHIFT, "nodepools", "example-workers")
    hub.patch(HYPERSHIFT, "nodepools", pool, {"spec": {"replicas": 2}})
    tenant = hub.tenant()
    eventually(lambda: ready_nodes(tenant) == {"r1-s01", "r1-s02"}, "two nodes")
    tenant.create_namespaced_pod("default", {"metadata": {"name": "work"}, "spec": {
        "nodeName": "r1-s01", "containers": [{"name": "work", "image": "work"}]}})
    eventually(lambda: tenant.read_namespaced_pod("work", "default").status.phase == "Running", "a pod runs")

    machine = eventually(lambda: next((item for item in hub.list(MACHINES, "machines")
                                       if item.get("status", {}).get("nodeRef", {}).get("name") == "r1-s01"), None), "Machine")
    hub.patch(MACHINES, "machines", machine, {"metadata": {"annotations": {"cluster.x-k8s.io/delete-machine": ""}}})
    hub.patch(HYPERSHIFT, "nodepools", pool, {"spec": {"replicas": 1}})
    eventually(lambda: len(hub.list(MACHINES, "machines")) == 1, "one Machine left")
    assert ready_nodes(tenant) == {"r1-s02"}, "the annotated one went, not the youngest"
    assert tenant.list_namespaced_pod("default").items == [], "it was drained"
    agent = eventually(lambda: condition(found := hub.agent("r1-s01"), "Bound") == "False" and found, "unbound")
    assert "clusterDeploymentName" not in agent["spec"]
    assert hub.hardware.get("r1-s01").contents == "installed:example", "unbinding wipes nothing"
    eventually(lambda: condition(hub.get(HYPERSHIFT, "nodepools", "example-workers"), "Ready") == "True", "settled")


def test_a_node_without_power_falls_silent(hub: Hub, image: str):
    tenant = hub.tenant()
    hub.hardware.set_power("r1-s02", "Off")
    eventually(lambda: ready_nodes(tenant) == set(), "NotReady")
    assert not servers.is_running(hub.layout, "r1-s02")
    hub.hardware.update("r1-s02", media=None, media_inserted=False)
    hub.hardware.set_power("r1-s02", "On")
    eventually(lambda: ready_nodes(tenant) == {"r1-s02"}, "the installed system runs again")


def test_the_physics_goes_on_where_it_was(hub: Hub, image: str):
    before = json.loads((hub.directory / "servers/r1-s02/running.json").read_text())
    daemon.stop(hub.processes)
    hub.hardware.set_power("r1-s01", "Off")
    daemon.start(hub.settings, hub.processes)
    eventually(lambda: not servers.is_running(hub.layout, "r1-s01"), "it sees what it missed")
    eventually(lambda: condition(hub.agent("r1-s01"), "Connected") == "False", "and tells")
    assert json.loads((hub.directory / "servers/r1-s02/running.json").read_text()) == before, "no other server is booted again"
    assert ready_nodes(hub.tenant()) == {"r1-s02"}


def test_a_dead_node_is_taken_out_with_what_ran_on_it(hub: Hub, image: str):
    tenant = hub.tenant()
    tenant.create_namespaced_pod("default", {"metadata": {"name": "stuck"}, "spec": {
        "nodeName": "r1-s02", "containers": [{"name": "work", "image": "work"}]}})
    eventually(lambda: tenant.read_namespaced_pod("stuck", "default").status.phase == "Running", "a pod runs")
    hub.hardware.set_power("r1-s02", "Off")
    eventually(lambda: ready_nodes(tenant) == set(), "NotReady")
    pool = hub.get(HYPERSHIFT, "nodepools", "example-workers")
    hub.patch(HYPERSHIFT, "nodepools", pool, {"spec": {"replicas": 0}})
    eventually(lambda: hub.list(MACHINES, "machines") == [], "no Machine left")
    eventually(lambda: tenant.list_node().items == [], "no Node left")
    eventually(lambda: tenant.list_namespaced_pod("default").items == [], "its pod is collected")
    assert hub.agent("r1-s02")["status"]["debugInfo"]["state"] == "unbinding-pending-user-action"


def test_an_agent_that_never_registers(hub: Hub, image: str):
    faults.set_fault(hub.directory, "agent-never-registers", "r1-s03")
    hub.apply(hub.network("r1-s03", 3))
    hub.boot("r1-s03", image)
    eventually(lambda: servers.is_running(hub.layout, "r1-s03"), "it boots all the same")
    time.sleep(1.5)
    assert hub.agent("r1-s03") is None
    faults.clear(hub.directory, "agent-never-registers", "r1-s03")
    eventually(lambda: hub.agent("r1-s03"), "the fault is gone")


def test_the_hub_goes_down_and_comes_back(hub: Hub, image: str):
    before, tenant = hub.core.list_namespace().items, hub.tenant()
    tenant.create_namespace({"metadata": {"name": "kept"}})
    faults.set_fault(hub.directory, "hub-down", "hub", seconds=2)
    eventually(lambda: not hub.processes.alive("hub-api"), "it is down")
    assert tenant.read_namespace("kept"), "the tenants' APIs have nothing to do with it"
    eventually(lambda: hub.processes.alive("hub-api"), "it is back", 15)

    def names():
        try:
            return [item.metadata.name for item in hub.core.list_namespace().items]
        except (ApiException, urllib3.exceptions.HTTPError):  # not ready yet
            return None

    assert eventually(names, "it answers", 30) == [item.metadata.name for item in before]
    hub.hardware.set_power("r1-s03", "Off")
    eventually(lambda: condition(hub.agent("r1-s03"), "Connected") == "False", "the physics goes on")


def test_deletion_leaves_nothing(hub: Hub, image: str):
    for name in ("r1-s01", "r1-s02", "r1-s03"):
        hub.hardware.set_power(name, "Off")
    hub.custom.delete_cluster_custom_object("cluster.open-cluster-management.io", "v1", "managedclusters", "example")
    hub.delete(HYPERSHIFT, "hostedclusters", "example")
    eventually(lambda: hub.get(HYPERSHIFT, "hostedclusters", "example") is None, "the HostedCluster is gone")
    assert hub.list(HYPERSHIFT, "nodepools") == []
    assert hub.list(MACHINES, "machines") == []
    secrets = {item.metadata.name for item in hub.core.list_namespaced_secret(NAMESPACE).items}
    assert secrets == {"example-pull-secret", "example-ssh-key"}
    assert not (hub.directory / "tenants" / CONTROL_PLANE).exists()
    assert f"tenant-{CONTROL_PLANE}" not in hub.processes.names()
    assert hub.agent("r1-s01"), "Agents stay"
    hub.delete(AGENTS, "infraenvs", "example")
    eventually(lambda: hub.list(AGENTS, "infraenvs") == hub.list(AGENTS, "agents") == [], "with their InfraEnv they go")
    hub.core.delete_namespace(NAMESPACE)
    eventually(lambda: {item.metadata.name for item in hub.core.list_namespace().items} == {
        "default", "kube-node-lease", "kube-public", "kube-system"}, "the namespaces are gone")
    assert all(not servers.is_running(hub.layout, place.name) for place in hub.layout.servers)
