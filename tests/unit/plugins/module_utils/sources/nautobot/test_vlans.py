# SPDX-License-Identifier: GPL-3.0-or-later
"""Which VLAN of a Nautobot a number means."""

from __future__ import annotations

import types

import pytest

from ansible_collections.leasehold.cloud.plugins.module_utils.core.errors import InvalidSource
from ansible_collections.leasehold.cloud.plugins.module_utils.sources.nautobot.vlans import LINE, Vlans

HERE = "L1"
TABLE = [  # id, number, group, location
    ("a", 100, "G1", HERE), ("b", 100, "G2", HERE), ("c", 200, None, HERE), ("d", 200, None, None), ("e", 300, None, None), ("f", 400, None, "L2"),
]


def one_by_one(function, items) -> list:
    return [function(item) for item in items]


class Api:
    """Answers from TABLE, as Nautobot's filters would."""

    about = "Nautobot at https://nb.example.com"
    site = {"id": HERE}
    client = types.SimpleNamespace(map=one_by_one)

    def __init__(self):
        self.asked: list[dict] = []

    def rows(self, path, params, model, lean):
        self.asked.append(params)
        place = {"null": None}.get(params.get("locations"), params.get("locations"))
        return [{"id": id, "vid": vid} for id, vid, group, location in TABLE if vid in params["vid"] and (
            group == params["vlan_group"] if "vlan_group" in params else location == place)]

    def get(self, path, needs):
        self.asked.append({"path": path})
        return types.SimpleNamespace(json=lambda: {"vid": 999})


@pytest.fixture
def vlans():
    found = Vlans(Api(), {"tenants": "G1", "others": "G2"}.__getitem__)
    found.look_up({100, 200, 300, 400, 500}, {"tenants", "others"})
    return found


@pytest.mark.parametrize("number, group, id", [(100, "tenants", "a"), (100, "others", "b"), (200, None, "c"), (300, None, "e")])
def test_it_is_that_of_the_group_or_the_sites_or_that_of_no_location(vlans, number, group, id):
    assert vlans.one(number, group)["id"] == id


@pytest.mark.parametrize("number, group, said", [(100, None, "2 times"), (400, None, "no VLAN 400"), (200, "tenants", "no VLAN 200 of group tenants")])
def test_none_or_several_are_named(vlans, number, group, said):
    with pytest.raises(InvalidSource, match=said):
        vlans.one(number, group)


def test_one_that_was_just_made_is_meant_from_then_on(vlans):
    vlans.add(500, "tenants", {"id": "new", "vid": 500})
    assert vlans.one(500, "tenants")["id"] == vlans.one(500, None)["id"] == "new"
    assert vlans.number("new") == 500


def test_none_is_no_vlan_even_where_one_is_yet_to_be_made(vlans):
    vlans.add(500, None, {"id": None, "vid": 500})
    assert vlans.number(None) is None and vlans.one(None, None) is None


def test_all_are_asked_for_at_once_and_what_is_not_known_singly(vlans):
    assert len(vlans.api.asked) == 4
    assert (vlans.number("a"), vlans.number("z"), vlans.number("z")) == (100, 999, 999)
    assert len(vlans.api.asked) == 5
    Vlans(api := Api(), dict().get).look_up(range(1, 2 * LINE), ())
    assert len(api.asked) == 4
