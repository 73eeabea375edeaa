# SPDX-License-Identifier: GPL-3.0-or-later
"""The inventory plugin, through ansible-inventory as a user runs it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from ansible_collections.leasehold.cloud.plugins.module_utils.ledger.database import Ledger
from tests.unit.plugins.module_utils.core import sites
from tests.unit.plugins.module_utils.ledger import books

INVENTORY = Path(sys.executable).parent / "ansible-inventory"


def plain(value: dict):
    """What Ansible 2.19 lists as marked unsafe, without the mark."""
    return value["__ansible_unsafe"] if set(value) == {"__ansible_unsafe"} else value


class Data:
    """A ledger with a cluster in it, and inventories of it."""

    def __init__(self, directory: Path):
        self.directory = directory
        self.ledger = directory / "ledger.db"
        with Ledger.open(str(self.ledger), "tester") as opened:
            books.sync(opened, sites.site())
            books.serve(opened, "blue")

    def listed(self, fails: bool = False, **options):
        """What ansible-inventory lists with the options; the text of its error when it must fail."""
        file = self.directory / "site.datacenter.yml"
        file.write_text(yaml.safe_dump({"plugin": "leasehold.cloud.datacenter", "ledger": str(self.ledger)} | options), encoding="utf-8")
        environment = os.environ | {"ANSIBLE_INVENTORY_UNPARSED_FAILED": "true", "ANSIBLE_HOME": str(self.directory), "ANSIBLE_NOCOLOR": "1"}
        outcome = subprocess.run([INVENTORY, "-i", file, "--list"], capture_output=True, text=True, env=environment, check=False)
        assert (outcome.returncode != 0) == fails, outcome.stderr
        return outcome.stderr if fails else json.loads(outcome.stdout, object_hook=plain)

    def hosts(self, **options) -> set[str]:
        return set(self.listed(**options)["_meta"]["hostvars"])


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    return Data(tmp_path_factory.mktemp("inventory"))


def test_servers_switches_and_hubs_are_hosts_in_groups(data):
    listed = data.listed(hubs=[{"name": "hub-1", "leasehold_kubeconfig": "/etc/hub"}])
    groups = {name: set(group.get("hosts", ())) for name, group in listed.items() if name != "_meta"}
    assert len(groups["servers"]) == 8
    assert groups["hubs"] == {"hub-1"}
    assert groups["cluster_blue"] == groups["tenant_acme"] == groups["state_in_service"] == {"r1-s01", "r2-s01"}
    assert groups["rack_r1"] >= {"r1-s01", "leaf-r1a"}
    assert groups["role_spine"] == {"spine-1"}
    assert groups["site_lab"] == groups["servers"] | groups["switches"]
    assert groups["class_gpu"] == {f"r{rack}-s0{slot}" for rack in (1, 2) for slot in (2, 4)}


def test_hosts_have_what_is_known_of_them(data):
    known = data.listed()["_meta"]["hostvars"]
    server, switch = known["r1-s01"], known["leaf-r1a"]
    assert (server["leasehold_cluster"], server["leasehold_node_set"], server["ansible_host"]) == ("blue", "workers", "10.64.0.10")
    assert server["leasehold_bmc"] == {"address": "https://bmc-1-1"}
    assert (switch["ansible_network_os"], switch["leasehold_port"], switch["ansible_host"]) == ("openvswitch", 6640, "198.51.1.97")
    assert "leasehold_cluster" not in known["r1-s02"]


@pytest.mark.parametrize(("options", "expected"), [
    ({"kinds": ["server"], "clusters": ["blue"]}, {"r1-s01", "r2-s01"}),
    ({"kinds": ["server"], "tenants": ["acme"], "racks": ["r2"]}, {"r2-s01"}),
    ({"kinds": ["server"], "classes": ["gpu"], "racks": ["r1"]}, {"r1-s02", "r1-s04"}),
    ({"kinds": ["switch"], "racks": ["r1"]}, {"leaf-r1a", "leaf-r1b"}),
    ({"sites": ["elsewhere"]}, set()),
])
def test_filters_let_only_what_is_asked_for_through(data, options, expected):
    assert data.hosts(**options) == expected


def test_constructed_groups_and_variables(data):
    listed = data.listed(
        keyed_groups=[{"key": "leasehold_node_set", "prefix": "node_set"}], groups={"held": "leasehold_cluster is defined"},
        compose={"port_count": "leasehold_nics | length"}, kinds=["server"],
    )
    assert set(listed["node_set_workers"]["hosts"]) == set(listed["held"]["hosts"]) == {"r1-s01", "r2-s01"}
    assert listed["_meta"]["hostvars"]["r1-s02"]["port_count"] == 2


def test_the_cache_answers_until_it_is_old_and_only_the_same_question(data):
    cached = {"cache": True, "cache_plugin": "ansible.builtin.jsonfile", "cache_connection": str(data.directory / "cache"), "kinds": ["server"]}
    assert len(data.hosts(**cached)) == 8
    with Ledger.open(str(data.ledger), "tester") as opened:
        books.move(opened, ["r2-s04"], "quarantined", reason="smoke")
    try:
        assert data.listed(**cached)["_meta"]["hostvars"]["r2-s04"]["leasehold_state"] == "available"
        assert data.listed(kinds=["server"])["_meta"]["hostvars"]["r2-s04"]["leasehold_state"] == "quarantined"
        assert data.hosts(**cached, clusters=["blue"]) == {"r1-s01", "r2-s01"}
    finally:
        with Ledger.open(str(data.ledger), "tester") as opened:
            books.move(opened, ["r2-s04"], "cleaning")
            books.move(opened, ["r2-s04"], "available", evidence={"r2-s04": books.PROOF})


def test_a_ledger_that_cannot_be_read_is_told(data):
    assert "unreachable" in data.listed(fails=True, ledger="postgresql://x@127.0.0.1:1/x")
