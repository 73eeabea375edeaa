# Copyright: (c) 2026, leasehold.cloud contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""From a source's records to servers, switches, links and canaries, device by device.

What is wrong with a device is its own problem, in the source's words; it hides no other. What nobody else may have (a MAC address, a serial, a switch
port ...) are a
device's C(keys): whoever maps a few devices only has to add those that share a key with one of them.
"""

from __future__ import annotations

import collections
import dataclasses
from collections.abc import Collection, Iterable, Mapping as Map

from ansible_collections.leasehold.cloud.plugins.module_utils.core.mapping_file import Mapping
from ansible_collections.leasehold.cloud.plugins.module_utils.core.records import Device, End, Interface, Records
from ansible_collections.leasehold.cloud.plugins.module_utils.core.source_schema import HTTPS, LABEL
from ansible_collections.leasehold.cloud.plugins.module_utils.core.source_values import (
    Index, Problem, address_of, bare, bmc_url, called, class_of, field, is_data_nic, mac_of,
)

__all__ = ["Cabled", "Known", "Mapped", "Mapping", "Problem", "far_devices", "links", "map_devices"]

SERVER, SWITCH, BORDER, CANARY = "server", "switch", "border", "canary"
TWICE = {  # by the kind of key: the problem's code, and what both have
    "name": ("duplicate_name", "the name"), "serial": ("duplicate_serial", "the serial number"), "bmc": ("duplicate_bmc", "the BMC address"),
    "uuid": ("duplicate_uuid", "the UUID"), "mac": ("duplicate_mac", "the MAC address"), "port": ("port_twice", "the switch port"),
}
LEADING_ON = ("leaf", "spine", BORDER)


@dataclasses.dataclass(frozen=True)
class Known:
    """A switch that need not be among the records: its name, whether it can be used, and whether it is delegated by tag."""

    name: str
    usable: bool = True
    delegated: bool = False


@dataclasses.dataclass(frozen=True)
class Cabled:
    """A port of a switch, and the switch (by id) or border device (by name) that it leads to."""

    port: str
    far_port: str
    switch: str | None = None
    border: str | None = None


@dataclasses.dataclass(frozen=True)
class Mapped:
    """What became of a device. C(document) is None for one that is left out (by its status), has problems, or is a border.

    C(keys) are texts C(kind:value).
    """

    id: str
    kind: str
    name: str
    document: dict | None = None
    problems: tuple[Problem, ...] = ()
    keys: frozenset[str] = frozenset()
    cabled: tuple[Cabled, ...] = ()
    ports: frozenset[tuple[str, str]] = frozenset()  # of a switch: each port's name, and the device that it leads to
    delegated: bool = False

    @property
    def usable(self) -> bool:
        return self.document is not None and not self.problems


def map_devices(records: Records, mapping: Mapping, known: Map[str, Known], racks: Collection[str]) -> dict[str, Mapped]:
    """The servers, switches, borders and canaries among the devices given, by id. Others are not in it.

    :param known: the site's switches that need not be among the records, by id; of those that are, the records count.
    :param racks: the site's.
    """
    index, kinds = Index(records), {}
    for device in records.devices:
        kinds[device.id] = mapping.kind(device.role, device.tags, device.custom_fields)
    switches = clashes({device.id: _switch(device, kinds[device.id], index, mapping, racks)
                        for device in records.devices if kinds[device.id] in ("leaf", "spine")})
    ours = {id: switch for id, switch in known.items() if id not in kinds}
    ours |= {id: Known(switch.name, switch.usable, switch.delegated) for id, switch in switches.items() if switch.document}
    racks = frozenset(racks)
    mapped = dict(switches)
    for device in records.devices:
        kind = kinds[device.id]
        if kind == SERVER:
            mapped[device.id] = _server(device, index, mapping, ours, racks)
        elif kind == CANARY:
            mapped[device.id] = _canary(device, index, mapping, ours)
        elif kind == BORDER:
            mapped[device.id] = Mapped(device.id, BORDER, device.name or "")
    return clashes(mapped)


def links(mapped: Iterable[Mapped], known: Map[str, Known]) -> list[dict]:
    """The cables between usable switches, and from them to the border, each once, as documents.

    :param known: all switches of the site, by id.
    """
    found = {}
    for switch in mapped:
        if switch.kind != SWITCH or not switch.usable:
            continue
        for cable in switch.cabled:
            near = {"switch": switch.name, "port": cable.port}
            if cable.border is not None:
                ends = [near, {"device": cable.border, "port": cable.far_port}]
            elif cable.switch in known and known[cable.switch].usable:
                ends = sorted([near, {"switch": known[cable.switch].name, "port": cable.far_port}], key=lambda end: (end["switch"], end["port"]))
            else:
                continue
            found[tuple(end.get("switch") or end["device"] for end in ends), ends[0]["port"], ends[1]["port"]] = {"a": ends[0], "b": ends[1]}
    return [found[key] for key in sorted(found)]


def far_devices(records: Records) -> dict[str, set[str]]:
    """By id, the devices that each of those given is cabled to."""
    owners = {interface.id: interface.device for interface in records.interfaces}
    found: dict[str, set[str]] = collections.defaultdict(set)
    for end in records.ends:
        found[owners[end.interface]].add(end.far_device)
    return found


def clashes(mapped: dict[str, Mapped]) -> dict[str, Mapped]:
    """The same, where those that have the same key have it as a problem. A switch is not blamed for what is cabled to its port."""
    owners = collections.defaultdict(list)
    for item in mapped.values():
        for key in item.keys:
            owners[key].append(item)
    problems = collections.defaultdict(list)
    for key, several in owners.items():
        if len(several) > 1:
            for item in several:
                if not (item.kind == SWITCH and key.startswith("port:")):
                    problems[item.id].append(_twice(item, key, [other for other in several if other is not item]))
    made = dict(mapped)
    for id, found in problems.items():
        known = [problem for problem in mapped[id].problems if problem not in found]
        made[id] = dataclasses.replace(mapped[id], problems=(*known, *sorted(found, key=lambda problem: (problem.code, problem.problem))))
    return made


def _twice(item: Mapped, key: str, others: list[Mapped]) -> Problem:
    kind, _colon, value = key.partition(":")
    code, what = TWICE[kind]
    named = ", ".join(sorted(f"{other.kind} {other.name}" for other in others))
    value = value.partition("/")[2] if kind == "port" else value.rpartition(":")[2] if kind == "name" else value
    return Problem(code, f"device {item.name}", f"{what} {value} is also that of {named}", "Correct whichever is wrong.", item.id)


def _switch(device: Device, role: str, index: Index, mapping: Mapping, racks: Collection[str]) -> Mapped:
    pairs = [(interface, end) for interface in index.interfaces.get(device.id, ()) for end in index.ends.get(interface.id, ())]
    made = Mapped(device.id, SWITCH, device.name or "", ports=frozenset((interface.name, end.far_device) for interface, end in pairs))
    status = _status(device, mapping)
    if status in (None, "retired"):
        return made
    document = {
        "name": device.name, "role": role, "network_os": mapping["network_os"].get(device.platform, device.platform),
        "address": address_of(device, index, mapping["switch_address"]), "rack": device.rack,
        "port": _number(field(device, mapping["switch_port"])), "bridge": field(device, mapping["switch_bridge"]),
    }
    checks = [
        (device.name, "no_name", "it has no name", "Name it."),
        (document["network_os"], "no_network_os", "it has no platform, so nothing tells its network OS", "Set its platform."),
        (document["address"], "no_address", "it has no management address", f"Set one of {', '.join(mapping['switch_address'])}."),
        (device.rack is None or device.rack in racks, "no_rack", f"there is no rack {device.rack} in the site", "Correct its rack."),
    ]
    cabled = {_cable(interface, end, kind, index) for interface, end in pairs if (kind := mapping.kind(end.far_role, end.far_tags)) in LEADING_ON}
    leading = {interface.name for interface, end in pairs if mapping.kind(end.far_role, end.far_tags) in LEADING_ON}
    return dataclasses.replace(
        made, document={key: value for key, value in document.items() if value is not None}, problems=_failed(device, checks),
        keys=frozenset({f"name:switch:{device.name}", *(f"port:{device.id}/{name}" for name in leading)}),
        cabled=tuple(sorted(cabled, key=lambda cable: (cable.port, cable.far_port, cable.switch or "", cable.border or ""))),
        delegated=mapping.match("envelope_switches")(device.name, role=device.role, tags=device.tags, fields=device.custom_fields),
    )


def _cable(interface: Interface, end: End, kind: str, index: Index) -> Cabled:
    lag = index.by_id.get(interface.lag) if interface.lag else None
    port, far_port = lag.name if lag else interface.name, end.far_lag or end.far_port
    return Cabled(port, far_port, border=end.far_name or end.far_device) if kind == BORDER else Cabled(port, far_port, switch=end.far_device)


def _status(device: Device, mapping: Mapping) -> str | None:
    """What the source's status means; None: that it is not there (yet)."""
    known = mapping["status"]
    return known[device.status] if device.status in known else known.get("*")


