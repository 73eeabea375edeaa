"""``node_quarantine`` takes a server out whoever holds it; ``node_return`` gives it back wiped."""

from __future__ import annotations

from tests.e2e import world
from tests.e2e.runs import PATIENCE

REASON = "ECC errors in DIMM 4"


def test_a_server_is_set_aside_and_given_back_wiped(made, lab, site):
    name = next(name for name, state in world.server_states(lab).items() if state == "available")
    site.play("node_quarantine", {"node_name": name, "node_reason": REASON}, timeout=PATIENCE).succeeded()
    assert world.server_states(lab)[name] == "quarantined"
    assert world.ledger_rows(lab, "select reason from server_states where server = ?", name) == [(REASON,)]
    assert name not in world.powered_on(lab)
    site.play("node_return", {"node_name": name}, timeout=PATIENCE).succeeded()
    assert world.server_states(lab)[name] == "available"
    assert world.drive_contents(lab, name) == {None}


def test_a_tenants_server_leaves_the_network_and_goes_dark(blue, lab, site):
    out, stays = blue
    address = next(server["address"] for server in world.receipt(lab, lab.product / "clusters/blue/receipt.json")["servers"]
                   if server["name"] == out)
    peer = world.place_of(lab, stays)
    assert world.pings(peer, address)
    order = {"node_name": out, "node_reason": REASON}
    site.play("node_quarantine", order, timeout=PATIENCE).succeeded()
    assert world.port_tags(lab, out) == {999}
    assert out not in world.powered_on(lab)
    assert world.server_states(lab)[out] == "quarantined"
    assert world.held(lab, "blue") == {out, stays}, "the tenant's until it is released, wiped with proof"
    assert not world.pings(peer, address)
    assert site.play("node_quarantine", order, timeout=PATIENCE).succeeded().changed == 0
