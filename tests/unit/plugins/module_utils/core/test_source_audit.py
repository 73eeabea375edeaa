# SPDX-License-Identifier: GPL-3.0-or-later
"""The audit of a source: each thing that would stop an order, or make one unsafe, is found once and named in the source's words."""

from __future__ import annotations

import dataclasses
import json

import pytest

from ansible_collections.leasehold.cloud.plugins.module_utils.core import source_audit
from ansible_collections.leasehold.cloud.plugins.module_utils.core.errors import InvalidSource
from ansible_collections.leasehold.cloud.plugins.module_utils.core.mapping_file import Mapping
from ansible_collections.leasehold.cloud.plugins.module_utils.core.records import Interface, Prefix, Records, Vlan
from ansible_collections.leasehold.cloud.plugins.module_utils.core.source_schema import parse
from tests.unit.plugins.module_utils.core import sites
from tests.unit.plugins.module_utils.core.source_records import changed, records
from tests.unit.plugins.module_utils.core.test_source_mapping import device, end, wide, without_end

ALWAYS = ("warning", "few_canaries", "site lab")


def audited(found: Records, **mapping) -> list[tuple[str, str, str]]:
    """What is found besides that the site has one canary."""
    found = source_audit.audit(found, Mapping.from_dict(mapping))
    return [told for finding in found if (told := (finding.severity, finding.code, finding.object)) != ALWAYS]


def add(found: Records, *interfaces: Interface) -> Records:
    return dataclasses.replace(found, interfaces=found.interfaces + interfaces)


def test_a_site_that_is_right_has_nothing_but_too_few_canaries():
    assert [(finding.severity, finding.code, finding.object) for finding in source_audit.audit(records(), Mapping())] == [ALWAYS]


@pytest.mark.parametrize(("change", "expected"), [
    (lambda found: device(found, oob_ip=None), ("error", "no_bmc_address", "device r1-s01")),
    (lambda found: device(found, custom_fields={}, type=None), ("error", "no_class", "device r1-s01")),
    (lambda found: without_end(found, "i-r1-s01-eth0"), ("warning", "no_cable", "device r1-s01, interface eth0")),
    (lambda found: changed(found, "interfaces", "i-r1-s01-eth0", mac="52:54:00:02:01:00"), ("error", "duplicate_mac", "device r1-s01, interface eth0")),
    (lambda found: add(found, Interface("x", "d-r1-s01", "bmc", mac="52:54:00:02:01:00", mgmt_only=True)),
     ("error", "duplicate_mac", "device r2-s01, interface eth0")),
    (lambda found: device(found, status="dreaming"), ("warning", "unknown_status", "device r1-s01")),
    (lambda found: end(found, "i-r1-s01-eth0", far_lag="Po1"), ("warning", "nic_in_lag", "device r1-s01, interface eth0")),
    (lambda found: wide(found, vlans=(*found.wide.vlans, Vlan("v1", 500, "lost", "g0"))), ("warning", "vlan_outside_group", "VLAN 500 (lost)")),
    (lambda found: changed(found, "interfaces", "i-spine-1-leaf-r1a", vlans=(50, 102)), ("warning", "vlan_in_use", "device spine-1, interface leaf-r1a")),
    (lambda found: wide(found, prefixes=(*found.wide.prefixes, Prefix("p9", "10.64.2.0/23", "active", tags=("leasehold-pool",)))),
     ("error", "site_unfit", "prefix pool 10.64.2.0/23")),
    (lambda found: wide(found, vlans=()), ("error", "no_quarantine", "quarantine VLAN")),
    (lambda found: without_end(found, "i-leaf-r1a-up1", "i-spine-1-leaf-r1a"), ("error", "no_way", "switch leaf-r1a")),
])
def test_each_thing_is_found_once_and_named(change, expected):
    assert audited(change(records())) == [expected]


def test_one_port_cabled_twice_is_told_of_both():
    found = end(records(), "i-r1-s01-eth0", far_interface="i-leaf-r1a-s02", far_port="s02")
    assert audited(found) == [("error", "port_twice", "device r1-s01"), ("error", "port_twice", "device r1-s02")]


@pytest.mark.parametrize(("values", "code"), [({"platform": None}, "no_network_os"), ({"primary_ip": None}, "no_address")])
def test_a_switch_that_cannot_be_used_is_told_once_with_what_hangs_on_it(values, code):
    found = source_audit.audit(device(records(), "d-leaf-r1a", **values), Mapping())
    assert [(finding.code, finding.object) for finding in found if finding.severity == "error"] == sorted(
        [("bad_switch", "device leaf-r1a"), (code, "device leaf-r1a")])
    assert "4 servers" in next(finding.problem for finding in found if finding.code == "bad_switch")


def test_a_vlan_that_we_published_may_be_in_use():
    found = changed(records(), "interfaces", "i-leaf-r1a-s01", vlan=101)
    assert audited(found) == [("warning", "vlan_in_use", "device leaf-r1a, interface s01")]
    assert audited(wide(found, vlans=(*found.wide.vlans, Vlan("v1", 101, "blue", "g0", tags=("leasehold",))))) == []


def test_what_is_offered_and_not_delegated_is_told():
    found = audited(records(), envelope_vlans=["100-101"], envelope_prefixes=["10.64.0.0/24"], envelope_switches=["leaf-*"])
    assert found == [("warning", "outside_envelope", "VLAN pool tenants"), ("warning", "outside_envelope", "prefix pool 10.64.0.0/22"),
                     ("warning", "outside_envelope", "switch spine-1")]


def test_a_document_is_audited_too():
    assert [finding.code for finding in source_audit.of_datacenter(sites.site())] == ["few_canaries"]


def test_a_document_that_is_refused_tells_all_its_problems():
    document = sites.document()
    document["servers"][0]["serial"] = document["servers"][1]["serial"]
    document["servers"][2]["rack"] = "r9"
    with pytest.raises(InvalidSource) as error:
        parse(document, "dc.yml")
    assert [(finding.severity, finding.object) for finding in source_audit.of_refusal(error.value)] == [
        ("error", "servers[1].serial"), ("error", "servers[2].rack")]


def test_the_table_and_the_files_tell_all():
    found = source_audit.audit(device(records(), oob_ip=None), Mapping())
    text = source_audit.text(found, "netbox x")
    assert text.startswith("netbox x: 1 errors, 1 warnings\n")
    assert "device r1-s01" in text
    assert max(map(len, text.splitlines())) <= 120
    files = source_audit.files(found, "netbox x")
    assert [row["code"] for row in json.loads(files["source_audit.json"])["findings"]] == ["no_bmc_address", "few_canaries"]
    assert len(files["source_audit.csv"].splitlines()) == 3
    assert "nothing" in source_audit.text([], "x")
