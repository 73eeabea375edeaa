#!/usr/bin/python
# Copyright: (c) 2026, leasehold.cloud contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Documentation, and with it the options, of the action plugin of the same name."""

from __future__ import annotations

DOCUMENTATION = r"""
module: server
version_added: 0.1.0
short_description: Move servers through their states
description:
  - A server is available, claimed, provisioning, in_service, releasing, cleaning, and available again; and quarantined, repair or retired, from anywhere,
    with a O(reason).
  - All servers given are moved in one transaction, or none. One that is in the state already is left alone.
  - A server that a cluster holds is moved by that cluster's run. To set it aside (V(quarantined), V(repair), V(retired)) needs no run.
  - From cleaning to available needs O(evidence) of an erase of every drive.
author: leasehold.cloud contributors (@leasehold)
extends_documentation_fragment:
  - leasehold.cloud.ledger
  - leasehold.cloud.attributes
attributes:
  check_mode:
    details: What earlier tasks would have done is taken for done, so a state that follows on theirs is not refused.
options:
  servers:
    description: Names of the servers.
    type: list
    elements: str
    required: true
  state:
    description: The state to bring them to.
    type: str
    choices: [available, provisioning, in_service, releasing, cleaning, quarantined, repair, retired]
    required: true
  except_states:
    description: Servers in one of these states are left alone.
    type: list
    elements: str
    default: []
  reason:
    description: Why. Needed to set servers aside.
    type: str
  evidence:
    description:
      - By server, what proves it, kept with the state. Of a wipe, the list of its drives' proofs, C(wipes) of
        RV(leasehold.cloud.bmc#module:servers).
    type: dict
  cluster:
    description: The cluster in whose name they are moved. Refused (V(stale_run)) if another one holds a server, or none.
    type: str
  token:
    description: Of the cluster's run, from M(leasehold.cloud.run). Needed with O(cluster).
    type: int
"""

EXAMPLES = r"""
- name: The servers are being cleaned
  leasehold.cloud.server:
    cluster: blue
    servers: [r1-s01, r1-s02]
    state: cleaning
    except_states: [available]
    token: "{{ started.token }}"
  register: cleaning

- name: They are clean
  leasehold.cloud.server:
    cluster: blue
    servers: [r1-s01, r1-s02]
    state: available
    evidence:
      r1-s01: "{{ wiped.servers['r1-s01'].wipes }}"
      r1-s02: "{{ wiped.servers['r1-s02'].wipes }}"
    token: "{{ started.token }}"

- name: Put a server aside
  leasehold.cloud.server:
    servers: [r2-s07]
    state: quarantined
    reason: "memory errors, ticket 4711"
"""

RETURN = r"""
since:
  description:
    - The latest moment at which one of the servers came into the state; now, when none is in it.
    - Of V(cleaning), it is what O(leasehold.cloud.bmc#module:erase_since) needs, proof from an earlier release being no proof.
  returned: success
  type: str
  sample: "2026-11-20T10:00:00.000Z"
servers:
  description: The servers as they are then, as in RV(leasehold.cloud.claim_info#module:servers).
  returned: success
  type: list
  elements: dict
"""
