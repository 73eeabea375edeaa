"""The emulator's drivers over ``lab.hardware``. Each BMC shows its own server and no other."""

from __future__ import annotations

import flask
import requests
from sushy_tools import error
from sushy_tools.emulator.resources import base, vmedia
from sushy_tools.emulator.resources.systems.base import AbstractSystemsDriver

from lab import faults
from lab.bmc.gate import LAB_KEY, SERVER_KEY
from lab.bmc.messages import log_record
from lab.hardware import Hardware, ServerState, drive_of
from lab.layout import ServerPlace

STORAGE = "1"  # the Id of each server's one storage subsystem
DEVICE = "Cd"  # the Id of its one virtual drive
POWERED_ON = ("On", "ForceOn", "GracefulRestart", "ForceRestart", "PowerCycle")
RESTARTS = ("GracefulRestart", "ForceRestart", "PowerCycle")
FETCH_TIMEOUT = 20  # seconds an image's server may take to answer


def place() -> ServerPlace:
    """The server whose BMC the current request is for."""
    return flask.request.environ[SERVER_KEY]


def drive_path(drive_id: str) -> str:
    return f"/redfish/v1/Systems/{place().uuid}/Storage/{STORAGE}/Drives/{drive_id}"


def find_drive(hardware: Hardware, drive_id: str) -> dict:
    """The drive of the server asked, or 404."""
    try:
        return drive_of(hardware.get(place().name), drive_id)
    except KeyError as missing:
        raise error.NotFound(f"Drive {drive_id} was not found") from missing


class SystemsDriver(AbstractSystemsDriver):
    """Power and boot."""

    def __init__(self, hardware: Hardware):
        self._hardware = hardware

    @property
    def driver(self) -> str:
        return "<lab>"

    @property
    def systems(self) -> list[str]:
        return [place().uuid]

    def uuid(self, identity: str) -> str:
        if identity != place().uuid:
            raise error.NotFound(f"System {identity} was not found")
        return identity

    def name(self, identity: str) -> str:
        self.uuid(identity)
        return place().name

    def get_power_state(self, identity: str) -> str:
        return self._state(identity).power

    def set_power_state(self, identity: str, state: str) -> None:
        self.uuid(identity)
        name, directory = place().name, flask.request.environ[LAB_KEY]
        if faults.active(directory, "power-stuck", name):
            faults.consume(directory, "power-stuck", name)
            return
        power = "On" if state in POWERED_ON else "Off"
        changed = self._hardware.get(name).power != power
        if state in RESTARTS:
            self._hardware.reset(name)
        elif state in (*POWERED_ON, "ForceOff", "GracefulShutdown"):
            self._hardware.set_power(name, power)
        else:
            raise error.BadRequest(f"ResetType {state} is not supported")
        if changed:
            self._hardware.add_log(name, **log_record(f"ResourceEvent.1.3.ResourcePowered{power}", name))

    def get_boot_device(self, identity: str) -> str:
        state = self._state(identity)
        return state.boot_once or state.boot_target

    def set_boot_device(self, identity: str, boot_source: str) -> None:
        self.uuid(identity)
        self._hardware.update(place().name, boot_once=None, boot_target=boot_source)

    def get_boot_mode(self, identity: str) -> str:
        self.uuid(identity)
        return "UEFI"

    def get_nics(self, identity: str) -> list[dict]:
        self.uuid(identity)
        return [{"id": nic.name, "mac": nic.mac} for nic in place().nics]

    def set_boot_image(self, identity: str, device: str, boot_image=None, write_protected: bool = True) -> None:
        """The virtual media driver has noted the image; a real BMC has nothing further to do either."""

    def _state(self, identity: str) -> ServerState:
        self.uuid(identity)
        return self._hardware.get(place().name)


class VirtualMediaDriver(vmedia.BaseDriver):
    """One virtual CD drive. The image is really fetched, as a BMC does, and thrown away: the lab boots no bytes."""

    def __init__(self, config, logger, hardware: Hardware):
        base.DriverBase.__init__(self, config, logger)  # the parent would keep its state in a file of its own
        self._hardware = hardware
        self._device_types = {DEVICE: {"Name": "Virtual CD", "MediaTypes": ["CD", "DVD"]}}

    def get_device_image_info(self, identity: str, device: str) -> vmedia.DeviceInfo:
        self._get_device(identity, device)
        state = self._hardware.get(place().name)
        image = state.media or ""
        return vmedia.DeviceInfo(image.rpartition("/")[2], image, state.media_inserted, True, "", "", False)

    def insert_image(self, identity: str, device: str, image_url: str, inserted: bool = True,
                     write_protected: bool = True, username: str | None = None, password: str | None = None) -> str:
        self._get_device(identity, device)
        self._fetch(image_url, (username, password) if username else None)
        self._hardware.update(place().name, media=image_url, media_inserted=bool(inserted))
        return image_url

    def eject_image(self, identity: str, device: str) -> None:
        self._get_device(identity, device)
        self._hardware.update(place().name, media=None, media_inserted=False)

    def _get_device(self, identity: str, device: str) -> dict:
        if identity != place().uuid or device not in self._device_types:
            raise error.NotFound(f"No virtual media device {device} at {identity}")
        return self._device_types[device]

    @staticmethod
    def _fetch(url: str, auth: tuple | None) -> None:
        """:raises FishyError: the image cannot be had (no certificate check: the de facto standard of BMCs)."""
        try:
            with requests.Session() as session:
                session.trust_env = False  # a BMC does not know this machine's proxies
                with session.get(url, stream=True, auth=auth, verify=False, timeout=FETCH_TIMEOUT) as answer:
                    answer.raise_for_status()
                    for _chunk in answer.iter_content(1 << 20):
                        continue
        except requests.RequestException as problem:
            raise error.FishyError(f"Cannot download virtual media {url}: {problem}", code=400) from problem


class StorageDriver:
    """One storage subsystem with the server's drives."""

    def __init__(self, hardware: Hardware):
        self._hardware = hardware

    def get_storage_col(self, identity: str) -> list[dict]:
        state = self._hardware.get(place().name)
        return [{"Id": STORAGE, "Name": "Storage", "StorageControllers": [],
                 "Drives": [drive["id"] for drive in state.drives]}]

    def get_all_storage(self) -> list[tuple[str, str]]:
        return [(place().uuid, STORAGE)]

    def get_all_drives(self) -> list[tuple[str, str, str]]:
        return [(place().uuid, STORAGE, drive["id"]) for drive in self._hardware.get(place().name).drives]


class ChassisDriver:
    """One chassis, whose Id is the server's."""

    @property
    def chassis(self) -> list[str]:
        return [place().uuid]

    def uuid(self, identity: str) -> str:
        if identity != place().uuid:
            raise error.NotFound(f"Chassis {identity} was not found")
        return identity

    def name(self, identity: str) -> str:
        return place().name


class IndicatorsDriver:
    """No LEDs in the lab."""

    def get_indicator_state(self, identity: str) -> None:
        return None

    def set_indicator_state(self, identity: str, state: str) -> None:
        raise error.NotSupportedError("There is no indicator LED")
