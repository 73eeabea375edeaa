#!/usr/bin/python
# Copyright: (c) 2026, leasehold.cloud contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Documentation, and with it the options, of the action plugin of the same name."""

from __future__ import annotations

DOCUMENTATION = r"""
module: source_audit_info
version_added: 0.2.0
short_description: Tell what in a source of truth would stop an order or make it unsafe
description:
  - Reads all of a source, and nothing else. The ledger is not asked.
  - Errors are what keeps a device, or the site, from being used. A server without BMC address, class, serial, rack or a cabled NIC; a MAC address,
    serial, BMC address
    or switch port that two have; a switch without network OS or management address, or without a way to the border; pools that overlap; no quarantine VLAN.
  - Warnings are what may make an order unsafe or poorer. A NIC without cable or in a LAG of the switch; a VLAN outside the ranges of its group, or of
    a pool and in use;
    what is offered but not delegated; too few canaries; a status that the mapping does not know.
author: leasehold.cloud contributors (@leasehold)
extends_documentation_fragment:
  - leasehold.cloud.source
  - leasehold.cloud.attributes
  - leasehold.cloud.attributes.info
options:
  show:
    description: Show the findings on the screen, as a table of 120 columns.
    type: bool
    default: false
seealso:
  - module: leasehold.cloud.source
"""

EXAMPLES = r"""
- name: Look at the site's source
  leasehold.cloud.source_audit_info:
    kind: netbox
    url: https://netbox.example.com
    site: fra1
    show: true
  register: audit

- name: Accept no errors
  ansible.builtin.assert:
    that: audit.counts.errors == 0
"""

RETURN = r"""
findings:
  description: What was found, errors first. C(code) is for machines and stable.
  returned: success
  type: list
  elements: dict
  sample:
    - {severity: error, code: no_bmc_address, object: device r1-s07, problem: it has no BMC address, remedy: "Set one of oob_ip, interface."}
counts:
  description: How many of them are errors, and warnings.
  returned: success
  type: dict
  sample: {errors: 1, warnings: 0}
text:
  description: The findings as a table.
  returned: success
  type: str
files:
  description: The findings as JSON and CSV, the content of files by their names.
  returned: success
  type: dict
cost:
  description: What was spent on the source, C({requests, bytes, seconds}).
  returned: success
  type: dict
"""
