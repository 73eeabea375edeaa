# SPDX-License-Identifier: GPL-3.0-or-later
"""A small Redfish service for tests, that can be odd in the ways in which real BMCs are.

It is not the lab's: what the product understands must not depend on one implementation.
"""

from __future__ import annotations

import base64
import datetime
import http.server
import json
import threading

SYSTEM = "/redfish/v1/Systems/System.Embedded.1"
MANAGER = "/redfish/v1/Managers/BMC"
STORAGE = f"{SYSTEM}/Storage/AHCI"
DRIVE = f"{STORAGE}/Drives/Disk.0"
ERASE = f"{DRIVE}/Actions/Drive.SecureErase"
TASKS = "/redfish/v1/TaskService/Tasks"


class Service:
    """One BMC. Attributes are its oddities; ``documents`` its resources, ``asked`` every change asked of it."""

    def __init__(self):
        self.user, self.password = "root", "calvin"
        self.clock_skew = datetime.timedelta(0)
        self.synchronous = False  # an erase is done with 204, without a task
        self.forgets_tasks = False  # a finished task is gone
        self.breaks = 0  # how many requests get their connection cut
        self.lock = threading.Lock()
        self.asked: list[str] = []
        self.documents = _documents()
        self.httpd = http.server.ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        threading.Thread(target=self.httpd.serve_forever, args=(0.01,), daemon=True).start()

    @property
    def server(self) -> dict:
        return {"name": "node1", "serial": "SVC1", "bmc": {"address": f"http://127.0.0.1:{self.httpd.server_port}"}}

    def close(self) -> None:
        self.httpd.shutdown()
        self.httpd.server_close()

    def now(self) -> str:
        return (datetime.datetime.now(datetime.timezone.utc) + self.clock_skew).isoformat(timespec="seconds")

    def expand(self, collection: str, members: list[dict]) -> None:
        """Members in full, as most logs have them."""
        self.documents[collection]["Members"] = members

    def answer(self, path: str) -> dict | None:
        document = self.documents.get(path)
        if path == "/redfish/v1/TaskService":
            return document | {"DateTime": self.now()}
        return document

    def post(self, path: str) -> tuple[int, dict, str]:
        """:returns: status, body, Location."""
        self.asked.append(path)
        if path == ERASE:
            return self._erase()
        return (204, {}, "") if path in (f"{SYSTEM}/Actions/ComputerSystem.Reset",) else (400, {}, "")

    def reset(self, kind: str) -> None:
        self.documents[SYSTEM]["PowerState"] = "Off" if kind == "ForceOff" else "On"

    def task(self, identity: str, target: str | None, state: str = "Completed") -> dict:
        """Add a task."""
        path = f"{TASKS}/{identity}"
        document = {"@odata.id": path, "@odata.type": "#Task.v1_4_3.Task", "Id": identity, "Name": "Erase", "TaskState": state,
                    "TaskStatus": "OK", "StartTime": self.now(), "EndTime": self.now(), "TaskMonitor": f"/taskmon/{identity}"}
        if target:
            document["Payload"] = {"TargetUri": target, "HttpOperation": "POST"}
        self.documents[path] = document
        self.documents[TASKS]["Members"].append({"@odata.id": path})
        return document

    def log(self, message: str, origin: str | None = None, owner: str = SYSTEM) -> None:
        entries = self.documents[f"{owner}/LogServices/Sel/Entries"]["Members"]
        path = f"{owner}/LogServices/Sel/Entries/{len(entries) + 1}"
        entries.append({"@odata.id": path, "Id": str(len(entries) + 1), "Created": self.now(), "Severity": "OK", "Message": message,
                        "MessageId": "VND.1.0.Info", "MessageArgs": [], "Links": {"OriginOfCondition": {"@odata.id": origin}} if origin else {}})

    def _erase(self) -> tuple[int, dict, str]:
        self.log("Drive erase completed", origin=DRIVE, owner=SYSTEM if "LogServices" in self.documents[SYSTEM] else MANAGER)
        if self.synchronous:
            return 204, {}, ""
        number = str(len(self.documents[TASKS]["Members"]) + 1)
        task = self.task(number, None)  # its payload is hidden: only we know what the task is for
        if self.forgets_tasks:
            del self.documents[task["@odata.id"]]
            self.documents[TASKS]["Members"].pop()
        return 202, {}, f"/taskmon/{number}"


