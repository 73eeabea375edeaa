#!/usr/bin/python
# Copyright: (c) 2026, leasehold.cloud contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Documentation, and with it the options, of the action plugin of the same name."""

from __future__ import annotations

DOCUMENTATION = r"""
module: receipt
version_added: 0.1.0
short_description: Write the signed record of a handover or a release
description:
  - Writes a receipt, a JSON document signed with Ed25519 over its canonical form, that says what was handed over or taken back and how that was
    proven.
  - It certifies only what was proven. A gate that did not pass, or a release with a drive whose erase has no evidence, is refused.
  - A receipt that is there already, is genuine and says the same stays as it is. Times, and the measurements of gates that passed, do not count as
    saying something else.
  - The private key is made on first use, readable by its owner only, with its public key beside it.
author: leasehold.cloud contributors (@leasehold)
extends_documentation_fragment:
  - leasehold.cloud.attributes
requirements:
  - cryptography >= 43
options:
  path:
    description: Where the receipt is written.
    type: path
    required: true
  private_key:
    description: Path of the Ed25519 private key (PEM, PKCS 8, not encrypted).
    type: path
    required: true
  public_key:
    description: Path of its public key. Without it, O(private_key) with the ending C(.pub).
    type: path
  kind:
    description: Whether the servers were handed over to a tenant, or taken back.
    type: str
    required: true
    choices: [handover, release]
  order:
    description: What was ordered; at least C(cluster) and C(tenant).
    type: dict
    required: true
  servers:
    description: The servers, as a plan has them. Name, serial, UUID, class, rack, node set, address and NICs go into the receipt.
    type: list
    elements: dict
    required: true
  segment:
    description: The tenant network, as a plan has it.
    type: dict
    required: true
  gates:
    description: The findings of the gates that were passed, with their evidence.
    type: list
    elements: dict
    required: true
  wipes:
    description: On release, RV(leasehold.cloud.bmc#module:servers) of the task that erased the drives.
    type: dict
    default: {}
  times:
    description: Named times of the order, such as when it was ordered. The time of issue is added as C(issued).
    type: dict
    default: {}
seealso:
  - module: leasehold.cloud.receipt_info
"""

EXAMPLES = r"""
- name: Hand over with a receipt
  leasehold.cloud.receipt:
    path: /var/lib/leasehold/clusters/demo/receipt.json
    private_key: /var/lib/leasehold/keys/receipt.key
    kind: handover
    order: {cluster: demo, tenant: acme}
    servers: "{{ cluster_plan.servers }}"
    segment: "{{ cluster_plan.segment }}"
    gates: "{{ findings }}"
"""

RETURN = r"""
receipt:
  description: The receipt that is there now (in check mode, that would be, unsigned).
  returned: success
  type: dict
path:
  description: Where it is.
  returned: success
  type: str
public_key:
  description: Path of the public key that verifies it.
  returned: success
  type: str
error_code:
  description: V(gate_failed), V(wipe_unproven) or V(invalid_input).
  returned: failure
  type: str
"""
