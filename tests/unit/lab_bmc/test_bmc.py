"""The lab's BMCs, asked as a Redfish client would ask them (without the network; one test goes over TLS)."""

from __future__ import annotations

import base64
import http.server
import json
import ssl
import threading
import time
import urllib.request

import pytest
from werkzeug.test import Client

from lab import faults, tls
from lab.bmc import tasks
from lab.bmc.app import create_app
from lab.bmc.gate import Gate
from lab.bmc.listeners import Listener, context
from lab.hardware import Hardware, drive_of
from lab.layout import Layout

LOGIN = {"username": "admin", "password": "secret"}
BASIC = "Basic " + base64.b64encode(b"admin:secret").decode()


class Bmc:
    """A client of one server's BMC."""

    def __init__(self, gate: Gate, server):
        self.client = Client(gate)
        self.server = server
        self.system = f"/redfish/v1/Systems/{server.uuid}"
        self.drive = f"{self.system}/Storage/1/Drives/disk0"

    def get(self, path: str) -> dict:
        answer = self.client.get(path, headers={"Authorization": BASIC})
        assert answer.status_code == 200, answer.get_data(as_text=True)
        return answer.json

    def post(self, path: str, body: dict | None = None):
        return self.client.post(path, json=body or {}, headers={"Authorization": BASIC})

    def erase(self) -> dict:
        """Ask for an erase of the first drive and return the task once it ended."""
        answer = self.post(f"{self.drive}/Actions/Drive.SecureErase")
        assert answer.status_code == 202
        deadline = time.monotonic() + 5
        while (task := self.get(answer.json["@odata.id"]))["TaskState"] == "Running":
            assert time.monotonic() < deadline
            time.sleep(0.01)
        return task

    def entries(self) -> list[dict]:
        return self.get(f"{self.system}/LogServices/EventLog/Entries")["Members"]


@pytest.fixture(name="hardware")
def _hardware(tmp_path):
    hardware = Hardware(tmp_path / "hardware.db")
    hardware.create(Layout(tmp_path, 32, 1, 2))
    return hardware


@pytest.fixture(name="bmcs")
def _bmcs(hardware, tmp_path, monkeypatch):
    monkeypatch.setattr(tasks, "ERASE_SECONDS", 0.02)
    app = create_app(hardware)
    return [Bmc(Gate(app, server, LOGIN, tmp_path), server) for server in Layout(tmp_path, 32, 1, 2).servers]


def test_a_bmc_has_exactly_its_own_server(bmcs):
    for bmc in bmcs:
        members = bmc.get("/redfish/v1/Systems")["Members"]
        assert members == [{"@odata.id": bmc.system}]
        assert bmc.get(bmc.system)["SerialNumber"] == bmc.server.serial
    other = bmcs[1].system
    assert bmcs[0].client.get(other, headers={"Authorization": BASIC}).status_code == 404
    assert bmcs[0].post(f"{other}/Actions/ComputerSystem.Reset", {"ResetType": "On"}).status_code == 404


def test_only_the_service_root_is_open(bmcs):
    assert bmcs[0].client.get("/redfish/v1/").status_code == 200
    for headers in ({}, {"Authorization": "Basic YWRtaW46d3Jvbmc="}):
        assert bmcs[0].client.get("/redfish/v1/Systems", headers=headers).status_code == 401


def test_every_link_leads_somewhere(bmcs):
    bmc, seen = bmcs[0], set()
    todo = ["/redfish/v1/"]
    while todo:
        path = todo.pop()
        if path in seen or "#" in path or "/Processors" in path:
            continue
        seen.add(path)
        todo += _links(bmc.get(path))
    assert {bmc.drive, f"{bmc.system}/LogServices/EventLog/Entries", "/redfish/v1/TaskService/Tasks"} <= seen


def _links(value) -> list[str]:
    if isinstance(value, dict):
        own = [value["@odata.id"]] if "@odata.id" in value else []
        return own + [link for inner in value.values() for link in _links(inner)]
    return [link for inner in value for link in _links(inner)] if isinstance(value, list) else []


def test_one_time_boot_is_used_up_by_one_boot(bmcs, hardware):
    bmc = bmcs[0]
    boot = {"Boot": {"BootSourceOverrideTarget": "Cd", "BootSourceOverrideEnabled": "Once"}}
    answer = bmc.client.patch(bmc.system, json=boot, headers={"Authorization": BASIC})
    assert answer.status_code == 204
    assert bmc.get(bmc.system)["Boot"]["BootSourceOverrideEnabled"] == "Once"
    assert bmc.post(f"{bmc.system}/Actions/ComputerSystem.Reset", {"ResetType": "On"}).status_code == 204
    state = hardware.get(bmc.server.name)
    assert (state.power, state.boot_id, state.booted_from) == ("On", 1, "Cd")
    assert bmc.get(bmc.system)["Boot"]["BootSourceOverrideEnabled"] == "Disabled"
    bmc.post(f"{bmc.system}/Actions/ComputerSystem.Reset", {"ResetType": "ForceRestart"})
    state = hardware.get(bmc.server.name)
    assert (state.boot_id, state.booted_from) == (2, "Hdd")


def test_power_on_twice_is_one_boot(bmcs, hardware):
    bmc = bmcs[0]
    for _time in range(2):
        bmc.post(f"{bmc.system}/Actions/ComputerSystem.Reset", {"ResetType": "On"})
    assert hardware.get(bmc.server.name).boot_id == 1
    assert hardware.get(bmcs[1].server.name).power == "Off"


