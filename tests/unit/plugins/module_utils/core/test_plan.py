# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import dataclasses
import json

import pytest
from hypothesis import given, strategies as st

from ansible_collections.leasehold.cloud.plugins.module_utils.core import grounds, hypershift, plan, states
from ansible_collections.leasehold.cloud.plugins.module_utils.core.claims import Claims, NodeSet, Order
from ansible_collections.leasehold.cloud.plugins.module_utils.core.errors import (
    ClaimConflict, InvalidOrder, NoCapacity, NotFound, OutsideEnvelope, StalePlan,
)
from ansible_collections.leasehold.cloud.plugins.module_utils.core.models import Envelope

from .sites import held_by, site

SETTINGS = {"release_image": "registry/release:4", "base_domain": "example.com"}


def order(count=3, **changes) -> Order:
    made = Order("blue", "acme", None, (NodeSet("workers", "cpu", count),), "30d", settings=SETTINGS)
    return dataclasses.replace(made, **changes)


def planned(wanted=None, operation="create", datacenter=None, claims=None, held=None, **options) -> dict:
    return plan.cluster_plan(wanted or order(), datacenter or site(), claims or Claims(), held, operation, hypershift.manifests, **options)


def names(servers) -> list[str]:
    return [item["name"] for item in servers]


def with_states(held, **by_name):
    """The cluster, with servers such as r1_s01 in another state."""
    return dataclasses.replace(held, servers=tuple(
        dataclasses.replace(item, state=by_name.get(item.name.replace("-", "_"), item.state)) for item in held.servers))


def site_of(held, datacenter=None):
    """The mirror with the states of what is held."""
    held_ones = {item.name: item.state for item in held.servers}
    made = datacenter or site()
    return dataclasses.replace(made, servers=tuple(
        dataclasses.replace(item, state=held_ones.get(item.name, item.state)) for item in made.servers))


CREATED = planned()
CLAIMS, HELD = held_by(CREATED)
HELD_SITE = site_of(HELD)


def test_a_new_cluster():
    assert names(CREATED["servers"]) == names(CREATED["add"]) == ["r1-s01", "r1-s03", "r2-s01"]
    assert CREATED["remove"] == CREATED["keep"] == CREATED["release_switches"] == []
    assert CREATED["segment"] == {"name": "blue", "vlan": 100, "prefix": "10.64.0.0/24", "gateway": "10.64.0.1", "quarantine_vlan": 999}
    assert [(item["node_set"], item["address"]) for item in CREATED["add"]] == [("workers", f"10.64.0.{last}") for last in (10, 11, 12)]
    assert CREATED["add"][0]["management"]["address"] == "10.64.0.10"
    assert CREATED["lease_seconds"] == 30 * 86400
    assert {"HostedCluster", "NodePool", "InfraEnv"} <= {item["kind"] for item in CREATED["objects"]}
    assert json.loads(json.dumps(CREATED)) == CREATED


def test_the_text_names_servers_ports_and_objects():
    text = CREATED["diff"]
    assert text.startswith("create cluster blue of acme in lab\n")
    assert "+ segment blue: VLAN 100, prefix 10.64.0.0/24, gateway 10.64.0.1\n" in text
    assert "~ server r2-s01: available -> in_service (cpu in r2, node set workers, 10.64.0.12)\n" in text
    assert "  switch leaf-r2a\n    ~ port s01: access 999 -> access 100\n    ~ port up1: trunk without 100 -> trunk with 100\n" in text
    assert "+ object HostedCluster blue/blue\n" in text
    assert len(CREATED["changes"]) == text.count("\n") - 1 - text.count("  switch ")


@pytest.mark.parametrize("operation", ["create", "scale", "verify"])
def test_a_plan_with_nothing_to_change_has_no_changes(operation):
    again = planned(operation=operation, datacenter=HELD_SITE, claims=CLAIMS, held=HELD)
    assert again["changes"] == [] and "nothing changes" in again["diff"]
    assert again["servers"] == [{**item, "state": "in_service"} for item in CREATED["servers"]]
    assert again["segment"] == CREATED["segment"] and again["switches"] == CREATED["switches"]


@st.composite
def sizes(draw):
    counts = st.dictionaries(st.sampled_from(["workers", "spare", "gpus"]), st.integers(1, 4), min_size=1)
    return draw(counts), draw(counts), draw(st.sampled_from(["spread", "pack"])), draw(st.integers(2, 4))


