#!/usr/bin/python
# Copyright: (c) 2026, leasehold.cloud contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Documentation, and with it the options, of the action plugin of the same name."""

from __future__ import annotations

DOCUMENTATION = r"""
module: ledger
version_added: 0.2.0
short_description: Make the ledger, or bring its schema up to date
description:
  - Makes the ledger's tables where there are none.
  - With O(migrate), brings the schema of a ledger that an older version of this collection made up to date, with all that is in it, in one transaction.
    There is no way back but a backup, so make one first (M(leasehold.cloud.ledger_backup)). Every user of the ledger needs this version then.
  - A ledger with another schema is refused by all other actions, which never migrate by themselves.
author: leasehold.cloud contributors (@leasehold)
extends_documentation_fragment:
  - leasehold.cloud.ledger
  - leasehold.cloud.attributes
options:
  migrate:
    description: Migrate an older schema. Without it, one is refused.
    type: bool
    default: false
seealso:
  - module: leasehold.cloud.ledger_backup
  - module: leasehold.cloud.ledger_info
"""

EXAMPLES = r"""
- name: Migrate the ledger after an upgrade of the collection
  leasehold.cloud.ledger:
    ledger: /var/lib/leasehold/ledger.db
    migrate: true
"""

RETURN = r"""
before:
  description: The schema that it had. Null where there was no ledger.
  returned: success
  type: str
  sample: "0001"
after:
  description: The schema that it has; in check mode, would have.
  returned: success
  type: str
  sample: "0002"
"""
