"""The border: the site's own routers, which the product does not manage, behind the spine's port ``border``.

Each tenant VLAN has a gateway of its own (a VRF: its own network namespace) that holds the first address of every
prefix that could be leased, configured in advance like an anycast gateway, so that whichever VLAN and prefix are
paired, the gateway is there. Nothing is ever routed from one VLAN to another.
"""

from __future__ import annotations

import ipaddress

from lab.layout import PREFIX_LENGTH, PREFIX_POOL, TENANT_VLANS, Layout

SWITCH = "border-1"
UPLINK = "uplink"
VLANS = TENANT_VLANS


def ports() -> list[tuple[str, int | None, tuple[int, ...]]]:
    """The border switch's ports: (name, access VLAN or None, trunked VLANs)."""
    gateways = [(gateway_port(vlan), vlan, ()) for vlan in VLANS]
    return [(UPLINK, None, tuple(VLANS)), *gateways]


def gateway_port(vlan: int) -> str:
    return f"gw{vlan}"


def gateway_namespace(layout: Layout, vlan: int) -> str:
    return f"{layout.prefix}-gw{vlan}"


def gateway_addresses() -> list[str]:
    """The first address of every prefix of the pool, as CIDR."""
    prefixes = ipaddress.ip_network(PREFIX_POOL).subnets(new_prefix=PREFIX_LENGTH)
    return [f"{prefix.network_address + 1}/{PREFIX_LENGTH}" for prefix in prefixes]


def gateway_lines() -> list[str]:
    """`ip` commands that set up one gateway in its namespace."""
    addresses = [f"address add {address} dev eth0" for address in gateway_addresses()]
    return ["link set lo up", *addresses, "link set eth0 up"]