def _number(value: object) -> int | None:
    return int(value) if isinstance(value, (int, float)) or (isinstance(value, str) and value.isdigit()) else None


def _failed(device: Device, checks: Iterable[tuple]) -> tuple[Problem, ...]:
    return tuple(Problem(code, called(device), problem, remedy, device.id) for passed, code, problem, remedy in checks if not passed)


def _server(device: Device, index: Index, mapping: Mapping, ours: Map[str, Known], racks: frozenset[str]) -> Mapped:
    name, status = _server_name(device, mapping), _status(device, mapping)
    if status is None:
        return Mapped(device.id, SERVER, name or "")
    nics, problems, ports = _nics(device, index, mapping, ours)
    document = {
        "name": name, "rack": device.rack, "class": class_of(device, mapping), "serial": (device.serial or "").strip() or None, "status": status,
        "bmc": {"address": bmc_url(device, index, mapping)}, "nics": nics,
    } | _optional(device, index, mapping)
    keys = [("name", f"server:{name}"), ("serial", document["serial"]), ("bmc", (document["bmc"]["address"] or "").rstrip("/").lower()),
            ("uuid", (document.get("uuid") or "").lower()), *(("mac", nic["mac"]) for nic in nics), *(("port", port) for port in ports)]
    return Mapped(device.id, SERVER, name or "", document, (*_failed(device, _server_checks(document, device, mapping, racks)), *problems),
                  frozenset([f"{kind}:{value}" for kind, value in keys if value]))


