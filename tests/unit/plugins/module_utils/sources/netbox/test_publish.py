# SPDX-License-Identifier: GPL-3.0-or-later
"""Writing back to NetBox: what differs, once, and never over what somebody else writes at the same time."""

from __future__ import annotations

import pytest

from ansible_collections.leasehold.cloud.plugins.module_utils.core.errors import InvalidInput, InvalidSource, Refused, SourceConflict
from ansible_collections.leasehold.cloud.plugins.module_utils.sources.protocol import Publication


@pytest.fixture(autouse=True)
def set_up(site):
    site.source().setup("present", check_mode=False)


@pytest.fixture(params=["4.6", "4.2"])
def version(request, site):
    """With If-Match, and before it."""
    site.fake.version = request.param
    return request.param


def device(site, name: str, **fields) -> Publication:
    return Publication("device", name, fields, str(site.number("dcim/devices", name)))


def port(site, switch: str, name: str, **fields) -> Publication:
    return Publication("interface", name, fields, str(site.number("dcim/devices", switch)))


def row(site, name: str):
    return site.fake.store.rows["dcim.device"][site.number("dcim/devices", name)]


def writes(site) -> list:
    return [asked for asked in site.fake.asked if asked.method != "GET" and asked.path != "/graphql/"]


def published(site, *wanted: Publication) -> list[tuple]:
    """Checked, published, and published again: what differed."""
    site.fake.asked.clear()
    foreseen = site.source().publish(list(wanted), check_mode=True)
    assert writes(site) == []
    changes = site.source().publish(list(wanted), check_mode=False)
    assert changes == foreseen
    site.fake.asked.clear()
    assert site.source().publish(list(wanted), check_mode=False) == []
    assert writes(site) == []
    return [(change.name, change.before, change.after) for change in changes]


def test_devices(site, version):
    assert published(site, device(site, "r1-s01", tenant="blue-ocean", cluster="blue", status="active"),
                     device(site, "r1-s02", tenant="blue-ocean", cluster="blue")) == [
        ("device r1-s01: tenant", None, "blue-ocean"), ("device r1-s01: cluster", None, "blue"),
        ("device r1-s02: tenant", None, "blue-ocean"), ("device r1-s02: cluster", None, "blue")]
    assert (row(site, "r1-s01").tenant.slug, row(site, "r1-s01").custom_field_data) == ("blue-ocean", {"leasehold_cluster": "blue"})
    assert len(published(site, device(site, "r1-s01", tenant=None, cluster=None, status="offline"))) == 3
    assert (row(site, "r1-s01").tenant, row(site, "r1-s01").status) == (None, "offline")


def test_other_custom_fields_stay(site, version):
    site.call("POST", "extras/custom-fields", {"name": "rent", "type": "text", "object_types": ["dcim.device"]})
    site.call("PATCH", f"dcim/devices/{row(site, 'r1-s01').id}", {"custom_fields": {"rent": "low"}})
    published(site, device(site, "r1-s01", cluster="blue"))
    assert row(site, "r1-s01").custom_field_data == {"rent": "low", "leasehold_cluster": "blue"}


def test_each_change_says_in_netbox_who_made_it(site):
    site.source().publish([device(site, "r1-s01", cluster="blue")], check_mode=False)
    assert site.fake.writer.log[-1]["message"].startswith("leasehold.cloud")


