"""The emulator's application with our drivers in it, and the resources it lacks registered beside its own."""

from __future__ import annotations

import json
import logging

import flask
from sushy_tools import error
from sushy_tools.emulator import main as emulator
from sushy_tools.emulator.resources.managers import FakeDriver as ManagersDriver

from lab.bmc import drivers, logs, tasks
from lab.bmc.drivers import place
from lab.hardware import Hardware, ServerState, now

WITHOUT_RESOURCE = ("Memory", "SecureBoot", "Bios")  # the emulator links them; the lab's servers do not have them
BOOT_TARGETS = ("None", "Pxe", "Cd", "Hdd")
HEALTH_ORDER = ("OK", "Warning", "Critical")


class LabApplication(emulator.Application):
    """The emulator with drivers over ``hardware``."""

    hardware: Hardware
    tasks: tasks.TaskStore

    systems = property(lambda self: self.lab_drivers["systems"])
    managers = property(lambda self: self.lab_drivers["managers"])
    chassis = property(lambda self: self.lab_drivers["chassis"])
    indicators = property(lambda self: self.lab_drivers["indicators"])
    vmedia = property(lambda self: self.lab_drivers["vmedia"])
    storage = property(lambda self: self.lab_drivers["storage"])
    drives = property(lambda self: self.lab_drivers["storage"])


def create_app(hardware: Hardware) -> LabApplication:
    """The application of all BMCs (once a process: the emulator is a module-level application)."""
    app = emulator.app
    app.__class__ = LabApplication  # the emulator makes its application at import and has no other way to choose drivers
    app.logger.setLevel(logging.ERROR)
    app.hardware = hardware
    app.tasks = tasks.TaskStore()
    systems, chassis = drivers.SystemsDriver(hardware), drivers.ChassisDriver()
    app.lab_drivers = {
        "systems": systems, "chassis": chassis, "indicators": drivers.IndicatorsDriver(),
        "managers": ManagersDriver(app.config, app.logger, systems, chassis),
        "vmedia": drivers.VirtualMediaDriver(app.config, app.logger, hardware),
        "storage": drivers.StorageDriver(hardware),
    }
    if "lab_logs" not in app.blueprints:
        _replace_views(app)
        app.register_blueprint(tasks.blueprint)
        app.register_blueprint(logs.blueprint)
    return app


def _replace_views(app: LabApplication) -> None:
    """Put our views in the place of the emulator's where those show canned values."""
    views = app.view_functions
    for endpoint, amend in (("root_resource", _amend_root), ("manager_resource", _amend_manager),
                            ("system_resource", _amend_system), ("chassis_resource", _amend_chassis),
                            ("storage", _amend_storage)):
        views[endpoint] = _amended(views[endpoint], amend)
    views["drive_resource"] = drive_resource
    views["simple_task_service"] = tasks.task_service


def _amended(view, amend):
    def amended_view(**path):
        if flask.request.method == "PATCH" and "Boot" in flask.request.json:
            return patch_boot(**path)
        response = view(**path)
        if response.status_code != 200:
            return response
        return flask.jsonify(amend(json.loads(response.get_data())))
    return amended_view


def _amend_root(document: dict) -> dict:
    del document["UpdateService"], document["CertificateService"], document["Registries"]
    return {**document, "UUID": place().uuid, "Tasks": {"@odata.id": tasks.SERVICE}}


def _amend_manager(document: dict) -> dict:
    return {**document, "DateTime": now(), "DateTimeLocalOffset": "+00:00"}


def _amend_system(document: dict) -> dict:
    state = flask.current_app.hardware.get(place().name)
    for link in WITHOUT_RESOURCE:
        document.pop(link, None)
    health = max((drive["health"] for drive in state.drives), key=HEALTH_ORDER.index, default="OK")
    document.update({
        "Manufacturer": "leasehold lab", "Model": f"lab-{place().server_class}", "SerialNumber": place().serial,
        "HostName": place().name, "Boot": _boot(state),
        "Status": {"State": "Enabled", "Health": health, "HealthRollup": health},
        "LogServices": {"@odata.id": f"/redfish/v1/Systems/{place().uuid}/LogServices"},
    })
    document["MemorySummary"]["TotalSystemMemoryGiB"] = 512
    document["ProcessorSummary"]["Count"] = 2
    return document


def _amend_chassis(document: dict) -> dict:
    return {**document, "SerialNumber": place().serial, "ChassisType": "RackMount",
            "PowerState": flask.current_app.hardware.get(place().name).power}


def _amend_storage(document: dict) -> dict:
    del document["Volumes"]
    return {**document, "@odata.type": "#Storage.v1_4_0.Storage"}


def _boot(state: ServerState) -> dict:
    enabled, target = "Disabled", "None"
    if state.boot_once:
        enabled, target = "Once", state.boot_once
    elif state.boot_target != "Hdd":
        enabled, target = "Continuous", state.boot_target
    return {"BootSourceOverrideEnabled": enabled, "BootSourceOverrideTarget": target, "BootSourceOverrideMode": "UEFI",
            "BootSourceOverrideTarget@Redfish.AllowableValues": list(BOOT_TARGETS)}


def patch_boot(identity: str):
    """PATCH of ComputerSystem.Boot, with BootSourceOverrideEnabled, which the emulator does not heed."""
    app = flask.current_app
    app.systems.uuid(identity)
    boot = flask.request.json["Boot"]
    state = app.hardware.get(place().name)
    target = boot.get("BootSourceOverrideTarget", state.boot_once or state.boot_target)
    if target not in BOOT_TARGETS:
        raise error.BadRequest(f"BootSourceOverrideTarget {target} is not one of {', '.join(BOOT_TARGETS)}")
    enabled = boot.get("BootSourceOverrideEnabled", "Once")
    if enabled == "Disabled" or target == "None":
        app.hardware.update(place().name, boot_once=None, boot_target="Hdd")
    elif enabled == "Once":
        app.hardware.update(place().name, boot_once=target)
    else:
        app.hardware.update(place().name, boot_once=None, boot_target=target)
    return "", 204


def drive_resource(identity: str, stg_id: str, drv_id: str):
    """A Drive (DMTF Drive 1.17) with its health and its SecureErase action."""
    app = flask.current_app
    app.systems.uuid(identity)
    if stg_id != drivers.STORAGE:
        raise error.NotFound(f"Storage {stg_id} was not found")
    drive = drivers.find_drive(app.hardware, drv_id)
    path = drivers.drive_path(drv_id)
    return flask.jsonify({
        "@odata.id": path, "@odata.type": "#Drive.v1_17_0.Drive", "Id": drive["id"], "Name": f"Drive {drive['id']}",
        "Manufacturer": "leasehold lab", "Model": "LAB-NVME", "SerialNumber": drive["serial"], "Protocol": "NVMe",
        "MediaType": "SSD", "CapacityBytes": drive["capacity_bytes"], "FailurePredicted": drive["health"] != "OK",
        "EncryptionAbility": "SelfEncryptingDrive", "EncryptionStatus": "Unlocked",
        "Status": {"State": "Enabled", "Health": drive["health"]},
        "Actions": {"#Drive.SecureErase": {"target": f"{path}/Actions/Drive.SecureErase"}},
    })
