"""Cluster API and its agent provider: a Machine takes an Agent, has it installed, and lets it go again."""

from __future__ import annotations

import logging

from lab.hub.api import ApiError
from lab.physics import agent_states, conditions
from lab.physics.resources import (
    AGENT, AGENT_MACHINE, AGENT_MACHINE_FINALIZER, AGENT_MACHINE_LABEL, AGENT_MACHINE_NAMESPACE, HOSTED_CLUSTER,
    MACHINE, MACHINE_FINALIZER, NODE, NODE_POOL_KEY, POD, annotation, is_deleting, key_of, label, matches)
from lab.physics.tenants import Tenant
from lab.physics.world import World

log = logging.getLogger(__name__)


def reconcile(world: World, machine: dict) -> None:
    """One round for one Machine and the AgentMachine of the same name."""
    agent_machine = world.get(AGENT_MACHINE, *key_of(machine))
    cluster = _cluster_of(world, annotation(machine, NODE_POOL_KEY).partition("/")[0], machine)
    if cluster is None:
        return
    if is_deleting(machine):
        _delete(world, machine, agent_machine, cluster)
        return
    if agent_machine is None:
        return
    agent = _agent_of(world, agent_machine)
    if "agentRef" not in agent_machine.get("status", {}):
        agent = agent or _find_agent(world, agent_machine, cluster)
        if agent is None:
            _show_waiting(world, machine, agent_machine)
            return
    if agent:
        agent_machine = _follow(world, agent_machine, agent)
    else:
        world.complain((MACHINE.kind, *key_of(machine)), "its Agent is gone; delete the Machine to have another")
    _show(world, machine, agent_machine, cluster)


def _cluster_of(world: World, namespace: str, machine: dict) -> dict | None:
    for cluster in world.items(HOSTED_CLUSTER):
        if key_of(cluster)[0] == namespace and cluster["spec"].get("infraID") == machine["spec"]["clusterName"]:
            return cluster
    return None


def _tenant_of(world: World, cluster: dict) -> Tenant | None:
    tenant = world.tenants.get(*key_of(cluster))
    return tenant if tenant and tenant.ready else None


def _agent_of(world: World, agent_machine: dict) -> dict | None:
    """The Agent that the AgentMachine holds, by its reference or (the reference was not written yet) by its label."""
    reference = agent_machine.get("status", {}).get("agentRef")
    if reference:
        return world.get(AGENT, reference["namespace"], reference["name"])
    for agent in world.items(AGENT):
        if label(agent, AGENT_MACHINE_LABEL) == key_of(agent_machine)[1]:
            return agent
    return None


def is_valid(agent: dict) -> bool:
    """The provider's rule: approved, connected, its validations pass, and not bound."""
    return (agent["spec"]["approved"] and not is_deleting(agent)
            and conditions.status_of(agent, "Validated") == "True"
            and conditions.status_of(agent, "Connected") == "True"
            and conditions.status_of(agent, "Bound") == "False")


def _find_agent(world: World, agent_machine: dict, cluster: dict) -> dict | None:
    """Bind the first valid Agent in the cluster's agent namespace that the selector selects."""
    where = cluster["spec"]["platform"]["agent"]["agentNamespace"]
    selector = agent_machine["spec"].get("agentLabelSelector", {})
    own_namespace, own_name = key_of(agent_machine)
    for agent in world.items(AGENT):
        labels = agent["metadata"].get("labels", {})
        if (key_of(agent)[0] == where and AGENT_MACHINE_LABEL not in labels and matches(selector, labels)
                and is_valid(agent)):
            log.info("AgentMachine %s takes Agent %s", own_name, key_of(agent)[1])
            return world.change(AGENT, agent, {
                "metadata": {"labels": {AGENT_MACHINE_LABEL: own_name},
                             "annotations": {AGENT_MACHINE_NAMESPACE: own_namespace}},
                "spec": {"clusterDeploymentName": {"name": key_of(cluster)[1], "namespace": own_namespace}}})
    return None


def _follow(world: World, agent_machine: dict, agent: dict) -> dict:
    """The AgentMachine mirrors its Agent; ready once that is installed."""
    namespace, name = key_of(agent)
    if agent_machine["spec"].get("providerID") is None:
        agent_machine = world.change(AGENT_MACHINE, agent_machine, {
            "spec": {"providerID": f"agent://{name}"}}) or agent_machine
    mirrored = [
        ("AgentReserved", True, "AgentReserved", ""),
        *((own, conditions.status_of(agent, theirs) or "Unknown", "AsExpected", "") for own, theirs in (
            ("AgentSpecSynced", "SpecSynced"), ("AgentValidated", "Validated"),
            ("AgentRequirementsMet", "RequirementsMet"), ("Installed", "Installed"))),
    ]
    return world.set_status(AGENT_MACHINE, agent_machine, {
        "agentRef": {"name": name, "namespace": namespace}, "addresses": _addresses(agent),
        "ready": conditions.status_of(agent, "Installed") == "True",
        "conditions": conditions.merged(agent_machine, mirrored, True)})


def _addresses(agent: dict) -> list[dict]:
    found = [cidr.partition("/")[0] for interface in agent.get("status", {}).get("inventory", {}).get("interfaces", [])
             for cidr in interface["ipV4Addresses"]]
    return [{"type": "InternalIP", "address": address} for address in found]


