# Copyright: (c) 2026, leasehold.cloud contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the switches' ports carry for a segment: desired, released, and as it must read back.

A segment's VLAN is pruned. It is on its servers' access ports, on the links on a way between its leaves and the border,
both ends, and on the border ports; nowhere else. Loops are the fabric's own affair (MLAG, EVPN, spanning tree): all
parallel ways carry it. A leaf without members is never a way through.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from ansible_collections.leasehold.cloud.plugins.module_utils.core.allocate import natural
from ansible_collections.leasehold.cloud.plugins.module_utils.core.claims import Segment
from ansible_collections.leasehold.cloud.plugins.module_utils.core.errors import InvalidSource
from ansible_collections.leasehold.cloud.plugins.module_utils.core.models import Datacenter, Link, Port, Server, Switch


def desired_ports(segment: Segment, servers: Iterable[Server], datacenter: Datacenter) -> list[dict]:
    """Switch change sets that put exactly these servers into the segment.

    Access ports may carry the quarantine VLAN or the segment's before; trunk changes only add.

    :returns: C([{name, network_os, address, port, bridge, ports}]), only switches with a port, by name.
    :raises InvalidSource: a server's leaf has no way to the border, or its switch is not in the source.
    """
    servers = tuple(servers)
    expect = [segment.quarantine_vlan, segment.vlan]
    ports = [(nic.switch, _access(nic.port, segment.vlan, expect)) for server in servers for nic in server.nics]
    ports += [(switch, _trunk(port, add=segment.vlan)) for switch, port in _trunk_ends(servers, datacenter)]
    return _change_sets(ports, datacenter)


def release_ports(segment: Segment, removed: Iterable[Server], remaining: Iterable[Server],
                  datacenter: Datacenter) -> list[dict]:
    """Switch change sets that move the removed servers' ports to quarantine, and prune the trunks no member needs.

    Access ports may carry the segment's VLAN or the quarantine VLAN before.

    :param remaining: the servers that stay in the segment (none: it ends).
    :returns: as C(desired_ports).
    """
    removed, remaining = tuple(removed), tuple(remaining)
    expect = [segment.vlan, segment.quarantine_vlan]
    needed = _trunk_ends(remaining, datacenter)
    ports = [(nic.switch, _access(nic.port, segment.quarantine_vlan, expect)) for server in removed for nic in server.nics]
    ports += [(switch, _trunk(port, remove=segment.vlan))
              for switch, port in _trunk_ends(removed + remaining, datacenter) if (switch, port) not in needed]
    return _change_sets(ports, datacenter)


def quarantine_ports(servers: Iterable[Server], datacenter: Datacenter) -> list[dict]:
    """Switch change sets that move the servers' ports to quarantine, whatever they carry. Returns as C(desired_ports)."""
    vlan = datacenter.quarantine_vlan
    ports = [(nic.switch, {"name": nic.port, "mode": "access", "vlan": vlan}) for server in servers for nic in server.nics]
    return _change_sets(ports, datacenter)


def expected_readback(segment: Segment, servers: Iterable[Server], datacenter: Datacenter,
                      switches: Iterable[str] | None = None) -> dict[str, list[dict]]:
    """By switch, every port that must carry the segment's VLAN, and how. All others must not carry it.

    An access port must carry nothing else; a trunk may carry other segments' VLANs besides.

    :param switches: names of the switches that are read back; all of the site's if None.
    :returns: C({leaf-r1a: [{name, mode, vlan, vlans}]}); a switch that must not carry the VLAN has an empty list.
    """
    servers = tuple(servers)
    names = [switch.name for switch in datacenter.switches] if switches is None else switches
    expected: dict[str, list[Port]] = {name: [] for name in sorted(names, key=natural)}
    for server in servers:
        for nic in server.nics:
            expected.setdefault(nic.switch, []).append(Port(nic.port, "access", segment.vlan))
    for switch, port in _trunk_ends(servers, datacenter):
        expected.setdefault(switch, []).append(Port(port, "trunk", None, (segment.vlan,)))
    return {switch: [port.as_dict() for port in sorted(ports, key=lambda port: natural(port.name))]
            for switch, ports in expected.items()}


