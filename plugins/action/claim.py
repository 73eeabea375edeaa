# Copyright: (c) 2026, leasehold.cloud contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Take or free what a cluster holds; documented in plugins/modules/claim.py."""

from __future__ import annotations

from ansible_collections.leasehold.cloud.plugins.module_utils.core.errors import InvalidInput, StalePlan
from ansible_collections.leasehold.cloud.plugins.module_utils.ledger import claims, clusters, ground, runs
from ansible_collections.leasehold.cloud.plugins.plugin_utils.ledger import LedgerAction, warm

warm()


class ActionModule(LedgerAction):
    """All that a plan needs in one transaction, or nothing."""

    constraints = {"required_if": [("state", "present", ("plan",))]}

    def execute(self, args, task_vars):
        with self.open_ledger(args) as ledger, ledger.transaction() as tx:
            if not self.check_mode:
                runs.fence(tx, args["cluster"], args["token"], "claiming" if args["state"] == "present" else "freeing claims")
            changes = self._present(tx, args) if args["state"] == "present" else claims.free(tx, args["cluster"], args["servers"])
            found = clusters.describe(tx, args["cluster"])
            return self.keep(tx, changes) | {"cluster": found[0] if found else None}

    def _present(self, tx, args):
        plan = args["plan"]
        _check_plan(args, plan)
        if self.check_mode:  # no run has made the cluster, and this transaction is rolled back
            clusters.begin(tx, args["cluster"], plan["operation"], tenant=plan["tenant"], site=plan["site"])
        ground.verify(tx, plan)
        changes = claims.take(tx, plan, args["token"] or 0)
        return changes + clusters.note_order(tx, args["cluster"], claims.settled(tx, plan))


def _check_plan(args: dict, plan: dict) -> None:
    if plan["cluster"] != args["cluster"]:
        raise InvalidInput(
            f"the plan is for cluster {plan['cluster']}", object=f"cluster {args['cluster']}", attempted="claiming",
            remedy="give this cluster's plan",
        )
    if args["expected_plan"] and plan["hash"] != args["expected_plan"] and plan["add"]:
        raise StalePlan(
            f"the plan is now {plan['hash'][:12]}, not {args['expected_plan'][:12]}", object=f"cluster {plan['cluster']}",
            attempted="claiming for the plan that was approved", remedy="look at the new plan, and name its hash in expected_plan",
            details={"hash": plan["hash"], "expected": args["expected_plan"]},
        )
