"""A small client of the Kubernetes API, for the lab's own daemons: dicts in, dicts out, errors told apart.

(The lab uses it in place of the `kubernetes` package because that takes a second of CPU to import and discovers what we
know. See the API's own conventions: https://kubernetes.io/docs/reference/using-api/api-concepts/.)
"""

from __future__ import annotations

import dataclasses
import json
import ssl
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlencode

import urllib3

MERGE_PATCH = "application/merge-patch+json"
APPLY_PATCH = "application/apply-patch+yaml"


class ApiError(RuntimeError):
    """The API refused: ``status`` is the HTTP status, ``reason`` Kubernetes' own word (``NotFound``, ``Conflict``, …)."""

    def __init__(self, status: int, reason: str, message: str):
        super().__init__(f"{status} {reason}: {message}")
        self.status, self.reason = status, reason


class Unreachable(ApiError):
    """No answer from the API at all."""

    def __init__(self, message: str):
        super().__init__(0, "Unreachable", message)


@dataclasses.dataclass(frozen=True)
class Resource:
    """A kind, and where it is served."""

    group: str  # "" is the core group
    version: str
    plural: str
    kind: str
    namespaced: bool = True

    @property
    def api_version(self) -> str:
        return f"{self.group}/{self.version}" if self.group else self.version

    def path(self, namespace: str | None = None, name: str | None = None, subresource: str | None = None) -> str:
        parts = ["apis", self.group, self.version] if self.group else ["api", self.version]
        parts += ["namespaces", namespace] if namespace and self.namespaced else []
        parts += [part for part in (self.plural, name, subresource) if part]
        return "/" + "/".join(parts)


class Api:
    """One API server. Safe for many threads.

    :param url: ``https://address:port``
    :param authority: the file of the CA that signed the server's certificate
    :param credentials: (certificate file, key file) of a client certificate
    """

    def __init__(self, url: str, authority: Path, credentials: tuple[Path, Path]):
        self.url = url
        context = ssl.create_default_context(cafile=str(authority))
        context.load_cert_chain(*map(str, credentials))
        self._pool = urllib3.PoolManager(num_pools=1, maxsize=20, ssl_context=context, retries=False)

    def request(self, method: str, path: str, body: dict | None = None, content_type: str = "application/json",
                timeout: float = 10.0, **query) -> dict | str:
        """:raises Unreachable: no answer; :raises ApiError: any answer of 400 and above."""
        try:
            response = self._pool.request(
                method, self._address(path, query), body=None if body is None else json.dumps(body),
                headers={"Content-Type": content_type, "Accept": "application/json"}, timeout=timeout)
        except urllib3.exceptions.HTTPError as error:
            raise Unreachable(f"{method} {self.url}{path}: {error}") from error
        return _answer(response.status, response.data)

    def ready(self) -> bool:
        """Whether the API server says of itself that it is ready."""
        try:
            return self.request("GET", "/readyz", timeout=2.0) == "ok"
        except ApiError:
            return False

    def list(self, resource: Resource, namespace: str | None = None, **query) -> dict:
        """The whole list object: its ``items``, and in ``metadata`` the version to watch from."""
        return self.request("GET", resource.path(namespace), **query)

    def get(self, resource: Resource, namespace: str | None, name: str) -> dict | None:
        """The object, or None when there is none."""
        return absent_is_none(lambda: self.request("GET", resource.path(namespace, name)))

    def create(self, resource: Resource, item: dict) -> dict:
        body = {"apiVersion": resource.api_version, "kind": resource.kind, **item}
        return self.request("POST", resource.path(item["metadata"].get("namespace")), body)

    def patch(self, resource: Resource, namespace: str | None, name: str, change: dict,
              subresource: str | None = None) -> dict | None:
        """A JSON merge patch; None when the object is gone."""
        path = resource.path(namespace, name, subresource)
        return absent_is_none(lambda: self.request("PATCH", path, change, MERGE_PATCH))

    def replace_status(self, resource: Resource, item: dict) -> dict | None:
        """Write the object's whole status; refused (409) when the object has changed, None when it is gone."""
        namespace, name = item["metadata"].get("namespace"), item["metadata"]["name"]
        return absent_is_none(lambda: self.request("PUT", resource.path(namespace, name, "status"), item))

    def apply(self, item: dict, resource: Resource, manager: str) -> dict:
        """Server-side apply, taking fields over from other managers."""
        path = resource.path(item["metadata"].get("namespace"), item["metadata"]["name"])
        return self.request("PATCH", path, item, APPLY_PATCH, fieldManager=manager, force="true")

    def delete(self, resource: Resource, namespace: str | None, name: str, **options) -> dict | None:
        """Ask for deletion; None when there was nothing to delete."""
        body = {"kind": "DeleteOptions", "apiVersion": "v1", **options}
        return absent_is_none(lambda: self.request("DELETE", resource.path(namespace, name), body))

    def watch(self, resource: Resource, version: str, timeout: float = 300.0) -> Iterator[dict]:
        """The changes since ``version``, as ``{"type", "object"}``, until the server ends it.

        :raises Unreachable: the connection broke.
        """
        query = {"watch": "true", "resourceVersion": version, "allowWatchBookmarks": "true",
                 "timeoutSeconds": int(timeout)}
        try:
            response = self._pool.request("GET", self._address(resource.path(), query), preload_content=False,
                                          timeout=urllib3.Timeout(connect=3.0, read=timeout + 30))
            if response.status >= 400:
                _answer(response.status, response.read())
            yield from _lines(response)
        except (urllib3.exceptions.HTTPError, OSError) as error:
            raise Unreachable(f"watch of {resource.plural} at {self.url}: {error}") from error

    def _address(self, path: str, query: dict) -> str:
        return self.url + path + ("?" + urlencode(query) if query else "")


def absent_is_none(call):
    """What ``call()`` returns, or None where the API answers 404."""
    try:
        return call()
    except ApiError as error:
        if error.status == 404:
            return None
        raise


def _lines(response: urllib3.BaseHTTPResponse) -> Iterator[dict]:
    rest = b""
    try:
        for chunk in response.stream(None):
            *lines, rest = (rest + chunk).split(b"\n")
            for line in lines:
                yield json.loads(line)
    finally:
        response.close()


def _answer(status: int, data: bytes) -> dict | str:
    text = data.decode(errors="replace")
    parsed = json.loads(text) if text.startswith("{") else text
    if status < 400:
        return parsed
    if isinstance(parsed, dict):
        raise ApiError(status, parsed.get("reason") or str(status), parsed.get("message", text))
    raise ApiError(status, str(status), text.strip())
