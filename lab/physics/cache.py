"""What an API holds of one kind, kept current by a watch in a thread of its own."""

from __future__ import annotations

import logging
import threading

from lab.hub.api import Api, ApiError, Resource
from lab.physics.resources import key_of

log = logging.getLogger(__name__)

RETRY = 0.3  # seconds until the API is asked again after it failed


class Cache:
    """The objects of one kind in one API. What it returns is shared: never change it in place."""

    def __init__(self, api: Api, resource: Resource, wake: threading.Event):
        self.api, self.resource = api, resource
        self._wake = wake
        self._items: dict[tuple[str | None, str], dict] = {}
        self._gone: set[str] = set()  # UIDs: what a slower write returned must not bring them back
        self._lock = threading.Lock()
        self._synced = threading.Event()
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._follow, daemon=True, name=f"watch-{resource.plural}")
        self._thread.start()

    @property
    def synced(self) -> bool:
        """Whether all objects have been listed once."""
        return self._synced.is_set()

    def items(self) -> list[dict]:
        with self._lock:
            return [self._items[key] for key in sorted(self._items, key=lambda key: (key[0] or "", key[1]))]

    def get(self, namespace: str | None, name: str) -> dict | None:
        with self._lock:
            return self._items.get((namespace, name))

    def note(self, item: dict | None) -> None:
        """Take in what a write returned, so that the next look sees our own work before the watch tells of it."""
        if item and item.get("kind") == self.resource.kind:
            with self._lock:
                self._store(item)

    def stop(self) -> None:
        """End the watch; the thread ends at its next event."""
        self._stopped.set()

    def _store(self, item: dict) -> None:
        known = self._items.get(key_of(item))
        if item["metadata"]["uid"] in self._gone:
            return
        if known is None or _version(known) <= _version(item):
            self._items[key_of(item)] = item

    def _follow(self) -> None:
        while not self._stopped.is_set():
            try:
                self._watch(self._list())
            except ApiError as error:
                # 410 Gone is a watch's ordinary end; the rest is an API that is away, and comes back or not.
                log.debug("watch of %s: %s", self.resource.plural, error)
            except Exception:
                log.exception("watch of %s", self.resource.plural)
            self._stopped.wait(RETRY)

    def _list(self) -> str:
        listed = self.api.list(self.resource)
        kind = {"apiVersion": self.resource.api_version, "kind": self.resource.kind}
        items = {key_of(item): {**kind, **item} for item in listed["items"]}
        with self._lock:
            self._items = items
        self._synced.set()
        self._wake.set()
        return listed["metadata"]["resourceVersion"]

    def _watch(self, version: str) -> None:
        for event in self.api.watch(self.resource, version):
            if self._stopped.is_set():
                return
            item = event["object"]
            if event["type"] == "ERROR":
                raise ApiError(item.get("code", 0), item.get("reason", "Error"), item.get("message", ""))
            if event["type"] == "BOOKMARK":
                continue
            with self._lock:
                if event["type"] == "DELETED":
                    self._gone.add(item["metadata"]["uid"])
                    self._items.pop(key_of(item), None)
                else:
                    self._store(item)
            self._wake.set()


def _version(item: dict) -> int:
    """Resource versions of one kind are comparable as integers (KEP-5504)."""
    return int(item["metadata"]["resourceVersion"])
