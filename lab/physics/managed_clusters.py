"""Open Cluster Management: a ManagedCluster of a hosted cluster joins once that cluster's API answers."""

from __future__ import annotations

from lab.physics import conditions
from lab.physics.kubelets import KUBELET_VERSION
from lab.physics.resources import (
    HOSTED_CLUSTER, MANAGED_CLUSTER, MANAGED_CLUSTER_FINALIZER, NAMESPACE, is_deleting, key_of, label)
from lab.physics.world import World

OWN_NAMESPACE = "open-cluster-management.io/cluster-name"  # label of the namespace that the hub makes for a cluster


def reconcile(world: World, managed: dict) -> None:
    """One round for one ManagedCluster; the hosted cluster it stands for has its name."""
    name = key_of(managed)[1]
    if is_deleting(managed):
        _delete(world, managed)
        return
    managed = world.add_finalizer(MANAGED_CLUSTER, managed, MANAGED_CLUSTER_FINALIZER)
    if not managed["spec"].get("hubAcceptsClient"):
        world.set_status(MANAGED_CLUSTER, managed, {"conditions": conditions.merged(managed, [
            ("HubAcceptedManagedCluster", False, "HubClusterAdminDenied", "Denied by hub cluster admin")], True)})
        return
    if world.get(NAMESPACE, None, name) is None:
        world.create(NAMESPACE, {"metadata": {"name": name, "labels": {OWN_NAMESPACE: name}}})
    _show(world, managed, _hosted_cluster(world, managed))


def _hosted_cluster(world: World, managed: dict) -> dict | None:
    name = key_of(managed)[1]
    return next((cluster for cluster in world.items(HOSTED_CLUSTER)
                 if key_of(cluster)[1] == name and not is_deleting(cluster)), None)


def _show(world: World, managed: dict, cluster: dict | None) -> None:
    tenant = world.tenants.get(*key_of(cluster)) if cluster else None
    joined = conditions.status_of(managed, "ManagedClusterJoined") == "True"
    wanted = [("HubAcceptedManagedCluster", True, "HubClusterAdminAccepted", "Accepted by hub cluster admin")]
    status: dict = {}
    if tenant and tenant.ready:
        wanted += [("ManagedClusterJoined", True, "ManagedClusterJoined", "Managed cluster joined"),
                   ("ManagedClusterConditionAvailable", True, "ManagedClusterAvailable", "Managed cluster is available")]
        status = {"version": {"kubernetes": KUBELET_VERSION},
                  "clusterClaims": [{"name": "id.k8s.io", "value": cluster["spec"]["clusterID"]},
                                    {"name": "kubeversion.open-cluster-management.io", "value": KUBELET_VERSION}]}
    elif joined:
        wanted.append(("ManagedClusterConditionAvailable", "Unknown", "ManagedClusterLeaseUpdateStopped",
                       "Registration agent stopped updating its lease."))
    world.set_status(MANAGED_CLUSTER, managed, {**status, "conditions": conditions.merged(managed, wanted, True)})


def _delete(world: World, managed: dict) -> None:
    """The hub removes the namespace that it made itself, and leaves one that was there before."""
    namespace = world.get(NAMESPACE, None, key_of(managed)[1])
    if namespace and label(namespace, OWN_NAMESPACE) == key_of(managed)[1]:
        world.delete(NAMESPACE, namespace)
    world.drop_finalizer(MANAGED_CLUSTER, managed, MANAGED_CLUSTER_FINALIZER)
