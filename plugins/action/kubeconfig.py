# Copyright: (c) 2026, leasehold.cloud contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import contextlib
import os
import stat
import tempfile
from pathlib import Path

from ansible_collections.leasehold.cloud.plugins.module_utils.core.changes import Change
from ansible_collections.leasehold.cloud.plugins.module_utils.core.errors import DeviceFailed
from ansible_collections.leasehold.cloud.plugins.module_utils.hub import Hub
from ansible_collections.leasehold.cloud.plugins.module_utils.lazy import preload
from ansible_collections.leasehold.cloud.plugins.module_utils.waits import Waiter
from ansible_collections.leasehold.cloud.plugins.plugin_utils.action import LeaseholdAction

preload("kubernetes", "urllib3", "yaml")
MODE = 0o600
DIRECTORY_MODE = 0o700


class ActionModule(LeaseholdAction):
    """A hosted cluster's kubeconfig as a private file. Its text never enters a result, an event or a diff."""

    constraints = {"required_if": [("state", "present", ("kubeconfig", "cluster"))]}

    def execute(self, args, task_vars):
        path = Path(args["path"])
        try:
            wanted = self._published(args) if args["state"] == "present" else None
            before, after = _told(_read(path), wanted), None if wanted is None else "as published, 0600"
            changes = [] if before == after else [Change("file", str(path), before, after)]
            return self.apply(changes, lambda: _store(path, wanted)) | {"path": str(path)}
        except OSError as error:
            raise DeviceFailed(
                f"the file cannot be handled: {error.strerror}", object=str(path), attempted="storing a cluster's kubeconfig",
                remedy="make its directory writable for the user that runs Ansible",
            ) from error

    def _published(self, args: dict) -> str:
        """The kubeconfig's text; in check mode an empty one while there is none, for the run will find it published."""
        waiter = Waiter(args["kubeconfig"], args["timeout"], self.say)
        condition = {"name": "hosted_cluster_available", "cluster": args["cluster"]}
        if self.check_mode and not waiter.look(condition)["done"]:
            return ""
        waiter.wait(condition)
        return Hub.from_file(args["kubeconfig"]).hosted_kubeconfig(args["cluster"])


def _read(path: Path) -> tuple[str, int] | None:
    if not path.exists():
        return None
    return path.read_text(encoding="utf-8"), stat.S_IMODE(path.stat().st_mode)


def _told(found: tuple[str, int] | None, wanted: str | None) -> str | None:
    """A file in words that give nothing away."""
    if found is None:
        return None
    text, mode = found
    return f"{'as published' if text == wanted else 'with other contents'}, {mode:04o}"


def _store(path: Path, text: str | None) -> None:
    """Write the file so that it is never readable for others nor half there; or remove it."""
    if text is None:
        path.unlink()
        return
    path.parent.mkdir(mode=DIRECTORY_MODE, parents=True, exist_ok=True)
    descriptor, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")  # created 0600
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as stream:
            stream.write(text)
        os.chmod(temporary, MODE)
        os.replace(temporary, path)
    except BaseException:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(temporary)
        raise
