# Copyright: (c) 2026, leasehold.cloud contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Servers that an admin asks for; documented in plugins/modules/server_info.py."""

from __future__ import annotations

from ansible.utils.display import Display

from ansible_collections.leasehold.cloud.plugins.module_utils.core import report
from ansible_collections.leasehold.cloud.plugins.module_utils.ledger import views
from ansible_collections.leasehold.cloud.plugins.plugin_utils.ledger import LedgerAction, warm

warm()


class ActionModule(LedgerAction):
    """Reads one moment of the ledger."""

    def execute(self, args, task_vars):
        with self.open_ledger(args, writable=False) as ledger, ledger.reading() as tx:
            found = views.servers(tx, args, details=args["details"])
        if args["show"]:
            Display().display(report.servers_text(found).rstrip())
        return {"changed": False, "servers": found, "count": len(found)}
