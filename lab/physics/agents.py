"""assisted-service: servers that run a discovery image become Agents; Agents that are bound are installed."""

from __future__ import annotations

import logging

from lab.hardware import ServerState
from lab.layout import ServerPlace
from lab.physics import agent_states as states
from lab.physics import boots, conditions, inventory
from lab.physics.memory import Disk, Image
from lab.physics.resources import (
    AGENT, AGENT_FINALIZER, AGENT_MACHINE, AGENT_MACHINE_LABEL, AGENT_MACHINE_NAMESPACE, INFRA_ENV, INFRA_ENV_LABEL,
    MACHINE, NODE_POOL, NODE_POOL_KEY, annotation, is_deleting, key_of, label)
from lab.physics.world import World

log = logging.getLogger(__name__)


def register(world: World) -> None:
    """Each server that runs a discovery image and reaches the service makes itself known."""
    for state in world.hardware.servers():
        image = world.memory.in_discovery(state.name)
        if image and image.network.addresses and not world.fault("agent-never-registers", state.name):
            place = world.places[state.name]
            world.attempt((AGENT.kind, place.uuid), _register, world, place, state, image)


def _register(world: World, place: ServerPlace, state: ServerState, image: Image) -> None:
    infra_env = world.get(INFRA_ENV, image.namespace, image.infra_env)
    if infra_env is None or is_deleting(infra_env) or world.get(AGENT, image.namespace, place.uuid):
        return
    for agent in world.items(AGENT):
        if key_of(agent)[1] == place.uuid:  # the host came from another InfraEnv, where it is no more
            world.delete(AGENT, agent)
    labels = inventory.labels(inventory.of(place, state, image.network))
    world.create(AGENT, {
        "metadata": {
            "name": place.uuid, "namespace": image.namespace, "finalizers": [AGENT_FINALIZER],
            "labels": {**labels, **infra_env["spec"].get("agentLabels", {}), INFRA_ENV_LABEL: image.infra_env},
            "annotations": {f"{inventory.PREFIX}version": "0.1"},
        },
        "spec": {"approved": infra_env["spec"].get("agentApproval", {}).get("autoApprove", False), "role": ""},
    })
    log.info("%s registers as Agent %s/%s", place.name, image.namespace, place.uuid)


def reconcile(world: World, agent: dict) -> None:
    """Move the Agent one state on."""
    namespace, name = key_of(agent)
    place = world.by_uuid.get(name)
    if is_deleting(agent):
        world.forget("install", name)
        world.drop_finalizer(AGENT, agent, AGENT_FINALIZER)
        return
    if place is None:
        return
    image = world.memory.in_discovery(place.name)
    connected = image is not None and (image.namespace, image.infra_env) == (namespace, label(agent, INFRA_ENV_LABEL))
    state = agent.get("status", {}).get("debugInfo", {}).get("state", states.KNOWN_UNBOUND)
    if agent["spec"].get("clusterDeploymentName"):
        _bound(world, agent, place, state, connected)
    elif connected and state in (*states.UNBOUND, states.UNBINDING_PENDING):
        found = inventory.of(place, world.hardware.get(place.name), image.network)
        _show(world, agent, states.KNOWN_UNBOUND, inventory=found, role="auto-assign", kind="AddToExistingClusterHost")
    elif state in states.UNBOUND:
        _show(world, agent, states.DISCONNECTED_UNBOUND)
    else:
        _unbind(world, agent, place, state)


def _unbind(world: World, agent: dict, place: ServerPlace, state: str) -> None:
    """Let go of the cluster; a running host goes back to its discovery image, one that is off must be booted from it."""
    world.forget("install", place.uuid)
    if state not in (states.UNBINDING, states.UNBINDING_PENDING):
        _show(world, agent, states.UNBINDING)
    elif boots.reclaim(world, place.name):
        _show(world, agent, states.KNOWN_UNBOUND, progress={})
    else:
        _show(world, agent, states.UNBINDING_PENDING)


def _bound(world: World, agent: dict, place: ServerPlace, state: str, connected: bool) -> None:
    if state in states.RELEASED or state == states.UNBINDING:
        _show(world, agent, states.BINDING)
    elif state in (states.BINDING, states.KNOWN, states.DISCONNECTED):
        if connected and agent["spec"]["approved"]:
            world.forget("install", place.uuid)
            _show(world, agent, states.INSTALLING, progress=_progress("Starting installation", 0))
        else:
            _show(world, agent, states.KNOWN if connected else states.DISCONNECTED)
    elif state == states.INSTALLING and connected:
        _install(world, agent, place)


def _install(world: World, agent: dict, place: ServerPlace) -> None:
    passed = world.elapsed("install", place.uuid) / max(world.settings.install_delay, 0.001)
    if passed < 1:
        if passed >= 0.5:
            _show(world, agent, states.INSTALLING, progress=_progress("Writing image to disk", 50))
        return
    disk = _disk(world, agent, place)
    if disk is None:
        return
    world.forget("install", place.uuid)
    boots.put_on_disk(world, place.name, disk)
    log.info("%s is installed for %s/%s", place.name, disk.namespace, disk.cluster)
    _show(world, agent, states.INSTALLED, progress=_progress("Done", 100), role="worker")


def _disk(world: World, agent: dict, place: ServerPlace) -> Disk | None:
    """What the ignition of the Agent's node pool makes of it; None while its Machine is not to be found."""
    namespace, name = annotation(agent, AGENT_MACHINE_NAMESPACE), label(agent, AGENT_MACHINE_LABEL)
    machine = world.get(MACHINE, namespace, name) if name and world.get(AGENT_MACHINE, namespace, name) else None
    if machine is None:
        return None
    pool_namespace, _slash, pool_name = annotation(machine, NODE_POOL_KEY).partition("/")
    pool = world.get(NODE_POOL, pool_namespace, pool_name)
    if pool is None:
        return None
    return Disk(
        namespace=pool_namespace, cluster=pool["spec"]["clusterName"], provider_id=f"agent://{place.uuid}",
        node=agent["spec"].get("hostname") or boots.dashed(place.nics[0].mac),
        labels={**pool["spec"].get("nodeLabels", {}), **agent["spec"].get("nodeLabels", {}),
                NODE_POOL_KEY: pool_name, "hypershift.openshift.io/managed": "true"},
        taints=pool["spec"].get("taints", []), image=world.memory.in_discovery(place.name))


def _progress(stage: str, percentage: int) -> dict:
    return {"currentStage": stage, "installationPercentage": percentage, "progressStages": states.STAGES}


def _show(world: World, agent: dict, state: str, progress: dict | None = None, **more) -> None:
    """Write the Agent's status as its state makes it."""
    shown = agent.get("status", {}).get("progress", {})
    if progress is not None and progress != {key: shown[key] for key in shown if key != "stageUpdateTime"}:
        more["progress"] = {**progress, "stageUpdateTime": conditions.now()} if progress else {}
    world.set_status(AGENT, agent, {
        **more, "debugInfo": {"state": state, "stateInfo": _info(state)},
        "conditions": conditions.merged(agent, states.wanted(state, agent["spec"]["approved"]))})


def _info(state: str) -> str:
    return {states.KNOWN_UNBOUND: "Host is ready to be bound to a cluster", states.INSTALLED: "Done",
            states.KNOWN: "Host is ready to be installed", states.INSTALLING: "Host is installing"}.get(state, state)
