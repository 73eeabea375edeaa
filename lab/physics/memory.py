"""What the physics must not forget when it is restarted: what each server booted, and what its disk holds."""

from __future__ import annotations

import dataclasses
import json
import os
from pathlib import Path

BOOTING, DISCOVERY, INSTALLED, HALTED = "booting", "discovery", "installed", "halted"


@dataclasses.dataclass
class Network:
    """What a server's image sets up at boot."""

    addresses: dict[str, str] = dataclasses.field(default_factory=dict)  # CIDR by MAC
    gateway: str | None = None

    @property
    def address(self) -> str | None:
        """The first address, without its prefix length."""
        return next((cidr.partition("/")[0] for cidr in self.addresses.values()), None)


@dataclasses.dataclass
class Image:
    """What the discovery image of an InfraEnv knows."""

    namespace: str
    infra_env: str
    authorized_key: str
    network: Network


@dataclasses.dataclass
class Disk:
    """What an installation wrote to a server's first drive."""

    namespace: str  # of the HostedCluster, as ``cluster`` is its name
    cluster: str
    node: str
    provider_id: str
    labels: dict[str, str]
    taints: list[dict]
    image: Image  # what it was installed from


@dataclasses.dataclass
class Boot:
    """The boot ``boot_id`` of a server."""

    boot_id: int
    phase: str = BOOTING  # booting | discovery | installed | halted: nothing to boot from
    image: Image | None = None
    disk: Disk | None = None
    registered: bool = False  # its kubelet made itself known: it does so once a boot


class Memory:
    """Boots and disks by server name. `save` after a change."""

    def __init__(self, path: Path):
        self._path = path
        path.parent.mkdir(parents=True, exist_ok=True)
        data = json.loads(path.read_text()) if path.exists() else {"boots": {}, "disks": {}}
        self.boots: dict[str, Boot] = {name: _boot(fields) for name, fields in data["boots"].items()}
        self.disks: dict[str, Disk] = {name: _disk(fields) for name, fields in data["disks"].items()}

    def save(self) -> None:
        data = {"boots": {name: dataclasses.asdict(boot) for name, boot in self.boots.items()},
                "disks": {name: dataclasses.asdict(disk) for name, disk in self.disks.items()}}
        draft = self._path.with_suffix(".new")
        draft.write_text(json.dumps(data))
        os.replace(draft, self._path)

    def in_discovery(self, server: str) -> Image | None:
        """The discovery image that the server runs now."""
        boot = self.boots.get(server)
        return boot.image if boot and boot.phase == DISCOVERY else None

    def installed(self, server: str) -> Disk | None:
        """The installed system that the server runs now."""
        boot = self.boots.get(server)
        return boot.disk if boot and boot.phase == INSTALLED else None


def _image(fields: dict | None) -> Image | None:
    return Image(**{**fields, "network": Network(**fields["network"])}) if fields else None


def _disk(fields: dict | None) -> Disk | None:
    return Disk(**{**fields, "image": _image(fields["image"])}) if fields else None


def _boot(fields: dict) -> Boot:
    return Boot(**{**fields, "image": _image(fields["image"]), "disk": _disk(fields["disk"])})
