# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.leasehold.cloud.plugins.module_utils.core import ports
from ansible_collections.leasehold.cloud.plugins.module_utils.core.errors import InvalidInput, NotFound, PortInUse, Refused
from ansible_collections.leasehold.cloud.plugins.module_utils.core.ports import Columns

PLACE = ports.Place("leaf-r1a", "br0")
VLANS = st.integers(1, 4094)
COLUMNS = st.builds(
    Columns, st.sampled_from([None, "access", "trunk", "native-tagged", "native-untagged", "dot1q-tunnel"]),
    st.none() | VLANS, st.frozensets(VLANS, max_size=4),
)


def trunk(*vlans: int) -> Columns:
    return Columns("trunk", None, frozenset(vlans))


def one(before: Columns, **wanted):
    """The step decided for a single port."""
    wanted = {"name": "p", **wanted}
    ports.check_wanted(PLACE, [wanted])
    return ports.decide(PLACE, {"p": before}, [wanted]).steps[0]


@pytest.mark.parametrize(("columns", "text", "observed"), [
    (Columns("access", 101), "access 101", ("access", 101, [])),
    (Columns(None, 101), "access 101", ("access", 101, [])),
    (Columns("access"), "access 0", ("access", 0, [])),
    (trunk(999, 101), "trunk 101,999", ("trunk", None, [101, 999])),
    (Columns(None, None, frozenset([101])), "trunk 101", ("trunk", None, [101])),
    (Columns(), "trunk all", ("trunk", None, [])),
    (Columns("native-untagged", 1, frozenset([101])), "native-untagged 1,101", ("trunk", 1, [1, 101])),
    (Columns("native-tagged", 1), "native-tagged all", ("trunk", 1, [])),
    (Columns("dot1q-tunnel", 7), "dot1q-tunnel 7", ("dot1q-tunnel", 7, [])),
])
def test_what_the_columns_mean(columns, text, observed):
    """As ovs-vswitchd.conf.db(5) has it: without a mode the tag decides, and a trunk without a list carries all."""
    assert columns.text() == text
    assert columns.observed("p") == dict(zip(("name", "mode", "vlan", "vlans"), ("p", *observed), strict=True))


def test_an_access_port_moves_out_of_an_expected_vlan():
    assert one(Columns("access", 999), mode="access", vlan=101, expect=[999]).after == Columns("access", 101)


def test_an_access_port_that_is_right_is_left_alone_whatever_is_expected():
    assert not one(Columns("access", 101), mode="access", vlan=101, expect=[999]).is_change


def test_leftover_trunk_vlans_of_an_access_port_are_cleared():
    assert one(Columns("access", 101, frozenset([5])), mode="access", vlan=101, expect=[]).is_change


@pytest.mark.parametrize("before", [
    Columns("access", 190), Columns("access"), Columns(), trunk(999), trunk(101, 999), Columns("native-untagged", 999, frozenset([999])),
])
def test_somebody_elses_port_is_refused_by_name(before):
    with pytest.raises(PortInUse) as caught:
        one(before, mode="access", vlan=101, expect=[999])
    assert caught.value.object == "switch leaf-r1a port p"
    assert caught.value.details["found"] == before.observed("p")


def test_without_expectations_a_port_is_set_whatever_it_carries():
    assert one(trunk(5, 6), mode="access", vlan=101).after == Columns("access", 101)


def test_a_trunk_change_leaves_the_other_vlans():
    assert one(trunk(999, 105), mode="trunk", add=[101], remove=[105]).after == trunk(101, 999)


def test_a_trunk_without_explicit_mode_gets_one():
    assert one(Columns(None, None, frozenset([101])), mode="trunk", add=[101]).after == trunk(101)


@pytest.mark.parametrize("before", [Columns(), Columns("trunk"), Columns("native-tagged", 1)])
@pytest.mark.parametrize("wanted", [{"add": [101]}, {"remove": [101]}])
def test_a_trunk_of_all_vlans_is_never_touched(before, wanted):
    """To add one VLAN to a list that means all would cut off all others."""
    with pytest.raises(PortInUse, match="all VLANs"):
        one(before, mode="trunk", **wanted)


