"""Two leases are over: one sweep releases one cluster and fails closed on the other, whose BMC is mute; the next one finishes."""

from __future__ import annotations

import dataclasses
import datetime
import json
import time

import pytest

from tests.conftest import Played
from tests.e2e import world
from tests.e2e.runs import PATIENCE

AMBER = {"cluster_name": "amber", "cluster_tenant": "umbrella", "cluster_lease_duration": "30d",
         "cluster_node_sets": [{"name": "workers", "class": "cpu", "count": 2}]}
COBALT = {"cluster_name": "cobalt", "cluster_tenant": "tyrell", "cluster_lease_duration": "2w",
          "cluster_node_sets": [{"name": "trainers", "class": "gpu", "count": 2}]}
QUICK = {"leasehold_bmc_request_timeout": 2, "leasehold_power_timeout": 4}
CLUSTERS = ("amber", "cobalt")
SOON = 30  # seconds: longer than a playbook takes to start on a busy machine


@dataclasses.dataclass
class Swept:
    """What became of the two."""

    mute: str  # the server of cobalt whose BMC did not answer
    vlans: dict[str, int]
    early: Played  # a sweep before the end
    planned: Played  # in check mode
    touched: list[str]  # what that changed
    first: Played
    after: dict  # what the world was like after the first sweep
    second: Played
    third: Played


def soon() -> datetime.datetime:
    return datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(seconds=SOON)


def wait_for(moment: datetime.datetime) -> None:
    time.sleep(max(0.0, (moment - datetime.datetime.now(datetime.timezone.utc)).total_seconds()) + 0.1)


def end_soon(site) -> None:
    """Both leases are cut short, and over when this returns."""
    for cluster in CLUSTERS:
        end = soon()
        site.play("lease_renew", {"cluster_name": cluster, "lease_end": end.isoformat()}).succeeded()
    wait_for(end)


@pytest.fixture(scope="module")
def swept(lab, site):
    for order in (AMBER, COBALT):
        site.play("cluster_create", order, timeout=PATIENCE).succeeded()
    receipts = {cluster: world.receipt(lab, lab.product / "clusters" / cluster / "receipt.json") for cluster in CLUSTERS}
    mute = min(world.held(lab, "cobalt"))
    early = site.play("lease_sweep", QUICK, timeout=PATIENCE).succeeded()
    end_soon(site)
    before = world.snapshot(lab)
    planned = site.play("lease_sweep", QUICK, "--check", timeout=PATIENCE).succeeded()
    touched = [place for place, was in before.items() if world.snapshot(lab)[place] != was]
    lab.command("fault", "set", "bmc-timeout", mute)
    first = site.play("lease_sweep", QUICK, timeout=PATIENCE)
    after = {"claims": {cluster for _kind, _resource, cluster in world.claims(lab)}, "ports": world.port_tags(lab, mute),
             "phases": [world.phase(lab, cluster) for cluster in CLUSTERS], "state": world.server_states(lab)[mute],
             "error": json.loads(world.ledger_rows(lab, "select error from clusters where name = 'cobalt'")[0][0])}
    lab.command("fault", "clear")
    second, third = (site.play("lease_sweep", QUICK, timeout=PATIENCE) for _time in range(2))
    return Swept(mute, {cluster: receipt["segment"]["vlan"] for cluster, receipt in receipts.items()}, early, planned, touched,
                 first, after, second, third)


def hosts(played: Played) -> set[str]:
    """The clusters that a sweep took up."""
    return {cluster for cluster in CLUSTERS if f"{cluster}.lease" in played.output}


def test_before_their_end_a_sweep_leaves_them_alone(swept):
    assert (hosts(swept.early), swept.early.changed) == (set(), 0)


def test_check_mode_shows_both_releases_and_touches_nothing(swept):
    assert (hosts(swept.planned), swept.touched) == (set(CLUSTERS), [])


def test_one_is_released_while_the_other_fails_closed(swept):
    assert (swept.first.returncode != 0, hosts(swept.first)) == (True, set(CLUSTERS))
    assert swept.after["phases"] == ["deleted", "failed"]
    assert swept.after["claims"] == {"cobalt"}, "nothing of it was freed"
    assert swept.after["ports"] == {999}, "network first: it is out of its segment all the same"
    assert swept.after["state"] not in ("available", "in_service")


def test_the_failure_names_the_server_and_the_step(swept):
    error = swept.after["error"]
    assert (error["operation"], error["step"], error["error_code"]) == ("delete", "Wipe and release", "unreachable")
    assert swept.mute in error["object"]


def test_the_next_sweep_finishes_and_the_one_after_it_finds_nothing(swept):
    assert hosts(swept.second.succeeded()) == {"cobalt"}
    assert (hosts(swept.third.succeeded()), swept.third.changed) == (set(), 0)


def test_nothing_is_left_of_either(swept, lab):
    assert world.claims(lab) == []
    assert [world.phase(lab, cluster) for cluster in CLUSTERS] == ["deleted", "deleted"]
    assert world.vlans_in_use(lab) == set()
    assert world.powered_on(lab) == world.media_inserted(lab) == set()
    assert set(world.server_states(lab).values()) == {"available"}
    assert all(world.disks(lab, place.name) == {None} for place in lab.layout().servers)
    assert not [name for name in world.hub_names(lab) for cluster in CLUSTERS if cluster in name]


@pytest.mark.parametrize("cluster", CLUSTERS)
def test_each_release_is_signed_for(cluster, swept, lab):
    released = [world.receipt(lab, path) for path in (lab.product / "clusters" / cluster).glob("release*.json")]
    assert released and all(gate["ok"] for said in released for gate in said["gates"])
    assert {said["segment"]["vlan"] for said in released} == {swept.vlans[cluster]}


def test_a_reservation_that_is_due_becomes_a_cluster_in_the_sweep(swept, lab, site):
    start = soon()
    order = {**AMBER, "cluster_name": "green", "cluster_lease_start": start.isoformat()}
    site.play("cluster_reserve", order).succeeded()
    assert world.claims(lab) == []
    wait_for(start)
    told = site.play("lease_sweep", timeout=PATIENCE).succeeded()
    assert "leasehold.cloud.cluster_create -e" in told.output and world.claims(lab) == []
    site.play("lease_sweep", {"lease_sweep_start": True}, timeout=PATIENCE).succeeded()
    assert world.phase(lab, "green") == "ready"
    assert world.ready_nodes(lab.product / "clusters" / "green" / "kubeconfig") == world.held(lab, "green")
    site.play("cluster_delete", {"cluster_name": "green"}, timeout=PATIENCE).succeeded()
    assert world.claims(lab) == []
