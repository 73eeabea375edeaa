# SPDX-License-Identifier: GPL-3.0-or-later
"""When an erase counts as proven: both of task and log, both of this release."""

from __future__ import annotations

import pytest
from ansible_collections.leasehold.cloud.plugins.module_utils.core.wipe import judge, moment, newest_task

PATH = "/redfish/v1/Systems/1/Storage/1/Drives/disk0"
DRIVE = {"id": "disk0", "serial": "SN-0815", "path": PATH, "erase_target": f"{PATH}/Actions/Drive.SecureErase"}
SINCE = moment("2026-11-20T08:00:00Z")
TASK = {"path": "/redfish/v1/TaskService/Tasks/7", "id": "7", "target": DRIVE["erase_target"], "state": "Completed", "status": "OK",
        "started": "2026-11-20T08:00:10Z", "ended": "2026-11-20T08:00:20Z", "message": None}
ENTRY = {"path": "/redfish/v1/Systems/1/LogServices/SEL/Entries/3", "created": "2026-11-20T08:00:20Z", "severity": "OK",
         "message_id": "TaskEvent.1.0.TaskCompletedOK", "message": "The task with Id '7' has completed.", "args": ["7"], "origin": PATH}
VENDOR = ENTRY | {"message_id": "STOR.2.8.STOR9", "message": "Cryptographic erase of drive SN-0815 finished.", "args": [], "origin": None}


def test_task_and_entry_prove_it():
    found = judge(DRIVE, [TASK], [ENTRY], SINCE)
    assert found == {"drive": "disk0", "serial": "SN-0815", "task": TASK["path"], "started": TASK["started"], "ended": TASK["ended"],
                     "log_entry": ENTRY["path"], "proven": True, "reason": ""}


@pytest.mark.parametrize("entry", [
    VENDOR,
    VENDOR | {"message": "Sanitize completed", "args": [f"drive {PATH}"]},
    ENTRY | {"severity": None},
    ENTRY | {"created": "2026-11-20T09:00:20+01:00"},
    ENTRY | {"created": "2026-11-20T08:00:09Z"},  # a clock of whole seconds
])
def test_entries_of_many_kinds_confirm_it(entry):
    assert judge(DRIVE, [TASK], [entry], SINCE)["proven"]


@pytest.mark.parametrize("entry", [
    None,
    ENTRY | {"origin": PATH.replace("disk0", "disk1")},  # another drive's
    ENTRY | {"args": ["8"]},  # another task's
    ENTRY | {"severity": "Critical"},
    ENTRY | {"created": "2026-11-20T07:59:00Z"},  # of the last release
    ENTRY | {"created": None},
    ENTRY | {"message_id": "StorageDevice.1.2.DriveOK", "message": "The health of the drive has changed to OK."},
    VENDOR | {"message": "Cryptographic erase of drive SN-0816 finished."},
    VENDOR | {"message": "Drive SN-0815 was inserted."},
])
def test_a_completed_task_alone_proves_nothing(entry):
    found = judge(DRIVE, [TASK], [entry] if entry else [], SINCE)
    assert not found["proven"] and found["log_entry"] is None
    assert "no log entry" in found["reason"] and found["task"] == TASK["path"]


@pytest.mark.parametrize(("task", "said"), [
    (TASK | {"state": "Exception", "status": "Critical", "message": "medium error"}, "Exception/Critical: medium error"),
    (TASK | {"status": "Warning"}, "Completed/Warning"),
    (TASK | {"state": "Running"}, "is Running"),
    (TASK | {"target": None}, "no erase task"),
    (TASK | {"target": DRIVE["erase_target"].replace("disk0", "disk1")}, "no erase task"),
    (TASK | {"started": "2026-11-20T07:59:00Z"}, "no erase task"),
    (TASK | {"started": None}, "no erase task"),
])
def test_a_log_entry_alone_proves_nothing(task, said):
    found = judge(DRIVE, [task], [ENTRY], SINCE)
    assert not found["proven"] and said in found["reason"]


def test_the_newest_task_decides():
    failed = TASK | {"id": "9", "state": "Exception", "status": "Critical", "started": "2026-11-20T08:05:00Z"}
    assert newest_task(DRIVE, [failed, TASK], SINCE) == failed
    assert not judge(DRIVE, [failed, TASK], [ENTRY], SINCE)["proven"]


def test_a_drive_without_the_action_is_unproven():
    assert "offers no Drive.SecureErase" in judge(DRIVE | {"erase_target": None}, [TASK], [ENTRY], SINCE)["reason"]


def test_a_drive_without_serial_is_not_found_in_every_text():
    assert not judge(DRIVE | {"serial": ""}, [TASK], [VENDOR], SINCE)["proven"]
