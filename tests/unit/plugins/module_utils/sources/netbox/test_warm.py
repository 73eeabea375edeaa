# SPDX-License-Identifier: GPL-3.0-or-later
"""NetBox, by its change log: after each change, what is read again together with what was there is what a cold read says."""

from __future__ import annotations

import pytest

from ansible_collections.leasehold.cloud.plugins.module_utils.core.records import Records
from ansible_collections.leasehold.cloud.plugins.module_utils.sources.protocol import Delta, Gap
from tests.netbox.models import MODELS
from tests.unit.plugins.module_utils.sources.netbox.conftest import by_name, ends, same


class Mirror:
    """What was read of the site, kept up to date by deltas alone."""

    def __init__(self, site):
        self.site = site
        reading = site.source().read()
        self.records, self.cursor = reading.records, reading.cursor

    def follow(self) -> Delta:
        """Take the delta in, and see that the result is what a cold read says."""
        delta = self.site.source().since(self.cursor)
        assert isinstance(delta, Delta), delta
        self.cursor = delta.cursor
        self.records = self.records.without(delta.gone).merged(delta.records)
        same(self.records, self.site.source().read().records)
        return delta


@pytest.fixture
def mirror(site):
    return Mirror(site)


def names(records: Records) -> set[str]:
    return set(by_name(records))


def find_cable(site, device: str, interface: str):
    """The cable in an interface."""
    row = site.fake.find("dcim.interface", name=interface, device=site.fake.find("dcim.device", name=device))
    return row.cable


def end(site, device: str, interface: str) -> dict:
    return {"object_type": "dcim.interface", "object_id": site.number("dcim/interfaces", (device, interface))}


def test_nothing_changed_costs_one_small_request(site, mirror):
    source = site.source()
    delta = source.since(mirror.cursor)
    assert delta.empty and delta.cursor == mirror.cursor
    assert source.cost["requests"] == 1
    assert source.cost["bytes"] < 6000  # one entry of the log, whatever it is


def test_what_others_do_elsewhere_is_of_no_concern(site, mirror):
    site.call("POST", "dcim/sites", {"name": "lon1", "slug": "lon1"})
    site.call("POST", "extras/tags", {"name": "new", "slug": "new"})
    assert mirror.follow().empty


def test_devices_of_other_sites_are_neither_read_nor_gone(site, mirror):
    other = site.call("POST", "dcim/sites", {"name": "lon1", "slug": "lon1"})["id"]
    common = {key: site.number(path, name) for key, path, name in (
        ("role", "dcim/device-roles", "server"), ("device_type", "dcim/device-types", "CPU-2S"))}
    device = site.call("POST", "dcim/devices", {"name": "far", "site": other, **common})["id"]
    mirror.cursor = site.source().read().cursor
    site.call("PATCH", f"dcim/devices/{device}", {"serial": "X"})
    assert mirror.follow().empty
    site.call("POST", "dcim/interfaces", {"device": device, "name": "eth0", "type": "25gbase-x-sfp28"})
    site.call("DELETE", f"dcim/devices/{device}")
    assert mirror.follow().empty


def test_a_changed_device_and_no_other(site, mirror):
    site.call("PATCH", f"dcim/devices/{site.number('dcim/devices', 'r1-s02')}", {"serial": "NEW", "status": "failed"})
    delta = mirror.follow()
    assert names(delta.records) == {"r1-s02"} and delta.records.wide is None and not delta.gone
    assert by_name(delta.records)["r1-s02"].serial == "NEW"
    cursor = mirror.cursor
    touch(site)
    source = site.source()
    assert names(source.since(cursor).records) == {"r1-s02"} and source.cost["requests"] == 2
    assert (delta.way, delta.advice) == ("template", None)


def test_a_renamed_server_changes_what_its_switches_lead_to(site, mirror):
    site.call("PATCH", f"dcim/devices/{site.number('dcim/devices', 'r1-s02')}", {"name": "r1-x02"})
    delta = mirror.follow()
    assert names(delta.records) == {"r1-x02", "leaf-r1a", "leaf-r1b"}


