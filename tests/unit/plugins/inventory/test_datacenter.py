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
SECRET = "s3cr3t-t0ken-of-nobody"


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

    def run(self, fails: bool = False, **options) -> subprocess.CompletedProcess:
        """ansible-inventory with the options."""
        file = self.directory / "site.datacenter.yml"
        file.write_text(yaml.safe_dump({"plugin": "leasehold.cloud.datacenter", "ledger": str(self.ledger)} | options), encoding="utf-8")
        environment = os.environ | {"ANSIBLE_INVENTORY_UNPARSED_FAILED": "true", "ANSIBLE_HOME": str(self.directory), "ANSIBLE_NOCOLOR": "1",
                                    "LEASEHOLD_SOURCE_TOKEN": SECRET}
        outcome = subprocess.run([INVENTORY, "-i", file, "--list", "-vvvv"], capture_output=True, text=True, env=environment, check=False)
        assert (outcome.returncode != 0) == fails, outcome.stderr
        return outcome

    def listed(self, fails: bool = False, **options):
        """What ansible-inventory lists with the options; the text of its error when it must fail."""
        outcome = self.run(fails, **options)
        return outcome.stderr if fails else json.loads(outcome.stdout[outcome.stdout.index("\n{"):], object_hook=plain)

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
    ({"sites": ["elsewhere"]}, set()), ({"kinds": ["server"], "states": ["in_service"]}, {"r1-s01", "r2-s01"}),
    ({"kinds": ["server"], "states": ["available"], "racks": ["r1"]}, {"r1-s02", "r1-s03", "r1-s04"}), ({"kinds": ["switch"], "roles": ["spine"]}, {"spine-1"}),
    ({"kinds": ["server"], "tenants": ["nobody"]}, set()), ({"kinds": ["server"], "tenants": ["acme"], "clusters": ["red"]}, set()),
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


def test_only_what_is_exposed_is_there_and_groups_are_in_any_case(data):
    listed = data.listed(kinds=["server"], expose=["leasehold_class", "leasehold_state"], clusters=["blue"])
    assert listed["_meta"]["hostvars"] == {name: {"leasehold_class": "cpu", "leasehold_state": "in_service"} for name in ("r1-s01", "r2-s01")}
    assert set(listed["cluster_blue"]["hosts"]) == {"r1-s01", "r2-s01"}
    assert data.listed(kinds=["server"], expose=["leasehold_nics"])["_meta"]["hostvars"]["r1-s02"]["leasehold_nics"][0]["switch"] == "leaf-r1a"


def test_an_unknown_variable_is_refused(data):
    assert "there is no variable leasehold_pasword" in data.listed(fails=True, expose=["leasehold_pasword"])


class Sourced(Data):
    """A ledger of its own, and the file that it is the mirror of."""

    def __init__(self, directory: Path):
        self.directory = directory
        self.ledger = directory / "ledger.db"
        self.document = sites.document()
        self.write()

    def write(self) -> None:
        (self.directory / "dc.json").write_text(json.dumps(self.document), encoding="utf-8")

    @property
    def sources(self) -> list[dict]:
        return [{"kind": "file", "path": "dc.json"}]  # beside the inventory's file


@pytest.fixture
def sourced(tmp_path):
    return Sourced(tmp_path)


def test_the_mirror_is_synced_as_the_policy_says(sourced):
    assert sourced.hosts(sources=sourced.sources) == set(), "never, unless asked for"
    assert len(sourced.hosts(sources=sourced.sources, sync="max_age")) == 13, "there was none"
    sourced.document["servers"].pop()
    sourced.write()
    assert len(sourced.hosts(sources=sourced.sources, sync="max_age", max_age=600)) == 13, "it is fresh"
    assert len(sourced.hosts(sources=sourced.sources, sync="max_age", max_age=-1)) == 12
    sourced.document["servers"].pop()
    sourced.write()
    assert len(sourced.hosts(sources=sourced.sources, sync="always")) == 11


def test_a_source_that_is_down_is_a_warning_that_tells_the_age_or_a_failure(sourced):
    sourced.hosts(sources=sourced.sources, sync="always")
    (sourced.directory / "dc.json").write_text("{", encoding="utf-8")
    outcome = sourced.run(sources=sourced.sources, sync="always")
    assert "The mirror of site lab is used as it was" in " ".join(outcome.stderr.split())
    assert "r1-s01" in outcome.stdout
    assert "invalid_source" in sourced.listed(fails=True, sources=sourced.sources, sync="always", stale="fail")


def test_no_secret_is_in_the_list_the_cache_or_what_is_logged(sourced):
    cache = sourced.directory / "cache"
    outcome = sourced.run(
        sources=[*sourced.sources, {"kind": "netbox", "url": "https://127.0.0.1:1", "site": "fra1", "timeout": 2}], sync="always",
        cache=True, cache_plugin="ansible.builtin.jsonfile", cache_connection=str(cache),
    )
    assert "127.0.0.1:1" in outcome.stderr, "it was asked"
    cached = [file.read_text(encoding="utf-8") for file in cache.iterdir()]
    assert "r1-s01" in cached[0]
    assert not [text for text in (outcome.stdout, outcome.stderr, *cached) if SECRET in text]


def test_values_of_a_source_are_no_templates(sourced):
    sourced.document["servers"][0]["attributes"] = {"note": "{{ 6 * 7 }}"}
    sourced.write()
    options = {"sources": sourced.sources, "sync": "always", "kinds": ["server"]}
    assert sourced.listed(**options)["_meta"]["hostvars"]["r1-s01"]["leasehold_attributes"] == {"note": "{{ 6 * 7 }}"}
    raw = sourced.run(**options).stdout
    assert json.loads(raw[raw.index("\n{"):])["_meta"]["hostvars"]["r1-s01"]["leasehold_attributes"]["note"] == {"__ansible_unsafe": "{{ 6 * 7 }}"}
    assert sourced.listed(**options, compose={"shown": "leasehold_attributes.note | default('')"})["_meta"]["hostvars"]["r1-s01"]["shown"] == "{{ 6 * 7 }}"
