"""The rules that the physics plays by, one by one; tests/lab/test_hub.py plays them together."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lab.hub.api import Resource
from lab.layout import Layout
from lab.physics import agent_states, conditions, inventory, iso, network
from lab.physics.cache import Cache
from lab.physics.hosted_clusters import release_version
from lab.physics.memory import DISCOVERY, INSTALLED, Boot, Disk, Image, Memory, Network
from lab.physics.node_pools import deletion_order
from lab.physics.resources import DELETE_MACHINE, NODE_POOL_KEY, control_plane_namespace, matches

MACS = ["52:54:1f:00:01:00", "52:54:1f:00:01:01"]
ADDRESS = {"enabled": True, "dhcp": False, "address": [{"ip": "10.64.0.10", "prefix-length": 24}]}


def spec(*interfaces: dict, routes: list[dict] | None = None) -> dict:
    named = [{"name": f"nic{index}", "macAddress": mac.upper()} for index, mac in enumerate(MACS)]
    return {"interfaces": named, "config": {"interfaces": list(interfaces), "routes": {"config": routes or []}}}


@pytest.mark.parametrize("interfaces", [
    [{"name": "bond0", "type": "bond", "ipv4": ADDRESS, "link-aggregation": {"mode": "active-backup", "port": ["nic0", "nic1"]}}],
    [{"name": "nic0", "type": "ethernet", "ipv4": ADDRESS}, {"name": "nic1", "type": "ethernet", "ipv4": {"enabled": False}}],
])
def test_a_server_gets_the_address_of_its_config(interfaces: list[dict]):
    other = {"interfaces": [{"name": "x", "macAddress": "52:54:00:00:00:01"}], "config": {}}
    route = {"destination": "0.0.0.0/0", "next-hop-address": "10.64.0.1", "next-hop-interface": "bond0"}
    found = network.for_server(MACS, [other, spec(*interfaces, routes=[route])])
    assert found == Network({MACS[0]: "10.64.0.10/24"}, "10.64.0.1")
    assert found.address == "10.64.0.10"


def test_a_server_without_a_config_of_its_macs_gets_none():
    assert network.for_server(["52:54:00:00:00:09"], [spec()]) is None


@pytest.mark.parametrize("interface", [
    {"name": "bond0", "type": "bond", "ipv4": ADDRESS, "link-aggregation": {"port": ["eno1"]}},
    {"name": "eno1", "type": "ethernet", "ipv4": ADDRESS},
    {"name": "nic0", "type": "ethernet", "ipv4": {"enabled": True, "dhcp": True}},
    {"name": "nic0.5", "type": "vlan", "ipv4": ADDRESS},
])
def test_a_config_that_the_site_cannot_play_is_refused(interface: dict):
    with pytest.raises(network.BadConfig):
        network.for_server(MACS, [spec(interface)])


@given(st.dictionaries(st.text(), st.text(), max_size=50))
def test_an_image_holds_what_was_put_in(content: dict):
    image = iso.build(content)
    assert len(image) % iso.SECTOR == 0
    assert iso.read(image) == content


@pytest.mark.parametrize("data", [b"", b"<html>not found</html>", bytes(64 * iso.SECTOR)])
def test_what_is_no_image_does_not_boot(data: bytes):
    with pytest.raises(iso.NotAnImage):
        iso.read(data)


@pytest.mark.parametrize(("selector", "expected"), [
    (None, False), ({}, True), ({"matchLabels": {"a": "1"}}, True), ({"matchLabels": {"a": "2"}}, False),
    ({"matchLabels": {"a": "1", "b": "1"}}, False),
    ({"matchExpressions": [{"key": "a", "operator": "In", "values": ["1", "2"]}]}, True),
    ({"matchExpressions": [{"key": "b", "operator": "In", "values": ["1"]}]}, False),
    ({"matchExpressions": [{"key": "a", "operator": "NotIn", "values": ["1"]}]}, False),
    ({"matchExpressions": [{"key": "b", "operator": "NotIn", "values": ["1"]}]}, True),
    ({"matchExpressions": [{"key": "a", "operator": "Exists"}, {"key": "b", "operator": "DoesNotExist"}]}, True),
])
def test_label_selectors(selector: dict | None, expected: bool):
    assert matches(selector, {"a": "1"}) is expected


@pytest.mark.parametrize(("image", "version"), [
    ("quay.io/openshift-release-dev/ocp-release:4.18.6-x86_64", "4.18.6"),
    ("quay.io/openshift-release-dev/ocp-release:4.19.0-rc.2-multi", "4.19.0-rc.2"),
    ("registry.example.com:5000/release:4.17.3", "4.17.3"),
    ("registry.example.com:5000/release@sha256:0123", "0.0.0"),
])
def test_the_version_of_a_release(image: str, version: str):
    assert release_version(image) == version


def test_hypershifts_namespaces_hold_no_dots():
    assert control_plane_namespace("clusters", "a.b") == "clusters-a-b"


def machine(name: str, created: str, annotated: bool = False, node: bool = True) -> dict:
    metadata = {"name": name, "creationTimestamp": created, "annotations": {DELETE_MACHINE: ""} if annotated else {}}
    return {"metadata": metadata, "status": {"nodeRef": {"name": name}} if node else {}}


def test_scale_down_takes_the_annotated_then_the_unfinished_then_the_youngest():
    machines = [
        machine("oldest", "2026-01-01T00:00:00Z"), machine("youngest", "2026-01-04T00:00:00Z"),
        machine("unfinished", "2026-01-02T00:00:00Z", node=False), machine("named", "2026-01-01T12:00:00Z", annotated=True)]
    assert [item["metadata"]["name"] for item in deletion_order(machines)] == [
        "named", "unfinished", "youngest", "oldest"]


def test_a_condition_keeps_its_time_while_its_status_stays():
    old = {"type": "Ready", "status": "False", "reason": "A", "message": "a", "lastTransitionTime": "2026-01-01T00:00:00Z"}
    other = {**old, "type": "Other"}
    item = {"metadata": {"generation": 7}, "status": {"conditions": [old, other]}}
    same = conditions.merged(item, [("Ready", False, "B", "b")], True)
    assert same == [{**old, "reason": "B", "message": "b", "observedGeneration": 7}, other]
    turned = conditions.merged(item, [("Ready", True, "B", "b")])
    assert turned[0]["status"] == "True"
    assert turned[0]["lastTransitionTime"] > old["lastTransitionTime"]


def stated(state: str, approved: bool = True) -> dict[str, str]:
    return {kind: status for kind, status, _reason, _message in agent_states.wanted(state, approved)}


def test_the_conditions_of_an_agents_states():
    everywhere = set(stated(agent_states.KNOWN))
    for state in (agent_states.KNOWN_UNBOUND, agent_states.DISCONNECTED_UNBOUND, agent_states.BINDING,
                  agent_states.INSTALLING, agent_states.INSTALLED, agent_states.UNBINDING,
                  agent_states.UNBINDING_PENDING):
        assert set(stated(state)) == everywhere
        assert (stated(state)["Installed"] == "True") == (state == agent_states.INSTALLED)
    assert stated(agent_states.KNOWN_UNBOUND, approved=False)["RequirementsMet"] == "False"
    assert stated(agent_states.KNOWN_UNBOUND)["RequirementsMet"] == "True"
    for released in agent_states.RELEASED:
        assert stated(released)["Bound"] == "False"
    assert stated(agent_states.DISCONNECTED_UNBOUND)["Connected"] == "False"


def test_an_inventory_shows_the_server():
    place = Layout(Path("/nowhere"), number=31).servers[1]
    state = type("State", (), {"drives": [{"serial": "D0", "capacity_bytes": 10, "contents": "installed:x"}]})()
    found = inventory.of(place, state, Network({place.nics[0].mac: "10.64.0.11/24"}))
    assert [nic["ipV4Addresses"] for nic in found["interfaces"]] == [["10.64.0.11/24"], []]
    assert found["disks"][0]["bootable"] is True
    assert len(found["gpus"]) == 8, "every second server is of class gpu"
    assert all(len(value) <= 63 and " " not in value for value in inventory.labels(found).values())


def test_boots_and_disks_outlive_a_restart(tmp_path: Path):
    memory = Memory(tmp_path / "physics/memory.json")
    image = Image("acme", "acme", "ssh-ed25519 A", Network({MACS[0]: "10.64.0.10/24"}, "10.64.0.1"))
    disk = Disk("acme", "acme", "r1-s01", "agent://x", {NODE_POOL_KEY: "p"}, [], image)
    memory.boots = {"a": Boot(3, DISCOVERY, image), "b": Boot(4, INSTALLED, image, disk, registered=True)}
    memory.disks = {"b": disk}
    memory.save()
    again = Memory(tmp_path / "physics/memory.json")
    assert (again.boots, again.disks) == (memory.boots, memory.disks)
    assert again.in_discovery("a") == image
    assert again.in_discovery("b") is None
    assert again.installed("b") == disk


THING = Resource("", "v1", "things", "Thing")


class OneWatch:
    """An API whose only watch is fed by the test."""

    def __init__(self):
        self.events, self.more = [], threading.Condition()

    def list(self, resource: Resource) -> dict:
        return {"items": [thing("old", 1)], "metadata": {"resourceVersion": "1"}}

    def watch(self, resource: Resource, version: str):
        while True:
            with self.more:
                self.more.wait_for(lambda: self.events, timeout=10)
                event = self.events.pop(0)
            yield event

    def tell(self, kind: str, item: dict) -> None:
        with self.more:
            self.events.append({"type": kind, "object": item})
            self.more.notify()


def thing(name: str, version: int) -> dict:
    return {"kind": "Thing", "metadata": {"name": name, "uid": f"uid-{name}", "resourceVersion": str(version)}}


def settled(cache: Cache, wake: threading.Event, names: set[str]) -> bool:
    for _turn in range(100):
        if {item["metadata"]["name"] for item in cache.items()} == names:
            return True
        wake.wait(0.05)
        wake.clear()
    return False


def test_a_cache_sees_our_own_writes_and_brings_nothing_back():
    api, wake = OneWatch(), threading.Event()
    cache = Cache(api, THING, wake)
    assert settled(cache, wake, {"old"})
    cache.note(thing("own", 5))
    api.tell("MODIFIED", thing("own", 4))
    api.tell("ADDED", thing("new", 6))
    assert settled(cache, wake, {"old", "own", "new"})
    assert cache.get(None, "own")["metadata"]["resourceVersion"] == "5", "older news do not undo our own write"
    api.tell("DELETED", thing("own", 7))
    assert settled(cache, wake, {"old", "new"})
    cache.note(thing("own", 6))
    assert settled(cache, wake, {"old", "new"}), "a slow answer does not bring back what is gone"
    cache.stop()
