# SPDX-License-Identifier: GPL-3.0-or-later
"""What admins look at: servers and segments by filters, and the report of it all."""

from __future__ import annotations

import datetime

import pytest
import sqlalchemy

from ansible_collections.leasehold.cloud.plugins.module_utils.core import report as core
from ansible_collections.leasehold.cloud.plugins.module_utils.core.models import Datacenter
from ansible_collections.leasehold.cloud.plugins.module_utils.core.quotas import Limit
from ansible_collections.leasehold.cloud.plugins.module_utils.core.times import iso
from ansible_collections.leasehold.cloud.plugins.module_utils.ledger import clusters, gang, quotas, report, views
from ansible_collections.leasehold.cloud.plugins.module_utils.ledger.schema import tables
from tests.unit.plugins.module_utils.core import sites
from tests.unit.plugins.module_utils.ledger import books

DAY = 86400
LATER = iso(datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(days=5))


@pytest.fixture
def site(ledger):
    """Cluster blue of acme has r1-s01 and r2-s01 in service; green of other reserves two later; r2-s04 is quarantined, r1-s04 offline."""
    books.serve(ledger, "blue")
    token = books.begin(ledger, "green", "reserve", tenant="other")
    books.take(ledger, books.planned(ledger, "green", tenant="other", lease_start=LATER, lease_duration="10d"), token)
    books.move(ledger, ["r2-s04"], "quarantined", reason="smoke")
    document = sites.document()
    document["servers"][3]["status"] = "offline"
    books.sync(ledger, Datacenter.from_dict(document), "2")
    return ledger


def names(ledger, **filters) -> list[str]:
    with ledger.reading() as tx:
        return [row["name"] for row in views.servers(tx, filters)]


@pytest.mark.parametrize(("filters", "found"), [
    ({"names": ["r2-s03", "r1-s02", "nobody"]}, ["r1-s02", "r2-s03"]),
    ({"rack": ["r2"], "class": ["gpu"]}, ["r2-s02", "r2-s04"]),
    ({"state": ["quarantined", "in_service"]}, ["r1-s01", "r2-s01", "r2-s04"]),
    ({"status": ["offline"]}, ["r1-s04"]),
    ({"cluster": ["blue"]}, ["r1-s01", "r2-s01"]),
    ({"tenant": ["acme"], "rack": ["r1"], "node_set": ["workers"]}, ["r1-s01"]),
    ({"free": True}, ["r1-s02", "r1-s03", "r2-s02", "r2-s03"]),
    ({"free": False, "class": ["cpu"]}, ["r1-s01", "r2-s01"]),
    ({"missing": True}, []),
    ({"site": ["elsewhere"]}, []),
    ({"names": [], "state": None}, [f"r{rack}-s0{slot}" for rack in (1, 2) for slot in (1, 2, 3, 4)]),
])
def test_servers_by_filter(site, filters, found):
    assert names(site, **filters) == found


def test_a_server_is_told_with_why_and_who_and_what_is_promised(site):
    with site.reading() as tx:
        server = views.servers(tx, {"names": ["r2-s04"]})[0]
        assert (server["state"], server["reason"], server["cluster"], server["free"]) == ("quarantined", "smoke", None, False)
        assert server["nics"][0]["switch"] == "leaf-r2a" and server["bmc"] and server["attributes"] == {}
        held = views.servers(tx, {"names": ["r1-s01"]}, details=False)[0]
        assert (held["cluster"], held["tenant"], held["phase"], held["address"]) == ("blue", "acme", "ready", "10.64.0.10")
        assert held["lease_end"] and "nics" not in held
        promised = [row for row in views.servers(tx, {"class": ["cpu"]}) if row["reservations"]]
        assert len(promised) == 2
        assert promised[0]["reservations"][0]["cluster"] == "green" and promised[0]["reservations"][0]["starts_at"] == LATER


def test_a_held_server_that_vanished_is_found(site):
    document = sites.document()
    document["servers"] = [server for server in document["servers"] if server["name"] != "r1-s01"]
    books.sync(site, Datacenter.from_dict(document), "3")
    assert names(site, missing=True) == ["r1-s01"]
    with site.reading() as tx:
        assert {row["name"] for row in report.read(tx, DAY)["out_of_use"]} == {"r1-s01", "r2-s04"}


def segments(ledger, **filters) -> dict[str, dict]:
    with ledger.reading() as tx:
        return {segment["cluster"]: segment for segment in views.segments(tx, filters)}


