# Copyright: (c) 2026, leasehold.cloud contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What must fit together in a data centre whose every single value is right. For any source, not only files."""

from __future__ import annotations

import dataclasses
import ipaddress
from collections.abc import Iterable, Iterator

from ansible_collections.leasehold.cloud.plugins.module_utils.core.models import Datacenter


@dataclasses.dataclass(frozen=True)
class Problem:
    """Something wrong at a path of a document, such as C(servers[3].nics[0].mac)."""

    path: str
    problem: str
    remedy: str


def problems(datacenter: Datacenter) -> Iterator[Problem]:
    """Everything that does not fit: names twice or unknown, ports used twice, numbers that clash."""
    yield from _unique(datacenter)
    yield from _racks(datacenter)
    yield from _ports(datacenter)
    yield from _border(datacenter)
    yield from _vlans(datacenter)
    yield from _prefixes(datacenter)
    yield from _spares(datacenter)


def _unique(datacenter: Datacenter) -> Iterator[Problem]:
    """Names, and what identifies hardware, are there once."""
    yield from _once("it is there twice", ((f"racks[{index}]", rack) for index, rack in enumerate(datacenter.racks)))
    for key, items in (("switches", datacenter.switches), ("servers", datacenter.servers), ("canaries", datacenter.canaries),
                       ("pools.vlans", datacenter.vlan_pools), ("pools.prefixes", datacenter.prefix_pools)):
        yield from _once("the name is there twice", ((f"{key}[{index}].name", item.name) for index, item in enumerate(items)))
    servers = list(enumerate(datacenter.servers))
    yield from _once("two servers have it", ((f"servers[{index}].serial", server.serial) for index, server in servers))
    yield from _once("two servers have it", (
        (f"servers[{index}].bmc.address", server.bmc.address.rstrip("/").lower()) for index, server in servers))
    yield from _once("two servers have it", (
        (f"servers[{index}].uuid", server.uuid.lower()) for index, server in servers if server.uuid))
    yield from _once("two interfaces have it", (
        (f"servers[{index}].nics[{place}].mac", nic.mac) for index, server in servers for place, nic in enumerate(server.nics)))
    for index, server in servers:
        yield from _once("the name is there twice", (
            (f"servers[{index}].nics[{place}].name", nic.name) for place, nic in enumerate(server.nics)))


def _once(problem: str, named: Iterable[tuple[str, str]]) -> Iterator[Problem]:
    seen: dict[str, str] = {}
    for path, value in named:
        if value in seen:
            yield Problem(path, f"{value!r}: {problem}", f"Correct it, or {seen[value]}.")
        seen.setdefault(value, path)


def _racks(datacenter: Datacenter) -> Iterator[Problem]:
    racks = set(datacenter.racks)
    placed = [(f"switches[{index}]", switch.rack) for index, switch in enumerate(datacenter.switches) if switch.rack]
    placed += [(f"servers[{index}]", server.rack) for index, server in enumerate(datacenter.servers)]
    for path, rack in placed:
        if rack not in racks:
            yield Problem(f"{path}.rack", f"there is no rack {rack!r}", "List it under racks, or correct it.")


def _ports(datacenter: Datacenter) -> Iterator[Problem]:
    """Each port is of a switch of ours, and has one thing cabled to it."""
    switches = {switch.name for switch in datacenter.switches}
    used: dict[tuple[str, str], str] = {}
    for path, switch, port in _cabled(datacenter):
        if switch not in switches:
            yield Problem(f"{path}.switch", f"there is no switch {switch!r}", "List it under switches, or correct it.")
        elif (switch, port) in used:
            yield Problem(f"{path}.port", f"port {port!r} of switch {switch} is used twice",
                          f"Correct it, or {used[switch, port]}.")
        used.setdefault((switch, port), path)


def _cabled(datacenter: Datacenter) -> Iterator[tuple[str, str, str]]:
    for index, link in enumerate(datacenter.links):
        for side, end in (("a", link.a), ("b", link.b)):
            if end.switch:
                yield f"links[{index}].{side}", end.switch, end.port
    for index, server in enumerate(datacenter.servers):
        for place, nic in enumerate(server.nics):
            yield f"servers[{index}].nics[{place}]", nic.switch, nic.port
    for index, canary in enumerate(datacenter.canaries):
        yield f"canaries[{index}]", canary.switch, canary.port


def _border(datacenter: Datacenter) -> Iterator[Problem]:
    for index, link in enumerate(datacenter.links):
        if not link.ends:
            yield Problem(f"links[{index}]", "neither end is a port of a switch", "Give one end a switch and a port.")
    if not any(link.is_border for link in datacenter.links):
        yield Problem("links", "no link leads to the border, so no segment would have a gateway",
                      "Add a link with one end {device: the router's name}.")


def _vlans(datacenter: Datacenter) -> Iterator[Problem]:
    """Pools share no VLAN, and have neither the quarantine VLAN nor another tenant's."""
    owners: dict[int, str] = {datacenter.quarantine_vlan: "the quarantine VLAN"}
    for canary in datacenter.canaries:
        owners.setdefault(canary.vlan, f"the VLAN of canary {canary.name}")
    for index, pool in enumerate(datacenter.vlan_pools):
        for vlan in pool.vlans:
            if vlan in owners:
                yield Problem(f"pools.vlans[{index}].range", f"VLAN {vlan} is {owners[vlan]}", "Take it out of the range.")
                break
        owners.update(dict.fromkeys(pool.vlans, f"in pool {pool.name}"))


def _prefixes(datacenter: Datacenter) -> Iterator[Problem]:
    """Pools can be cut into their length, and do not overlap."""
    earlier: list[tuple[str, object]] = []
    for index, pool in enumerate(datacenter.prefix_pools):
        path, network = f"pools.prefixes[{index}]", ipaddress.ip_network(pool.prefix)
        # Room for the gateway, the admin's addresses and one server: 16 addresses.
        if not network.prefixlen <= pool.length <= network.max_prefixlen - 4:
            yield Problem(f"{path}.length", f"{network} cannot be cut into prefixes of length {pool.length}",
                          f"Use {network.prefixlen} to {network.max_prefixlen - 4}.")
        for name, other in earlier:
            if other.version == network.version and other.overlaps(network):
                yield Problem(f"{path}.prefix", f"{network} overlaps pool {name}", "Let pools not overlap.")
        earlier.append((pool.name, network))


def _spares(datacenter: Datacenter) -> Iterator[Problem]:
    """Spares are kept of classes that there are: a slip of the pen would keep none."""
    classes = {server.server_class for server in datacenter.servers}
    for name in datacenter.spares:
        if name not in classes:
            yield Problem(f"spares.{name}", f"no server is of class {name!r}", "Correct the class, or take it out.")
