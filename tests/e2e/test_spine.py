"""One customer's cluster from order to release, and a second beside it. The tests follow one another."""

from __future__ import annotations

import json

import pytest

from tests.e2e import world

RED = {
    "cluster_name": "red", "cluster_tenant": "initech", "cluster_lease_duration": "30d",
    "cluster_node_sets": [{"name": "workers", "class": "cpu", "count": 2}],
}
BLUE = {
    "cluster_name": "blue", "cluster_tenant": "hooli", "cluster_lease_duration": "12h",
    "cluster_node_sets": [{"name": "gpus", "class": "gpu", "count": 2}],
}


def servers_of(lab, cluster: str) -> list:
    names = {resource for kind, resource, holder in world.claims(lab) if kind == "server" and holder == cluster}
    return [place for place in lab.layout().servers if place.name in names]


def address_of(lab, server) -> str:
    return world.leased_addresses(lab)[server.name]


def everything(lab) -> tuple:
    """What a plan must not touch."""
    ports = {switch.name: world.port_vlans(lab, switch.name) for switch in lab.layout().switches}
    return ports, world.powered_on(lab), world.claims(lab) if world.has_ledger(lab) else [], world.hub_names(lab)


def test_the_plan_is_shown_and_nothing_is_touched(site, lab):
    before = everything(lab)
    shown = site.play("cluster_create", RED, "--check", "--diff").succeeded()
    assert "segment red: VLAN 100, prefix 10.64.0.0/24" in shown.output
    assert "port s01: access 999 -> access 100" in shown.output
    assert "HostedCluster red/red" in shown.output
    assert everything(lab) == before


@pytest.mark.parametrize(("wrong", "error_code"), [
    ({"cluster_node_sets": [{"name": "workers", "class": "quantum", "count": 1}]}, "no_capacity"),
    ({"cluster_node_sets": [{"name": "workers", "class": "cpu", "count": 99}]}, "no_capacity"),
    ({"cluster_name": "Not a label"}, "invalid_order"),
    ({"cluster_template": "no-such"}, "invalid_order"),
    ({"cluster_lease_duration": "soon"}, "invalid_order"),
])
def test_a_bad_order_is_refused_and_nothing_is_written(site, lab, wrong, error_code):
    before = everything(lab)
    site.play("cluster_create", RED | wrong).failed_with(error_code)
    assert everything(lab) == before


def test_a_cluster_is_created(site, lab):
    played = site.play("cluster_create", RED, "-vvv").succeeded()
    assert played.changed > 0
    members = servers_of(lab, "red")
    assert len(members) == 2 and world.powered_on(lab) == {member.name for member in members}
    one, other = members
    assert world.pings(one, address_of(lab, other)) and world.arps(one, address_of(lab, other))
    assert world.pings(one, "10.64.0.1")
    kubeconfig = lab.product / "clusters/red/kubeconfig"
    assert kubeconfig.stat().st_mode & 0o777 == 0o600
    assert world.ready_nodes(kubeconfig) == {member.name for member in members}
    for secret in world.secrets(lab, kubeconfig):
        assert secret not in played.output


def test_the_receipt_is_signed_and_can_be_checked_offline(site, lab):
    path = lab.product / "clusters/red/receipt.json"
    site.play("receipt_verify", {"receipt_path": str(path), "receipt_public_key": str(lab.product / "keys/receipt.pub")}).succeeded()
    receipt = json.loads(path.read_text())
    assert {gate["gate"] for gate in receipt["gates"] if gate["ok"]} == {"readback", "wire", "cluster"}
    assert {server["serial"] for server in receipt["servers"]} == {server.serial for server in servers_of(lab, "red")}
    forged = lab.directory / "forged.json"
    forged.write_text(path.read_text().replace(receipt["servers"][0]["serial"], "FORGED0001"))
    refused = site.play("receipt_verify", {"receipt_path": str(forged), "receipt_public_key": str(lab.product / "keys/receipt.pub")})
    assert refused.returncode != 0


def test_running_it_again_changes_nothing(site, lab):
    before = everything(lab), (lab.product / "clusters/red/receipt.json").read_bytes()
    assert site.play("cluster_create", RED).succeeded().changed == 0
    assert (everything(lab), (lab.product / "clusters/red/receipt.json").read_bytes()) == before