def node_sets(counts):
    return tuple(NodeSet(name, "gpu" if name == "gpus" else "cpu", count) for name, count in sorted(counts.items()))


@given(sizes())
def test_any_size_to_any_other_and_then_nothing(case):
    """After a scale the cluster is as ordered, nobody is in two places, and the same order changes nothing."""
    first, second, placement, racks = case
    datacenter = site(racks, 12)
    made = planned(order(node_sets=node_sets(first), placement=placement), datacenter=datacenter)
    claims, held = held_by(made)
    wanted = order(node_sets=node_sets(second), placement=placement)
    scaled = planned(wanted, "scale", site_of(held, datacenter), claims, held)
    expected = {**first, **second}
    assert {one: sum(item["node_set"] == one for item in scaled["servers"]) for one in expected} == expected
    assert set(names(scaled["add"])).isdisjoint(names(made["servers"]))
    assert set(names(scaled["keep"])) | set(names(scaled["remove"])) == set(names(made["servers"]))
    assert len({item["address"] for item in scaled["servers"]}) == len(scaled["servers"]) == sum(expected.values())
    unchanged = [one for one in first if one not in second]
    assert {item["name"] for item in made["servers"] if item["node_set"] in unchanged} <= set(names(scaled["keep"]))
    claims, held = held_by(scaled)
    assert planned(wanted, "scale", site_of(held, datacenter), claims, held)["changes"] == []


def test_scale_up_takes_free_servers_and_addresses_and_changes_only_their_ports():
    scaled = planned(order(4), "scale", HELD_SITE, CLAIMS, HELD)
    assert [(item["name"], item["address"]) for item in scaled["add"]] == [("r2-s03", "10.64.0.13")]
    assert [change["name"] for change in scaled["changes"] if change["kind"] == "port"] == ["leaf-r2a/s03", "leaf-r2b/s03"]
    assert "NodePool blue/blue-workers: spec.replicas 3 -> 4" in scaled["diff"]


def test_scale_down_moves_ports_to_quarantine_and_prunes():
    scaled = planned(order(2, remove_servers=("r2-s01",)), "scale", HELD_SITE, CLAIMS, HELD)
    assert names(scaled["remove"]) == ["r2-s01"] and names(scaled["servers"]) == ["r1-s01", "r1-s03"]
    assert [switch["name"] for switch in scaled["release_switches"]] == ["leaf-r2a", "leaf-r2b", "spine-1"]
    assert scaled["release_switches"][0]["ports"] == [
        {"name": "s01", "mode": "access", "vlan": 999, "expect": [100, 999]}, {"name": "up1", "mode": "trunk", "add": [], "remove": [100]}]
    assert "- object NMStateConfig blue/r2-s01" in scaled["diff"]


def test_naming_a_server_swaps_it_for_another():
    scaled = planned(order(3, remove_servers=("r1-s03",)), "scale", HELD_SITE, CLAIMS, HELD)
    assert (names(scaled["remove"]), names(scaled["add"])) == (["r1-s03"], ["r2-s03"])


@pytest.mark.parametrize("named", [("r1-s99",), ("R1-S01",), ("r1-s03", "r2-s03")])
def test_nobody_leaves_in_place_of_a_server_that_the_cluster_does_not_hold(named):
    with pytest.raises(InvalidOrder, match=f"does not hold {named[-1]}, and r.* would leave instead") as caught:
        planned(order(1, remove_servers=named), "scale", HELD_SITE, CLAIMS, HELD)
    assert caught.value.object == "cluster_remove_servers" and caught.value.details["unknown"] == [named[-1]]


def test_a_named_server_may_have_left_already():
    assert planned(order(3, remove_servers=("r1-s05",)), "scale", HELD_SITE, CLAIMS, HELD)["changes"] == []
    leaving = with_states(HELD, r1_s03="releasing")
    assert names(planned(order(2, remove_servers=("r1-s03", "r1-s05")), "scale", site_of(leaving), CLAIMS, leaving)["remove"]) == ["r1-s03"]


def test_a_create_never_takes_servers_away():
    with pytest.raises(InvalidOrder) as caught:
        planned(order(2), "create", HELD_SITE, CLAIMS, HELD)
    assert "cluster_scale" in caught.value.remedy and len(caught.value.details["servers"]) == 1


