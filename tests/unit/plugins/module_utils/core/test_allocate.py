# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import collections
import dataclasses
import ipaddress
import random

import pytest
from hypothesis import given, strategies as st

from ansible_collections.leasehold.cloud.plugins.module_utils.core import allocate, plan
from ansible_collections.leasehold.cloud.plugins.module_utils.core.claims import Claims, NodeSet
from ansible_collections.leasehold.cloud.plugins.module_utils.core.errors import NoCapacity, OutsideEnvelope
from ansible_collections.leasehold.cloud.plugins.module_utils.core.models import Envelope, PrefixPool, VlanPool
from ansible_collections.leasehold.cloud.plugins.module_utils.core.placement import place_of, stock_of

from .sites import SEGMENT, random_sites, server, site

POLICIES = st.sampled_from(["spread", "pack"])


def names(servers):
    return [item.name for item in servers]


def choose(request, servers, held, policy, beside=()):
    """The servers that a node set takes, in natural order."""
    stock, free = stock_of(site(servers=tuple(servers)), held, {*request.include, *request.exclude})
    picks = allocate.choose_all([request], stock, policy, [(item.node_set, place_of(item)) for item in beside])
    return sorted(plan.dealt(picks, free)[request.name], key=lambda item: allocate.natural(item.name))


def free_of(datacenter, held, wanted="cpu"):
    return [item for item in datacenter.servers if item.server_class == wanted and item.status == "active"
            and item.state == "available" and item.name not in held]


@st.composite
def requests(draw):
    datacenter = draw(random_sites())
    held = draw(st.sets(st.sampled_from(sorted(item.name for item in datacenter.servers))))
    return datacenter, held, draw(st.integers(1, 8)), draw(POLICIES)


@given(requests())
def test_takes_exactly_so_many_of_the_free_ones_or_says_why_not(request):
    datacenter, held, count, policy = request
    free = free_of(datacenter, held)
    try:
        chosen = choose(NodeSet("workers", "cpu", count), datacenter.servers, held, policy)
    except NoCapacity as error:
        assert len(free) < count
        assert error.details["free"] == len(free)
        assert sum(error.details["reasons"].values()) == len(datacenter.servers) - len(free)
    else:
        assert len(set(names(chosen))) == count
        assert set(names(chosen)) <= set(names(free))


@given(requests(), st.randoms(use_true_random=False))
def test_order_of_the_servers_given_does_not_matter(request, shuffler: random.Random):
    datacenter, held, count, policy = request
    if len(free_of(datacenter, held)) < count:
        return
    shuffled = list(datacenter.servers)
    shuffler.shuffle(shuffled)
    chosen = [choose(NodeSet("workers", "cpu", count), servers, held, policy)
              for servers in (datacenter.servers, shuffled)]
    assert chosen[0] == chosen[1]


@given(requests())
def test_spread_is_even_where_racks_have_room(request):
    datacenter, held, count, _policy = request
    free = free_of(datacenter, held)
    if len(free) < count:
        return
    chosen = choose(NodeSet("workers", "cpu", count), datacenter.servers, held, "spread")
    room = collections.Counter(item.rack for item in free)
    taken = collections.Counter(item.rack for item in chosen)
    unfilled = [taken[rack] for rack in room if taken[rack] < room[rack]]
    # A rack that still has room has at most one less than any other; only a full rack may lag further behind.
    assert not unfilled or max(taken.values()) - min(unfilled) <= 1


@given(requests())
def test_pack_takes_as_few_racks_as_can_be(request):
    datacenter, held, count, _policy = request
    free = free_of(datacenter, held)
    if len(free) < count:
        return
    chosen = choose(NodeSet("workers", "cpu", count), datacenter.servers, held, "pack")
    rooms, needed, room = sorted(collections.Counter(item.rack for item in free).values(), reverse=True), 0, 0
    while room < count:
        room += rooms[needed]
        needed += 1
    assert len({item.rack for item in chosen}) == needed


def test_spread_goes_on_from_the_servers_that_are_there():
    beside = [server("r1-s01", node_set="workers"), server("r1-s03", node_set="workers")]
    held = set(names(beside))
    chosen = choose(NodeSet("workers", "cpu", 2), site(2, 8).servers, held, "spread", beside)
    assert names(chosen) == ["r2-s01", "r2-s03"]


def test_spread_of_a_second_node_set_evens_out_the_cluster():
    beside = [server("r1-s01", node_set="control")]
    assert names(choose(NodeSet("workers", "gpu", 1), site().servers, set(), "spread", beside)) == ["r2-s02"]


def test_pack_stays_in_the_racks_of_the_cluster():
    beside = [server("r2-s02", node_set="gpus")]
    assert names(choose(NodeSet("workers", "cpu", 1), site().servers, set(), "pack", beside)) == ["r2-s01"]


def test_r2_comes_before_r10():
    chosen = choose(NodeSet("workers", "cpu", 10), site(12, 1).servers, set(), "spread")
    assert names(chosen) == [f"r{rack}-s01" for rack in range(1, 11)]


def test_no_capacity_tells_the_reasons():
    servers = [server("r1-s01", state="quarantined"), server("r1-s02"), server("r1-s03"), server("r1-s05", status="offline"),
               server("r1-s07")]
    with pytest.raises(NoCapacity) as caught:
        choose(NodeSet("workers", "cpu", 2), servers, {"r1-s03"}, "spread")
    assert caught.value.details["reasons"] == {
        "state quarantined": 1, "class gpu": 1, "held by a cluster": 1, "status offline": 1}
    assert caught.value.details["free"] == 1


