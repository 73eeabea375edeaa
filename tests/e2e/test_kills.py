"""ansible-playbook is killed with all its processes, again and again; run once more, it finishes, and nothing has leaked."""

from __future__ import annotations

import pytest

from tests.e2e import world
from tests.e2e.runs import PATIENCE, killed_at

GREEN = {"cluster_name": "green", "cluster_tenant": "umbrella", "cluster_lease_duration": "12h",
         "cluster_node_sets": [{"name": "workers", "class": "gpu", "count": 1}]}
CREATE = (  # the task in which it dies, how long that has been under way, and the step that the ledger then has
    ("Set the ports in one transaction", 0, "Plan and claim"),
    ("Wait for the servers to register", 0.1, "Servers and control plane"),
    ("Sign the handover receipt", 0, "Gates and handover"),
)
DELETE = (
    ("Move the ports to quarantine and prune the trunks, in one transaction", 0, "Open the release"),
    ("Power off, erase every drive, eject the image", 0.5, "Wipe and release"),
    ("Free the claims", 0, "Residue and receipt"),
)


@pytest.fixture(scope="module")
def green(lab, site):
    """The server of a cluster that was made in spite of three kills."""
    for task, after, step in CREATE:
        killed_at(site, "cluster_create", GREEN, task, after)
        assert world.run_of(lab, "green") == ("running", step), "it had no time to say that it ends"
        assert len(world.held(lab, "green")) == 1, "claimed once, and still"
        assert not (lab.product / "clusters/green/receipt.json").exists()
    site.play("cluster_create", GREEN, timeout=PATIENCE).succeeded()
    (name,) = world.held(lab, "green")
    return name


def test_a_killed_create_is_finished_by_the_next_run(green, lab):
    assert world.phase(lab, "green") == "ready"
    assert world.server_states(lab)[green] == "in_service"
    assert world.ready_nodes(lab.product / "clusters/green/kubeconfig") == {green}
    assert [server["name"] for server in world.receipt(lab, lab.product / "clusters/green/receipt.json")["servers"]] == [green]


def test_a_killed_create_leaks_nothing(green, lab):
    assert [(kind, holder) for kind, resource, holder in world.claims(lab)] == [
        (kind, "green") for kind in ("address", "prefix", "server", "vlan")]
    assert world.powered_on(lab) == {green}
    assert world.vlans_in_use(lab) == world.port_tags(lab, green)
    assert world.media_inserted(lab) == set()


def test_a_killed_delete_is_finished_by_the_next_run_and_leaves_nothing(green, lab, site):
    for task, after, step in DELETE:
        killed_at(site, "cluster_delete", {"cluster_name": "green"}, task, after)
        assert world.run_of(lab, "green") == ("running", step)
        assert world.held(lab, "green") == {green}, "held until it is proven clean"
    site.play("cluster_delete", {"cluster_name": "green"}, timeout=PATIENCE).succeeded()
    assert world.phase(lab, "green") == "deleted"
    assert world.claims(lab) == []
    assert world.powered_on(lab) == set()
    assert world.vlans_in_use(lab) == set()
    assert world.port_tags(lab, green) == {999}
    assert world.disks(lab, green) == {None}
    assert world.server_states(lab)[green] == "available"
    assert not [name for name in world.hub_names(lab) if "green" in name]
    assert not (lab.product / "clusters/green/kubeconfig").exists()
    released = [world.receipt(lab, path) for path in (lab.product / "clusters/green").glob("release*.json")]
    assert {wipe["server"] for said in released for wipe in said["wipes"] if wipe["proven"]} == {green}
