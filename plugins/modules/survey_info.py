#!/usr/bin/python
# Copyright: (c) 2026, leasehold.cloud contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Documentation, and with it the options, of the action plugin of the same name."""

from __future__ import annotations

DOCUMENTATION = r"""
module: survey_info
version_added: 0.2.0
short_description: Tell which switches, BMCs and hub objects to read to compare the world with the ledger
description:
  - The first step of the playbook C(ledger_reconcile). What was read is compared by M(leasehold.cloud.drift_info).
author: leasehold.cloud contributors (@leasehold)
extends_documentation_fragment:
  - leasehold.cloud.ledger
  - leasehold.cloud.attributes.info
options:
  site:
    description: The site. Not given, the only one.
    type: str
  racks:
    description: Only servers in these racks. Not given, all.
    type: list
    elements: str
    default: []
  classes:
    description: Only servers of these classes.
    type: list
    elements: str
    default: []
  servers:
    description: Only these servers.
    type: list
    elements: str
    default: []
  places:
    description: Where to look.
    type: list
    elements: str
    choices: [source, switches, bmcs, hub, ledger]
    default: [source, switches, bmcs, hub, ledger]
seealso:
  - module: leasehold.cloud.drift_info
"""

EXAMPLES = r"""
- name: What is to be looked at in a rack
  leasehold.cloud.survey_info:
    racks: [r1]
  register: survey
"""

RETURN = r"""
at:
  description: The moment of the ledger, for O(leasehold.cloud.drift_info#module:since).
  returned: success
  type: str
  sample: "2026-11-20T10:00:00.000Z"
fabric:
  description: The switches to read, as hosts. All of the site, or those that the chosen servers are cabled to.
  returned: success
  type: list
  elements: dict
  sample: [{name: leaf-r1a, network_os: openvswitch, address: 192.0.2.11, port: 6640, bridge: br0, groups: [leasehold_fabric]}]
bmcs:
  description: The servers whose BMCs are to be read, for M(leasehold.cloud.bmc_info) with O(leasehold.cloud.bmc_info#module:strangers).
  returned: success
  type: list
  elements: dict
  sample: [{name: r1-s01, serial: ABC1234, bmc: {address: "https://192.0.2.101"}}]
hub:
  description: The kinds of objects to list on the hub.
  returned: success
  type: list
  elements: dict
  sample: [{api_version: hypershift.openshift.io/v1beta1, kind: HostedCluster, label: app.kubernetes.io/managed-by=leasehold}]
"""