def test_virtual_media_fetches_the_image(bmcs, hardware):
    fetched = []

    class Images(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            fetched.append(self.path)
            self.send_response(200 if self.path == "/discovery.iso" else 404)
            self.end_headers()

        def log_message(self, *_args):
            pass

    server = http.server.HTTPServer(("127.0.0.1", 0), Images)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    base, bmc = f"http://127.0.0.1:{server.server_port}", bmcs[0]
    actions = f"{bmc.system}/VirtualMedia/Cd/Actions/VirtualMedia"
    try:
        assert bmc.post(f"{actions}.InsertMedia", {"Image": f"{base}/missing.iso"}).status_code == 400
        assert hardware.get(bmc.server.name).media is None
        assert bmc.post(f"{actions}.InsertMedia", {"Image": f"{base}/discovery.iso"}).status_code == 204
    finally:
        server.shutdown()
        server.server_close()
    assert fetched == ["/missing.iso", "/discovery.iso"]
    device = bmc.get(f"{bmc.system}/VirtualMedia/Cd")
    assert (device["Image"], device["Inserted"]) == (f"{base}/discovery.iso", True)
    assert bmc.post(f"{actions}.EjectMedia").status_code == 204
    assert bmc.get(f"{bmc.system}/VirtualMedia/Cd")["Inserted"] is False


def test_an_erase_is_told_by_task_and_log(bmcs, hardware):
    bmc = bmcs[0]
    hardware.update_drive(bmc.server.name, "disk0", contents="installed:demo")
    task = bmc.erase()
    assert (task["TaskState"], task["TaskStatus"]) == ("Completed", "OK")
    assert task["Payload"]["TargetUri"] == f"{bmc.drive}/Actions/Drive.SecureErase"
    entry = bmc.entries()[-1]
    assert entry["Links"]["OriginOfCondition"] == {"@odata.id": bmc.drive}
    assert entry["MessageArgs"] == [task["Id"]] and entry["Created"] >= task["StartTime"]
    assert drive_of(hardware.get(bmc.server.name), "disk0")["contents"] is None
    monitor = bmc.client.get(task["TaskMonitor"], headers={"Authorization": BASIC})
    assert monitor.status_code == 204


def test_a_failing_wipe_says_so(bmcs, hardware, tmp_path):
    bmc = bmcs[0]
    hardware.update_drive(bmc.server.name, "disk0", contents="installed:demo")
    faults.set_fault(tmp_path, "wipe-fails", bmc.server.name)
    task = bmc.erase()
    assert (task["TaskState"], task["TaskStatus"]) == ("Exception", "Critical")
    assert bmc.entries()[-1]["Severity"] == "Critical"
    assert drive_of(hardware.get(bmc.server.name), "disk0")["contents"] == "installed:demo"
    assert bmcs[1].erase()["TaskState"] == "Completed"


def test_a_lying_wipe_leaves_no_log_entry_and_the_data(bmcs, hardware, tmp_path):
    bmc = bmcs[0]
    hardware.update_drive(bmc.server.name, "disk0", contents="installed:demo")
    faults.set_fault(tmp_path, "wipe-lies", bmc.server.name, times=1)
    assert bmc.erase()["TaskState"] == "Completed"
    assert bmc.entries() == []
    assert drive_of(hardware.get(bmc.server.name), "disk0")["contents"] == "installed:demo"
    bmc.erase()
    assert len(bmc.entries()) == 1


def test_stuck_power_accepts_and_stays(bmcs, hardware, tmp_path):
    bmc = bmcs[0]
    faults.set_fault(tmp_path, "power-stuck", bmc.server.name)
    assert bmc.post(f"{bmc.system}/Actions/ComputerSystem.Reset", {"ResetType": "On"}).status_code == 204
    assert hardware.get(bmc.server.name).power == "Off"


def test_tasks_are_seen_at_their_own_bmc_only(bmcs):
    task = bmcs[0].erase()
    assert bmcs[1].get("/redfish/v1/TaskService/Tasks")["Members"] == []
    assert bmcs[1].client.get(task["@odata.id"], headers={"Authorization": BASIC}).status_code == 404


def test_over_tls_and_a_hanging_bmc_hangs_alone(hardware, tmp_path):
    layout = Layout(tmp_path, 32, 1, 2)
    certificate, key = tls.issue(tmp_path, "bmc", ["127.0.0.1"])
    app, trusted = create_app(hardware), ssl.create_default_context(cafile=tmp_path / "ca.crt")
    listeners = [Listener("127.0.0.1", 0, Gate(app, server, LOGIN, tmp_path), context(certificate, key))
                 for server in layout.servers]
    for listener in listeners:
        listener.timeout = None
        threading.Thread(target=listener.handle_request, daemon=True).start()
    faults.set_fault(tmp_path, "bmc-timeout", layout.servers[0].name)
    slow, quick = (f"https://127.0.0.1:{listener.server_port}/redfish/v1/" for listener in listeners)
    with pytest.raises(TimeoutError):
        urllib.request.urlopen(slow, timeout=0.3, context=trusted)
    with urllib.request.urlopen(quick, timeout=5, context=trusted) as answer:
        assert json.load(answer)["UUID"] == layout.servers[1].uuid
    faults.clear(tmp_path)
    for listener in listeners:
        listener.server_close()


def test_hardware_is_safe_between_threads(hardware):
    name = hardware.servers()[0].name
    workers = [threading.Thread(target=lambda: [hardware.reset(name) for _time in range(25)]) for _worker in range(4)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert hardware.get(name).boot_id == 100


def test_unknown_fields_and_servers_are_refused(hardware):
    with pytest.raises(TypeError):
        hardware.update(hardware.servers()[0].name, powr="On")
    with pytest.raises(KeyError):
        hardware.get("nobody")
