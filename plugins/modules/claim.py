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
      - When what it rests on has changed since, because another order was first, it is planned anew with what is left, once, where no
        other can be faster. A plan that was approved by its hash is refused then (V(stale_plan)), with what has moved in RV(details).
      - Of a plan whose lease begins later, everything is reserved for that time instead.
    type: dict
  expected_plan:
    description: Hash of the plan that was approved. Another plan that would take new servers is refused (V(stale_plan)).
    type: str
  hold:
    description:
      - Keeps the claims for so long (V(2h), V(3d)), for an approval. Then they lapse by themselves, unless a run has begun to use them.
      - Not given, the claims stay until they are freed.
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

- name: Keep what the plan needs for two hours, until somebody has approved it
  leasehold.cloud.claim:
    cluster: blue
    plan: "{{ planned.plan }}"
    token: "{{ started.token }}"
    hold: 2h

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
plan:
  description: The plan that was claimed for; another than the one given, where that one was outrun.
  returned: when O(state=present)
  type: dict
details:
  description: Of a refusal, such as C(moved), what has changed since the plan was made, each with C(what), C(before) and C(after).
  returned: failure
  type: dict
"""
