# Copyright: (c) 2026, leasehold.cloud contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The report of a ledger; documented in plugins/modules/report_info.py."""

from __future__ import annotations

from ansible.utils.display import Display

from ansible_collections.leasehold.cloud.plugins.module_utils.core import report as core
from ansible_collections.leasehold.cloud.plugins.module_utils.core.orders import duration_seconds
from ansible_collections.leasehold.cloud.plugins.module_utils.ledger import report
from ansible_collections.leasehold.cloud.plugins.plugin_utils.ledger import LedgerAction, warm

warm()


class ActionModule(LedgerAction):
    """Reads one moment of the ledger."""

    def execute(self, args, task_vars):
        seconds = duration_seconds(args["expiring_within"], "expiring_within")
        with self.open_ledger(args, writable=False) as ledger, ledger.reading() as tx:
            found, now = report.read(tx, seconds), tx.at
        text = core.text(found, now)
        if args["show"]:
            Display().display(text.rstrip())
        return {"changed": False, "report": found, "text": text, "files": core.files(found)}
