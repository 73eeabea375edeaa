# Copyright: (c) 2026, leasehold.cloud contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Everything that an order would change, before anything does; documented in plugins/modules/plan_info.py."""

from __future__ import annotations

import dataclasses

from ansible.utils.display import Display

from ansible_collections.leasehold.cloud.plugins.module_utils import templates
from ansible_collections.leasehold.cloud.plugins.module_utils.core import hypershift, orders
from ansible_collections.leasehold.cloud.plugins.module_utils.core.claims import Order
from ansible_collections.leasehold.cloud.plugins.module_utils.ledger import clusters, ground
from ansible_collections.leasehold.cloud.plugins.plugin_utils.ledger import LedgerAction, warm

warm()
ASKED = (
    "tenant", "template", "node_sets", "lease_duration", "lease_start", "lease_grace", "hold", "placement", "remove_servers", "expected_plan",
)
KEPT = ("template", "lease_duration", "lease_grace", "placement")  # of a cluster that is there already, what a scale does not say again


class ActionModule(LedgerAction):
    """Reads one moment of the ledger, and decides."""

    def execute(self, args, task_vars):
        with self.open_ledger(args, writable=False) as ledger, ledger.reading() as tx:
            operation = args["operation"]
            known = clusters.get(tx, args["cluster"])
            order = _order(args, (known or {}).get("order") or {})
            site = args["site"] or (known["site"] if known and known["phase"] != "deleted" else None)
            plan = ground.plan(tx, order, operation, site, hypershift.manifests)
            if self._task.diff:  # Ansible shows a diff of tasks that change something only
                Display().display(plan["diff"].rstrip())
            return {"changed": False, "plan": plan}


def _order(args: dict, recorded: dict) -> Order:
    """The order that the options make, and its template; a cluster that is there keeps its own."""
    operation = args["operation"]
    variables = {f"cluster_{key}": args[key] for key in ASKED}
    variables["cluster_name"] = args["cluster"]
    if operation == "scale":
        kept = {f"cluster_{key}": recorded.get(f"cluster_{key}") for key in KEPT}
        variables |= {key: value for key, value in kept.items() if value and (key == "cluster_template" or not variables[key])}
        variables["cluster_node_sets"] = orders.with_known_classes(args["node_sets"], recorded.get("cluster_node_sets"))
    if operation in ("delete", "verify"):
        variables["cluster_template"] = None
        order = orders.parse(variables, None, operation)
        return dataclasses.replace(order, settings=recorded.get("cluster_settings") or {})
    name = variables["cluster_template"]
    template = templates.find(name, args["template_path"] or ()) if name else None
    if operation == "scale" and template:
        template = orders.template_of_scale(template, args["node_sets"], recorded.get("cluster_node_sets"))
    return orders.parse(variables, template, operation)
