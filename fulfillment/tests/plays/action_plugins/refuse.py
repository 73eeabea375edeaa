# SPDX-License-Identifier: GPL-3.0-or-later
"""An action that fails with one of the collection's errors."""

from __future__ import annotations

from ansible_collections.leasehold.cloud.plugins.module_utils.core import errors
from ansible_collections.leasehold.cloud.plugins.plugin_utils.action import LeaseholdAction


class ActionModule(LeaseholdAction):
    def _options(self) -> dict:
        return self._task.args

    def execute(self, args: dict, task_vars: dict) -> dict:
        raise getattr(errors, args["error"])("three of four are held", object="class gpu", attempted="choosing servers", remedy="order fewer")