def test_a_renamed_switch_changes_its_servers(site, mirror):
    site.call("PATCH", f"dcim/devices/{site.number('dcim/devices', 'leaf-r1a')}", {"name": "leaf-x"})
    mirror.follow()
    assert ends(mirror.records, "r1-s02")["eth0"] == ("leaf-x", "s02")


def test_a_renamed_port_and_a_new_mac(site, mirror):
    site.call("PATCH", f"dcim/interfaces/{site.number('dcim/interfaces', ('leaf-r1a', 's03'))}", {"name": "Ethernet3"})
    mac = site.number("dcim/mac-addresses", ("r1-s04", "eth0"))
    site.call("PATCH", f"dcim/mac-addresses/{mac}", {"mac_address": "02:00:00:00:00:99"})
    delta = mirror.follow()
    assert ends(mirror.records, "r1-s03")["eth0"] == ("leaf-r1a", "Ethernet3")
    assert {"leaf-r1a", "r1-s03", "r1-s04"} <= names(delta.records)


def test_a_moved_cable_concerns_both_ends_before_and_after(site, mirror):
    cable = find_cable(site, "r1-s02", "eth1")
    site.call("DELETE", f"dcim/cables/{find_cable(site, 'r1-s03', 'eth1').id}")
    site.call("PATCH", f"dcim/cables/{cable.id}", {"b_terminations": [end(site, "leaf-r1b", "s03")]})
    delta = mirror.follow()
    assert ends(mirror.records, "r1-s02")["eth1"] == ("leaf-r1b", "s03")
    assert "eth1" not in ends(mirror.records, "r1-s03")
    assert names(delta.records) == {"r1-s02", "r1-s03", "leaf-r1b"}


def test_a_cable_that_is_moved_to_another_rack(site, mirror):
    site.call("DELETE", f"dcim/cables/{find_cable(site, 'r2-s02', 'eth0').id}")
    site.call("PATCH", f"dcim/cables/{find_cable(site, 'r1-s02', 'eth0').id}", {"b_terminations": [end(site, "leaf-r2a", "s02")]})
    delta = mirror.follow()
    assert names(delta.records) == {"r1-s02", "leaf-r1a", "leaf-r2a", "r2-s02"}


@pytest.mark.parametrize("status", ["planned", "decommissioning"])
def test_a_cable_that_is_no_longer_there(site, mirror, status):
    site.call("PATCH", f"dcim/cables/{find_cable(site, 'r1-s02', 'eth0').id}", {"status": status})
    mirror.follow()
    assert "eth0" not in ends(mirror.records, "r1-s02")


def test_behind_a_panel_both_far_ends_are_told(site, mirror):
    rear = site.fake.find("dcim.rearport", device=site.fake.find("dcim.device", name="panel-r1"))
    site.call("DELETE", f"dcim/cables/{rear.cable.id}")
    delta = mirror.follow()
    assert {"r1-s01", "leaf-r1a"} <= names(delta.records)
    assert "eth0" not in ends(mirror.records, "r1-s01")
    site.call(
        "POST", "dcim/cables", {"a_terminations": [{"object_type": "dcim.rearport", "object_id": rear.id}], "b_terminations": [end(site, "leaf-r1a", "s01")]})
    delta = mirror.follow()
    assert {"r1-s01", "leaf-r1a"} <= names(delta.records)
    assert ends(mirror.records, "r1-s01")["eth0"] == ("leaf-r1a", "s01")


def test_a_panel_that_is_taken_out(site, mirror):
    site.call("DELETE", f"dcim/devices/{site.number('dcim/devices', 'panel-r1')}")
    delta = mirror.follow()
    assert delta.gone == {str(site.number("dcim/devices", "panel-r1"))}
    assert "eth0" not in ends(mirror.records, "r1-s01")


