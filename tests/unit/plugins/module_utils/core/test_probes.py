# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import pytest

from ansible_collections.leasehold.cloud.plugins.module_utils.core import probes
from ansible_collections.leasehold.cloud.plugins.module_utils.core.errors import InvalidInput

S1 = {"name": "s1", "address": "10.64.0.10", "nics": [{"name": "eth0", "mac": "52:54:00:00:00:01"}, {"name": "eth1", "mac": "52:54:00:00:01:01"}]}
S2 = {"name": "s2", "address": "10.64.0.11", "nics": []}
GATEWAY = {"name": "gateway", "address": "10.64.0.1"}
CANARY = {"name": "canary", "address": "10.99.0.10"}


def asked(**more):
    return probes.questions(S1, [S1, S2], **{"must_answer": [GATEWAY], "must_not_answer": [CANARY], **more})


def test_a_server_asks_the_gateway_its_peers_and_the_canaries_but_not_itself():
    assert [(question.name, question.must_answer, question.peer) for question in asked()] == [
        ("gateway", True, False), ("s2", True, True), ("canary", False, False)]


def test_peers_can_be_left_out():
    assert [question.name for question in asked(peers=False)] == ["gateway", "canary"]


def test_every_peer_is_asked_by_arp_and_the_next_few_by_icmp():
    """Whatever the order in which the servers are given, for the gate must come to the same questions."""
    servers = [{"name": f"s{number:02}", "address": f"10.64.0.{number}"} for number in range(1, 33)]
    for given in (servers, servers[::-1]):
        for server in servers:
            asked_of = probes.questions(server, given, [], [])
            assert {question.name for question in asked_of} == {peer["name"] for peer in servers} - {server["name"]}
            assert all("arp" in question.methods for question in asked_of)
        echoed = [question.name for question in probes.questions(servers[29], given, [], []) if "icmp" in question.methods]
        assert echoed == ["s31", "s32", "s01", "s02", "s03", "s04"]


def test_a_peer_that_is_also_given_is_asked_once_as_given():
    questions = asked(must_answer=[GATEWAY, {"name": "kept", "address": "10.64.0.11", "methods": ["arp"]}])
    assert [(question.name, question.methods) for question in questions if question.address == "10.64.0.11"] == [("kept", ("arp",))]


@pytest.mark.parametrize("address", ["10.64.0.10", "10.64.0.1", "10.64.0.11"])
def test_nobody_both_must_and_must_not_answer(address):
    with pytest.raises(InvalidInput, match="both must and must not"):
        asked(must_not_answer=[{"name": "x", "address": address}])


@pytest.mark.parametrize("target", [{"name": "x"}, {"name": "x", "address": "10.0.0.1; reboot"}, {"name": "x", "address": "fe80::1"},
                                    {"name": "x", "address": "10.0.0.1", "methods": ["telepathy"]}])
def test_what_cannot_be_asked_for_is_refused(target):
    with pytest.raises(InvalidInput, match="target x"):
        asked(must_not_answer=[target])


def test_the_script_holds_the_questions_and_nothing_unchecked():
    text = probes.script(S1, asked(), probes.Pace(5, 2), "body\n")
    assert "address='10.64.0.10'\n" in text and "macs='52:54:00:00:00:01 52:54:00:00:01:01'\n" in text
    assert "reach='0 10.64.0.1 arp,icmp given\n1 10.64.0.11 arp,icmp peer'\n" in text
    assert "silent='2 10.99.0.10 arp,icmp given'\n" in text and text.endswith("body\n")
    with pytest.raises(InvalidInput, match="MAC"):
        probes.script({**S1, "nics": [{"name": "eth0", "mac": "'; reboot; '"}]}, [], probes.Pace(), "")


@pytest.mark.parametrize(("servers", "batch"), [(0, 128), (1, 128), (2, 64), (8, 16), (32, 4), (64, 4)])
def test_the_more_servers_ask_the_less_each_asks_at_once(servers, batch):
    assert probes.Pace.among(servers, 3, 2) == probes.Pace(3, 2, batch)


def test_findings_are_read_with_the_names_of_nics_and_targets():
    output = """device spare ens2 52:54:00:00:01:01
device leased bond0 52:54:00:00:00:01
answer icmp bond0 0 yes
answer arp ens2 0 no
failed arp bond0 2 arping: interface bond0 is down
done
"""
    results = probes.read(S1, asked(), output)
    assert [(result["nic"], result["target"], result["method"], result["answered"]) for result in results] == [
        ("eth0", "gateway", "icmp", True), ("eth1", "gateway", "arp", False), ("eth0", "canary", "arp", None)]
    assert results[2]["error"] == "arping: interface bond0 is down" and "error" not in results[0]


def test_errors_of_the_server_are_results():
    results = probes.read(S1, asked(), "error no device holds the leased address 10.64.0.10\ndone\n")
    assert results == [probes.failure(S1, "no device holds the leased address 10.64.0.10")]


@pytest.mark.parametrize("output", ["", "answer icmp eth0 0 yes\n", "done\nanswer icmp eth0 0 yes\n"])
def test_findings_that_were_cut_short_are_an_error(output):
    assert "not complete" in probes.read(S1, asked(), output)[0 if not output else -1]["error"]


def test_lines_that_are_no_findings_count_for_nothing():
    assert probes.read(S1, asked(), "Welcome to CoreOS\nanswer icmp eth0 77 yes\nanswer smoke eth0 0 yes\ndone\n") == []


def test_the_time_limit_covers_the_longest_that_all_can_take():
    asked_of = [probes.Question(str(number), "10.0.0.1", True) for number in range(63)]
    pace = probes.Pace.among(64, 3, 2)
    rounds = 63 * 3 / pace.batch  # a question by the leased NIC in two ways and by one spare
    assert 2 * rounds * pace.patience < probes.time_limit(S1, asked_of, pace) < 600
