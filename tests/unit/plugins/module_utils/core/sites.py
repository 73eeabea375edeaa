# SPDX-License-Identifier: GPL-3.0-or-later
"""Sites for the tests of the core: racks with two leaves, spines, a border; and random ones."""

from __future__ import annotations

import dataclasses

from hypothesis import strategies as st

from ansible_collections.leasehold.cloud.plugins.module_utils.core.claims import Claims, HeldCluster, Segment
from ansible_collections.leasehold.cloud.plugins.module_utils.core.models import Datacenter, Server

SEGMENT = Segment("blue", 100, "10.64.0.0/24", "10.64.0.1", 999)


def document(racks: int = 2, per_rack: int = 4, spines: int = 1) -> dict:
    """datacenter.yml of a site; odd servers are of class cpu, even ones of class gpu."""
    spine_names = [f"spine-{number}" for number in range(1, spines + 1)]
    switches = [{"name": name, "role": "spine", "network_os": "openvswitch", "address": f"192.0.2.{index}", "port": 6640,
                 "bridge": "br0"} for index, name in enumerate(spine_names)]
    links = [{"a": {"switch": name, "port": "border"}, "b": {"device": "border-1"}} for name in spine_names]
    servers = []
    for rack in range(1, racks + 1):
        for letter in "ab":
            leaf = f"leaf-r{rack}{letter}"
            switches.append({"name": leaf, "role": "leaf", "rack": f"r{rack}", "network_os": "openvswitch",
                             "address": f"198.51.{rack}.{ord(letter)}", "port": 6640, "bridge": "br0"})
            links += [{"a": {"switch": leaf, "port": f"up{index}"}, "b": {"switch": spine, "port": leaf}}
                      for index, spine in enumerate(spine_names, 1)]
        servers += [_server(rack, slot) for slot in range(1, per_rack + 1)]
    return {
        "version": 1, "site": "lab", "racks": [f"r{rack}" for rack in range(1, racks + 1)], "switches": switches,
        "links": links, "servers": servers, "quarantine_vlan": 999,
        "pools": {"vlans": [{"name": "tenants", "range": "100-103"}],
                  "prefixes": [{"name": "tenants", "prefix": "10.64.0.0/22", "length": 24}]},
        "envelope": {"vlans": ["100-103"], "prefixes": ["10.64.0.0/22"], "switches": ["leaf-*", "spine-*"]},
        "canaries": [{"name": "canary-acme", "tenant": "acme", "vlan": 190, "address": "10.99.0.10", "switch": "spine-1",
                      "port": "can0"}],
    }


def _server(rack: int, slot: int) -> dict:
    return {
        "name": f"r{rack}-s{slot:02d}", "rack": f"r{rack}", "class": "cpu" if slot % 2 else "gpu", "serial": f"S{rack}-{slot}",
        "bmc": {"address": f"https://bmc-{rack}-{slot}"},
        "nics": [{"name": f"eth{side}", "mac": f"52:54:00:{rack:02x}:{slot:02x}:{side:02x}", "switch": f"leaf-r{rack}{letter}",
                  "port": f"s{slot:02d}"} for side, letter in enumerate("ab")],
    }


def site(racks: int = 2, per_rack: int = 4, spines: int = 1, **changes) -> Datacenter:
    """The site of :func:`document`, with fields replaced."""
    return dataclasses.replace(Datacenter.from_dict(document(racks, per_rack, spines)), **changes)


def server(name: str, **changes) -> Server:
    """A server such as r1-s01."""
    rack, slot = name[1:].split("-s")
    return dataclasses.replace(Server.from_dict(_server(int(rack), int(slot))), **changes)


def held_by(plan: dict, state: str = "in_service", phase: str = "ready") -> tuple[Claims, HeldCluster]:
    """What the ledger says once a plan was carried out."""
    servers = [dataclasses.replace(Server.from_dict(item), state=state) for item in plan["servers"]]
    segment = Segment.from_dict(plan["segment"])
    cluster = plan["cluster"]
    claims = Claims({item.name: cluster for item in servers}, {segment.vlan: cluster}, {segment.prefix: cluster})
    return claims, HeldCluster(cluster, plan["tenant"], phase, tuple(servers), segment)


@st.composite
def random_sites(draw) -> Datacenter:
    """Sites of any shape, whose servers are in any status and state."""
    made = site(draw(st.integers(1, 5)), draw(st.integers(1, 6)), draw(st.integers(1, 3)))
    states = st.sampled_from(["available"] * 5 + ["quarantined", "in_service"])
    statuses = st.sampled_from(["active"] * 6 + ["maintenance"])
    servers = [dataclasses.replace(item, state=draw(states), status=draw(statuses)) for item in made.servers]
    return dataclasses.replace(made, servers=tuple(draw(st.permutations(servers))))
