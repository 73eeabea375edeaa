#!/usr/bin/python
# Copyright: (c) 2026, leasehold.cloud contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Documentation, and with it the options, of the action plugin of the same name."""

from __future__ import annotations

DOCUMENTATION = r"""
module: event_export
version_added: 0.2.0
short_description: Keep a copy of the ledger's events outside of it
description:
  - Adds to a file of JSON lines the events that are newer than its last line. Each line is an event with its hash, and the hash of the one before it.
  - The file is only added to, so that it can lie on append-only or write-once storage. What a killed export left half written is completed by the next.
  - Before anything is added, the file's last event must be in the ledger, and the new ones must be a whole chain from there on. If not, the ledger was
    rewritten, or an older backup of it was restored, and the task fails with V(ledger_broken).
  - With the file as O(leasehold.cloud.ledger_info#module:anchor), M(leasehold.cloud.ledger_info) can tell whether the ledger was rewritten since.
author: leasehold.cloud contributors (@leasehold)
extends_documentation_fragment:
  - leasehold.cloud.ledger
  - leasehold.cloud.attributes
options:
  dest:
    description: The file. Made with mode 0600 if there is none; the mode of one that is there stays.
    type: path
    required: true
seealso:
  - module: leasehold.cloud.event_info
  - module: leasehold.cloud.ledger_info
"""

EXAMPLES = r"""
- name: Keep what happened where nobody can rewrite it
  leasehold.cloud.event_export:
    dest: /worm/leasehold/events.jsonl
"""

RETURN = r"""
added:
  description: How many events were added; in check mode, would be.
  returned: success
  type: int
last:
  description: The last event in the file then, C({id, at, hash}); in check mode, the ledger's last. Null while there is none.
  returned: success
  type: dict
  sample: {id: 57, at: "2026-11-20T10:00:00.000Z", hash: 0a1b2c3d4e5f60718293a4b5c6d7e8f90a1b2c3d4e5f60718293a4b5c6d7e8f9}
"""
