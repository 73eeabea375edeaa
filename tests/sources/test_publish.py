# SPDX-License-Identifier: GPL-3.0-or-later
"""What the ledger says, published: the same for every kind of source that can be written to."""

from __future__ import annotations

import importlib

import pytest

from ansible_collections.leasehold.cloud.plugins.module_utils.core.errors import InvalidInput, InvalidSource, Refused, SourceConflict
from ansible_collections.leasehold.cloud.plugins.module_utils.sources.protocol import Publication


def device(world, name: str, **fields) -> Publication:
    found = {one.name: one.id for one in world.source().read().records.devices}
    return Publication("device", name, fields, found[name])


def published(world, name: str) -> tuple:
    """Tenant, status and cluster of a device, as they are read."""
    found = next(one for one in world.source().read().records.devices if one.name == name)
    return found.tenant, found.status, found.custom_fields.get("leasehold_cluster")


def meanwhile(monkeypatch, world, happen) -> None:
    """Something happens between what a source's writer has compared and what it writes."""
    writer = importlib.import_module(f"{type(world.source()).__module__}.edits").Writer
    write = writer.write

    def late(self, edits):
        happen()
        return write(self, edits)

    monkeypatch.setattr(writer, "write", late)


def test_only_what_differs_is_published_and_once(served):
    server = served.server()
    wanted = [device(served, server, tenant="green-power", status="offline", cluster="blue")]
    served.devices[server].update(tenant="Green Power", status="offline")
    source = served.source()
    told = source.publish(wanted, True)
    assert len(told) == 3 and published(served, server) != ("green-power", "offline", "blue")  # check mode
    assert source.publish(wanted, False) == told
    assert published(served, server) == ("green-power", "offline", "blue")
    assert served.source().publish(wanted, False) == []
    freed = [device(served, server, tenant=None, status="active", cluster=None)]
    served.devices[server].update(tenant=None, status="active")
    assert {(change.before, change.after) for change in served.source().publish(freed, False)} == {
        ("green-power", None), ("offline", "active"), ("blue", None)}
    assert published(served, server) == (None, "active", None)


def test_somebody_elses_edit_at_the_same_time_is_not_overwritten(served, monkeypatch):
    server = served.server()
    wanted = [device(served, server, tenant="green-power")]
    meanwhile(monkeypatch, served, lambda: served.set(server, "tenant", "Blue Ocean"))
    with pytest.raises(SourceConflict) as raised:
        served.source().publish(wanted, False)
    said = str(raised.value)
    assert server in said and "green-power" in said and "blue-ocean" in said
    assert published(served, server)[0] == "blue-ocean"


def test_an_edit_of_another_field_is_no_conflict(served, monkeypatch):
    server = served.server()
    wanted = [device(served, server, tenant="green-power")]
    meanwhile(monkeypatch, served, lambda: served.set(server, "serial", "MEANWHILE"))
    served.source().publish(wanted, False)
    served.devices[server]["tenant"] = "Green Power"
    found = next(one for one in served.source().read().records.devices if one.name == server)
    assert (found.tenant, found.serial) == ("green-power", "MEANWHILE")


def test_a_segment_is_made_carried_and_taken_back(served):
    server = served.server()
    switch, port = served.cable(server, "eth0")["b"]
    vlan = Publication("vlan", "cluster-blue", {"vid": 611, "group": "tenants", "tenant": "green-power", "status": "active"})
    prefix = Publication("prefix", "10.64.7.0/24", {"tenant": "green-power", "vlan": 611, "status": "active"})
    member = Publication("interface", port, {"vlan": 611, "vlan_group": "tenants"}, device(served, switch).id)
    source = served.source()
    assert len(source.publish([vlan, prefix, member], True)) >= 3
    assert source.publish([vlan, prefix, member], False)
    records = served.mine(served.source().read().records)
    made = next(one for one in records.wide.vlans if one.vid == 611)
    assert (made.name, made.tenant, made.tags) == ("cluster-blue", "green-power", ("leasehold",))
    assert next(one for one in records.wide.prefixes if one.prefix == "10.64.7.0/24").vlan == 611
    ports = {(one.device, one.name): one for one in records.interfaces}
    assert ports[member.id, port].vlan == 611
    assert served.source().publish([vlan, prefix, member], False) == []
    gone = [Publication("interface", port, {"vlan": None}, member.id), Publication("vlan", vlan.name, {**vlan.fields, "status": None}),
            Publication("prefix", prefix.name, {**prefix.fields, "status": None})]
    assert served.source().publish(gone, False)
    records = served.mine(served.source().read().records)
    assert 611 not in {one.vid for one in records.wide.vlans} and "10.64.7.0/24" not in {one.prefix for one in records.wide.prefixes}
    assert served.source().publish(gone, False) == []


def test_a_vlan_of_somebody_else_is_not_removed(served):
    with pytest.raises(Refused, match="somebody else"):
        served.source().publish([Publication("vlan", "tenant-1", {"vid": 101, "group": "tenants", "status": None})], False)
    assert 101 in {one.vid for one in served.source().read().records.wide.vlans}


def test_a_journal_entry_is_written_once(served):
    server = served.server()
    entry = [Publication("journal", "order-7", {"comment": "Handed over to **green-power**."}, device(served, server).id)]
    assert len(served.source().publish(entry, False)) == 1
    assert served.source().publish(entry, False) == []


def test_a_tenant_that_is_not_there_is_named(served):
    server = served.server()
    with pytest.raises(InvalidSource, match="no-such-tenant"):
        served.source().publish([device(served, server, tenant="no-such-tenant")], False)


def test_a_token_that_may_only_read_is_told_what_it_lacks(served):
    server = served.server()
    wanted = [device(served, server, tenant="green-power")]
    token = served.weak_token("reader", "nothing")
    with pytest.raises(InvalidInput) as raised:
        served.source(token=token).publish(wanted, False)
    assert "change on dcim.device" in raised.value.remedy
    assert published(served, server)[0] is None
