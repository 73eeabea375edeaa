# SPDX-License-Identifier: GPL-3.0-or-later
"""The report as text and as files."""

from __future__ import annotations

import json

import pytest

from ansible_collections.leasehold.cloud.plugins.module_utils.core import report

NOW = "2026-12-01T12:00:00.000Z"
EMPTY = {name: [] for name in report.TABLES}


def holder(**changes) -> dict:
    return {
        "tenant": "acme", "cluster": "blue", "site": "lab", "phase": "ready", "servers": 3, "node_sets": {"workers (cpu)": 3}, "vlan": 101,
        "prefix": "10.64.1.0/24", "lease_start": NOW, "lease_end": "2026-12-20T10:15:00.000Z", "lease_hold": None,
    } | changes


@pytest.mark.parametrize(("end", "told"), [
    ("2026-12-20T10:15:00.000Z", "18d 22h"), ("2026-12-01T14:05:59.000Z", "2h 5m"), ("2026-12-01T12:00:30.000Z", "0m"),
    ("2026-12-02T12:00:00.000Z", "1d 0h"), ("2026-12-01T11:30:00.000Z", "over by 30m"), (None, None),
])
def test_what_is_left_of_a_lease(end, told):
    assert report.left(end, NOW) == told


def test_spares_are_not_free_and_only_so_many_as_there_are():
    def rack(name: str, server_class: str, free: int) -> dict:
        return {"site": "lab", "rack": name, "class": server_class} | dict.fromkeys(report.CAPACITY, 1) | {"free": free, "total": free + 4}

    rows = report.capacity([rack("r1", "cpu", 2), rack("r2", "cpu", 3), rack("r1", "gpu", 1)], {("lab", "cpu"): 2, ("lab", "gpu"): 9})
    told = [(row["class"], row["total"], row["free"], row["spare"], row["held"]) for row in rows]
    assert told == [("cpu", 13, 3, 2, 2), ("gpu", 5, 0, 1, 1)]
    parts = ("free", "spare", "reserved", "held", "quarantined", "other")
    assert all(sum(row[part] for part in parts) == row["total"] for row in rows)


def test_the_text_fits_a_terminal_and_has_every_table():
    wide = holder(cluster="c" * 31, tenant="t" * 63, node_sets={f"workers-{number} (gpu-h100-8x)": number for number in range(9)})
    text = report.text(EMPTY | {"holders": [holder(), wide]}, NOW)
    assert max(map(len, text.splitlines())) <= 120
    assert [title for title, _columns in report.TABLES.values() if title not in text] == []
    assert "18d 22h" in text and "workers (cpu) 3" in text


def test_the_files_say_all_and_nothing_of_the_moment():
    made = report.files(EMPTY | {"holders": [holder()]})
    assert set(made) == {"report.json", *(f"{name}.csv" for name in report.TABLES)}
    assert json.loads(made["report.json"])["holders"] == [holder()]
    assert made["holders.csv"].splitlines() == [
        "tenant,cluster,site,phase,servers,node_sets,vlan,prefix,lease_end",
        "acme,blue,lab,ready,3,workers (cpu) 3,101,10.64.1.0/24,2026-12-20T10:15:00.000Z"]
    assert "left" in made["quotas.csv"], "what is left of a quota is no matter of the moment"


def test_servers_and_segments_are_shown_with_their_holders():
    server = {"name": "r1-s01", "rack": "r1", "class": "cpu", "status": "active", "state": "quarantined", "since": NOW, "reason": "smoke",
              "cluster": "blue", "node_set": "workers", "tenant": "acme", "lease_end": None, "free": False}
    assert report.servers_text([server]).splitlines()[2].split() == [
        "r1-s01", "r1", "cpu", "active", "quarantined", "2026-12-01", "12:00", "smoke", "blue", "workers", "acme", "-", "no"]
    member = {"name": "r1-s01", "state": "in_service", "address": "10.64.0.10", "ports": [{"nic": "eth0", "switch": "leaf-r1a", "port": "s01"}]}
    segment = {"site": "lab", "vlan": 101, "prefix": "10.64.0.0/24", "gateway": "10.64.0.1", "tenant": "acme", "cluster": "blue", "phase": "ready",
               "servers": [member], "addresses": {"total": 245, "used": 1, "free": 244}, "reserved": {"starts_at": NOW, "ends_at": NOW}}
    text = report.segments_text([segment])
    assert text.count("2026-12-01") == 2 and "leaf-r1a/s01" in text and " 244 " in text
    assert max(map(len, text.splitlines())) <= 120
