#!/usr/bin/python
# Copyright: (c) 2026, leasehold.cloud contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Documentation, and with it the options, of the action plugin of the same name."""

from __future__ import annotations

DOCUMENTATION = r"""
module: quarantine_info
version_added: 0.1.0
short_description: Tell what takes a server into quarantine
description:
  - Finds who holds the server, and which switch ports have to change so that it is in the quarantine VLAN alone.
  - Of a server that a cluster holds, trunks that no other member of its segment needs are pruned.
author: leasehold.cloud contributors (@leasehold)
extends_documentation_fragment:
  - leasehold.cloud.ledger
  - leasehold.cloud.attributes.info
options:
  server:
    description: The server's name.
    type: str
    required: true
seealso:
  - module: leasehold.cloud.server
"""

EXAMPLES = r"""
- name: Find out what has to change for r1-s01
  leasehold.cloud.quarantine_info:
    ledger: /var/lib/leasehold/ledger.db
    server: r1-s01
"""

RETURN = r"""
server:
  description: The server, as claims have it.
  returned: success
  type: dict
cluster:
  description: Who holds it, or null.
  returned: success
  type: str
fabric:
  description: The switches to change, each with its address and C(release_ports).
  returned: success
  type: list
  elements: dict
"""
