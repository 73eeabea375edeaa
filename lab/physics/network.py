"""From an NMStateConfig to what a server sets up (https://nmstate.io): addresses by MAC, and the gateway.

The kernel that the lab runs on has no bonding device, so a bond's address goes to its first member. VLAN interfaces on
top are not played.
"""

from __future__ import annotations

import ipaddress

from lab.physics.memory import Network


class BadConfig(ValueError):
    """nmstate would refuse this configuration."""


def for_server(macs: list[str], networks: list[dict]) -> Network | None:
    """What the first of the NMStateConfig specs that names one of ``macs`` says, or None when none does.

    :raises BadConfig: it cannot be applied.
    """
    own = {mac.lower() for mac in macs}
    for spec in networks:
        names = {entry["name"]: entry["macAddress"].lower() for entry in spec.get("interfaces", [])}
        if own & set(names.values()):
            return _read(spec.get("config", {}), {name: mac for name, mac in names.items() if mac in own})
    return None


def _read(config: dict, names: dict[str, str]) -> Network:
    network = Network()
    for interface in config.get("interfaces", []):
        ipv4 = interface.get("ipv4") or {}
        if not ipv4.get("enabled"):
            continue
        if ipv4.get("dhcp"):
            raise BadConfig(f"{interface.get('name')}: this site has no DHCP")
        for entry in ipv4.get("address", []):
            cidr = f"{entry['ip']}/{entry['prefix-length']}"
            ipaddress.ip_interface(cidr)
            network.addresses[_mac(interface, names)] = cidr
    for route in config.get("routes", {}).get("config", []):
        if route.get("destination") == "0.0.0.0/0":
            network.gateway = route["next-hop-address"]
    return network


def _mac(interface: dict, names: dict[str, str]) -> str:
    """The MAC that gets the interface's address."""
    name, kind = interface.get("name"), interface.get("type")
    if kind == "bond":
        members = interface.get("link-aggregation", {}).get("port", [])
        carriers = [names[member] for member in members if member in names]
        if not carriers:
            raise BadConfig(f"bond {name} has no member with a MAC of this host: {members}")
        return carriers[0]
    if kind != "ethernet" or name not in names:
        raise BadConfig(f"interface {name} of type {kind} is not among the host's: {', '.join(sorted(names))}")
    return names[name]