def _server_name(device: Device, mapping: Mapping) -> str | None:
    if not device.name or mapping["names"] == "exact":
        return device.name
    name = device.name.lower()
    return name.partition(".")[0] if mapping["names"] == "short" else name


def _optional(device: Device, index: Index, mapping: Mapping) -> dict:
    found: dict = {}
    attributes = {name: device.custom_fields[key] for name, key in mapping.attribute_fields.items() if device.custom_fields.get(key) is not None}
    if attributes:
        found["attributes"] = attributes
    uuid = field(device, mapping["uuid"])
    if uuid:
        found["uuid"] = str(uuid)
    management = address_of(device, index, [mapping["management"]]) if mapping["management"] else None
    if management:
        found["management"] = {"address": management}
    return found


def _server_checks(document: dict, device: Device, mapping: Mapping, racks: frozenset[str]) -> list[tuple]:
    name, server_class, address = document["name"], document["class"], document["bmc"]["address"]
    return [
        (name and LABEL.fullmatch(name), "no_name", f"{name!r} is not a DNS label" if name else "it has no name",
         "Name it in letters, digits and hyphens; the mapping's key names can shorten what is there."),
        (document["rack"], "no_rack", "it is in no rack", "Put it into its rack."),
        (not document["rack"] or document["rack"] in racks, "no_rack", f"there is no rack {document['rack']} in the site", "Correct its rack."),
        (server_class, "no_class", "it has no class", f"Set one of {', '.join(mapping['class'])}."),
        (document["serial"], "no_serial", "it has no serial number", "Set it as its BMC reports it."),
        (address and HTTPS.fullmatch(address), "no_bmc_address", f"{address} is not an HTTPS URL" if address else "it has no BMC address",
         f"Set one of {', '.join(mapping['bmc'])} (interface: the address of a management-only one)."),
        (document["nics"], "no_nics", "no interface of it is cabled to a switch of the site", "Cable its NICs; a switch is told by its role or a tag."),
    ]