def carrying_links(servers: Iterable[Server], datacenter: Datacenter) -> list[Link]:
    """The links, border links included, that carry a segment with these servers; none without servers.

    :raises InvalidSource: a server's leaf has no way to the border.
    """
    members = {name for server in servers for name in server.switches}
    if not members:
        return []
    border = {link.ends[0].switch for link in datacenter.links if link.is_border}
    switches = {switch.name: switch for switch in datacenter.switches}
    for name in sorted(members - set(switches)):
        raise _invalid(f"switch {name}", "a server is cabled to it, but it is not a switch of the site",
                       "Add the switch to the source of truth, or correct the cabling.")
    through = {name for name, switch in switches.items() if name in members or name in border or switch.role != "leaf"}
    neighbours: dict[str, set[str]] = {name: set() for name in through}
    for link in datacenter.links:
        ends = [end.switch for end in link.ends]
        if len(ends) == 2 and ends[0] != ends[1] and through.issuperset(ends):
            neighbours[ends[0]].add(ends[1])
            neighbours[ends[1]].add(ends[0])
    _cut_dead_ends(neighbours, members | border)
    reached = _reachable(neighbours, border)
    for name in sorted(members - reached, key=natural):
        raise _invalid(f"switch {name}", "servers are cabled to it, but no links lead from it to a border port",
                       "Add its uplinks and the border link to the source of truth.")
    wanted = _reachable(neighbours, members)
    return [link for link in datacenter.links if all(end.switch in wanted for end in link.ends)]


def _cut_dead_ends(neighbours: dict[str, set[str]], terminals: set[str]) -> None:
    """Take away, again and again, the switches that lead nowhere."""
    loose = [name for name, others in neighbours.items() if len(others) < 2 and name not in terminals]
    while loose:
        name = loose.pop()
        for other in neighbours.pop(name, ()):
            neighbours[other].discard(name)
            if len(neighbours[other]) < 2 and other not in terminals:
                loose.append(other)


def _reachable(neighbours: Mapping[str, set[str]], start: Iterable[str]) -> set[str]:
    found = {name for name in start if name in neighbours}
    waiting = list(found)
    while waiting:
        new = neighbours[waiting.pop()] - found
        found |= new
        waiting.extend(new)
    return found


def _trunk_ends(servers: Iterable[Server], datacenter: Datacenter) -> dict[tuple[str, str], None]:
    """The (switch, port) ends of the carrying links, each once, in the order of the links."""
    links = carrying_links(servers, datacenter)
    return dict.fromkeys((end.switch, end.port) for link in links for end in link.ends)


def _access(port: str, vlan: int, expect: list[int]) -> dict:
    return {"name": port, "mode": "access", "vlan": vlan, "expect": list(expect)}


def _trunk(port: str, add: int | None = None, remove: int | None = None) -> dict:
    return {"name": port, "mode": "trunk", "add": [add] if add else [], "remove": [remove] if remove else []}


def _change_sets(ports: Iterable[tuple[str, dict]], datacenter: Datacenter) -> list[dict]:
    by_switch: dict[str, list[dict]] = {}
    for switch, port in ports:
        by_switch.setdefault(switch, []).append(port)
    known = {switch.name: switch for switch in datacenter.switches}
    return [{**switch_address(known[name]), "ports": sorted(by_switch[name], key=lambda port: natural(port["name"]))}
            for name in sorted(by_switch, key=natural)]


def switch_address(switch: Switch) -> dict:
    """How a switch is reached, as in change sets."""
    return {"name": switch.name, "network_os": switch.network_os, "address": switch.address, "port": switch.port,
            "bridge": switch.bridge}


def _invalid(what: str, problem: str, remedy: str) -> InvalidSource:
    return InvalidSource(problem, object=what, attempted="find the way from the servers to the border", remedy=remedy)
