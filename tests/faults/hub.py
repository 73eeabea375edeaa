"""What the hub has of a cluster, asked with a client of the tests' own."""

from __future__ import annotations

import kubernetes

KINDS = (
    ("hypershift.openshift.io", "v1beta1", "hostedclusters"), ("hypershift.openshift.io", "v1beta1", "nodepools"),
    ("agent-install.openshift.io", "v1beta1", "infraenvs"), ("agent-install.openshift.io", "v1beta1", "nmstateconfigs"),
    ("agent-install.openshift.io", "v1beta1", "agents"), ("cluster.open-cluster-management.io", "v1", "managedclusters"),
    ("cluster.x-k8s.io", "v1beta1", "machines"),
)


def objects_of(lab, cluster: str) -> list[str]:
    """Namespaces and objects of our kinds in which the cluster's name appears: there is to be none after a release."""
    client = kubernetes.config.new_client_from_config(str(lab.directory / "hub.kubeconfig"))
    custom = kubernetes.client.CustomObjectsApi(client)
    namespaces = [item.metadata.name for item in kubernetes.client.CoreV1Api(client).list_namespace(_request_timeout=10).items]
    left = [f"Namespace {name}" for name in namespaces if name.startswith(cluster)]
    for group, version, plural in KINDS:
        for item in custom.list_cluster_custom_object(group, version, plural, _request_timeout=10)["items"]:
            metadata = item["metadata"]
            if cluster in (metadata["name"], metadata.get("namespace"), (metadata.get("labels") or {}).get("leasehold.cloud/cluster")):
                left.append(f"{plural} {metadata.get('namespace', '')}/{metadata['name']}")
    return left
