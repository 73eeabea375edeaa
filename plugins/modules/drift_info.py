#!/usr/bin/python
# Copyright: (c) 2026, leasehold.cloud contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Documentation, and with it the options, of the action plugin of the same name."""

from __future__ import annotations

DOCUMENTATION = r"""
module: drift_info
version_added: 0.2.0
short_description: Tell where source, switches, BMCs, hub and ledger disagree
description:
  - Compares what was read of the world with the ledger. What changed in the ledger while the world was being read (O(since)) is left out, and of
    clusters that a run is at work on, only what no run may do is told.
  - An V(alarm) is what harms a customer, or may, a held server that vanished from its source, a port in a strange segment, a server in service that is off, a
    cluster that its hub has lost, or a switch that could not be read. A V(drift) has to be put right. A V(note) is good to know.
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
    description: What to compare.
    type: list
    elements: str
    choices: [source, switches, bmcs, hub, ledger]
    default: [source, switches, bmcs, hub, ledger]
  since:
    description: When the reading began, RV(leasehold.cloud.survey_info#module:at).
    type: str
  observed:
    description: What was read. What is not given, could not be read, which is drift itself.
    type: dict
    default: {}
    suboptions:
      source:
        description: The result of M(leasehold.cloud.source) in check mode, with its diff.
        type: dict
      switches:
        description: The results of M(leasehold.cloud.ovs_ports_info), or another driver's, of the switches that were read.
        type: list
        elements: dict
      bmcs:
        description: The result of M(leasehold.cloud.bmc_info) with O(leasehold.cloud.bmc_info#module:fail=false) and
          O(leasehold.cloud.bmc_info#module:strangers).
        type: dict
      hub:
        description: The results of C(kubernetes.core.k8s_info), one for each of RV(leasehold.cloud.survey_info#module:hub).
        type: list
        elements: dict
  mended:
    description:
      - Servers that were mended since the reading, RV(leasehold.cloud.drift#module:mended). Of what was read of them, that which setting them
        aside mends is left out.
    type: list
    elements: str
    default: []
  enforce:
    description: Fail with V(gate_failed) if there is an alarm, or (V(drift)) an alarm or a drift.
    type: str
    choices: [nothing, alarm, drift]
    default: nothing
seealso:
  - module: leasehold.cloud.survey_info
  - module: leasehold.cloud.drift
"""

EXAMPLES = r"""
- name: What is left of runs that were killed
  leasehold.cloud.drift_info:
    places: [ledger]
  register: found

- name: Show it
  ansible.builtin.debug:
    var: found.table
"""

RETURN = r"""
drifts:
  description:
    - What is not as the ledger has it, alarms first. C(place) is where, C(kind) one of C(source), C(vanished), C(hardware), C(renamed), C(invalid),
      C(port), C(trunk), C(power), C(media), C(serial), C(leftover), C(lost), C(hold), C(state), C(run), C(unread).
    - C(server) is set where M(leasehold.cloud.drift) can mend it, by setting that server aside. C(begun) says that it has, and that the
      rest is still to be done.
  returned: success
  type: list
  elements: dict
  sample:
    - place: bmcs
      kind: power
      object: server r1-s03
      severity: drift
      expected: "off, as nobody holds it"
      found: "on"
      mend: "mend: power (sets the server aside); then node_return"
      server: r1-s03
      begun: false
counts:
  description: How many of each severity.
  returned: success
  type: dict
  sample: {alarm: 0, drift: 1, note: 0}
table:
  description: The drifts, as lines to be shown.
  returned: success
  type: list
  elements: str
verdict:
  description: All of it in a sentence.
  returned: success
  type: str
  sample: "1 drift: server r1-s03 power is on, not off, as nobody holds it"
"""
