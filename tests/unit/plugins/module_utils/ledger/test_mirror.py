# SPDX-License-Identifier: GPL-3.0-or-later
"""The mirror: what a sync writes, counts, and warns of."""

from __future__ import annotations

import pytest

from ansible_collections.leasehold.cloud.plugins.module_utils.core.errors import InvalidSource, NotFound
from ansible_collections.leasehold.cloud.plugins.module_utils.core.models import Datacenter
from ansible_collections.leasehold.cloud.plugins.module_utils.ledger import events, mirror, servers, syncs
from tests.unit.plugins.module_utils.core import sites
from tests.unit.plugins.module_utils.ledger import books


def changed(change, **options) -> Datacenter:
    """The site after ``change`` was made to its document."""
    document = sites.document(**options)
    change(document)
    return Datacenter.from_dict(document)


def without(name: str) -> Datacenter:
    return changed(lambda document: document.update(servers=[server for server in document["servers"] if server["name"] != name]))


def recabled(name: str) -> Datacenter:
    return changed(lambda document: next(server for server in document["servers"] if server["name"] == name)["nics"][0].update(port="other"))


def mirrored(ledger) -> Datacenter:
    with ledger.reading() as tx:
        site = mirror.site_of(tx, None)
        return mirror.datacenter_of(tx, site, [servers.as_server(row) for row in tx.rows(servers.select_rows())])


def test_the_mirror_says_what_the_source_said(ledger):
    expected, found = sites.site().as_dict(), mirrored(ledger).as_dict()
    for kind in ("servers", "switches", "canaries"):
        expected[kind].sort(key=lambda item: item["name"])
    for said in (expected, found):
        said["links"].sort(key=str)
    assert found == expected


def test_the_same_again_changes_nothing(ledger):
    outcome = books.sync(ledger, sites.site(), "2")
    assert outcome.changes == []
    assert outcome.counts["servers"] == {"added": 0, "changed": 0, "removed": 0, "unchanged": 8, "missing": 0}


def test_a_source_that_says_nothing_new_leaves_all_as_it_was(ledger):
    with ledger.reading() as tx:
        outcome = mirror.unchanged(tx, "lab")
    assert (outcome.changes, outcome.alarms) == ([], [])
    assert outcome.counts["servers"] == {"added": 0, "changed": 0, "removed": 0, "unchanged": 8, "missing": 0}
    assert outcome.counts["links"]["unchanged"] == 5


def test_a_sync_writes_what_differs_and_tells_it(ledger):
    outcome = books.sync(ledger, changed(lambda document: document["switches"][0].update(address="203.0.113.9")), "2")
    assert [(change.kind, change.name, change.after["address"]) for change in outcome.changes] == [("switch", "spine-1", "203.0.113.9")]
    assert outcome.counts["switches"]["changed"] == 1
    with ledger.reading() as tx:
        assert events.history(tx, "switch spine-1")[-1]["action"] == "synced"
    assert mirrored(ledger).switches != sites.site().switches


@pytest.mark.parametrize(("kind", "change"), [
    ("pools", lambda document: document["pools"]["vlans"].append({"name": "more", "range": "200"})),
    ("links", lambda document: document["links"].append({"a": {"switch": "spine-1", "port": "b2"}, "b": {"device": "border-2"}})),
    ("canaries", lambda document: document["canaries"].append({**document["canaries"][0], "name": "canary-2", "port": "can1"})),
])
def test_every_kind_is_added_and_removed(ledger, kind, change):
    assert books.sync(ledger, changed(change), "2").counts[kind]["added"] == 1
    assert books.sync(ledger, sites.site(), "3").counts[kind]["removed"] == 1


def test_the_order_of_pools_is_kept(ledger):
    books.sync(ledger, changed(lambda document: document["pools"]["vlans"].insert(0, {"name": "zulu", "range": "200"})), "2")
    assert [pool.name for pool in mirrored(ledger).vlan_pools] == ["zulu", "tenants"]


def test_a_free_server_that_is_gone_is_removed(ledger):
    outcome = books.sync(ledger, without("r1-s02"), "2")
    assert (outcome.counts["servers"]["removed"], outcome.alarms) == (1, [])
    assert "r1-s02" not in books.states(ledger)


def test_a_held_server_that_is_gone_is_an_alarm_until_it_is_back(ledger):
    plan, _token = books.create(ledger, "blue")
    gone = books.names_of(plan)[0]
    outcome = books.sync(ledger, without(gone), "2")
    assert outcome.alarms == [{"server": gone, "cluster": "blue", "problem": "missing",
                               "message": f"server {gone} is held by cluster blue and is no longer in its source"}]
    assert outcome.counts["servers"]["missing"] == 1
    assert gone in books.states(ledger)
    with ledger.reading() as tx:
        assert mirror.unchanged(tx, "lab").alarms == outcome.alarms, "also when nothing new is read"
    assert books.sync(ledger, without(gone), "3").changes == []
    returned = books.sync(ledger, sites.site(), "4")
    assert (returned.alarms, returned.counts["servers"]["changed"]) == ([], 1)


def test_a_missing_server_goes_when_it_is_freed(ledger):
    plan, _token = books.create(ledger, "blue")
    gone = books.names_of(plan)[0]
    books.sync(ledger, without(gone), "2")
    books.free(ledger, "blue", [gone])
    with ledger.reading() as tx:
        assert syncs.loose(tx, "lab") == {None}, "the same source has work again"
    assert books.sync(ledger, without(gone), "2").counts["servers"]["removed"] == 1


def test_a_held_server_with_other_cabling_is_an_alarm(ledger):
    plan, _token = books.create(ledger, "blue")
    outcome = books.sync(ledger, recabled(books.names_of(plan)[0]), "2")
    assert [alarm["problem"] for alarm in outcome.alarms] == ["changed"]
    assert books.sync(ledger, recabled("r1-s02"), "3").counts["servers"]["changed"] == 2, "nobody holds that one: no alarm"


def test_a_quarantined_server_that_returns_is_quarantined_still(ledger):
    books.move(ledger, ["r1-s02"], "quarantined", reason="smoke")
    books.sync(ledger, without("r1-s02"), "2")
    books.sync(ledger, sites.site(), "3")
    assert books.states(ledger)["r1-s02"] == "quarantined"


def test_a_name_of_another_site_is_refused(ledger):
    other = changed(lambda document: document.update(site="elsewhere"))
    with pytest.raises(InvalidSource, match="the site lab has one of this name"):
        books.sync(ledger, other, "2")
    assert mirrored(ledger).site == "lab"


def test_which_site_is_meant_must_be_clear(ledger, url):
    with ledger.reading() as tx:
        assert mirror.site_of(tx, None)["name"] == "lab"
        with pytest.raises(NotFound, match="no such site: lab"):
            mirror.site_of(tx, "elsewhere")
    empty = sites.site(site="empty", servers=(), switches=(), links=(), canaries=())
    books.sync(ledger, empty, "2")
    with ledger.reading() as tx, pytest.raises(NotFound, match="several sites"):
        mirror.site_of(tx, None)


def test_only_the_network_that_is_asked_for_is_read(ledger):
    with ledger.reading() as tx:
        part = mirror.datacenter_of(tx, mirror.site_of(tx, None), (), ["leaf-r1a", "spine-1"])
    assert [switch.name for switch in part.switches] == ["leaf-r1a", "spine-1"]
    assert sorted(str(link.a.switch) for link in part.links) == ["leaf-r1a", "spine-1"], "no link to a switch that was not asked for"
