# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import dataclasses

import pytest
from hypothesis import given, strategies as st

from ansible_collections.leasehold.cloud.plugins.module_utils.core import fabric, gates, ports
from ansible_collections.leasehold.cloud.plugins.module_utils.core.errors import InvalidSource, PortInUse
from ansible_collections.leasehold.cloud.plugins.module_utils.core.models import Link, LinkEnd, Nic, Switch

from .sites import SEGMENT, random_sites, server, site

OTHER = dataclasses.replace(SEGMENT, name="red", vlan=101)


class Switches:
    """The site's switches as their admins leave them, changed by the very code that changes real ones."""

    def __init__(self, datacenter):
        quarantine = ports.Columns("access", datacenter.quarantine_vlan)
        trunk = ports.Columns("trunk", None, frozenset([datacenter.quarantine_vlan]))
        self.ports = {switch.name: {} for switch in datacenter.switches}
        for item in datacenter.servers:
            for nic in item.nics:
                self.ports[nic.switch][nic.port] = quarantine
        for link in datacenter.links:
            for end in link.ends:
                self.ports[end.switch][end.port] = trunk

    def apply(self, change_sets):
        for switch in change_sets:
            place = ports.Place(switch["name"], switch["bridge"])
            ports.check_wanted(place, switch["ports"])
            for step in ports.decide(place, self.ports[switch["name"]], switch["ports"]).steps:
                self.ports[switch["name"]][step.name] = step.after

    def carrying(self, vlan):
        return {(switch, name): columns for switch, found in self.ports.items() for name, columns in found.items()
                if columns.carries_all or vlan in columns.carried}

    def observed(self):
        return {switch: [columns.observed(name) for name, columns in found.items()] for switch, found in self.ports.items()}


@st.composite
def members(draw):
    """A site, and two clusters' servers in it, in two parts each."""
    datacenter = draw(random_sites())
    parts = [[], [], [], []]
    for item in datacenter.servers:
        part = draw(st.integers(0, 5))
        if part < 4:
            parts[part].append(item)
    return datacenter, parts


@given(members())
def test_access_ports_are_exactly_those_of_the_members(case):
    datacenter, (mine, others, _more, _most) = case
    switches = Switches(datacenter)
    switches.apply(fabric.desired_ports(OTHER, others, datacenter))
    switches.apply(fabric.desired_ports(SEGMENT, mine, datacenter))
    access = {place for place, columns in switches.carrying(SEGMENT.vlan).items() if columns.is_access}
    assert access == {(nic.switch, nic.port) for item in mine for nic in item.nics}


@given(members())
def test_every_member_reaches_the_border_on_trunks_of_its_vlan(case):
    datacenter, (mine, _others, _more, _most) = case
    switches = Switches(datacenter)
    switches.apply(fabric.desired_ports(SEGMENT, mine, datacenter))
    carrying = switches.carrying(SEGMENT.vlan)
    whole = [link for link in datacenter.links if all((end.switch, end.port) in carrying for end in link.ends)]
    reached = {link.ends[0].switch for link in whole if link.is_border}
    for _hop in datacenter.switches:
        reached |= {end.switch for link in whole for end in link.ends if {one.switch for one in link.ends} & reached}
    assert {nic.switch for item in mine for nic in item.nics} <= reached


@given(members())
def test_only_links_towards_leaves_with_members_carry_it_at_both_ends(case):
    datacenter, (mine, _others, _more, _most) = case
    used = {nic.switch for item in mine for nic in item.nics}
    roles = {switch.name: switch.role for switch in datacenter.switches}
    for link in fabric.carrying_links(mine, datacenter):
        assert all(roles[end.switch] == "spine" or end.switch in used for end in link.ends)
    ends = {(end.switch, end.port) for link in fabric.carrying_links(mine, datacenter) for end in link.ends}
    switches = Switches(datacenter)
    switches.apply(fabric.desired_ports(SEGMENT, mine, datacenter))
    assert {place for place, columns in switches.carrying(SEGMENT.vlan).items() if not columns.is_access} == ends


@given(members())
def test_apply_then_release_returns_to_the_start(case):
    datacenter, (mine, others, _more, _most) = case
    switches = Switches(datacenter)
    switches.apply(fabric.desired_ports(OTHER, others, datacenter))
    start = switches.observed()
    switches.apply(fabric.desired_ports(SEGMENT, mine, datacenter))
    switches.apply(fabric.release_ports(SEGMENT, mine, [], datacenter))
    assert switches.observed() == start


@given(members())
def test_growing_and_shrinking_is_as_if_made_so(case):
    """Servers that join and leave, in steps and with another order in between, leave what one order would make."""
    datacenter, (stay, leave, join, others) = case
    stepwise, at_once = Switches(datacenter), Switches(datacenter)
    stepwise.apply(fabric.desired_ports(SEGMENT, [*stay, *leave], datacenter))
    stepwise.apply(fabric.desired_ports(OTHER, others, datacenter))
    stepwise.apply(fabric.desired_ports(SEGMENT, [*stay, *join], datacenter))
    stepwise.apply(fabric.release_ports(SEGMENT, leave, [*stay, *join], datacenter))
    at_once.apply(fabric.desired_ports(SEGMENT, [*stay, *join], datacenter))
    at_once.apply(fabric.desired_ports(OTHER, others, datacenter))
    assert stepwise.observed() == at_once.observed()


