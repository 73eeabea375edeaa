#!/usr/bin/python
# Copyright: (c) 2026, leasehold.cloud contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Documentation, and with it the options, of the action plugin of the same name."""

from __future__ import annotations

DOCUMENTATION = r"""
module: plan_info
version_added: 0.1.0
short_description: Compute everything that an order would change, before anything does
description:
  - Chooses servers, VLAN, prefix and addresses, and works out every switch port and hub object, from the ledger alone. Changes nothing.
  - The plan has a hash. Whoever approves a plan names its hash as O(expected_plan) when it is carried out.
author: leasehold.cloud contributors (@leasehold)
extends_documentation_fragment:
  - leasehold.cloud.ledger
  - leasehold.cloud.attributes.info
attributes:
  diff_mode:
    support: full
    details: Shows what the plan would change.
options:
  operation:
    description:
      - V(create) makes a cluster, or finishes one that is half made. V(scale) changes the node sets that are given. V(delete) releases everything.
      - V(verify) describes the cluster as it stands, for checks.
    type: str
    choices: [create, scale, delete, verify]
    default: create
  cluster:
    description: Name of the cluster.
    type: str
    required: true
  tenant:
    description: Who orders. Needed for O(operation=create).
    type: str
  template:
    description:
      - Name of the template, whose defaults hold where the order says nothing. A cluster that is there keeps its own.
    type: str
  template_path:
    description: Directories to look for C(<template>.yml) in, before the collection's own templates.
    type: list
    elements: path
    default: []
  node_sets:
    description: How many servers of which class, by node set. With O(operation=scale), those that change.
    type: list
    elements: dict
    suboptions:
      name:
        description: Of the node set.
        type: str
        required: true
      class:
        description: Server class. Not given, the template's.
        type: str
      count:
        description: Number of servers. Not given, the template's.
        type: int
      require:
        description:
          - What C(rack) or attributes must be, each a value, a list of values, or a comparison such as V(>=1024).
          - With O(operation=scale), not given, what it was; so with all constraints but O(node_sets[].include). An empty one drops what it was.
        type: dict
      spread_by:
        description: A kind of domain over which the servers are spread, V(rack), V(leaf_pair) or an attribute such as V(power_feed). A wish.
        type: str
      max_per:
        description: By kind of domain, how many servers each may have at most. Two kinds at most.
        type: dict
      within:
        description: A kind of domain of which all servers must be in the same one.
        type: str
      pack_by:
        description: A kind of domain of which as few as can be are taken. A wish.
        type: str
      include:
        description: Names of servers that must be among those that join.
        type: list
        elements: str
      exclude:
        description: Names of servers that must not be.
        type: list
        elements: str
  lease_duration:
    description: For how long, such as V(12h), V(30d) or V(2w).
    type: str
  lease_start:
    description:
      - When the lease starts, if not at once, with its time zone, such as V(2026-12-24T12:00:00+01:00). Until then M(leasehold.cloud.claim) reserves what
        the plan needs.
    type: str
  lease_grace:
    description: How long after its end the cluster is left as it is before it is released, such as V(3d). V(0h) is none.
    type: str
  hold:
    description: How long M(leasehold.cloud.claim) is to keep the claims for an approval, such as V(2h). Not together with O(lease_start).
    type: str
  placement:
    description: V(spread) over the racks, or V(pack) into few.
    type: str
    choices: [spread, pack]
  remove_servers:
    description:
      - With O(operation=scale), the servers that leave first.
      - One that the cluster does not hold may have left already; where another would leave instead, the order is refused (V(invalid_order)).
    type: list
    elements: str
  expected_plan:
    description: Hash of the plan that was approved. Another one is refused (V(stale_plan)), unless it only finishes what was begun.
    type: str
  site:
    description: The site to plan in. Not given, the cluster's, or the only one.
    type: str
"""

EXAMPLES = r"""
- name: Plan an order
  leasehold.cloud.plan_info:
    operation: create
    cluster: blue
    tenant: acme
    template: openshift
    node_sets:
      - {name: workers, class: cpu, count: 2, max_per: {rack: 1}}
    lease_duration: 30d
  register: planned

- name: Show what it would change
  ansible.builtin.debug:
    msg: "{{ planned.plan.diff }}"
"""

RETURN = r"""
plan:
  description:
    - Everything that would change. C(servers) are those of the cluster afterwards, C(add), C(keep) and C(remove) those that join, stay and leave.
    - C(fabric) are the switches with their ports, C(objects) the hub's manifests without secrets, C(diff) the changes as text.
    - C(base) are fingerprints of what the plan rests on, by thing; C(hash) is that of what it brings about.
    - C(mirror) says which reading of the source it was made from; a claim for it looks closer when there has been another since.
  returned: success
  type: dict
  sample:
    operation: create
    cluster: blue
    tenant: acme
    site: lab
    segment: {name: blue, vlan: 100, prefix: 10.64.0.0/24, gateway: 10.64.0.1, quarantine_vlan: 999}
    diff: "create cluster blue of acme in lab ..."
    hash: 8f434346648f6b96df89dda901c5176b10a6d83961dd3c1ac88b59b2dc327aa4
"""