def _show_waiting(world: World, machine: dict, agent_machine: dict) -> None:
    message = "No suitable Agents: approved, connected, validated, not bound, and matching the NodePool's selector"
    world.set_status(AGENT_MACHINE, agent_machine, {"ready": False, "conditions": conditions.merged(agent_machine, [
        ("AgentReserved", False, "NoSuitableAgents", message)], True)})
    world.set_status(MACHINE, machine, {"phase": "Provisioning", "infrastructureReady": False,
                                        "conditions": conditions.merged(machine, [
                                            ("Ready", False, "WaitingForInfrastructure", message),
                                            ("InfrastructureReady", False, "NoSuitableAgents", message)])})


def _show(world: World, machine: dict, agent_machine: dict, cluster: dict) -> None:
    provider_id = agent_machine["spec"]["providerID"]
    if machine["spec"].get("providerID") != provider_id:
        machine = world.change(MACHINE, machine, {"spec": {"providerID": provider_id}}) or machine
    ready = agent_machine["status"]["ready"]
    node = _node_of(world, machine, cluster)
    healthy = conditions.status_of(node, "Ready") == "True" if node else False
    status = {
        "phase": "Running" if node else "Provisioned" if ready else "Provisioning",
        "bootstrapReady": True, "infrastructureReady": ready, "addresses": agent_machine["status"]["addresses"],
        "conditions": conditions.merged(machine, [
            ("Ready", ready, "AsExpected" if ready else "WaitingForInfrastructure", ""),
            ("InfrastructureReady", ready, "AsExpected" if ready else "AgentNotInstalled", ""),
            ("NodeHealthy", healthy, "AsExpected" if healthy else "NodeProvisioning", "")])}
    if node:
        status["nodeRef"] = {"apiVersion": "v1", "kind": "Node", "name": key_of(node)[1],
                             "uid": node["metadata"]["uid"]}
    world.set_status(MACHINE, machine, status)


def _node_of(world: World, machine: dict, cluster: dict) -> dict | None:
    tenant, provider_id = _tenant_of(world, cluster), machine["spec"].get("providerID")
    if tenant is None or provider_id is None:
        return None
    return next((node for node in tenant.nodes.items() if node["spec"].get("providerID") == provider_id), None)


def _delete(world: World, machine: dict, agent_machine: dict | None, cluster: dict) -> None:
    """Cluster API's order: drain, the provider's hook (the Agent unbound), the infrastructure, the Node, the Machine."""
    node, tenant = _node_of(world, machine, cluster), _tenant_of(world, cluster)
    # A cluster that goes away as a whole is not drained: nothing is left to move its pods to.
    if node and not is_deleting(cluster) and not _drained(world, tenant, node, machine):
        return
    agent = _agent_of(world, agent_machine) if agent_machine else None
    if agent and not _released(world, agent):
        return
    if agent_machine:
        world.delete(AGENT_MACHINE, agent_machine)
        agent_machine = world.get(AGENT_MACHINE, *key_of(machine))
        if agent_machine and is_deleting(agent_machine):
            world.drop_finalizer(AGENT_MACHINE, agent_machine, AGENT_MACHINE_FINALIZER)
    if node:
        tenant.api.delete(NODE, None, key_of(node)[1])
    world.drop_finalizer(MACHINE, machine, MACHINE_FINALIZER)


def _drained(world: World, tenant: Tenant, node: dict, machine: dict) -> bool:
    """Cordon the node and evict what runs there; True once nothing does."""
    name = key_of(node)[1]
    if not node["spec"].get("unschedulable"):
        tenant.nodes.note(tenant.api.patch(NODE, None, name, {"spec": {"unschedulable": True}}))
    silent = conditions.status_of(node, "Ready") != "True"  # nobody there to end the pods that are told to go
    pods = [pod for pod in tenant.pods.items() if pod["spec"].get("nodeName") == name and not _stays(pod)
            and not (silent and is_deleting(pod))]
    for pod in pods:
        if not is_deleting(pod):
            _evict(world, tenant, pod, machine)
    return not pods


def _stays(pod: dict) -> bool:
    """What drains leave alone: pods of DaemonSets, and mirrors of static pods."""
    owners = {owner["kind"] for owner in pod["metadata"].get("ownerReferences", [])}
    return "DaemonSet" in owners or annotation(pod, "kubernetes.io/config.mirror") is not None


def _evict(world: World, tenant: Tenant, pod: dict, machine: dict) -> None:
    namespace, name = key_of(pod)
    eviction = {"apiVersion": "policy/v1", "kind": "Eviction", "metadata": {"namespace": namespace, "name": name}}
    try:
        tenant.api.request("POST", POD.path(namespace, name, "eviction"), eviction)
    except ApiError as error:
        if error.status not in (404, 429):  # gone; or its disruption budget says not yet
            raise
        world.complain((MACHINE.kind, *key_of(machine)), f"draining: {error}")


def _released(world: World, agent: dict) -> bool:
    """Take the Agent's cluster away; True once assisted-service has let it go."""
    if label(agent, AGENT_MACHINE_LABEL) or agent["spec"].get("clusterDeploymentName"):
        log.info("releasing Agent %s", key_of(agent)[1])
        world.change(AGENT, agent, {"metadata": {"labels": {AGENT_MACHINE_LABEL: None},
                                                 "annotations": {AGENT_MACHINE_NAMESPACE: None}},
                                    "spec": {"clusterDeploymentName": None}})
        return False
    return agent.get("status", {}).get("debugInfo", {}).get("state") in agent_states.RELEASED
