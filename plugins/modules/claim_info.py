#!/usr/bin/python
# Copyright: (c) 2026, leasehold.cloud contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Documentation, and with it the options, of the action plugin of the same name."""

from __future__ import annotations

DOCUMENTATION = r"""
module: claim_info
version_added: 0.1.0
short_description: Tell what holds what, until when
description:
  - Reads from the ledger the clusters with their servers, segment, phase, lease, last error and run.
author: leasehold.cloud contributors (@leasehold)
extends_documentation_fragment:
  - leasehold.cloud.ledger
  - leasehold.cloud.attributes.info
options:
  cluster:
    description: Only the cluster of this name, in any phase. RV(clusters) is empty when there never was one.
    type: str
  tenant:
    description: Only the clusters of this tenant.
    type: str
  site:
    description: Only the clusters in this site.
    type: str
  phase:
    description: Only the clusters in one of these phases.
    type: list
    elements: str
    default: []
  kind:
    description: Only the clusters that hold claims of one of these kinds, and those claims as RV(claims).
    type: list
    elements: str
    choices: [server, vlan, prefix, address]
    default: []
  resource:
    description:
      - Only the clusters that hold one of these resources, and those claims as RV(claims).
      - A server by its name, a VLAN as V(site/101), a prefix as V(10.64.1.0/24), an address as V(10.64.1.10).
    type: list
    elements: str
    default: []
  deleted:
    description: Also the clusters that are deleted.
    type: bool
    default: false
  servers:
    description: Also RV(servers), the state and holder of every server.
    type: bool
    default: false
"""

EXAMPLES = r"""
- name: Look at a cluster
  leasehold.cloud.claim_info:
    cluster: blue
  register: found

- name: Find out who holds a VLAN
  leasehold.cloud.claim_info:
    resource: lab/101

- name: Find servers that need a hand
  leasehold.cloud.claim_info:
    servers: true
  register: all

- name: Show them
  ansible.builtin.debug:
    var: all.servers | selectattr('state', 'in', ['quarantined', 'repair'])
"""

RETURN = r"""
clusters:
  description: Clusters by name, each with all that it holds.
  returned: success
  type: list
  elements: dict
  sample:
    - name: blue
      tenant: acme
      site: lab
      phase: ready
      step: Gates and handover
      segment: {name: blue, vlan: 100, prefix: 10.64.0.0/24, gateway: 10.64.0.1, quarantine_vlan: 999}
      servers:
        - name: r1-s01
          rack: r1
          class: cpu
          serial: ABC1234
          status: active
          state: in_service
          node_set: workers
          address: 10.64.0.10
          bmc: {address: "https://192.0.2.11"}
          management: {address: 10.64.0.10, port: 22, user: core}
          nics: [{name: eth0, mac: "52:54:14:00:01:00", switch: leaf-r1a, port: s01}]
      lease: {start: "2026-11-20T10:00:00.000Z", end: "2026-12-20T10:00:00.000Z"}
      error: null
      run: {token: 42, holder: "node1~1f2e3d4c:4711:884422", state: finished, operation: create, live: false}
      hold_until: null
      order: {cluster_name: blue}
claims:
  description: Claims by kind and resource.
  returned: with O(kind) or O(resource)
  type: list
  elements: dict
  sample:
    - {kind: vlan, resource: lab/101, cluster: blue, tenant: acme, node_set: null, token: 42, claimed_at: "2026-11-20T10:00:00.000Z"}
servers:
  description: Every server with its state, since when, why, and who holds it.
  returned: with O(servers=true)
  type: list
  elements: dict
  sample:
    - {name: r1-s01, site: lab, rack: r1, class: cpu, status: active, state: in_service, reason: null, since: "2026-11-20T10:00:00.000Z",
       cluster: blue, tenant: acme, node_set: workers, missing_since: null}
"""
