# SPDX-License-Identifier: GPL-3.0-or-later
"""NetBox, read whole: the ways, what each needs, and what happens when it is not there."""

from __future__ import annotations

import pytest

from ansible_collections.leasehold.cloud.plugins.module_utils.core.errors import DeviceFailed, InvalidInput, Unreachable
from ansible_collections.leasehold.cloud.plugins.module_utils.sources.netbox import api, cables
from ansible_collections.leasehold.cloud.plugins.module_utils.sources.netbox.setup import READ
from ansible_collections.leasehold.cloud.plugins.module_utils.sources.protocol import Options
from tests.netbox.fake import Fault
from tests.unit.plugins.module_utils.sources.netbox.conftest import by_name, ends, same

READING = {f"view {type_}" for type_ in READ if type_ not in ("extras.exporttemplate", "core.objectchange")}


def enrich(site) -> None:
    """What the small site does not have: a region, twin racks, VLANs on interfaces, custom fields, tags, global and regional VLANs and prefixes."""
    call, number = site.call, site.number
    region = call("POST", "dcim/regions", {"name": "Europe", "slug": "europe"})["id"]
    germany = call("POST", "dcim/regions", {"name": "Germany", "slug": "germany", "parent": region})["id"]
    place = number("dcim/sites", site.loader.site)
    call("PATCH", f"dcim/sites/{place}", {"region": germany, "tags": [{"slug": "canary"}]})
    room = call("POST", "dcim/locations", {"name": "room 2", "slug": "room-2", "site": place})["id"]
    call("POST", "dcim/racks", {"name": "r1", "site": place, "location": room})
    tagged = call(
        "POST", "ipam/vlan-groups", {"name": "Europe's", "slug": "eu", "scope_type": "dcim.region", "scope_id": region, "vid_ranges": [[5, 5], [7, 9]]})
    inside = call("POST", "ipam/vlan-groups", {"name": "Room", "slug": "room", "scope_type": "dcim.location", "scope_id": room, "vid_ranges": [[11, 12]]})
    call("POST", "ipam/vlan-groups", {"name": "No", "slug": "no", "scope_type": "dcim.region", "scope_id": call(
        "POST", "dcim/regions", {"name": "Asia", "slug": "asia"})["id"]})
    call("POST", "ipam/vlans", [{"vid": 5, "name": "eu", "group": tagged["id"]}, {"vid": 11, "name": "in", "group": inside["id"]}, {"vid": 3, "name": "all"}])
    role = call("POST", "ipam/roles", {"name": "Quarantine", "slug": "quarantine"})["id"]
    call("POST", "ipam/prefixes", [
        {"prefix": "10.80.0.0/16", "role": role}, {"prefix": "10.81.0.0/16"}, {"prefix": "10.82.0.0/16", "scope_type": "dcim.region", "scope_id": region},
        {"prefix": "10.83.0.0/16", "scope_type": "dcim.location", "scope_id": room, "vlan": number("ipam/vlans", 999)}])
    call("POST", "extras/custom-fields", [
        {"name": "leasehold_class", "type": "text", "object_types": ["dcim.device"]},
        {"name": "owner", "type": "object", "object_types": ["dcim.device"], "related_object_type": "tenancy.tenant"}])
    device = number("dcim/devices", "r1-s02")
    call("PATCH", f"dcim/devices/{device}", {"custom_fields": {"leasehold_class": "gpu", "owner": number("tenancy/tenants", "Blue Ocean"), "empty": ""}})
    nic = number("dcim/interfaces", ("r1-s02", "eth1"))
    call("PATCH", f"dcim/interfaces/{nic}", {
        "mode": "tagged", "untagged_vlan": number("ipam/vlans", 100), "tagged_vlans": [number("ipam/vlans", 101), number("ipam/vlans", 102)],
        "tags": [{"slug": "canary"}],
        "enabled": False})


def test_the_whole_site_in_four_requests(site):
    source = site.source()
    reading = source.read()
    assert (reading.way, reading.advice, source.cost["requests"]) == ("template", None, 4)
    assert source.identity == f"netbox {site.fake.url} site fra1"
    server = by_name(reading.records)["r1-s01"]
    assert (server.role, server.type, server.rack, server.position, server.serial, server.oob_ip) == ("server", "gpu-8x", "r1", 1.0, "SN000000", "10.2.0.1")
    assert by_name(reading.records)["leaf-r1a"].primary_ip == "10.1.0.1"
    assert ends(reading.records, "r1-s02") == {"eth0": ("leaf-r1a", "s02"), "eth1": ("leaf-r1b", "s02")}
    assert [group.ranges for group in reading.records.wide.vlan_groups] == ["100-899"]


