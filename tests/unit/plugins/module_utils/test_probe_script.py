# SPDX-License-Identifier: GPL-3.0-or-later
"""The script that runs on servers, with the server's tools replaced by ones that say what a test wants."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from ansible_collections.leasehold.cloud.plugins.module_utils import ssh
from ansible_collections.leasehold.cloud.plugins.module_utils.core import probes

BODY = Path(ssh.__file__).with_name("probe.sh").read_text()
SERVER = {"name": "s1", "address": "10.64.0.10", "nics": [{"name": "eth0", "mac": "52:54:00:00:00:01"}, {"name": "eth1", "mac": "52:54:00:00:01:01"}]}
LOOPBACK = "1: lo    inet 127.0.0.1/8 scope host lo\\       valid_lft forever preferred_lft forever"
PLAIN = {
    "addresses": [LOOPBACK, "2: eth0    inet 10.64.0.10/24 scope global eth0\\       valid_lft forever preferred_lft forever"],
    "links": [
        "1: lo: <LOOPBACK,UP> mtu 65536 qdisc noqueue state UNKNOWN \\    link/loopback 00:00:00:00:00:00 brd 00:00:00:00:00:00",
        "2: eth0@if9: <BROADCAST,UP> mtu 1500 qdisc noqueue state UP qlen 1000\\    link/ether 52:54:00:00:00:01 brd ff:ff:ff:ff:ff:ff link-netnsid 0",
        "3: eth1@if8: <BROADCAST,UP> mtu 1500 qdisc noqueue state UP qlen 1000\\    link/ether 52:54:00:00:01:01 brd ff:ff:ff:ff:ff:ff link-netnsid 0",
    ],
}
BOND = {
    "addresses": [LOOPBACK, "4: bond0    inet 10.64.0.10/24 scope global bond0\\       valid_lft forever preferred_lft forever"],
    "links": [
        "2: eth0: <BROADCAST,SLAVE,UP> mtu 1500 master bond0 state UP\\    link/ether 52:54:00:00:00:01 brd ff:ff:ff:ff:ff:ff \\"
        "    bond_slave state BACKUP perm_hwaddr 52:54:00:00:00:01",
        "3: eth1: <BROADCAST,SLAVE,UP> mtu 1500 master bond0 state UP\\    link/ether 52:54:00:00:00:01 brd ff:ff:ff:ff:ff:ff "
        "permaddr 52:54:00:00:01:01 \\    bond_slave state ACTIVE perm_hwaddr 52:54:00:00:01:01",
        "4: bond0: <BROADCAST,MASTER,UP> mtu 1500 state UP\\    link/ether 52:54:00:00:00:01 brd ff:ff:ff:ff:ff:ff \\"
        "    bond mode active-backup active_slave eth1 miimon 100",
    ],
}
IP = """case "$*" in
"-o -4 address show") cat "$FAKES/addresses" ;;
"-o -d link show") cat "$FAKES/links" ;;
"-4 neighbour show dev "*) cat "$FAKES/neighbours" ;;
*) exit 2 ;;
esac
"""
# Addresses in the file `reachable` answer; every call is noted.
PING = """echo "ping $*" >> "$FAKES/calls"
for target; do :; done
grep -qx "$target" "$FAKES/reachable" && exit 0
exit 1
"""
ARPING = """echo "arping $*" >> "$FAKES/calls"
for target; do :; done
if grep -qx "$target" "$FAKES/reachable"; then echo "Received 1 response(s)"; else echo "Received 0 response(s)"; exit 1; fi
"""


@pytest.fixture
def machine(tmp_path):
    """Runs the script on a machine with the given network; returns (results, calls of the tools)."""

    def run(network, asked, reachable=(), neighbours=(), **tools):
        known = [f"{address} lladdr 52:54:00:99:99:99 REACHABLE" for address in neighbours]
        contents = network | {"neighbours": known, "reachable": reachable, "calls": []}
        for name, lines in contents.items():
            (tmp_path / name).write_text("".join(f"{line}\n" for line in lines))
        for name, text in ({"ip": IP, "ping": PING, "arping": ARPING, "sudo": 'shift; exec "$@"\n'} | tools).items():
            (tmp_path / name).write_text(f"#!/bin/sh\n{text}")
            (tmp_path / name).chmod(0o755)
        script = probes.script(SERVER, asked, probes.Pace(5, 2), BODY)
        done = subprocess.run(["sh", "-s"], input=script, capture_output=True, text=True, check=True, timeout=30,
                              env={"PATH": f"{tmp_path}:{os.environ['PATH']}", "FAKES": str(tmp_path)})
        assert done.stderr == ""
        return probes.read(SERVER, asked, done.stdout), (tmp_path / "calls").read_text().splitlines()

    return run


def told(results):
    return {(result["nic"], result["target"], result["method"]): result["answered"] for result in results}


GATEWAY = probes.Question("gateway", "10.64.0.1", True)
PEER = probes.Question("peer", "10.64.0.11", True, peer=True)
CANARY = probes.Question("canary", "10.99.0.10", False)


def test_each_nic_asks_what_it_should(machine):
    results, calls = machine(PLAIN, [GATEWAY, PEER, CANARY], reachable=["10.64.0.1", "10.64.0.11"])
    assert told(results) == {
        ("eth0", "gateway", "icmp"): True, ("eth0", "gateway", "arp"): True, ("eth1", "gateway", "arp"): True,
        ("eth0", "peer", "icmp"): True, ("eth0", "peer", "arp"): True,
        ("eth0", "canary", "icmp"): False, ("eth0", "canary", "arp"): False, ("eth1", "canary", "arp"): False,
    }
    assert "arping -D -w 2 -I eth0 10.99.0.10" in calls, "an address that must not answer is asked for without a sender"
    assert "arping -f -s 10.64.0.10 -w 5 -I eth0 10.64.0.1" in calls


def test_an_answer_that_must_not_be_is_reported(machine):
    results, _calls = machine(PLAIN, [CANARY], reachable=["10.99.0.10"])
    assert set(told(results).values()) == {True} and len(results) == 3


def test_who_answered_an_echo_and_is_a_neighbour_is_not_asked_again(machine):
    results, calls = machine(PLAIN, [PEER], reachable=["10.64.0.11"], neighbours=["10.64.0.11"])
    assert told(results) == {("eth0", "peer", "icmp"): True, ("eth0", "peer", "arp"): True}
    assert not [call for call in calls if call.startswith("arping")]


def test_a_stale_neighbour_that_answers_no_echo_is_asked_again(machine):
    results, _calls = machine(PLAIN, [PEER], neighbours=["10.64.0.11"])
    assert told(results) == {("eth0", "peer", "icmp"): False, ("eth0", "peer", "arp"): False}


def test_a_neighbour_whose_address_only_begins_alike_is_not_taken_for_it(machine):
    results, calls = machine(PLAIN, [GATEWAY], reachable=["10.64.0.1"], neighbours=["10.64.0.11", "110.64.0.1"])
    assert "arping -f -s 10.64.0.10 -w 5 -I eth0 10.64.0.1" in calls and told(results)["eth0", "gateway", "arp"] is True


def test_who_must_answer_gets_a_second_chance(machine):
    """In a crowd of servers that all ask at once, a first question may be lost."""
    deaf = 'n=$(cat "$FAKES/tries" 2>/dev/null); echo "x$n" > "$FAKES/tries"; [ "$n" ] || exit 1; exit 0\n'
    results, _calls = machine(PLAIN, [PEER], ping=deaf, reachable=["10.64.0.11"])
    assert told(results) == {("eth0", "peer", "icmp"): True, ("eth0", "peer", "arp"): True} and len(results) == 2


def test_who_never_answers_is_told_once(machine):
    results, _calls = machine(PLAIN, [GATEWAY])
    assert told(results) == {("eth0", "gateway", "icmp"): False, ("eth0", "gateway", "arp"): False, ("eth1", "gateway", "arp"): False}
    assert len(results) == 3


def test_through_a_bond_the_active_nic_is_named_and_none_is_spare(machine):
    results, calls = machine(BOND, [GATEWAY], reachable=["10.64.0.1"])
    assert told(results) == {("eth1", "gateway", "icmp"): True, ("eth1", "gateway", "arp"): True}
    assert all("-I bond0 " in call for call in calls)


def test_a_nic_that_is_missing_is_an_error(machine):
    network = PLAIN | {"links": PLAIN["links"][:2]}
    results, _calls = machine(network, [GATEWAY], reachable=["10.64.0.1"])
    assert [result["error"] for result in results if "error" in result] == ["no device has the MAC address 52:54:00:00:01:01"]


def test_a_server_without_its_address_says_so(machine):
    results, calls = machine(PLAIN | {"addresses": [LOOPBACK]}, [GATEWAY])
    assert [result["error"] for result in results] == ["no device holds the leased address 10.64.0.10"] and not calls


def test_another_prefixs_like_address_is_not_the_leased_one(machine):
    network = PLAIN | {"addresses": [LOOPBACK, PLAIN["addresses"][1].replace("10.64.0.10/24", "10.64.0.101/24")]}
    results, _calls = machine(network, [GATEWAY])
    assert "no device holds" in results[0]["error"]


@pytest.mark.parametrize(("tools", "method"), [
    ({"arping": "echo 'arping: Interface eth0 is down' >&2; exit 2\n"}, "arp"),
    ({"ping": "echo 'ping: socket: Operation not permitted' >&2; exit 2\n"}, "icmp"),
    ({"arping": "exit 127\n"}, "arp"),
])
def test_a_tool_that_fails_is_no_silence(machine, tools, method):
    """Fails closed: an error is never taken for no answer."""
    results, _calls = machine(PLAIN, [CANARY], **tools)
    failed = [result for result in results if result["answered"] is None]
    assert failed and {result["method"] for result in failed} == {method} and all("error" in result for result in failed)


def test_an_unreachable_network_is_silence(machine):
    results, _calls = machine(PLAIN, [CANARY], ping="echo 'ping: connect: Network is unreachable' >&2; exit 2\n")
    assert told(results)["eth0", "canary", "icmp"] is False


def test_hundreds_of_questions_are_all_answered(machine):
    asked = [probes.Question(f"peer{number}", f"10.64.1.{number}", True, peer=True) for number in range(1, 200)]
    reachable = [question.address for question in asked]
    results, _calls = machine(PLAIN, asked, reachable=reachable, neighbours=reachable)
    assert len(results) == 2 * len(asked) and all(result["answered"] for result in results)
