# Copyright: (c) 2026, leasehold.cloud contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What of the world is to be looked at; documented in plugins/modules/survey_info.py."""

from __future__ import annotations

from ansible_collections.leasehold.cloud.plugins.module_utils.core import reconcile, reconcile_fabric
from ansible_collections.leasehold.cloud.plugins.module_utils.ledger import survey
from ansible_collections.leasehold.cloud.plugins.plugin_utils.ledger import LedgerAction, warm

warm()


class ActionModule(LedgerAction):
    """Reads one moment of the ledger."""

    def execute(self, args, task_vars):
        chosen = survey.Chosen(tuple(args["racks"]), tuple(args["classes"]), tuple(args["servers"]))
        with self.open_ledger(args, writable=False) as ledger, ledger.reading() as tx:
            facts = survey.read(tx, args["site"], chosen)
            begun = tx.at
        wanted = {"fabric": reconcile_fabric.to_read(facts), "bmcs": reconcile.bmcs_to_read(facts), "hub": reconcile.hub_to_read()}
        places = {"fabric": "switches", "bmcs": "bmcs", "hub": "hub"}
        return {"changed": False, "at": begun} | {key: found if places[key] in args["places"] else [] for key, found in wanted.items()}
