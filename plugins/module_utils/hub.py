# Copyright: (c) 2026, leasehold.cloud contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A Kubernetes API (a hub's, or a hosted cluster's own) as waits and drains need it: list, get, patch, evict, watch.

Kubeconfigs are read by the C(kubernetes) library (tokens, certificates, exec plugins); requests go over its connection
pool without discovery, because the kinds are known (C(core.hypershift.RESOURCES)).
"""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Mapping
from urllib.parse import urlencode

from ansible_collections.leasehold.cloud.plugins.module_utils.core.errors import DeviceFailed, InvalidInput, NotFound, Refused, Unreachable
from ansible_collections.leasehold.cloud.plugins.module_utils.core.hypershift import RESOURCES, Resource
from ansible_collections.leasehold.cloud.plugins.module_utils.lazy import lazy

kubernetes = lazy("kubernetes")
urllib3 = lazy("urllib3")
yaml = lazy("yaml")

CONNECT_TIMEOUT = 5.0  # seconds
ANSWER_TIMEOUT = 30.0
PASSING = frozenset((429, 500, 502, 503, 504))  # an API server that starts, stops or is overloaded
MERGE_PATCH = "application/merge-patch+json"


class Hub:
    """A client of one API server. C(name) is how errors call it.

    Every method raises Unreachable when the server does not answer (or says that it cannot just now), Refused when it
    does not let us, NotFound for 404, DeviceFailed for any other refusal.
    """

    def __init__(self, client, name: str | None = None):
        self.name = name or f"the API {client.configuration.host}"
        self._client = client  # holds the temporary files of the certificates
        self._configuration = client.configuration
        self._pool = client.rest_client.pool_manager

    @classmethod
    def from_file(cls, path: str) -> Hub:
        """:raises InvalidInput: when there is no usable file."""
        return cls(_load(path, kubernetes.config.new_client_from_config, config_file=path))

    @classmethod
    def from_text(cls, kubeconfig: str, name: str) -> Hub:
        """:raises InvalidInput: when it is no usable kubeconfig."""
        return cls(_load(name, kubernetes.config.new_client_from_config_dict, config_dict=yaml.safe_load(kubeconfig)), name)

    def hosted(self, cluster: str) -> Hub:
        """The API of a hosted cluster, by the kubeconfig that its HostedCluster names. It never touches a disk."""
        return Hub.from_text(self.hosted_kubeconfig(cluster), f"the API of cluster {cluster}")

    def hosted_kubeconfig(self, cluster: str) -> str:
        """The kubeconfig that a HostedCluster publishes, as text. A secret.

        :raises NotFound: when it does not exist, or is not published yet.
        """
        published = (self.get("HostedCluster", cluster, cluster).get("status") or {}).get("kubeconfig") or {}
        data = self.get("Secret", published["name"], cluster).get("data") or {} if published.get("name") else {}
        if "kubeconfig" not in data:
            raise NotFound(
                "its kubeconfig is not published yet", object=f"HostedCluster {cluster}/{cluster}",
                attempted=f"asking {self.name} for it", remedy="wait until the hosted cluster is available",
            )
        return base64.b64decode(data["kubeconfig"]).decode()

    def get(self, kind: str, name: str, namespace: str | None = None) -> dict:
        """One object."""
        return self._request("GET", RESOURCES[kind].path(namespace, name))

    def list(self, kind: str, namespace: str | None = None, **selectors: str) -> tuple[list[dict], str]:
        """The objects of a kind, and the version of the list, from which it can be watched.

        :param selectors: C(labelSelector), C(fieldSelector).
        """
        resource = RESOURCES[kind]
        answer = self._request("GET", resource.path(namespace), query=selectors)
        return [{"apiVersion": resource.api_version, "kind": kind, **item} for item in answer["items"]], answer["metadata"]["resourceVersion"]

    def patch(self, kind: str, name: str, namespace: str | None, body: Mapping) -> dict:
        """Merge C(body) into an object (RFC 7396)."""
        return self._request("PATCH", RESOURCES[kind].path(namespace, name), body=body, content_type=MERGE_PATCH)

    def evict(self, pod: Mapping, grace_period: int | None = None) -> bool:
        """Ask for a pod's eviction. False when a PodDisruptionBudget does not allow it now."""
        metadata = pod["metadata"]
        options = {"preconditions": {"uid": metadata["uid"]}}
        if grace_period is not None:
            options["gracePeriodSeconds"] = grace_period
        eviction = {"apiVersion": "policy/v1", "kind": "Eviction", "deleteOptions": options,
                    "metadata": {"name": metadata["name"], "namespace": metadata["namespace"]}}
        path = f"{RESOURCES['Pod'].path(metadata['namespace'], metadata['name'])}/eviction"
        status = self._send("POST", path, body=eviction)[0]
        if status in (404, 409):  # gone meanwhile, or another pod has its name now
            return True
        if status == 429:
            return False
        self._check(status, b"", "POST", path)
        return True

    def wait_for_change(self, kind: str, namespace: str | None, version: str, seconds: float, **selectors: str) -> None:
        """Block until anything selected changes after C(version), at most C(seconds). Then list again."""
        resource: Resource = RESOURCES[kind]
        query = {**selectors, "watch": "1", "resourceVersion": version, "timeoutSeconds": str(max(1, round(seconds)))}
        response = self._open("GET", resource.path(namespace), query, None, None, seconds + CONNECT_TIMEOUT)
        try:
            if response.status != 200:
                self._check(response.status, response.read(), "watch", resource.path(namespace))
            for _event in response.stream(1024):
                return  # whatever it says, the list says it better
        except urllib3.exceptions.TimeoutError:
            return  # nothing changed
        except urllib3.exceptions.HTTPError as error:
            raise self._unreachable(error, f"watching {resource.plural}") from error
        finally:
            response.close()

    def _request(self, method: str, path: str, query: Mapping | None = None, body: Mapping | None = None,
                 content_type: str | None = None) -> dict:
        status, data = self._send(method, path, query, body, content_type)
        self._check(status, data, method, path)
        return json.loads(data)

    def _send(self, method: str, path: str, query: Mapping | None = None, body: Mapping | None = None,
              content_type: str | None = None) -> tuple[int, bytes]:
        try:
            response = self._open(method, path, query, body, content_type, ANSWER_TIMEOUT)
            return response.status, response.read()
        except urllib3.exceptions.HTTPError as error:
            raise self._unreachable(error, f"{method} {path}") from error

    def _open(self, method: str, path: str, query: Mapping | None, body: Mapping | None, content_type: str | None, seconds: float):
        """Send a request and return the response with its body unread."""
        headers = {"Accept": "application/json"}
        for setting in self._configuration.auth_settings().values():
            if setting["in"] == "header" and setting["value"]:
                headers[setting["key"]] = setting["value"]
        if body is not None:
            headers["Content-Type"] = content_type or "application/json"
        url = self._configuration.host.rstrip("/") + path + (f"?{urlencode(query)}" if query else "")
        try:
            return self._pool.request(
                method, url, headers=headers, body=None if body is None else json.dumps(body), retries=False,
                preload_content=False, timeout=urllib3.Timeout(connect=CONNECT_TIMEOUT, read=seconds),
            )
        except urllib3.exceptions.HTTPError as error:
            raise self._unreachable(error, f"{method} {path}") from error

    def _check(self, status: int, data: bytes, method: str, path: str) -> None:
        if status < 300:
            return
        told = f"HTTP {status}: {_message(data)}"
        attempted = f"{method} {path}"
        if status in PASSING:
            raise self._unreachable(told, attempted)
        if status in (401, 403):
            raise Refused(told, object=self.name, attempted=attempted, remedy="use a kubeconfig that is valid and may do this")
        if status == 404:
            raise NotFound(told, object=self.name, attempted=attempted, remedy="check that the object exists and that the hub serves its kind")
        raise DeviceFailed(told, object=self.name, attempted=attempted, remedy="see what the API says and correct it")

    def _unreachable(self, told: object, attempted: str) -> Unreachable:
        return Unreachable(
            f"it does not answer: {told}", object=self.name, attempted=attempted,
            remedy="see whether the API server runs and is reachable from here, then run the order again",
        )


def _load(name: str, load: Callable, **source):
    try:
        return load(persist_config=False, **source)
    except (kubernetes.config.ConfigException, yaml.YAMLError, OSError, TypeError, KeyError, ValueError) as error:
        raise InvalidInput(
            f"its kubeconfig cannot be used: {error}", object=name, attempted="reading the kubeconfig",
            remedy="name a kubeconfig file that you can read and that works with kubectl --kubeconfig FILE version",
        ) from error


def _message(data: bytes) -> str:
    """What a Status says, else the beginning of the text."""
    try:
        return json.loads(data)["message"]
    except (ValueError, KeyError, TypeError):
        return data[:200].decode(errors="replace")
