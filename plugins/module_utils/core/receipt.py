# Copyright: (c) 2026, leasehold.cloud contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a receipt says: what was handed over or taken back, and how it was proven. Pure; M(signing) signs it.

A receipt is a JSON document. It is signed over its canonical form (sorted keys, no spaces) without C(signature), so it
can be checked by anybody who has the public key, offline, in any language.
"""

from __future__ import annotations

import copy

from ansible_collections.leasehold.cloud.plugins.module_utils.core.changes import canonical
from ansible_collections.leasehold.cloud.plugins.module_utils.core.errors import GateFailed, InvalidInput, WipeUnproven

VERSION = 1
KINDS = ("handover", "release")
SERVER_KEYS = ("name", "serial", "uuid", "class", "rack", "node_set", "address", "nics")


def compose(kind: str, *, order: dict, servers: list[dict], segment: dict, gates: list[dict], wipes: dict,
            times: dict, certify: bool = True) -> dict:
    """The content of a receipt, unsigned.

    :param servers: as a plan has them; what a receipt needs is taken from them.
    :param gates: findings, ``{gate, ok, problems, evidence}``.
    :param wipes: by server, ``{"wipes": [evidence]}`` as M(leasehold.cloud.bmc) returns it.
    :param times: named times of the order, such as ``{"ordered": …, "ready": …, "issued": …}``.
    :param certify: refuse what is not proven. Only check mode does without: nothing is passed or erased there.
    :raises InvalidInput: something needed is missing.
    :raises GateFailed, WipeUnproven: it would certify what was not proven.
    """
    receipt = {
        "version": VERSION, "kind": kind, "order": order, "segment": segment, "gates": gates, "times": times,
        "servers": sorted(({key: server[key] for key in SERVER_KEYS if server.get(key) is not None}
                           for server in servers), key=lambda server: server["name"]),
        "wipes": [{"server": name, **proof} for name in sorted(wipes) for proof in wipes[name]["wipes"]],
    }
    about = {"object": f"{kind} receipt of {order.get('cluster', 'an order')}", "attempted": "composing the receipt"}
    if not servers or not gates:
        raise InvalidInput("a receipt names at least one server and one gate",
                           remedy="pass the servers and the findings of the gates", **about)
    found = problems(receipt)
    if found and certify:
        kind_of_error = WipeUnproven if any(problem.startswith("drive") for problem in found) else GateFailed
        raise kind_of_error("; ".join(found), remedy="a receipt certifies only what was proven: pass the gate or the wipe first",
                            **about)
    return copy.deepcopy(receipt)


def problems(receipt: dict) -> list[str]:
    """What a receipt's own content does not prove: gates that did not pass, drives without evidence of their erase."""
    found = [f"gate {gate.get('gate')} did not pass" for gate in receipt.get("gates", []) if not gate.get("ok")]
    if receipt.get("kind") == "release":
        proofs = receipt.get("wipes", [])
        found += [f"drive {proof.get('drive')} of {proof.get('server')} is not proven to be erased: {proof.get('reason')}"
                  for proof in proofs if not proof.get("proven")]
        wiped = {proof.get("server") for proof in proofs}
        found += [f"drives of {server['name']}: no evidence" for server in receipt.get("servers", [])
                  if server["name"] not in wiped]
    return found


def signed_text(receipt: dict) -> str:
    """The canonical text that the signature is over."""
    return canonical({key: receipt[key] for key in receipt if key != "signature"})


def statement(receipt: dict) -> str:
    """What a receipt says apart from when and by which measurement: two receipts that say the same are equal here.

    Times and the evidence of passed gates (round-trip times, counts of tries) differ at every look without saying
    anything new.
    """
    said = {key: receipt.get(key) for key in ("version", "kind", "order", "segment", "servers")}
    said["gates"] = sorted(str(gate.get("gate")) for gate in receipt.get("gates", []))
    said["wipes"] = sorted((str(proof.get("server")), str(proof.get("drive")), str(proof.get("serial")),
                            str(proof.get("task"))) for proof in receipt.get("wipes", []))
    return canonical(said)


def summary(receipt: dict) -> str:
    """One line for people."""
    servers = ", ".join(server["name"] for server in receipt["servers"])
    gates = ", ".join(str(gate.get("gate")) for gate in receipt["gates"])
    erased = f"; {len(receipt['wipes'])} drives erased" if receipt["wipes"] else ""
    return f"{receipt['kind']} of {receipt['order'].get('cluster')}: servers {servers}; gates {gates}{erased}"
