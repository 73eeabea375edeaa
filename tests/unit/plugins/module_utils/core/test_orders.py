# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import copy

import pytest

from ansible_collections.leasehold.cloud.plugins.module_utils.core import orders
from ansible_collections.leasehold.cloud.plugins.module_utils.core.claims import NodeSet, Order
from ansible_collections.leasehold.cloud.plugins.module_utils.core.errors import InvalidOrder

GIVEN = {"cluster_name": "blue", "cluster_tenant": "acme", "cluster_node_sets": [{"name": "workers", "class": "cpu", "count": 3}],
         "cluster_lease_duration": "30d"}
TEMPLATE = {"name": "openshift", "version": "1.0.0", "description": "a cluster", "defaults": {
    "node_sets": [{"name": "workers", "class": "cpu", "count": 2}, {"name": "gpus", "class": "gpu", "count": 1}],
    "lease_duration": "2w", "placement": "pack", "release_image": "registry/release:4", "base_domain": "example.com"}}


def test_an_order_as_it_is_given():
    order = orders.parse({**GIVEN, "cluster_remove_servers": ["r1-s01", "r1-s01"], "cluster_placement": None})
    assert order == Order("blue", "acme", None, (NodeSet("workers", "cpu", 3),), "30d", "spread", ("r1-s01",))
    assert Order.from_dict(order.as_dict()) == order


def test_a_template_fills_in_what_is_not_given():
    order = orders.parse({"cluster_name": "blue", "cluster_tenant": "acme", "cluster_template": "openshift"}, TEMPLATE)
    assert order.node_sets == (NodeSet("workers", "cpu", 2), NodeSet("gpus", "gpu", 1))
    assert (order.lease_duration, order.placement, order.template) == ("2w", "pack", "openshift")
    assert order.settings == {"release_image": "registry/release:4", "base_domain": "example.com"}


def test_what_is_given_goes_before_the_template():
    given = {**GIVEN, "cluster_node_sets": [{"name": "gpus", "count": "4"}], "cluster_placement": "spread"}
    before = copy.deepcopy((given, TEMPLATE))
    order = orders.parse(given, TEMPLATE)
    assert order.node_sets == (NodeSet("gpus", "gpu", 4),)
    assert (order.lease_duration, order.placement) == ("30d", "spread")
    assert (given, TEMPLATE) == before


def test_the_terms_of_a_lease():
    order = orders.parse({**GIVEN, "cluster_lease_start": "2026-12-24T12:00:00+01:00", "cluster_lease_grace": "3d"})
    assert (order.lease_start, order.lease_grace, order.hold) == ("2026-12-24T11:00:00.000Z", "3d", None)
    assert Order.from_dict(order.as_dict()) == order
    template = {**TEMPLATE, "defaults": {**TEMPLATE["defaults"], "lease_grace": "1d"}}
    named = {**GIVEN, "cluster_template": "openshift", "cluster_hold": "2h"}
    assert (orders.parse(named, template).lease_grace, orders.parse(named, template).hold) == ("1d", "2h")
    assert orders.parse({**named, "cluster_lease_grace": "0h"}, template).lease_grace == "0h"


@pytest.mark.parametrize(("grace", "seconds"), [("0h", 0), ("0", 0), ("3d", 259200)])
def test_a_grace_may_be_none(grace, seconds):
    assert orders.grace_seconds(grace) == seconds


@pytest.mark.parametrize("operation", ["delete", "verify"])
def test_a_delete_needs_only_a_name(operation):
    assert orders.parse({"cluster_name": "blue"}, None, operation) == Order("blue")