@given(members())
def test_what_is_applied_reads_back_as_expected(case):
    datacenter, (mine, others, _more, _most) = case
    switches = Switches(datacenter)
    for segment, held in ((OTHER, others), (SEGMENT, mine)):
        switches.apply(fabric.desired_ports(segment, held, datacenter))
    expected = fabric.expected_readback(SEGMENT, mine, datacenter)
    assert set(expected) == {switch.name for switch in datacenter.switches}
    finding = gates.readback(expected, switches.observed(), SEGMENT.as_dict())
    assert finding["ok"], finding


def test_again_changes_nothing():
    datacenter = site()
    switches = Switches(datacenter)
    for change in (fabric.desired_ports(SEGMENT, datacenter.servers[:2], datacenter),
                   fabric.release_ports(SEGMENT, datacenter.servers[:2], [], datacenter)):
        switches.apply(change)
        before = switches.observed()
        switches.apply(change)
        assert switches.observed() == before


def test_a_change_set_says_how_the_switch_is_reached():
    datacenter = site()
    leaf = fabric.desired_ports(SEGMENT, [server("r1-s01")], datacenter)[0]
    assert leaf == {
        "name": "leaf-r1a", "network_os": "openvswitch", "address": "198.51.1.97", "port": 6640, "bridge": "br0",
        "ports": [{"name": "s01", "mode": "access", "vlan": 100, "expect": [999, 100]},
                  {"name": "up1", "mode": "trunk", "add": [100], "remove": []}],
    }


def test_somebody_elses_port_is_not_taken():
    datacenter = site()
    switches = Switches(datacenter)
    switches.apply(fabric.desired_ports(OTHER, [server("r1-s01")], datacenter))
    with pytest.raises(PortInUse):
        switches.apply(fabric.desired_ports(SEGMENT, [server("r1-s01")], datacenter))


def one_switch(*links, roles=("leaf",)):
    switches = tuple(Switch(f"sw{index}", role, "openvswitch", "192.0.2.1") for index, role in enumerate(roles))
    nic = Nic("eth0", "52:54:00:00:00:01", "sw0", "s01")
    return site(switches=switches, links=links, servers=(server("r1-s01", nics=(nic,)),))


BORDER = Link(LinkEnd(device="border-1"), LinkEnd("sw0", port="border"))


def test_a_single_switch_with_a_border_port():
    datacenter = one_switch(BORDER)
    (change,) = fabric.desired_ports(SEGMENT, datacenter.servers, datacenter)
    assert [(port["name"], port["mode"]) for port in change["ports"]] == [("border", "trunk"), ("s01", "access")]


def test_a_leaf_without_a_way_to_the_border_is_refused():
    away = Link(LinkEnd("sw1", port="border"), LinkEnd(device="border-1"))
    datacenter = one_switch(away, roles=("leaf", "spine"))
    with pytest.raises(InvalidSource) as caught:
        fabric.desired_ports(SEGMENT, datacenter.servers, datacenter)
    assert caught.value.object == "switch sw0"


def test_a_leaf_without_members_is_no_way_through():
    way = [Link(LinkEnd("sw0", port="up1"), LinkEnd("sw1", port="x")), Link(LinkEnd("sw1", port="up1"), LinkEnd("sw2", port="x")),
           Link(LinkEnd("sw2", port="border"), LinkEnd(device="border-1"))]
    through_spine = one_switch(*way, roles=("leaf", "spine", "spine"))
    assert len(fabric.carrying_links(through_spine.servers, through_spine)) == 3
    through_leaf = one_switch(*way, roles=("leaf", "leaf", "spine"))
    with pytest.raises(InvalidSource):
        fabric.carrying_links(through_leaf.servers, through_leaf)


def test_switches_that_lead_nowhere_do_not_carry_it():
    dead_end = [Link(LinkEnd("sw0", port="up1"), LinkEnd("sw1", port="x")), Link(LinkEnd("sw1", port="up1"), LinkEnd("sw2", port="x"))]
    datacenter = one_switch(BORDER, *dead_end, roles=("leaf", "spine", "spine"))
    assert fabric.carrying_links(datacenter.servers, datacenter) == [BORDER]


def test_parallel_links_and_both_spines_carry_it():
    datacenter = site(1, 1, spines=2)
    assert len(fabric.carrying_links(datacenter.servers, datacenter)) == len(datacenter.links) == 6


def test_a_switch_the_source_does_not_know():
    stranger = server("r1-s01", nics=(Nic("eth0", "52:54:00:00:00:01", "leaf-x", "s01"),))
    with pytest.raises(InvalidSource):
        fabric.desired_ports(SEGMENT, [stranger], site())


def test_readback_of_some_switches_names_those_and_the_members():
    expected = fabric.expected_readback(SEGMENT, [server("r1-s01")], site(), ["leaf-r2a", "leaf-r1a", "leaf-r1b", "spine-1"])
    assert expected["leaf-r2a"] == []
    assert expected["leaf-r1a"] == [{"name": "s01", "mode": "access", "vlan": 100, "vlans": []},
                                    {"name": "up1", "mode": "trunk", "vlan": None, "vlans": [100]}]