def test_a_deleted_server_is_gone_and_its_ports_free(site, mirror):
    number = site.number("dcim/devices", "r1-s02")
    site.call("DELETE", f"dcim/devices/{number}")
    delta = mirror.follow()
    assert delta.gone == {str(number)}
    assert "s02" not in ends(mirror.records, "leaf-r1a")


def test_a_server_that_moves_to_another_site_is_gone_and_one_that_comes_is_there(site, mirror):
    other = site.call("POST", "dcim/sites", {"name": "lon1", "slug": "lon1"})["id"]
    number = site.number("dcim/devices", "r1-s02")
    site.call("PATCH", f"dcim/devices/{number}", {"site": other, "rack": None, "position": None})
    assert mirror.follow().gone == {str(number)}
    site.call("PATCH", f"dcim/devices/{number}", {"site": site.number("dcim/sites", "fra1")})
    assert names(mirror.follow().records) == {"r1-s02"}


def test_a_new_server_with_all_that_is_its(site, mirror):
    common = {key: site.number(path, name) for key, path, name in (
        ("role", "dcim/device-roles", "server"), ("device_type", "dcim/device-types", "CPU-2S"), ("site", "dcim/sites", "fra1"))}
    device = site.call("POST", "dcim/devices", {"name": "new", **common})["id"]
    nic = site.call("POST", "dcim/interfaces", {"device": device, "name": "eth0", "type": "25gbase-x-sfp28"})["id"]
    site.call("POST", "ipam/ip-addresses", {"address": "10.2.9.9/16", "assigned_object_type": "dcim.interface", "assigned_object_id": nic})
    free = site.call("POST", "dcim/interfaces", {"device": site.number("dcim/devices", "leaf-r2a"), "name": "s99", "type": "25gbase-x-sfp28"})["id"]
    site.call("POST", "dcim/cables", {"a_terminations": [{"object_type": "dcim.interface", "object_id": nic}],
                                      "b_terminations": [{"object_type": "dcim.interface", "object_id": free}]})
    assert names(mirror.follow().records) == {"new", "leaf-r2a"}


def test_addresses_that_come_move_and_go(site, mirror):
    old, new = (site.number("dcim/interfaces", (name, "eth0")) for name in ("r1-s02", "r1-s03"))
    address = site.call("POST", "ipam/ip-addresses", {"address": "10.9.0.1/24", "assigned_object_type": "dcim.interface", "assigned_object_id": old})["id"]
    assert names(mirror.follow().records) == {"r1-s02"}
    site.call("PATCH", f"ipam/ip-addresses/{address}", {"assigned_object_type": "dcim.interface", "assigned_object_id": new})
    assert names(mirror.follow().records) == {"r1-s02", "r1-s03"}
    site.call("PATCH", f"ipam/ip-addresses/{address}", {"dns_name": "x.example.com"})
    assert names(mirror.follow().records) == {"r1-s03"}
    site.call("DELETE", f"ipam/ip-addresses/{address}")
    assert names(mirror.follow().records) == {"r1-s03"}


def test_site_wide_things_and_the_devices_that_repeat_them(site, mirror):
    site.call("PATCH", f"dcim/racks/{site.number('dcim/racks', 'r1')}", {"name": "row1-r1"})
    delta = mirror.follow()
    assert {rack.name for rack in delta.records.wide.racks} == {"row1-r1", "r2"}
    assert {device.rack for device in delta.records.devices} == {"row1-r1"}

    vlan = site.number("ipam/vlans", 100)
    site.call("PATCH", f"dcim/interfaces/{site.number('dcim/interfaces', ('r1-s02', 'eth1'))}", {"untagged_vlan": vlan, "mode": "access"})
    mirror.follow()
    site.call("PATCH", f"ipam/vlans/{vlan}", {"vid": 150})
    delta = mirror.follow()
    assert names(delta.records) == {"r1-s02"} and delta.records.wide
    site.call("DELETE", f"ipam/vlans/{vlan}")
    delta = mirror.follow()
    assert names(delta.records) == {"r1-s02"} and delta.records.wide

    site.call("POST", "ipam/prefixes", {"prefix": "10.90.0.0/16", "scope_type": "dcim.site", "scope_id": site.number("dcim/sites", "fra1")})
    delta = mirror.follow()
    assert delta.records.wide and not delta.records.devices


