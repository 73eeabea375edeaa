"""Both clusters are released, at the same time; afterwards there is nothing of them anywhere but their receipts."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.e2e import world
from tests.e2e.conftest import BLUE
from tests.e2e.runs import PATIENCE
from tests.faults.hub import objects_of


@pytest.fixture(scope="module")
def gone(made, lab, site, leasehold):
    """Cluster -> the servers that it held, with their addresses; both are deleted."""
    held = {}
    for cluster in ("red", "blue"):
        said = world.receipt(lab, lab.product / "clusters" / cluster / "receipt.json")
        held[cluster] = {server["name"]: server["address"] for server in said["servers"]}
    with ThreadPoolExecutor(1) as thread:
        blue = thread.submit(leasehold, "delete", BLUE)
        site.play("cluster_delete", {"cluster_name": "red"}, timeout=PATIENCE).succeeded()
        assert blue.result().returncode == 0, blue.result().output[-6000:]
    return held


def test_the_fabric_is_as_its_admin_left_it(gone, lab):
    assert world.vlans_in_use(lab) == set()
    assert all(world.port_tags(lab, place.name) == {999} for place in lab.layout().servers)


def test_the_servers_are_off_blank_and_available(gone, lab):
    assert world.powered_on(lab) == set()
    assert world.media_inserted(lab) == set()
    assert all(world.drive_contents(lab, place.name) == {None} for place in lab.layout().servers)
    assert set(world.server_states(lab).values()) == {"available"}


def test_no_server_reaches_or_is_reached(gone, lab):
    for servers in gone.values():
        for name, address in servers.items():
            assert not world.pings(world.place_of(lab, name), address.rpartition(".")[0] + ".1")
            for vlan in range(100, 103):
                assert not world.hears(f"{lab.layout().prefix}-gw{vlan}", address)


@pytest.mark.parametrize("cluster", ["red", "blue"])
def test_the_hub_has_nothing_of_it(cluster, gone, lab):
    assert objects_of(lab, cluster) == []


def test_the_ledger_holds_nothing_for_them(gone, lab):
    assert world.claims(lab) == []
    assert {world.phase(lab, cluster) for cluster in gone} == {"deleted"}


@pytest.mark.parametrize("cluster", ["red", "blue"])
def test_the_kubeconfig_is_gone_and_the_release_is_signed_for(cluster, gone, lab):
    directory = lab.product / "clusters" / cluster
    assert not (directory / "kubeconfig").exists()
    said = [world.receipt(lab, path) for path in directory.glob("release*.json")]
    wiped = {wipe["server"] for document in said for wipe in document["wipes"] if wipe["proven"]}
    assert set(gone[cluster]) <= wiped
    assert all(gate["ok"] for document in said for gate in document["gates"])


def test_a_second_delete_changes_nothing(gone, lab, site):
    before = world.snapshot(lab)
    again = site.play("cluster_delete", {"cluster_name": "red"}, timeout=PATIENCE).succeeded()
    assert again.changed == 0, again.output[-6000:]
    after = world.snapshot(lab)
    for place in ("switches", "hardware", "hub", "files"):
        assert after[place] == before[place], place
