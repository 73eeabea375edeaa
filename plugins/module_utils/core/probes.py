# Copyright: (c) 2026, leasehold.cloud contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Probes: who is asked from a server, whether it must answer, and what the server's findings mean.

What is run on the server is C(module_utils/probe.sh); here is what is put in front of it, and how its lines are read.
"""

from __future__ import annotations

import dataclasses
import ipaddress
import re
from collections.abc import Iterable, Mapping, Sequence

from ansible_collections.leasehold.cloud.plugins.module_utils.core.errors import InvalidInput

METHODS = ("arp", "icmp")
ECHOED_PEERS = 6  # peers that a server asks by ICMP as well; all are asked by ARP, which fills nobody's neighbour table
AT_ONCE = 128  # questions to those that must answer, by all servers together: each may be a broadcast to all of them
SILENT_AT_ONCE = 64  # questions to those that must not answer, by one server
MAC = re.compile(r"([0-9a-f]{2}:){5}[0-9a-f]{2}")


@dataclasses.dataclass(frozen=True)
class Question:
    """One address that is asked for from a server."""

    name: str
    address: str
    must_answer: bool
    methods: tuple[str, ...] = METHODS
    peer: bool = False  # peers are not asked by NICs that hold no address; all others are, at ARP level


@dataclasses.dataclass(frozen=True)
class Pace:
    """How patient a server is, in whole seconds, with those that must answer and those that must not, and how many it asks at once."""

    patience: int = 3
    window: int = 2
    batch: int = 16

    @classmethod
    def among(cls, servers: int, patience: int, window: int) -> Pace:
        """The pace of one of so many servers that ask at the same time."""
        return cls(patience, window, max(4, AT_ONCE // max(1, servers)))


def questions(server: Mapping, servers: Iterable[Mapping], must_answer: Iterable[Mapping], must_not_answer: Iterable[Mapping],
              peers: bool = True) -> list[Question]:
    """Who is asked from C(server): all of C(must_answer), every other server, all of C(must_not_answer).

    Peers are asked from the leased address only; the rest from spare NICs too, whose path to a peer is that to the gateway.
    Every peer is asked by ARP, and the C(ECHOED_PEERS) that follow by name, round and round, by ICMP as well: what an echo
    adds to an ARP answer within one segment does not depend on the pair, and N servers' echoes would fill tables with N² entries.

    :param servers: C({name, address}); those who probe, and with C(peers) are each other's peers.
    :param must_answer: C({name, address, methods}), methods by default both; a server's own address is left out.
    :raises InvalidInput: an address or method that is none; an address that both must and must not answer.
    """
    asked = [_question(target, True) for target in must_answer]
    if peers:
        others = [peer for peer in servers if peer["name"] != server["name"]]
        ring = sorted(others, key=lambda peer: (peer["name"] < server["name"], peer["name"]))
        asked += [_question({**peer, "methods": METHODS if place < ECHOED_PEERS else ("arp",)}, True, peer=True)
                  for place, peer in enumerate(ring)]
    own = str(ipaddress.ip_address(server["address"]))
    reach: dict[str, Question] = {}
    for question in asked:
        if question.address != own:
            reach.setdefault(question.address, question)
    silent = {question.address: question for question in (_question(target, False) for target in must_not_answer)}
    both = sorted({*reach, own} & {*silent})
    if both:
        raise InvalidInput(
            f"{both[0]} both must and must not answer", object=f"server {server['name']}", attempted="choosing whom to probe",
            remedy="give only addresses of others under must_not_answer",
        )
    return [*reach.values(), *silent.values()]


def script(server: Mapping, asked: Sequence[Question], pace: Pace, body: str) -> str:
    """The text that the server's shell is given: values, then C(body). Nothing but checked values gets into it.

    :raises InvalidInput: a MAC that is none.
    """
    macs = [nic["mac"].lower() for nic in server["nics"]]
    for mac in macs:
        if not MAC.fullmatch(mac):
            raise InvalidInput(f"{mac!r} is no MAC address", object=f"server {server['name']}", attempted="preparing its probes",
                               remedy="correct the NIC in the source of truth")
    lines = {True: [], False: []}
    for index, question in enumerate(asked):
        lines[question.must_answer].append(f"{index} {question.address} {','.join(question.methods)} {'peer' if question.peer else 'given'}")
    values = {
        "address": str(ipaddress.ip_address(server["address"])), "macs": " ".join(macs), "patience": str(int(pace.patience)),
        "window": str(int(pace.window)), "batch": str(pace.batch), "silent_batch": str(SILENT_AT_ONCE),
        "reach": "\n".join(lines[True]), "silent": "\n".join(lines[False]),
    }
    return "".join(f"{name}='{value}'\n" for name, value in values.items()) + body


def time_limit(server: Mapping, asked: Sequence[Question], pace: Pace) -> float:
    """Seconds after which the server's findings are not waited for any longer, once connected: more than they can take."""
    each = 1 + len(server["nics"])  # ICMP and ARP by the leased NIC, ARP by the others
    waves = {True: pace.batch, False: SILENT_AT_ONCE}
    for must_answer, at_once in waves.items():
        waves[must_answer] = sum(each for question in asked if question.must_answer is must_answer) // at_once + 1
    return float(2 * pace.patience * waves[True] + pace.window * waves[False] + 30)


