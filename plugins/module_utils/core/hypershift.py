# Copyright: (c) 2026, leasehold.cloud contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The hub's objects of a cluster with a hosted control plane on bare metal: what each must say.

Fields are those of the projects' published API: C(hypershift.openshift.io/v1beta1) (openshift/hypershift, how-to/agent),
C(agent-install.openshift.io/v1beta1) (openshift/assisted-service, docs/hive-integration), C(cluster.x-k8s.io/v1beta1)
and C(cluster.open-cluster-management.io/v1). Everything of a cluster lies in one namespace of the cluster's name; only
the ManagedCluster has none. HyperShift itself makes the control plane's namespace, C(<cluster>-<cluster>).
"""

from __future__ import annotations

import base64
import dataclasses
import ipaddress
import re
from collections.abc import Iterable, Mapping, Sequence

from ansible_collections.leasehold.cloud.plugins.module_utils.core.claims import Order, Segment
from ansible_collections.leasehold.cloud.plugins.module_utils.core.errors import InvalidOrder
from ansible_collections.leasehold.cloud.plugins.module_utils.core.models import Server

MANAGED_BY = {"app.kubernetes.io/managed-by": "leasehold"}
CLUSTER = "leasehold.cloud/cluster"
TENANT = "leasehold.cloud/tenant"
NODE_SET = "leasehold.cloud/node-set"
DELETE_MACHINE = "cluster.x-k8s.io/delete-machine"  # Cluster API removes machines so annotated first
SAFE_TO_DELETE = "hypershift.openshift.io/safe-to-delete-with-cluster"
AGENT_ROLE = "capi-provider-role"  # HyperShift's Agent platform binds its provider to a Role of this name
SERVICES = ("Ignition", "Konnectivity", "OAuthServer", "OIDC")  # beside APIServer
SETTINGS = {
    "availability": "HighlyAvailable", "cluster_network": "10.132.0.0/14", "service_network": "172.31.0.0/16",
    "etcd_size": "8Gi", "hosting_cluster": "local-cluster", "api_address": None, "dns_servers": None,
    "etcd_storage_class": None,
}
REQUIRED_SETTINGS = ("release_image", "base_domain")
# The control plane's namespace is <name>-<name> and must fit a DNS label of 63.
NAME = re.compile(r"[a-z]([-a-z0-9]{0,29}[a-z0-9])?")
RESERVED = re.compile(r"(kube|openshift|open-cluster-management|multicluster)(-.*)?|default|local-cluster|hypershift|hive")


@dataclasses.dataclass(frozen=True)
class Resource:
    """Where the Kubernetes API has a kind."""

    api_version: str
    kind: str
    plural: str
    namespaced: bool = True

    def path(self, namespace: str | None, name: str | None = None) -> str:
        """The URL path of the collection, or of one object."""
        root = "/api" if self.api_version == "v1" else "/apis"
        scope = f"/namespaces/{namespace}" if self.namespaced and namespace else ""
        return f"{root}/{self.api_version}{scope}/{self.plural}{f'/{name}' if name else ''}"


HYPERSHIFT = "hypershift.openshift.io/v1beta1"
ASSISTED = "agent-install.openshift.io/v1beta1"
RESOURCES = {resource.kind: resource for resource in (
    Resource("v1", "Namespace", "namespaces", namespaced=False),
    Resource("v1", "Node", "nodes", namespaced=False),
    Resource("v1", "Pod", "pods"),
    Resource("v1", "Secret", "secrets"),
    Resource("rbac.authorization.k8s.io/v1", "Role", "roles"),
    Resource(HYPERSHIFT, "HostedCluster", "hostedclusters"),
    Resource(HYPERSHIFT, "NodePool", "nodepools"),
    Resource(ASSISTED, "InfraEnv", "infraenvs"),
    Resource(ASSISTED, "NMStateConfig", "nmstateconfigs"),
    Resource(ASSISTED, "Agent", "agents"),
    Resource("cluster.x-k8s.io/v1beta1", "Machine", "machines"),
    Resource("cluster.open-cluster-management.io/v1", "ManagedCluster", "managedclusters", namespaced=False),
)}


def hosted_namespace(cluster: str) -> str:
    """HyperShift's namespace of a cluster's control plane and machines."""
    return f"{cluster}-{cluster}"


def node_pool_name(cluster: str, node_set: str) -> str:
    return f"{cluster}-{node_set}"


def labels(cluster: str, tenant: str | None = None) -> dict:
    """The labels of everything that is ours."""
    return {**MANAGED_BY, CLUSTER: cluster, **({TENANT: tenant} if tenant else {})}


def check_name(cluster: str) -> None:
    """Refuse names that the hub could not hold, or that mean something else there.

    :raises InvalidOrder:
    """
    if NAME.fullmatch(cluster) and not RESERVED.fullmatch(cluster):
        return
    raise InvalidOrder(
        f"{cluster} cannot be a cluster's name on a hub", object=f"order: cluster_name {cluster}",
        attempted="naming the hub's objects",
        remedy="choose up to 31 lower-case letters, digits and dashes that begin with a letter and are no name of the "
               "hub's own namespaces",
    )


def manifests(order: Order, segment: Segment, servers: Sequence[Server]) -> list[dict]:
    """Every object of a cluster on the hub but its Secrets, in the order in which to apply them.

    :param order: C(settings) are the template's: C(release_image), C(base_domain), and what SETTINGS names.
    :param servers: the servers that the cluster shall have, each with its node set and leased address.
    :raises InvalidOrder: for a name the hub cannot hold, or a template without release image or base domain.
    """
    cluster, tenant = order.name, order.tenant
    check_name(cluster)
    settings = _settings(cluster, order.settings)
    objects = [_object("v1", "Namespace", cluster, cluster, tenant)]
    objects.append(_agent_role(cluster, tenant))
    objects.extend(_nmstate_config(cluster, tenant, segment, server, settings) for server in servers)
    objects.append(_infra_env(cluster, tenant))
    objects.append(_hosted_cluster(cluster, tenant, segment, settings))
    for node_set in order.node_sets:
        members = sum(server.node_set == node_set.name for server in servers)
        objects.append(_node_pool(cluster, tenant, node_set.name, members, settings))
    objects.append(_managed_cluster(cluster, tenant, settings))
    return objects


def secrets(cluster: str, tenant: str | None, pull_secret: str, ssh_authorized_key: str) -> list[dict]:
    """The Secrets that the manifests refer to: the pull secret (a dockerconfigjson) and the SSH key (public)."""
    contents = {
        pull_secret_name(cluster): ("kubernetes.io/dockerconfigjson", {".dockerconfigjson": pull_secret}),
        ssh_key_name(cluster): ("Opaque", {"id_rsa.pub": ssh_authorized_key}),  # the key that HyperShift reads
    }
    found = []
    for name, (kind, data) in contents.items():
        secret = _object("v1", "Secret", name, cluster, tenant, namespace=cluster)
        secret["metadata"]["labels"][SAFE_TO_DELETE] = "true"
        secret["type"] = kind
        secret["data"] = {key: base64.b64encode(text.encode()).decode() for key, text in data.items()}
        found.append(secret)
    return found


def pull_secret_name(cluster: str) -> str:
    return f"{cluster}-pull-secret"


def ssh_key_name(cluster: str) -> str:
    return f"{cluster}-ssh-key"


def _settings(cluster: str, given: Mapping) -> dict:
    settings = {name: given.get(name) or default for name, default in SETTINGS.items()}
    for name in REQUIRED_SETTINGS:
        if not given.get(name):
            raise InvalidOrder(
                f"the template does not say {name}", object=f"cluster {cluster}", attempted="describing its control plane",
                remedy=f"add {name} to the template's defaults",
            )
        settings[name] = given[name]
    return settings


def _object(api_version: str, kind: str, name: str, cluster: str, tenant: str | None, namespace: str | None = None) -> dict:
    metadata: dict = {"name": name, "labels": labels(cluster, tenant)}
    if namespace:
        metadata["namespace"] = namespace
    return {"apiVersion": api_version, "kind": kind, "metadata": metadata}


def _agent_role(cluster: str, tenant: str | None) -> dict:
    role = _object("rbac.authorization.k8s.io/v1", "Role", AGENT_ROLE, cluster, tenant, namespace=cluster)
    role["rules"] = [{"apiGroups": ["agent-install.openshift.io"], "resources": ["agents"], "verbs": ["*"]}]
    return role


def _infra_env(cluster: str, tenant: str | None) -> dict:
    infra_env = _object(ASSISTED, "InfraEnv", cluster, cluster, tenant, namespace=cluster)
    infra_env["spec"] = {
        "pullSecretRef": {"name": pull_secret_name(cluster)},
        "nmStateConfigLabelSelector": {"matchLabels": {CLUSTER: cluster}},
    }
    return infra_env


def _nmstate_config(cluster: str, tenant: str | None, segment: Segment, server: Server, settings: Mapping) -> dict:
    config = _object(ASSISTED, "NMStateConfig", server.name, cluster, tenant, namespace=cluster)
    config["spec"] = {
        "interfaces": [{"name": nic.name, "macAddress": nic.mac} for nic in server.nics],
        "config": network_state(server, segment, settings["dns_servers"]),
    }
    return config


def network_state(server: Server, segment: Segment, dns_servers: Sequence[str] | None = None) -> dict:
    """The nmstate document of a server: its leased address on C(bond0) over its NICs, or on its only NIC."""
    network = ipaddress.ip_network(segment.prefix)
    mine, other = ("ipv4", "ipv6") if network.version == 4 else ("ipv6", "ipv4")
    addressed = {
        "state": "up", other: {"enabled": False},
        mine: {"enabled": True, "dhcp": False,
               "address": [{"ip": server.address, "prefix-length": network.prefixlen}]},
    }
    ports = [{"name": nic.name, "type": "ethernet", "mac-address": nic.mac} for nic in server.nics]
    if len(ports) == 1:
        interfaces = [{**ports[0], **addressed}]
    else:
        unaddressed = {"state": "up", "ipv4": {"enabled": False}, "ipv6": {"enabled": False}}
        aggregation = {"mode": "active-backup", "options": {"miimon": "100"}, "port": [port["name"] for port in ports]}
        bond = {"name": "bond0", "type": "bond", "link-aggregation": aggregation, **addressed}
        interfaces = [bond, *({**port, **unaddressed} for port in ports)]
    route = {"destination": "0.0.0.0/0" if network.version == 4 else "::/0", "next-hop-address": segment.gateway,
             "next-hop-interface": interfaces[0]["name"], "table-id": 254}
    return {
        "interfaces": interfaces, "routes": {"config": [route]},
        "dns-resolver": {"config": {"server": list(dns_servers or [segment.gateway])}},
    }


def _hosted_cluster(cluster: str, tenant: str | None, segment: Segment, settings: Mapping) -> dict:
    volume = {"size": settings["etcd_size"]}
    if settings["etcd_storage_class"]:
        volume["storageClassName"] = settings["etcd_storage_class"]
    hosted = _object(HYPERSHIFT, "HostedCluster", cluster, cluster, tenant, namespace=cluster)
    hosted["spec"] = {
        "release": {"image": settings["release_image"]},
        "pullSecret": {"name": pull_secret_name(cluster)},
        "sshKey": {"name": ssh_key_name(cluster)},
        "dns": {"baseDomain": settings["base_domain"]},
        "networking": {
            "networkType": "OVNKubernetes",
            "clusterNetwork": [{"cidr": settings["cluster_network"]}],
            "serviceNetwork": [{"cidr": settings["service_network"]}],
            "machineNetwork": [{"cidr": segment.prefix}],
        },
        "platform": {"type": "Agent", "agent": {"agentNamespace": cluster}},
        "etcd": {"managementType": "Managed",
                 "managed": {"storage": {"type": "PersistentVolume", "persistentVolume": volume}}},
        "services": publishing(settings["api_address"]),
        "controllerAvailabilityPolicy": settings["availability"],
    }
    return hosted


def publishing(api_address: str | None) -> list[dict]:
    """How the control plane's services are reached: node ports at an address, or a load balancer and the hub's routes."""
    if api_address:
        strategy: dict = {"type": "NodePort", "nodePort": {"address": api_address}}
        return [{"service": service, "servicePublishingStrategy": strategy} for service in ("APIServer", *SERVICES)]
    routed = [{"service": service, "servicePublishingStrategy": {"type": "Route"}} for service in SERVICES]
    return [{"service": "APIServer", "servicePublishingStrategy": {"type": "LoadBalancer"}}, *routed]


def _node_pool(cluster: str, tenant: str | None, node_set: str, replicas: int, settings: Mapping) -> dict:
    pool = _object(HYPERSHIFT, "NodePool", node_pool_name(cluster, node_set), cluster, tenant, namespace=cluster)
    pool["metadata"]["labels"][NODE_SET] = node_set
    pool["spec"] = {
        "clusterName": cluster,
        "replicas": replicas,
        "release": {"image": settings["release_image"]},
        "management": {"upgradeType": "InPlace", "autoRepair": False},
        "platform": {"type": "Agent",
                     "agent": {"agentLabelSelector": {"matchLabels": {CLUSTER: cluster, NODE_SET: node_set}}}},
    }
    return pool


def _managed_cluster(cluster: str, tenant: str | None, settings: Mapping) -> dict:
    managed = _object("cluster.open-cluster-management.io/v1", "ManagedCluster", cluster, cluster, tenant)
    managed["metadata"]["labels"].update({"name": cluster, "cloud": "BareMetal", "vendor": "OpenShift"})
    managed["metadata"]["annotations"] = {  # import with the agents on the hub, beside the control plane
        "import.open-cluster-management.io/klusterlet-deploy-mode": "Hosted",
        "import.open-cluster-management.io/hosting-cluster-name": settings["hosting_cluster"],
        "open-cluster-management/created-via": "hypershift",
    }
    managed["spec"] = {"hubAcceptsClient": True, "leaseDurationSeconds": 60}
    return managed


def at_apply(objects: Iterable[Mapping], ssh_authorized_key: str, leaving: Iterable[Mapping] = (),
             machines: Iterable[Mapping] = ()) -> list[dict]:
    """A plan's objects as they are applied now.

    The discovery image gets the site's SSH key, and a node pool keeps its place for every server of it that C(leaving)
    names and that still has a Machine: lowering replicas first would let the hub choose which machine goes.
    """
    staying = {node_name(machine) for machine in machines}
    kept = [server["node_set"] for server in leaving if server["name"] in staying]
    applied = []
    for given in objects:
        spec = dict(given.get("spec") or {})
        if given["kind"] == "InfraEnv" and ssh_authorized_key:
            spec["sshAuthorizedKey"] = ssh_authorized_key
        if given["kind"] == "NodePool":
            spec["replicas"] += kept.count(given["metadata"]["labels"][NODE_SET])
        applied.append({**given, "spec": spec} if spec else dict(given))
    return applied


def agent_macs(agent: Mapping) -> set[str]:
    """The MAC addresses of an Agent's inventory, lower case."""
    inventory = (agent.get("status") or {}).get("inventory") or {}
    return {nic["macAddress"].lower() for nic in inventory.get("interfaces") or [] if nic.get("macAddress")}


