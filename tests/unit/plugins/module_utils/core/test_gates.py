# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import pytest

from ansible_collections.leasehold.cloud.plugins.module_utils.core import gates, probes

SEGMENT = {"name": "blue", "vlan": 101, "prefix": "10.64.0.0/24", "gateway": "10.64.0.1", "quarantine_vlan": 999}


def server(number: int) -> dict:
    return {"name": f"s{number}", "address": f"10.64.0.{9 + number}", "nics": [
        {"name": "eth0", "mac": f"52:54:00:00:00:{number:02x}", "switch": "leaf-a", "port": f"p{number}"},
        {"name": "eth1", "mac": f"52:54:00:00:01:{number:02x}", "switch": "leaf-b", "port": f"p{number}"},
    ]}


SERVERS = [server(1), server(2)]


def access(name, vlan):
    return {"name": name, "mode": "access", "vlan": vlan, "vlans": []}


def trunk(name, *vlans, native=None):
    return {"name": name, "mode": "trunk", "vlan": native, "vlans": list(vlans)}


# --- read back

EXPECTED = {"leaf-a": [access("p1", 101), access("p2", 101), trunk("up1", 101)], "leaf-b": [access("p1", 101)], "leaf-c": []}


def observed():
    return {
        "leaf-a": [access("p1", 101), access("p2", 101), access("p3", 999), trunk("up1", 101, 102, 999)],
        "leaf-b": [access("p1", 101), trunk("up1", 999)],
        "leaf-c": [access("p1", 190)],
    }


def replaced(switch, port):
    found = observed()
    found[switch] = [port if other["name"] == port["name"] else other for other in found[switch]]
    return found


def test_readback_passes_when_the_vlan_is_on_exactly_its_ports():
    finding = gates.readback(EXPECTED, observed(), SEGMENT, SERVERS)
    assert finding == {"gate": "readback", "ok": True, "problems": [], "evidence": {
        "vlan": 101, "carried_by": {"leaf-a": ["p1", "p2", "up1"], "leaf-b": ["p1"], "leaf-c": []}}}


@pytest.mark.parametrize(("switch", "port", "said"), [
    ("leaf-a", access("p1", 999), "is access 999, not access 101"),
    ("leaf-a", trunk("p1", 101), "is trunk 101, not access 101"),
    ("leaf-a", access("p3", 101), "carries VLAN 101 of blue"),
    ("leaf-a", trunk("up1", 102, 999), "does not carry VLAN 101"),
    ("leaf-a", trunk("up1"), "is a trunk of all VLANs"),
    ("leaf-a", access("up1", 101), "not a trunk"),
    ("leaf-a", trunk("up1", 101, native=999), "VLAN 999 untagged"),
    ("leaf-b", trunk("up1", 101, 999), "which it must not"),
    ("leaf-b", trunk("up1"), "which it must not"),
    ("leaf-b", trunk("up1", 5, native=101), "which it must not"),
    ("leaf-c", access("p1", 101), "which it must not"),
    ("leaf-c", {"name": "p1", "mode": "dot1q-tunnel", "vlan": 101, "vlans": []}, "which it must not"),
])
def test_readback_names_the_port_that_is_wrong(switch, port, said):
    finding = gates.readback(EXPECTED, replaced(switch, port), SEGMENT, SERVERS)
    assert not finding["ok"]
    (problem,) = finding["problems"]
    assert (problem["switch"], problem["port"]) == (switch, port["name"]) and said in problem["problem"]


def test_readback_names_the_server_at_the_port():
    (problem,) = gates.readback(EXPECTED, replaced("leaf-a", access("p1", 999)), SEGMENT, SERVERS)["problems"]
    assert problem["endpoints"] == ["s1 eth0", "leaf-a"]


def test_a_switch_or_port_that_was_not_read_back_is_a_problem():
    found = observed()
    del found["leaf-c"]
    found["leaf-a"] = found["leaf-a"][1:]
    said = {(problem["switch"], problem["port"]): problem["problem"] for problem in gates.readback(EXPECTED, found, SEGMENT)["problems"]}
    assert said == {("leaf-a", "p1"): "is not on the switch", ("leaf-c", None): "was not read back"}


def test_a_switch_nobody_expected_anything_of_is_looked_at_too():
    assert not gates.readback(EXPECTED, observed() | {"leaf-d": [access("p9", 101)]}, SEGMENT)["ok"]


# --- wire

EXPECTATIONS = {"must_answer": [{"name": "gateway", "address": "10.64.0.1"}], "must_not_answer": [{"name": "canary", "address": "10.99.0.10"}]}


