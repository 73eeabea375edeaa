"""The kubelets of installed servers, and the tenants' node lifecycle controller: Nodes come, beat, and fall silent."""

from __future__ import annotations

import logging
import time

from lab.hub.api import ApiError
from lab.physics import conditions, inventory
from lab.physics.memory import Disk
from lab.physics.resources import LEASE, NODE, POD, is_deleting, key_of
from lab.physics.tenants import Tenant
from lab.physics.world import World

log = logging.getLogger(__name__)

HEARTBEAT = 10.0  # seconds, the kubelet's own default
LEASES = "kube-node-lease"
KUBELET_VERSION = "v1.36.3"


def reconcile(world: World) -> None:
    """One round for every node of every cluster."""
    running: dict[tuple[str, str], dict[str, str]] = {}  # by cluster: server by node name
    for name in world.places:
        disk = world.memory.installed(name)
        if disk:
            running.setdefault((disk.namespace, disk.cluster), {})[disk.node] = name
    for tenant in world.tenants.all():
        if tenant.ready:
            own = running.get((tenant.namespace, tenant.cluster), {})
            for node, server in own.items():
                world.attempt(("kubelet", server), _beat, world, tenant, server, node)
            world.attempt(("node-lifecycle", tenant.cluster), _notice_silence, tenant, set(own))
            world.attempt(("pods", tenant.cluster), _run_pods, world, tenant, own)


def _beat(world: World, tenant: Tenant, server: str, name: str) -> None:
    """Register once a boot; then say every few seconds that the node is ready."""
    boot = world.memory.boots[server]
    node = tenant.nodes.get(None, name)
    if node is None:
        if not boot.registered:
            tenant.nodes.note(_register(world, tenant, server, boot.disk))
            boot.registered = True
            world.memory.save()
            world.wake.set()
        return  # deleted by somebody: a kubelet registers again only when it is restarted
    boot.registered = True
    if conditions.status_of(node, "Ready") != "True":
        _set_ready(tenant, node, "True", "KubeletReady", "kubelet is posting ready status")
    if world.beats.get(server, 0.0) <= time.monotonic():
        world.beats[server] = time.monotonic() + HEARTBEAT
        _renew(tenant, node)


def _register(world: World, tenant: Tenant, server: str, disk: Disk) -> dict:
    place = world.places[server]
    capacity = {"cpu": str(inventory.CORES[place.server_class]),
                "memory": f"{inventory.MEMORY_GIB[place.server_class]}Gi", "pods": "250"}
    labels = {"kubernetes.io/hostname": disk.node, "kubernetes.io/os": "linux", "kubernetes.io/arch": "amd64",
              "node-role.kubernetes.io/worker": "", **disk.labels}
    node = {"metadata": {"name": disk.node, "labels": labels},
            "spec": {"providerID": disk.provider_id, "taints": disk.taints},
            "status": {"capacity": capacity, "allocatable": capacity,
                       "addresses": [{"type": "InternalIP", "address": disk.image.network.address},
                                     {"type": "Hostname", "address": disk.node}],
                       "nodeInfo": _node_info(place.uuid)}}
    log.info("node %s registers with cluster %s/%s", disk.node, tenant.namespace, tenant.cluster)
    try:
        created = tenant.api.create(NODE, node)
    except ApiError as error:
        if error.reason != "AlreadyExists":
            raise
        return tenant.api.get(NODE, None, disk.node)
    return _set_ready(tenant, created, "True", "KubeletReady", "kubelet is posting ready status")


def _node_info(uuid: str) -> dict:
    return {"architecture": "amd64", "operatingSystem": "linux", "kernelVersion": "5.14.0",
            "osImage": "Red Hat Enterprise Linux CoreOS (played by the lab)", "kubeletVersion": KUBELET_VERSION,
            "kubeProxyVersion": "", "containerRuntimeVersion": "cri-o://1.36.0", "machineID": uuid.replace("-", ""),
            "systemUUID": uuid, "bootID": uuid}


def _set_ready(tenant: Tenant, node: dict, status: str, reason: str, message: str) -> dict:
    now = conditions.now()
    ready = {"type": "Ready", "status": status, "reason": reason, "message": message, "lastHeartbeatTime": now,
             "lastTransitionTime": now}
    others = [condition for condition in node.get("status", {}).get("conditions", []) if condition["type"] != "Ready"]
    patched = tenant.api.patch(NODE, None, key_of(node)[1], {"status": {"conditions": [*others, ready]}}, "status")
    tenant.nodes.note(patched)
    return patched


def _renew(tenant: Tenant, node: dict) -> None:
    name = key_of(node)[1]
    owner = {"apiVersion": "v1", "kind": "Node", "name": name, "uid": node["metadata"]["uid"]}
    tenant.api.apply({"apiVersion": LEASE.api_version, "kind": LEASE.kind,
                      "metadata": {"name": name, "namespace": LEASES, "ownerReferences": [owner]},
                      "spec": {"holderIdentity": name, "leaseDurationSeconds": 40,
                               "renewTime": conditions.now(micro=True)}}, LEASE, "kubelet")


def _notice_silence(tenant: Tenant, running: set[str]) -> None:
    """Nodes whose kubelet is gone turn Unknown; the Lease of a node that is deleted goes with it."""
    for node in tenant.nodes.items():
        if key_of(node)[1] not in running and conditions.status_of(node, "Ready") == "True":
            log.info("node %s fell silent", key_of(node)[1])
            _set_ready(tenant, node, "Unknown", "NodeStatusUnknown", "Kubelet stopped posting node status.")


def _run_pods(world: World, tenant: Tenant, running: dict[str, str]) -> None:
    """Pods bound to a running node run; those that are to go, go; those whose node is deleted, too."""
    for pod in tenant.pods.items():
        node = pod["spec"].get("nodeName")
        orphaned = node is not None and tenant.nodes.get(None, node) is None  # Kubernetes' own pod garbage collector
        if node not in running and not orphaned:
            continue
        namespace, name = key_of(pod)
        if is_deleting(pod) or orphaned:
            tenant.api.delete(POD, namespace, name, gracePeriodSeconds=0)
        elif pod.get("status", {}).get("phase") == "Pending":
            tenant.pods.note(tenant.api.patch(POD, namespace, name, {"status": _running(pod)}, "status"))


def _running(pod: dict) -> dict:
    now = conditions.now()
    return {
        "phase": "Running", "startTime": now,
        "conditions": [{"type": kind, "status": "True", "lastTransitionTime": now}
                       for kind in ("PodScheduled", "Initialized", "ContainersReady", "Ready")],
        "containerStatuses": [
            {"name": container["name"], "image": container.get("image", ""), "imageID": container.get("image", ""),
             "ready": True, "started": True, "restartCount": 0, "state": {"running": {"startedAt": now}}}
            for container in pod["spec"]["containers"]],
    }
