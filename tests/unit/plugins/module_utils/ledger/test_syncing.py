# SPDX-License-Identifier: GPL-3.0-or-later
"""Syncs of a source with records: a warm one gives what a cold one gives, and looks only at what changed."""

from __future__ import annotations

import dataclasses
import json

import pytest
import sqlalchemy

from ansible_collections.leasehold.cloud.plugins.module_utils import syncing
from ansible_collections.leasehold.cloud.plugins.module_utils.core.errors import InvalidSource, Unreachable
from ansible_collections.leasehold.cloud.plugins.module_utils.core.mapping_file import Mapping
from ansible_collections.leasehold.cloud.plugins.module_utils.core.records import Device, Interface
from ansible_collections.leasehold.cloud.plugins.module_utils.ledger import audit, mirror
from ansible_collections.leasehold.cloud.plugins.module_utils.ledger.database import Ledger
from ansible_collections.leasehold.cloud.plugins.module_utils.ledger.schema import tables
from tests.unit.plugins.module_utils.core import sites
from tests.unit.plugins.module_utils.fake_source import FakeSource, World
from tests.unit.plugins.module_utils.ledger import books

MAPPING = Mapping()
MIRROR = ("sites", "servers", "switches", "links", "pools", "canaries", "cells", "server_states", "free_servers", "source_devices", "source_keys")
OF_THE_MOMENT = {"source_mark", "synced_at", "checked_at", "cursor", "since"}


def sync(ledger, world: World, **options) -> syncing.Outcome:
    return syncing.sync(ledger, FakeSource(world), options.pop("mapping", MAPPING), **options)


def content(ledger) -> dict[str, list[str]]:
    """All of the mirror, but for times."""
    def plain(row: dict) -> str:
        kept = {key: value for key, value in row.items() if key not in OF_THE_MOMENT}
        return json.dumps(kept | ({"missing_since": bool(row["missing_since"])} if "missing_since" in row else {}), sort_keys=True)

    with ledger.reading() as tx:
        return {name: sorted(map(plain, tx.rows(sqlalchemy.select(tables().metadata.tables[name])))) for name in MIRROR}


@pytest.fixture
def mirrored(url):
    """A ledger that mirrors a world, and the world."""
    world = World()
    with Ledger.open(url, "tester") as ledger:
        sync(ledger, world)
        yield ledger, world


def test_what_did_not_change_is_not_read_nor_written(mirrored):
    ledger, world = mirrored
    before, source = content(ledger), FakeSource(world)
    outcome = syncing.sync(ledger, source, MAPPING)
    assert (outcome.kind, outcome.read, outcome.sync.changes, source.asked) == ("unchanged", 0, [], ["since"])
    assert outcome.sync.counts["servers"] == {"added": 0, "changed": 0, "removed": 0, "unchanged": 8, "missing": 0}
    assert content(ledger) == before


def test_a_change_costs_what_it_touches(mirrored):
    ledger, world = mirrored
    world.device("d-r1-s01", serial="S-new")
    source = FakeSource(world)
    outcome = syncing.sync(ledger, source, MAPPING)
    assert (outcome.kind, [(change.kind, change.name) for change in outcome.sync.changes]) == ("warm", [("server", "r1-s01")])
    assert source.read_ids == ["d-r1-s01"]
    assert outcome.sync.counts["servers"] == {"added": 0, "changed": 1, "removed": 0, "unchanged": 7, "missing": 0}
    assert sync(ledger, world).kind == "unchanged"


def test_a_server_that_moves_to_another_port_is_read_and_its_switches_are_not_lost(mirrored):
    ledger, world = mirrored
    world.add(dataclasses.replace(world.devices["d-leaf-r1a"], id="d-pdu", name="pdu", role="pdu"), Interface("pdu-1", "d-pdu", "eth1"))
    world.cable("i-r1-s01-eth0", "i-leaf-r2a-s02")
    outcome = sync(ledger, world)
    assert [(change.kind, change.name) for change in outcome.sync.changes] == [("server", "r1-s01"), ("server", "r2-s02")]
    assert next(nic for change in outcome.sync.changes if change.name == "r1-s01" for nic in change.after["nics"])["switch"] == "leaf-r2a"


def test_a_switch_that_is_renamed_takes_its_servers_along_and_only_those(mirrored):
    ledger, world = mirrored
    world.device("d-leaf-r1a", name="leaf-1")
    source = FakeSource(world)
    outcome = syncing.sync(ledger, source, MAPPING)
    assert set(source.read_ids) == {"d-leaf-r1a", "d-r1-s01", "d-r1-s02", "d-r1-s03", "d-r1-s04"}
    assert outcome.sync.counts["switches"] | outcome.sync.counts["links"] == {"added": 1, "changed": 0, "removed": 1, "unchanged": 4, "missing": 0}


