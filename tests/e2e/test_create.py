"""An order becomes a ready cluster; what was handed over is looked at with means of the tests' own."""

from __future__ import annotations

import json
import stat

import cryptography.exceptions
import pytest

from tests.e2e import world
from tests.e2e.conftest import BLUE, RED
from tests.e2e.runs import PATIENCE


@pytest.mark.parametrize("order", [RED, BLUE], ids=["red", "blue"])
def test_the_cluster_is_ready(order, made, lab):
    cluster, [node_set] = order["cluster_name"], order["cluster_node_sets"]
    servers = world.held(lab, cluster)
    assert len(servers) == node_set["count"]
    assert {world.place_of(lab, name).server_class for name in servers} == {node_set["class"]}
    assert len({world.place_of(lab, name).rack for name in servers}) == 2, "spread over the racks"
    assert world.phase(lab, cluster) == "ready"
    assert {world.server_states(lab)[name] for name in servers} == {"in_service"}
    assert servers <= world.powered_on(lab)
    assert servers.isdisjoint(world.media_inserted(lab))
    for name in servers:
        assert f"installed:{cluster}" in world.drive_contents(lab, name)
    assert world.ready_nodes(lab, cluster) == servers


def test_servers_that_nobody_ordered_are_left_alone(red, blue, lab):
    others = {place.name for place in lab.layout().servers} - {*red, *blue}
    assert world.powered_on(lab) == {*red, *blue}
    assert all(world.port_tags(lab, name) == {999} for name in others)


def test_each_segment_is_on_its_own_ports_and_on_the_links_it_needs(red, blue, lab):
    seen = {place.name: world.port_vlans(lab, place.name) for place in lab.layout().switches}
    tags = {}
    for cluster, servers in (("red", red), ("blue", blue)):
        [vlan] = {int(resource.rpartition("/")[2]) for resource in world.held(lab, cluster, "vlan")}
        assert all(world.port_tags(lab, name) == {vlan} for name in servers)
        leaves = {nic.switch for name in servers for nic in world.place_of(lab, name).nics}
        carrying = {(switch, port) for switch, ports in seen.items() for port, (_, trunks) in ports.items() if vlan in trunks}
        assert carrying == {(leaf, "up1") for leaf in leaves} | {("spine-1", leaf) for leaf in leaves} | {("spine-1", "border")}
        tags[cluster] = vlan
    assert tags["red"] != tags["blue"]


def test_the_kubeconfig_is_handed_over_to_its_owner_alone(made, lab):
    for cluster in ("red", "blue"):
        path = lab.product / "clusters" / cluster / "kubeconfig"
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
    hosts = {world.tenant_api(lab, cluster).api_client.configuration.host for cluster in ("red", "blue")}
    assert len(hosts) == 2, "each tenant has an API of its own"


@pytest.mark.parametrize("cluster", ["red", "blue"])
def test_the_receipt_says_what_was_handed_over(cluster, made, lab, site):
    path = lab.product / "clusters" / cluster / "receipt.json"
    said = world.receipt(lab, path)
    assert said["kind"] == "handover"
    assert said["order"]["cluster"] == cluster
    assert {server["name"]: server["serial"] for server in said["servers"]} == {
        name: world.place_of(lab, name).serial for name in world.held(lab, cluster)}
    assert {gate["gate"]: gate["ok"] for gate in said["gates"]} == {"readback": True, "wire": True, "cluster": True}
    keys = {"receipt_path": str(path), "receipt_public_key": str(lab.product / "keys/receipt.pub")}
    assert f"handover of {cluster}" in site.play("receipt_verify", keys, timeout=PATIENCE).succeeded().output


def test_an_altered_receipt_is_no_receipt(made, lab, site, tmp_path):
    altered = json.loads((lab.product / "clusters/red/receipt.json").read_text())
    altered["servers"][0]["serial"] = "LAB99999999"
    path = tmp_path / "receipt.json"
    path.write_text(json.dumps(altered))
    with pytest.raises(cryptography.exceptions.InvalidSignature):
        world.receipt(lab, path)
    keys = {"receipt_path": str(path), "receipt_public_key": str(lab.product / "keys/receipt.pub")}
    assert site.play("receipt_verify", keys, timeout=PATIENCE).returncode != 0


def test_a_second_run_at_the_same_time_is_refused(made):
    made.second.failed_with("run_in_progress")
    assert "cluster red" in made.second.output


def test_run_again_nothing_changes(made, lab, site):
    before = world.snapshot(lab)
    again = site.play("cluster_create", RED, timeout=PATIENCE).succeeded()
    assert again.changed == 0, again.output[-6000:]
    after = world.snapshot(lab)
    assert after["switches"] == before["switches"]
    assert after["hardware"] == before["hardware"]
    assert after["hub"] == before["hub"]
    assert after["ledger"]["claims"] == before["ledger"]["claims"]
    assert after["files"] == before["files"]


def test_the_leasehold_command_tells_what_happens_and_how_it_ended(made):
    assert made.blue.returncode == 0, made.blue.output[-6000:]
    events = made.blue.of("event")
    assert {"order", "run", "step", "object", "state", "message", "time"} <= set(events[0])
    steps = list(dict.fromkeys(event["step"] for event in events if event["step"]))
    assert steps == ["Plan and claim", "Segment", "Servers and control plane", "Read back", "Gates and handover"]
    [outcome] = made.blue.of("outcome")
    assert outcome["state"] == "successful"
    assert not outcome["failure"]
