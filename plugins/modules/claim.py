#!/usr/bin/python
# Copyright: (c) 2026, leasehold.cloud contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Documentation, and with it the options, of the action plugin of the same name."""

from __future__ import annotations

DOCUMENTATION = r"""
module: claim
version_added: 0.1.0
short_description: Take or free what a cluster holds, all or nothing
description:
  - A claim is one resource (server, VLAN, prefix, address) held by one cluster. It is taken or refused, never taken over.
  - With O(state=present), all that a plan needs is taken in one transaction, and order and lease are recorded. What the cluster holds already stays held.
  - With O(state=absent), servers are given back with their addresses, or everything. A server goes only if it was wiped with proof (its state is
    available) or was claimed and never booted; if one may not go, nothing does.
author: leasehold.cloud contributors (@leasehold)
extends_documentation_fragment:
  - leasehold.cloud.ledger
  - leasehold.cloud.attributes
options:
  cluster:
    description: Name of the cluster.
    type: str
    required: true
  state:
    description: Whether the claims shall be.
    type: str
    choices: [present, absent]
    default: present
  plan:
    description:
      - What to claim, as RV(leasehold.cloud.plan_info#module:plan). Needed with O(state=present).
      - Refused (V(stale_plan)) when what it rests on has changed since.
    type: dict
  expected_plan:
    description: Hash of the plan that was approved. Another plan that would take new servers is refused (V(stale_plan)).
    type: str
  servers:
    description: Names of the servers to free with O(state=absent). Not given, all that the cluster holds is freed, VLAN and prefix too.
    type: list
    elements: str
  token:
    description: Of the cluster's run, from M(leasehold.cloud.run).
    type: int
    required: true
"""

EXAMPLES = r"""
- name: Claim all that the plan needs
  leasehold.cloud.claim:
    cluster: blue
    plan: "{{ planned.plan }}"
    token: "{{ started.token }}"

- name: Free two servers that are wiped
  leasehold.cloud.claim:
    cluster: blue
    state: absent
    servers: [r1-s01, r1-s02]
    token: "{{ started.token }}"
"""

RETURN = r"""
cluster:
  description: The cluster as it is then, as in RV(leasehold.cloud.claim_info#module:clusters).
  returned: success
  type: dict
"""
