"""``segment_verify`` passes on a sound segment, and fails closed naming who is where he must not be."""

from __future__ import annotations

import pytest

from tests.e2e import world
from tests.e2e.runs import PATIENCE

RED = {"cluster_name": "red"}


@pytest.fixture
def vlan(red, lab) -> int:
    [resource] = world.held(lab, "red", "vlan")
    return int(resource.rpartition("/")[2])


@pytest.fixture
def rogue(vlan, lab):
    """A port that somebody has put into red's VLAN, and puts back."""
    free = next(name for name, state in world.server_states(lab).items() if state == "available")
    nic = world.place_of(lab, free).nics[0]
    world.retag(lab, nic.switch, nic.port, vlan)
    yield nic, free
    world.retag(lab, nic.switch, nic.port, 999)


@pytest.fixture
def stranger(vlan, lab):
    """A canary's address that answers in red's VLAN, behind the border where no switch of ours shows it."""
    canary = lab.layout().canary_places[0]
    namespace = f"{lab.layout().prefix}-gw{vlan}"
    world.address_on(namespace, "add", canary.address)
    yield canary
    world.address_on(namespace, "del", canary.address)


def test_a_sound_segment_passes_and_is_left_as_it_is(red, lab, site):
    before = world.snapshot(lab)
    assert site.play("segment_verify", RED, timeout=PATIENCE).succeeded().changed == 0
    assert world.snapshot(lab) == before


def test_a_rogue_port_is_named(rogue, site):
    nic, name = rogue
    played = site.play("segment_verify", RED, timeout=PATIENCE).failed_with("gate_failed")
    assert f'"switch": "{nic.switch}"' in played.output
    assert f'"port": "{nic.port}"' in played.output
    assert '"endpoints"' in played.output


def test_a_stranger_on_the_wire_is_named(stranger, red, lab, site):
    played = site.play("segment_verify", RED, timeout=PATIENCE).failed_with("gate_failed")
    asker = world.place_of(lab, red[0])
    assert "gate wire" in played.output
    assert f'"endpoints": ["{asker.name} eth0", "{stranger.name} {stranger.address}"]' in played.output
    assert f"switch {asker.nics[0].switch} port {asker.nics[0].port}" in played.output
