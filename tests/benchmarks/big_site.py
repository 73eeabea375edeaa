# SPDX-License-Identifier: GPL-3.0-or-later
"""A site of many servers, as its datacenter.yml would say: nothing in it exists."""

from __future__ import annotations

import json
from pathlib import Path

PER_RACK = 48


def write(path: Path, servers: int) -> None:
    """Write the document of :func:`document` (JSON is YAML)."""
    path.write_text(json.dumps(document(servers)))


def document(servers: int, vlans: str = "100-899") -> dict:
    """A site of ``servers`` servers in racks of 48, two leaves each, and two spines; a quarter are of class gpu, the others cpu."""
    racks = [f"r{number:03}" for number in range(1, -(-servers // PER_RACK) + 1)]
    leaves = [(rack, f"leaf-{rack}{side}") for rack in racks for side in "ab"]
    spines = ["spine-1", "spine-2"]
    return {
        "version": 1, "site": "big", "racks": racks,
        "switches": [_switch(name, "spine", 0, index) for index, name in enumerate(spines)]
        + [{**_switch(name, "leaf", 1, index), "rack": rack} for index, (rack, name) in enumerate(leaves)],
        "links": [{"a": {"switch": leaf, "port": f"up{number}"}, "b": {"switch": spine, "port": leaf}}
                  for _rack, leaf in leaves for number, spine in enumerate(spines, 1)]
        + [{"a": {"switch": spine, "port": "border"}, "b": {"device": "border-1"}} for spine in spines],
        "servers": [_server(index, racks[index // PER_RACK]) for index in range(servers)],
        "pools": {"vlans": [{"name": "tenants", "range": vlans}],
                  "prefixes": [{"name": "tenants", "prefix": "10.64.0.0/12", "length": 24}]},
        "quarantine_vlan": 999,
        "envelope": {"vlans": [vlans], "prefixes": ["10.64.0.0/12"], "switches": ["leaf-*", "spine-*"]},
        "canaries": [],
    }


def _switch(name: str, role: str, block: int, index: int) -> dict:
    return {"name": name, "role": role, "network_os": "openvswitch", "address": f"10.{block}.{index // 250}.{index % 250 + 1}",
            "port": 6640, "bridge": "br0"}


def _server(index: int, rack: str) -> dict:
    place = index % PER_RACK + 1
    mac = f"52:54:{index >> 16 & 255:02x}:{index >> 8 & 255:02x}:{index & 255:02x}"
    return {
        "name": f"{rack}-s{place:02}", "rack": rack, "class": "gpu" if index % 4 == 0 else "cpu", "serial": f"BIG{index:08}",
        "status": "active", "bmc": {"address": f"https://10.2.{index // 250}.{index % 250 + 1}"},
        "nics": [{"name": f"eth{number}", "mac": f"{mac}:0{number}", "switch": f"leaf-{rack}{side}", "port": f"s{place:02}"}
                 for number, side in enumerate("ab")],
    }
