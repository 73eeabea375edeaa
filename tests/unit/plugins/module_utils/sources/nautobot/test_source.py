# SPDX-License-Identifier: GPL-3.0-or-later
"""Which other devices a change of a Nautobot concerns."""

from __future__ import annotations

import pytest

from ansible_collections.leasehold.cloud.plugins.module_utils.core.records import Device, End, Interface, Records
from ansible_collections.leasehold.cloud.plugins.module_utils.sources.nautobot import _neighbours


def port(id: str, device: str, lag: str | None = None) -> Interface:
    return Interface(id, device, id, None, None, True, False, lag)


def end(near: str, far: str) -> End:
    return End(near, far, far, f"{far}-port", "eth0")


RECORDS = Records(
    devices=tuple(Device(id, id) for id in ("d1", "d2")), interfaces=(port("p1", "d1"), port("p2", "d1", "bond"), port("bond", "d1"), port("q1", "d2")),
    ends=(end("p1", "leaf-a"), end("p2", "leaf-b"), end("q1", "leaf-c")))


@pytest.mark.parametrize("shown, neighbours", [
    ({"d1"}, {"leaf-a", "leaf-b"}), ({"p1"}, {"leaf-a"}), ({"bond"}, {"leaf-b"}), ({"q1", "gone"}, {"leaf-c"}), (set(), set())])
def test_neighbours_are_those_of_a_device_an_interface_or_a_lags_members(shown, neighbours):
    assert _neighbours(RECORDS, shown) == neighbours
