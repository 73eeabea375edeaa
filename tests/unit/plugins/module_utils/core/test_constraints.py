# SPDX-License-Identifier: GPL-3.0-or-later
"""Placement constraints as orders write them."""

from __future__ import annotations

import pytest

from ansible_collections.leasehold.cloud.plugins.module_utils.core import orders
from ansible_collections.leasehold.cloud.plugins.module_utils.core.claims import NodeSet
from ansible_collections.leasehold.cloud.plugins.module_utils.core.errors import InvalidOrder

WORKERS = {"name": "workers", "class": "gpu", "count": 4}
ALL = {
    "require": {"gpu_model": ["H100", "H200"], "memory_gib": ">=1024", "rack": "r1"}, "spread_by": "power_feed", "max_per": {"rack": "2", "power_feed": 3},
    "within": "leaf_pair", "pack_by": "nvlink_domain", "include": ["r1-s02", "r1-s02"], "exclude": ["r1-s04"],
}


def parsed(*node_sets: dict, template: dict | None = None):
    order = {"cluster_name": "blue", "cluster_tenant": "acme", "cluster_lease_duration": "30d", "cluster_node_sets": list(node_sets)}
    return orders.parse(order, template).node_sets


def test_all_that_a_node_set_may_ask_for():
    found, = parsed(WORKERS | ALL)
    assert found == NodeSet("workers", "gpu", 4, ALL["require"], "power_feed", {"rack": 2, "power_feed": 3}, "leaf_pair", "nvlink_domain",
                            ("r1-s02",), ("r1-s04",))


def test_what_is_empty_is_as_if_it_were_not_there():
    assert parsed(WORKERS | {"require": {}, "spread_by": "", "max_per": {}, "within": None, "include": [], "exclude": []}) == parsed(WORKERS)
    assert parsed(WORKERS)[0].as_dict() == WORKERS


def test_constraints_of_a_template_hold_where_the_order_says_none():
    template = {"name": "small", "defaults": {"node_sets": [WORKERS | {"max_per": {"rack": 1}, "within": "leaf_pair"}]}}
    assert parsed({"name": "workers", "within": ""}, template=template) == (NodeSet("workers", "gpu", 4, max_per={"rack": 1}),)


@pytest.mark.parametrize(("constraint", "where"), [
    ({"require": ["H100"]}, "require"), ({"require": {"": "x"}}, "require"), ({"require": {1: "x"}}, "require"),
    ({"require": {"gpu": None}}, "require.gpu"), ({"require": {"gpu": {"model": "x"}}}, "require.gpu"), ({"require": {"gpu": []}}, "require.gpu"),
    ({"require": {"gpu": ["x", None]}}, "require.gpu"), ({"require": {"memory": ">=big"}}, "require.memory"),
    ({"spread_by": ["rack"]}, "spread_by"), ({"within": 1}, "within"), ({"pack_by": {"rack": 1}}, "pack_by"),
    ({"max_per": 2}, "max_per"), ({"max_per": {"rack": 0}}, "max_per.rack"), ({"max_per": {"rack": True}}, "max_per.rack"),
    ({"max_per": {"rack": "two"}}, "max_per.rack"), ({"max_per": {"rack": 1, "feed": 1, "row": 1}}, "max_per"),
    ({"include": "r1-s01"}, "include"), ({"exclude": [1]}, "exclude"), ({"include": ["a", "b", "c", "d", "e"]}, "include"),
    ({"include": ["a"], "exclude": ["a"]}, "include"),
])
def test_what_is_wrong_is_told_by_its_place(constraint, where):
    with pytest.raises(InvalidOrder) as error:
        parsed(WORKERS | constraint)
    assert error.value.object == f"cluster_node_sets[0].{where}" and error.value.remedy
    assert error.value.details == {"variable": error.value.object}


def test_two_node_sets_do_not_include_the_same_server():
    with pytest.raises(InvalidOrder, match="workers and others both include r1-s02"):
        parsed(WORKERS | {"include": ["r1-s02"]}, WORKERS | {"name": "others", "include": ["r1-s02"]})


def test_a_scale_keeps_what_was_ordered_but_not_who_was_included_by_name():
    recorded = [WORKERS | ALL]
    kept, = orders.with_known_classes([{"name": "workers", "count": 6, "class": None, "within": None, "exclude": [], "pack_by": "rack"}], recorded)
    assert kept == {"name": "workers", "count": 6, "class": "gpu", "exclude": [], "pack_by": "rack"} | {
        key: ALL[key] for key in ("require", "spread_by", "max_per", "within")}
