"""Kubernetes' own namespace controller (the hub has no controller manager): a deleted namespace is emptied, then gone."""

from __future__ import annotations

from lab.hub.api import Api, Resource
from lab.physics.resources import NAMESPACE, is_deleting, key_of
from lab.physics.world import World


def reconcile(world: World, namespace: dict) -> None:
    """Empty a namespace that is being deleted; once it is empty, let it go."""
    if not is_deleting(namespace) or not namespace["spec"].get("finalizers"):
        return
    name = key_of(namespace)[1]
    left = [resource for resource in _namespaced(world.hub) if _empty(world.hub, resource, name)]
    if not left:
        world.hub.request("PUT", NAMESPACE.path(None, name, "finalize"),
                          {**namespace, "spec": {**namespace["spec"], "finalizers": []}})


def _empty(api: Api, resource: Resource, namespace: str) -> bool:
    """Delete what is there of a kind; whether anything was."""
    found = api.list(resource, namespace)["items"]
    if any(not is_deleting(item) for item in found):
        api.request("DELETE", resource.path(namespace))
    return bool(found)


def _namespaced(api: Api) -> list[Resource]:
    """Every kind that namespaces can hold and that can be listed and deleted."""
    groups = [("", "v1")] + [
        (group["name"], group["preferredVersion"]["version"]) for group in api.request("GET", "/apis")["groups"]]
    found = []
    for group, version in groups:
        path = f"/apis/{group}/{version}" if group else f"/api/{version}"
        found += [Resource(group, version, kind["name"], kind["kind"])
                  for kind in api.request("GET", path)["resources"]
                  if kind["namespaced"] and {"list", "deletecollection"} <= set(kind["verbs"])]
    return found
