# SPDX-License-Identifier: GPL-3.0-or-later
"""How drift is told, and which of it is mended."""

from __future__ import annotations

import copy

from ansible_collections.leasehold.cloud.plugins.module_utils.core import drift, reconcile, reconcile_fabric
from ansible_collections.leasehold.cloud.plugins.module_utils.core.drift import DRIFT
from tests.unit.plugins.module_utils.core.drifting import altered, bmcs, facts, seen


def test_alarms_come_first():
    found = drift.ordered(reconcile.bmc_drifts(facts(), bmcs(facts(), r1_s03={"power": "On"}, r2_s01={"power": "Off"}))
                          + reconcile_fabric.drifts(facts(), seen(altered("leaf-r1a", "s03", vlan=55))))
    assert [one.object for one in found] == ["server r2-s01", "leaf-r1a port s03 (r1-s03 eth0)", "server r1-s03"]
    assert drift.counts(found) == {"alarm": 1, "drift": 2, "note": 0}
    assert drift.verdict(found) == "1 alarm, 2 drifts: server r2-s01 power is off, not on, in service in cluster blue"
    lines = "\n".join(drift.table(found))
    assert "SEVERITY" in lines and "leaf-r1a port s03" in lines


def test_no_drift_is_told_too():
    assert drift.table([]) == ["none"]
    assert drift.verdict([]).startswith("no drift")


def test_of_very_many_some_are_shown_and_the_others_counted():
    many = [drift.Drift("bmcs", "unread", f"server {number}", DRIFT, "read", None, "x") for number in range(drift.SHOWN + 5)]
    assert drift.table(many)[-1] == "and 5 more of severity drift"


def test_only_what_was_asked_for_is_mended_and_only_what_nobody_holds():
    everything = copy.deepcopy(bmcs(facts(), r1_s03={"power": "On", "virtual_media": "http://image"}, r1_s01={"power": "Off"}))
    found = [one.as_dict() for one in reconcile.bmc_drifts(facts(), everything)]
    assert drift.to_mend(found, ["power"]) == {"r1-s03": "drift: power on"}
    assert drift.to_mend(found, drift.MENDABLE) == {"r1-s03": "drift: power on, media http://image"}
    assert drift.to_mend(found, ["port", "hold"]) == {}


def test_what_an_earlier_mend_began_is_finished_by_whatever_is_mended():
    aside = facts({"r1-s03": "quarantined"}, drifted=frozenset({"r1-s03"}))
    found = [one.as_dict() for one in reconcile.bmc_drifts(aside, bmcs(aside, r1_s03={"power": "On"}, r1_s04={"power": "On"}))]
    assert drift.to_mend(found, ["state"]) == drift.to_mend(found, ["port", "hold"]) == {"r1-s03": "drift: power on"}
    assert list(drift.to_mend(found, ["power"])) == ["r1-s03", "r1-s04"]
    assert drift.to_mend(found, ["hold"]) == drift.to_mend(found, []) == {}


def test_the_reason_tells_what_a_mend_has_set_aside():
    (reason,) = drift.to_mend([drift.Drift("bmcs", "power", "x", DRIFT, "off", "on", "x", "r1-s03").as_dict()], ["power"]).values()
    assert drift.set_aside_by_mend("quarantined", reason, None)
    for state, told, holder in (("quarantined", "a drift: x", None), ("quarantined", None, None), ("quarantined", reason, "blue"), ("cleaning", reason, None)):
        assert not drift.set_aside_by_mend(state, told, holder)
