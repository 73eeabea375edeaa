# Copyright: (c) 2026, leasehold.cloud contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The switches beside the ledger: which port carries what it must not, and which does not carry what it must.

A server that nobody holds is in quarantine. One that is held is in its cluster's segment, or still (or again) in quarantine while a
run is at work. A trunk carries the segments whose members need it. A port that nothing of ours is cabled to carries none of ours.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping, Sequence

from ansible_collections.leasehold.cloud.plugins.module_utils.core import fabric
from ansible_collections.leasehold.cloud.plugins.module_utils.core.drift import ALARM, DRIFT, Drift, Facts, Holder
from ansible_collections.leasehold.cloud.plugins.module_utils.core.errors import InvalidSource
from ansible_collections.leasehold.cloud.plugins.module_utils.core.gates import carries
from ansible_collections.leasehold.cloud.plugins.module_utils.core.models import Server
from ansible_collections.leasehold.cloud.plugins.module_utils.core.states import SERVER_ASIDE

BY_HAND = "find out who set it; put it right on the switch"
RETURN = "mend: port (sets the server aside); then node_return"

Port = Mapping


def to_read(facts: Facts) -> list[dict]:
    """The switches to read, as hosts: all of the site's, or those that the servers looked at are cabled to."""
    everything = len(facts.chosen) == len(facts.datacenter.servers)
    cabled = {name for server in facts.datacenter.servers if server.name in facts.chosen for name in server.switches}
    return [{**fabric.switch_address(switch), "groups": ["leasehold_fabric"]}
            for switch in facts.datacenter.switches if everything or switch.name in cabled]


def drifts(facts: Facts, observed: Mapping[str, Sequence[Port]]) -> list[Drift]:
    """What the switches that were to be read carry, and should not, or should.

    :param observed: by switch, every port as read back; a switch that is not in it could not be read.
    """
    names = [switch["name"] for switch in to_read(facts)]
    found = [Drift("switches", "unread", f"switch {name}", ALARM, "read back", None, "see that it answers, then run this again")
             for name in names if name not in observed]
    read = {name: {port["name"]: port for port in observed[name]} for name in names if name in observed}
    owners = {holder.segment.vlan: holder.name for holder in facts.clusters.values() if holder.segment}
    found += [drift for server in facts.servers for drift in _server_drifts(facts, server, read, owners)]
    return found + _trunk_drifts(facts, read, owners) + _stranger_drifts(facts, read, owners)


def _server_drifts(facts: Facts, server: Server, read: Mapping, owners: Mapping[int, str]) -> Iterable[Drift]:
    holder = facts.holder(server.name)
    if server.name in facts.holders and (holder is None or holder.segment is None):
        return
    allowed = _allowed(server, holder, facts.datacenter.quarantine_vlan)
    for nic in server.nics:
        if nic.switch not in read:
            continue
        port = read[nic.switch].get(nic.port)
        if port is None or port["mode"] != "access" or port["vlan"] not in allowed:
            drift = _port_drift(f"{nic.switch} port {nic.port} ({server.name} {nic.name})", server, holder, port, allowed, owners)
            yield dataclasses.replace(drift, begun=drift.server in facts.drifted)


def _allowed(server: Server, holder: Holder | None, quarantine: int) -> tuple[int, ...]:
    """The VLANs that a server's ports may be in."""
    if holder is None:
        return (quarantine,)
    if holder.at_work or not (server.state == "in_service" or server.state in SERVER_ASIDE):
        return (holder.segment.vlan, quarantine)
    return (quarantine,) if server.state in SERVER_ASIDE else (holder.segment.vlan,)


def _port_drift(where: str, server: Server, holder: Holder | None, port: Port | None, allowed: tuple[int, ...], owners: Mapping[int, str]) -> Drift:
    expected = "access " + " or ".join(map(str, allowed))
    leaks = sorted(owner for vlan, owner in owners.items() if port and carries(port, vlan) and (holder is None or owner != holder.name))
    told = _text(port) + (f": in the segment of {', '.join(leaks)}" if leaks else "")
    if holder is not None:
        mend = f"{holder.again} puts what is in quarantine right; one in another VLAN: {BY_HAND}"
        return Drift("switches", "port", where, ALARM, expected, told, mend)
    severity = ALARM if leaks else DRIFT
    if port is None:
        return Drift("switches", "port", where, severity, expected, told, "correct the cabling in the source, or add the port to the switch")
    return Drift("switches", "port", where, severity, expected, told, RETURN, server.name)


