"""What a discovery image finds in a server: the inventory of an Agent, and the labels made from it."""

from __future__ import annotations

from lab.hardware import ServerState
from lab.layout import ServerPlace
from lab.physics.memory import Network

GIB = 2**30
MANUFACTURER, PRODUCT = "Leasehold", "Lab Server"
PREFIX = "inventory.agent-install.openshift.io/"
CORES = {"cpu": 64, "gpu": 128}
MEMORY_GIB = {"cpu": 512, "gpu": 2048}
GPUS = {"cpu": 0, "gpu": 8}


def of(place: ServerPlace, state: ServerState, network: Network) -> dict:
    """``status.inventory`` of the server's Agent. A host without DNS calls itself localhost."""
    memory = MEMORY_GIB[place.server_class] * GIB
    return {
        "hostname": "localhost",
        "bmcAddress": place.bmc_address,
        "boot": {"currentBootMode": "uefi"},
        "cpu": {"architecture": "x86_64", "count": CORES[place.server_class], "flags": ["vmx"],
                "clockMegahertz": 2800, "modelName": "Lab CPU"},
        "memory": {"physicalBytes": memory, "usableBytes": memory},
        "interfaces": [
            {"name": nic.name, "macAddress": nic.mac, "hasCarrier": True, "mtu": 1500, "speedMbps": 25000,
             "flags": ["up", "broadcast", "multicast"], "ipV6Addresses": [],
             "ipV4Addresses": [network.addresses[nic.mac]] if nic.mac in network.addresses else []}
            for nic in place.nics
        ],
        "disks": [
            {"id": f"/dev/disk/by-id/nvme-{drive['serial']}", "name": f"nvme{index}n1", "path": f"/dev/nvme{index}n1",
             "byID": f"/dev/disk/by-id/nvme-{drive['serial']}", "driveType": "SSD", "serial": drive["serial"],
             "model": "Lab Drive", "sizeBytes": drive["capacity_bytes"], "bootable": bool(drive["contents"]),
             "installationEligibility": {"eligible": True, "notEligibleReasons": []}}
            for index, drive in enumerate(state.drives)
        ],
        "gpus": [
            {"address": f"0000:{16 + index:02x}:00.0", "name": "Lab GPU", "vendor": "Leasehold"}
            for index in range(GPUS[place.server_class])
        ],
        "systemVendor": {"manufacturer": MANUFACTURER, "productName": PRODUCT, "serialNumber": place.serial,
                         "virtual": False},
    }


def labels(inventory: dict) -> dict[str, str]:
    """The labels that assisted-service makes from an inventory."""
    vendor = inventory["systemVendor"]
    return {
        f"{PREFIX}cpu-architecture": inventory["cpu"]["architecture"],
        f"{PREFIX}cpu-virtenabled": "true",
        f"{PREFIX}host-isvirtual": str(vendor["virtual"]).lower(),
        f"{PREFIX}host-manufacturer": vendor["manufacturer"],
        f"{PREFIX}host-productname": vendor["productName"].replace(" ", ""),
        f"{PREFIX}storage-hasnonrotationaldisk": "true",
    }
