# SPDX-License-Identifier: GPL-3.0-or-later
"""What a plan chooses among: over time, under constraints, and how little of a large site it reads."""

from __future__ import annotations

import contextlib
import dataclasses
import json
import re

import pytest
import sqlalchemy

from ansible_collections.leasehold.cloud.plugins.module_utils.core import plan as core_plan
from ansible_collections.leasehold.cloud.plugins.module_utils.core.claims import Claims
from ansible_collections.leasehold.cloud.plugins.module_utils.core.errors import InvalidOrder, LeaseholdError, NoCapacity, StalePlan
from ansible_collections.leasehold.cloud.plugins.module_utils.core.wire import STRANGERS
from ansible_collections.leasehold.cloud.plugins.module_utils.ledger import clusters, ground, holds
from ansible_collections.leasehold.cloud.plugins.module_utils.ledger.schema import tables
from ansible_collections.leasehold.cloud.plugins.module_utils.ledger.stock import FEW
from tests.unit.plugins.module_utils.core import sites
from tests.unit.plugins.module_utils.ledger import books, clock
from tests.unit.plugins.module_utils.ledger.clock import DAY, HOUR

CPU = ["r1-s01", "r1-s03", "r2-s01", "r2-s03"]


def wanted(count: int, name: str = "workers", **constraints) -> dict:
    return {"name": name, "class": "cpu", "count": count} | constraints


def joins(ledger, name: str, *node_sets: dict, operation: str = "create", **changes) -> list[str]:
    """The servers that a plan adds."""
    plan = books.planned(ledger, name, operation, node_sets=list(node_sets), **changes)
    return [server["name"] for server in plan["add"]]


def short(ledger, name: str, *node_sets: dict, **changes) -> NoCapacity:
    with pytest.raises(NoCapacity) as error:
        joins(ledger, name, *node_sets, **changes)
    return error.value


def note(ledger, name: str, **values) -> None:
    with ledger.transaction() as tx:
        clusters.note_order(tx, name, values)
        tx.keep()


def spared(**spares: int):
    return sites.site(spares=spares)


@contextlib.contextmanager
def counted(ledger):
    """How many rows the database gives, in the list's one item."""
    total = [0]
    engine = ledger.engine

    def wrap(_connection, cursor, _statement, _parameters, context, _many):
        class Cursor:
            def __getattr__(self, name):
                return getattr(cursor, name)

            def fetchone(self):
                row = cursor.fetchone()
                total[0] += row is not None
                return row

            def fetchmany(self, *size):
                rows = cursor.fetchmany(*size)
                total[0] += len(rows)
                return rows

            def fetchall(self):
                rows = cursor.fetchall()
                total[0] += len(rows)
                return rows

        context.cursor = Cursor()

    sqlalchemy.event.listen(engine, "after_cursor_execute", wrap)
    try:
        yield total
    finally:
        sqlalchemy.event.remove(engine, "after_cursor_execute", wrap)


def test_what_others_have_reserved_for_a_part_of_the_lease_is_not_taken(ledger):
    promised = clock.keep(ledger, "green", lease_start=clock.moment(2 * DAY), lease_duration="1d", node_sets=[wanted(2)])
    assert books.names_of(promised) == ["r1-s01", "r2-s01"]
    assert joins(ledger, "blue", wanted(2)) == ["r1-s03", "r2-s03"]
    assert books.planned(ledger, "blue")["segment"]["vlan"] != promised["segment"]["vlan"]
    assert joins(ledger, "blue", wanted(4), lease_duration="1d") == CPU, "it is over before"
    assert short(ledger, "blue", wanted(3)).details["reasons"] == {"class gpu": 4, "reserved by another cluster": 2}
    assert joins(ledger, "blue", wanted(2), lease_start=clock.moment(4 * DAY), lease_duration="1d") == ["r1-s01", "r2-s01"], "it begins after"
    assert len(joins(ledger, "blue", wanted(2), lease_duration="1d", lease_grace="1d")) == 2
    assert short(ledger, "blue", wanted(4), lease_duration="1d", lease_grace="2d"), "the grace counts"


