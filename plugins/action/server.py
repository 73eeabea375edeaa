# Copyright: (c) 2026, leasehold.cloud contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Move servers through their states; documented in plugins/modules/server.py."""

from __future__ import annotations

from ansible_collections.leasehold.cloud.plugins.module_utils.ledger import servers
from ansible_collections.leasehold.cloud.plugins.plugin_utils.ledger import LedgerAction, warm

warm()


class ActionModule(LedgerAction):
    """All of them, or none."""

    constraints = {"required_together": [("cluster", "token")]}

    def execute(self, args, task_vars):
        with self.open_ledger(args) as ledger, ledger.transaction() as tx:
            changes = servers.move(
                tx, args["servers"], args["state"], reason=args["reason"], evidence=args["evidence"], passing=args["except_states"],
                by=servers.Mover(args["cluster"], args["token"], foreseen=self.check_mode),
            )
            result = {"since": servers.since(tx, args["servers"], args["state"]), "servers": servers.states(tx, args["servers"])}
            return self.keep(tx, changes) | result
