# SPDX-License-Identifier: GPL-3.0-or-later
"""Publishing: what the ledger says reaches the source once, is remembered, and is taken back."""

from __future__ import annotations

import pytest

from ansible_collections.leasehold.cloud.plugins.module_utils import publishing, syncing
from ansible_collections.leasehold.cloud.plugins.module_utils.core.changes import Change
from ansible_collections.leasehold.cloud.plugins.module_utils.core.errors import InvalidInput, NotFound, SourceConflict
from ansible_collections.leasehold.cloud.plugins.module_utils.core.mapping_file import Mapping
from ansible_collections.leasehold.cloud.plugins.module_utils.ledger import events, published, servers
from ansible_collections.leasehold.cloud.plugins.module_utils.ledger.database import Ledger
from tests.unit.plugins.module_utils.fake_source import FakeSource, World
from tests.unit.plugins.module_utils.ledger import books

MAPPING = Mapping.from_dict({"publish": ["tenant", "cluster", "interface_vlan", "vlan", "prefix"]})


class Shown(FakeSource):
    """A source that shows what is published to it; with a conflict, it takes what comes before it."""

    def __init__(self, world: World):
        super().__init__(world)
        self.shown: dict[tuple, dict] = {}
        self.conflict: str | None = None

    def publish(self, wanted, check_mode):
        changes = []
        for one in wanted:
            if one.name == self.conflict:
                raise SourceConflict("somebody changed it", object=one.name, attempted="publishing", remedy="look")
            key, before = (one.kind, one.id, one.name), self.shown.get((one.kind, one.id, one.name))
            if before != one.fields:
                changes.append(Change("source", f"{one.kind} {one.name}", before, dict(one.fields)))
                if not check_mode:
                    self.shown[key] = dict(one.fields)
        return changes


def release(ledger) -> None:
    """Cluster blue ends as it should: its servers wiped, then freed."""
    token, names = books.begin(ledger, "blue", "delete"), ["r1-s01", "r2-s01"]
    for state in ("releasing", "cleaning", "available"):
        books.move(ledger, names, state, by=servers.Mover("blue", token), evidence=dict.fromkeys(names, books.PROOF))
    books.free(ledger, "blue")
    books.finish(ledger, "blue", token, "delete")


@pytest.fixture
def shown(url):
    """A ledger with a cluster in service, and the source that it is the mirror of."""
    source = Shown(World())
    with Ledger.open(url, "tester") as ledger:
        syncing.sync(ledger, source, Mapping())
        books.serve(ledger, "blue")
        yield ledger, source


def test_what_is_held_is_shown_once(shown):
    ledger, source = shown
    first = publishing.publish(ledger, source, MAPPING)
    assert {change.name for change in first} >= {"device r1-s01", "device r2-s01", "vlan blue", "prefix 10.64.0.0/24", "interface s01"}
    assert source.shown["device", "d-r1-s01", "r1-s01"] == {"tenant": "acme", "cluster": "blue"}
    assert source.shown["interface", "d-leaf-r1a", "s01"] == {"vlan": 100, "vlan_group": "tenants"}
    assert publishing.publish(ledger, source, MAPPING) == []
    with ledger.reading() as tx:
        assert events.history(tx, "source device r1-s01")[-1]["after"] == {"tenant": "acme", "cluster": "blue"}


def test_what_is_freed_is_taken_back_once_and_forgotten(shown):
    ledger, source = shown
    publishing.publish(ledger, source, MAPPING)
    release(ledger)
    publishing.publish(ledger, source, MAPPING)
    assert source.shown["device", "d-r1-s01", "r1-s01"] == {"tenant": None, "cluster": None}
    assert source.shown["vlan", None, "blue"]["status"] is None
    with ledger.reading() as tx:
        assert {key.partition(":")[0] for key in published.read(tx, "lab")} <= {"interface"}


def test_check_mode_tells_and_shows_nothing(shown):
    ledger, source = shown
    assert publishing.publish(ledger, source, MAPPING, keep=False)
    assert source.shown == {}
    with ledger.reading() as tx:
        assert published.read(tx, "lab") == {}


def test_what_a_conflict_left_behind_is_taken_back_later(shown):
    ledger, source = shown
    source.conflict = "r2-s01"
    with pytest.raises(SourceConflict):
        publishing.publish(ledger, source, MAPPING)
    release(ledger)
    source.conflict = None
    publishing.publish(ledger, source, MAPPING)
    assert source.shown["device", "d-r1-s01", "r1-s01"] == {"tenant": None, "cluster": None}


def receipt(source: Shown, value: str) -> dict:
    serial = next(device.serial for device in source.world.devices.values() if device.name == "r1-s01")
    return {"kind": "handover", "order": {"cluster": "blue", "tenant": "acme"}, "servers": [{"name": "r1-s01", "serial": serial}], "wipes": [],
            "gates": [{"gate": "wire", "ok": True}], "times": {"issued": "2026-03-02T09:00:00Z"},
            "signature": {"algorithm": "ed25519", "key_id": "sha256:1", "value": value * 88}}


def test_each_receipt_is_told_once_where_the_journal_is_allowed(shown):
    ledger, source = shown
    assert not [change for change in publishing.publish(ledger, source, MAPPING, receipts=[receipt(source, "A")]) if "receipt" in change.name]
    journal = Mapping.from_dict({"publish": ["journal"]})
    publishing.publish(ledger, source, journal, keep=False, receipts=[receipt(source, "A")])
    assert any("receipt" in change.name for change in publishing.publish(ledger, source, journal, receipts=[receipt(source, "A")]))
    source.shown.clear()
    publishing.publish(ledger, source, journal, receipts=[receipt(source, "A"), receipt(source, "B")])
    assert [name for kind, _id, name in source.shown if name.startswith("receipt")] == [f"receipt {'B' * 40}"]


def test_only_the_source_of_a_mirror_is_published_to(shown, ledger_elsewhere):
    with pytest.raises(NotFound, match="no site of the ledger is its mirror"):
        publishing.publish(ledger_elsewhere, shown[1], MAPPING)


def test_a_source_that_cannot_be_written_to_is_refused(shown):
    with pytest.raises(InvalidInput, match="cannot be written to"):
        publishing.publish(shown[0], FakeSource(World()), MAPPING)


@pytest.fixture
def ledger_elsewhere(tmp_path):
    with Ledger.open(str(tmp_path / "elsewhere.db"), "tester") as ledger:
        yield ledger
