# SPDX-License-Identifier: GPL-3.0-or-later
"""What BMCs and switches say against what the source says: each difference by name."""

from __future__ import annotations

import copy
import json

import pytest

from ansible_collections.leasehold.cloud.plugins.module_utils.core import server_verify

SERVERS = [
    {"name": f"r1-s0{number}", "serial": f"SN{number}", "bmc": {"address": f"https://bmc{number}"},
     "attributes": {"memory_gib": 512, "gpus": 2, "gpu_model": "H100", "drives": 1},
     "nics": [{"name": f"eth{side}", "mac": f"52:54:00:00:0{number}:0{side}", "switch": f"leaf-{letter}", "port": f"s0{number}"}
              for side, letter in enumerate("ab")]}
    for number in (1, 2)
]
GPU = {"name": "GPU0", "model": "NVIDIA H100 80GB HBM3"}
HARDWARE = {
    f"r1-s0{number}": {"serial": f"sn{number} ", "memory_gib": 503, "drives": [{"serial": "D"}], "gpus": [GPU, GPU], "nics": [
        {"name": "NIC.1", "mac": f"52:54:00:00:0{number}:00"}, {"name": "NIC.2", "mac": f"52:54:00:00:0{number}:01"}, {"name": "USB", "mac": ""}]}
    for number in (1, 2)
}
HEARD = {f"leaf-{letter}": [{"port": f"s0{number}", "mac": f"52:54:00:00:0{number}:0{side}", "name": f"r1-s0{number}.example.com"} for number in (1, 2)]
         for side, letter in enumerate("ab")}


def found(change=None, servers=None, unread=None, heard=None) -> list[tuple]:
    hardware, told = copy.deepcopy(HARDWARE), copy.deepcopy(HEARD)
    if change:
        change(hardware, told)
    differences = server_verify.verify(servers or SERVERS, hardware, unread or {}, told if heard is None else heard)
    return [(one.severity, one.server, one.what, one.source, one.found) for one in differences]


def test_what_agrees_is_not_mentioned():
    assert found() == []


def test_another_serial_and_whose_it_is():
    assert found(lambda hardware, _told: hardware["r1-s01"].update(serial="SN2")) == [
        ("error", "r1-s01", "serial", "SN1", "SN2 (which is r1-s02's in the source)")]
    assert found(lambda hardware, _told: hardware["r1-s01"].update(serial="OTHER")) == [("error", "r1-s01", "serial", "SN1", "OTHER")]


def test_another_nic_and_whose_it_is():
    assert found(lambda hardware, _told: hardware["r1-s01"]["nics"][1].update(mac="52:54:00:00:02:01")) == [
        ("error", "r1-s01", "nic eth1", "52:54:00:00:01:01", ["52:54:00:00:02:01 (which is r1-s02's in the source)"])]
    assert found(lambda hardware, _told: hardware["r1-s01"]["nics"].pop(1))[0] == ("error", "r1-s01", "nic eth1", "52:54:00:00:01:01", "no other NIC")


@pytest.mark.parametrize(("facts", "difference"), [
    ({"memory_gib": 480}, ("error", "r1-s02", "memory_gib", 512, 480)), ({"gpus": [GPU]}, ("error", "r1-s02", "gpus", 2, 1)),
    ({"gpus": [{"model": "A100"}, {"model": "A100"}]}, ("error", "r1-s02", "gpu_model", "H100", ["A100"])),
    ({"drives": []}, ("error", "r1-s02", "drives", 1, 0)), ({"drives": None}, ("warning", "r1-s02", "drives", 1, None)),
    ({"serial": None}, ("warning", "r1-s02", "serial", "SN2", None)), ({"nics": []}, ("warning", "r1-s02", "nics", 2, None)),
])
def test_single_facts(facts, difference):
    assert found(lambda hardware, _told: hardware["r1-s02"].update(facts)) == [difference]


