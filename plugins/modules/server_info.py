#!/usr/bin/python
# Copyright: (c) 2026, leasehold.cloud contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Documentation, and with it the options, of the action plugin of the same name."""

from __future__ import annotations

DOCUMENTATION = r"""
module: server_info
version_added: 0.2.0
short_description: Tell the state and holder of servers
description:
  - Reads servers from the ledger - what their source says of them, their state and why, who holds them until when, and who has reserved them.
  - Filters go together, a server has to pass them all. Of a filter with several values, it has to have one.
author: leasehold.cloud contributors (@leasehold)
extends_documentation_fragment:
  - leasehold.cloud.ledger
  - leasehold.cloud.attributes.info
options:
  names:
    description: Names of servers. Those that the ledger does not know are not in the result.
    type: list
    elements: str
  site:
    description: Sites.
    type: list
    elements: str
  rack:
    description: Racks.
    type: list
    elements: str
  class:
    description: Server classes.
    type: list
    elements: str
  state:
    description: States in the ledger.
    type: list
    elements: str
    choices: [available, claimed, provisioning, in_service, releasing, cleaning, quarantined, repair, retired]
  status:
    description: Statuses in their source.
    type: list
    elements: str
    choices: [active, maintenance, offline, retired]
  cluster:
    description: Clusters that hold them.
    type: list
    elements: str
  tenant:
    description: Tenants whose clusters hold them.
    type: list
    elements: str
  node_set:
    description: Node sets they are in.
    type: list
    elements: str
  missing:
    description: Whether they are missing from their source (which only those are that a cluster holds). Not given, either.
    type: bool
  free:
    description: Whether they can be had now - active and present in their source, available, and held by nobody. Not given, either.
    type: bool
  details:
    description: Also C(evidence), C(nics), C(attributes) and C(bmc). Leave them out where there are thousands of servers.
    type: bool
    default: true
  show:
    description: Show the servers on the screen, as a table of 120 columns.
    type: bool
    default: false
seealso:
  - module: leasehold.cloud.claim_info
  - module: leasehold.cloud.report_info
"""

EXAMPLES = r"""
- name: Find the servers that need a hand
  leasehold.cloud.server_info:
    ledger: /var/lib/leasehold/ledger.db
    state: [quarantined, repair]

- name: Find free servers with GPUs in two racks
  leasehold.cloud.server_info:
    ledger: /var/lib/leasehold/ledger.db
    class: gpu
    rack: [r1, r2]
    free: true
    details: false
"""

RETURN = r"""
count:
  description: How many there are.
  returned: success
  type: int
servers:
  description:
    - Servers in natural order of their names.
    - C(phase), C(lease_end) and C(hold_until) are of the cluster that holds it. C(reservations) are those of any cluster.
  returned: success
  type: list
  elements: dict
  sample:
    - name: r1-s02
      site: lab
      rack: r1
      class: gpu
      serial: ABC1235
      status: active
      state: quarantined
      reason: "memory errors, ticket 4711"
      since: "2026-11-20T10:00:00.000Z"
      missing_since: null
      free: false
      cluster: blue
      tenant: acme
      node_set: workers
      address: 10.64.0.10
      phase: ready
      lease_end: "2026-12-20T10:00:00.000Z"
      hold_until: null
      reservations: [{cluster: green, starts_at: "2027-01-01T00:00:00.000Z", ends_at: "2027-02-01T00:00:00.000Z"}]
      evidence: null
      nics: [{name: eth0, mac: "52:54:14:00:01:00", switch: leaf-r1a, port: s02}]
      attributes: {gpus: 8}
      bmc: {address: "https://192.0.2.12"}
"""