def test_a_later_lease_takes_last_what_others_hold_until_then(ledger):
    books.serve(ledger, "blue", lease_duration="1d", node_sets=[wanted(2)])
    later = {"lease_start": clock.moment(2 * DAY), "lease_duration": "1d"}
    assert joins(ledger, "green", wanted(2), **later) == ["r1-s03", "r2-s03"]
    plan = books.planned(ledger, "green", node_sets=[wanted(3)], **later)
    assert books.names_of(plan) == ["r1-s01", "r1-s03", "r2-s03"]
    assert {server["state"] for server in plan["add"]} == {"available"} and plan["segment"]["vlan"] == 101
    assert len(joins(ledger, "green", wanted(4), **later)) == 4
    clock.keep(ledger, "green", plan=plan)
    assert "server r1-s01" in clock.reserved(ledger, "green")


@pytest.mark.parametrize("values", [{"lease_grace": 2 * DAY}, {"lease_hold": "a dispute"}, {"lease_end": None}])
def test_what_may_not_be_given_back_until_then_is_not_promised(ledger, values):
    books.serve(ledger, "blue", lease_duration="1d", node_sets=[wanted(2)])
    note(ledger, "blue", **values)
    error = short(ledger, "green", wanted(3), lease_start=clock.moment(2 * DAY), lease_duration="1d")
    assert error.details["reasons"]["held by a cluster"] == 2


def test_a_sick_server_is_not_promised_though_its_lease_ends(ledger):
    books.serve(ledger, "blue", lease_duration="1d", node_sets=[wanted(2)])
    books.move(ledger, ["r1-s01"], "quarantined", reason="smoke")
    assert "r1-s01" not in joins(ledger, "green", wanted(3), lease_start=clock.moment(2 * DAY), lease_duration="1d")


def test_a_vlan_and_prefix_that_somebody_holds_until_then_do_where_no_others_are_left(ledger):
    for number in range(4):
        books.serve(ledger, f"blue{number}", lease_duration="1d", node_sets=[wanted(1)])
    later = {"lease_start": clock.moment(2 * DAY), "lease_duration": "1d"}
    assert books.planned(ledger, "green", node_sets=[wanted(1)], **later)["segment"]["vlan"] == 100
    assert short(ledger, "green", {"name": "w", "class": "gpu", "count": 1}).object.endswith(" pools"), "not now"


def test_what_a_cluster_has_reserved_it_gets_first(ledger):
    books.create(ledger, "red", node_sets=[wanted(1)])  # r1-s01, VLAN 100
    start = clock.moment(DAY)
    promised = clock.keep(ledger, "green", lease_start=start, lease_duration="1d", node_sets=[wanted(2)])
    assert (books.names_of(promised), promised["segment"]["vlan"]) == (["r1-s03", "r2-s01"], 101)
    books.free(ledger, "red")
    again = books.planned(ledger, "green", lease_start=start, lease_duration="1d", node_sets=[wanted(2)])
    assert (again["hash"], again["segment"]) == (promised["hash"], promised["segment"]), "though r1-s01 and VLAN 100 are free now"
    token = clock.begin(ledger, "green", "create", DAY + HOUR)
    with clock.at(ledger, DAY + HOUR) as tx:
        made = ground.plan(tx, books.order("green", node_sets=[wanted(3)], lease_start=start, lease_duration="1d"), "create", None, None)
        assert set(books.names_of(promised)) < set(books.names_of(made)) and made["segment"] == promised["segment"]
        books.gang.take(tx, made, token)


def test_what_a_lapsed_hold_holds_is_free_for_a_plan(ledger):
    clock.keep(ledger, "blue", hold=HOUR, node_sets=[wanted(4)])
    assert short(ledger, "green", wanted(1)).details["reasons"]["held by a cluster"] == 4
    with clock.at(ledger, 2 * HOUR) as tx:
        plan = ground.plan(tx, books.order("green", node_sets=[wanted(4)]), "create", None, None)
        assert (books.names_of(plan), plan["segment"]["vlan"]) == (CPU, 100)
        ground.verify(tx, plan)
        holds.lapse(tx)
        ground.verify(tx, plan)


