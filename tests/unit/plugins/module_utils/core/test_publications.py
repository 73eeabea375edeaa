# SPDX-License-Identifier: GPL-3.0-or-later
"""What is published to a source: only what is allowed, and nothing is taken back that was not published before."""

from __future__ import annotations

import dataclasses

import pytest

from ansible_collections.leasehold.cloud.plugins.module_utils.core.publications import Holding, Network, certified, remembered, wanted

FREE = Holding("7", "r1-s01", "available", (("3", "s01"),))
HELD = dataclasses.replace(FREE, state="in_service", cluster="blue", tenant="acme", since="2026-03-02T09:00:00.000Z")
BLUE = Network("blue", "acme", 100, "10.64.0.0/24")
ALL = ("tenant", "cluster", "status", "vlan", "interface_vlan", "prefix", "journal")


def told(server: Holding = HELD, allowed=ALL, published=None, networks=(BLUE,)) -> dict[str, dict]:
    return {one.key: dict(one.fields) for one in wanted([server], networks, published or {}, allowed, 999, {100: "tenants"}.get)}


def test_who_holds_a_server_and_what_belongs_to_it_is_published():
    assert told() == {
        "device:7": {"tenant": "acme", "cluster": "blue"}, "interface:3/s01": {"vlan": 100, "vlan_group": "tenants"},
        "journal:7": {"comment": "Leased to cluster blue of tenant acme since 2026-03-02T09:00:00.000Z, VLAN 100, prefix 10.64.0.0/24."},
        "vlan:blue": {"vid": 100, "group": "tenants", "tenant": "acme", "status": "active"},
        "prefix:10.64.0.0/24": {"tenant": "acme", "status": "active", "vlan": 100, "vlan_group": "tenants"},
    }


@pytest.mark.parametrize(("allowed", "keys"), [
    ((), set()), (("tenant",), {"device:7"}), (("interface_vlan",), {"interface:3/s01"}), (("vlan",), {"vlan:blue"}), (("prefix",), {"prefix:10.64.0.0/24"}),
    (("journal",), {"journal:7"}), (("status",), set()),
])
def test_nothing_is_published_that_is_not_allowed(allowed, keys):
    assert told(allowed=allowed).keys() == keys


def test_a_prefix_names_its_vlan_only_where_vlans_are_published():
    assert told(allowed=("prefix",))["prefix:10.64.0.0/24"] == {"tenant": "acme", "status": "active"}


def test_a_free_server_is_left_as_people_have_it():
    assert told(FREE, networks=()) == {}


def test_what_was_published_is_taken_back():
    found = remembered(wanted([HELD], [BLUE], {}, ALL, 999, {}.get))
    assert told(FREE, networks=(), published=found) == {
        "device:7": {"tenant": None, "cluster": None}, "interface:3/s01": {"vlan": 999, "vlan_group": None},
        "vlan:blue": {"vid": 100, "tenant": "acme", "status": None}, "prefix:10.64.0.0/24": {"tenant": "acme", "vlan": 100, "status": None},
    }


def test_what_was_taken_back_is_forgotten():
    found = remembered(wanted([HELD], [BLUE], {}, ALL, 999, {}.get))
    after = remembered(wanted([FREE], [], found, ALL, 999, {}.get))
    assert "device:7" not in after
    assert not any(key.startswith(("vlan:", "prefix:")) for key in after)


@pytest.mark.parametrize(("state", "vlan"), [("provisioning", 100), ("in_service", 100), ("releasing", 999), ("quarantined", 999), ("claimed", None)])
def test_a_port_is_shown_where_the_servers_state_says_it_is(state, vlan):
    found = told(dataclasses.replace(HELD, state=state), published={"interface:3/s01": {"vlan": 100}})
    assert found.get("interface:3/s01", {}).get("vlan") == vlan


def test_a_status_is_set_for_what_is_set_aside_and_taken_back_only_then():
    assert told(dataclasses.replace(FREE, state="quarantined"), networks=()) == {"device:7": {"status": "failed"}}
    assert told(FREE, networks=(), published={"device:7": {"status": "failed"}}) == {"device:7": {"status": "active"}}
    assert told(FREE, networks=(), published={"device:7": {"status": "active"}}) == {}


def test_the_vlan_of_a_new_cluster_of_the_same_name_is_the_new_one():
    found = told(published={"vlan:blue": {"vid": 101, "status": "active"}})
    assert found["vlan:blue"]["vid"] == 100


def test_a_journal_entry_says_what_was_ordered():
    order = {"cluster_template": "openshift", "cluster_node_sets": [{"name": "workers", "count": 8, "class": "gpu"}], "cluster_tenant": "acme"}
    said = told(dataclasses.replace(HELD, order=order))["journal:7"]["comment"]
    assert said.endswith("prefix 10.64.0.0/24. Ordered: template openshift, node set workers of 8 gpu.")


RECEIPT = {
    "kind": "release", "order": {"cluster": "blue", "tenant": "acme"}, "gates": [{"gate": "residue", "ok": True}], "times": {"issued": "2026-03-02T09:00:00Z"},
    "servers": [{"name": "r1-s01", "serial": "SN1"}, {"name": "r9-s01", "serial": "SN9"}, {"name": "r1-s02", "serial": "EXCHANGED"}],
    "wipes": [{"server": "r1-s01"}, {"server": "r1-s01"}], "signature": {"algorithm": "ed25519", "key_id": "sha256:1234", "value": "A" * 88},
}


def test_a_receipt_is_told_of_the_servers_of_the_site_that_it_is_about():
    entry, = certified([RECEIPT], {("r1-s01", "SN1"): "7", ("r1-s02", "SN2"): "8"})
    assert (entry.kind, entry.id, entry.name) == ("journal", "7", f"receipt {'A' * 40}")
    assert entry.fields["comment"] == (
        "Taken back from cluster blue of tenant acme. Receipt of 2026-03-02T09:00:00Z: gates residue passed, 2 drives erased; "
        f"signature ed25519 `{'A' * 88}`, key sha256:1234.")