def test_vlans_prefixes_and_ports_of_a_segment_and_away_again(site, version):
    segment = [
        Publication("vlan", "blue", {"vid": 123, "group": "tenants", "tenant": "blue-ocean", "status": "active"}),
        Publication("prefix", "10.64.5.0/24", {"tenant": "blue-ocean", "vlan": 123, "status": "active"}),
        port(site, "leaf-r1a", "s01", vlan=123, vlan_group="tenants"), port(site, "leaf-r1a", "up1", vlans=[123], vlan_group="tenants"),
    ]
    changes = published(site, *segment)
    assert [name for name, _before, _after in changes] == [
        "vlan blue", "prefix 10.64.5.0/24", "interface s01 of leaf-r1a: vlan", "interface s01 of leaf-r1a: mode", "interface up1 of leaf-r1a: vlans",
        "interface up1 of leaf-r1a: mode"]
    access, trunk = (site.fake.store.rows["dcim.interface"][site.number("dcim/interfaces", ("leaf-r1a", name))] for name in ("s01", "up1"))
    vlan, prefix = site.fake.find("ipam.vlan", vid=123), site.fake.find("ipam.prefix", prefix="10.64.5.0/24")
    assert (access.untagged_vlan, access.mode, trunk.tagged_vlans, trunk.mode) == (vlan, "access", (vlan,), "tagged")
    assert (prefix.vlan, prefix.scope.slug, prefix.tenant.slug, [tag.slug for tag in vlan.tags]) == (vlan, "fra1", "blue-ocean", ["leasehold"])

    assert len(published(site, Publication("vlan", "blue", {"vid": 123, "group": "tenants", "status": None}),
                         Publication("prefix", "10.64.5.0/24", {"status": None}), port(site, "leaf-r1a", "s01", vlan=None))) == 4
    assert (access.untagged_vlan, access.mode, trunk.tagged_vlans) == (None, "", ())
    assert vlan not in site.fake.store.rows["ipam.vlan"].values()


def test_what_others_made_is_not_removed(site):
    number = site.number("ipam/vlans", 100)
    with pytest.raises(Refused, match="tag leasehold"):
        site.source().publish([Publication("vlan", "tenant-0", {"vid": 100, "group": "tenants", "status": None})], check_mode=False)
    assert number in site.fake.store.rows["ipam.vlan"]


def test_a_journal_entry_is_written_once(site):
    entry = Publication("journal", "order 7", {"comment": "Leased to **blue**."}, str(site.number("dcim/devices", "r1-s01")))
    assert published(site, entry) == [("journal entry order 7", None, "Leased to **blue**.")]
    assert len(site.fake.store.rows["extras.journalentry"]) == 1


def test_journal_entries_of_many_servers_are_one_request(site):
    entries = [Publication("journal", f"order {number}", {"comment": "Leased."}, str(site.number("dcim/devices", f"r1-s0{number}"))) for number in (1, 2, 3)]
    site.fake.asked.clear()
    assert len(site.source().publish(entries, check_mode=False)) == 3
    assert len(writes(site)) == 1 and len(site.fake.store.rows["extras.journalentry"]) == 3


def test_what_netbox_does_not_have_is_told_before_anything_is_written(site):
    for wanted, said in (
        (device(site, "r1-s01", tenant="nobody"), "no tenant nobody"), (port(site, "leaf-r1a", "s01", vlan=777), "no VLAN 777"),
        (port(site, "leaf-r1a", "s01", vlan=100, vlan_group="nowhere"), "no VLAN group nowhere"),
    ):
        with pytest.raises(InvalidSource, match=said):
            site.source().publish([device(site, "r1-s02", status="offline"), wanted], check_mode=False)
    assert row(site, "r1-s02").status == "active"
    site.source().setup("absent", check_mode=False)
    with pytest.raises(InvalidSource, match="source_setup"):
        site.source().publish([device(site, "r1-s01", cluster="blue")], check_mode=False)


def test_what_is_gone_has_nothing_to_be_told(site, version):
    site.call("DELETE", f"dcim/devices/{row(site, 'r1-s01').id}")
    assert published(site, device(site, "r1-s01", cluster=None), port(site, "r1-s01", "eth0", vlan=None)) == []


def meanwhile(site, monkeypatch, *changes: dict) -> None:
    """Somebody changes device r1-s01 each time right after it was read, before it is written."""
    left, number = list(changes), row(site, "r1-s01").id
    original = site.fake.answer

    def answer(asked, authorization):
        result = original(asked, authorization)
        read = asked.path.startswith("/api/dcim/devices/") and asked.method == "GET"
        if read and left:
            site.fake.writer.update(row(site, "r1-s01"), left.pop(0))
        return result

    assert number
    monkeypatch.setattr(site.fake, "answer", answer)


