#!/usr/bin/python
# Copyright: (c) 2026, leasehold.cloud contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Documentation, and with it the options, of the action plugin of the same name."""

from __future__ import annotations

DOCUMENTATION = r"""
module: gate_info
version_added: 0.1.0
short_description: Decide whether an order may go on
description:
  - Compares what must be with what was found, and fails with V(gate_failed) when they differ. It looks at nothing itself.
  - A gate fails closed. What was not looked at, or could not be found out, is a problem.
author: leasehold.cloud contributors (@leasehold)
extends_documentation_fragment:
  - leasehold.cloud.attributes.info
options:
  gate:
    description:
      - V(readback), the segment's VLAN is on exactly the expected switch ports.
      - V(wire), from each server, who must answer does, and who must not does not.
      - V(cluster), the expected nodes are Ready, no other is there, and the API answers.
      - V(residue), nothing is left of what was released.
    type: str
    required: true
    choices: [readback, wire, cluster, residue]
  segment:
    description: The segment, as a plan has it (C(name), C(vlan), C(quarantine_vlan)). For O(gate=readback) and O(gate=residue).
    type: dict
  servers:
    description: The servers, as a plan has them. For O(gate=wire), those probed from; for O(gate=residue), those released; for
      O(gate=readback), those to be named in problems with their ports.
    type: list
    elements: dict
    default: []
  expected:
    description:
      - For O(gate=readback), by switch, the ports that must be in the segment, C({name, mode, vlan, vlans}).
      - For O(gate=wire), C(must_answer), C(must_not_answer) and C(peers), as M(leasehold.cloud.probe_info) was given them.
      - For O(gate=cluster), C(nodes), the nodes' names.
      - For O(gate=residue), C(segment_gone), whether the VLAN must be nowhere; V(false) when only some of a cluster's servers were released;
        and C(places), those of C(observed) that must have been looked at, all by default.
    type: dict
    default: {}
  observed:
    description:
      - For O(gate=readback), by switch, all ports as M(leasehold.cloud.ovs_ports_info) returns them.
      - For O(gate=wire), C(results) of M(leasehold.cloud.probe_info).
      - For O(gate=cluster), C(nodes), Node objects or C({name, ready, reason}), and C(api), whether the API answered with the kubeconfig that is handed over.
      - For O(gate=residue), C(switches) as for V(readback), C(bmcs), by server, as C(servers) of
        M(leasehold.cloud.bmc_info), C(objects), what the hub still has,
        and C(claims), what the ledger still has. What is absent or null was not looked at.
    type: dict
    required: true
  enforce:
    description: Whether to fail when there are problems. Without, the finding is returned either way.
    type: bool
    default: true
seealso:
  - module: leasehold.cloud.ovs_ports_info
  - module: leasehold.cloud.probe_info
"""

EXAMPLES = r"""
- name: Pass the wire gate
  leasehold.cloud.gate_info:
    gate: wire
    servers: "{{ plan.servers }}"
    expected:
      must_answer: [{name: gateway, address: 10.64.0.1}]
      must_not_answer: [{name: canary-acme, address: 10.99.0.10}]
    observed: "{{ probes }}"

- name: Look whether anything is left, without failing
  leasehold.cloud.gate_info:
    gate: residue
    segment: "{{ plan.segment }}"
    servers: "{{ plan.remove }}"
    observed:
      switches: "{{ switches }}"
      bmcs: "{{ bmcs.servers }}"
      objects: []
      claims: []
    enforce: false
"""

RETURN = r"""
finding:
  description: What the gate found; also when it failed.
  returned: always, unless the options cannot be used
  type: dict
  contains:
    gate:
      description: The gate.
      type: str
    ok:
      description: Whether the order may go on.
      type: bool
    problems:
      description: What is wrong, as C({object, endpoints, switch, port, problem}), the endpoints being the two between which it is.
      type: list
      elements: dict
    evidence:
      description: What the gate rests on, for the receipt.
      type: dict
"""
