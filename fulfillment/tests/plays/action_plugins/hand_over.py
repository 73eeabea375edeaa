# SPDX-License-Identifier: GPL-3.0-or-later
"""An action that returns what it is given."""

from __future__ import annotations

from ansible.plugins.action import ActionBase


class ActionModule(ActionBase):
    _requires_connection = False

    def run(self, tmp=None, task_vars=None):
        super().run(tmp, task_vars)
        return {"changed": False, **self._task.args}
