"""HyperShift's operator: a HostedCluster gets a control plane, a kubeconfig and a status; deleted, it leaves nothing."""

from __future__ import annotations

import base64
import logging
import re
import secrets
import uuid

from lab.layout import HUB_PORT, IMAGE_PORT
from lab.physics import conditions
from lab.physics.images import pull_secret_problem
from lab.physics.resources import (
    HOSTED_CLUSTER, HYPERSHIFT_FINALIZER, MACHINE, NAMESPACE, NODE_POOL, SECRET, control_plane_namespace, is_deleting,
    key_of)
from lab.physics.tenants import Tenant
from lab.physics.world import World

log = logging.getLogger(__name__)


def release_version(image: str) -> str:
    """The version in a release image's tag; images named by digest say none."""
    found = re.search(r":(\d+\.\d+\.\d+[\w.+-]*?)(-(x86_64|amd64|aarch64|arm64|multi|ppc64le|s390x))?$", image)
    return found.group(1) if found else "0.0.0"


def reconcile(world: World, cluster: dict) -> None:
    """One round for one HostedCluster."""
    if is_deleting(cluster):
        _delete(world, cluster)
        return
    if cluster["spec"].get("pausedUntil", "").lower() == "true":
        world.set_status(HOSTED_CLUSTER, cluster, {"conditions": conditions.merged(cluster, [
            ("ReconciliationActive", False, "ReconciliationPaused", "Reconciliation paused until field removed")], True)})
        return
    cluster = _default(world, world.add_finalizer(HOSTED_CLUSTER, cluster, HYPERSHIFT_FINALIZER))
    problem = _problem(world, cluster)
    if problem:
        _show_problem(world, cluster, problem)
        return
    namespace, name = key_of(cluster)
    _ensure_namespace(world, cluster)
    tenant = world.tenants.ensure(namespace, name)
    if tenant.ready:
        _publish(world, cluster, tenant)
    _show(world, cluster, tenant)


def _default(world: World, cluster: dict) -> dict:
    """The identities that the operator gives a cluster which was made without them."""
    missing = {}
    if not cluster["spec"].get("infraID"):
        missing["infraID"] = f"{cluster['metadata']['name'][:200]}-{secrets.token_hex(3)[:5]}"
    if not cluster["spec"].get("clusterID"):
        missing["clusterID"] = str(uuid.uuid4())
    return world.change(HOSTED_CLUSTER, cluster, {"spec": missing}) or cluster if missing else cluster


def _problem(world: World, cluster: dict) -> tuple[str, str] | None:
    """(reason, message) of what keeps the operator from going on. Looked for only until the control plane exists."""
    namespace, name = key_of(cluster)
    if world.tenants.get(namespace, name):
        return None
    spec = cluster["spec"]
    if spec["platform"]["type"] != "Agent" or "agent" not in spec["platform"]:
        return "UnsupportedHostedCluster", f"this site has no platform {spec['platform']['type']}"
    # Asked of the API itself, not of our watch: that may be behind the watch which told of the cluster.
    if world.hub.get(NAMESPACE, None, spec["platform"]["agent"]["agentNamespace"]) is None:
        return "InvalidConfiguration", f"agent namespace {spec['platform']['agent']['agentNamespace']} not found"
    problem = pull_secret_problem(world, namespace, spec["pullSecret"])
    if problem:
        return "SecretNotFound", problem
    key_name = spec.get("sshKey", {}).get("name")
    if key_name:
        key = world.hub.get(SECRET, namespace, key_name)
        if key is None or "id_rsa.pub" not in key.get("data", {}):
            return "SecretNotFound", f"ssh key secret {namespace}/{key_name} with key id_rsa.pub not found"
    return None


def _show_problem(world: World, cluster: dict, problem: tuple[str, str]) -> None:
    reason, message = problem
    world.complain((HOSTED_CLUSTER.kind, *key_of(cluster)), message)
    world.set_status(HOSTED_CLUSTER, cluster, {"conditions": conditions.merged(cluster, [
        ("Available", False, "WaitingForAvailable", message),
        ("ValidConfiguration", False, reason, message),
        ("ReconciliationSucceeded", False, "ReconciliationError", message)], True)})


def _ensure_namespace(world: World, cluster: dict) -> None:
    namespace, name = key_of(cluster)
    own = control_plane_namespace(namespace, name)
    if world.get(NAMESPACE, None, own) is None:
        world.create(NAMESPACE, {"metadata": {"name": own, "labels": {
            "hypershift.openshift.io/hosted-control-plane": "true",
            "pod-security.kubernetes.io/enforce": "restricted"}}})


