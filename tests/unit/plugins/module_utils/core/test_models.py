# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import json

import pytest

from ansible_collections.leasehold.cloud.plugins.module_utils.core.claims import Claims, HeldCluster, NodeSet, Order, node_sets_of
from ansible_collections.leasehold.cloud.plugins.module_utils.core.models import Datacenter, Management, Port, Server, vlan_ids

from .sites import SEGMENT, document, server, site

LEASED = server("r1-s01").leased("workers", "10.64.0.10")


@pytest.mark.parametrize("value", [
    site(), site(spares={"gpu": 2}), LEASED, server("r1-s01", uuid="0-1", attributes={"memory_gib": 512}, management=Management("192.0.2.9", 2222, "ops")),
    Port("s01", "access", 100), Port("up1", "trunk", None, (100, 999)), SEGMENT, NodeSet("workers", "cpu", 2), Order("blue"),
    NodeSet("gpus", "gpu", 4, {"gpu_model": ["H100", "H200"], "memory_gib": ">=1024"}, "power_feed", {"rack": 2}, "leaf_pair", "nvlink_domain",
            ("r1-s02",), ("r1-s04",)),
    HeldCluster("blue", "acme", "ready", node_sets=(NodeSet("workers", "cpu", 2),)), Claims(reserved_vlan=100, reserved_prefix="10.64.0.0/24"),
    HeldCluster("blue", "acme", "ready", (LEASED,), SEGMENT, {"start": "2026-01-01T00:00:00Z", "end": None}),
    HeldCluster("blue", "acme", "failed", error={"step": "Segment"}),
    Claims({"r1-s01": "blue"}, {100: "blue"}, {"10.64.0.0/24": "blue"}),
], ids=lambda value: type(value).__name__)
def test_values_come_back_from_json(value):
    assert type(value).from_dict(json.loads(json.dumps(value.as_dict()))) == value


def test_a_document_comes_back_with_defaults_filled_in():
    made = Datacenter.from_dict(document()).as_dict()
    assert made["servers"][0] | {"status": "active"} == made["servers"][0]
    assert {key: made[key] for key in ("switches", "links", "pools", "envelope", "canaries", "quarantine_vlan")} == {
        key: document()[key] for key in ("switches", "links", "pools", "envelope", "canaries", "quarantine_vlan")}


def test_a_leased_server_is_reached_at_its_lease_unless_its_source_says_where():
    assert LEASED.management == Management("10.64.0.10", 22, "core")
    fixed = server("r1-s01", management=Management("192.0.2.9")).leased("workers", "10.64.0.10")
    assert fixed.management.address == "192.0.2.9"


def test_a_definition_is_the_same_whether_leased_or_not():
    assert LEASED.definition() == server("r1-s01", state="in_service").definition() == server("r1-s01").definition()
    assert not {"state", "address", "node_set"} & LEASED.definition().keys()
    assert server("r1-s01", serial="other").definition() != server("r1-s01").definition()


def test_macs_are_compared_in_lower_case():
    data = server("r1-s01").as_dict()
    data["nics"][0]["mac"] = data["nics"][0]["mac"].upper()
    assert Server.from_dict(data) == server("r1-s01")


@pytest.mark.parametrize(("text", "vlans"), [("100-102", (100, 101, 102)), ("7", (7,)), ("5, 3-4,4", (3, 4, 5))])
def test_vlan_ranges(text, vlans):
    assert vlan_ids(text) == vlans


def test_the_envelope():
    envelope = site().envelope
    assert envelope.allows_vlan(103) and not envelope.allows_vlan(104)
    assert envelope.allows_prefix("10.64.3.0/24") and not envelope.allows_prefix("10.64.4.0/24")
    assert not envelope.allows_prefix("10.64.0.0/21") and not envelope.allows_prefix("fd00::/64")
    assert envelope.allows_switch("leaf-r9b") and not envelope.allows_switch("core-1")


def test_node_sets_of_servers():
    servers = [LEASED, server("r1-s03", node_set="workers"), server("r1-s02", node_set="gpus"), server("r1-s04")]
    assert node_sets_of(servers) == (NodeSet("gpus", "gpu", 1), NodeSet("workers", "cpu", 2))
