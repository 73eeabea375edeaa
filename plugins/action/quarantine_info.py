# Copyright: (c) 2026, leasehold.cloud contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What takes a server into quarantine; documented in plugins/modules/quarantine_info.py."""

from __future__ import annotations

from ansible_collections.leasehold.cloud.plugins.module_utils.ledger import ground
from ansible_collections.leasehold.cloud.plugins.plugin_utils.ledger import LedgerAction, warm

warm()


class ActionModule(LedgerAction):
    """Reads one moment of the ledger."""

    def execute(self, args, task_vars):
        with self.open_ledger(args, writable=False) as ledger, ledger.reading() as tx:
            return {"changed": False, **ground.quarantine(tx, args["server"])}