def test_spares_are_left_by_plans_and_by_claims(ledger):
    books.sync(ledger, spared(cpu=2), "2")
    error = short(ledger, "blue", wanted(3))
    assert error.details["reasons"] == {"class gpu": 4, "kept as spares": 2} and "3" not in error.details["possible"]
    assert {"spares": {}} in [option["change"] for option in error.details["possible"]]
    plan = books.planned(ledger, "blue", node_sets=[wanted(2)])
    books.sync(ledger, spared(cpu=3), "3")
    with pytest.raises(StalePlan, match="taking 2 servers of class cpu would leave 2 free, and 3 are kept"):
        books.take(ledger, plan, books.begin(ledger, "blue"))
    books.sync(ledger, spared(cpu=2), "4")
    books.take(ledger, plan, token := books.begin(ledger, "blue"))
    assert books.take(ledger, plan, token) == [], "what it has already it does not take from the spares"


@pytest.mark.parametrize("more", [0, 1])
def test_what_was_promised_is_taken_though_it_leaves_no_spares(ledger, more):
    """Three servers of class cpu are reserved, one is to be left; it breaks. What was not promised is still not to be had."""
    books.sync(ledger, spared(cpu=1), "2")
    start = clock.moment(DAY)
    promised = clock.keep(ledger, "green", lease_start=start, lease_duration="1d", node_sets=[wanted(3)])
    rest = [name for name in CPU if name not in books.names_of(promised)]
    order = books.order("green", node_sets=[wanted(3 + more)], lease_start=start, lease_duration="1d")
    token = clock.begin(ledger, "green", "create", DAY + HOUR)
    if not more:
        books.move(ledger, rest, "quarantined", reason="smoke")
        with clock.at(ledger, DAY + HOUR) as tx:
            plan = ground.plan(tx, order, "create", None, None)
            assert books.names_of(plan) == books.names_of(promised)
            books.gang.take(tx, plan, token)
        return
    with clock.at(ledger, DAY + HOUR) as tx, pytest.raises(NoCapacity, match="4 servers .* 3 can be had; .*1 kept as spares"):
        ground.plan(tx, order, "create", None, None)
    books.sync(ledger, spared(cpu=0), "3")
    with clock.at(ledger, DAY + HOUR) as tx:
        plan = ground.plan(tx, order, "create", None, None)
    books.sync(ledger, spared(cpu=1), "4")
    with pytest.raises(StalePlan, match="1 are kept as spares"), clock.at(ledger, DAY + HOUR) as tx:
        books.gang.take(tx, plan, token)


def test_servers_by_name(ledger):
    books.create(ledger, "red", node_sets=[wanted(1)])  # r1-s01
    books.move(ledger, ["r2-s03"], "quarantined", reason="smoke")
    assert joins(ledger, "blue", wanted(1, include=["r2-s01"])) == ["r2-s01"]
    assert joins(ledger, "blue", wanted(1, exclude=["r1-s03"])) == ["r2-s01"]
    assert joins(ledger, "blue", wanted(1, "a", exclude=["r1-s03"]), wanted(1, "b", include=["r1-s03"])) == ["r1-s03", "r2-s01"]
    for name, why in (("r1-s01", "held by a cluster"), ("r2-s03", "state quarantined"), ("r1-s02", "class gpu"), ("r9-s01", "not a server of the site")):
        assert short(ledger, "blue", wanted(2, include=[name])).details["include"] == {name: why}
    assert short(ledger, "blue", wanted(2, exclude=["r1-s03"])).details["reasons"] == {
        "class gpu": 4, "held by a cluster": 1, "state quarantined": 1, "exclude": 1}


def test_constraints_on_attributes_and_places(ledger):
    document = sites.document()
    for server, feed in zip(document["servers"][::2], ["A", "B", "B", None]):  # those of class cpu
        server["attributes"] = {"feed": feed, "memory_gib": 512} if feed else {}
    books.sync(ledger, sites.Datacenter.from_dict(document), "2")
    assert joins(ledger, "blue", wanted(2, require={"feed": "B"})) == ["r1-s03", "r2-s01"]
    assert joins(ledger, "blue", wanted(2, within="feed")) == ["r1-s03", "r2-s01"]
    assert joins(ledger, "blue", wanted(2, max_per={"rack": 1}, require={"memory_gib": ">=512"}), placement="pack") == ["r1-s01", "r2-s01"]
    error = short(ledger, "blue", wanted(4, require={"memory_gib": ">=512"}, max_per={"rack": 1}))
    assert error.details["reasons"] == {"class gpu": 4, "require.memory_gib": 1, "max_per.rack": 1}
    assert [option["text"] for option in error.details["possible"]] == ["3 without max_per.rack", "count 2"]


