# Copyright: (c) 2026, leasehold.cloud contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

from ansible_collections.leasehold.cloud.plugins.module_utils.core.changes import Change
from ansible_collections.leasehold.cloud.plugins.module_utils.core.drains import pod_name
from ansible_collections.leasehold.cloud.plugins.module_utils.drains import Drain
from ansible_collections.leasehold.cloud.plugins.module_utils.hub import Hub
from ansible_collections.leasehold.cloud.plugins.module_utils.lazy import preload
from ansible_collections.leasehold.cloud.plugins.module_utils.waits import Waiter
from ansible_collections.leasehold.cloud.plugins.plugin_utils.action import LeaseholdAction

preload("kubernetes", "urllib3", "yaml")


class ActionModule(LeaseholdAction):
    """Cordon several nodes of a cluster and evict their pods, all together."""

    def execute(self, args, task_vars):
        if not self.check_mode:  # the API may be away for a while
            Waiter(args["kubeconfig"], args["timeout"], self.say).wait({"name": "api_ready", "cluster": args["cluster"]})
        hub = Hub.from_file(args["kubeconfig"])
        api = hub.hosted(args["cluster"]) if args["cluster"] else hub
        drain = Drain(api, args["nodes"], args["grace_period"], self.say)
        nodes, pods = drain.open_nodes(), drain.pods()
        changes = [Change("node", name, "schedulable", "unschedulable") for name in nodes]
        changes += [Change("pod", pod_name(pod), f"on {pod['spec']['nodeName']}", None) for pod in pods]

        def act():
            drain.cordon(nodes)
            drain.evict(args["timeout"])

        return self.apply(changes, act) | {"cordoned": nodes, "evicted": [pod_name(pod) for pod in pods]}