def test_a_quarantined_server_is_no_member_any_more():
    held = with_states(HELD, r1_s01="quarantined")
    created = planned(None, "create", site_of(held), CLAIMS, held)
    assert (names(created["add"]), created["remove"], created["aside"]) == (["r2-s03"], [], ["r1-s01"])
    assert "r1-s01" not in names(created["servers"])
    scaled = planned(None, "scale", site_of(held), CLAIMS, held)
    assert (names(scaled["add"]), names(scaled["remove"]), scaled["aside"]) == (["r2-s03"], ["r1-s01"], [])
    assert created["add"][0]["address"] == "10.64.0.13"  # not the one that the quarantined server still holds


@pytest.mark.parametrize("state", [state for state in states.SERVER_STEPS if state not in states.SERVER_MEMBER_STATES])
def test_a_delete_takes_all_that_is_held_in_any_state(state):
    held = with_states(HELD, r1_s01=state)
    deleted = planned(Order("blue"), "delete", site_of(held), CLAIMS, held)
    assert names(deleted["remove"]) == ["r1-s01", "r1-s03", "r2-s01"]
    assert deleted["servers"] == deleted["switches"] == deleted["objects"] == []
    assert deleted["tenant"] == "acme"


def test_a_delete_prunes_every_trunk_and_is_told():
    deleted = planned(order(settings=SETTINGS), "delete", HELD_SITE, CLAIMS, HELD)
    spine = {switch["name"]: switch for switch in deleted["release_switches"]}["spine-1"]
    assert [(port["name"], port["remove"]) for port in spine["ports"]] == [
        (name, [100]) for name in ("border", "leaf-r1a", "leaf-r1b", "leaf-r2a", "leaf-r2b")]
    assert all(entry["expected"] == [] for entry in deleted["fabric"]) and len(deleted["fabric"]) == 5
    for line in ("~ cluster blue: ready -> deleted", "- segment blue: VLAN 100", "- object HostedCluster blue/blue"):
        assert line in deleted["diff"]


def test_a_delete_needs_no_template():
    deleted = planned(Order("blue"), "delete", HELD_SITE, CLAIMS, HELD)
    assert "- objects of cluster blue on the hub: present" in deleted["diff"]


@pytest.mark.parametrize("held", [None, dataclasses.replace(HELD, phase="deleted", servers=(), segment=None)])
def test_a_delete_of_what_is_not_held_changes_nothing(held):
    deleted = planned(Order("blue"), "delete", held=held)
    assert (deleted["changes"], deleted["remove"], deleted["segment"], deleted["fabric"]) == ([], [], None, [])


def test_a_name_is_free_again_after_a_delete():
    gone = dataclasses.replace(HELD, tenant="red", phase="deleted", servers=(), segment=None)
    assert planned(held=gone)["hash"] == CREATED["hash"]


@pytest.mark.parametrize("operation", ["scale", "verify"])
def test_what_is_not_held_cannot_be_scaled_or_verified(operation):
    with pytest.raises(NotFound):
        planned(operation=operation)


@pytest.mark.parametrize("operation", ["create", "scale", "delete"])
def test_another_tenants_cluster_is_left_alone(operation):
    with pytest.raises(ClaimConflict) as caught:
        planned(order(tenant="red"), operation, HELD_SITE, CLAIMS, HELD)
    assert "acme" not in str(caught.value)


@pytest.mark.parametrize("phase", ["failed", "provisioning"])
def test_an_order_that_was_interrupted_shows_what_is_to_come_and_keeps_its_hash(phase):
    claims, held = held_by(CREATED, "claimed", phase)
    again = planned(None, "create", site_of(held), claims, held)
    assert again["hash"] == CREATED["hash"] and again["add"] == []
    kinds = {change["kind"] for change in again["changes"]}
    assert {"server", "port", "object"} <= kinds and "segment" not in kinds
    assert ("~ cluster blue: failed -> ready" in again["diff"]) is (phase == "failed")


def test_two_orders_never_share_a_resource():
    other = planned(order(name="red", tenant="red"), "create", site(2, 8), CLAIMS)
    assert set(names(other["servers"])).isdisjoint(names(CREATED["servers"]))
    assert (other["segment"]["vlan"], other["segment"]["prefix"]) == (101, "10.64.1.0/24")


def test_no_capacity_comes_through():
    with pytest.raises(NoCapacity):
        planned(order(5))


def narrow(**changes):
    return dataclasses.replace(Envelope(("100-103",), ("10.64.0.0/22",), ("leaf-*", "spine-*")), **changes)


