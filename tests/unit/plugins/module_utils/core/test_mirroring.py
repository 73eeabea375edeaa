# SPDX-License-Identifier: GPL-3.0-or-later
"""What a sync does with servers' rows: what is held stays as it was taken."""

from __future__ import annotations

import pytest

from ansible_collections.leasehold.cloud.plugins.module_utils.core.mirroring import fate


def row(source_id: str | None, serial: str | None = None, **document) -> dict:
    return {"source_id": source_id, "document": {"serial": serial or f"S{source_id}", "bmc": "b", "nics": [], **document}}


def nic(mac: str, port: str = "p1") -> dict:
    return {"name": "eth0", "mac": mac, "switch": "leaf", "port": port}


def told(made) -> dict:
    return {key: value for key, value in vars(made).items() if value}


def problems(made) -> list[tuple[str, str]]:
    return [(alarm["server"], alarm["problem"]) for alarm in made.alarms]


def test_rows_are_added_changed_and_removed():
    made = fate({"a": row("1"), "b": row("2", rack="r2")}, {"b": row("2"), "c": row("3")}, {}, ())
    assert told(made) == {"added": ["a"], "changed": ["b"], "removed": ["c"]}


def test_what_is_as_it_was_is_left_alone():
    assert told(fate({"a": row("1")}, {"a": row("1")}, {"a": "blue"}, ())) == {}


def test_a_held_server_is_kept_and_a_free_one_is_not():
    assert told(fate({}, {"a": row("1"), "b": row("2")}, {"a": "blue"}, ())) == {"kept": ["a"], "removed": ["b"]}


def test_a_device_that_cannot_be_used_keeps_its_row():
    assert told(fate({}, {"a": row("1"), "b": row(None)}, {}, {"1", None})) == {"kept": ["a"], "removed": ["b"]}


def test_other_hardware_under_a_held_server_is_an_alarm():
    made = fate({"a": row("1", nics=[nic("m1")])}, {"a": row("1")}, {"a": "blue"}, ())
    assert (made.changed, [alarm["problem"] for alarm in made.alarms]) == (["a"], ["changed"])


def test_a_free_server_that_was_renamed_carries_its_state():
    assert told(fate({"z": row("1")}, {"a": row("1")}, {}, ())) == {"added": ["z"], "removed": ["a"], "carried": [("a", "z")]}


def test_a_held_server_is_not_renamed():
    made = fate({"z": row("1")}, {"a": row("1")}, {"a": "blue"}, ())
    assert (made.kept, made.added, problems(made)) == (["a"], [], [("a", "renamed")])


def test_held_hardware_is_not_had_under_the_name_of_another():
    """1 and 2 swap their names while blue holds 1: neither name may be of other hardware than before."""
    made = fate({"a": row("2", "T"), "b": row("1", "S")}, {"a": row("1", "S"), "b": row("2", "T")}, {"a": "blue"}, ())
    assert (made.kept, made.removed, made.added, made.changed, problems(made)) == (["a"], ["b"], [], [], [("a", "renamed")])


def test_the_same_hardware_made_anew_in_the_source_stays_held():
    assert told(fate({"a": row("9", "S")}, {"a": row("1", "S")}, {"a": "blue"}, ())) == {"changed": ["a"]}


def test_a_mirror_of_a_file_becomes_one_of_a_source_with_devices():
    assert told(fate({"a": row("1", "T")}, {"a": row(None, "S")}, {"a": "blue"}, ()))["changed"] == ["a"]


def file_row(serial: str, *nics: dict) -> dict:
    return row(None, serial, nics=list(nics))


@pytest.mark.parametrize("made_anew", [
    file_row("s1 ", nic("other")), file_row("typo", nic("M1")), row("77", "S1"),
], ids=["by its serial", "by its MAC", "as another device"])
def test_held_hardware_under_a_new_name_is_nobody_elses(made_anew):
    """Sources without ids, and devices that were deleted and made anew: the machine is the same."""
    made = fate({"z": made_anew}, {"a": file_row("S1", nic("m1"))}, {"a": "blue"}, ())
    assert (made.kept, made.added, problems(made)) == (["a"], [], [("a", "renamed")])
    away = fate({"z": made_anew}, {}, {"a": "blue"}, (), besides={"a": file_row("S1", nic("m1"))})
    assert (away.added, problems(away)) == ([], [("a", "renamed")]), "also where only a part of the site is looked at"


