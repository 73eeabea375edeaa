#!/usr/bin/python
# Copyright: (c) 2026, leasehold.cloud contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Documentation, and with it the options, of the action plugin of the same name."""

from __future__ import annotations

DOCUMENTATION = r"""
module: event_info
version_added: 0.2.0
short_description: Tell what was done, by whom, and when
description:
  - Reads from the ledger's events. Every change of the ledger is one, and none is ever changed or removed.
author: leasehold.cloud contributors (@leasehold)
extends_documentation_fragment:
  - leasehold.cloud.ledger
  - leasehold.cloud.attributes.info
options:
  subject:
    description: Only events about this, such as V(cluster blue) or V(server r1-s01). A word alone, such as V(server), means all of its kind.
    type: str
  action:
    description: Only events of this action, such as V(claimed), V(freed), V(moved), V(run_started), V(synced).
    type: str
  actor:
    description: Only what this actor did, as E(LEASEHOLD_ACTOR) or C(user@host) has him.
    type: str
  since:
    description: Only events at or after this time, ISO 8601; UTC unless it says otherwise.
    type: str
  until:
    description: Only events before this time.
    type: str
  after:
    description:
      - Only events whose id is higher, the oldest first, so that a program that follows the events asks with the last id that it has seen.
      - Ids grow in the order in which transactions are committed, so nothing is missed. They may have gaps.
    type: int
  limit:
    description: At most so many.
    type: int
    default: 100
seealso:
  - module: leasehold.cloud.event_export
  - module: leasehold.cloud.ledger_info
"""

EXAMPLES = r"""
- name: What became of a server this week
  leasehold.cloud.event_info:
    subject: server r1-s01
    since: "2026-11-16"

- name: The next events after the last that was seen
  leasehold.cloud.event_info:
    after: 4711
"""

RETURN = r"""
events:
  description:
    - The events, the newest first; with O(after), the oldest first.
    - C(hash) is over all of it but the id, C(previous) the hash of the event before it.
  returned: success
  type: list
  elements: dict
  sample:
    - id: 57
      at: "2026-11-20T10:00:00.000Z"
      actor: jo@controller
      subject: server r1-s01
      action: claimed
      before: null
      after: {cluster: blue, token: 42}
      previous: 6f0c5d1e8a2b9c3d4e5f60718293a4b5c6d7e8f90a1b2c3d4e5f60718293a4b5
      hash: 0a1b2c3d4e5f60718293a4b5c6d7e8f90a1b2c3d4e5f60718293a4b5c6d7e8f9
more:
  description: Whether there are more than O(limit).
  returned: success
  type: bool
"""
