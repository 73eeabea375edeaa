# Copyright: (c) 2026, leasehold.cloud contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Set what a tenant may use; documented in plugins/modules/quota.py."""

from __future__ import annotations

from ansible_collections.leasehold.cloud.plugins.module_utils.core.quotas import Limit
from ansible_collections.leasehold.cloud.plugins.module_utils.ledger import quotas
from ansible_collections.leasehold.cloud.plugins.plugin_utils.ledger import LedgerAction, warm

warm()


class ActionModule(LedgerAction):
    """All limits in one transaction."""

    constraints = {"required_if": [("state", "present", ("limits",))]}

    def execute(self, args, task_vars):
        tenant = args["tenant"]
        limits = None if args["limits"] is None else [Limit.from_dict(limit | {"tenant": tenant}) for limit in args["limits"]]
        with self.open_ledger(args) as ledger, ledger.transaction() as tx:
            if args["state"] == "present":
                changes = quotas.put(tx, tenant, limits, purge=args["purge"])
            else:
                changes = quotas.remove(tx, tenant, limits and [limit.key for limit in limits])
            unknown = quotas.unknown_classes(tx, limits or ())
            result = self.keep(tx, changes) | {"limits": [limit.as_dict() for limit in quotas.get(tx, tenant)]}
            return result | ({"warnings": unknown} if unknown and args["state"] == "present" else {})
