# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import pytest

from ansible_collections.leasehold.cloud.plugins.module_utils.core import times
from ansible_collections.leasehold.cloud.plugins.module_utils.core.errors import InvalidOrder


@pytest.mark.parametrize(("written", "meant"), [
    ("2026-11-20T10:00:00Z", "2026-11-20T10:00:00.000Z"),
    ("2026-11-20T10:00:00+01:00", "2026-11-20T09:00:00.000Z"),
    ("2026-11-20 10:00:00.5-00:30", "2026-11-20T10:30:00.500Z"),
    ("2026-11-20t10:00:00z", "2026-11-20T10:00:00.000Z"),
])
def test_moments_as_people_write_them(written, meant):
    assert times.parse(written, "cluster_lease_start") == meant
    assert times.iso(times.moment(meant)) == meant


@pytest.mark.parametrize("written", ["2026-11-20T10:00:00", "2026-11-20", "tomorrow", "", None, 17, "9999-12-31T23:59:59-10:00"])
def test_what_is_no_moment_or_has_no_zone_is_refused(written):
    with pytest.raises(InvalidOrder) as caught:
        times.parse(written, "cluster_lease_start")
    assert caught.value.object == "cluster_lease_start"


def test_a_moment_so_many_seconds_on():
    assert times.after("2026-11-30T23:59:59.250Z", 2) == "2026-12-01T00:00:01.250Z"
    assert times.after("2026-12-01T00:00:01.250Z", -2) == "2026-11-30T23:59:59.250Z"
