#!/usr/bin/python
# Copyright: (c) 2026, leasehold.cloud contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Documentation, and with it the options, of the action plugin of the same name."""

from __future__ import annotations

DOCUMENTATION = r"""
module: drift
version_added: 0.2.0
short_description: Mend drift, as far as the ledger goes
description:
  - Of the drifts given, mends those of the kinds in O(mend) that concern servers which nobody holds. Each is set aside (V(quarantined), with the drift as the
    reason), so that no order can take it, and RV(fabric) and RV(servers) tell the ports to move to quarantine and the servers to power off. C(node_return)
    wipes it and gives it back.
  - Whether somebody holds a server is asked in the same transaction. A server that is held is never touched.
  - The kind V(hold) frees what is held past its deadline.
author: leasehold.cloud contributors (@leasehold)
extends_documentation_fragment:
  - leasehold.cloud.ledger
  - leasehold.cloud.attributes
options:
  site:
    description: The site. Not given, the only one.
    type: str
  drifts:
    description: RV(leasehold.cloud.drift_info#module:drifts).
    type: list
    elements: dict
    required: true
  mend:
    description:
      - Which kinds to mend.
      - A server that an earlier mend has set aside, and whose ports, power or media are not right yet, is finished by any kind but V(hold).
    type: list
    elements: str
    choices: [port, power, media, state, hold]
    required: true
seealso:
  - module: leasehold.cloud.drift_info
"""

EXAMPLES = r"""
- name: Set aside what should be off and is on
  leasehold.cloud.drift:
    drifts: "{{ found.drifts }}"
    mend: [power, media]
  register: mended
"""

RETURN = r"""
servers:
  description: The servers that are set aside, to be powered off.
  returned: success
  type: list
  elements: dict
fabric:
  description: Their switches, as hosts, with the C(release_ports) that move their ports to quarantine.
  returned: success
  type: list
  elements: dict
mended:
  description: The names of RV(servers), for O(leasehold.cloud.drift_info#module:mended).
  returned: success
  type: list
  elements: str
skipped:
  description: Servers that somebody holds by now, or whose machine or switch ports are those of a server that somebody holds.
  returned: success
  type: list
  elements: str
"""
