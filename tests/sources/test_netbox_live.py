# SPDX-License-Identifier: GPL-3.0-or-later
"""What only a real NetBox can say: that all ways to read it agree, for one who may do no more than read; and that a large site of it is mirrored whole.

LEASEHOLD_TEST_NETBOX_SITE is the slug of a site there that is large; nothing of it is changed.
"""

from __future__ import annotations

import os

import pytest

from ansible_collections.leasehold.cloud.plugins.module_utils import syncing
from ansible_collections.leasehold.cloud.plugins.module_utils.core.mapping_file import Mapping
from ansible_collections.leasehold.cloud.plugins.module_utils.core.records import Records
from ansible_collections.leasehold.cloud.plugins.module_utils.sources.netbox import NetBoxSource
from tests.sources.conftest import LIVE
from tests.sources.netbox_live import POOLS
from tests.sources.test_contract import mirrored

SITE = "LEASEHOLD_TEST_NETBOX_SITE"
pytestmark = pytest.mark.skipif(LIVE not in os.environ, reason=f"{LIVE} leads to no NetBox")


def by(source: NetBoxSource, way: str) -> Records:
    """All of a site by one way alone."""
    source._ways = [one for one in source._ways if one.name == way]  # pylint: disable=protected-access
    reading = source.read()
    assert reading.way == way
    return reading.records


def ordered(records: Records) -> tuple:
    return records.wide, *(sorted(map(repr, getattr(records, kind))) for kind in ("devices", "interfaces", "ends", "addresses"))


def test_netbox_live_says_the_same_by_each_way_to_whoever_may_only_read(netbox_live):
    token = netbox_live.weak_token("reader", "nothing")
    rendered = ordered(by(netbox_live.source(token=token), "template"))
    for way in ("graphql", "rest"):
        assert ordered(by(netbox_live.source(token=token), way)) == rendered, way


@pytest.mark.skipif(SITE not in os.environ, reason=f"{SITE} names no large site")
def test_netbox_live_has_a_large_site_that_is_mirrored_whole(netbox_live, ledger):
    mapping = Mapping.from_dict(POOLS)

    def source() -> NetBoxSource:
        return netbox_live.source(url=netbox_live.direct, site=os.environ[SITE], mapping=mapping.values)

    first = syncing.sync(ledger, source(), mapping)
    found, known = mirrored(ledger), mapping.kind
    devices = [device for device in source().read().records.devices if known(device.role, device.tags, device.custom_fields) == "server"]
    unusable = {problem["device"] for problem in first.problems}
    there = {device.name.lower() for device in devices if device.id not in unusable and mapping["status"].get(device.status, "maintenance")}
    assert first.kind == "cold" and set(found["servers"]) == there != set()
    again = syncing.sync(ledger, source(), mapping)
    assert again.sync.changes == [] and mirrored(ledger) == found