def test_segment_takes_the_first_free_vlan_and_prefix():
    datacenter = site(quarantine_vlan=101)  # a pool that was not cleaned of it
    claims = Claims({}, {100: "red"}, {"10.64.0.0/25": "red"})
    segment = allocate.choose_segment("blue", datacenter, claims, 3)
    assert (segment.vlan, segment.prefix, segment.gateway) == (102, "10.64.1.0/24", "10.64.1.1")


def test_segment_without_a_free_vlan():
    claims = Claims({}, dict.fromkeys(range(100, 104), "red"), {})
    with pytest.raises(NoCapacity) as caught:
        allocate.choose_segment("blue", site(), claims, 3)
    assert caught.value.details == {"kind": "VLAN", "reasons": {"held by a cluster": 4}}


def test_segment_passes_over_prefixes_that_are_too_small():
    pools = (PrefixPool("small", "10.1.0.0/26", 28), PrefixPool("large", "10.2.0.0/16", 24))
    datacenter = site(prefix_pools=pools, envelope=Envelope(("100-103",), ("10.0.0.0/8",), ("*",)))
    assert allocate.choose_segment("blue", datacenter, Claims(), 5).prefix == "10.1.0.0/28"
    assert allocate.choose_segment("blue", datacenter, Claims(), 6).prefix == "10.2.0.0/24"


@pytest.mark.parametrize("envelope", [
    Envelope(("200-299",), ("10.64.0.0/22",), ("*",)), Envelope(("100-103",), ("10.65.0.0/22",), ("*",)),
])
def test_segment_that_is_free_but_not_delegated(envelope):
    with pytest.raises(OutsideEnvelope):
        allocate.choose_segment("blue", site(envelope=envelope), Claims(), 3)


def test_segment_prefers_what_is_delegated():
    datacenter = site(vlan_pools=(VlanPool("old", "90-99"), VlanPool("new", "100-103")))
    assert allocate.choose_segment("blue", datacenter, Claims(), 3).vlan == 100


def test_addresses_begin_at_ten_in_the_order_of_names_and_pass_over_the_taken():
    chosen = allocate.choose_addresses(SEGMENT, ["r10-s01", "r2-s01", "r1-s01"], {"10.64.0.11"})
    assert chosen == {"r1-s01": "10.64.0.10", "r2-s01": "10.64.0.12", "r10-s01": "10.64.0.13"}


@given(st.integers(1, 20), st.sets(st.integers(1, 30)))
def test_addresses_are_usable_ones_of_the_prefix(count, taken):
    segment = dataclasses.replace(SEGMENT, prefix="10.64.0.0/27")
    network = ipaddress.ip_network(segment.prefix)
    blocked = {str(network[place]) for place in taken}
    try:
        chosen = allocate.choose_addresses(segment, [f"s{number}" for number in range(count)], blocked)
    except NoCapacity as error:
        assert error.details["free"] == len(set(range(10, 31)) - taken) < count
    else:
        assert len(set(chosen.values())) == count
        for address in chosen.values():
            assert ipaddress.ip_address(address) in list(network.hosts())[9:] and address not in blocked


MEMBERS = [server(name, state="in_service", node_set="workers") for name in ("r1-s01", "r1-s03", "r1-s05", "r2-s01", "r2-s03")]


def leavers(members, count, named=(), placement="spread", **constraints):
    return allocate.choose_leavers(NodeSet("workers", "cpu", count, **constraints), members, named, placement)


def test_leavers_come_from_the_most_crowded_rack():
    assert names(leavers(MEMBERS, 2)) == ["r1-s05", "r2-s03", "r1-s03"]


def test_leavers_of_a_packed_cluster_come_from_the_least_crowded_rack():
    assert names(leavers(MEMBERS, 3, placement="pack")) == ["r2-s03", "r2-s01"]


def test_named_leave_first_then_the_sick_then_those_not_in_service():
    members = [*MEMBERS[:2], dataclasses.replace(MEMBERS[2], state="provisioning"),
               dataclasses.replace(MEMBERS[3], status="maintenance"), MEMBERS[4]]
    assert names(leavers(members, 1, ["r1-s01"])) == ["r1-s01", "r2-s01", "r1-s05", "r2-s03"]


def test_named_leave_even_where_nobody_has_to():
    assert names(leavers(MEMBERS, 5, ["r2-s01", "r9-s01"])) == ["r2-s01"]


@given(st.integers(0, 6), st.sets(st.sampled_from(names(MEMBERS))))
def test_so_many_stay(count, named):
    gone = leavers(MEMBERS, count, named)
    assert len(MEMBERS) - len(gone) == min(count, len(MEMBERS) - len(named))
    assert named <= set(names(gone))


@pytest.mark.parametrize(("count", "constraints", "placement", "gone"), [
    (3, {"include": ("r1-s05", "r2-s03")}, "spread", ["r1-s03", "r2-s01"]),
    (4, {"max_per": {"rack": 1}}, "pack", ["r1-s05"]),  # packed, one of r2 would leave; but r1 has the most too many
    (3, {"within": "rack"}, "spread", ["r2-s03", "r2-s01"]),
    (3, {"spread_by": "leaf_pair"}, "pack", ["r1-s05", "r2-s03"]),
    (3, {"pack_by": "rack"}, "spread", ["r2-s03", "r2-s01"]),
])
def test_leavers_leave_the_constraints_kept(count, constraints, placement, gone):
    assert names(leavers(MEMBERS, count, placement=placement, **constraints)) == gone