def test_a_server_that_its_source_has_lost_is_told(ledger):
    books.create(ledger, "red", node_sets=[wanted(1)])
    document = sites.document()
    document["servers"] = document["servers"][1:]
    books.sync(ledger, sites.Datacenter.from_dict(document), "2")
    books.free(ledger, "red")
    assert short(ledger, "blue", wanted(4)).details["reasons"] == {"class gpu": 4, "missing from its source": 1}


def test_a_scale_keeps_the_constraints_of_node_sets_that_it_does_not_name(ledger):
    sets = [wanted(2, "a", max_per={"rack": 1}, include=["r1-s03"]), wanted(1, "b")]
    books.serve(ledger, "blue", node_sets=sets)
    plan = books.planned(ledger, "blue", "scale", node_sets=[wanted(2, "b")])
    assert plan["order"]["cluster_node_sets"] == [wanted(2, "b"), wanted(2, "a", max_per={"rack": 1})]
    books.move(ledger, ["r1-s03"], "quarantined", reason="smoke")
    again = books.planned(ledger, "blue", "scale", node_sets=[wanted(2, "b")])
    assert [server["node_set"] for server in again["add"]] == ["b"], "the server that was put aside is a scale of its own node set's to replace"
    with pytest.raises(InvalidOrder, match="only 0 are to be added"):
        books.planned(ledger, "blue", "scale", node_sets=[wanted(1, "b", include=["r2-s03"])])


def test_strangers_are_some_of_every_other_cluster(ledger):
    with ledger.transaction() as tx:
        for number in range(STRANGERS + 5):
            name = f"c{number:03}"
            tx.execute(sqlalchemy.insert(tables().clusters).values(name=name, tenant="t", phase="ready", created_at=tx.at, updated_at=tx.at))
            rows = [("prefix", f"10.{number}.0.0/24", {})] + [("server", f"{name}-{server}", {"address": f"10.{number}.0.{server}"}) for server in range(3)]
            tx.execute(tables().claims.insert(), [
                {"kind": kind, "resource": resource, "cluster": name, "detail": detail, "token": 1, "claimed_at": tx.at} for kind, resource, detail in rows])
        assert len({name.partition("-")[0] for name in ground._strangers(tx, "c000")}) == STRANGERS, "of as many clusters as may be, one server"
        tx.execute(sqlalchemy.delete(tables().claims).where(tables().claims.c.cluster > "c010"))
        asked = ground._strangers(tx, "c003")
        assert len(asked) == 30 and not [name for name in asked if name.startswith("c003")]
        assert asked["c010-2"] == "10.10.0.2"


def test_a_part_of_a_large_site_gives_the_same_plan_as_the_whole(ledger):
    site = sites.site(20, 4, 2)
    books.sync(ledger, dataclasses.replace(site, envelope=dataclasses.replace(site.envelope, switches=("leaf-*", "spine-*"))), "2")
    node_sets = [wanted(5, max_per={"rack": 1}), wanted(3, "more", within="rack") | {"class": "gpu", "count": 2}]
    for changes in ({}, {"placement": "pack"}, {"node_sets": node_sets}):
        order = books.order("blue", **changes)
        whole = core_plan.cluster_plan(order, site, Claims(), None, "create", None, {})
        part = books.planned(ledger, "blue", **changes)
        assert {key: part[key] for key in whole if key != "fabric"} == {key: whole[key] for key in whole if key != "fabric"}
        assert [entry for entry in part["fabric"] if entry["ports"]] == [entry for entry in whole["fabric"] if entry["ports"]]


