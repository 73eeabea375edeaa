"""``datacenter.yml``: the lab as its admins would describe it, for the product's file source. Written once, at `up`."""

from __future__ import annotations

from pathlib import Path

import yaml

from lab import border
from lab.fabric import BRIDGE
from lab.layout import (
    BMC_PORT,
    OVSDB_PORT,
    PREFIX_LENGTH,
    PREFIX_POOL,
    QUARANTINE_VLAN,
    SSH_PORT,
    TENANT_VLANS,
    Layout,
    ServerPlace,
    SwitchPlace,
)
from lab.servers import USER

MEMORY_GIB = {"cpu": 512, "gpu": 2048}
HEAD = """\
---
# The lab as its admins describe it. Made by `lab up`; edit it as you would a site's.
"""


def write(layout: Layout) -> Path:
    """Write the document; return its path."""
    path = layout.directory / "datacenter.yml"
    text = yaml.safe_dump(build(layout), sort_keys=False, default_flow_style=None, width=160)
    path.write_text(HEAD + text)
    return path


def build(layout: Layout) -> dict:
    vlans = f"{TENANT_VLANS.start}-{TENANT_VLANS.stop - 1}"
    return {
        "version": 1,
        "site": "lab",
        "racks": layout.rack_names,
        "switches": [_switch(switch) for switch in layout.switches],
        "links": _links(layout),
        "servers": [_server(server) for server in layout.servers],
        "pools": {
            "vlans": [{"name": "tenants", "range": vlans}],
            "prefixes": [{"name": "tenants", "prefix": PREFIX_POOL, "length": PREFIX_LENGTH}],
        },
        "quarantine_vlan": QUARANTINE_VLAN,
        "envelope": {"vlans": [vlans], "prefixes": [PREFIX_POOL], "switches": ["leaf-*", "spine-*"]},
        "canaries": [_canary(canary) for canary in layout.canary_places],
    }


def _switch(switch: SwitchPlace) -> dict:
    rack = {"rack": switch.rack} if switch.rack else {}
    return {"name": switch.name, "role": switch.role, **rack, "network_os": "openvswitch", "address": switch.address,
            "port": OVSDB_PORT, "bridge": BRIDGE}


def _links(layout: Layout) -> list[dict]:
    return [
        {"a": {"switch": link.switch, "port": link.port},
         "b": {"device": border.SWITCH} if link.peer == border.SWITCH
         else {"switch": link.peer, "port": link.peer_port}}
        for link in layout.links
    ]


def _server(server: ServerPlace) -> dict:
    return {
        "name": server.name,
        "rack": server.rack,
        "class": server.server_class,
        "serial": server.serial,
        "status": "active",
        "attributes": {"memory_gib": MEMORY_GIB[server.server_class]},
        "bmc": {"address": f"https://{server.bmc_address}:{BMC_PORT}"},
        "management": {"address": server.ssh_address, "port": SSH_PORT, "user": USER},
        "nics": [{"name": nic.name, "mac": nic.mac, "switch": nic.switch, "port": nic.port} for nic in server.nics],
    }


def _canary(canary) -> dict:
    tenant = {"tenant": canary.tenant} if canary.tenant else {}
    return {"name": canary.name, **tenant, "vlan": canary.vlan, "address": canary.address, "switch": canary.switch,
            "port": canary.port}
