"""The hosted clusters' own APIs: a real kube-apiserver each, on the hub's etcd under a prefix of its own."""

from __future__ import annotations

import base64
import dataclasses
import json
import shutil
import threading

from lab.hub.api import Api
from lab.hub.apiserver import ApiServer, certificate, etcd_url
from lab.hub.server import TENANT_PREFIX
from lab.layout import Layout
from lab.physics.cache import Cache
from lab.physics.resources import NODE, POD, control_plane_namespace
from lab.process import Processes


@dataclasses.dataclass
class Tenant:
    """One hosted cluster's API. ``nodes`` and ``pods`` are there once it was ready."""

    namespace: str
    cluster: str
    server: ApiServer
    api: Api
    nodes: Cache | None = None
    pods: Cache | None = None

    @property
    def ready(self) -> bool:
        return bool(self.nodes and self.pods and self.nodes.synced and self.pods.synced)

    def close(self) -> None:
        for cache in (self.nodes, self.pods):
            if cache:
                cache.stop()


class Tenants:
    """All of them; which has which address lies in ``<dir>/tenants/<control plane namespace>/place.json``."""

    def __init__(self, layout: Layout, processes: Processes, wake: threading.Event):
        self._layout, self._processes, self._wake = layout, processes, wake
        self._home = layout.directory / "tenants"
        self._tenants: dict[tuple[str, str], Tenant] = {}
        for path in sorted(self._home.glob("*/place.json")):
            place = json.loads(path.read_text())
            self._open(place["namespace"], place["cluster"], place["index"])

    def get(self, namespace: str, cluster: str) -> Tenant | None:
        return self._tenants.get((namespace, cluster))

    def all(self) -> list[Tenant]:
        return list(self._tenants.values())

    def ensure(self, namespace: str, cluster: str) -> Tenant:
        """Have the cluster's API running (starting it takes seconds: see ``Tenant.ready``)."""
        tenant = self.get(namespace, cluster) or self._open(namespace, cluster, self._free_index())
        tenant.server.start(self._processes)
        if tenant.nodes is None and tenant.api.ready():
            tenant.nodes = Cache(tenant.api, NODE, self._wake)
            tenant.pods = Cache(tenant.api, POD, self._wake)
        return tenant

    def tear_down(self, namespace: str, cluster: str) -> None:
        """End the cluster's API and wipe all that it stored."""
        tenant = self._tenants.pop((namespace, cluster), None)
        if tenant is None:
            return
        tenant.close()
        self._processes.stop(tenant.server.process, grace=0)
        wipe(self._layout, tenant.server.etcd_prefix)
        for path in certificate(self._layout, tenant.server.process):
            path.unlink(missing_ok=True)
        shutil.rmtree(tenant.server.home)

    def _open(self, namespace: str, cluster: str, index: int) -> Tenant:
        name = control_plane_namespace(namespace, cluster)
        home = self._home / name
        server = ApiServer(self._layout, f"{TENANT_PREFIX}{name}", self._layout.tenant_api_address(index), home,
                           service_range="172.31.0.0/16")
        server.create_credentials()
        place = home / "place.json"
        if not place.exists():
            place.write_text(json.dumps({"namespace": namespace, "cluster": cluster, "index": index}))
        self._tenants[namespace, cluster] = Tenant(namespace, cluster, server, server.client())
        return self._tenants[namespace, cluster]

    def _free_index(self) -> int:
        taken = {json.loads(path.read_text())["index"] for path in self._home.glob("*/place.json")}
        return next(index for index in range(1, 1000) if index not in taken)


def etcd(layout: Layout) -> Api:
    """A client of etcd's JSON gateway."""
    return Api(etcd_url(layout), layout.directory / "ca.crt", certificate(layout, "etcd-client"))


def wipe(layout: Layout, prefix: str) -> None:
    """Delete every key below ``prefix`` from the lab's etcd."""
    first, last = f"{prefix}/", f"{prefix}0"  # "0" is the character after "/"
    etcd(layout).request("POST", "/v3/kv/deleterange", {"key": _base64(first), "range_end": _base64(last)})


def _base64(text: str) -> str:
    return base64.b64encode(text.encode()).decode()