def test_cables_are_followed_through_panels(site):
    assert ends(site.source().read().records, "r1-s01") == {"eth0": ("leaf-r1a", "s01"), "eth1": ("leaf-r1b", "s01")}


def test_all_ways_say_the_same(site):
    enrich(site)
    fast = site.source().read()
    wide, server = fast.records.wide, by_name(fast.records)["r1-s02"]
    assert sorted(rack.name for rack in wide.racks) == ["r1", "r2", "room 2/r1"]
    assert {group.name: group.ranges for group in wide.vlan_groups} == {"tenants": "100-899", "Europe's": "5,7-9", "Room": "11-12"}
    assert {vlan.vid for vlan in wide.vlans} == {100, 101, 102, 999, 5, 11, 3}
    assert {prefix.prefix for prefix in wide.prefixes} == {"10.64.0.0/16", "10.0.0.0/14", "10.80.0.0/16", "10.82.0.0/16", "10.83.0.0/16"}
    assert server.custom_fields == {"leasehold_class": "gpu", "owner": "Blue Ocean"}
    nic = next(one for one in fast.records.interfaces if one.device == server.id and one.name == "eth1")
    assert (nic.vlan, nic.vlans, nic.tags, nic.enabled, nic.lag is not None) == (100, (101, 102), ("canary",), False, True)

    site.without_templates()
    slower = site.source().read()
    assert slower.way == "graphql"
    assert "leasehold-" in slower.advice and "source_setup" in slower.advice
    same(slower.records, fast.records)

    site.fake.graphql_enabled = False
    slowest = site.source().read()
    assert slowest.way == "rest"
    assert "GRAPHQL_ENABLED" in slowest.advice
    same(slowest.records, fast.records)


def test_a_small_site_among_large_ones_does_not_read_their_cables(site, monkeypatch):
    site.without_templates()
    whole = site.source().read().records
    monkeypatch.setattr(cables, "WORTH_IT", 0)
    site.fake.asked.clear()
    same(site.source().read().records, whole)
    assert {asked.query["limit"][0] for asked in site.fake.asked if asked.path == "/api/dcim/cable-terminations/"} == {"1"}


def test_a_planned_cable_is_none_in_every_way(site):
    cable = next(row for row in site.fake.store.rows["dcim.cable"].values() if any(str(end.termination) == "eth1" for end in row.terminations))
    name = next(end.termination.device.name for end in cable.terminations if str(end.termination) == "eth1")
    site.call("PATCH", f"dcim/cables/{cable.id}", {"status": "planned"})
    fast = site.source().read().records
    assert "eth1" not in ends(fast, name)
    site.without_templates()
    same(site.source().read().records, fast)


def test_pages_and_chunks_are_read_to_the_end(site):
    fast = site.source().read().records
    site.without_templates()
    site.fake.graphql_enabled = False
    site.fake.most = 7  # rows of a page
    same(site.source().read().records, fast)


def test_what_a_template_shows_is_checked(site):
    template = site.fake.find("extras.exporttemplate", name="leasehold-devices-1")
    wrong = {"{{ nonsense.of.all }}": "fails there", "[1]": "not the one", "<p>": "renders no JSON", '{"leasehold": "devices-1"}': "not the one"}
    for code, said in wrong.items():
        site.call("PATCH", f"extras/export-templates/{template.id}", {"template_code": code})
        reading = site.source().read()
        assert reading.way == "graphql"
        assert said in reading.advice


def test_both_versions_of_tokens_and_least_permissions(site):
    token = site.fake.permit(*READING, "view extras.exporttemplate", "view core.objectchange", write=False)
    reading = site.source(token).read()
    assert (reading.way, reading.advice) == ("template", None)
    assert site.source(f"Token {token}").read().way == "template"  # the whole header, copied


