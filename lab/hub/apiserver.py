"""How the lab runs a kube-apiserver: the hub's own, and one for each hosted cluster, all on the lab's one etcd."""

from __future__ import annotations

import base64
import dataclasses
import json
from pathlib import Path

from lab import tls
from lab.hub import binaries
from lab.hub.api import Api
from lab.layout import ETCD_PORT, HUB_PORT, Layout

ADMIN_GROUP = "system:masters"
CLUSTER_DOMAIN = "kubernetes.default.svc"


@dataclasses.dataclass(frozen=True)
class ApiServer:
    """One kube-apiserver. Its serving certificate is of the lab's CA; whom it lets in, its own CA in ``home`` decides,
    so that what opens one cluster opens no other."""

    layout: Layout
    process: str  # its name among the lab's processes, and its prefix in etcd
    address: str
    home: Path  # its own directory
    service_range: str = "172.30.0.0/16"

    @property
    def url(self) -> str:
        return f"https://{self.address}:{HUB_PORT}"

    @property
    def etcd_prefix(self) -> str:
        return f"/{self.process}"

    def create_credentials(self) -> None:
        """Make the keys and certificates that are not there yet."""
        self.home.mkdir(parents=True, exist_ok=True, mode=0o700)
        tls.create_authority(self.home)
        if not (self.home / "tls" / "admin.key").exists():
            tls.issue(self.home, "admin", [], [ADMIN_GROUP], "admin")
        if not (self.home / "tls" / "service-accounts.key").exists():
            tls.issue(self.home, "service-accounts", [])
        if not certificate(self.layout, self.process)[1].exists():
            tls.issue(self.layout.directory, self.process, [self.address, "kubernetes", CLUSTER_DOMAIN])

    def argv(self, executable: Path) -> list[str]:
        serving_certificate, serving_key = certificate(self.layout, self.process)
        etcd_certificate, etcd_key = certificate(self.layout, "etcd-client")
        accounts = self.home / "tls" / "service-accounts"
        options = {
            "etcd-servers": etcd_url(self.layout), "etcd-prefix": self.etcd_prefix,
            "etcd-cafile": self.layout.directory / "ca.crt",
            "etcd-certfile": etcd_certificate, "etcd-keyfile": etcd_key,
            "bind-address": self.address, "advertise-address": self.address, "secure-port": HUB_PORT,
            "endpoint-reconciler-type": "none",  # its own address is a loopback one, which no Endpoints may hold
            "tls-cert-file": serving_certificate, "tls-private-key-file": serving_key,
            "client-ca-file": self.home / "ca.crt",
            "service-account-issuer": f"https://{CLUSTER_DOMAIN}",
            "service-account-signing-key-file": f"{accounts}.key", "service-account-key-file": f"{accounts}.crt",
            "service-cluster-ip-range": self.service_range, "authorization-mode": "RBAC",
            # No controller manager runs here that would make the accounts which this one waits for.
            "disable-admission-plugins": "ServiceAccount",
            "allow-privileged": "true", "profiling": "false",
        }
        return [str(executable), *(f"--{name}={value}" for name, value in options.items())]

    def client(self) -> Api:
        """As administrator."""
        folder = self.home / "tls"
        return Api(self.url, self.layout.directory / "ca.crt", (folder / "admin.crt", folder / "admin.key"))

    def kubeconfig(self, cluster: str) -> str:
        """The administrator's kubeconfig, with everything in it, as JSON (which is YAML)."""
        def text(path: Path) -> str:
            return base64.b64encode(path.read_bytes()).decode()
        folder = self.home / "tls"
        return json.dumps({
            "apiVersion": "v1", "kind": "Config", "current-context": cluster, "preferences": {},
            "clusters": [{"name": cluster, "cluster": {
                "server": self.url, "certificate-authority-data": text(self.layout.directory / "ca.crt")}}],
            "contexts": [{"name": cluster, "context": {"cluster": cluster, "user": "admin", "namespace": "default"}}],
            "users": [{"name": "admin", "user": {
                "client-certificate-data": text(folder / "admin.crt"), "client-key-data": text(folder / "admin.key")}}],
        }, indent=2) + "\n"

    def start(self, processes) -> None:
        """Start it, without waiting until it is ready. Running already: nothing happens."""
        if processes.alive(self.process):
            return
        self.create_credentials()
        processes.start(self.process, self.argv(binaries.ensure()["kube-apiserver"]))


def etcd_url(layout: Layout) -> str:
    """Where the lab's one etcd answers, to client certificates of the lab's CA."""
    return f"https://{layout.hub_address}:{ETCD_PORT}"


def certificate(layout: Layout, name: str) -> tuple[Path, Path]:
    """Where `tls.issue` puts a certificate and its key."""
    folder = layout.directory / "tls"
    return folder / f"{name}.crt", folder / f"{name}.key"