@pytest.mark.parametrize("changes", [
    *({"node_sets": [wanted(count)]} for count in (1, 5, 20, 30)), {"node_sets": [wanted(8, max_per={"rack": 2}), wanted(7, "more", spread_by="rack")]},
    {"node_sets": [wanted(4, include=["r2-s13", "r3-s01"], exclude=["r1-s01", "r1-s03"])]}, {"node_sets": [wanted(9, exclude=["r4-s01"])]},
    {"node_sets": [wanted(6)], "lease_start": clock.moment(20 * DAY)}, {"node_sets": [wanted(2)], "operation": "scale", "name": "blue"},
    {"node_sets": [wanted(14)], "operation": "scale", "name": "blue"}, {"node_sets": [wanted(33)]}, {"node_sets": [wanted(5, max_per={"rack": 1})]},
])
def test_a_glance_chooses_what_a_look_at_everything_does(ledger, monkeypatch, changes):
    """A site of four racks, twelve servers of class cpu in each; r4 is outside the envelope, and others hold and have reserved some."""
    site = sites.site(4, 24, 1, spares={"cpu": 2})
    books.sync(ledger, dataclasses.replace(site, envelope=dataclasses.replace(site.envelope, switches=("leaf-r[123]*", "spine-*"))), "2")
    books.serve(ledger, "blue", node_sets=[wanted(3)], lease_duration="7d")
    clock.keep(ledger, "green", lease_start=clock.moment(2 * DAY), lease_duration="1d", node_sets=[wanted(2)])
    clock.keep(ledger, "red", hold=HOUR, seconds=-2 * HOUR, node_sets=[wanted(2)])  # lapsed an hour ago
    books.move(ledger, ["r1-s05"], "quarantined", reason="smoke")
    changes = {"name": "new", "operation": "create"} | changes
    outcomes = []
    for glance in (True, False):
        if not glance:
            monkeypatch.setattr(ground, "by_rack_alone", lambda *_node_set: False)
        try:
            outcomes.append(books.planned(ledger, **changes)["hash"])
        except LeaseholdError as error:
            outcomes.append(error.as_result())
    assert outcomes[0] == outcomes[1]


@pytest.mark.parametrize("number", [FEW - 1, FEW, FEW + 1])
def test_a_rack_with_many_servers_that_are_named_or_promised_is_not_passed_over(ledger, number):
    """Three racks with twelve servers of class cpu each: of r1, so many are out of the choice, or are chosen first."""
    books.sync(ledger, sites.site(3, 24), "2")
    some = [f"r1-s{2 * place + 1:02}" for place in range(number)]
    following = f"r1-s{2 * number + 1:02}"
    assert joins(ledger, "blue", wanted(3, exclude=some)) == [following, "r2-s01", "r3-s01"]
    start = clock.moment(DAY)
    clock.keep(ledger, "green", lease_start=start, lease_duration="1d", node_sets=[wanted(number, include=some)])
    sets = [wanted(number), wanted(3, "more")]
    with clock.at(ledger, DAY + HOUR) as tx:
        plan = ground.plan(tx, books.order("green", node_sets=sets, lease_start=start, lease_duration="1d"), "create", None, None)
    assert books.names_of(plan) == [*some, following, "r2-s01", "r3-s01"]


def test_what_a_plan_reads_does_not_grow_with_the_site(ledger):
    """Ten times the servers, in as many racks: exactly as many rows. Ten times the racks: one row a cell more, or two."""
    rows = {}
    for name, racks, per_rack in (("small", 25, 40), ("full", 25, 400), ("wide", 250, 40)):
        books.sync(ledger, called(name, sites.document(racks, per_rack, 2)), name)
    for name in ("small", "full", "wide"):
        with counted(ledger) as total, ledger.reading() as tx:
            plan = ground.plan(tx, books.order("blue", node_sets=[wanted(8)]), "create", name, None)
        assert len(plan["add"]) == 8
        rows[name] = total[0]
    assert rows["full"] == rows["small"] > 8
    assert rows["wide"] - rows["small"] <= 2 * (250 - 25)


def called(name: str, document: dict) -> sites.Datacenter:
    """The site under another name, as are its servers and switches."""
    text = json.dumps(document | {"site": name})
    return sites.Datacenter.from_dict(json.loads(re.sub(r'"(r\d+-s\d+|leaf-|spine-|canary-)', rf'"{name}-\1', text)))