def test_a_second_tenant_is_isolated_from_the_first(site, lab):
    first = site.start("cluster_create", BLUE)
    second = site.play("cluster_create", BLUE)  # at the same time: one of them is refused, or finds all done
    out, err = first.communicate(timeout=180)
    outputs = {first.returncode: out + err, second.returncode: second.output}
    assert 0 in outputs, outputs
    if set(outputs) != {0}:
        assert "[run_in_progress]" in next(text for code, text in outputs.items() if code)
    for mine in servers_of(lab, "red"):
        for theirs in servers_of(lab, "blue"):
            for one, other in ((mine, theirs), (theirs, mine)):
                assert not world.pings(one, address_of(lab, other)), f"{one.name} reaches {other.name}"
                assert not world.arps(one, address_of(lab, other)), f"{one.name} reaches {other.name} by ARP"
    for canary in lab.layout().canary_places:
        assert not world.arps(servers_of(lab, "red")[0], canary.address)


def test_verify_passes_and_finds_a_rogue_port(site, lab):
    site.play("segment_verify", {"cluster_name": "red"}).succeeded()
    stranger = next(place for place in lab.layout().servers if place not in servers_of(lab, "red") + servers_of(lab, "blue"))
    port = stranger.nics[0]
    with world.port_in_vlan(lab, port.switch, port.port, 100):
        found = site.play("segment_verify", {"cluster_name": "red"}).failed_with("gate_failed")
        assert port.switch in found.output and f"port {port.port}" in found.output
    site.play("segment_verify", {"cluster_name": "red"}).succeeded()


def test_it_grows_and_shrinks(site, lab):
    grown = RED | {"cluster_node_sets": [{"name": "workers", "class": "cpu", "count": 3}]}
    site.play("cluster_scale", grown).succeeded()
    members = servers_of(lab, "red")
    kubeconfig = lab.product / "clusters/red/kubeconfig"
    assert len(members) == 3 and world.ready_nodes(kubeconfig) == {member.name for member in members}
    leaver = members[-1]
    world.run_pod(kubeconfig, "tenant-work", leaver.name)
    smaller = RED | {"cluster_remove_servers": [leaver.name]}
    site.play("cluster_scale", smaller).succeeded()
    assert leaver.name not in {member.name for member in servers_of(lab, "red")}
    assert leaver.name not in world.powered_on(lab) and leaver.name not in world.ready_nodes(kubeconfig)
    assert "tenant-work" not in world.pods(kubeconfig)
    assert world.disks(lab, leaver.name) == {None}
    assert all(world.port_vlans(lab, nic.switch)[nic.port][0] == 999 for nic in leaver.nics)
    assert site.play("cluster_scale", smaller).succeeded().changed == 0


def test_a_sick_server_is_set_aside_and_comes_back_wiped(site, lab):
    held = {place.name for place in servers_of(lab, "red") + servers_of(lab, "blue")}
    sick = next(place for place in lab.layout().servers if place.name not in held)
    order = {"node_name": sick.name, "node_reason": "ECC errors"}
    site.play("node_quarantine", order, "--check").succeeded()
    assert site.play("node_quarantine", order).succeeded().changed > 0
    assert site.play("node_quarantine", order).succeeded().changed == 0
    wanted = {"cluster_name": "green", "cluster_node_sets": [{"name": "all", "class": sick.server_class, "count": 4}]}
    site.play("cluster_create", RED | wanted).failed_with("no_capacity")
    site.play("node_return", {"node_name": sick.name}).succeeded()


@pytest.mark.parametrize("cluster", ["red", "blue"])
def test_a_release_leaves_nothing(site, lab, cluster):
    members = servers_of(lab, cluster)
    played = site.play("cluster_delete", {"cluster_name": cluster}).succeeded()
    assert played.changed > 0
    assert not [row for row in world.claims(lab) if row[2] == cluster]
    for member in members:
        assert member.name not in world.powered_on(lab) and world.disks(lab, member.name) == {None}
        assert all(world.port_vlans(lab, nic.switch)[nic.port] == (999, set()) for nic in member.nics)
    assert not [name for name in world.hub_names(lab) if cluster in name]
    assert not (lab.product / f"clusters/{cluster}/kubeconfig").exists()
    released = [json.loads(path.read_text()) for path in (lab.product / f"clusters/{cluster}").glob("release-*.json")]
    assert {server["serial"] for receipt in released for server in receipt["servers"]} >= {member.serial for member in members}
    assert site.play("cluster_delete", {"cluster_name": cluster}).succeeded().changed == 0


def test_nothing_is_left_in_the_data_centre(lab):
    assert world.vlans_in_use(lab) == set() and world.powered_on(lab) == set() and world.claims(lab) == []