def test_the_last_vlan_of_a_trunk_is_not_removed():
    with pytest.raises(Refused, match="would be empty"):
        one(trunk(101), mode="trunk", remove=[101])


def test_the_last_vlan_may_go_when_another_comes():
    assert one(trunk(101), mode="trunk", add=[102], remove=[101]).after == trunk(102)


def test_an_access_port_does_not_become_a_trunk():
    with pytest.raises(PortInUse, match="VLAN 200 .access., and it is not a plain trunk"):
        one(Columns("access", 200), mode="trunk", add=[101])


def test_pruning_a_port_that_is_no_trunk_any_more_is_nothing_to_do():
    assert not one(Columns("access", 200), mode="trunk", remove=[101]).is_change
    with pytest.raises(PortInUse):
        one(Columns("access", 101), mode="trunk", remove=[101])


def test_all_refusals_are_told():
    wanted = [{"name": "a", "mode": "access", "vlan": 101, "expect": []}, {"name": "b", "mode": "access", "vlan": 101}]
    with pytest.raises(PortInUse) as caught:
        ports.decide(PLACE, {"a": Columns("access", 190)}, wanted)
    assert [problem.partition(":")[0] for problem in caught.value.details["problems"]] == ["switch leaf-r1a port a", "switch leaf-r1a port b"]


def test_an_unknown_port_is_named_with_its_bridge():
    with pytest.raises(NotFound, match="no port s77 on bridge br0"):
        ports.decide(PLACE, {}, [{"name": "s77", "mode": "access", "vlan": 101}])


@pytest.mark.parametrize(("wanted", "said"), [
    ([{"name": "p", "mode": "access"}], "without a VLAN"),
    ([{"name": "p", "mode": "access", "vlan": 0}], "VLAN 0"),
    ([{"name": "p", "mode": "access", "vlan": 4095}], "VLAN 4095"),
    ([{"name": "p", "mode": "trunk", "add": [], "remove": None}], "no VLAN"),
    ([{"name": "p", "mode": "trunk", "add": [5], "remove": [5]}], "both"),
    ([{"name": "p", "mode": "trunk", "add": [9999]}], "VLAN 9999"),
    ([{"name": "p", "mode": "access", "vlan": 5}, {"name": "p", "mode": "access", "vlan": 6}], "twice"),
])
def test_what_cannot_be_meant_is_refused(wanted, said):
    with pytest.raises(InvalidInput, match=said):
        ports.check_wanted(PLACE, wanted)


def test_changes_show_both_sides_of_what_changes_only():
    wanted = [{"name": "a", "mode": "access", "vlan": 101}, {"name": "b", "mode": "trunk", "add": [101]}]
    decision = ports.decide(PLACE, {"a": Columns("access", 101), "b": trunk(999)}, wanted)
    assert [change.as_dict() for change in decision.changes] == [
        {"kind": "port", "name": "leaf-r1a/b", "before": "trunk 999", "after": "trunk 101,999"}]


@given(before=COLUMNS, add=st.frozensets(VLANS, max_size=3), remove=st.frozensets(VLANS, max_size=3))
def test_a_trunk_change_never_widens_or_narrows_others(before, add, remove):
    """Whatever the port was: refused, or exactly the VLANs asked for come and go, and it never carries all."""
    if not (add or remove) or add & remove:
        return
    try:
        step = one(before, mode="trunk", add=sorted(add), remove=sorted(remove))
    except (PortInUse, Refused):
        return
    assert not step.after.carries_all and not step.before.carries_all
    assert step.after.carried == (step.before.carried | add) - remove
    assert not one(step.after, mode="trunk", add=sorted(add), remove=sorted(remove)).is_change


@given(before=COLUMNS, vlan=VLANS, expect=st.none() | st.lists(VLANS, max_size=3))
def test_an_access_port_is_only_taken_out_of_what_is_expected(before, vlan, expect):
    try:
        step = one(before, mode="access", vlan=vlan, expect=expect)
    except PortInUse:
        return
    assert step.after == Columns("access", vlan)
    assert expect is None or (before.is_access and before.carried <= {vlan, *expect})
