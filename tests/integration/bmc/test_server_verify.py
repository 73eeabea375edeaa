# SPDX-License-Identifier: GPL-3.0-or-later
"""The action server_verify_info as a user runs it, against the lab's BMCs: what it finds is what was made wrong."""

from __future__ import annotations

import json

import pytest


@pytest.fixture
def servers(bench) -> list[dict]:
    """As server_info tells them."""
    return [{**told, "attributes": {"memory_gib": 512, "drives": len(bench.hardware.get(told["name"]).drives)}, "nics": [
        {"name": f"eth{side}", "mac": nic.mac, "switch": f"leaf-{letter}", "port": told["name"]}
        for side, (nic, letter) in enumerate(zip(place.nics, "ab", strict=True))]} for told, place in zip(bench.servers, bench.layout.servers, strict=True)]


def test_named_differences_of_each_server(action, bench, servers):
    agreed = action("server_verify_info", bench.options() | {"servers": servers})
    told = {one["what"] for one in agreed["differences"]}
    assert agreed["silent_switches"] == ["leaf-a", "leaf-b"] and told <= {"memory_gib"}, agreed["text"]

    servers[0]["serial"], servers[1]["serial"] = servers[1]["serial"], servers[0]["serial"]  # their BMC addresses are swapped
    servers[1]["nics"][0]["mac"] = "02:00:00:00:00:99"
    servers[1]["attributes"]["drives"] += 1
    found = action("server_verify_info", bench.options() | {"servers": servers})
    errors = {(one["server"], one["what"]) for one in found["differences"] if one["what"] not in told}
    assert errors == {("r1-s01", "serial"), ("r1-s02", "serial"), ("r1-s02", "nic eth0"), ("r1-s02", "drives")}
    assert "which is r1-s02's" in found["text"]
    assert json.loads(found["files"]["server_verify.json"])["differences"] == found["differences"]


def test_cabling_against_what_a_switch_hears(action, bench, servers):
    heard = {"leaf-a": [{"port": "r1-s02", "mac": servers[0]["nics"][0]["mac"], "name": "r1-s01"}]}
    found = action("server_verify_info", bench.options(neighbours=heard) | {"servers": servers})
    cables = {(one["severity"], one["server"], one["what"], one["found"]) for one in found["differences"] if one["what"].startswith("cable")}
    assert cables == {
        ("error", "r1-s01", "cable eth0", "port r1-s02 of leaf-a"), ("error", "r1-s02", "cable eth0", f"r1-s01 ({servers[0]['nics'][0]['mac']}) is there")}
    assert found["silent_switches"] == ["leaf-b"]


def test_a_bmc_that_is_away_is_a_difference_and_no_failure(action, bench, servers):
    servers[0]["bmc"]["address"] = "https://127.0.0.1:9"
    found = action("server_verify_info", bench.options(request_timeout=1) | {"servers": servers})
    assert {one["what"] for one in found["differences"] if one["server"] == "r1-s01"} == {"bmc"}
    assert not found.get("failed") and "bmc" not in {one["what"] for one in found["differences"] if one["server"] == "r1-s02"}


def test_what_cannot_be_compared_is_said(action, bench):
    assert action("server_verify_info", bench.options())["error_code"] == "invalid_input"  # servers without NICs
