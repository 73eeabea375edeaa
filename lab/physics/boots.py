"""What a server does when its power comes on: it boots its image or its disk, or finds nothing to boot."""

from __future__ import annotations

import logging
from concurrent.futures import Future, ThreadPoolExecutor

import urllib3

from lab import servers
from lab.hardware import ServerState
from lab.layout import ServerPlace
from lab.physics import iso, network
from lab.physics.memory import BOOTING, DISCOVERY, HALTED, INSTALLED, Boot, Disk, Image, Network
from lab.physics.world import World

log = logging.getLogger(__name__)


def dashed(mac: str) -> str:
    """The host name that assisted-service gives a host without one: a MAC with dashes."""
    return mac.replace(":", "-")


class Boots:
    """Follows the hardware; the slow part of a boot happens in threads, one for a server at a time."""

    def __init__(self, world: World):
        self._world = world
        self._pool = ThreadPoolExecutor(8, thread_name_prefix="boot")
        self._jobs: dict[str, Future] = {}

    def reconcile(self) -> None:
        """Let each server be what its power and its boot number say."""
        changed = False
        for state in self._world.hardware.servers():
            changed |= self._finish(state.name)
            if state.name not in self._jobs:
                changed |= self._step(state)
        if changed:
            self._world.memory.save()
            self._world.wake.set()

    def close(self) -> None:
        """Wait for the boots under way; no server is left half booted."""
        self._pool.shutdown(wait=True)

    def _finish(self, name: str) -> bool:
        job = self._jobs.get(name)
        if job is None or not job.done():
            return False
        del self._jobs[name]
        self._world.forget("boot", name)
        if job.exception():
            log.error("%s does not boot: %s", name, job.exception())
            self._world.memory.boots[name].phase = HALTED
        elif job.result() and name in self._world.memory.boots:
            self._world.memory.boots[name] = job.result()
            log.info("%s: %s", name, job.result().phase)
        return True

    def _step(self, state: ServerState) -> bool:
        world, boot = self._world, self._world.memory.boots.get(state.name)
        if state.power != "On":
            if boot is None:
                return False
            del world.memory.boots[state.name]
            world.forget("boot", state.name)
            self._submit(state.name, servers.shutdown, world.layout, state.name)
            return True
        if boot is None or boot.boot_id != state.boot_id:
            world.memory.boots[state.name] = Boot(state.boot_id)
            world.forget("boot", state.name)
            self._submit(state.name, servers.shutdown, world.layout, state.name)
            return True
        if boot.phase == BOOTING and world.elapsed("boot", state.name) >= world.settings.boot_delay:
            self._submit(state.name, self._boot, state)
        return False

    def _submit(self, name: str, work, *arguments) -> None:
        self._jobs[name] = self._pool.submit(work, *arguments)
        self._jobs[name].add_done_callback(lambda _: self._world.wake.set())

    def _boot(self, state: ServerState) -> Boot:
        """In a thread: start the server's image. It must not touch what the loop's thread holds."""
        world, place = self._world, self._world.places[state.name]
        if state.boots_from_media:
            image = _insert(place, state.media)
            _start(world, place, image)
            return Boot(state.boot_id, DISCOVERY, image=image)
        disk = world.memory.disks.get(state.name)
        if disk and (state.contents or "").startswith("installed:"):
            _start(world, place, disk.image, disk.node)
            return Boot(state.boot_id, INSTALLED, disk=disk)
        log.warning("%s: no bootable device", state.name)
        return Boot(state.boot_id, HALTED)


def _insert(place: ServerPlace, url: str) -> Image:
    """Read the image in the virtual drive."""
    response = urllib3.PoolManager(retries=False).request("GET", url, timeout=10.0)
    if response.status != 200:
        raise iso.NotAnImage(f"{url}: HTTP {response.status}")
    content = iso.read(response.data)
    try:
        found = network.for_server([nic.mac for nic in place.nics], content["networks"])
    except (network.BadConfig, KeyError, ValueError) as error:
        log.warning("%s: its network configuration cannot be applied: %s", place.name, error)
        found = None
    if found is None or not found.addresses:
        log.warning("%s: no address for its MACs in InfraEnv %s/%s", place.name, content["namespace"],
                    content["infra_env"])
    return Image(content["namespace"], content["infra_env"], content["authorized_key"], found or Network())


def _start(world: World, place: ServerPlace, image: Image, hostname: str | None = None) -> None:
    servers.boot(world.layout, place.name, image.network.addresses, image.network.gateway, image.authorized_key,
                 hostname or dashed(place.nics[0].mac))


def put_on_disk(world: World, name: str, disk: Disk) -> None:
    """The installer's last step: the disk holds the system, and the server runs it (without a power cycle)."""
    drive = world.hardware.get(name).drives[0]
    world.hardware.update_drive(name, drive["id"], contents=f"installed:{disk.cluster}")
    boot = world.memory.boots[name]
    world.memory.disks[name] = disk
    world.memory.boots[name] = Boot(boot.boot_id, INSTALLED, image=boot.image, disk=disk)
    world.memory.save()


def reclaim(world: World, name: str) -> bool:
    """A running installed system restarts into its discovery image (assisted-service's reclaim). False: it is off."""
    boot = world.memory.boots.get(name)
    if boot is None or boot.phase not in (INSTALLED, DISCOVERY):
        return False
    if boot.phase == INSTALLED:
        world.memory.boots[name] = Boot(boot.boot_id, DISCOVERY, image=boot.disk.image)
        world.memory.save()
    return True
