"""Where everything in a lab lies: names, loopback addresses, ports, files. Pure: it decides, others build.

One machine can hold several labs at once, told apart by ``number`` (1-250): every namespace, interface, loopback
address and runtime directory carries it.
"""

from __future__ import annotations

import dataclasses
import os
from pathlib import Path

QUARANTINE_VLAN = 999
TENANT_VLANS = range(100, 116)
CANARY_VLAN_START = 190
PREFIX_POOL = "10.64.0.0/20"
PREFIX_LENGTH = 24


@dataclasses.dataclass(frozen=True)
class SwitchPlace:
    name: str
    role: str  # leaf | spine
    rack: str | None
    address: str  # its OVSDB listens here, port OVSDB_PORT


@dataclasses.dataclass(frozen=True)
class NicPlace:
    name: str  # in the server's namespace: eth0, eth1
    mac: str
    switch: str
    port: str  # the port's name on that switch


@dataclasses.dataclass(frozen=True)
class ServerPlace:
    name: str
    rack: str
    server_class: str
    serial: str
    uuid: str
    bmc_address: str  # https://bmc_address:BMC_PORT
    ssh_address: str  # the discovery image's sshd answers at ssh_address:SSH_PORT
    nics: tuple[NicPlace, ...]
    namespace: str  # the Linux network namespace that is the server's network


@dataclasses.dataclass(frozen=True)
class CanaryPlace:
    name: str
    tenant: str
    vlan: int
    address: str
    switch: str
    port: str
    namespace: str


@dataclasses.dataclass(frozen=True)
class LinkPlace:
    """A cable from a switch to a switch above it, or to a device that is not ours."""

    switch: str
    port: str
    peer: str
    peer_port: str


OVSDB_PORT = 6640
BMC_PORT = 8443
SSH_PORT = 2222
HUB_PORT = 6443
ETCD_PORT = 2379
IMAGE_PORT = 8080


@dataclasses.dataclass(frozen=True)
class Layout:
    """A lab of ``racks`` racks with ``servers_per_rack`` servers each, two leaves a rack, one spine."""

    directory: Path
    number: int = 20
    racks: int = 2
    servers_per_rack: int = 8
    canaries: tuple[str, ...] = ("acme", "globex")

    def loopback(self, block: int, index: int) -> str:
        """The ``index``-th (from 1) address of a block; holds 250 * 4 addresses a block."""
        return f"127.{self.number}.{block + (index - 1) // 250}.{(index - 1) % 250 + 1}"

    @property
    def prefix(self) -> str:
        """Starts every namespace and host-side interface name of this lab."""
        return f"lh{self.number}"

    @property
    def run_directory(self) -> Path:
        """For Unix sockets, whose paths must stay short."""
        return Path("/run") / f"leasehold-lab-{self.number}"

    @property
    def hub_address(self) -> str:
        return self.loopback(0, 1)

    @property
    def image_address(self) -> str:
        return self.loopback(0, 2)

    def tenant_api_address(self, index: int) -> str:
        """A loopback address of its own for the API of the ``index``-th hosted cluster (from 1)."""
        return self.loopback(20, index)

    @property
    def rack_names(self) -> list[str]:
        return [f"r{rack}" for rack in range(1, self.racks + 1)]

    @property
    def switches(self) -> list[SwitchPlace]:
        places = [SwitchPlace("spine-1", "spine", None, self.loopback(4, 1))]
        for index, rack in enumerate(self.rack_names):
            for side, letter in enumerate("ab"):
                address = self.loopback(4, 2 + index * 2 + side)
                places.append(SwitchPlace(f"leaf-{rack}{letter}", "leaf", rack, address))
        return places

    @property
    def switch_names(self) -> frozenset[str]:
        return frozenset(switch.name for switch in self.switches)

    def switch_namespace(self, name: str) -> str:
        """The network namespace of a switch's ports."""
        return f"{self.prefix}-{name}"

    @property
    def links(self) -> list[LinkPlace]:
        """The cables of the fabric: each leaf to the spine, and the spine to the border."""
        leaves = [switch.name for switch in self.switches if switch.role == "leaf"]
        return [*(LinkPlace(leaf, "up1", "spine-1", leaf) for leaf in leaves),
                LinkPlace("spine-1", "border", "border-1", "uplink")]

    @property
    def servers(self) -> list[ServerPlace]:
        return [
            self._server(rack_index, slot)
            for rack_index in range(self.racks)
            for slot in range(1, self.servers_per_rack + 1)
        ]

    def _server(self, rack_index: int, slot: int) -> ServerPlace:
        rack = self.rack_names[rack_index]
        index = rack_index * self.servers_per_rack + slot
        name = f"{rack}-s{slot:02d}"
        nics = tuple(
            NicPlace(f"eth{side}", f"52:54:{self.number:02x}:{index >> 8:02x}:{index & 255:02x}:{side:02x}",
                     f"leaf-{rack}{letter}", f"s{slot:02d}")
            for side, letter in enumerate("ab")
        )
        return ServerPlace(
            name=name, rack=rack, server_class="gpu" if slot % 2 == 0 else "cpu",
            serial=f"LAB{self.number:03d}{index:05d}",
            uuid=f"00000000-0000-4000-8000-{self.number:04x}{index:08x}",
            bmc_address=self.loopback(8, index), ssh_address=self.loopback(12, index),
            nics=nics, namespace=f"{self.prefix}-{name}",
        )

    @property
    def canary_places(self) -> list[CanaryPlace]:
        """One host of each other tenant, and one in the quarantine VLAN, all on the spine."""
        places = [
            CanaryPlace(f"canary-{tenant}", tenant, CANARY_VLAN_START + index, f"10.99.{index}.10", "spine-1",
                        f"can{index}", f"{self.prefix}-can{index}")
            for index, tenant in enumerate(self.canaries)
        ]
        places.append(CanaryPlace("canary-quarantine", "", QUARANTINE_VLAN, "10.99.99.10", "spine-1", "canq",
                                  f"{self.prefix}-canq"))
        return places


def default_directory() -> Path:
    """``$LEASEHOLD_LAB_DIR``, else ``.lab`` in the working directory."""
    return Path(os.environ.get("LEASEHOLD_LAB_DIR", ".lab")).resolve()