def _nics(device: Device, index: Index, mapping: Mapping, ours: Map[str, Known]) -> tuple[list[dict], list[Problem], list[str]]:
    """The data NICs of a server, what is wrong with them, and the switch ports that they are in."""
    nics, problems, ports = [], [], []

    def wrong(interface: Interface, code: str, problem: str, remedy: str) -> None:
        problems.append(Problem(code, called(device, interface), problem, remedy, device.id))

    for interface in index.of(device.id):
        ends = [end for end in index.ends.get(interface.id, ()) if end.far_device in ours]
        if not ends or not is_data_nic(interface, mapping):
            continue
        mac, end = mac_of(interface.mac), ends[0]
        switch = ours[end.far_device]
        if len(ends) > 1:
            wrong(interface, "nic_twice", f"it is cabled to {len(ends)} switch ports", "A NIC is cabled to one port: correct its cable.")
        if mac is None:
            wrong(interface, "no_mac", f"{interface.mac!r} is not a MAC address" if interface.mac else "it has no MAC address", "Set it.")
        if not switch.usable:
            wrong(interface, "bad_switch", f"switch {switch.name} that it is cabled to cannot be used", "Correct what is told of the switch.")
        nics.append({"name": interface.name, "mac": mac or "", "switch": switch.name, "port": end.far_port})
        ports += [f"{end.far_device}/{end.far_port}" for end in ends]
    return nics, problems, ports


def _canary(device: Device, index: Index, mapping: Mapping, ours: Map[str, Known]) -> Mapped:
    made = Mapped(device.id, CANARY, device.name or "")
    if _status(device, mapping) != "active":
        return made
    cabled = [(interface, end) for interface in index.of(device.id) for end in index.ends.get(interface.id, ())
              if not interface.mgmt_only and end.far_device in ours and ours[end.far_device].usable]
    interface, end = cabled[0] if cabled else (None, None)
    vlan = _number(field(device, mapping["canary_vlan"])) or (interface.vlan if interface else None)
    address = bare(device.primary_ip)
    document = {"name": device.name, "vlan": vlan, "address": address, "switch": ours[end.far_device].name if end else None,
                "port": end.far_port if end else None, "tenant": device.tenant}
    checks = [
        (device.name, "no_name", "it has no name", "Name it."), (end, "no_nics", "it is cabled to no usable switch of the site", "Cable it."),
        (vlan, "no_vlan", "it has no VLAN", f"Set the untagged VLAN of its interface, or {mapping['canary_vlan']}."),
        (address, "no_address", "it has no primary IP", "Set its primary IP."),
    ]
    port = f"{end.far_device}/{end.far_port}" if end else None
    return dataclasses.replace(
        made, document={key: value for key, value in document.items() if value is not None}, problems=_failed(device, checks),
        keys=frozenset({f"name:canary:{device.name}", *([f"port:{port}"] if port else [])}),
    )
