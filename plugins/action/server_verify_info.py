# Copyright: (c) 2026, leasehold.cloud contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Compare servers with what their source says of them; documented in plugins/modules/server_verify_info.py."""

from __future__ import annotations

from ansible.utils.display import Display

from ansible_collections.leasehold.cloud.plugins.module_utils import bmc as fleet
from ansible_collections.leasehold.cloud.plugins.module_utils import inventory_facts
from ansible_collections.leasehold.cloud.plugins.module_utils.core import server_verify
from ansible_collections.leasehold.cloud.plugins.module_utils.core.errors import InvalidInput
from ansible_collections.leasehold.cloud.plugins.module_utils.lazy import preload
from ansible_collections.leasehold.cloud.plugins.module_utils.redfish import Login
from ansible_collections.leasehold.cloud.plugins.plugin_utils.action import LeaseholdAction

preload("sushy", "sushy.exceptions", "sushy.connector", "sushy.auth", "requests.exceptions")

GATHERED = ("drives", "nics", "gpus")


class ActionModule(LeaseholdAction):
    """Reads all BMCs, then compares."""

    secrets = frozenset({"password"})

    def execute(self, args, task_vars):
        servers = args["servers"]
        fleet.check_servers(servers)
        login = Login.from_options(args)
        bmcs = [fleet.Bmc(server, login, strangers=True) for server in servers]
        hardware, failures = fleet.each(bmcs, lambda bmc: inventory_facts.gather(bmc, GATHERED), args["concurrency"], self.say)
        try:
            neighbours = server_verify.heard(args["neighbours"])
            found = server_verify.verify(servers, hardware, {name: error.message for name, error in failures.items()}, neighbours)
        except (KeyError, TypeError, AttributeError) as error:
            raise InvalidInput(
                f"what was given cannot be compared: {type(error).__name__} {error}", object="options servers, neighbours", attempted="comparing",
                remedy="give servers as leasehold.cloud.server_info tells them, with details; ansible-doc shows the shape of neighbours") from error
        silent = server_verify.silent_switches(servers, neighbours)
        text = server_verify.text(found, len(servers), silent)
        if args["show"]:
            Display().display(text.rstrip())
        counts = {f"{severity}s": sum(one.severity == severity for one in found) for severity in (server_verify.ERROR, server_verify.WARNING)}
        return {"changed": False, "differences": [one.as_dict() for one in found], "counts": counts, "silent_switches": silent,
                "text": text, "files": server_verify.files(found, silent)}
