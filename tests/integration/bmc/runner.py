# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs actions as tasks do, without a playbook's start each time: a line of JSON in, a line of JSON out.

A process of its own, because Ansible wants to be the first who loads a collection.
"""

from __future__ import annotations

import importlib
import json
import sys
from types import SimpleNamespace

from ansible.plugins.loader import init_plugin_loader


def main() -> None:
    init_plugin_loader([])
    from ansible.playbook.task import Task

    nowhere = SimpleNamespace(_shell=SimpleNamespace(tmpdir="/nowhere"))  # nothing is sent anywhere
    answers, sys.stdout = sys.stdout, sys.stderr  # what Ansible displays is not an answer
    for line in sys.stdin:
        asked = json.loads(line)
        plugin = importlib.import_module(f"ansible_collections.leasehold.cloud.plugins.action.{asked['module']}")
        task = Task.load({"action": f"leasehold.cloud.{asked['module']}", "args": asked["options"], "check_mode": asked["check"], "diff": True})
        action = plugin.ActionModule(task, connection=nowhere, play_context=None, loader=None, templar=None, shared_loader_obj=None)
        print(json.dumps(action.run(task_vars={}), default=str), file=answers, flush=True)


if __name__ == "__main__":
    main()
