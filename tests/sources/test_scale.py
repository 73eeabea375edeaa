# SPDX-License-Identifier: GPL-3.0-or-later
"""Ten thousand servers. How long they take is for ``make bench-sources`` to say; here, that nothing of them is lost."""

from __future__ import annotations

import pytest

from ansible_collections.leasehold.cloud.plugins.module_utils import syncing
from tests.sources.center import center
from tests.sources.test_contract import mirrored
from tests.sources.worlds import FileWorld

SERVERS = 10_000


@pytest.fixture
def large(tmp_path):
    return FileWorld(center(SERVERS, 48), tmp_path / "datacenter.json")


def test_ten_thousand_servers_are_mirrored_and_one_of_them_changes(large, ledger):
    first = syncing.sync(ledger, large.source(), large.mapping)
    assert (first.kind, first.problems, len(mirrored(ledger)["servers"])) == ("cold", [], SERVERS)
    assert syncing.sync(ledger, large.source(), large.mapping).sync.changes == []
    large.set(large.server(), "serial", "CHANGED-1")
    changes = syncing.sync(ledger, large.source(), large.mapping).sync.changes
    assert len(changes) == 1 and changes[0].after["serial"] == "CHANGED-1"