def test_a_rack_of_the_same_name_changes_what_the_other_is_called(site, mirror):
    room = site.call("POST", "dcim/locations", {"name": "room 2", "slug": "room-2", "site": site.number("dcim/sites", "fra1")})["id"]
    site.call("PATCH", f"dcim/racks/{site.number('dcim/racks', 'r1')}", {"location": room})
    site.call("POST", "dcim/racks", {"name": "r1", "site": site.number("dcim/sites", "fra1")})
    mirror.follow()
    assert by_name(mirror.records)["r1-s01"].rack == "room 2/r1"


@pytest.mark.parametrize(("path", "name"), [("dcim/device-types", "CPU-2S"), ("dcim/platforms", "openvswitch"), ("tenancy/tenants", "Green Power")])
def test_a_kind_of_device_that_is_called_otherwise(site, mirror, path, name):
    site.call("PATCH", f"{path}/{site.number(path, name)}", {"slug": "other"})
    assert mirror.follow().records.devices
    site.call("PATCH", f"{path}/{site.number(path, name)}", {"description": "of no concern"})
    assert not mirror.follow().records.devices


@pytest.mark.parametrize("change", [
    lambda site: site.call("PATCH", f"dcim/device-roles/{site.number('dcim/device-roles', 'leaf')}", {"slug": "tor"}),
    lambda site: site.call("DELETE", f"extras/tags/{site.number('extras/tags', 'canary')}"),
    lambda site: site.call("POST", "extras/custom-fields", {"name": "x", "type": "text", "object_types": ["dcim.device"], "default": "y"}),
])
def test_what_the_log_does_not_tell_of_each_device_is_a_gap(site, mirror, change):
    change(site)
    gap = site.source().since(mirror.cursor)
    assert isinstance(gap, Gap) and gap.reason


def touch(site, times: int = 1) -> None:
    for _time in range(times):
        site.call("PATCH", f"dcim/devices/{site.number('dcim/devices', 'r1-s02')}", {"comments": "x"})


def test_a_pruned_log_is_a_gap(site, mirror):
    touch(site, 3)
    site.fake.prune(2)
    assert "does not reach back" in site.source().since(mirror.cursor).reason
    site.fake.prune(0)
    assert "does not reach back" in site.source().since(mirror.cursor).reason


def test_a_restored_backup_is_a_gap(site):
    backup = site.fake.backup()
    touch(site)
    mirror = Mirror(site)
    site.fake.restore(backup)
    assert isinstance(site.source().since(mirror.cursor), Gap)  # its last entry is not there
    touch(site, 5)
    assert isinstance(site.source().since(mirror.cursor), Gap)  # an entry of that number is, and another one


def test_a_log_that_was_empty_goes_on_for_a_day(site):
    site.fake.prune(0)
    mirror = Mirror(site)
    assert mirror.follow().empty
    touch(site)
    assert names(mirror.follow().records) == {"r1-s02"}
    assert mirror.follow().empty
    old = {"last": 0, "mark": "", "holes": [], "at": 1.0}
    assert isinstance(site.source().since({**mirror.cursor, "log": old}), Gap)


def test_a_log_that_is_hidden_is_a_gap(site, mirror):
    token = site.fake.permit(*{f"view {type_}" for type_ in MODELS})
    assert "core.objectchange" in site.source(token).since(mirror.cursor).reason
    assert "core.objectchange" in site.source(token).since(site.source(token).read().cursor).reason


