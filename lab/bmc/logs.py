"""LogServices of the system: one event log (DMTF LogService 1.3, LogEntry 1.15)."""

from __future__ import annotations

import flask
from sushy_tools import error

from lab.bmc.drivers import place
from lab.hardware import now

blueprint = flask.Blueprint("lab_logs", __name__, url_prefix="/redfish/v1/Systems/<identity>/LogServices")
LOG = "EventLog"


@blueprint.route("")
def log_services(identity: str):
    path = _path(identity)
    return flask.jsonify({
        "@odata.id": path, "@odata.type": "#LogServiceCollection.LogServiceCollection", "Name": "Log services",
        "Members@odata.count": 1, "Members": [{"@odata.id": f"{path}/{LOG}"}],
    })


@blueprint.route(f"/{LOG}")
def log_service(identity: str):
    path = f"{_path(identity)}/{LOG}"
    return flask.jsonify({
        "@odata.id": path, "@odata.type": "#LogService.v1_3_0.LogService", "Id": LOG, "Name": "System event log",
        "LogEntryType": "Event", "OverWritePolicy": "WrapsWhenFull", "ServiceEnabled": True,
        "DateTime": now(), "DateTimeLocalOffset": "+00:00", "Entries": {"@odata.id": f"{path}/Entries"},
        "Status": {"State": "Enabled", "Health": "OK"},
    })


@blueprint.route(f"/{LOG}/Entries")
def log_entries(identity: str):
    path = f"{_path(identity)}/{LOG}/Entries"
    entries = [_entry(path, record) for record in flask.current_app.hardware.get(place().name).log]
    return flask.jsonify({
        "@odata.id": path, "@odata.type": "#LogEntryCollection.LogEntryCollection", "Name": "Log entries",
        "Members@odata.count": len(entries), "Members": entries,
    })


@blueprint.route(f"/{LOG}/Entries/<entry_id>")
def log_entry(identity: str, entry_id: str):
    path = f"{_path(identity)}/{LOG}/Entries"
    for record in flask.current_app.hardware.get(place().name).log:
        if record["id"] == entry_id:
            return flask.jsonify(_entry(path, record))
    raise error.NotFound(f"Log entry {entry_id} was not found")


def _path(identity: str) -> str:
    return f"/redfish/v1/Systems/{flask.current_app.systems.uuid(identity)}/LogServices"


def _entry(path: str, record: dict) -> dict:
    entry = {
        "@odata.id": f"{path}/{record['id']}", "@odata.type": "#LogEntry.v1_15_0.LogEntry", "Id": record["id"],
        "Name": f"Log entry {record['id']}", "EntryType": "Event", "Created": record["created"],
        "Severity": record["severity"], "Message": record["message"], "MessageId": record["message_id"],
        "MessageArgs": record["args"],
    }
    if record["drive"]:
        entry["Links"] = {"OriginOfCondition": {"@odata.id": record["drive"]}}
    return entry