def test_an_edit_of_the_same_field_in_between_is_a_conflict_and_stays(site, version, monkeypatch):
    meanwhile(site, monkeypatch, {"status": "failed"})
    with pytest.raises(SourceConflict) as caught:
        site.source().publish([device(site, "r1-s01", status="offline", cluster="blue")], check_mode=False)
    assert caught.value.details == {"object": "device r1-s01", "field": "status", "wanted": "offline", "found": "failed"}
    assert (row(site, "r1-s01").status, row(site, "r1-s01").custom_field_data) == ("failed", {})


def test_an_edit_of_another_field_in_between_is_none(site, version, monkeypatch):
    meanwhile(site, monkeypatch, {"serial": "NEW"})
    site.source().publish([device(site, "r1-s01", status="offline")], check_mode=False)
    assert (row(site, "r1-s01").status, row(site, "r1-s01").serial) == ("offline", "NEW")


def test_the_same_edit_in_between_is_what_was_wanted(site, version, monkeypatch):
    meanwhile(site, monkeypatch, {"status": "offline"})
    site.source().publish([device(site, "r1-s01", status="offline")], check_mode=False)
    assert row(site, "r1-s01").status == "offline"


def test_an_object_that_never_rests_is_given_up(site, monkeypatch):
    meanwhile(site, monkeypatch, *({"serial": f"S{number}"} for number in range(9)))
    with pytest.raises(SourceConflict, match="again and again"):
        site.source().publish([device(site, "r1-s01", status="offline")], check_mode=False)


def test_a_token_that_may_only_read_is_told_what_it_needs(site):
    token = site.fake.permit("view dcim.site", "view dcim.device", "view tenancy.tenant")
    with pytest.raises(InvalidInput, match="change on dcim.device"):
        site.source(token).publish([device(site, "r1-s01", status="offline")], check_mode=False)


def test_a_vlan_group_is_the_sites_own_where_another_site_has_one_of_the_same_name(site):
    other = site.call("POST", "dcim/sites", {"name": "ams1", "slug": "ams1"})["id"]
    theirs = site.call("POST", "ipam/vlan-groups", {"name": "tenants", "slug": "tenants", "scope_type": "dcim.site", "scope_id": other})["id"]
    published(site, Publication("vlan", "blue", {"vid": 123, "group": "tenants", "status": "active"}))
    assert site.fake.find("ipam.vlan", vid=123).group.id == site.number("ipam/vlan-groups", "tenants")
    site.call("POST", "ipam/vlan-groups", {"name": "theirs", "slug": "theirs", "scope_type": "dcim.site", "scope_id": other})
    with pytest.raises(InvalidSource, match="no VLAN group theirs"):
        site.source().publish([Publication("vlan", "blue", {"vid": 124, "group": "theirs", "status": "active"})], check_mode=False)
    assert not [vlan for vlan in site.fake.store.rows["ipam.vlan"].values() if vlan.group and vlan.group.id == theirs]


def test_a_vlan_group_of_all_sites_can_be_used_too(site):
    number = site.call("POST", "ipam/vlan-groups", {"name": "anywhere", "slug": "anywhere"})["id"]
    published(site, Publication("vlan", "blue", {"vid": 123, "group": "anywhere", "status": "active"}))
    assert site.fake.find("ipam.vlan", vid=123).group.id == number


def test_a_prefix_is_made_in_the_vrf_of_the_pool_that_it_is_cut_out_of(site):
    vrf = site.call("POST", "ipam/vrfs", {"name": "tenants"})["id"]
    site.call("PATCH", f"ipam/prefixes/{site.number('ipam/prefixes', '10.64.0.0/16')}", {"vrf": vrf})
    published(site, Publication("prefix", "10.64.5.0/24", {"status": "active"}))
    assert site.fake.find("ipam.prefix", prefix="10.64.5.0/24").vrf.id == vrf