def test_names_that_are_swapped_with_a_held_server_are_not_followed():
    before = {"a": file_row("SA"), "b": file_row("SB")}
    made = fate({"a": file_row("SB"), "b": file_row("SA")}, before, {"a": "blue"}, ())
    assert (made.kept, made.removed, made.changed, problems(made)) == (["a"], ["b"], [], [("a", "renamed")])
    both = fate({"a": file_row("SB"), "b": file_row("SA")}, before, {"a": "blue", "b": "red"}, ())
    assert (both.kept, both.changed, problems(both)) == (["a", "b"], [], [("a", "renamed"), ("b", "renamed")])


def test_the_state_of_hardware_goes_with_it_in_a_source_without_ids():
    assert told(fate({"z": file_row("S1")}, {"a": file_row("S1")}, {}, ())) == {"added": ["z"], "removed": ["a"], "carried": [("a", "z")]}
    swapped = fate({"a": file_row("SB"), "b": file_row("SA")}, {"a": file_row("SA"), "b": file_row("SB")}, {}, ())
    assert (swapped.changed, swapped.carried) == (["a", "b"], [("a", "b"), ("b", "a")])


def test_other_hardware_at_the_ports_of_a_held_server_waits():
    """Whatever is done to these ports for the new one would be done to the held one; when that is cabled elsewhere, they are its no more."""
    held = {"a": file_row("S1", nic("m1", "p1"))}
    assert fate({"z": file_row("S2", nic("m2", "p1"))}, held, {"a": "blue"}, ()).added == []
    assert fate({"z": file_row("S2", nic("m2", "p2"))}, held, {"a": "blue"}, ()).added == ["z"]
    moved = fate({"a": file_row("S1", nic("m1", "p3")), "z": file_row("S2", nic("m2", "p1"))}, held, {"a": "blue"}, ())
    assert (moved.added, moved.changed, problems(moved)) == (["z"], ["a"], [("a", "changed")])


def test_a_serial_that_is_corrected_is_the_same_server():
    made = fate({"a": file_row("S2", nic("m1"))}, {"a": file_row("S1", nic("m1"))}, {"a": "blue"}, ())
    assert (made.changed, problems(made)) == (["a"], [("a", "changed")])


def test_a_nic_that_moved_to_a_new_server_makes_it_no_other():
    before = {"a": file_row("S1", nic("m1", "p1"))}
    wanted = {"a": file_row("S1", nic("m9", "p1")), "z": file_row("S2", nic("m1", "p2"))}
    held = fate(wanted, before, {"a": "blue"}, ())
    assert (held.added, held.changed, held.carried, problems(held)) == (["z"], ["a"], [], [("a", "changed")])
    assert fate(wanted, before, {}, ()).carried == [], "nor does it carry a state"


def test_a_swap_stays_unfollowed_however_often_it_is_looked_at():
    stored, source = {"a": file_row("SA"), "b": file_row("SB")}, {"a": file_row("SB"), "b": file_row("SA")}
    for removed in (["b"], [], []):
        made = fate(source, stored, {"a": "blue"}, ())
        assert (made.added, made.changed, made.kept, made.removed, problems(made)) == ([], [], ["a"], removed, [("a", "renamed")])
        stored = {"a": stored["a"]}
    assert fate(source, stored, {}, ()).added == ["b"]


def test_a_spare_in_the_place_of_a_held_server_is_other_hardware():
    made = fate({"a": file_row("SB")}, {"a": file_row("SA"), "b": file_row("SB")}, {"a": "blue"}, ())
    assert (made.changed, made.removed, problems(made)) == (["a"], ["b"], [("a", "changed")])


def test_a_known_name_does_not_take_over_held_hardware_that_was_lost():
    made = fate({"b": file_row("SA")}, {"b": file_row("SB")}, {"a": "blue"}, (), besides={"a": file_row("SA")})
    assert (made.changed, made.removed, problems(made)) == ([], ["b"], [("a", "renamed")])


def test_a_state_goes_with_the_machine_and_not_with_its_parts():
    nics = [nic("m1", "p1"), nic("m2", "p2")]
    before = {"a": file_row("S1", *nics)}
    parted = {"z": file_row("S1", nic("m8", "p1")), "y": file_row("S2", *nics)}
    assert fate(parted, before, {}, ()).carried == [("a", "z")]
    assert fate({"y": file_row("S2", *nics)}, before, {}, ()).carried == [("a", "y")], "as far as can be known, its serial was corrected"
    there = fate({"y": row("2", "S2", nics=nics)}, {"a": row("1", "S1", nics=nics)}, {}, {"1"})
    assert (there.kept, there.carried) == (["a"], []), "it is there as itself, and cannot be used"
