# SPDX-License-Identifier: GPL-3.0-or-later
"""An action that waits and says so, as those of the collection do."""

from __future__ import annotations

import time

from ansible_collections.leasehold.cloud.plugins.plugin_utils.action import LeaseholdAction


class ActionModule(LeaseholdAction):
    def _options(self) -> dict:
        return self._task.args

    def execute(self, args: dict, task_vars: dict) -> dict:
        for number in range(args["times"]):
            self.say(f"{args['message']} {number + 1}")
            time.sleep(args["pause"])
        return {"changed": args.get("changed", False)}