def test_what_a_bmc_does_not_tell_is_a_warning_and_what_the_source_does_not_say_is_not_compared():
    def change(hardware, _told):
        hardware["r1-s01"].update(gpus=None, memory_gib=None)

    assert [(severity, what) for severity, _server, what, _source, _found in found(change)] == [
        ("warning", "gpu_model"), ("warning", "gpus"), ("warning", "memory_gib")]
    assert found(change, [dict(SERVERS[0], attributes={})]) == []
    assert found(None, [dict(SERVERS[0], attributes={"memory_gib": "lots"})]) == [("error", "r1-s01", "memory_gib", "lots", 503)]


def test_a_bmc_that_does_not_answer_is_an_error_and_hides_no_other():
    def change(hardware, _told):
        del hardware["r1-s01"]
        hardware["r1-s02"].update(serial="X")

    assert found(change, unread={"r1-s01": "its BMC did not answer in time"}) == [
        ("error", "r1-s01", "bmc", "https://bmc1", "its BMC did not answer in time"), ("error", "r1-s02", "serial", "SN2", "X")]


def test_swapped_cables_and_who_is_there_instead():
    def swap(_hardware, told):
        told["leaf-a"][0]["port"], told["leaf-a"][1]["port"] = "s02", "s01"

    assert found(swap) == [("error", "r1-s01", "cable eth0", "port s01 of leaf-a", "port s02 of leaf-a"),
                           ("error", "r1-s02", "cable eth0", "port s02 of leaf-a", "port s01 of leaf-a")]


def test_a_stranger_at_a_port_and_nobody():
    assert found(lambda _hardware, told: told["leaf-a"][0].update(mac="02:00:00:00:00:09", name="printer")) == [
        ("error", "r1-s01", "cable eth0", "port s01 of leaf-a", "printer (02:00:00:00:00:09) is there")]
    assert found(lambda _hardware, told: told["leaf-a"].pop(0)) == [("warning", "r1-s01", "cable eth0", "port s01 of leaf-a", None)]


def test_a_neighbour_that_tells_only_its_name():
    assert found(lambda _hardware, told: told["leaf-a"].__setitem__(0, {"port": "s01", "name": "r1-s01"})) == []
    assert found(lambda _hardware, told: told["leaf-a"].__setitem__(0, {"port": "s01", "name": "r1-s09"}))[0][4] == "r1-s09 is there"


def test_switches_that_report_none_are_said_not_compared():
    assert found(heard={}) == []
    assert server_verify.silent_switches(SERVERS, {"leaf-a": []}) == ["leaf-b"]
    text = server_verify.text([], 2, ["leaf-b"])
    assert "2 servers: 0 errors, 0 warnings" in text and "leaf-b" in text


def test_as_files():
    differences = server_verify.verify(SERVERS, {}, {"r1-s01": "no"}, {})
    files = server_verify.files(differences, ["leaf-a"])
    assert json.loads(files["server_verify.json"])["differences"][0]["server"] == "r1-s01"
    assert "r1-s01,bmc,https://bmc1,no" in files["server_verify.csv"]


def test_what_switches_facts_say_is_heard():
    facts = {"leaf-a": {"s01": [{"host": "r1-s01", "port": "5254.0000.0100"}], "s02": [{"host": "r1-s02.example.com", "port": "eth0"}]},
             "leaf-b": {"s01": [{"sysname": "5254.0000.0201", "host": "5254.0000.0201", "port": "eth1"}], "s02": []}}
    heard = server_verify.heard(facts)
    assert heard["leaf-a"][0] == {"port": "s01", "name": "r1-s01", "mac": "52:54:00:00:01:00"}
    assert found(heard=heard) == [
        ("error", "r1-s01", "cable eth1", "port s01 of leaf-b", "r1-s02 (52:54:00:00:02:01) is there"),
        ("error", "r1-s02", "cable eth1", "port s02 of leaf-b", "port s01 of leaf-b"),
    ]


def test_rows_and_silence_are_heard_as_they_are():
    assert server_verify.heard({"leaf-a": HEARD["leaf-a"], "leaf-b": None}) == {"leaf-a": HEARD["leaf-a"], "leaf-b": []}