def _trunk_drifts(facts: Facts, read: Mapping, owners: Mapping[int, str]) -> list[Drift]:
    ours = {*owners, *(vlan for pool in facts.datacenter.vlan_pools for vlan in pool.vlans)}
    needed, allowed, found = _trunk_vlans(facts)
    anywhere = {holder.segment.vlan for holder in facts.clusters.values() if holder.segment and holder.at_work}
    ends = dict.fromkeys((end.switch, end.port) for link in facts.datacenter.links for end in link.ends)
    for switch, name in ends:
        if switch not in read:
            continue
        port, required = read[switch].get(name), needed.get((switch, name), set())
        where = f"{switch} port {name}"
        lacking = sorted(vlan for vlan in required if port is None or not carries(port, vlan))
        if lacking:
            told = ", ".join(f"{vlan} of {owners[vlan]}" for vlan in lacking)
            found.append(Drift("switches", "trunk", where, ALARM, f"trunk with {told}", _text(port), facts.clusters[owners[lacking[0]]].again))
        if port is None:
            continue
        extra = sorted(vlan for vlan in ours if carries(port, vlan) and vlan not in allowed.get((switch, name), set()) and vlan not in anywhere)
        if port["mode"] == "trunk" and not port["vlans"]:
            found.append(Drift("switches", "trunk", where, ALARM if owners else DRIFT, "a list of VLANs", _text(port), f"give it a list; {BY_HAND}"))
        elif extra:
            told = ", ".join(f"{vlan} of {owners[vlan]}" if vlan in owners else str(vlan) for vlan in extra)
            found.append(Drift("switches", "trunk", where, DRIFT, f"without {told}, which no member needs here", _text(port), BY_HAND))
    return found


def _trunk_vlans(facts: Facts) -> tuple[dict, dict, list[Drift]]:
    """By (switch, port): the VLANs that a trunk must carry, and those that it may; and clusters that have no way to the border."""
    needed: dict[tuple[str, str], set[int]] = {}
    allowed: dict[tuple[str, str], set[int]] = {}
    found: list[Drift] = []
    for holder in facts.clusters.values():
        if holder.segment is None:
            continue
        try:
            may = _trunk_ends(holder.members, facts)
            must = (may if holder.serving == holder.members else _trunk_ends(holder.serving, facts)) if not holder.at_work else ()
        except InvalidSource as error:
            told = f"{error.object}: {error.message}"
            found.append(Drift("source", "source", f"cluster {holder.name}", ALARM, "a way to the border", told, error.remedy))
            continue
        for end in may:
            allowed.setdefault(end, set()).add(holder.segment.vlan)
        for end in must:
            needed.setdefault(end, set()).add(holder.segment.vlan)
    return needed, allowed, found


def _trunk_ends(servers: Sequence[Server], facts: Facts) -> list[tuple[str, str]]:
    links = fabric.carrying_links(servers, facts.datacenter)
    return [(end.switch, end.port) for link in links for end in link.ends]


def _stranger_drifts(facts: Facts, read: Mapping, owners: Mapping[int, str]) -> list[Drift]:
    """Ports that the source says nothing of, and that carry a tenant's VLAN all the same."""
    datacenter = facts.datacenter
    known = {(nic.switch, nic.port) for server in datacenter.servers for nic in server.nics}
    known |= {(end.switch, end.port) for link in datacenter.links for end in link.ends}
    found = []
    for switch, ports in read.items():
        for name, port in ports.items():
            if (switch, name) in known:
                continue
            leaks = sorted(f"{vlan} of {owner}" for vlan, owner in owners.items() if carries(port, vlan))
            if leaks:
                found.append(Drift("switches", "port", f"{switch} port {name}", ALARM, f"without {', '.join(leaks)}: the source has nothing there",
                                   _text(port), BY_HAND))
    return found


def _text(port: Port | None) -> str:
    if port is None:
        return "not on the switch"
    if port["mode"] != "trunk":
        return f"{port['mode']} {port['vlan']}"
    return f"trunk {','.join(map(str, port['vlans'])) or 'all'}" + (f", {port['vlan']} untagged" if port.get("vlan") is not None else "")