def test_segments_held_and_reserved(site):
    found = segments(site)
    blue, green = found["blue"], found["green"]
    assert (blue["vlan"], blue["prefix"], blue["gateway"], blue["reserved"]) == (100, "10.64.0.0/24", "10.64.0.1", None)
    assert blue["addresses"] == {"total": 245, "used": 2, "free": 243}
    assert blue["servers"][0] == {
        "name": "r1-s01", "rack": "r1", "node_set": "workers", "state": "in_service", "address": "10.64.0.10",
        "ports": [{"nic": "eth0", "switch": "leaf-r1a", "port": "s01"}, {"nic": "eth1", "switch": "leaf-r1b", "port": "s01"}]}
    assert green["reserved"]["starts_at"] == LATER and len(green["servers"]) == 2
    assert (green["tenant"], green["phase"]) == ("other", "requested")


@pytest.mark.parametrize(("filters", "found"), [
    ({"cluster": "blue"}, {"blue"}), ({"tenant": "other"}, {"green"}), ({"vlan": 100}, {"blue"}), ({"vlan": 10}, set()),
    ({"site": "lab"}, {"blue", "green"}), ({"site": "la"}, set()),
])
def test_segments_by_filter(site, filters, found):
    assert set(segments(site, **filters)) == found


def test_claims_and_clusters_by_what_they_hold(site):
    books.create(site, "red", node_sets=[{"name": "workers", "class": "gpu", "count": 1}])
    with site.reading() as tx:
        def holding(**wanted):
            return [cluster["name"] for cluster in clusters.describe(tx, where=views.conditions(**wanted))]

        assert holding(kinds=["vlan"]) == ["blue", "red"]
        assert holding(resources=["lab/100"]) == ["blue"]
        assert holding(phases=["provisioning"]) == ["red"]
        assert holding(site="elsewhere") == []
        found = views.claims(tx, ["blue"], ["server", "vlan"])
        assert [(row["kind"], row["resource"]) for row in found] == [("server", "r1-s01"), ("server", "r2-s01"), ("vlan", "lab/100")]
        assert {row["tenant"] for row in found} == {"acme"}


def test_every_server_is_counted_once(site):
    with site.reading() as tx:
        found = report.read(tx, DAY)
    by_class = {row["class"]: {key: row[key] for key in (*core.CAPACITY, "spare") if row[key]} for row in found["capacity"]}
    assert by_class == {"cpu": {"total": 4, "reserved": 2, "held": 2}, "gpu": {"total": 4, "free": 2, "quarantined": 1, "other": 1}}
    assert sum(row["total"] for row in found["racks"]) == 8
    assert {(row["rack"], row["class"]): row["other"] for row in found["racks"]}["r1", "gpu"] == 1


def test_spares_are_kept_back(site):
    with site.transaction() as tx:
        table = tables().sites
        document = tx.row(sqlalchemy.select(table))["document"] | {"spares": {"gpu": 1}}
        tx.execute(table.update().values(document=document))
        gpu = report.read(tx, DAY)["capacity"][1]
        assert (gpu["free"], gpu["spare"]) == (1, 1)


def test_who_holds_and_who_reserved_what(site):
    with site.reading() as tx:
        found = report.read(tx, DAY)
    assert [(row["cluster"], row["tenant"], row["servers"], row["node_sets"], row["vlan"], row["prefix"]) for row in found["holders"]] == [
        ("blue", "acme", 2, {"workers (cpu)": 2}, 100, "10.64.0.0/24")]
    assert [(row["cluster"], row["servers"], row["starts_at"], row["vlan"]) for row in found["reservations"]] == [("green", 2, LATER, 101)]


@pytest.mark.parametrize(("days", "expiring"), [(29, []), (31, ["blue"])])
def test_leases_that_end_within_a_time(site, days, expiring):
    with site.reading() as tx:
        assert [row["cluster"] for row in report.read(tx, days * DAY)["expiring"]] == expiring


def test_quotas_that_are_set_or_used(site):
    with site.transaction() as tx:
        quotas.put(tx, "idle", [Limit("idle", "clusters", "", None, 1)])
        found = {(row["tenant"], row["resource"]): row for row in report.read(tx, DAY)["quotas"]}
    assert found["idle", "clusters"]["left"] == 1 and ("idle", "servers") not in found
    assert found["acme", "servers"]["by"] == {"blue": 2}
    assert found["other", "clusters"]["by"] == {"green": 1}


def test_a_hold_that_has_lapsed_holds_nothing(ledger):
    token = books.begin(ledger, "blue", "reserve")
    plan = books.planned(ledger, "blue")
    with ledger.transaction() as tx:
        gang.take(tx, plan, token, hold=3600)
        assert report.read(tx, DAY)["capacity"][0]["held"] == 2
        tx.now += datetime.timedelta(hours=2)
        cpu = report.read(tx, DAY)["capacity"][0]
        assert (cpu["held"], cpu["free"]) == (0, 4)


def test_the_report_is_the_same_while_the_ledger_is(site):
    with site.transaction() as tx:
        first = core.files(report.read(tx, DAY))
        tx.now += datetime.timedelta(minutes=10)
        assert core.files(report.read(tx, DAY)) == first
