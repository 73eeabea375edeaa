#!/usr/bin/python
# Copyright: (c) 2026, leasehold.cloud contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Documentation, and with it the options, of the action plugin of the same name."""

from __future__ import annotations

DOCUMENTATION = r"""
module: segment_info
version_added: 0.2.0
short_description: Tell who has which VLAN and prefix, on which ports
description:
  - Reads from the ledger the segments that clusters hold, or have reserved, with their servers' switch ports and addresses.
  - It tells what should be. Whether it is so on the switches is asked by the playbook C(leasehold.cloud.segment_verify).
author: leasehold.cloud contributors (@leasehold)
extends_documentation_fragment:
  - leasehold.cloud.ledger
  - leasehold.cloud.attributes.info
options:
  cluster:
    description: Only the segment of this cluster.
    type: str
  tenant:
    description: Only those of this tenant.
    type: str
  vlan:
    description: Only those with this VLAN, in any site.
    type: int
  site:
    description: Only those in this site.
    type: str
  show:
    description: Show the segments on the screen, as a table of 120 columns.
    type: bool
    default: false
seealso:
  - module: leasehold.cloud.claim_info
"""

EXAMPLES = r"""
- name: Find out whose VLAN 101 is
  leasehold.cloud.segment_info:
    ledger: /var/lib/leasehold/ledger.db
    vlan: 101
"""

RETURN = r"""
segments:
  description:
    - Segments by site and VLAN. C(ports) are those that its servers are cabled to.
    - C(addresses) are those that servers may have. C(reserved) tells when one that is not held yet begins and ends, its grace included.
  returned: success
  type: list
  elements: dict
  sample:
    - cluster: blue
      tenant: acme
      site: lab
      phase: ready
      vlan: 101
      prefix: 10.64.1.0/24
      gateway: 10.64.1.1
      quarantine_vlan: 999
      reserved: null
      servers:
        - name: r1-s01
          rack: r1
          node_set: workers
          state: in_service
          address: 10.64.1.10
          ports: [{nic: eth0, switch: leaf-r1a, port: s01}, {nic: eth1, switch: leaf-r1b, port: s01}]
      addresses: {total: 245, used: 1, free: 244}
"""
