# SPDX-License-Identifier: GPL-3.0-or-later
"""A lab with a real hub, and the hub's roles run against it as playbooks do."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

import pytest
import yaml

from ansible_collections.leasehold.cloud.plugins.module_utils.core import hypershift
from ansible_collections.leasehold.cloud.plugins.module_utils.core.claims import NodeSet, Order, Segment
from ansible_collections.leasehold.cloud.plugins.module_utils.core.models import Server
from ansible_collections.leasehold.cloud.plugins.module_utils.hub import Hub
from lab.hardware import Hardware
from lab.hub import binaries
from tests.conftest import BIN, Lab, Played, make_lab

NUMBER = 236 + int(os.environ.get("PYTEST_XDIST_WORKER", "gw0")[2:])  # a lab for each of pytest's workers
SETTINGS = {"release_image": "quay.io/openshift-release-dev/ocp-release:4.20.4-multi", "base_domain": "clusters.example.com"}
SECRET = "aHVudGVyMg"  # in the pull secret
PULL_SECRET = json.dumps({"auths": {"registry.example": {"auth": SECRET}}})
TIMEOUTS = {f"control_plane_{step}_timeout": 60 for step in ("image", "agents", "ready", "drain", "delete")}


class Provider:
    """Who runs the roles against the lab's hub."""

    def __init__(self, lab: Lab):
        self.lab = lab
        self.hub = Hub.from_file(str(lab.directory / "hub.kubeconfig"))
        self.hardware = Hardware(lab.directory / "hardware.db")
        found = yaml.safe_load((lab.directory / "datacenter.yml").read_text())["servers"]
        self.servers = {item["name"]: Server.from_dict({**item, "node_set": "workers", "address": f"10.64.1.{index}"})
                        for index, item in enumerate(found, 10)}

    def variables(self, cluster: str, names: list[str], leaving: list[str], settings: dict) -> dict:
        members = [self.servers[name] for name in names]
        order = Order(cluster, "acme-corp", node_sets=(NodeSet("workers", "cpu", len(names)),), settings={**SETTINGS, **settings})
        segment = Segment(cluster, 101, "10.64.1.0/24", "10.64.1.1", 999)
        return {
            "control_plane_cluster": cluster, "control_plane_tenant": "acme-corp", "access_cluster": cluster,
            "control_plane_objects": hypershift.manifests(order, segment, members),
            "control_plane_servers": [member.as_dict() for member in members],
            "control_plane_leaving": [self.servers[name].as_dict() for name in leaving],
        }

    def play(self, *entry_points: str, cluster: str = "blue", servers: tuple = (), leaving: tuple = (), options: tuple = (),
             **more) -> Played:
        variables = self.variables(cluster, list(servers), list(leaving), more.pop("settings", {}))
        variables |= {"entry_points": entry_points, "lab_dir": str(self.lab.directory), "control_plane_pull_secret": PULL_SECRET,
                      **TIMEOUTS, **more}
        outcome = subprocess.run(
            [str(BIN / "ansible-playbook"), str(Path(__file__).with_name("play.yml")), "-e", json.dumps(variables), *options],
            env=self.lab.environment, text=True, capture_output=True, timeout=240, check=False)
        return Played(outcome)

    def power_on(self, *names: str, cluster: str = "blue") -> None:
        """As a BMC does when it is told to boot the discovery image."""
        url = self.hub.get("InfraEnv", cluster, cluster)["status"]["isoDownloadURL"]
        for name in names:
            self.hardware.update(name, media=url, media_inserted=True, boot_once="Cd")
            self.hardware.set_power(name, "On")

    def power_off(self, *names: str) -> None:
        for name in names:
            self.hardware.set_power(name, "Off")

    def names(self, kind: str, namespace: str | None = None) -> list[str]:
        return sorted(found["metadata"]["name"] for found in self.hub.list(kind, namespace)[0])


@pytest.fixture(scope="session")
def provider():
    if not all(binaries.find(name) for name in ("kube-apiserver", "etcd")):
        pytest.skip("the hub's binaries are not there: make hub")
    for lab in make_lab(NUMBER, "--racks", "1", "--servers-per-rack", "4", "--boot-delay", "0.1", "--install-delay", "0.1"):
        yield Provider(lab)
