#!/usr/bin/python
# Copyright: (c) 2026, leasehold.cloud contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Documentation, and with it the options, of the action plugin of the same name."""

from __future__ import annotations

DOCUMENTATION = r"""
module: ledger_backup
version_added: 0.2.0
short_description: Back a ledger in SQLite up
description:
  - Copies the ledger, as it is at one moment, to a file that is itself a ledger in SQLite. Those who write to it meanwhile do not wait.
  - The copy is verified (the database's own check, and the chain of events) before it takes the place of what was at O(dest), whole or not at all.
  - A ledger of an older schema is backed up, too, so that it can be before it is migrated.
  - A ledger in PostgreSQL is backed up by C(pg_dump).
author: leasehold.cloud contributors (@leasehold)
extends_documentation_fragment:
  - leasehold.cloud.ledger
  - leasehold.cloud.attributes
options:
  dest:
    description: The backup's file, made with mode 0600. One that is there must be a backup; if it says what the ledger says, nothing is changed.
    type: path
    required: true
seealso:
  - module: leasehold.cloud.ledger
  - module: leasehold.cloud.event_export
"""

EXAMPLES = r"""
- name: Back the ledger up
  leasehold.cloud.ledger_backup:
    ledger: /var/lib/leasehold/ledger.db
    dest: /backup/ledger-{{ now(fmt='%Y-%m-%d') }}.db
"""

RETURN = r"""
path:
  description: The backup.
  returned: success
  type: str
  sample: /backup/ledger-2026-11-20.db
schema:
  description: Its schema.
  returned: success
  type: str
  sample: "0002"
events:
  description: How many events are in it.
  returned: success
  type: int
  sample: 57
head:
  description: The newest event in it, C({id, at, hash}).
  returned: success
  type: dict
"""
