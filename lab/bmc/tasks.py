"""TaskService and what runs in it: secure erase of drives (DMTF Task 1.7, DSP0266 "Asynchronous operations")."""

from __future__ import annotations

import itertools
import threading
from pathlib import Path

import flask
from sushy_tools import error

from lab import faults
from lab.bmc import drivers
from lab.bmc.gate import LAB_KEY
from lab.bmc.messages import log_record, message
from lab.hardware import Hardware, now

SERVICE = "/redfish/v1/TaskService"
KEPT = 50  # tasks a BMC remembers
ERASE_SECONDS = 0.5  # a cryptographic erase of a self-encrypting drive is about that quick
blueprint = flask.Blueprint("lab_tasks", __name__)


class TaskStore:
    """The tasks of all BMCs, in memory: a BMC that restarts forgets its tasks, and keeps its log."""

    def __init__(self):
        self._lock = threading.Lock()
        self._tasks: dict[tuple[str, str], dict] = {}
        self._numbers = itertools.count(1)

    def start(self, server: str, name: str, target_uri: str) -> dict:
        """A new running task of ``server``."""
        with self._lock:
            identity = f"T{next(self._numbers):06d}"
            task = {
                "@odata.id": f"{SERVICE}/Tasks/{identity}", "@odata.type": "#Task.v1_7_3.Task", "Id": identity,
                "Name": name, "TaskState": "Running", "TaskStatus": "OK", "StartTime": now(), "PercentComplete": 0,
                "TaskMonitor": f"{SERVICE}/TaskMonitors/{identity}",
                "Payload": {"HttpOperation": "POST", "TargetUri": target_uri, "HttpHeaders": [], "JsonBody": "{}"},
                "Messages": [_task_message("TaskEvent.1.0.TaskStarted", identity)],
            }
            self._tasks[server, identity] = task
            own = [key for key in self._tasks if key[0] == server]
            for key in own[:-KEPT]:  # CompletedTaskOverWritePolicy: Oldest
                del self._tasks[key]
            return dict(task)

    def finish(self, server: str, identity: str, succeeded: bool) -> None:
        said = "TaskEvent.1.0.TaskCompletedOK" if succeeded else "TaskEvent.1.0.TaskAborted"
        with self._lock:
            task = self._tasks[server, identity]
            task["Messages"] = [*task["Messages"], _task_message(said, identity)]
            task.update(TaskState="Completed" if succeeded else "Exception", PercentComplete=100, EndTime=now(),
                        TaskStatus="OK" if succeeded else "Critical")

    def get(self, server: str, identity: str) -> dict:
        """A copy of a task, or 404."""
        with self._lock:
            if (server, identity) not in self._tasks:
                raise error.NotFound(f"Task {identity} was not found")
            return dict(self._tasks[server, identity])

    def of(self, server: str) -> list[str]:
        with self._lock:
            return [identity for owner, identity in self._tasks if owner == server]


def task_service():
    return flask.jsonify({
        "@odata.id": SERVICE, "@odata.type": "#TaskService.v1_2_0.TaskService", "Id": "TaskService",
        "Name": "Task service", "DateTime": now(), "CompletedTaskOverWritePolicy": "Oldest", "ServiceEnabled": True,
        "Tasks": {"@odata.id": f"{SERVICE}/Tasks"}, "Status": {"State": "Enabled", "Health": "OK"},
    })


@blueprint.route(f"{SERVICE}/Tasks")
def task_collection():
    members = [{"@odata.id": f"{SERVICE}/Tasks/{task}"} for task in flask.current_app.tasks.of(drivers.place().name)]
    return flask.jsonify({
        "@odata.id": f"{SERVICE}/Tasks", "@odata.type": "#TaskCollection.TaskCollection", "Name": "Tasks",
        "Members@odata.count": len(members), "Members": members,
    })


@blueprint.route(f"{SERVICE}/Tasks/<task_id>")
def task_resource(task_id: str):
    return flask.jsonify(flask.current_app.tasks.get(drivers.place().name, task_id))


@blueprint.route(f"{SERVICE}/TaskMonitors/<task_id>")
def task_monitor(task_id: str):
    """202 with the task while it runs; then what the operation itself would have answered."""
    task = flask.current_app.tasks.get(drivers.place().name, task_id)
    if task["TaskState"] == "Running":
        return flask.jsonify(task), 202
    if task["TaskState"] == "Completed":
        return "", 204
    return flask.jsonify({"error": {"code": "Base.1.18.GeneralError", "message": task["Messages"][-1]["Message"],
                                    "@Message.ExtendedInfo": task["Messages"]}}), 500


@blueprint.route("/redfish/v1/Systems/<identity>/Storage/<storage>/Drives/<drive_id>/Actions/Drive.SecureErase",
                 methods=["POST"])
def secure_erase(identity: str, storage: str, drive_id: str):
    """Drive.SecureErase: 202, with a task that ends ERASE_SECONDS later."""
    app, server = flask.current_app, drivers.place()
    app.systems.uuid(identity)
    drivers.find_drive(app.hardware, drive_id)
    path = drivers.drive_path(drive_id)
    task = app.tasks.start(server.name, f"Secure erase of drive {drive_id}", flask.request.path)
    work = threading.Timer(ERASE_SECONDS, _erase, (
        app.hardware, app.tasks, flask.request.environ[LAB_KEY], server.name, drive_id, path, task["Id"]))
    work.daemon = True
    work.start()
    return flask.jsonify(task), 202, {"Location": task["TaskMonitor"]}


def _erase(hardware: Hardware, tasks: TaskStore, directory: Path, server: str, drive_id: str, path: str,
           task_id: str) -> None:
    """What the drive does. The log tells it before the task does, so that who saw the task end finds the entry."""
    if faults.active(directory, "wipe-fails", server):
        faults.consume(directory, "wipe-fails", server)
        hardware.add_log(server, **log_record("TaskEvent.1.0.TaskAborted", task_id, drive=path))
        tasks.finish(server, task_id, succeeded=False)
    elif faults.active(directory, "wipe-lies", server):
        faults.consume(directory, "wipe-lies", server)
        tasks.finish(server, task_id, succeeded=True)
    else:
        hardware.update_drive(server, drive_id, contents=None, erased_at=now())
        hardware.add_log(server, **log_record("TaskEvent.1.0.TaskCompletedOK", task_id, drive=path))
        tasks.finish(server, task_id, succeeded=True)


def _task_message(message_id: str, task_id: str) -> dict:
    said = message(message_id, task_id)
    said["MessageSeverity"] = said.pop("Severity")
    return said
