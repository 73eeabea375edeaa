# Copyright: (c) 2026, leasehold.cloud contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Notes each task of a run in a file, and kills ansible-playbook with all its processes at a given one."""

from __future__ import annotations

import json
import os
import signal

from ansible.plugins.callback import CallbackBase

DOCUMENTATION = """
name: crash
type: aggregate
short_description: kills ansible-playbook at a given task
description:
  - Each task is a line of JSON in the file that E(LEASEHOLD_CRASH_FILE) names, with its number, its play and its name, on disk before
    anything else happens.
  - With E(LEASEHOLD_CRASH_TASK) and E(LEASEHOLD_CRASH_WHEN) the process group gets SIGKILL when the task of that number V(ends), which is
    after its results of all hosts and before the next task begins, or as soon as it V(begins) on its first host.
requirements:
  - enable it in C(callbacks_enabled)
"""


class CallbackModule(CallbackBase):
    """Counts tasks from 1, as they start."""

    CALLBACK_VERSION = 2.0
    CALLBACK_TYPE = "aggregate"
    CALLBACK_NAME = "crash"
    CALLBACK_NEEDS_ENABLED = True

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self._file = os.open(os.environ["LEASEHOLD_CRASH_FILE"], os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        self._last = int(os.environ.get("LEASEHOLD_CRASH_TASK", "0"))
        self._when = os.environ.get("LEASEHOLD_CRASH_WHEN", "ends")
        self._play = ""
        self._number = 0

    def v2_playbook_on_play_start(self, play):
        self._task_ended()
        self._play = play.get_name()

    def v2_playbook_on_task_start(self, task, is_conditional):
        self._next_task(task)

    def v2_playbook_on_handler_task_start(self, task):
        self._next_task(task)

    def v2_runner_on_start(self, host, task):
        if self._when == "begins" and self._number == self._last:
            self._die()

    def v2_playbook_on_stats(self, stats):
        self._task_ended()

    def _next_task(self, task):
        self._task_ended()
        self._number += 1
        self._note({"number": self._number, "play": self._play, "task": task.get_name().rpartition(" : ")[2], "action": task.action})

    def _task_ended(self):
        if self._when == "ends" and self._number and self._number == self._last:
            self._die()

    def _die(self):
        self._note({"number": self._number, "killed": self._when})
        os.killpg(os.getpgrp(), signal.SIGKILL)

    def _note(self, line):
        os.write(self._file, json.dumps(line).encode() + b"\n")
        os.fsync(self._file)
