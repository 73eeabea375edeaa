"""``cluster_create --check --diff``: the plan is shown, nothing is touched, and apply then does what was said."""

from __future__ import annotations

import re

from tests.e2e import world
from tests.e2e.runs import PATIENCE


def test_check_mode_changes_nothing_anywhere(checked):
    checked.played.succeeded()
    assert checked.played.changed > 0, "it says what would change"
    for place, was in checked.before.items():
        assert checked.after[place] == was, place


def test_check_mode_predicts_the_claims_that_apply_makes(checked, made, lab):
    predicted = set(re.findall(r"^\+claim (\w+) (\S+): cluster red", checked.played.output, re.MULTILINE))
    made_of_red = {(kind, resource) for kind, resource, cluster in world.claims(lab) if cluster == "red"}
    assert predicted == made_of_red
    assert {kind for kind, _ in predicted} == {"vlan", "prefix", "server", "address"}


def test_check_mode_predicts_the_ports_that_apply_sets(checked, made, lab):
    predicted = set(re.findall(r"^\+port (\S+)/(\S+): access (\d+)$", checked.played.output, re.MULTILINE))
    [vlan] = world.held(lab, "red", "vlan")
    tag = vlan.rpartition("/")[2]
    nics = [nic for name in world.held(lab, "red") for nic in world.place_of(lab, name).nics]
    assert predicted == {(nic.switch, nic.port, tag) for nic in nics}


def test_the_plan_is_shown_for_people(checked):
    for line in ("create cluster red of initech in lab", "+ segment red: VLAN 1", "+ object HostedCluster red/red"):
        assert line in checked.played.output
    assert re.search(r"~ server r1-s01: available -> in_service \(cpu in r1", checked.played.output)


def test_a_name_taken_by_another_tenant_is_refused_in_check_mode_too(made, site):
    order = {"cluster_name": "blue", "cluster_tenant": "initech", "cluster_lease_duration": "1d",
             "cluster_node_sets": [{"name": "trainers", "class": "gpu", "count": 2}]}
    assert site.play("cluster_create", order, "--check", timeout=PATIENCE).returncode != 0
