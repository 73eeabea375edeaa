# SPDX-License-Identifier: GPL-3.0-or-later
"""An action that cannot be asked to end: it has made its whole run deaf."""

from __future__ import annotations

import signal
import time

from ansible_collections.leasehold.cloud.plugins.plugin_utils.action import LeaseholdAction


class ActionModule(LeaseholdAction):
    def _options(self) -> dict:
        return self._task.args

    def execute(self, args: dict, task_vars: dict) -> dict:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        while True:
            self.say("deaf")
            time.sleep(0.2)
