# SPDX-License-Identifier: GPL-3.0-or-later
"""What every kind of source has to do, whatever it is: the same tests for a file, for NetBox and for Nautobot."""

from __future__ import annotations

import secrets
import time

import pytest

from ansible_collections.leasehold.cloud.plugins.module_utils import syncing
from ansible_collections.leasehold.cloud.plugins.module_utils.core.errors import InvalidInput, InvalidSource, LeaseholdError, Unreachable
from ansible_collections.leasehold.cloud.plugins.module_utils.ledger import syncs
from ansible_collections.leasehold.cloud.plugins.module_utils.ledger.database import Ledger
from ansible_collections.leasehold.cloud.plugins.module_utils.sources.protocol import Delta, Gap
from tests.sources.expected import as_file, comparable, records


def sync(ledger, world, **options) -> syncing.Outcome:
    return syncing.sync(ledger, world.source(**options), world.mapping)


def mirrored(ledger) -> dict:
    """What the ledger holds of a source: servers, switches and links, without what differs by system."""
    tables = syncs.tables()
    with ledger.reading() as tx:
        return {
            "servers": {row["name"]: row["document"] for row in tx.rows(tables.servers.select()) if row["missing_since"] is None},
            "switches": {row["name"]: row["document"] for row in tx.rows(tables.switches.select())},
            "links": sorted(str(row["document"]) for row in tx.rows(tables.links.select())),
        }


def anew(world, tmp_path) -> dict:
    """What a ledger holds that has read it all now."""
    with Ledger.open(f"sqlite:///{tmp_path}/anew-{time.monotonic_ns()}.db", "tester") as other:
        sync(other, world)
        return mirrored(other)


# -- cold

def test_all_that_there_is_is_read_as_it_is(served):
    reading = served.source().read()
    assert comparable(served.mine(reading.records)) == comparable(records(served.document))
    assert reading.way == "template" and reading.advice is None


def test_every_kind_yields_the_same_data_centre(world, ledger):
    outcome = sync(ledger, world)
    found, wanted = mirrored(ledger), as_file(world.document)
    assert (outcome.kind, outcome.problems) == ("cold", [])
    assert sorted(found["servers"]) == sorted(server["name"] for server in wanted["servers"])
    assert len(found["links"]) == len(wanted["links"])
    for server in wanted["servers"]:
        assert found["servers"][server["name"]]["serial"] == server["serial"]
        assert [(nic["mac"].lower(), nic["switch"], nic["port"]) for nic in found["servers"][server["name"]]["nics"]] == [
            (nic["mac"].lower(), nic["switch"], nic["port"]) for nic in server["nics"]]


def test_without_setup_it_is_read_another_way_and_that_is_told(served):
    served.source().setup("absent", False)
    try:
        reading = served.source().read()
        assert reading.way != "template" and "source_setup" in reading.advice
        assert comparable(served.mine(reading.records)) == comparable(records(served.document))
    finally:
        served.source().setup("present", False)


# -- warm

def test_nothing_new_costs_next_to_nothing(world, ledger):
    sync(ledger, world)
    before = mirrored(ledger)
    source = world.source()
    outcome = syncing.sync(ledger, source, world.mapping)
    assert outcome.kind == "unchanged" and outcome.sync.changes == []
    assert mirrored(ledger) == before
    assert source.cost["requests"] <= 2


@pytest.mark.parametrize("field, value", [("serial", "CHANGED-1"), ("status", "offline")])
def test_a_change_arrives(world, ledger, tmp_path, field, value):
    server = world.server()
    sync(ledger, world)
    world.set(server, field, value)
    outcome = sync(ledger, world)
    assert outcome.kind == ("warm" if world.has_log else "cold")
    assert mirrored(ledger) == anew(world, tmp_path)
    if world.has_log:
        assert comparable(world.source().read().records)["devices"] == comparable(records(world.document))["devices"]


def test_a_nic_that_is_replaced_arrives(world, ledger, tmp_path):
    server, mac = world.server(), f"52:54:99:{time.time_ns() % 90 + 10}:00:01"
    sync(ledger, world)
    world.set_mac(server, "eth1", mac)
    sync(ledger, world)
    found = mirrored(ledger)
    assert mac in [nic["mac"].lower() for nic in found["servers"][server]["nics"]]
    assert found == anew(world, tmp_path)


def test_a_server_that_is_renamed_keeps_its_place(world, ledger, tmp_path):
    server = world.server()
    sync(ledger, world)
    world.set(server, "name", f"{server}-new")
    outcome = sync(ledger, world)
    found = mirrored(ledger)
    assert server not in found["servers"] and f"{server}-new" in found["servers"]
    assert found == anew(world, tmp_path)
    assert outcome.kind == ("warm" if world.has_log else "cold")


def test_a_switch_that_is_renamed_is_renamed_in_every_servers_cabling(world, ledger, tmp_path):
    server = world.server()
    switch = world.cable(server, "eth0")["b"][0]
    sync(ledger, world)
    world.set(switch, "name", f"{switch}-new")
    sync(ledger, world)
    found = mirrored(ledger)
    assert f"{switch}-new" in found["switches"]
    assert found["servers"][server]["nics"][0]["switch"] == f"{switch}-new"
    assert found == anew(world, tmp_path)


@pytest.mark.parametrize("through_a_panel", [False, True])
def test_a_cable_that_is_moved_arrives(world, ledger, tmp_path, through_a_panel):
    server = world.paneled() if through_a_panel else world.server()
    port = "eth0" if through_a_panel else "eth1"
    target = world.free_port(server, port)
    sync(ledger, world)
    world.move(server, port, target)
    outcome = sync(ledger, world)
    nic = next(nic for nic in mirrored(ledger)["servers"][server]["nics"] if nic["name"] == port)
    assert (nic["switch"], nic["port"]) == target
    assert mirrored(ledger) == anew(world, tmp_path)
    assert outcome.kind == ("warm" if world.has_log else "cold")


