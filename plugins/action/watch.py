# Copyright: (c) 2026, leasehold.cloud contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

from ansible_collections.leasehold.cloud.plugins.module_utils.lazy import preload
from ansible_collections.leasehold.cloud.plugins.module_utils.waits import Waiter
from ansible_collections.leasehold.cloud.plugins.plugin_utils.action import LeaseholdAction

preload("kubernetes", "urllib3", "yaml")


class ActionModule(LeaseholdAction):
    """Wait for named conditions on a hub, or in a hosted cluster, and return what they were met by."""

    def execute(self, args, task_vars):
        waiter = Waiter(args["kubeconfig"], args["timeout"], self.say)
        outcomes = [waiter.look(condition) if self.check_mode else waiter.wait(condition) for condition in args["conditions"]]
        return {
            "changed": False,
            "resources": [resource for outcome in outcomes for resource in outcome.pop("resources")],
            "conditions": outcomes,
            "waited": round(sum(outcome["waited"] for outcome in outcomes), 1),
        }