def _publish(world: World, cluster: dict, tenant: Tenant) -> None:
    """The secrets that a cluster's owner reads, in the HostedCluster's namespace."""
    if cluster.get("status", {}).get("kubeconfig"):
        return
    namespace, name = key_of(cluster)
    for suffix, data in (("admin-kubeconfig", {"kubeconfig": tenant.server.kubeconfig("cluster")}),
                         ("kubeadmin-password", {"password": _password()})):
        world.create(SECRET, {
            "metadata": {"name": f"{name}-{suffix}", "namespace": namespace,
                         "labels": {"hypershift.openshift.io/safe-to-delete-with-cluster": "true"}},
            "type": "Opaque",
            "data": {key: base64.b64encode(value.encode()).decode() for key, value in data.items()}})


def _password() -> str:
    return "-".join(secrets.token_urlsafe(6)[:5] for _turn in range(4))


def _show(world: World, cluster: dict, tenant: Tenant) -> None:
    name, up = cluster["metadata"]["name"], tenant.ready
    status = {"version": _version(cluster, tenant), "payloadArch": "AMD64",
              "conditions": conditions.merged(cluster, _conditions(up), True)}
    if up:
        status |= {
            "kubeconfig": {"name": f"{name}-admin-kubeconfig"},
            "kubeadminPassword": {"name": f"{name}-kubeadmin-password"},
            "controlPlaneEndpoint": {"host": tenant.server.address, "port": HUB_PORT},
            "ignitionEndpoint": f"{world.layout.image_address}:{IMAGE_PORT}",
        }
    world.set_status(HOSTED_CLUSTER, cluster, status)


def _conditions(up: bool) -> list[tuple]:
    """As of a control plane that starts, or runs."""
    good = "AsExpected"
    waiting = "Waiting for Kube APIServer deployment to become available"
    return [
        ("Available", up, good if up else "WaitingForAvailable",
         "The hosted control plane is available" if up else waiting),
        ("Progressing", not up, good if up else "Progressing",
         "HostedCluster is at expected version" if up else "The hosted cluster is progressing"),
        ("Degraded", False, good, "The hosted cluster is not degraded"),
        ("EtcdAvailable", True, "QuorumAvailable", ""),
        ("KubeAPIServerAvailable", up, good if up else "WaitingForAvailable",
         "Kube APIServer deployment is available" if up else waiting),
        ("InfrastructureReady", True, good, "All is well"),
        ("IgnitionEndpointAvailable", up, good if up else "WaitingForAvailable", "Ignition server deployment"),
        ("ValidHostedControlPlaneConfiguration", True, good, "Configuration passes validation"),
        ("ValidConfiguration", True, good, "Configuration passes validation"),
        ("SupportedHostedCluster", True, good, "HostedCluster is supported by operator configuration"),
        ("ValidReleaseImage", True, good, "Release image is valid"),
        ("ValidReleaseInfo", True, good, "All is well"),
        ("ReconciliationActive", True, good, "Reconciliation active on resource"),
        ("ReconciliationSucceeded", True, "ReconciliatonSucceeded", "Reconciliation completed successfully"),
    ]


def _version(cluster: dict, tenant: Tenant) -> dict:
    """``status.version``: complete only once the cluster has a node, for its operators run on nodes."""
    image = cluster["spec"]["release"]["image"]
    version = release_version(image)
    complete = tenant.ready and any(conditions.status_of(node, "Ready") == "True" for node in tenant.nodes.items())
    history = list(cluster.get("status", {}).get("version", {}).get("history", []))
    if not history or history[0]["image"] != image:
        history.insert(0, {"state": "Partial", "startedTime": conditions.now(), "completionTime": None,
                           "image": image, "version": version, "verified": False})
    if complete and history[0]["state"] == "Partial":
        history[0] = {**history[0], "state": "Completed", "completionTime": conditions.now()}
    return {"desired": {"image": image, "version": version}, "availableUpdates": None, "history": history,
            "observedGeneration": cluster["metadata"]["generation"]}


def _delete(world: World, cluster: dict) -> None:
    """Node pools first, then the machines that are left, then the control plane and all that it stored."""
    namespace, name = key_of(cluster)
    own = control_plane_namespace(namespace, name)
    pools = [pool for pool in world.items(NODE_POOL)
             if key_of(pool)[0] == namespace and pool["spec"]["clusterName"] == name]
    for pool in pools:
        world.delete(NODE_POOL, pool)
    if pools or any(key_of(machine)[0] == own for machine in world.items(MACHINE)):
        return
    if world.tenants.get(namespace, name):
        log.info("HostedCluster %s/%s: tearing its control plane down", namespace, name)
        world.tenants.tear_down(namespace, name)
    for suffix in ("admin-kubeconfig", "kubeadmin-password"):
        world.hub.delete(SECRET, namespace, f"{name}-{suffix}")
    control_plane = world.get(NAMESPACE, None, own)
    if control_plane:
        world.delete(NAMESPACE, control_plane)
        return
    world.drop_finalizer(HOSTED_CLUSTER, cluster, HYPERSHIFT_FINALIZER)