@pytest.mark.parametrize(("changes", "outside"), [
    ({"vlans": ("101",)}, "VLAN 100"), ({"prefixes": ("10.64.1.0/24",)}, "prefix 10.64.0.0/24"),
    ({"switches": ("leaf-*",)}, "switch spine-1"),
])
def test_a_held_cluster_outside_the_envelope_is_not_touched(changes, outside):
    datacenter = dataclasses.replace(HELD_SITE, envelope=narrow(**changes))
    with pytest.raises(OutsideEnvelope) as caught:
        planned(order(4), "scale", datacenter, CLAIMS, HELD)
    assert caught.value.details["outside"] == [outside]
    planned(None, "verify", datacenter, CLAIMS, HELD)


def test_servers_inside_the_envelope_are_taken_first_and_others_only_to_say_so():
    datacenter = site(envelope=narrow(switches=("leaf-r2*", "spine-*")))
    assert names(planned(order(2), datacenter=datacenter)["add"]) == ["r2-s01", "r2-s03"]
    with pytest.raises(OutsideEnvelope) as caught:
        planned(order(3), datacenter=datacenter)
    assert caught.value.details["outside"] == ["switch leaf-r1a", "switch leaf-r1b"]
    with pytest.raises(NoCapacity):
        planned(order(5), datacenter=datacenter)


def test_a_segment_can_end_though_it_is_not_delegated_any_more():
    datacenter = dataclasses.replace(HELD_SITE, envelope=narrow(vlans=("103",)))
    assert planned(Order("blue"), "delete", datacenter, CLAIMS, HELD)["release_switches"]


def test_the_approved_plan_is_applied_and_another_refused():
    assert planned(order(expected_plan=CREATED["hash"]))["hash"] == CREATED["hash"]
    taken = Claims({"r1-s01": "red"})
    with pytest.raises(StalePlan) as caught:
        planned(order(expected_plan=CREATED["hash"]), claims=taken)
    assert caught.value.details["expected"] == CREATED["hash"] != caught.value.details["hash"]


def test_an_approved_scale_down_is_finished_by_running_it_again():
    shrink = order(1)
    approved = planned(shrink, "scale", HELD_SITE, CLAIMS, HELD)
    leaving = set(names(approved["remove"]))
    left = dataclasses.replace(HELD, servers=tuple(
        dataclasses.replace(item, state="cleaning" if item.name in leaving else item.state) for item in HELD.servers
        if item.name != sorted(leaving)[0]))  # one is free already, the other is being wiped
    again = planned(dataclasses.replace(shrink, expected_plan=approved["hash"]), "scale", site_of(left), CLAIMS, left)
    assert names(again["remove"]) == sorted(leaving)[1:]
    with pytest.raises(StalePlan):  # but nothing more than that
        planned(order(2, expected_plan=approved["hash"]), "scale", site_of(left), CLAIMS, left)


def moved(datacenter, name, **changes):
    return dataclasses.replace(datacenter, servers=tuple(
        dataclasses.replace(item, **changes) if item.name == name else item for item in datacenter.servers))


@pytest.mark.parametrize(("datacenter", "claims"), [
    (site(), Claims({"r1-s02": "red"}, {101: "red"}, {"10.64.1.0/24": "red"})),
    (moved(site(), "r1-s02", serial="other", state="quarantined"), Claims()),
    (site(3), Claims()),
    (dataclasses.replace(site(), servers=tuple(reversed(site().servers)), links=tuple(reversed(site().links))), Claims()),
    (HELD_SITE, CLAIMS),
], ids=["others claims", "another server", "a new rack", "another order", "its own claim"])
def test_a_plan_stands_while_what_it_rests_on_does(datacenter, claims):
    grounds.verify(CREATED, datacenter, claims, HELD if claims is CLAIMS else None)


@pytest.mark.parametrize(("datacenter", "claims", "held", "what", "after"), [
    (site(), Claims({"r1-s01": "red"}), None, "use of r1-s01", "held by cluster red"),
    (site(), Claims({}, {100: "red"}), None, "VLAN 100", "held by cluster red"),
    (site(), Claims({}, {}, {"10.64.0.0/24": "red"}), None, "prefix 10.64.0.0/24", "held by cluster red"),
    (moved(site(), "r1-s01", state="quarantined"), Claims(), None, "use of r1-s01", "state quarantined"),
    (moved(site(), "r1-s01", status="maintenance"), Claims(), None, "use of r1-s01", "status maintenance"),
    (moved(site(), "r1-s01", serial="other"), Claims(), None, "server r1-s01", None),
    (dataclasses.replace(site(), servers=site().servers[1:]), Claims(), None, "use of r1-s01", "absent"),
    (dataclasses.replace(site(), links=site().links[1:]), Claims(), None, None, "absent"),
    (dataclasses.replace(site(), envelope=narrow(vlans=("100",))), Claims(), None, "envelope", None),
    (dataclasses.replace(site(), quarantine_vlan=998), Claims(), None, "quarantine VLAN", "998"),
    (HELD_SITE, CLAIMS, dataclasses.replace(HELD, servers=(*HELD.servers, moved(site(), "r1-s02").servers[1])), "other members", "r1-s02"),
], ids=["server taken", "VLAN taken", "prefix taken", "quarantined", "maintenance", "other hardware", "gone", "cable", "envelope",
        "quarantine VLAN", "another member"])
