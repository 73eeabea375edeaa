# Copyright: (c) 2026, leasehold.cloud contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Back a ledger in SQLite up; documented in plugins/modules/ledger_backup.py."""

from __future__ import annotations

from pathlib import Path

from ansible_collections.leasehold.cloud.plugins.module_utils.core.changes import Change
from ansible_collections.leasehold.cloud.plugins.module_utils.core.errors import InvalidInput
from ansible_collections.leasehold.cloud.plugins.module_utils.ledger import backup
from ansible_collections.leasehold.cloud.plugins.plugin_utils.ledger import LedgerAction, warm

warm()


class ActionModule(LedgerAction):
    """A backup that says already what the ledger says is left as it is."""

    def execute(self, args, task_vars):
        source, dest = backup.file_of(self.ledger_url(args)), Path(args["dest"]).absolute()
        if dest.exists() and dest.samefile(source):
            raise InvalidInput("it is the ledger itself", object=f"option dest {dest}", attempted="backing the ledger up", remedy="give another path")
        there = backup.contents(dest) if dest.exists() else None
        now = backup.contents(source)
        changes = [] if there == now else [Change("backup", str(dest), _told(there), _told(now))]
        written: list[dict] = []
        result = self.apply(changes, lambda: written.append(backup.write(source, dest)))
        shown = written[0] if written else now
        return result | {"path": str(dest), "schema": shown["schema"], "head": shown["head"], "events": shown["count"]}


def _told(contents: dict | None) -> str | None:
    if contents is None:
        return None
    head = contents["head"]
    return f"schema {contents['schema']}, {contents['count']} events" + (f" to {head['id']} of {head['at']}" if head else "")