def results():
    """Of two servers that are well: their leased NIC asks everyone, their spare one all but peers."""
    found = []
    for one in SERVERS:
        for question in probes.questions(one, SERVERS, EXPECTATIONS["must_answer"], EXPECTATIONS["must_not_answer"]):
            for nic, methods in (("eth0", question.methods), ("eth1", () if question.peer else ("arp",))):
                found += [{"server": one["name"], "nic": nic, "target": question.name, "address": question.address, "method": method,
                           "must_answer": question.must_answer, "answered": question.must_answer} for method in methods]
    return found


def problems_with(change):
    """What the gate says after one result of s1 was changed by ``change`` (or dropped, where that returns None)."""
    found = [change(dict(result)) if result["server"] == "s1" else result for result in results()]
    finding = gates.wire([result for result in found if result], EXPECTATIONS, SERVERS)
    assert finding["ok"] is (not finding["problems"])
    return finding["problems"]


def test_wire_passes_when_all_is_as_it_must_be():
    finding = gates.wire(results(), EXPECTATIONS, SERVERS)
    assert finding["ok"], finding["problems"]
    assert finding["evidence"] == {"servers": ["s1", "s2"], "answers": 10, "silences": 6, "must_not_answer": ["canary 10.99.0.10"]}


@pytest.mark.parametrize(("nic", "method", "switch"), [("eth0", "icmp", "leaf-a"), ("eth0", "arp", "leaf-a"), ("eth1", "arp", "leaf-b")])
def test_an_answer_of_another_tenant_is_a_problem_at_every_level(nic, method, switch):
    def leak(result):
        return result | {"answered": True} if (result["target"], result["nic"], result["method"]) == ("canary", nic, method) else result

    (problem,) = problems_with(leak)
    assert problem["endpoints"] == [f"s1 {nic}", "canary 10.99.0.10"]
    assert (problem["switch"], problem["port"]) == (switch, "p1") and "must not answer" in problem["problem"]


def test_a_peer_that_does_not_answer_is_a_problem():
    (problem,) = problems_with(lambda result: result | {"answered": False} if (result["target"], result["method"]) == ("s2", "icmp") else result)
    assert problem["endpoints"] == ["s1 eth0", "s2 10.64.0.11"] and "must answer" in problem["problem"]


@pytest.mark.parametrize("target", ["gateway", "s2", "canary"])
def test_what_was_not_asked_is_a_problem(target):
    said = [problem["problem"] for problem in problems_with(lambda result: None if result["target"] == target else result)]
    assert len(said) == 2 and all("was not made to ask" in text for text in said)


def test_what_could_not_be_asked_is_a_problem():
    (problem,) = problems_with(lambda result: result | {"answered": None, "error": "arping: not found"}
                               if (result["target"], result["nic"], result["method"]) == ("canary", "eth0", "arp") else result)
    assert "arping: not found" in problem["problem"]


def test_a_server_that_cannot_be_probed_is_one_problem():
    found = [result for result in results() if result["server"] == "s2"] + [probes.failure(SERVERS[0], "connection refused")]
    finding = gates.wire(found, EXPECTATIONS, SERVERS)
    (problem,) = finding["problems"]
    assert not finding["ok"] and "connection refused" in problem["problem"] and (problem["switch"], problem["port"]) == ("leaf-a", "p1")


def test_an_error_beside_findings_is_a_problem():
    finding = gates.wire([*results(), probes.failure(SERVERS[0], "no device has the MAC address 52:54:00:00:01:01")], EXPECTATIONS, SERVERS)
    assert [problem["problem"] for problem in finding["problems"]] == ["could not be probed from: no device has the MAC address 52:54:00:00:01:01"]


def test_without_servers_or_results_the_wire_gate_is_closed():
    assert not gates.wire([], EXPECTATIONS, [])["ok"]
    assert not gates.wire([], EXPECTATIONS, SERVERS)["ok"]


# --- cluster

def node(name, status, **more):
    return {"metadata": {"name": name}, "status": {"conditions": [{"type": "MemoryPressure", "status": "False"}, {"type": "Ready", "status": status, **more}]}}


def test_cluster_takes_node_objects_and_plain_ones():
    finding = gates.cluster(["s1", "s2"], [node("s1", "True"), {"name": "s2", "ready": True}], True)
    assert finding["ok"] and finding["evidence"] == {"api": True, "nodes_ready": ["s1", "s2"]}


