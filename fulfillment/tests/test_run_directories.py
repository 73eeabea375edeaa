# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

from leasehold_fulfillment.orders import Order
from leasehold_fulfillment.runs import RunDirectory, rotate


def test_the_oldest_runs_go_and_those_at_work_stay(tmp_path):
    made = [RunDirectory(tmp_path, Order({"cluster_name": "alpha"}), "create") for _turn in range(4)]
    for directory in made[1:]:
        directory.release()
    assert rotate(tmp_path, keep=1) == [made[2].run, made[1].run]
    assert sorted(path.name for path in (tmp_path / "runs").iterdir()) == sorted([made[0].run, made[3].run])


def test_a_run_keeps_its_name_within_a_file_name(tmp_path):
    directory = RunDirectory(tmp_path, Order({"cluster_name": "../../etc/passwd " + "x" * 300}), "create")
    assert directory.path.parent == tmp_path / "runs"
    assert "/" not in directory.run and len(directory.run) < 100