@pytest.mark.parametrize(("changes", "variable"), [
    ({"cluster_name": None}, "cluster_name"),
    ({"cluster_name": "Blue"}, "cluster_name"),
    ({"cluster_name": "1blue"}, "cluster_name"),
    ({"cluster_name": "blue-"}, "cluster_name"),
    ({"cluster_lease_start": "2026-12-24T12:00:00"}, "cluster_lease_start"),
    ({"cluster_lease_grace": "a while"}, "cluster_lease_grace"),
    ({"cluster_hold": "0h"}, "cluster_hold"),
    ({"cluster_hold": "2h", "cluster_lease_start": "2026-12-24T12:00:00Z"}, "cluster_hold"),
    ({"cluster_name": "blue\n"}, "cluster_name"),
    ({"cluster_name": "b" * 32}, "cluster_name"),
    ({"cluster_name": 7}, "cluster_name"),
    ({"cluster_tenant": "a_b"}, "cluster_tenant"),
    ({"cluster_tenant": ""}, "cluster_tenant"),
    ({"cluster_template": "small"}, "cluster_template"),
    ({"cluster_node_sets": []}, "cluster_node_sets"),
    ({"cluster_node_sets": {"workers": 3}}, "cluster_node_sets"),
    ({"cluster_node_sets": ["workers"]}, "cluster_node_sets"),
    ({"cluster_node_sets": [{"name": "workers", "class": "cpu", "count": 0}]}, "cluster_node_sets[0].count"),
    ({"cluster_node_sets": [{"name": "workers", "class": "cpu", "count": True}]}, "cluster_node_sets[0].count"),
    ({"cluster_node_sets": [{"name": "workers", "class": "cpu", "count": 2.5}]}, "cluster_node_sets[0].count"),
    ({"cluster_node_sets": [{"name": "workers", "class": "cpu", "count": "-1"}]}, "cluster_node_sets[0].count"),
    ({"cluster_node_sets": [{"name": "workers", "count": 1}]}, "cluster_node_sets[0].class"),
    ({"cluster_node_sets": [{"name": "w w", "class": "cpu", "count": 1}]}, "cluster_node_sets[0].name"),
    ({"cluster_node_sets": [{"name": "w" * 59, "class": "cpu", "count": 1}]}, "cluster_node_sets[0].name"),
    ({"cluster_node_sets": [{"name": "workers", "class": "cpu", "count": 1, "rack": "r1"}]}, "cluster_node_sets[0]"),
    ({"cluster_node_sets": GIVEN["cluster_node_sets"] * 2}, "cluster_node_sets[1].name"),
    ({"cluster_lease_duration": None}, "cluster_lease_duration"),
    ({"cluster_lease_duration": "30"}, "cluster_lease_duration"),
    ({"cluster_lease_duration": 30}, "cluster_lease_duration"),
    ({"cluster_lease_duration": "0d"}, "cluster_lease_duration"),
    ({"cluster_lease_duration": "99999w"}, "cluster_lease_duration"),
    ({"cluster_placement": "anywhere"}, "cluster_placement"),
    ({"cluster_remove_servers": "r1-s01"}, "cluster_remove_servers"),
    ({"cluster_expected_plan": 5}, "cluster_expected_plan"),
    ({"cluster_colour": "blue"}, "order"),
])
def test_what_cannot_be_ordered_names_the_variable_and_the_remedy(changes, variable):
    with pytest.raises(InvalidOrder) as caught:
        orders.parse({**GIVEN, **changes})
    assert caught.value.object == caught.value.details["variable"] == variable
    assert caught.value.remedy


@pytest.mark.parametrize(("template", "named", "where"), [
    (TEMPLATE, "other", "cluster_template"),
    ({**TEMPLATE, "price": 3}, "openshift", "template openshift"),
    ({**TEMPLATE, "defaults": {"colour": "blue"}}, "openshift", "template openshift: defaults"),
    ({**TEMPLATE, "defaults": ["lease_duration"]}, "openshift", "template openshift: defaults"),
])
def test_templates_that_do_not_fit(template, named, where):
    with pytest.raises(InvalidOrder) as caught:
        orders.parse({**GIVEN, "cluster_template": named}, template)
    assert caught.value.object == where


@pytest.mark.parametrize(("text", "seconds"), [("12h", 43200), ("30d", 2592000), ("2w", 1209600)])
def test_durations(text, seconds):
    assert orders.duration_seconds(text) == seconds


def test_a_key_given_as_nothing_is_not_given():
    template = {"name": "t", "defaults": {"node_sets": [{"name": "workers", "class": "gpu", "count": 3}], "lease_duration": "1d"}}
    given = {"cluster_name": "blue", "cluster_tenant": "initech", "cluster_template": "t",
             "cluster_node_sets": [{"name": "workers", "class": None, "count": 2}]}
    assert orders.parse(given, template, "create").node_sets == (NodeSet("workers", "gpu", 2),)


def test_a_scale_keeps_the_class_that_was_ordered():
    recorded = [{"name": "workers", "class": "cpu", "count": 2}]
    asked = [{"name": "workers", "class": None, "count": 3}, {"name": "more", "class": "gpu", "count": 1}, {"name": "other", "class": None, "count": 1}]
    assert [each["class"] for each in orders.with_known_classes(asked, recorded)] == ["cpu", "gpu", None]
    assert orders.with_known_classes(None, recorded) is None


def test_a_scale_does_not_take_from_the_template_what_the_cluster_was_ordered_without():
    template = {"name": "small", "defaults": {"placement": "pack", "lease_grace": "3d", "node_sets": [
        {"name": "workers", "class": "cpu", "count": 9, "spread_by": "rack"}, {"name": "extra", "class": "gpu", "count": 1}]}}
    ordered = [{"name": "workers", "class": "cpu", "count": 5}]
    scale = [{"name": "workers", "class": "cpu", "count": 6}, {"name": "extra", "count": 2}]
    variables = {"cluster_name": "blue", "cluster_template": "small"}
    order = orders.parse(variables | {"cluster_node_sets": scale}, orders.template_of_scale(template, scale, ordered), "scale")
    assert [(each.name, each.server_class, each.count, each.spread_by) for each in order.node_sets] == [("workers", "cpu", 6, None), ("extra", "gpu", 2, None)]
    assert (order.placement, order.lease_grace) == ("pack", None)
    with pytest.raises(InvalidOrder, match="node_sets"):
        orders.parse(variables, orders.template_of_scale(template, None, ordered), "scale")
    with pytest.raises(InvalidOrder, match="defaults"):
        orders.parse(variables, orders.template_of_scale({"name": "small", "defaults": [1]}, scale, ordered), "scale")
