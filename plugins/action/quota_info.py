# Copyright: (c) 2026, leasehold.cloud contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What tenants use, and may use; documented in plugins/modules/quota_info.py."""

from __future__ import annotations

from ansible.utils.display import Display

from ansible_collections.leasehold.cloud.plugins.module_utils.core import report
from ansible_collections.leasehold.cloud.plugins.module_utils.core.quotas import month_called
from ansible_collections.leasehold.cloud.plugins.module_utils.ledger import quotas
from ansible_collections.leasehold.cloud.plugins.plugin_utils.ledger import LedgerAction, warm

warm()


class ActionModule(LedgerAction):
    """Reads one moment of the ledger."""

    def execute(self, args, task_vars):
        months = [month_called(name) for name in args["months"]]
        with self.open_ledger(args, writable=False) as ledger, ledger.reading() as tx:
            limits = [limit.as_dict() for limit in quotas.get(tx, args["tenant"])]
            standings = quotas.standing(tx, args["tenant"], months)
        if args["show"]:
            Display().display(report.quotas_text(standings).rstrip())
        return {"changed": False, "limits": limits, "tenants": standings}