def test_without_a_permission_it_is_slower_and_says_which(site):
    reading = site.source(site.fake.permit(*READING, "view core.objectchange")).read()
    assert reading.way == "graphql"
    assert "view on extras.exporttemplate" in reading.advice
    reading = site.source(site.fake.permit(*READING, "view extras.exporttemplate")).read()
    assert reading.way == "template"
    assert "view on core.objectchange" in reading.advice


def test_a_missing_permission_that_is_needed_is_named(site):
    with pytest.raises(InvalidInput, match="view on dcim.device"):
        site.source(site.fake.permit(*(READING - {"view dcim.device"}), "view extras.exporttemplate")).read()
    with pytest.raises(InvalidInput, match="view on dcim.site"):
        site.source(site.fake.permit("view dcim.device")).read()


@pytest.mark.parametrize("hidden", ["dcim.platform", "dcim.devicerole", "extras.tag"])
def test_what_graphql_would_hide_is_not_missed(site, hidden):
    whole = site.source().read().records
    site.without_templates()
    reading = site.source(site.fake.permit(*(READING - {f"view {hidden}"}))).read()
    assert reading.way == "rest" and f"view on {hidden}" in reading.advice
    same(reading.records, whole)


@pytest.mark.parametrize("hidden", ["dcim.device", "dcim.interface", "dcim.rack", "ipam.prefix", "ipam.vlan", "dcim.cable", "ipam.ipaddress", "tenancy.tenant"])
def test_what_the_slower_ways_need_is_named_instead_of_a_hole(site, hidden):
    site.without_templates()
    with pytest.raises(InvalidInput, match=f"view on {hidden}"):
        site.source(site.fake.permit(*(READING - {f"view {hidden}"}))).read()


@pytest.mark.parametrize("token", ["nbt_abc.SECRET", "0123456789abcdef0123456789abcdefSECRET"])
def test_a_wrong_token_is_told_and_never_shown(site, token):
    with pytest.raises(InvalidInput, match="does not accept the token") as caught:
        site.source(token).read()
    assert "SECRET" not in str(caught.value.as_result()) + repr(caught.value.__context__) + repr(site.source(token).api.client)


def test_a_site_that_is_not_there_is_told(site):
    with pytest.raises(InvalidInput, match="no site nowhere"):
        site.source(site="nowhere").read()
    assert site.source(site="FRA1").read().records.wide.site.slug == "fra1"  # by name, too


@pytest.mark.parametrize("path", ["export=leasehold-devices", "export=leasehold-site", "object-changes", "dcim/sites/.slug"])
def test_a_moment_away_is_waited_for_and_longer_is_an_error(site, path, monkeypatch):
    monkeypatch.setattr(api, "PAUSES", (0.01, 0.01))
    site.fake.faults = [Fault(path, 502, times=2)]
    assert site.source().read().way == "template"
    site.fake.faults = [Fault(path, 502)]
    with pytest.raises(Unreachable):
        site.source().read()


def test_an_answer_that_breaks_off_is_no_answer(site, monkeypatch):
    monkeypatch.setattr(api, "PAUSES", ())
    site.fake.faults = [Fault("export=leasehold-devices", cut=True)]
    with pytest.raises(Unreachable):
        site.source().read()


def test_a_slow_server_is_given_up_not_asked_in_slower_ways(site, monkeypatch):
    monkeypatch.setattr(api, "PAUSES", ())
    site.fake.faults = [Fault("export=leasehold-devices", delay=3)]
    with pytest.raises(Unreachable, match="within 1 s"):
        site.source(timeout=1).read()
    assert not any(asked.path == "/graphql/" for asked in site.fake.asked)


def test_a_server_error_in_the_middle_of_a_slow_way_is_an_error_not_a_hole(site):
    site.without_templates()
    site.fake.graphql_enabled = False
    site.fake.faults = [Fault("/api/ipam/ip-addresses/", 500)]
    with pytest.raises(DeviceFailed, match="500"):
        site.source().read()


def test_an_old_netbox_is_refused(site):
    site.fake.version = "3.7"
    with pytest.raises(InvalidInput, match="NetBox 3.7"):
        site.source().read()


@pytest.mark.parametrize("missing", ["url", "token", "site"])
def test_options_that_are_needed(missing):
    options = {"url": "http://127.0.0.1:1", "token": "x", "site": "fra1"}
    with pytest.raises(InvalidInput, match=missing):
        api.Api(Options(**{**options, missing: None}))
