#!/usr/bin/python
# Copyright: (c) 2026, leasehold.cloud contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Documentation, and with it the options, of the action plugin of the same name."""

from __future__ import annotations

DOCUMENTATION = r"""
module: server_verify_info
version_added: 0.1.0
short_description: Compare servers with what their source of truth says of them
description:
  - Reads the servers' BMCs by Redfish, concurrently, and compares serial number, MAC addresses of the NICs, drives, GPUs and memory with what the
    source says.
  - Compares the cabling with the neighbours that switches report (LLDP), where they are given. Open vSwitch reports none.
  - Names each difference. What contradicts the source is an error; what nobody tells, so that it was not compared, a warning.
  - Of a server's attributes, C(memory_gib), C(gpus) and C(drives) (their numbers) and C(gpu_model) (a part of the model's name) are compared, where the
    source has them.
author: leasehold.cloud contributors (@leasehold)
extends_documentation_fragment:
  - leasehold.cloud.bmc
  - leasehold.cloud.attributes.info
options:
  servers:
    description:
      - The servers as M(leasehold.cloud.server_info) gives them, with details. All BMCs are read at the same time, and one that fails does not hold up the
        others.
      - A BMC that reports another serial number is read all the same.
    type: list
    elements: dict
    required: true
  neighbours:
    description:
      - By switch, what it hears. A list of C(port) (as the source calls it), and C(mac) or C(name) of the neighbour; or C(ansible_net_neighbors) of its
        facts, as M(arista.eos.eos_facts) and M(cisco.nxos.nxos_facts) have them.
      - A switch that is not in it reports none, and its cabling is not compared. One with an empty list hears nobody.
    type: dict
    default: {}
  show:
    description: Show the differences on the screen, as a table.
    type: bool
    default: false
seealso:
  - module: leasehold.cloud.server_info
  - module: leasehold.cloud.bmc_info
  - module: leasehold.cloud.source_audit_info
"""

EXAMPLES = r"""
- name: Find the servers of a rack
  leasehold.cloud.server_info:
    rack: [r1]
  register: known

- name: Compare them with their BMCs
  leasehold.cloud.server_verify_info:
    servers: "{{ known.servers }}"
    neighbours:
      leaf-r1a:
        - {port: Ethernet1, mac: "0c:42:a1:5e:01:10", name: r1-s01}
  register: verified
"""

RETURN = r"""
differences:
  description: What is not as the source says, or what nobody tells, errors first.
  returned: success
  type: list
  elements: dict
  sample:
    - severity: error
      server: r1-s01
      what: nic eno1
      source: "0c:42:a1:5e:01:10"
      found: ["0c:42:a1:5e:01:99"]
      remedy: Correct the MAC address in the source; after a repair, the NIC may be another one.
counts:
  description: How many C(errors) and C(warnings) there are.
  returned: success
  type: dict
  sample: {errors: 1, warnings: 0}
silent_switches:
  description: Switches of the servers' NICs of which no neighbours were given.
  returned: success
  type: list
  elements: str
text:
  description: The differences as a table.
  returned: success
  type: str
files:
  description: The differences as JSON and CSV, by file name, as M(leasehold.cloud.report) writes them.
  returned: success
  type: dict
"""
