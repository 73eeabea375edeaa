# Copyright: (c) 2026, leasehold.cloud contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Counts the executions of a run's tasks, by action, into the file that C(LEASEHOLD_EXECUTIONS) names."""

from __future__ import annotations

import json
import os
from collections import Counter
from pathlib import Path

from ansible.plugins.callback import CallbackBase

DOCUMENTATION = """
name: executions
type: aggregate
short_description: counts the executions of tasks
description:
  - One execution is one result of one task on one host; in a loop, one item.
  - Skipped ones are counted apart.
requirements:
  - enable it in C(callbacks_enabled), and name a file in the environment variable C(LEASEHOLD_EXECUTIONS)
"""


class CallbackModule(CallbackBase):
    """Only counts; prints nothing."""

    CALLBACK_VERSION = 2.0
    CALLBACK_TYPE = "aggregate"
    CALLBACK_NAME = "executions"
    CALLBACK_NEEDS_ENABLED = True

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self._executed = Counter()
        self._skipped = Counter()

    def v2_runner_on_ok(self, result):
        self._count(self._executed, result)

    def v2_runner_on_failed(self, result, ignore_errors=False):
        self._count(self._executed, result)

    def v2_runner_on_unreachable(self, result):
        self._count(self._executed, result)

    def v2_runner_on_skipped(self, result):
        self._count(self._skipped, result)

    def v2_runner_item_on_ok(self, result):
        self._executed[result.task.action] += 1

    def v2_runner_item_on_failed(self, result):
        self._executed[result.task.action] += 1

    def v2_runner_item_on_skipped(self, result):
        self._skipped[result.task.action] += 1

    def v2_playbook_on_stats(self, stats):
        counted = {"executed": dict(self._executed), "skipped": dict(self._skipped)}
        Path(os.environ["LEASEHOLD_EXECUTIONS"]).write_text(json.dumps(counted), encoding="utf-8")

    def _count(self, counter, result):
        """A loop's own result is not counted beside its items'. An include has a result of its own and none for its items."""
        if not result.task.loop or "results" not in result.result:
            counter[result.task.action] += 1
