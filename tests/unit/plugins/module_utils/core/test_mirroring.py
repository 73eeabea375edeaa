# SPDX-License-Identifier: GPL-3.0-or-later
"""What a sync does with servers' rows: what is held stays as it was taken."""

from __future__ import annotations

from ansible_collections.leasehold.cloud.plugins.module_utils.core.mirroring import fate


def row(source_id: str | None, serial: str = "S", **document) -> dict:
    return {"source_id": source_id, "document": {"serial": serial, "bmc": "b", "nics": [], **document}}


def told(made) -> dict:
    return {key: value for key, value in vars(made).items() if value}


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
    made = fate({"a": row("1", nics=[1])}, {"a": row("1")}, {"a": "blue"}, ())
    assert (made.changed, [alarm["problem"] for alarm in made.alarms]) == (["a"], ["changed"])


def test_a_free_server_that_was_renamed_carries_its_state():
    assert told(fate({"z": row("1")}, {"a": row("1")}, {}, ())) == {"added": ["z"], "removed": ["a"], "carried": [("a", "z")]}


def test_a_held_server_is_not_renamed():
    assert told(fate({"z": row("1")}, {"a": row("1")}, {"a": "blue"}, ())) == {"kept": ["a"]}


def test_held_hardware_is_not_had_under_the_name_of_another():
    """1 and 2 swap their names while blue holds 1: neither name may be of other hardware than before."""
    made = fate({"a": row("2", "T"), "b": row("1", "S")}, {"a": row("1", "S"), "b": row("2", "T")}, {"a": "blue"}, ())
    assert told(made) == {"kept": ["a"], "removed": ["b"]}


def test_the_same_hardware_made_anew_in_the_source_stays_held():
    assert told(fate({"a": row("9", "S")}, {"a": row("1", "S")}, {"a": "blue"}, ())) == {"changed": ["a"]}


def test_a_mirror_of_a_file_becomes_one_of_a_source_with_devices():
    assert told(fate({"a": row("1", "T")}, {"a": row(None, "S")}, {"a": "blue"}, ()))["changed"] == ["a"]
