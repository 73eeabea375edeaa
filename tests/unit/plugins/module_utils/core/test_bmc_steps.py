# SPDX-License-Identifier: GPL-3.0-or-later
"""What is done to a server through its BMC, and in which order."""

from __future__ import annotations

import pytest
from ansible_collections.leasehold.cloud.plugins.module_utils.core.bmc import ABSENT, Wanted, agrees, choose, steps
from hypothesis import given
from hypothesis import strategies as st

ISO = "http://images/discovery.iso"
BOOT = Wanted(power="On", image=ISO, boot=True)
WIPE = Wanted(power="Off", image=ABSENT, erase=True)


def server(power="Off", image=None, override="Disabled", wipes=()):
    target = "Cd" if override != "Disabled" else "None"
    return {"power": power, "boot": {"target": target, "enabled": override},
            "media": {"inserted": image is not None, "image": image}, "wipes": list(wipes)}


def proof(proven, drive="disk0"):
    return {"drive": drive, "proven": proven, "reason": "" if proven else "no erase"}


@pytest.mark.parametrize(("observed", "wanted", "expected"), [
    (server(), BOOT, ["set_boot", "insert", "power_on"]),
    (server("On"), BOOT, ["set_boot", "insert", "restart"]),  # it runs something else
    (server("On", ISO), BOOT, []),  # the override is used up: it has booted the image
    (server("On", ISO, "Once"), BOOT, ["restart"]),  # a run was killed before the restart
    (server("Off", ISO, "Once"), BOOT, ["power_on"]),
    (server("Off", None, "Once"), BOOT, ["insert", "power_on"]),  # killed before the image was inserted
    (server("On", None, "Once"), BOOT, ["insert", "restart"]),
    (server("Off", ISO), BOOT, ["set_boot", "power_on"]),
    (server("On", "http://images/old.iso"), BOOT, ["set_boot", "eject", "insert", "restart"]),
    (server("Off", ISO, "Continuous"), BOOT, ["set_boot", "power_on"]),
    (server("On", ISO), Wanted(image=ABSENT), ["eject"]),
    (server("On"), Wanted(image=ABSENT), []),
    (server("Off"), Wanted(power="On"), ["power_on"]),
    (server("On"), Wanted(power="On"), []),
    (server("On"), Wanted(power="Off"), ["power_off"]),
    (server("On", ISO, wipes=[proof(False)]), WIPE, ["power_off", "erase", "eject"]),
    (server("Off", wipes=[proof(False), proof(True, "disk1")]), WIPE, ["erase"]),
    (server("Off", wipes=[proof(True)]), WIPE, []),
])
def test_steps(observed, wanted, expected):
    todo, changes = steps("r1-s01", observed, wanted)
    assert todo == expected
    assert bool(changes) == bool(expected)


def test_only_unproven_drives_are_a_change():
    _todo, changes = steps("r1-s01", server(wipes=[proof(False), proof(True, "disk1")]), WIPE)
    assert [(change.kind, change.name) for change in changes] == [("drive", "r1-s01 disk0")]


OBSERVED = st.builds(server, st.sampled_from(["On", "Off"]), st.sampled_from([None, ISO, "http://images/old.iso"]),
                     st.sampled_from(["Disabled", "Once"]))


@given(OBSERVED, st.integers(min_value=0, max_value=6))
def test_a_run_killed_after_any_step_is_finished_by_the_next(observed, killed_after):
    """A model of a BMC: whatever was done before the kill, the next run ends with the image booted, and the third does nothing."""
    booted = observed["power"] == "On" and observed["media"]["image"] == ISO and observed["boot"]["enabled"] == "Disabled"
    todo, _changes = steps("s", observed, BOOT)
    for step in todo[:killed_after]:
        booted = _play(observed, step) or booted
    for step in steps("s", observed, BOOT)[0]:
        booted = _play(observed, step) or booted
    assert booted and observed["power"] == "On" and observed["media"]["image"] == ISO
    assert steps("s", observed, BOOT) == ([], [])


def _play(observed: dict, step: str) -> bool:
    """Do a step to the model; whether the server has booted the image by it."""
    if step == "set_boot":
        observed["boot"] = {"target": "Cd", "enabled": "Once"}
    elif step in ("insert", "eject"):
        observed["media"] = {"inserted": step == "insert", "image": ISO if step == "insert" else None}
    elif step in ("power_on", "restart"):
        from_media = observed["boot"]["enabled"] == "Once"
        observed["power"], observed["boot"] = "On", {"target": "None", "enabled": "Disabled"}
        return from_media and observed["media"]["image"] == ISO
    return False


@pytest.mark.parametrize(("serial", "told", "same"), [
    ("S1-1", "s1-1", True), ("S1-1", " S1-1\n", True), ("S1-1", None, True), ("S1-1", "  ", True), (None, "S1-1", True), ("S1-1", "S1-2", False),
])
def test_serials_are_compared_as_people_would(serial, told, same):
    assert agrees(serial, told) is same


@pytest.mark.parametrize(("serial", "told", "strict", "lenient"), [
    ("A", ["A"], 0, 0), ("A", ["a "], 0, 0), ("A", [None], 0, 0), (None, ["B"], 0, 0),
    ("A", ["B"], None, 0),  # a single system that is another: only for those who compare
    ("A", ["B", "a"], 1, 1), ("A", [None, "A"], 1, 1), ("A", ["B", "C"], None, None), ("A", ["A", "A"], None, None),
    (None, ["A", "B"], None, None), ("A", [None, None], None, None), ("A", [None, "B"], None, None), ("A", [], None, None),
])
def test_a_bmcs_system_is_chosen_by_its_serial(serial, told, strict, lenient):
    assert (choose(serial, told), choose(serial, told, strangers=True)) == (strict, lenient)