def read(server: Mapping, asked: Sequence[Question], output: str) -> list[dict]:
    """The server's findings as results.

    :returns: C({server, nic, target, address, method, must_answer, answered}); what could not be found out has C(answered)
        None and an C(error). Output that does not end with C(done) is an error as a whole.
    """
    nics = {nic["mac"].lower(): nic["name"] for nic in server["nics"]}
    devices: dict[str, str] = {}
    results: list[dict] = []
    findings: list[tuple[int, dict]] = []
    lines = output.splitlines()
    for line in lines:
        word, _space, rest = line.partition(" ")
        if word == "device":
            _role, device, mac = (rest.split() + [""])[:3]
            devices[device] = nics.get(mac, device)
        elif word == "error":
            results.append(failure(server, rest))
    for line in lines:
        match = re.fullmatch(r"(answer|failed) (arp|icmp) (\S+) (\d+)(?: (.*))?", line)
        if match and int(match[4]) < len(asked):
            findings.append((int(match[4]), _result(server, devices.get(match[3], match[3]), asked[int(match[4])], match)))
    results += [result for _index, result in sorted(findings, key=lambda one: (one[0], one[1]["nic"], one[1]["method"]))]
    if lines[-1:] != ["done"]:
        results.append(failure(server, f"its findings are not complete; the last line is: {lines[-1] if lines else 'none'}"))
    return results


def failure(server: Mapping, message: str) -> dict:
    """A result for what could not be found out at all from a server."""
    return {"server": server["name"], "nic": None, "target": None, "address": None, "method": None, "must_answer": None,
            "answered": None, "error": message}


def _result(server: Mapping, nic: str, question: Question, match: re.Match) -> dict:
    result = {"server": server["name"], "nic": nic, "target": question.name, "address": question.address, "method": match[2],
              "must_answer": question.must_answer, "answered": {"yes": True, "no": False}.get(match[5]) if match[1] == "answer" else None}
    return result if match[1] == "answer" else result | {"error": match[5] or "it failed without a word"}


def _question(target: Mapping, must_answer: bool, peer: bool = False) -> Question:
    methods = tuple(target.get("methods") or METHODS)
    try:
        address = str(ipaddress.IPv4Address(target["address"]))
        if not set(methods) <= set(METHODS):
            raise ValueError(f"methods are {' and '.join(METHODS)}, not {', '.join(methods)}")
    except (KeyError, ValueError) as error:
        raise InvalidInput(
            f"it cannot be asked for: {error}", object=f"target {target.get('name', target)}", attempted="choosing whom to probe",
            remedy="give each target a name and an IPv4 address",
        ) from error
    return Question(target.get("name") or address, address, must_answer, methods, peer)
