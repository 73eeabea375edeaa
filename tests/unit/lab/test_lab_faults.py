"""Faults: who has one, for how long, how often."""

from __future__ import annotations

import json
import multiprocessing

import pytest

from lab import faults


def test_a_fault_strikes_its_target_only(tmp_path):
    faults.set_fault(tmp_path, "wipe-lies", "r1-s01")
    assert faults.active(tmp_path, "wipe-lies", "r1-s01")["times"] is None
    assert faults.active(tmp_path, "wipe-lies", "r1-s02") is None
    assert faults.active(tmp_path, "wipe-fails", "r1-s01") is None


def test_times_are_used_up(tmp_path):
    faults.set_fault(tmp_path, "bmc-timeout", "r1-s01", times=2)
    for expected in (2, 1):
        assert faults.active(tmp_path, "bmc-timeout", "r1-s01")["times"] == expected
        faults.consume(tmp_path, "bmc-timeout", "r1-s01")
    assert faults.active(tmp_path, "bmc-timeout", "r1-s01") is None
    assert json.loads((tmp_path / "faults.json").read_text()) == []


def test_without_times_it_is_never_used_up(tmp_path):
    faults.set_fault(tmp_path, "bmc-timeout", "r1-s01")
    faults.consume(tmp_path, "bmc-timeout", "r1-s01")
    assert faults.active(tmp_path, "bmc-timeout", "r1-s01")


def test_a_fault_ends_with_its_time(tmp_path, monkeypatch):
    monkeypatch.setattr(faults.time, "time", lambda: 1000.0)
    faults.set_fault(tmp_path, "hub-down", "hub", seconds=5)
    monkeypatch.setattr(faults.time, "time", lambda: 1004.9)
    assert faults.active(tmp_path, "hub-down", "hub")["until"] == 1005
    monkeypatch.setattr(faults.time, "time", lambda: 1005.1)
    assert faults.active(tmp_path, "hub-down", "hub") is None
    assert faults.current(tmp_path) == []


def test_a_switch_drops_once_unless_told_otherwise(tmp_path):
    assert faults.set_fault(tmp_path, "switch-drops", "spine-1", when="after") == {
        "kind": "switch-drops", "target": "spine-1", "until": None, "times": 1, "parameters": {"when": "after"}}
    assert faults.set_fault(tmp_path, "switch-drops", "spine-1", times=3)["times"] == 3
    assert len(faults.current(tmp_path)) == 1


def test_unknown_kinds_are_refused(tmp_path):
    with pytest.raises(faults.UnknownFault, match="wipe-lies"):
        faults.set_fault(tmp_path, "fire", "r1-s01")


@pytest.mark.parametrize(("kind", "target", "left"), [
    (None, None, []), ("power-stuck", None, ["wipe-fails r1-s01"]),
    ("wipe-fails", "r1-s02", ["power-stuck r1-s01", "wipe-fails r1-s01"]),
])
def test_clear(tmp_path, kind, target, left):
    faults.set_fault(tmp_path, "power-stuck", "r1-s01")
    faults.set_fault(tmp_path, "wipe-fails", "r1-s01")
    cleared = faults.clear(tmp_path, kind, target)
    assert [f"{fault['kind']} {fault['target']}" for fault in faults.current(tmp_path)] == left
    assert cleared == 2 - len(left)


def _consume_many(directory):
    for _turn in range(20):
        faults.consume(directory, "bmc-timeout", "r1-s01")


def test_many_processes_count_together(tmp_path):
    faults.set_fault(tmp_path, "bmc-timeout", "r1-s01", times=100)
    workers = [multiprocessing.Process(target=_consume_many, args=(tmp_path,)) for _turn in range(4)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert faults.active(tmp_path, "bmc-timeout", "r1-s01")["times"] == 20
