# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

from ansible_collections.leasehold.cloud.plugins.module_utils.core import wire
from ansible_collections.leasehold.cloud.plugins.module_utils.core.models import Canary

from .sites import SEGMENT, site

CANARIES = (
    Canary("canary-acme", 190, "10.99.0.10", "spine-1", "can0", "acme"), Canary("canary-red", 191, "10.99.1.10", "spine-1", "can1", "red"),
    Canary("canary-quarantine", 999, "10.99.99.10", "spine-1", "canq"),
)


def test_gateway_answers_others_do_not():
    told = wire.expectations(SEGMENT, "acme", site(canaries=CANARIES), {"r2-s01": "10.64.1.10"})
    assert told["must_answer"] == [{"name": "gateway", "address": "10.64.0.1"}]
    assert [target["name"] for target in told["must_not_answer"]] == ["canary-quarantine", "canary-red", "r2-s01"]


def test_of_many_strangers_some_of_all_are_asked():
    strangers = {f"s{number:04d}": f"10.65.{number // 250}.{number % 250}" for number in range(1000)}
    asked = [target["name"] for target in wire.expectations(SEGMENT, "acme", site(canaries=()), strangers)["must_not_answer"]]
    assert 48 < len(asked) <= wire.STRANGERS
    assert min(asked) < "s0050" and max(asked) > "s0950"