def test_a_port_of_a_switch_that_is_renamed_takes_its_server_along(mirrored):
    ledger, world = mirrored
    world.interface("i-leaf-r1a-s02", name="Ethernet1/2")
    source = FakeSource(world)
    outcome = syncing.sync(ledger, source, MAPPING)
    assert set(source.read_ids) == {"d-leaf-r1a", "d-r1-s02"}
    assert [change.name for change in outcome.sync.changes] == ["r1-s02"]


def test_a_clash_is_found_with_a_server_that_was_not_changed_and_ends_when_it_ends(mirrored):
    ledger, world = mirrored
    world.device("d-r1-s01", serial="S2-1")
    outcome = sync(ledger, world)
    assert [(problem["code"], problem["object"]) for problem in outcome.problems] == [
        ("duplicate_serial", "device r1-s01"), ("duplicate_serial", "device r2-s01")]
    assert outcome.sync.counts["servers"] == {"added": 0, "changed": 0, "removed": 0, "unchanged": 6, "missing": 2}
    assert books.states(ledger).keys() >= {"r1-s01", "r2-s01"}, "the old rows stay"
    with ledger.reading() as tx:
        free = {row.server for row in tx.execute(sqlalchemy.select(tables().free_servers.c.server))}
    assert free.isdisjoint({"r1-s01", "r2-s01"}), "but are not leased"
    world.device("d-r1-s01", serial="S1-1")
    outcome = sync(ledger, world)
    assert (outcome.problems, outcome.sync.counts["servers"]["missing"]) == ([], 0)


def test_problems_are_told_again_while_nothing_changes(mirrored):
    ledger, world = mirrored
    world.device("d-r1-s01", oob_ip=None)
    told_first = sync(ledger, world).problems
    assert [problem["code"] for problem in told_first] == ["no_bmc_address"]
    assert sync(ledger, world).problems == told_first
    assert sync(ledger, world, full=True).problems == told_first


def test_a_held_server_that_its_source_loses_renames_or_breaks_is_an_alarm_each_time(mirrored):
    ledger, world = mirrored
    plan, _token = books.create(ledger, "blue", node_sets=[{"name": "workers", "class": "cpu", "count": 4}])
    gone, renamed, broken, moved = (f"d-{name}" for name in books.names_of(plan))
    world.delete(gone)
    world.device(renamed, name="another")
    world.device(broken, oob_ip=None)
    world.cable(f"i-{moved[2:]}-eth0", "i-leaf-r2a-s04")
    found = {alarm["server"]: alarm["problem"] for alarm in sync(ledger, world).sync.alarms}
    standing = {gone[2:]: "missing", renamed[2:]: "renamed", broken[2:]: "invalid"}
    assert found == standing | {moved[2:]: "changed"}
    for options in ({}, {"full": True}):
        assert {alarm["server"]: alarm["problem"] for alarm in sync(ledger, world, **options).sync.alarms} == standing
    assert "another" not in books.states(ledger), "its hardware is in use"
    books.free(ledger, "blue")
    outcome = sync(ledger, world)
    assert (outcome.kind, outcome.sync.alarms) == ("warm", [])
    assert {"another"} <= books.states(ledger).keys()
    assert not {gone[2:], renamed[2:]} & {row["name"] for row in mirror_servers(ledger)}


def mirror_servers(ledger) -> list[dict]:
    with ledger.reading() as tx:
        return tx.rows(sqlalchemy.select(tables().servers))


def test_quarantine_is_not_escaped_by_another_name(mirrored):
    ledger, world = mirrored
    books.move(ledger, ["r1-s02"], "quarantined", reason="smoke")
    world.device("d-r1-s02", name="r1-s99")
    sync(ledger, world)
    assert books.states(ledger)["r1-s99"] == "quarantined"
    with ledger.reading() as tx:
        assert audit.verify(tx)["findings"] == []
        assert tx.row(sqlalchemy.select(tables().server_states).where(tables().server_states.c.server == "r1-s99"))["reason"] == "smoke (as r1-s02)"


def test_a_gap_in_the_log_leads_to_a_cold_sync_that_says_so(mirrored):
    ledger, world = mirrored
    world.device("d-r1-s01", position=7)
    sync(ledger, world)
    world.log.clear()
    outcome = sync(ledger, world)
    assert (outcome.kind, outcome.reason, outcome.read) == ("cold", "its change log is younger than the last sync", 15)
    assert sync(ledger, world).kind == "unchanged"


