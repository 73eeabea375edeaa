"""Two tenants side by side do not see each other on the wire: asked by ping and by ARP, both ways, canaries included."""

from __future__ import annotations

import itertools

import pytest

from tests.e2e import world


@pytest.fixture
def addresses(made, lab):
    """Cluster -> the namespaces of its servers, with their addresses."""
    found = {}
    for cluster in ("red", "blue"):
        document = world.receipt(lab, lab.product / "clusters" / cluster / "receipt.json")
        found[cluster] = [(world.place_of(lab, server["name"]), server["address"]) for server in document["servers"]]
    return found


@pytest.mark.parametrize("cluster", ["red", "blue"])
def test_a_tenant_reaches_its_gateway_and_its_own(cluster, addresses, lab):
    servers = addresses[cluster]
    gateway = servers[0][1].rpartition(".")[0] + ".1"
    for (one, _), (_, other) in itertools.permutations(servers, 2):
        assert world.pings(one, other)
        assert world.arps(one, other)
    for one, _ in servers:
        assert world.pings(one, gateway)
        assert world.hears(one.namespace, gateway, "eth1"), "the second NIC is in the segment too"


@pytest.mark.parametrize(("cluster", "other"), [("red", "blue"), ("blue", "red")])
def test_a_tenant_reaches_nothing_of_the_other(cluster, other, addresses):
    for (one, _), (_, address) in itertools.product(addresses[cluster], addresses[other]):
        assert not world.pings(one, address)
        assert not any(world.hears(one.namespace, address, nic) for nic in ("eth0", "eth1"))


@pytest.mark.parametrize("cluster", ["red", "blue"])
def test_no_canary_is_reached_nor_reaches(cluster, addresses, lab):
    server, address = addresses[cluster][0]
    for canary in lab.layout().canary_places:
        assert world.hears(canary.namespace, canary.address) is False, "nobody else has its address"
        assert not world.pings(server, canary.address)
        assert not world.pings(canary, address)
        assert not any(world.hears(server.namespace, canary.address, nic) for nic in ("eth0", "eth1"))
        assert not world.hears(canary.namespace, address)
