# Copyright: (c) 2026, leasehold.cloud contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What holds what; documented in plugins/modules/claim_info.py."""

from __future__ import annotations

from ansible_collections.leasehold.cloud.plugins.module_utils.ledger import clusters, servers, views
from ansible_collections.leasehold.cloud.plugins.plugin_utils.ledger import LedgerAction, warm

warm()


class ActionModule(LedgerAction):
    """Reads one moment of the ledger."""

    def execute(self, args, task_vars):
        with self.open_ledger(args, writable=False) as ledger, ledger.reading() as tx:
            where = views.conditions(site=args["site"], phases=args["phase"], kinds=args["kind"], resources=args["resource"])
            found = clusters.describe(tx, args["cluster"], args["tenant"], deleted=args["deleted"], where=where)
            result = {"changed": False, "clusters": found}
            if args["kind"] or args["resource"]:
                result["claims"] = views.claims(tx, [cluster["name"] for cluster in found], args["kind"], args["resource"])
            if args["servers"]:
                result["servers"] = servers.states(tx)
            return result
