# Copyright: (c) 2026, leasehold.cloud contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""When an erase of a drive is proven. Pure.

A BMC that says "done" is not believed alone: an erase counts when **both** the task that made it ended well **and** the
BMC's log has an entry of it, about that drive, made while the task ran or after. Both must be of this release (not
older than ``since``), for a drive that was erased before its last tenant proves nothing about this one.

Facts of DMTF: Task (TaskState, TaskStatus, StartTime, EndTime, Payload.TargetUri), LogEntry (Created, Severity,
MessageId, MessageArgs, Links.OriginOfCondition), registry TaskEvent (TaskCompletedOK). No DMTF registry has a message
of its own for a finished erase, so an entry counts when it names the drive (as its origin, or its serial or path in
its text) and either is TaskCompletedOK of that task or speaks of an erase.
"""

from __future__ import annotations

import datetime
import re

RUNNING_STATES = ("New", "Starting", "Running", "Suspended", "Pending", "Stopping", "Cancelling")
CLOCK_TOLERANCE = datetime.timedelta(seconds=2)  # many BMCs write whole seconds
SPEAKS_OF_ERASE = re.compile(r"eras|saniti[sz]|wip(e|ing)|cryptographic", re.IGNORECASE)
UNCONFIRMED = "says it completed, but no log entry of its BMC confirms it"
GOOD_SEVERITIES = ("OK", "Informational", "", None)


def moment(text: str) -> datetime.datetime:
    """A time in ISO 8601 as an aware datetime; without a zone it is UTC.

    :raises ValueError: it is none.
    """
    parsed = datetime.datetime.fromisoformat(str(text).strip().replace("Z", "+00:00"))
    return parsed if parsed.tzinfo else parsed.replace(tzinfo=datetime.timezone.utc)


def newest_task(drive: dict, tasks: list[dict], since: datetime.datetime) -> dict | None:
    """The newest erase task of a drive that started at ``since`` or later.

    :param drive: ``{"id", "serial", "path", "erase_target"}``.
    :param tasks: ``[{"path", "id", "target", "state", "status", "started", "ended", "message"}]``.
    """
    own = [task for task in tasks if task["target"] and task["target"] == drive["erase_target"] and task["started"]
           and moment(task["started"]) >= since - CLOCK_TOLERANCE]
    return max(own, key=lambda task: moment(task["started"]), default=None)


def is_running(task: dict | None) -> bool:
    return task is not None and task["state"] in RUNNING_STATES


def judge(drive: dict, tasks: list[dict], entries: list[dict], since: datetime.datetime) -> dict:
    """What is proven of a drive: ``{drive, serial, task, started, ended, log_entry, proven, reason}``.

    :param entries: ``[{"path", "created", "severity", "message_id", "message", "args", "origin"}]``, of the BMC's logs.
    :param since: when the release began, by the BMC's clock.
    """
    evidence = {"drive": drive["id"], "serial": drive["serial"], "task": None, "started": None, "ended": None,
                "log_entry": None, "proven": False}
    if not drive["erase_target"]:
        return {**evidence, "reason": "its BMC offers no Drive.SecureErase for it"}
    task = newest_task(drive, tasks, since)
    if task is None:
        return {**evidence, "reason": "its BMC has no erase task since the release began"}
    evidence.update(task=task["path"], started=task["started"], ended=task["ended"])
    if is_running(task):
        return {**evidence, "reason": f"task {task['id']} is {task['state']}"}
    if task["state"] != "Completed" or task["status"] not in ("OK", None):
        said = f": {task['message']}" if task["message"] else ""
        return {**evidence, "reason": f"task {task['id']} ended as {task['state']}/{task['status']}{said}"}
    entry = next((entry for entry in entries if _proves(entry, drive, task)), None)
    if entry is None:
        return {**evidence, "reason": f"task {task['id']} {UNCONFIRMED}"}
    return {**evidence, "log_entry": entry["path"], "proven": True, "reason": ""}


def lacks_entry_only(proof: dict) -> bool:
    """Whether all that evidence lacks is the log entry, which may come a little after the task."""
    return proof["reason"].endswith(UNCONFIRMED)


def _proves(entry: dict, drive: dict, task: dict) -> bool:
    if not entry["created"] or moment(entry["created"]) < moment(task["started"]) - CLOCK_TOLERANCE:
        return False
    if entry["severity"] not in GOOD_SEVERITIES:
        return False
    key = (entry["message_id"] or "").rpartition(".")[2]
    of_task = key == "TaskCompletedOK" and task["id"] in entry["args"]
    text = " ".join([entry["message"] or "", *entry["args"]])
    return _names(entry, text, drive) and (of_task or SPEAKS_OF_ERASE.search(f"{key} {text}") is not None)


def _names(entry: dict, text: str, drive: dict) -> bool:
    about = entry["origin"] == drive["path"] or drive["path"] in text
    return about or bool(drive["serial"] and drive["serial"] in text)
