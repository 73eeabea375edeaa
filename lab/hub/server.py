"""Start and stop the hub: etcd, kube-apiserver, the CRDs of the controllers that `lab.physics` plays."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import yaml

from lab import tls
from lab.hub import binaries
from lab.hub.api import Api, ApiError, Resource
from lab.hub.apiserver import ApiServer, certificate, etcd_url
from lab.layout import Layout
from lab.process import Processes
from lab.settings import Settings

ETCD = "etcd"
HUB = "hub-api"
TENANT_PREFIX = "tenant-"  # starts the process name of each hosted cluster's API server
ETCD_PEER_PORT = 2380
CRDS = Path(__file__).parent / "crds"
CRD = Resource("apiextensions.k8s.io", "v1", "customresourcedefinitions", "CustomResourceDefinition", namespaced=False)


def hub_server(layout: Layout) -> ApiServer:
    """The hub's API server: where it is, what it needs."""
    return ApiServer(layout, HUB, layout.hub_address, layout.directory / "hub", service_range="172.29.0.0/16")


def start(settings: Settings, processes: Processes, say: Callable[[str], None] = print) -> None:
    """Start etcd and the hub's API, make its CRDs, write ``<dir>/hub.kubeconfig``. What runs stays as it is.

    :raises lab.process.ProcessError: a server did not come up; its log says why.
    :raises lab.hub.binaries.BuildError: there are no binaries and they cannot be built.
    """
    executables = binaries.ensure(say)
    layout, server = settings.layout, hub_server(settings.layout)
    _start_etcd(layout, processes, executables[ETCD])
    server.start(processes)
    api = server.client()
    processes.wait_until(HUB, api.ready, 90, "ready API")
    apply_crds(api)
    kubeconfig = layout.directory / "hub.kubeconfig"
    if not kubeconfig.exists() or kubeconfig.read_text() != server.kubeconfig("hub"):
        tls.write_private(kubeconfig, server.kubeconfig("hub").encode())


def stop(processes: Processes) -> None:
    """Kill the API servers (asked politely they linger up to a minute while anyone watches), then etcd.

    End the physics before: it starts API servers again that are down.
    """
    for name in processes.names():
        if name == HUB or name.startswith(TENANT_PREFIX):
            processes.stop(name, grace=0)
    processes.stop(ETCD, grace=0)


def _start_etcd(layout: Layout, processes: Processes, executable: Path) -> None:
    for name, addresses in ((ETCD, [layout.hub_address]), ("etcd-client", [])):
        if not certificate(layout, name)[1].exists():
            tls.issue(layout.directory, name, addresses)
    serving, key = certificate(layout, ETCD)
    peer = f"http://{layout.hub_address}:{ETCD_PEER_PORT}"  # it has no peers, but must have an address for them
    authority = layout.directory / "ca.crt"
    options = {
        "name": "lab", "data-dir": layout.directory / "etcd", "log-level": "warn",
        "listen-client-urls": etcd_url(layout), "advertise-client-urls": etcd_url(layout),
        "cert-file": serving, "key-file": key, "trusted-ca-file": authority, "client-cert-auth": "true",
        "listen-peer-urls": peer, "initial-advertise-peer-urls": peer, "initial-cluster": f"lab={peer}",
        "unsafe-no-fsync": "true",  # a lab does not outlive its machine
    }
    processes.start(ETCD, [str(executable), *(f"--{name}={value}" for name, value in options.items())])


def apply_crds(api: Api, timeout: float = 30.0) -> None:
    """Server-side apply each of ``crds/*.yml`` and wait until all are served.

    :raises TimeoutError: one did not become Established.
    """
    names = []
    for path in sorted(CRDS.glob("*.yml")):
        manifest = yaml.safe_load(path.read_text())
        api.apply(manifest, CRD, "leasehold-lab")
        names.append(manifest["metadata"]["name"])
    deadline = time.monotonic() + timeout
    while missing := [name for name in names if not _served(api, name)]:
        if time.monotonic() > deadline:
            raise TimeoutError(f"not Established: {', '.join(missing)}")
        time.sleep(0.05)


def _served(api: Api, name: str) -> bool:
    definition = api.get(CRD, None, name)
    conditions = definition.get("status", {}).get("conditions", [])
    if not any(item["type"] == "Established" and item["status"] == "True" for item in conditions):
        return False
    spec = definition["spec"]
    resource = Resource(spec["group"], spec["versions"][0]["name"], spec["names"]["plural"], spec["names"]["kind"])
    try:
        api.list(resource, limit=1)
    except ApiError:
        return False  # Established, but this API server does not serve it yet
    return True