def _documents() -> dict:
    def collection(path: str, *members: str) -> dict:
        return {"@odata.id": path, "Name": path, "Members": [{"@odata.id": member} for member in members]}

    logs = {}
    for owner in (SYSTEM, MANAGER):
        logs |= {
            f"{owner}/LogServices": collection(f"{owner}/LogServices", f"{owner}/LogServices/Sel"),
            f"{owner}/LogServices/Sel": {"@odata.id": f"{owner}/LogServices/Sel", "Id": "Sel", "Name": "Log",
                                         "Entries": {"@odata.id": f"{owner}/LogServices/Sel/Entries"}},
            f"{owner}/LogServices/Sel/Entries": collection(f"{owner}/LogServices/Sel/Entries"),
        }
    link = {path: {"@odata.id": path} for path in (SYSTEM, MANAGER, STORAGE, DRIVE, TASKS)}
    return logs | {
        "/redfish/v1/": {"@odata.id": "/redfish/v1/", "Id": "Root", "Name": "Root", "RedfishVersion": "1.6.0",
                         "Systems": {"@odata.id": "/redfish/v1/Systems"}, "Tasks": {"@odata.id": "/redfish/v1/TaskService"}},
        "/redfish/v1/TaskService": {"@odata.id": "/redfish/v1/TaskService", "Id": "TaskService", "Name": "Tasks", "Tasks": link[TASKS]},
        TASKS: collection(TASKS),
        "/redfish/v1/Systems": collection("/redfish/v1/Systems", SYSTEM),
        SYSTEM: {"@odata.id": SYSTEM, "Id": "System.Embedded.1", "Name": "System", "SerialNumber": "SVC1", "PowerState": "Off",
                 "Boot": {"BootSourceOverrideEnabled": "Disabled", "BootSourceOverrideTarget": "None"},
                 "Storage": {"@odata.id": f"{SYSTEM}/Storage"}, "LogServices": {"@odata.id": f"{SYSTEM}/LogServices"},
                 "Links": {"ManagedBy": [link[MANAGER]]},
                 "Actions": {"#ComputerSystem.Reset": {"target": f"{SYSTEM}/Actions/ComputerSystem.Reset",
                                                       "ResetType@Redfish.AllowableValues": ["On", "ForceOff"]}}},
        f"{SYSTEM}/Storage": collection(f"{SYSTEM}/Storage", STORAGE),
        STORAGE: {"@odata.id": STORAGE, "Id": "AHCI", "Name": "AHCI", "Drives": [link[DRIVE]]},
        DRIVE: {"@odata.id": DRIVE, "Id": "Disk.0", "Name": "Disk 0", "SerialNumber": "WD-1", "CapacityBytes": 1000,
                "Status": {"Health": "OK"}, "Actions": {"#Drive.SecureErase": {"target": ERASE}}},
        MANAGER: {"@odata.id": MANAGER, "Id": "BMC", "Name": "BMC", "VirtualMedia": {"@odata.id": f"{MANAGER}/VirtualMedia"},
                  "LogServices": {"@odata.id": f"{MANAGER}/LogServices"}},
        f"{MANAGER}/VirtualMedia": collection(f"{MANAGER}/VirtualMedia", f"{MANAGER}/VirtualMedia/Usb", f"{MANAGER}/VirtualMedia/2"),
        f"{MANAGER}/VirtualMedia/Usb": {"@odata.id": f"{MANAGER}/VirtualMedia/Usb", "Id": "Usb", "Name": "USB",
                                        "MediaTypes": ["USBStick"], "Inserted": True, "Image": "http://elsewhere/usb.img"},
        f"{MANAGER}/VirtualMedia/2": {"@odata.id": f"{MANAGER}/VirtualMedia/2", "Id": "2", "Name": "CD", "MediaTypes": ["CD", "DVD"],
                                      "Inserted": True, "Image": "http://images/a.iso"},
    }


def _handler(service: Service):
    expected = "Basic " + base64.b64encode(f"{service.user}:{service.password}".encode()).decode()

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            if self._cut():
                return
            document = service.answer(self.path)
            self._say(200 if document is not None else 404, document if document is not None else {"error": {"message": "no such thing"}})

        def do_POST(self):
            body = json.loads(self.rfile.read(int(self.headers.get("Content-Length") or 0)) or b"{}")
            if "ResetType" in body:
                service.reset(body["ResetType"])
            status, answer, location = service.post(self.path)
            self._say(status, answer if status != 204 else None, location)

        def _cut(self) -> bool:
            with service.lock:
                cut = service.breaks > 0
                service.breaks -= cut
            if cut:
                self.close_connection = True
            return cut

        def _say(self, status: int, document: dict | None, location: str = "") -> None:
            if self.path != "/redfish/v1/" and self.headers.get("Authorization") != expected:
                status, document = 401, {"error": {"message": "who are you"}}
            data = b"" if document is None else json.dumps(document).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(data)))
            if location:
                self.send_header("Location", location)
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, *_args):
            """Tests are quiet."""

    return Handler
