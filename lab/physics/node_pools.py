"""HyperShift's node pools and Cluster API's machine sets: as many Machines as a NodePool wants."""

from __future__ import annotations

import logging
import secrets

from lab.physics import conditions
from lab.physics.hosted_clusters import release_version
from lab.physics.resources import (
    AGENT_MACHINE, AGENT_MACHINE_FINALIZER, DELETE_MACHINE, HOSTED_CLUSTER, HYPERSHIFT_FINALIZER, MACHINE,
    MACHINE_FINALIZER, NODE_POOL, NODE_POOL_KEY, annotation, control_plane_namespace, is_deleting, key_of)
from lab.physics.world import World

log = logging.getLogger(__name__)


def reconcile(world: World, pool: dict) -> None:
    """One round for one NodePool."""
    namespace, name = key_of(pool)
    machines = [machine for machine in world.items(MACHINE)
                if annotation(machine, NODE_POOL_KEY) == f"{namespace}/{name}"]
    if is_deleting(pool):
        for machine in machines:
            world.delete(MACHINE, machine)
        if not machines:
            world.drop_finalizer(NODE_POOL, pool, HYPERSHIFT_FINALIZER)
        return
    cluster = world.get(HOSTED_CLUSTER, namespace, pool["spec"]["clusterName"])
    if cluster is None or is_deleting(cluster):
        return
    pool = world.add_finalizer(NODE_POOL, pool, HYPERSHIFT_FINALIZER)
    tenant = world.tenants.get(namespace, pool["spec"]["clusterName"])
    if tenant and tenant.ready:
        _scale(world, pool, cluster, machines)
    _show(world, pool, machines)


def deletion_order(machines: list[dict]) -> list[dict]:
    """Cluster API's priorities: what is asked for by annotation, then what never became a node, then the youngest."""
    def priority(machine: dict) -> tuple:
        return (annotation(machine, DELETE_MACHINE) is None, "nodeRef" in machine.get("status", {}))
    youngest_first = sorted(machines, key=lambda machine: machine["metadata"]["creationTimestamp"], reverse=True)
    return sorted(youngest_first, key=priority)


def _scale(world: World, pool: dict, cluster: dict, machines: list[dict]) -> None:
    alive = [machine for machine in machines if not is_deleting(machine)]
    scaling = pool["spec"].get("autoScaling")
    wanted = scaling["min"] if scaling else pool["spec"].get("replicas", 0)
    for _turn in range(wanted - len(alive)):
        _create_machine(world, pool, cluster)
    for machine in deletion_order(alive)[:max(0, len(alive) - wanted)]:
        log.info("NodePool %s/%s: removing Machine %s", *key_of(pool), key_of(machine)[1])
        world.delete(MACHINE, machine)


def _create_machine(world: World, pool: dict, cluster: dict) -> None:
    namespace, pool_name = key_of(pool)
    own = control_plane_namespace(namespace, pool["spec"]["clusterName"])
    name, infra_id = f"{pool_name}-{secrets.token_hex(3)[:5]}", cluster["spec"]["infraID"]
    labels = {"cluster.x-k8s.io/cluster-name": infra_id, "cluster.x-k8s.io/deployment-name": pool_name,
              "cluster.x-k8s.io/set-name": pool_name}
    world.create(AGENT_MACHINE, {
        "metadata": {"name": name, "namespace": own, "labels": labels, "finalizers": [AGENT_MACHINE_FINALIZER],
                     "annotations": {NODE_POOL_KEY: f"{namespace}/{pool_name}"}},
        "spec": {"agentLabelSelector": pool["spec"]["platform"].get("agent", {}).get("agentLabelSelector", {})}})
    world.create(MACHINE, {
        "metadata": {"name": name, "namespace": own, "labels": labels, "finalizers": [MACHINE_FINALIZER],
                     "annotations": {NODE_POOL_KEY: f"{namespace}/{pool_name}"}},
        "spec": {"clusterName": infra_id, "bootstrap": {"dataSecretName": f"user-data-{pool_name}"},
                 "version": release_version(pool["spec"]["release"]["image"]),
                 "infrastructureRef": {"apiVersion": AGENT_MACHINE.api_version, "kind": AGENT_MACHINE.kind,
                                       "namespace": own, "name": name}}})


def _show(world: World, pool: dict, machines: list[dict]) -> None:
    alive = [machine for machine in machines if not is_deleting(machine)]
    ready = [machine for machine in alive if conditions.status_of(machine, "NodeHealthy") == "True"]
    scaling = pool["spec"].get("autoScaling")
    wanted = scaling["min"] if scaling else pool["spec"].get("replicas", 0)
    world.set_status(NODE_POOL, pool, {
        "replicas": len([machine for machine in machines if machine in ready or _has_node(machine)]),
        "version": release_version(pool["spec"]["release"]["image"]),
        "conditions": conditions.merged(pool, _conditions(wanted, machines, alive, ready), True)})


def _has_node(machine: dict) -> bool:
    return "nodeRef" in machine.get("status", {})


def _conditions(wanted: int, machines: list[dict], alive: list[dict], ready: list[dict]) -> list[tuple]:
    good, count = "AsExpected", f"{len(ready)} of {wanted}"
    machines_ready = len(alive) == wanted and all(
        conditions.status_of(machine, "Ready") == "True" for machine in alive)
    healthy = len(ready) == wanted and len(alive) == wanted
    settled = healthy and len(machines) == wanted
    waiting = [machine for machine in alive if not _has_node(machine)]
    missing = f"{len(waiting)} of {wanted} machines are not ready" + "".join(
        f"\nMachine {key_of(machine)[1]}: {_why(machine)}" for machine in waiting[:5])
    return [
        ("Ready", settled, good if settled else "WaitingForAvailableMachines",
         "All is well" if settled else f"Minimum availability requires {wanted} replicas, current {len(ready)} available"),
        ("AllMachinesReady", machines_ready, good if machines_ready else "WaitingForInfrastructure",
         "All is well" if machines_ready else missing),
        ("AllNodesHealthy", healthy, good if healthy else "NodeProvisioning",
         "All is well" if healthy else f"{count} nodes are healthy"),
        ("ReachedIgnitionEndpoint", bool(ready), good if ready else "ignitionNotReached", ""),
        ("ValidReleaseImage", True, good, "Using release image"),
        ("ValidGeneratedPayload", True, good, "Payload generated successfully"),
        ("ValidMachineConfig", True, good, ""),
        ("ValidArchPlatform", True, good, ""),
        ("SupportedVersionSkew", True, good, "Release image version is valid"),
        ("UpdateManagementEnabled", True, good, ""),
        ("AutoscalingEnabled", False, good, ""),
        ("AutorepairEnabled", False, good, ""),
        ("UpdatingVersion", False, good, ""),
        ("UpdatingConfig", False, good, ""),
        ("ReconciliationActive", True, "ReconciliationActive", "Reconciliation active on resource"),
    ]


def _why(machine: dict) -> str:
    for condition in machine.get("status", {}).get("conditions", []):
        if condition["type"] == "InfrastructureReady" and condition["status"] != "True":
            return f"{condition.get('reason', '')}: {condition.get('message', '')}"
    return "waiting for its node"