def test_what_is_read_warm_is_what_is_read_cold(served):
    """The records themselves, and not only what becomes of them."""
    cold = served.source().read()
    server, moved = served.server(), served.paneled()
    target = served.free_port(moved, "eth0")
    served.set(server, "serial", "WARM-1")
    served.set(served.server(), "tenant", "Blue Ocean")
    served.set(served.cable(server, "eth1")["b"][0], "serial", "WARM-2")
    served.move(moved, "eth0", target)
    delta = served.source().since(cold.cursor)
    assert isinstance(delta, Delta) and not delta.empty
    warm = cold.records.without(delta.gone).merged(delta.records)
    now = served.source().read().records
    assert comparable(served.mine(warm)) == comparable(served.mine(now)) == comparable(records(served.document))


def test_a_server_that_is_deleted_is_gone(world, ledger, tmp_path):
    server = world.server()
    sync(ledger, world)
    world.delete(server)
    outcome = sync(ledger, world)
    found = mirrored(ledger)
    assert server not in found["servers"] and found == anew(world, tmp_path)
    assert outcome.kind == ("warm" if world.has_log else "cold")


def test_a_log_that_was_pruned_is_noticed(served, ledger):
    server = served.server()
    served.set(server, "serial", "BEFORE-1")
    sync(ledger, served)
    served.set(server, "serial", "PRUNED-1")
    served.forget_log()
    outcome = sync(ledger, served)
    assert outcome.kind == "cold" and "change log" in outcome.reason
    assert mirrored(ledger)["servers"][server]["serial"] == "PRUNED-1"
    served.set(server, "serial", "AFTER-1")
    sync(ledger, served)  # a log that was empty can be followed, or not
    assert mirrored(ledger)["servers"][server]["serial"] == "AFTER-1"
    served.set(server, "serial", "AFTER-2")
    assert sync(ledger, served).kind == "warm"


def test_a_cursor_of_another_server_is_a_gap(served):
    cursor = served.source().read().cursor
    strange = {**cursor, "log": {**cursor["log"], "last": "00000000-0000-4000-8000-000000000000" if served.kind == "nautobot" else 10 ** 9}}
    assert isinstance(served.source().since(strange), Gap)


# -- what goes wrong

@pytest.mark.parametrize("part", [0, 0.3, 0.9])
def test_an_outage_in_the_middle_leaves_the_mirror_as_it_was(served, ledger, part):
    served.proxy.answered = 0
    sync(ledger, served)
    before = mirrored(ledger)
    served.proxy.cut(int(served.proxy.answered * part))
    with pytest.raises(Unreachable) as raised:
        syncing.sync(ledger, served.source(timeout=20), served.mapping, full=True)
    assert mirrored(ledger) == before
    assert raised.value.details["mirror"]["age"] >= 0 and raised.value.remedy
    served.proxy.heal()
    assert sync(ledger, served).kind == "unchanged"


def test_a_slow_server_is_given_up_in_time(served, ledger):
    sync(ledger, served)
    before = mirrored(ledger)
    served.proxy.delay = 3.0
    started = time.monotonic()
    with pytest.raises(Unreachable, match="within"):
        syncing.sync(ledger, served.source(timeout=1), served.mapping, full=True)
    assert time.monotonic() - started < 30
    assert mirrored(ledger) == before


def test_a_wrong_token_is_named_and_not_shown(served):
    token = secrets.token_hex(20)
    with pytest.raises(InvalidInput) as raised:
        served.source(token=token).read()
    assert "token" in str(raised.value) and token not in repr(raised.value.as_result())


def test_a_missing_permission_is_named_instead_of_reading_a_hole(served):
    served.source().setup("absent", False)
    try:
        for model in ("dcim.device", "dcim.interface", "dcim.rack", "ipam.prefix"):
            with pytest.raises(InvalidInput) as raised:
                served.source(token=served.weak_token("weak", model)).read()
            assert f"view on {model}" in raised.value.remedy
    finally:
        served.source().setup("present", False)


def test_a_token_that_may_not_see_the_log_is_told_what_would_be_faster(served):
    token = served.weak_token("blind", "extras.objectchange")
    reading = served.source(token=token).read()
    assert "objectchange" in reading.advice
    assert isinstance(served.source(token=token).since(reading.cursor), Gap)


def test_a_site_that_is_not_there_is_named(served):
    with pytest.raises(InvalidInput) as raised:
        served.source(site="nowhere").read()
    assert "nowhere" in str(raised.value)


def test_a_file_that_cannot_be_used_is_named(tmp_path, ledger):
    from tests.sources.center import center
    from tests.sources.worlds import FileWorld
    world = FileWorld(center(), tmp_path / "datacenter.json")
    sync(ledger, world)
    before = mirrored(ledger)
    world.path.write_text('{"version": 1')
    with pytest.raises(InvalidSource):
        sync(ledger, world)
    assert mirrored(ledger) == before


# -- setup

def test_setup_is_idempotent_and_undone(served):
    source = served.source()
    assert source.setup("present", False) == []
    assert source.setup("absent", True) != []
    assert source.setup("present", False) == []  # nothing was undone in check mode
    assert source.setup("absent", False) != []
    assert source.setup("absent", False) == []
    made = source.setup("present", True)
    assert source.setup("present", False) == made != []
    assert source.read().way == "template"


def test_errors_are_all_of_our_tree(served):
    served.proxy.down = True
    with pytest.raises(LeaseholdError):
        served.source(timeout=5).read()
