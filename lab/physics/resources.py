"""The kinds that the physics reads and writes, and the names which their controllers give things."""

from __future__ import annotations

from lab.hub.api import Resource

NAMESPACE = Resource("", "v1", "namespaces", "Namespace", namespaced=False)
SECRET = Resource("", "v1", "secrets", "Secret")
NODE = Resource("", "v1", "nodes", "Node", namespaced=False)
POD = Resource("", "v1", "pods", "Pod")
LEASE = Resource("coordination.k8s.io", "v1", "leases", "Lease")
HOSTED_CLUSTER = Resource("hypershift.openshift.io", "v1beta1", "hostedclusters", "HostedCluster")
NODE_POOL = Resource("hypershift.openshift.io", "v1beta1", "nodepools", "NodePool")
INFRA_ENV = Resource("agent-install.openshift.io", "v1beta1", "infraenvs", "InfraEnv")
NMSTATE_CONFIG = Resource("agent-install.openshift.io", "v1beta1", "nmstateconfigs", "NMStateConfig")
AGENT = Resource("agent-install.openshift.io", "v1beta1", "agents", "Agent")
AGENT_MACHINE = Resource("capi-provider.agent-install.openshift.io", "v1beta1", "agentmachines", "AgentMachine")
MACHINE = Resource("cluster.x-k8s.io", "v1beta1", "machines", "Machine")
MANAGED_CLUSTER = Resource("cluster.open-cluster-management.io", "v1", "managedclusters", "ManagedCluster",
                           namespaced=False)

WATCHED = (NAMESPACE, HOSTED_CLUSTER, NODE_POOL, INFRA_ENV, NMSTATE_CONFIG, AGENT, AGENT_MACHINE, MACHINE,
           MANAGED_CLUSTER)

INFRA_ENV_LABEL = "infraenvs.agent-install.openshift.io"
AGENT_MACHINE_LABEL = "agentMachineRef"
AGENT_MACHINE_NAMESPACE = "agentMachineRefNamespace"
NODE_POOL_KEY = "hypershift.openshift.io/nodePool"
DELETE_MACHINE = "cluster.x-k8s.io/delete-machine"

HYPERSHIFT_FINALIZER = "hypershift.openshift.io/finalizer"
INFRA_ENV_FINALIZER = "infraenv.agent-install.openshift.io/ai-deprovision"
AGENT_FINALIZER = "agent.agent-install.openshift.io/ai-deprovision"
AGENT_MACHINE_FINALIZER = "agentmachine.agent-install.openshift.io/deprovision"
MACHINE_FINALIZER = "machine.cluster.x-k8s.io"
MANAGED_CLUSTER_FINALIZER = "cluster.open-cluster-management.io/api-resource-cleanup"


def key_of(item: dict) -> tuple[str | None, str]:
    """(namespace, name)."""
    return item["metadata"].get("namespace"), item["metadata"]["name"]


def is_deleting(item: dict) -> bool:
    return "deletionTimestamp" in item["metadata"]


def label(item: dict, name: str) -> str | None:
    return item["metadata"].get("labels", {}).get(name)


def annotation(item: dict, name: str) -> str | None:
    return item["metadata"].get("annotations", {}).get(name)


def control_plane_namespace(namespace: str, name: str) -> str:
    """HyperShift's own rule for the namespace of a hosted control plane."""
    return f"{namespace}-{name}".replace(".", "-")


def matches(selector: dict | None, labels: dict) -> bool:
    """Whether a LabelSelector selects these labels (none selects nothing, an empty one everything)."""
    if selector is None:
        return False
    exact = all(labels.get(key) == value for key, value in selector.get("matchLabels", {}).items())
    return exact and all(_fits(term, labels) for term in selector.get("matchExpressions", []))


def _fits(term: dict, labels: dict) -> bool:
    present, values = term["key"] in labels, term.get("values", [])
    answers = {
        "In": present and labels.get(term["key"]) in values,
        "NotIn": labels.get(term["key"]) not in values,
        "Exists": present,
        "DoesNotExist": not present,
    }
    return answers[term["operator"]]
