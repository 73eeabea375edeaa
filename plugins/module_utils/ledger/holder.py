# Copyright: (c) 2026, leasehold.cloud contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Who holds a run: the ansible-playbook process, told apart over hosts, containers and reused process ids."""

from __future__ import annotations

import hashlib
import os
import platform
import subprocess
from pathlib import Path

START_TIME = 19  # field 22 of /proc/PID/stat, counted after the command's closing bracket


def holder_of(pid: int) -> str:
    """C(host:pid:process start time) of a live process on this host."""
    return f"{this_host()}:{pid}:{_start_time(pid) or ''}"


def is_gone(holder: str) -> bool:
    """Whether the holder is known to be dead: it is of this host, and its process is no more.

    Of a holder on another host nothing is known, and the answer is False; so it is of a process that is hidden from this user.
    """
    host, pid, started = holder.rsplit(":", 2)
    return host == this_host() and _start_time(int(pid)) not in (started, None)


def this_host() -> str:
    """This host's name, and a mark of its process namespace (containers may share a name, never that)."""
    return f"{platform.node()}~{hashlib.sha256(_identity().encode()).hexdigest()[:8]}"


def _identity() -> str:
    """What tells this host's process ids from another's: the machine, and the namespace of its process ids."""
    machine = Path("/etc/machine-id")
    namespace = Path("/proc/self/ns/pid")
    return "/".join((
        machine.read_text(encoding="utf-8").strip() if machine.exists() else "",
        os.readlink(namespace) if namespace.is_symlink() else "",
    ))


def _start_time(pid: int) -> str | None:
    """When a process began, in the kernel's own terms; empty when there is no such process, None when it may not be seen."""
    if not Path("/proc/self/stat").exists():  # not Linux
        # pylint: disable-next=ansible-bad-function  # run_command is of modules; this runs in an action
        shown = subprocess.run(["ps", "-o", "lstart=", "-p", str(pid)], capture_output=True, text=True, check=False)
        return shown.stdout.strip().replace(":", ".")
    try:
        fields = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
    except ProcessLookupError:
        return ""
    except (FileNotFoundError, PermissionError):
        return None if _exists(pid) else ""
    return "" if fields[0] == "Z" else fields[START_TIME]


def _exists(pid: int) -> bool:
    """What the kernel says: /proc may be mounted so that it does not show other users' processes (C(hidepid))."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True  # another user's
    return True