def test_a_plan_falls_with_what_it_rests_on_and_says_what_moved(datacenter, claims, held, what, after):
    with pytest.raises(StalePlan) as fallen:
        grounds.verify(CREATED, datacenter, claims, held)
    moves = {move["what"]: move["after"] or "absent" for move in fallen.value.details["moved"]}
    name = what or next(iter(moves))
    assert name in fallen.value.message and (after is None or after in moves[name])
    assert (what is None) == name.startswith("link")


def test_the_fabric_is_a_host_for_each_switch_with_what_is_to_be_done_on_it():
    scaled = planned(order(2, remove_servers=("r2-s01",)), "scale", HELD_SITE, CLAIMS, HELD)
    by_name = {entry["name"]: entry for entry in scaled["fabric"]}
    groups = {name: [group.removeprefix("leasehold_") for group in entry["groups"]] for name, entry in by_name.items()}
    assert groups == {"leaf-r1a": ["fabric", "switches"], "leaf-r1b": ["fabric", "switches"], "leaf-r2a": ["fabric", "release_switches"],
                      "leaf-r2b": ["fabric", "release_switches"], "spine-1": ["fabric", "switches", "release_switches"]}
    assert [port["name"] for port in by_name["spine-1"]["expected"]] == ["border", "leaf-r1a", "leaf-r1b"]
    assert by_name["leaf-r2a"]["expected"] == [] and by_name["leaf-r2a"]["release_ports"]


def test_of_a_large_site_only_the_touched_switches_are_read_back_but_all_in_a_verify():
    datacenter = site(20)
    made = planned(order(2), datacenter=datacenter)
    assert [entry["name"] for entry in made["fabric"]] == ["leaf-r1a", "leaf-r1b", "leaf-r2a", "leaf-r2b", "spine-1"]
    claims, held = held_by(made)
    assert len(planned(None, "verify", site_of(held, datacenter), claims, held)["fabric"]) == 41


def test_whom_the_wire_gate_asks_for():
    told = planned(strangers={"r2-s04": "10.64.1.10"})["wire"]
    assert [target["name"] for target in told["must_not_answer"]] == ["r2-s04"]  # the canary is the tenant's own


def test_what_is_held_for_approval_is_made_as_it_was_approved_or_not_at_all():
    waiting = dataclasses.replace(HELD, phase="awaiting_approval", hold_until="2026-12-01T00:00:00.000Z")
    approved = planned(order(3), "create", HELD_SITE, CLAIMS, waiting)
    assert (approved["add"], approved["remove"]) == ([], [])
    assert planned(order(3, expected_plan=approved["hash"]), "create", HELD_SITE, CLAIMS, waiting)["hash"] == approved["hash"]
    with pytest.raises(StalePlan) as caught:
        planned(order(3, lease_duration="60d", expected_plan=approved["hash"]), "create", HELD_SITE, CLAIMS, waiting)
    assert caught.value.details["diff"]


def test_another_lease_is_not_what_was_approved_of_a_cluster_that_is_there():
    known = dataclasses.replace(HELD, terms={"cluster_lease_duration": "30d"})
    approved = planned(order(3, lease_duration="30d"), "create", HELD_SITE, CLAIMS, known)
    changed = dataclasses.replace(known, servers=tuple(dataclasses.replace(item, address="10.64.0.77") if index == 0 else item
                                                       for index, item in enumerate(known.servers)))
    again = order(3, lease_duration="30d", expected_plan=approved["hash"])
    assert planned(again, "create", site_of(changed), CLAIMS, changed)["hash"] != approved["hash"], "it only finishes what was begun"
    with pytest.raises(StalePlan):
        planned(dataclasses.replace(again, lease_duration="60d"), "create", site_of(changed), CLAIMS, changed)