def test_another_mapping_leads_to_a_cold_sync(mirrored):
    ledger, world = mirrored
    outcome = sync(ledger, world, mapping=Mapping.from_dict({"class": ["type"]}))
    assert (outcome.kind, outcome.reason, outcome.sync.counts["servers"]["changed"]) == ("cold", "the mapping is another", 8)


def test_a_change_of_most_devices_is_read_as_a_whole(mirrored, monkeypatch):
    ledger, world = mirrored
    monkeypatch.setattr(syncing, "SMALL", 3)
    for id in [id for id in world.devices if id.startswith("d-r1")]:
        world.device(id, type="other")
    assert sync(ledger, world).kind == "warm", "four in fifteen"
    for id in list(world.devices):
        world.device(id, type="another")
    assert (sync(ledger, world).kind, sync(ledger, world).kind) == ("cold", "unchanged")


@pytest.mark.parametrize("question", ["since", "devices", "read"])
def test_a_source_that_fails_in_the_middle_leaves_the_mirror_and_its_age_is_told(mirrored, question):
    ledger, world = mirrored
    world.device("d-leaf-r1a", name="leaf-1")
    before = content(ledger)

    def fail(asked: str) -> None:
        if asked == question:
            raise Unreachable("it did not answer", object="fake", attempted="reading", remedy="wait")

    with pytest.raises(Unreachable) as error:
        syncing.sync(ledger, FakeSource(world, fail), MAPPING, full=question == "read")
    told_of = error.value.details["mirror"]
    assert (told_of["site"], 0 <= told_of["age"] < 600) == ("lab", True)
    assert content(ledger) == before
    assert sync(ledger, world).kind == "warm", "and the next one makes up for it"


def test_a_site_that_no_longer_fits_together_leaves_the_mirror(mirrored):
    ledger, world = mirrored
    before = content(ledger)
    world.site(vlans=())
    with pytest.raises(InvalidSource, match="no VLAN is said to be it") as error:
        sync(ledger, world)
    assert error.value.details["problems"][0]["code"] == "no_quarantine"
    world.cut("i-spine-1-border")
    with pytest.raises(InvalidSource):
        sync(ledger, world)
    assert content(ledger) == before


def test_check_mode_writes_nothing_and_tells_what_would_be(mirrored):
    ledger, world = mirrored
    before = content(ledger)
    world.device("d-r1-s01", serial="S-new")
    for full in (False, True):
        outcome = sync(ledger, world, keep=False, full=full)
        assert [change.name for change in outcome.sync.changes] == ["r1-s01"]
        assert outcome.age >= 0
    assert content(ledger) == before
    assert [change.name for change in sync(ledger, world).sync.changes] == ["r1-s01"]


def test_what_changes_while_it_is_read_is_read_the_next_time(mirrored):
    ledger, world = mirrored

    def meanwhile(asked: str) -> None:
        if asked == "devices":
            world.device("d-r2-s01", serial="S-late")

    world.device("d-leaf-r1a", name="leaf-1")
    syncing.sync(ledger, FakeSource(world, meanwhile), MAPPING)
    assert [change.name for change in sync(ledger, world).sync.changes] == ["r2-s01"]


def test_two_at_once_do_not_undo_each_other(mirrored):
    ledger, world = mirrored
    others = []

    def meanwhile(asked: str) -> None:
        if not others:
            others.append(asked)
            world.device("d-r2-s01", serial="S-late")
            sync(ledger, world)

    world.device("d-r1-s01", serial="S-new")
    outcome = syncing.sync(ledger, FakeSource(world, meanwhile), MAPPING)
    assert outcome.kind in ("warm", "unchanged")
    assert {row["name"]: row["serial"] for row in mirror_servers(ledger)} | {"r1-s01": "S-new", "r2-s01": "S-late"} == {
        row["name"]: row["serial"] for row in mirror_servers(ledger)}


def test_a_mirror_of_a_file_becomes_one_of_a_source_with_records(ledger):
    plan, _token = books.create(ledger, "blue")
    outcome = sync(ledger, World())
    assert (outcome.kind, outcome.sync.alarms) == ("cold", [])
    assert {row["source_id"] for row in mirror_servers(ledger)} == {f"d-{row['name']}" for row in mirror_servers(ledger)}
    assert {name for name, state in books.states(ledger).items() if state == "claimed"} == set(books.names_of(plan))