def agent_of(server: Mapping, agents: Iterable[Mapping]) -> Mapping | None:
    """The newest Agent that has one of a server's MAC addresses (an older one is left from a former life)."""
    macs = {nic["mac"].lower() for nic in server["nics"]}
    matches = [agent for agent in agents if macs & agent_macs(agent)]
    return max(matches, key=lambda agent: agent["metadata"].get("creationTimestamp") or "", default=None)


def approvals(agents: Sequence[Mapping], servers: Sequence[Mapping], cluster: str, tenant: str | None) -> list[dict]:
    """What to apply to the Agents of C(servers): approved, named, and labelled for their node pools.

    Servers without an Agent are passed over; wait for them first.
    """
    found = []
    for server in servers:
        agent = agent_of(server, agents)
        if agent is None:
            continue
        approved = _object(ASSISTED, "Agent", agent["metadata"]["name"], cluster, tenant, namespace=cluster)
        approved["metadata"]["labels"][NODE_SET] = server["node_set"]
        approved["spec"] = {"approved": True, "hostname": server["name"]}
        found.append(approved)
    return found


def node_name(machine: Mapping) -> str | None:
    """The node that a Machine became, if it has."""
    return ((machine.get("status") or {}).get("nodeRef") or {}).get("name")


def machine_marks(machines: Iterable[Mapping], servers: Iterable[Mapping]) -> list[dict]:
    """What to apply to the Machines of C(servers) so that lower replicas remove them and no others."""
    leaving = {server["name"] for server in servers}
    machine = RESOURCES["Machine"]
    return [
        {"apiVersion": machine.api_version, "kind": machine.kind,
         "metadata": {"name": found["metadata"]["name"], "namespace": found["metadata"]["namespace"],
                      "annotations": {DELETE_MACHINE: "true"}}}
        for found in machines if node_name(found) in leaving
    ]


def leftovers(agents: Sequence[Mapping], servers: Sequence[Mapping], cluster: str) -> list[dict]:
    """The Agents and NMStateConfigs of servers that have left, to be deleted."""
    found = [_reference("NMStateConfig", server["name"], cluster) for server in servers]
    for server in servers:
        macs = {nic["mac"].lower() for nic in server["nics"]}
        found.extend(_reference("Agent", agent["metadata"]["name"], cluster) for agent in agents if macs & agent_macs(agent))
    return found


def references(objects: Iterable[Mapping], kinds: Sequence[str]) -> list[dict]:
    """Only what names the objects of C(kinds): enough to delete them."""
    return [
        _reference(found["kind"], found["metadata"]["name"], found["metadata"].get("namespace"))
        for found in objects if found["kind"] in kinds
    ]


def _reference(kind: str, name: str, namespace: str | None) -> dict:
    metadata = {"name": name, "namespace": namespace} if namespace else {"name": name}
    return {"apiVersion": RESOURCES[kind].api_version, "kind": kind, "metadata": metadata}