def test_a_site_that_was_made_anew_is_read_anew(site):
    number = site.call("POST", "dcim/sites", {"name": "lon1", "slug": "lon1"})["id"]
    cursor = site.source(site="lon1").read().cursor
    site.call("DELETE", f"dcim/sites/{number}")
    again = site.call("POST", "dcim/sites", {"name": "lon1", "slug": "lon1"})["id"]
    source = site.source(site="lon1")
    assert "deleted" in source.since(cursor).reason
    assert source.read().records.wide.site.id == str(again)


def test_too_many_changes_are_a_gap(site, mirror, monkeypatch):
    monkeypatch.setattr("ansible_collections.leasehold.cloud.plugins.module_utils.sources.netbox.FEW", 3)
    site.loader.change("dcim/devices", [{"id": site.number("dcim/devices", f"r{rack}-s0{slot}"), "serial": f"N{rack}{slot}"}
                                        for rack in (1, 2) for slot in (1, 2, 3, 4)])
    gap = site.source().since(mirror.cursor)
    assert isinstance(gap, Gap) and "8" in gap.reason


def test_a_transaction_that_ends_late_is_not_missed(site, mirror):
    touch(site)
    site.call("PATCH", f"dcim/devices/{site.number('dcim/devices', 'r2-s02')}", {"serial": "LATE"})
    site.call("PATCH", f"dcim/devices/{site.number('dcim/devices', 'r2-s03')}", {"serial": "EARLY"})
    late = site.fake.writer.log.pop(-2)  # its number is taken, its transaction not over
    first = site.source().since(mirror.cursor)
    assert names(first.records) == {"r1-s02", "r2-s03"}
    site.fake.writer.log.insert(-1, late)
    second = site.source().since(first.cursor)
    assert names(second.records) == {"r2-s02"}
    assert site.source().since(second.cursor).empty


def test_a_log_of_many_pages(site, mirror):
    site.fake.most = 5
    touch(site, 12)
    site.call("PATCH", f"dcim/devices/{site.number('dcim/devices', 'r2-s03')}", {"serial": "X"})
    assert names(mirror.follow().records) == {"r1-s02", "r2-s03"}


def test_slower_ways_can_be_warm_too(site, mirror):
    site.without_templates()
    site.call("DELETE", f"dcim/cables/{find_cable(site, 'r1-s01', 'eth0').id}")
    site.call("PATCH", f"dcim/devices/{site.number('dcim/devices', 'r1-s02')}", {"name": "r1-x02"})
    assert mirror.follow().way == "graphql"
    site.fake.graphql_enabled = False
    site.call("PATCH", f"dcim/devices/{site.number('dcim/devices', 'r1-s02')}", {"name": "r1-y02"})
    delta = mirror.follow()
    assert delta.way == "rest"
    assert names(delta.records) == {"r1-y02", "leaf-r1a", "leaf-r1b"}


def test_single_devices(site, mirror):
    number, other = (str(site.number("dcim/devices", name)) for name in ("r1-s02", "leaf-r1a"))
    records = site.source().devices([number, other, "99999"])
    assert names(records) == {"r1-s02", "leaf-r1a"}
    assert site.source().devices([]) == Records()


def test_what_is_gone_when_it_is_asked_for_is_left_out(site, mirror):
    rack = site.call("POST", "dcim/racks", {"name": "r9", "site": site.number("dcim/sites", "fra1")})["id"]
    site.call("PATCH", f"dcim/racks/{site.number('dcim/racks', 'r1')}", {"name": "row1-r1"})
    site.call("DELETE", f"dcim/racks/{rack}")  # NetBox refuses to list the devices of a rack that is not there
    assert len(mirror.follow().records.devices) == 7
    site.call("DELETE", f"dcim/racks/{site.call('POST', 'dcim/racks', {'name': 'r8', 'site': site.number('dcim/sites', 'fra1')})['id']}")
    delta = mirror.follow()
    assert not delta.records.devices and delta.records.wide
