"""What all reconcilers share: the lab, its hardware, the hub's objects, and the ways to change them."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable

from lab import faults
from lab.hardware import Hardware
from lab.hub.api import Api, ApiError, Resource
from lab.hub.server import hub_server
from lab.layout import ServerPlace
from lab.physics.cache import Cache
from lab.physics.memory import Memory
from lab.physics.resources import WATCHED, is_deleting, key_of
from lab.physics.tenants import Tenants
from lab.process import Processes
from lab.settings import Settings

log = logging.getLogger(__name__)

REPEAT = 10.0  # seconds before the same complaint about the same object is logged again


class World:
    """One lab as its controllers see it. Used by one thread, that of the daemon's loop."""

    def __init__(self, settings: Settings):
        self.settings, self.layout = settings, settings.layout
        self.directory = settings.directory
        self.wake = threading.Event()
        self.hardware = Hardware(self.directory / "hardware.db")
        self.processes = Processes(self.directory)
        self.memory = Memory(self.directory / "physics" / "memory.json")
        self.hub: Api = hub_server(self.layout).client()
        self.tenants = Tenants(self.layout, self.processes, self.wake)
        self.places: dict[str, ServerPlace] = {place.name: place for place in self.layout.servers}
        self.by_uuid: dict[str, ServerPlace] = {place.uuid: place for place in self.layout.servers}
        self._caches = {resource: Cache(self.hub, resource, self.wake) for resource in WATCHED}
        self.beats: dict[str, float] = {}  # by server: when its kubelet says next that it lives
        self._due: dict[tuple, float] = {}
        self._complaints: dict[tuple, tuple[str, float]] = {}

    @property
    def synced(self) -> bool:
        """Whether the hub's objects are known; before that, absence means nothing."""
        return all(cache.synced for cache in self._caches.values())

    def items(self, resource: Resource) -> list[dict]:
        """The hub's objects of a kind, by namespace and name. Shared: not to be changed in place."""
        return self._caches[resource].items()

    def get(self, resource: Resource, namespace: str | None, name: str) -> dict | None:
        return self._caches[resource].get(namespace, name)

    def each(self, resource: Resource, work: Callable[[World, dict], None]) -> None:
        """Do ``work`` for each object; one that fails is logged, and tried again at the next round."""
        for item in self.items(resource):
            self.attempt((resource.kind, *key_of(item)), work, self, item)

    def attempt(self, about: tuple, work: Callable, *arguments) -> None:
        """Do ``work``; an API that refuses or is away is logged, not raised."""
        try:
            work(*arguments)
        except ApiError as error:
            if error.status != 409:  # Conflict: somebody was quicker, the next round sees their version
                self.complain(about, str(error))
        except Exception:
            log.exception("%s", " ".join(map(str, about)))

    def complain(self, about: tuple, message: str) -> None:
        """Log what hinders an object, but not at every round."""
        said, when = self._complaints.get(about, ("", 0.0))
        if message != said or time.monotonic() - when > REPEAT:
            self._complaints[about] = (message, time.monotonic())
            log.warning("%s: %s", " ".join(str(part) for part in about if part), message)

    def create(self, resource: Resource, item: dict) -> dict:
        """Create an object on the hub; one that exists already is left as it is and returned."""
        try:
            created = self.hub.create(resource, item)
        except ApiError as error:
            if error.reason != "AlreadyExists":
                raise
            created = self.hub.get(resource, *key_of(item)) or {}
        self._note(resource, created)
        return created

    def change(self, resource: Resource, item: dict, change: dict) -> dict | None:
        """A merge patch that holds only if the object is still as we saw it."""
        metadata = {**change.get("metadata", {}), "resourceVersion": item["metadata"]["resourceVersion"]}
        return self._note(resource, self.hub.patch(resource, *key_of(item), {**change, "metadata": metadata}))

    def set_status(self, resource: Resource, item: dict, status: dict) -> dict:
        """Make these fields of the status so; nothing is sent when they are. Return the object as it is then."""
        current = item.get("status", {})
        if all(current.get(field) == value for field, value in status.items()):
            return item
        # Not a merge patch: there, null means "remove", and some fields must be there and be null.
        return self._note(resource, self.hub.replace_status(resource, {**item, "status": {**current, **status}})) or item

    def add_finalizer(self, resource: Resource, item: dict, finalizer: str) -> dict:
        held = item["metadata"].get("finalizers", [])
        if finalizer in held or is_deleting(item):
            return item
        return self.change(resource, item, {"metadata": {"finalizers": [*held, finalizer]}}) or item

    def drop_finalizer(self, resource: Resource, item: dict, finalizer: str) -> None:
        held = item["metadata"].get("finalizers", [])
        if finalizer in held:
            self.change(resource, item, {"metadata": {"finalizers": [name for name in held if name != finalizer]}})

    def delete(self, resource: Resource, item: dict) -> None:
        """Ask for deletion, once."""
        if not is_deleting(item):
            self._note(resource, self.hub.delete(resource, *key_of(item)))

    def elapsed(self, *about) -> float:
        """Seconds since this was first asked for; `forget` starts anew."""
        return time.monotonic() - self._due.setdefault(about, time.monotonic())

    def forget(self, *about) -> None:
        self._due.pop(about, None)

    @property
    def waiting(self) -> bool:
        """Whether anything waits for time to pass."""
        return bool(self._due)

    def fault(self, kind: str, target: str) -> dict | None:
        return faults.active(self.directory, kind, target)

    def _note(self, resource: Resource, item: dict | None) -> dict | None:
        if resource in self._caches:
            self._caches[resource].note(item)
        return item
