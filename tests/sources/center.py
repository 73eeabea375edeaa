# SPDX-License-Identifier: GPL-3.0-or-later
"""A data centre as its admins would enter it in NetBox or Nautobot: neutral and JSON-able. Nothing in it exists.

Loaders (``nautobot_load.py``, a fake NetBox) make its objects in a system; :func:`records` says what a client of any of
them has to read from there.
"""

from __future__ import annotations

import itertools

SITE = "fra1"
ROLES = ("server", "leaf", "spine", "border", "patch-panel")
TYPES = {"GPU-8X": "Acme", "CPU-2S": "Acme", "SW-48": "Switchco", "SW-64": "Switchco", "RTR-1": "Switchco", "PP-24": "Panelco"}
PLATFORM = "openvswitch"
TENANTS = ("Green Power", "Blue Ocean")
TAGGED = "leasehold"


def center(servers: int = 32, per_rack: int = 16, panels: int = 1, vlans: int = 16) -> dict:
    """A site of ``servers`` servers in racks of ``per_rack``, two leaves each, two spines and two border routers.

    The first ``panels`` cables of each rack lead through a patch panel. Each server has a BMC, a bond and its two members.
    """
    racks = [f"r{number}" for number in range(1, -(-servers // per_rack) + 1)]
    leaves = [_leaf(rack, side, index, per_rack) for index, (rack, side) in enumerate(itertools.product(racks, "ab"))]
    spines = [_switch(f"spine-{number}", "spine", "SW-64", None, None, f"10.0.0.{number}", [leaf["name"] for leaf in leaves] + ["border"])
              for number in (1, 2)]
    borders = [_device(f"border-{number}", "border", "RTR-1", interfaces=[_interface("ethernet1/1", "100gbase-x-qsfp28")]) for number in (1, 2)]
    machines = [_server(index, racks[index // per_rack], index % per_rack) for index in range(servers)]
    panel_of = [_device(f"panel-{rack}", "patch-panel", "PP-24", rack, per_rack + 3, ports=panels) for rack in racks if panels]
    return {
        "site": {"name": SITE, "tags": [], "custom_fields": {}},
        "racks": racks, "roles": list(ROLES), "types": TYPES, "platforms": [PLATFORM], "tenants": list(TENANTS),
        "tags": [TAGGED, "canary"],
        "devices": machines + leaves + spines + borders + panel_of,
        "cables": [*_access(machines, panels), *_uplinks(leaves, spines, borders)],
        "vlan_groups": [{"name": "tenants", "ranges": "100-899", "tags": [TAGGED]}],
        "vlans": [{"vid": 100 + number, "name": f"tenant-{number}", "group": "tenants", "tags": []} for number in range(vlans)]
        + [{"vid": 999, "name": "quarantine", "group": None, "tags": [TAGGED]}],
        "prefixes": [{"prefix": "10.64.0.0/16", "tags": [TAGGED]}, {"prefix": "10.0.0.0/14", "tags": []}],
    }


def _device(name: str, role: str, kind: str, rack: str | None = None, position: int | None = None, **more) -> dict:
    return {"name": name, "role": role, "type": kind, "rack": rack, "position": position, "status": "active", "serial": None, "platform": None,
            "tenant": None, "primary_ip": None, "tags": [], "interfaces": [], "ports": 0} | more


def _interface(name: str, kind: str, **more) -> dict:
    return {"name": name, "type": kind, "mac": None, "mgmt_only": False, "lag": None, "vlan": None, "vlans": [], "address": None} | more


def _switch(name: str, role: str, kind: str, rack: str | None, position: int | None, address: str, ports: list[str]) -> dict:
    management = _interface("management", "1000base-t", mgmt_only=True, address=f"{address}/16")
    return _device(name, role, kind, rack, position, platform=PLATFORM, primary_ip=address,
                   interfaces=[management, *(_interface(port, "25gbase-x-sfp28") for port in ports)])


def _leaf(rack: str, side: str, index: int, per_rack: int) -> dict:
    ports = [f"s{place:02}" for place in range(1, per_rack + 1)] + ["up1", "up2"]
    return _switch(f"leaf-{rack}{side}", "leaf", "SW-48", rack, per_rack + 1 + "ab".index(side), f"10.1.{index // 250}.{index % 250 + 1}", ports)


def _server(index: int, rack: str, place: int) -> dict:
    mac = f"52:54:{index >> 16 & 255:02x}:{index >> 8 & 255:02x}:{index & 255:02x}"
    return _device(
        f"{rack}-s{place + 1:02}", "server", "GPU-8X" if index % 4 == 0 else "CPU-2S", rack, place + 1, serial=f"SN{index:06}",
        tenant=TENANTS[0] if index % 7 == 3 else None, tags=["canary"] if index % 16 == 5 else [], interfaces=[
            _interface("bmc", "1000base-t", mgmt_only=True, mac=f"{mac}:0f", address=f"10.2.{index // 250}.{index % 250 + 1}/16"),
            _interface("bond0", "lag"),
            _interface("eth0", "25gbase-x-sfp28", mac=f"{mac}:00", lag="bond0"),
            _interface("eth1", "25gbase-x-sfp28", mac=f"{mac}:01", lag="bond0"),
        ])


def _access(machines: list[dict], panels: int):
    for machine in machines:
        rack, _dash, port = machine["name"].rpartition("-")
        for number, side in enumerate("ab"):
            through = side == "a" and int(port[1:]) <= panels
            yield {"a": [machine["name"], f"eth{number}"], "b": [f"leaf-{rack}{side}", port],
                   "via": [f"panel-{rack}", int(port[1:])] if through else None}


def _uplinks(leaves: list[dict], spines: list[dict], borders: list[dict]):
    for leaf in leaves:
        for number, spine in enumerate(spines, 1):
            yield {"a": [leaf["name"], f"up{number}"], "b": [spine["name"], leaf["name"]], "via": None}
    for spine, border in zip(spines, borders, strict=True):
        yield {"a": [spine["name"], "border"], "b": [border["name"], "ethernet1/1"], "via": None}
