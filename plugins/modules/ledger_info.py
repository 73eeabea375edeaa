#!/usr/bin/python
# Copyright: (c) 2026, leasehold.cloud contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Documentation, and with it the options, of the action plugin of the same name."""

from __future__ import annotations

DOCUMENTATION = r"""
module: ledger_info
version_added: 0.2.0
short_description: Tell what is in the ledger, and whether it is whole
description:
  - Reads the ledger's schema, how much is in it, and how old its mirror of each site is.
  - With O(verify), fails with V(ledger_broken) unless the chain of events is whole, its tables are what its events give when they are played again from
    the first, and they agree with each other. With O(anchor), also unless all events of an export are still in it.
  - Where there is no ledger, it tells so with a null RV(schema); with O(verify) or O(anchor) it fails with V(not_found).
  - Playing the events again proves who holds what with which token, the state of every server, the phase, tenant and lease terms of every cluster, the
    reservations, the quotas, and the runs' tokens. Not told by events, and so not proven, are a run's step and deadline, a claim's node set, a cluster's order
    and last error, and the mirror of the sources.
author: leasehold.cloud contributors (@leasehold)
extends_documentation_fragment:
  - leasehold.cloud.ledger
  - leasehold.cloud.attributes.info
options:
  verify:
    description: Verify it. Reads every event, a page at a time; nobody waits for it.
    type: bool
    default: false
  anchor:
    description:
      - An export of M(leasehold.cloud.event_export). Implies O(verify); the ledger must have all of its events as they were exported.
      - Without one, a ledger whose last events were cut off, whose events were given other ids, or which was written anew from some event on, cannot be
        told from a whole one.
    type: path
seealso:
  - module: leasehold.cloud.event_export
  - module: leasehold.cloud.ledger_backup
"""

EXAMPLES = r"""
- name: Look at the ledger
  leasehold.cloud.ledger_info:
  register: ledger

- name: Complain about a mirror that is more than a day old
  ansible.builtin.assert:
    that: ledger.sites | map(attribute='age') | max < 86400

- name: Verify it
  leasehold.cloud.ledger_info:
    verify: true
    anchor: /worm/leasehold/events.jsonl
"""

RETURN = r"""
schema:
  description: The version of its schema. Null where there is no ledger yet.
  returned: success
  type: str
  sample: "0002"
database:
  description: Its kind of database.
  returned: success
  type: str
  sample: sqlite
head:
  description: The newest event, C({id, at, hash}). Null while there is none.
  returned: success
  type: dict
tables:
  description: How many rows each table has.
  returned: success
  type: dict
  sample: {servers: 16, claims: 6, clusters: 1, events: 57}
sites:
  description: The sites in it, with the time when their source was last read, and how many seconds that is ago.
  returned: success
  type: list
  elements: dict
  sample: [{name: lab, synced_at: "2026-11-20T10:00:00.000Z", age: 3600}]
verified:
  description: How many events were verified, and the id of the last one that the anchor has.
  returned: with O(verify)
  type: dict
  sample: {events: 57, anchored: 50}
details:
  description:
    - With V(ledger_broken), C(findings), each C({kind, object, expected, found}).
    - Where the anchor has more events than the ledger, C(lost) is how many, and C(lost_events) the first 100 of them, C({id, at, subject, action}).
  returned: failure
  type: dict
"""
