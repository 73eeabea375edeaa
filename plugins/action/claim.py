# Copyright: (c) 2026, leasehold.cloud contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Take or free what a cluster holds; documented in plugins/modules/claim.py."""

from __future__ import annotations

from ansible_collections.leasehold.cloud.plugins.module_utils.core import hypershift
from ansible_collections.leasehold.cloud.plugins.module_utils.core.errors import InvalidInput
from ansible_collections.leasehold.cloud.plugins.module_utils.core.orders import duration_seconds
from ansible_collections.leasehold.cloud.plugins.module_utils.core.plan import stale
from ansible_collections.leasehold.cloud.plugins.module_utils.ledger import claims, clusters, gang, runs
from ansible_collections.leasehold.cloud.plugins.plugin_utils.ledger import LedgerAction, warm

warm()


class ActionModule(LedgerAction):
    """All that a plan needs in one transaction, or nothing."""

    constraints = {"required_if": [("state", "present", ("plan",))]}

    def execute(self, args, task_vars):
        with self.open_ledger(args) as ledger:
            if args["state"] == "present":
                return self._present(ledger, args)
            with ledger.transaction() as tx:
                if not self.check_mode:
                    runs.fence(tx, args["cluster"], args["token"], "freeing claims")
                return self.keep(tx, claims.free(tx, args["cluster"], args["servers"])) | _described(tx, args)

    def _present(self, ledger, args):
        _check_plan(args, args["plan"])
        hold = duration_seconds(args["hold"], "hold") if args["hold"] else None

        def attempt(tx, plan):
            if self.check_mode:  # no run has made the cluster, and this transaction is rolled back
                kept = hold or (plan["lease_start"] or "") > tx.at
                clusters.begin(tx, args["cluster"], "reserve" if kept else plan["operation"], tenant=plan["tenant"], site=plan["site"])
            taken = gang.take(tx, plan, None if self.check_mode else args["token"] or 0, hold)
            result = self.keep(tx, taken.changes) | {"plan": plan} | ({"warnings": taken.warnings} if taken.warnings else {})
            return result | (_described(tx, args) if self.check_mode else {})

        approved = bool(args["expected_plan"] or args["plan"]["order"]["cluster_expected_plan"])
        result = gang.contend(ledger, args["plan"], attempt, hypershift.manifests, self.say, approved)
        if self.check_mode:
            return result
        with ledger.reading() as tx:  # others need not wait for this
            return result | _described(tx, args)


def _described(tx, args: dict) -> dict:
    found = clusters.describe(tx, args["cluster"])
    return {"cluster": found[0] if found else None}


def _check_plan(args: dict, plan: dict) -> None:
    if plan["cluster"] != args["cluster"]:
        raise InvalidInput(
            f"the plan is for cluster {plan['cluster']}", object=f"cluster {args['cluster']}", attempted="claiming",
            remedy="give this cluster's plan",
        )
    judged = plan["order"]["cluster_expected_plan"] == args["expected_plan"]  # as it was planned: it may only finish what that plan has begun
    if args["expected_plan"] and plan["hash"] != args["expected_plan"] and not judged:
        raise stale(plan, args["expected_plan"])