def test_the_mirror_says_when_it_was_last_certain(mirrored):
    ledger, world = mirrored
    assert syncing.is_fresh(ledger, FakeSource(world), 60)
    with ledger.transaction() as tx:
        tx.execute(tables().sites.update().values(checked_at="2026-01-01T00:00:00.000Z"))
        tx.keep()
    assert not syncing.is_fresh(ledger, FakeSource(world), 60)
    sync(ledger, world)
    assert syncing.is_fresh(ledger, FakeSource(world), 60)


def test_a_server_and_its_switch_come_and_go(mirrored):
    ledger, world = mirrored
    world.add(Device("d-new", "leaf-r1c", "leaf", None, "r1", None, "active", platform="openvswitch", primary_ip="192.0.2.99"),
              Interface("new-1", "d-new", "p1"), Interface("new-up", "d-new", "up"))
    world.add(Device("d-box", "r1-s05", "server", "r760", "r1", None, "active", "S1-5", oob_ip="bmc-1-5"), Interface(
        "box-0", "d-box", "eth0", mac="52:54:00:01:05:00"))
    world.cable("box-0", "new-1")
    outcome = sync(ledger, world)
    assert (outcome.sync.counts["servers"]["added"], outcome.sync.counts["switches"]["added"], outcome.problems) == (1, 1, [])
    world.delete("d-new")
    outcome = sync(ledger, world)
    assert ([problem["code"] for problem in outcome.problems], outcome.sync.counts["switches"]["removed"]) == (["no_nics"], 1)
    world.delete("d-box")
    outcome = sync(ledger, world)
    assert (outcome.problems, outcome.sync.counts["servers"]) == ([], {"added": 0, "changed": 0, "removed": 1, "unchanged": 8, "missing": 0})


def test_the_whole_of_a_site_is_sites_own(mirrored):
    ledger, _world = mirrored
    with ledger.reading() as tx:
        row = mirror.site_of(tx, "lab")
    assert (row["source"], row["way"], row["document"]["racks"]) == ("fake lab", "memory", ["r1", "r2"])
    assert row["document"] == {key: sites.site().as_dict()[key] for key in row["document"]} | {"envelope": {
        "vlans": ["100-103"], "prefixes": ["10.64.0.0/22"], "switches": ["*"]}}


def test_a_held_machine_that_was_made_anew_under_another_name_is_leased_when_it_is_let_go(mirrored):
    """Deleted, and added some syncs later: only the serial and the MAC addresses tell that it is the same."""
    ledger, world = mirrored
    books.create(ledger, "blue")
    before, interfaces = world.devices["d-r1-s01"], [each for each in world.interfaces.values() if each.device == "d-r1-s01"]
    far = {each.id: world.cables[each.id] for each in interfaces}
    world.delete("d-r1-s01")
    assert [alarm["problem"] for alarm in sync(ledger, world).sync.alarms] == ["missing"]
    world.add(dataclasses.replace(before, id="77", name="r1-new"), *(dataclasses.replace(each, id=f"77-{each.id}", device="77") for each in interfaces))
    for each in interfaces:
        world.cable(f"77-{each.id}", far[each.id])
    for kind in ("warm", "unchanged"):
        outcome = sync(ledger, world)
        assert (outcome.kind, [(alarm["server"], alarm["problem"]) for alarm in outcome.sync.alarms]) == (kind, [("r1-s01", "renamed")])
        assert "r1-new" not in books.states(ledger)
    books.free(ledger, "blue")
    assert sync(ledger, world).sync.alarms == []
    assert books.states(ledger)["r1-new"] == "available"


def test_what_waited_at_a_held_servers_ports_is_looked_at_when_something_changes(mirrored):
    ledger, world = mirrored
    books.create(ledger, "blue")
    before, interfaces = world.devices["d-r1-s01"], [each for each in world.interfaces.values() if each.device == "d-r1-s01"]
    far = [world.cables[each.id] for each in interfaces]
    world.delete("d-r1-s01")
    sync(ledger, world)
    world.add(dataclasses.replace(before, id="77", name="r1-new", serial="NEW", oob_ip="bmc-77"),
              dataclasses.replace(interfaces[0], id="77-eth0", device="77", mac="52:54:00:77:77:77"))
    world.cable("77-eth0", far[0])
    assert (sync(ledger, world).kind, "r1-new" in books.states(ledger)) == ("warm", False)
    assert sync(ledger, world).kind == "unchanged"
    world.add(before, *interfaces)
    world.cable(interfaces[1].id, far[1])
    assert [alarm["problem"] for alarm in sync(ledger, world).sync.alarms] == ["changed"]
    assert books.states(ledger)["r1-new"] == "available"
