#!/usr/bin/python
# Copyright: (c) 2026, leasehold.cloud contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Documentation, and with it the options, of the action plugin of the same name."""

from __future__ import annotations

DOCUMENTATION = r"""
module: receipt_info
version_added: 0.1.0
short_description: Read a receipt and check it, offline
description:
  - Checks that a receipt was signed by the holder of a key and not altered since, and that its content proves what it certifies.
  - Needs nothing but the two files.
author: leasehold.cloud contributors (@leasehold)
extends_documentation_fragment:
  - leasehold.cloud.attributes.info
requirements:
  - cryptography >= 43
options:
  path:
    description: The receipt.
    type: path
    required: true
  public_key:
    description: Path of the public key (PEM) of who is expected to have signed it.
    type: path
    required: true
  fail:
    description: Whether a receipt that is not good fails the task. If not, RV(valid) tells.
    type: bool
    default: true
seealso:
  - module: leasehold.cloud.receipt
"""

EXAMPLES = r"""
- name: Check a receipt
  leasehold.cloud.receipt_info:
    path: receipt.json
    public_key: receipt.pub
  register: checked
"""

RETURN = r"""
valid:
  description: Whether it is genuine and complete.
  returned: success
  type: bool
problems:
  description: What is wrong with it.
  returned: success
  type: list
  elements: str
summary:
  description: What it says, in a line.
  returned: success
  type: str
  sample: "handover of demo: servers r1-s01, r2-s01; gates readback, wire, cluster"
receipt:
  description: The receipt.
  returned: success
  type: dict
error_code:
  description: V(invalid_input) or V(not_found).
  returned: failure
  type: str
"""
