# Copyright: (c) 2026, leasehold.cloud contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Read servers' BMCs; documented in plugins/modules/bmc_info.py."""

from __future__ import annotations

from ansible_collections.leasehold.cloud.plugins.module_utils import bmc as fleet
from ansible_collections.leasehold.cloud.plugins.module_utils import inventory_facts
from ansible_collections.leasehold.cloud.plugins.module_utils.lazy import preload
from ansible_collections.leasehold.cloud.plugins.module_utils.redfish import Login
from ansible_collections.leasehold.cloud.plugins.plugin_utils.action import LeaseholdAction

preload("sushy", "sushy.exceptions", "sushy.connector", "sushy.auth", "requests.exceptions")


class ActionModule(LeaseholdAction):
    """Power, boot, medium and identity always; drives, NICs, temperatures and logs where asked."""

    secrets = frozenset({"password"})

    def execute(self, args, task_vars):
        fleet.check_servers(args["servers"])
        login = Login.from_options(args)
        bmcs = [fleet.Bmc(server, login, strangers=args["strangers"]) for server in args["servers"]]
        servers, failures = fleet.each(
            bmcs, lambda bmc: inventory_facts.gather(bmc, args["gather"]), args["concurrency"], self.say)
        if failures and args["fail"]:
            raise fleet.together(failures, servers, len(bmcs), "reading servers' BMCs")
        return {"changed": False, "servers": servers,
                "failed_servers": {name: error.as_result()["msg"] for name, error in failures.items()}}
