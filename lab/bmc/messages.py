"""Messages of the DMTF's registries, as they stand in logs and tasks."""

from __future__ import annotations

_MESSAGES = {  # key: (severity, text); the registries are the DMTF's TaskEvent 1.0 and ResourceEvent 1.3
    "TaskEvent.1.0.TaskStarted": ("OK", "The task with Id '{0}' has started."),
    "TaskEvent.1.0.TaskCompletedOK": ("OK", "The task with Id '{0}' has completed."),
    "TaskEvent.1.0.TaskAborted": ("Critical", "The task with Id '{0}' has completed with errors."),
    "ResourceEvent.1.3.ResourcePoweredOn": ("OK", "The resource '{0}' has powered on."),
    "ResourceEvent.1.3.ResourcePoweredOff": ("OK", "The resource '{0}' has powered off."),
}


def message(message_id: str, *args: str) -> dict:
    """A Redfish Message object (the keys that a LogEntry shares with it)."""
    severity, text = _MESSAGES[message_id]
    return {"MessageId": message_id, "MessageArgs": list(args), "Message": text.format(*args), "Severity": severity}


def log_record(message_id: str, *args: str, drive: str | None = None) -> dict:
    """The same as arguments of ``Hardware.add_log``; ``drive``: the path of the drive it is about."""
    said = message(message_id, *args)
    return {"message_id": message_id, "message": said["Message"], "args": said["MessageArgs"],
            "severity": said["Severity"], "drive": drive}
