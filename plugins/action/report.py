# Copyright: (c) 2026, leasehold.cloud contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Keep a report as files; documented in plugins/modules/report.py."""

from __future__ import annotations

from pathlib import Path

from ansible_collections.leasehold.cloud.plugins.module_utils import signing
from ansible_collections.leasehold.cloud.plugins.module_utils.core.changes import Change
from ansible_collections.leasehold.cloud.plugins.module_utils.core.errors import InvalidInput
from ansible_collections.leasehold.cloud.plugins.plugin_utils.action import LeaseholdAction

MODE = 0o640  # it says who the customers are


class ActionModule(LeaseholdAction):
    """Each file whole or not at all; one that says already what it should is left as it is."""

    def execute(self, args, task_vars):
        directory = Path(args["path"])
        try:
            files = {directory / _checked(name): text.encode() for name, text in args["files"].items()}
            there = {file: file.read_bytes() if file.exists() else None for file in files}
            changed = [file for file in files if there[file] != files[file]]
            changes = [Change("file", str(file), _told(there[file]), _told(files[file])) for file in changed]
            result = self.apply(changes, lambda: [signing.write(str(file), files[file], MODE) for file in changed])
        except OSError as error:
            raise InvalidInput(
                f"{error.strerror or error}", object=f"option path {directory}", attempted="writing the report",
                remedy="give a directory that you may write to",
            ) from error
        return result | {"path": str(directory), "written": [file.name for file in changed]}


def _checked(name: str) -> str:
    if Path(name).name != name:
        raise InvalidInput(
            "it is not a file's name", object=f"option files, {name}", attempted="writing the report",
            remedy="give names without a directory, such as those of leasehold.cloud.report_info",
        )
    return name


def _told(content: bytes | None) -> str | None:
    """Of a file, its text: a diff of reports is what changed in the ledger."""
    return None if content is None else content.decode(errors="replace")
