# Copyright: (c) 2026, leasehold.cloud contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Mend drift, as far as the ledger goes; documented in plugins/modules/drift.py."""

from __future__ import annotations

from ansible_collections.leasehold.cloud.plugins.module_utils.core import drift
from ansible_collections.leasehold.cloud.plugins.module_utils.ledger import survey
from ansible_collections.leasehold.cloud.plugins.plugin_utils.ledger import LedgerAction, warm

warm()


class ActionModule(LedgerAction):
    """Whether somebody holds a server is asked in the transaction that sets it aside."""

    def execute(self, args, task_vars):
        reasons = drift.to_mend(args["drifts"], args["mend"])
        with self.open_ledger(args) as ledger, ledger.transaction() as tx:
            mended = survey.mend(tx, args["site"], reasons, lapsed="hold" in args["mend"])
            result = self.keep(tx, mended.changes)
        return result | {
            "servers": [server.as_dict() for server in mended.servers], "fabric": mended.fabric, "skipped": mended.skipped,
            "mended": [server.name for server in mended.servers],
        }