@pytest.mark.parametrize(("nodes", "api_ok", "about", "said"), [
    ([node("s1", "True")], False, "API", "does not answer"),
    ([], True, "node s1", "not in the cluster"),
    ([node("s1", "False", message="container runtime is down")], True, "node s1", "container runtime is down"),
    ([node("s1", "Unknown", reason="NodeStatusUnknown")], True, "node s1", "NodeStatusUnknown"),
    ([{"metadata": {"name": "s1"}}], True, "node s1", "is not Ready"),
    ([node("s1", "True"), node("s9", "True")], True, "node s9", "not in its plan"),
])
def test_cluster_problems(nodes, api_ok, about, said):
    finding = gates.cluster(["s1"], nodes, api_ok)
    (problem,) = finding["problems"]
    assert not finding["ok"] and problem["object"] == about and said in problem["problem"]


# --- residue

def clean():
    return {
        "switches": {"leaf-a": [access("p1", 999), access("p2", 999), trunk("up1", 999)], "leaf-b": [access("p1", 999), access("p2", 999)]},
        "bmcs": {"s1": {"power": "Off", "virtual_media": None}, "s2": {"power": "Off", "virtual_media": {"inserted": False, "image": None}}},
        "objects": [], "claims": [],
    }


def test_residue_passes_when_nothing_is_left():
    assert gates.residue(SEGMENT, SERVERS, clean())["ok"]


@pytest.mark.parametrize("what", ["switches", "bmcs", "objects", "claims"])
@pytest.mark.parametrize("absent", [True, False])
def test_what_was_not_looked_at_is_a_problem(what, absent):
    looked_at = clean() | {what: None}
    if absent:
        del looked_at[what]
    (problem,) = gates.residue(SEGMENT, SERVERS, looked_at)["problems"]
    assert problem["problem"] == "not looked at" and what in problem["object"]


@pytest.mark.parametrize(("what", "value", "said"), [
    ("switches", {"leaf-a": [access("p1", 101), access("p2", 999)]}, "leaf-a port p1 is access 101, not access 999"),
    ("switches", {"leaf-a": [access("p1", 998), access("p2", 999)]}, "leaf-a port p1 is access 998, not access 999"),
    ("switches", {"leaf-a": [access("p2", 999)]}, "leaf-a port p1 is not on the switch"),
    ("switches", {"leaf-a": [access("p1", 999), access("p2", 999), trunk("up1", 101, 999)]}, "leaf-a port up1 still carries VLAN 101"),
    ("switches", {"leaf-a": [access("p1", 999), access("p2", 999), trunk("up1")]}, "leaf-a port up1 still carries VLAN 101"),
    ("bmcs", {"s1": {"power": "On", "virtual_media": None}}, "server s1 is not off"),
    ("bmcs", {"s1": {"power": "Off", "virtual_media": {"inserted": True, "image": "http://x/d.iso"}}}, "http://x/d.iso in its virtual drive"),
    ("bmcs", {"s1": None}, "server s1 has a BMC that was not read"),
])
def test_residue_names_what_is_left(what, value, said):
    looked_at = clean()
    looked_at[what] |= value
    (problem,) = gates.residue(SEGMENT, SERVERS, looked_at)["problems"]
    assert said in f"{problem['object']} {problem['problem']}"


def test_a_switch_that_was_not_read_back_is_residue():
    looked_at = clean()
    del looked_at["switches"]["leaf-b"]
    said = [problem["problem"] for problem in gates.residue(SEGMENT, SERVERS, looked_at)["problems"]]
    assert said == ["was not read back", "was not read back"]  # the ports of two servers


def test_objects_and_claims_left_are_named():
    pool = {"kind": "NodePool", "metadata": {"namespace": "blue", "name": "blue-workers"}}
    namespace = {"kind": "Namespace", "metadata": {"name": "blue"}}
    looked_at = clean() | {"objects": [pool, namespace], "claims": [{"kind": "vlan", "resource": "101"}, "server s1"]}
    about = [problem["object"] for problem in gates.residue(SEGMENT, SERVERS, looked_at)["problems"]]
    assert about == ["NodePool blue/blue-workers", "Namespace blue", "vlan 101", "server s1"]


def test_a_scale_down_leaves_the_segment_to_those_who_stay():
    looked_at = clean()
    looked_at["switches"]["leaf-a"][2] = trunk("up1", 101, 999)
    assert gates.residue(SEGMENT, SERVERS[:1], looked_at, segment_gone=False)["ok"]


# --- the error

def test_a_failed_gate_tells_the_first_problems_and_carries_all():
    finding = gates.cluster(["a", "b", "c", "d", "e"], [], True)
    error = gates.failure(finding)
    assert error.error_code == "gate_failed" and error.details["finding"] == finding
    assert error.message == "5 problems: node a is not in the cluster; node b is not in the cluster; node c is not in the cluster; and 2 more"
