# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import itertools

import pytest

from ansible_collections.leasehold.cloud.plugins.module_utils.core import states
from ansible_collections.leasehold.cloud.plugins.module_utils.core.errors import IllegalTransition


@pytest.mark.parametrize("way", [
    ["available", "claimed", "provisioning", "in_service", "releasing", "cleaning", "available"],
    ["claimed", "releasing", "cleaning", "releasing", "cleaning", "quarantined", "cleaning", "available"],
    ["quarantined", "repair", "cleaning", "available"],
])
def test_ways_of_a_server(way):
    assert all(states.server_transition(current, wanted, "disk") for current, wanted in itertools.pairwise(way))


@pytest.mark.parametrize(("current", "wanted"), [
    ("in_service", "available"), ("quarantined", "available"), ("repair", "available"), ("retired", "available"),
    ("quarantined", "in_service"), ("available", "in_service"), ("releasing", "available"), ("in_service", "provisioning"),
])
def test_no_server_gets_back_without_a_wipe_nor_into_service_by_the_side(current, wanted):
    with pytest.raises(IllegalTransition) as caught:
        states.server_transition(current, wanted, "because", name="r1-s01")
    assert caught.value.object == "server r1-s01"
    assert caught.value.details == {"current": current, "wanted": wanted}


@pytest.mark.parametrize("current", states.SERVER_STEPS)
@pytest.mark.parametrize("aside", states.SERVER_ASIDE)
def test_a_server_is_put_aside_from_anywhere_with_a_reason(current, aside):
    assert states.server_transition(current, aside, "fan") is (current != aside)
    if current != aside:
        with pytest.raises(IllegalTransition):
            states.server_transition(current, aside, " ")


def test_every_way_of_a_server_to_available_goes_through_cleaning():
    assert [state for state, steps in states.SERVER_STEPS.items() if "available" in steps] == ["cleaning"]


@pytest.mark.parametrize("way", [
    [None, "requested", "awaiting_approval", "provisioning", "verifying", "ready", "scaling", "verifying", "ready"],
    [None, "provisioning", "failed", "provisioning", "verifying", "ready", "degraded", "ready", "upgrading", "ready"],
    ["ready", "expiring", "deleting", "failed", "deleting", "deleted", "provisioning"],
    ["expiring", "ready"],
])
def test_ways_of_a_cluster(way):
    assert all(states.cluster_transition(current, wanted, "switch") for current, wanted in itertools.pairwise(way))


@pytest.mark.parametrize(("current", "wanted"), [
    (None, "ready"), (None, "failed"), ("provisioning", "ready"), ("deleting", "ready"), ("deleted", "ready"),
    ("deleted", "failed"), ("failed", "ready"), ("failed", "deleted"), ("ready", "deleted"),
])
def test_what_a_cluster_cannot_do(current, wanted):
    with pytest.raises(IllegalTransition):
        states.cluster_transition(current, wanted, "because")


@pytest.mark.parametrize("phase", [phase for phase in states.CLUSTER_STEPS if phase not in ("deleted", "failed")])
def test_a_cluster_can_fail_with_a_reason_and_be_deleted_from_anywhere(phase):
    assert states.cluster_transition(phase, "failed", "r1-s01 does not boot")
    with pytest.raises(IllegalTransition):
        states.cluster_transition(phase, "failed")
    assert phase == "deleting" or states.cluster_transition(phase, "deleting")


@pytest.mark.parametrize("transition", [states.server_transition, states.cluster_transition])
def test_an_unknown_state_is_refused(transition):
    for current, wanted in (("gone", "gone"), ("gone", "failed")):
        with pytest.raises(IllegalTransition):
            transition(current, wanted, "because")


def test_being_there_already_moves_nothing():
    assert not any(states.server_transition(state, state) for state in states.SERVER_STEPS)
    assert not any(states.cluster_transition(phase, phase) for phase in states.CLUSTER_STEPS)
