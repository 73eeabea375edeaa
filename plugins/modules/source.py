#!/usr/bin/python
# Copyright: (c) 2026, leasehold.cloud contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Documentation, and with it the options, of the action plugin of the same name."""

from __future__ import annotations

DOCUMENTATION = r"""
module: source
version_added: 0.1.0
short_description: Bring the ledger's mirror up to date with a source of truth
description:
  - Reads what exists (racks, servers, switches, cabling, pools, envelope, canaries) from a source of truth, checks it and writes what differs
    into the ledger's mirror.
  - While the source says what it said the last time, nothing is read again.
  - A server that is held by a cluster and disappears from its source is not deleted but reported in RV(alarms), until it returns or is freed.
  - The ledger is made if there is none.
author: leasehold.cloud contributors (@leasehold)
extends_documentation_fragment:
  - leasehold.cloud.ledger
  - leasehold.cloud.attributes
options:
  kind:
    description: The kind of source.
    type: str
    choices: [file]
    default: file
  path:
    description:
      - Of the document that describes the data centre, YAML, or JSON if its name ends in C(.json).
    type: str
    required: true
  site:
    description: The site that the source must describe. Not given, any.
    type: str
  migrate:
    description:
      - Bring the schema of a ledger that an older version of this collection made up to date first.
      - Back it up before; every user of the ledger then needs this version.
    type: bool
    default: false
seealso:
  - module: leasehold.cloud.claim_info
  - plugin: leasehold.cloud.datacenter
    plugin_type: inventory
"""

EXAMPLES = r"""
- name: Mirror the data centre in the ledger
  leasehold.cloud.source:
    ledger: /var/lib/leasehold/ledger.db
    path: /etc/leasehold/datacenter.yml
  register: synced

- name: Complain about servers that vanished under a customer
  ansible.builtin.assert:
    that: synced.alarms | length == 0
"""

RETURN = r"""
counts:
  description: By kind (servers, switches, links, pools, canaries), how many records were added, changed, removed, unchanged, missing (held, and kept).
  returned: success
  type: dict
  sample:
    servers: {added: 16, changed: 0, removed: 0, unchanged: 0, missing: 0}
alarms:
  description: Held servers that are no longer in their source (V(missing)), or whose hardware or cabling their source has V(changed).
  returned: success
  type: list
  elements: dict
  sample:
    - {server: r1-s01, cluster: blue, problem: missing, message: server r1-s01 is held by cluster blue and is no longer in its source}
"""
