# Copyright: (c) 2026, leasehold.cloud contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The documents that the export templates render, as neutral records. The other ways make the same documents, so there is one reading of them.

A document is a dict of lists of rows, as M(templates) has them; rows point to each other by number.
"""

from __future__ import annotations

import collections
from collections.abc import Iterable, Mapping

from ansible_collections.leasehold.cloud.plugins.module_utils.core.records import (
    Address, Device, End, Interface, Prefix, Rack, Records, Site, Tenant, Vlan, VlanGroup, Wide,
)


def devices(document: Mapping) -> Records:
    """The devices of a document, with all that is theirs."""
    racks = rack_names(document["racks"])
    interfaces = _interfaces(document)
    own = {int(interface.id): interface for interface in interfaces}
    found = _devices(document, racks)
    return Records(
        devices=found, interfaces=tuple(interfaces), ends=tuple(_ends(document, own, {device.id: device for device in found})),
        addresses=tuple(_addresses(document)))


def wide(document: Mapping) -> Wide:
    """What is site-wide."""
    (number, name, slug, fields), = document["site"]
    return Wide(
        Site(str(number), name, slug, _tags(document["site_tags"]).get(number, ()), filled(fields)),
        tuple(Rack(str(rack), name) for rack, name in sorted(rack_names(document["racks"]).items())), _groups(document), _vlans(document),
        _prefixes(document), tuple(Tenant(str(number), name, slug) for number, name, slug in sorted(document["tenants"])),
    )


def rack_names(rows: Iterable[tuple]) -> dict[int, str]:
    """Each rack's name by its number: with its location, where another rack of the site has the same name."""
    rows = list(rows)
    times = collections.Counter(name for _number, name, _location in rows)
    return {number: f"{location}/{name}" if times[name] > 1 and location else name for number, name, location in rows}


def filled(fields: Mapping | None) -> dict:
    """Custom fields that have a value."""
    return {key: value for key, value in (fields or {}).items() if value not in (None, "", [])}


def _tags(rows: Iterable[tuple]) -> dict[int, tuple[str, ...]]:
    found = collections.defaultdict(set)
    for number, slug in rows:
        found[number].add(slug)
    return {number: tuple(sorted(slugs)) for number, slugs in found.items()}


def _devices(document: Mapping, racks: Mapping[int, str]) -> tuple[Device, ...]:
    tags, hosts, positions, objects = _tags(document["tags"]), document["hosts"], document["positions"], document["objects"]
    found = []
    for number, name, role, kind, rack, status, serial, platform, tenant, fields in document["devices"]:
        oob, *primary = hosts[str(number)]
        found.append(Device(
            str(number), name or None, role, kind, racks.get(rack), positions.get(str(number)), status or None, serial or None, platform, tenant,
            _bare(oob), _bare(primary[0] or primary[1]), tags.get(number, ()), _named(filled(fields), objects)))
    return tuple(found)


def _named(fields: dict, objects: Mapping[str, Mapping[str, str]]) -> dict:
    """Custom fields where those that point to objects have their names instead of their numbers."""
    for key, names in objects.items():
        value = fields.get(key)
        if isinstance(value, list):
            fields[key] = [names.get(str(number), number) for number in value]
        elif value is not None:
            fields[key] = names.get(str(value), value)
    return fields


def _interfaces(document: Mapping) -> list[Interface]:
    tags, macs, tagged = _tags(document["interface_tags"]), document["macs"], collections.defaultdict(set)
    for number, vid in document["tagged"]:
        tagged[number].add(vid)
    return [
        Interface(str(number), str(device), name, kind or None, macs.get(str(number)), bool(enabled), bool(mgmt_only), str(lag) if lag else None, vlan,
                  tuple(sorted(tagged.get(number, ()))), tags.get(number, ()), filled(fields))
        for number, device, name, kind, enabled, mgmt_only, lag, vlan, fields in document["interfaces"]
    ]


def _ends(document: Mapping, own: Mapping[int, Interface], devices: Mapping[str, Device]):
    far = {row[0]: row for row in document["far"]}
    far_tags, kind = _tags(document["far_tags"]), document["kind"]
    for number, nodes in document["ends"]:
        for node in nodes:
            if not node.startswith(kind):
                continue  # a circuit, a console port: not a port that has VLANs
            other = int(node[len(kind):])
            if other in own:
                interface = own[other]
                device, lag = devices[interface.device], own.get(int(interface.lag)) if interface.lag else None
                yield End(str(number), device.id, device.name, interface.id, interface.name, lag.name if lag else None, device.role, device.tags)
            elif other in far:
                _number, device, name, port, lag, role = far[other]
                yield End(str(number), str(device), name or None, str(other), port, lag, role, far_tags.get(device, ()))


def _addresses(document: Mapping):
    tags, inets = _tags(document["address_tags"]), document["inets"]
    for number, interface, dns_name, status in document["addresses"]:
        yield Address(str(number), _bare(inets[str(number)]), str(interface), dns_name or None, status or None, tags.get(number, ()))


def _groups(document: Mapping) -> tuple[VlanGroup, ...]:
    tags = _tags(document["group_tags"])
    return tuple(VlanGroup(str(number), name, slug, ranges.replace(" ", "") or None, tags.get(number, ()), filled(fields))
                 for number, name, slug, fields, ranges in _all([document["groups"]]))


def _vlans(document: Mapping) -> tuple[Vlan, ...]:
    tags = _tags(_all(document["vlan_tags"]))
    return tuple({
        number: Vlan(str(number), vid, name, str(group) if group else None, status or None, role, tenant, tags.get(number, ()), filled(fields))
        for number, vid, name, group, status, role, tenant, fields in _all(document["vlans"])
    }.values())


def _prefixes(document: Mapping) -> tuple[Prefix, ...]:
    tags = _tags(_all(document["prefix_tags"]))
    return tuple({
        number: Prefix(str(number), prefix, status or None, role, tenant, vlan, tags.get(number, ()), filled(fields))
        for number, prefix, (status, role, tenant, vlan, fields) in _all(document["prefixes"])
    }.values())


def _all(lists: Iterable[Iterable]) -> list:
    """The rows of several lists, which may have some of them twice, by number."""
    return sorted((row for rows in lists for row in rows), key=lambda row: row[0])


def _bare(inet: str | None) -> str | None:
    """An address without its mask."""
    return (inet or "").partition("/")[0] or None
