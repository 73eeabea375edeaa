# Copyright: (c) 2026, leasehold.cloud contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where the world is not as the ledger has it; documented in plugins/modules/drift_info.py."""

from __future__ import annotations

from ansible_collections.leasehold.cloud.plugins.module_utils.core import drift, reconcile, reconcile_fabric
from ansible_collections.leasehold.cloud.plugins.module_utils.core.errors import GateFailed
from ansible_collections.leasehold.cloud.plugins.module_utils.ledger import survey
from ansible_collections.leasehold.cloud.plugins.plugin_utils.ledger import LedgerAction, warm

warm()
ENFORCED = {"nothing": (), "alarm": (drift.ALARM,), "drift": (drift.ALARM, drift.DRIFT)}


class ActionModule(LedgerAction):
    """Compares what was seen with the ledger as it is now; what changed meanwhile is left out."""

    def execute(self, args, task_vars):
        chosen = survey.Chosen(tuple(args["racks"]), tuple(args["classes"]), tuple(args["servers"]))
        with self.open_ledger(args, writable=False) as ledger, ledger.reading() as tx:
            facts = survey.read(tx, args["site"], chosen, args["since"])
        looked = (one for place in args["places"] for one in _look(place, facts, args["observed"]))
        found = drift.ordered(drift.unmended(looked, args["mended"]))
        failing = [one for one in found if one.severity in ENFORCED[args["enforce"]]]
        if failing:
            raise _failed(failing)
        return {
            "changed": False, "drifts": [one.as_dict() for one in found], "counts": drift.counts(found),
            "table": drift.table(found), "verdict": drift.verdict(found),
        }


def _look(place: str, facts: drift.Facts, observed: dict) -> list[drift.Drift]:
    if place == "source":
        return reconcile.source_drifts(facts, observed["source"])
    if place == "switches":
        return reconcile_fabric.drifts(facts, {item["switch"]: item["ports"] for item in observed["switches"] or ()})
    if place == "bmcs":
        return reconcile.bmc_drifts(facts, observed["bmcs"])
    if place == "hub":
        return reconcile.hub_drifts(facts, observed["hub"])
    return reconcile.ledger_drifts(facts)


def _failed(failing: list[drift.Drift]) -> GateFailed:
    return GateFailed(
        drift.verdict(failing), object="gate drift", attempted="comparing the ledger with the world",
        remedy="put right what the drifts name, as each says, then run ledger_reconcile again", details={"drifts": [one.as_dict() for one in failing]},
    )
