# Copyright: (c) 2026, leasehold.cloud contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""From a source's records to what is site-wide in a data centre: racks, pools, quarantine VLAN, envelope, canaries.

Pools hold only what nobody else has: of a pool's VLANs and prefixes, those that the source knows as objects of their own are left out, unless they
are ours (the
mapping's C(ours): what we published).
"""

from __future__ import annotations

import dataclasses
import ipaddress
from collections.abc import Collection, Iterable, Iterator, Mapping as Map

from ansible_collections.leasehold.cloud.plugins.module_utils.core import source_links
from ansible_collections.leasehold.cloud.plugins.module_utils.core.mapping_file import FIELD, Mapping
from ansible_collections.leasehold.cloud.plugins.module_utils.core.models import Datacenter, vlan_ids
from ansible_collections.leasehold.cloud.plugins.module_utils.core.placement import natural
from ansible_collections.leasehold.cloud.plugins.module_utils.core.records import Prefix, Records, Wide
from ansible_collections.leasehold.cloud.plugins.module_utils.core.source_mapping import Known, Mapped, links, map_devices
from ansible_collections.leasehold.cloud.plugins.module_utils.core.source_values import Problem

ALL_VLANS = range(1, 4095)
BORDER_PROBLEM = "links"  # the path of source_links' problem that no link leads to the border


@dataclasses.dataclass(frozen=True)
class MappedSite:
    """A whole site: its data centre (of what is usable), what became of each device, and what is wrong.

    ``problems`` are of single devices; with ``fatal`` ones the site cannot be used at all.
    """

    datacenter: Datacenter
    devices: dict[str, Mapped]
    problems: tuple[Problem, ...]
    fatal: tuple[Problem, ...]


def map_site(records: Records, mapping: Mapping) -> MappedSite:
    """All of a cold read's records as a data centre."""
    racks = racks_of(records.wide)
    devices = map_devices(records, mapping, {}, racks)
    known = known_switches(devices.values())
    document, fatal = site_document(records.wide, mapping, known)
    made = Datacenter.from_dict(document | {
        "servers": documents(devices.values(), "server"), "switches": documents(devices.values(), "switch"),
        "links": links(devices.values(), known), "canaries": [*mapping["canaries"], *documents(devices.values(), "canary")],
    })
    problems = [problem for device in sorted(devices.values(), key=lambda device: natural(device.name)) for problem in device.problems]
    return MappedSite(made, devices, tuple(problems), (*fatal, *site_problems(made, mapping)))


def racks_of(wide: Wide) -> list[str]:
    """The names of a site's racks, in natural order."""
    return sorted({rack.name for rack in wide.racks}, key=natural)


def known_switches(devices: Iterable[Mapped]) -> dict[str, Known]:
    """The switches among mapped devices, as those know them that are cabled to them."""
    return {device.id: Known(device.name, device.usable, device.delegated) for device in devices if device.kind == "switch" and device.document}


def documents(devices: Iterable[Mapped], kind: str) -> list[dict]:
    """The documents of the usable devices of a kind, in natural order of their names."""
    return [device.document for device in sorted(devices, key=lambda device: natural(device.name)) if device.kind == kind and device.usable]


def site_document(wide: Wide, mapping: Mapping, switches: Map[str, Known]) -> tuple[dict, list[Problem]]:
    """What is site-wide, as datacenter.yml has it, without canaries; and what keeps it from being used."""
    problems: list[Problem] = []
    vlans, prefixes = list(_vlan_pools(wide, mapping, problems)), list(_prefix_pools(wide, mapping, problems))
    document = {
        "version": 1, "site": wide.site.slug, "racks": racks_of(wide), "quarantine_vlan": _quarantine(wide, mapping, problems),
        "pools": {"vlans": vlans, "prefixes": prefixes}, "envelope": _envelope(wide, mapping, switches, vlans, prefixes), "spares": dict(mapping["spares"]),
    }
    for key, found, what in (("vlan_pools", vlans, "VLANs"), ("prefix_pools", prefixes, "prefixes")):
        if not found and not problems:
            problems.append(_wide(f"{key}", f"no_{key}", f"no {what} are delegated to us, so no order could have a segment",
                                  f"Mark what is by one of {_said(mapping[key])}, or write pools into the mapping's {key}."))
    return document, problems


def site_problems(datacenter: Datacenter, mapping: Mapping, border: bool | None = None) -> list[Problem]:
    """What of a site's pools, canaries and border does not fit together.

    :param border: whether a link leads to the border, where ``datacenter`` does not have the links.
    """
    without = dataclasses.replace(datacenter, servers=(), switches=(), spares={}, canaries=tuple(
        dataclasses.replace(canary, switch="", port=canary.name) for canary in datacenter.canaries))
    has_border = any(link.is_border for link in datacenter.links) if border is None else border
    found = [problem for problem in source_links.problems(dataclasses.replace(without, links=()))
             if not problem.path.startswith("canaries[") or problem.path.endswith(".name")]
    made = [_wide(_path(problem.path, datacenter), "site_unfit", problem.problem, problem.remedy) for problem in found if problem.path != BORDER_PROBLEM]
    if not has_border:
        made.append(_wide("border", "no_border", "no cable leads from a usable switch to the border, so no segment would have a gateway",
                          f"Cable a switch to a device that is one of {_said(mapping['roles']['border'])} (roles, tags)."))
    return made


def _path(path: str, datacenter: Datacenter) -> str:
    """A path of datacenter.yml in the source's words."""
    for start, words, items in (("pools.vlans[", "VLAN pool", datacenter.vlan_pools), ("pools.prefixes[", "prefix pool", datacenter.prefix_pools)):
        if path.startswith(start):
            return f"{words} {items[int(path[len(start):].partition(']')[0])].name}"
    return path


def _wide(object: str, code: str, problem: str, remedy: str) -> Problem:
    return Problem(code, object, problem, remedy)


def _said(words: object) -> str:
    return ", ".join(map(str, words)) if isinstance(words, (list, tuple)) else str(words)


def _vlan_pools(wide: Wide, mapping: Mapping, problems: list[Problem]) -> Iterator[dict]:
    if isinstance(mapping["vlan_pools"], Map):
        yield from ({"name": name, "range": str(ranges)} for name, ranges in mapping["vlan_pools"].items())
        return
    match, ours = mapping.match("vlan_pools"), mapping.match("ours")
    foreign = {(vlan.group, vlan.vid) for vlan in wide.vlans if not ours(role=vlan.role, tags=vlan.tags, fields=vlan.custom_fields)
               and not match(role=vlan.role, tags=vlan.tags, fields=vlan.custom_fields)}
    for group in sorted(wide.vlan_groups, key=lambda group: natural(group.slug)):
        if not match(group.slug, group.name, tags=group.tags, fields=group.custom_fields):
            continue
        try:
            every = vlan_ids(group.ranges or "")
        except ValueError:
            problems.append(_wide(f"VLAN group {group.name}", "no_ranges", f"{group.ranges!r} are no ranges of VLANs", "Set its VLAN ID ranges."))
            continue
        free = [vid for vid in every if vid in ALL_VLANS and (group.id, vid) not in foreign]
        if free:
            yield {"name": group.slug, "range": ranges_text(free)}
    marked: dict[str, set[int]] = {}
    named = {group.id: group.slug for group in wide.vlan_groups}
    for vlan in wide.vlans:
        if match(role=vlan.role, tags=vlan.tags, fields=vlan.custom_fields):
            marked.setdefault(f"{named.get(vlan.group, 'vlans')}-marked", set()).add(vlan.vid)
    yield from ({"name": name, "range": ranges_text(sorted(vids))} for name, vids in sorted(marked.items()))


def ranges_text(vids: Collection[int]) -> str:
    """VLANs in ascending order as a text such as C(100-115,120)."""
    parts: list[list[int]] = []
    for vid in vids:
        if parts and parts[-1][1] == vid - 1:
            parts[-1][1] = vid
        else:
            parts.append([vid, vid])
    return ",".join(str(first) if first == last else f"{first}-{last}" for first, last in parts)


def _prefix_pools(wide: Wide, mapping: Mapping, problems: list[Problem]) -> Iterator[dict]:
    if isinstance(mapping["prefix_pools"], Map):
        yield from ({"name": name, **item} for name, item in mapping["prefix_pools"].items())
        return
    match, ours = mapping.match("prefix_pools"), mapping.match("ours")
    pools = [prefix for prefix in wide.prefixes if match(prefix.prefix, role=prefix.role, tags=prefix.tags, fields=prefix.custom_fields)]
    chosen = {pool.id for pool in pools}
    foreign = [ipaddress.ip_network(prefix.prefix) for prefix in wide.prefixes if prefix.id not in chosen and prefix.status != "container"
               and not ours(role=prefix.role, tags=prefix.tags, fields=prefix.custom_fields)]
    for pool in sorted(pools, key=lambda pool: _network_key(ipaddress.ip_network(pool.prefix))):
        length = _length(pool, mapping)
        if length is None:
            problems.append(_wide(f"prefix {pool.prefix}", "no_length", "nothing says the length of the prefixes that segments get of it",
                                  f"Set one of {_said(mapping['prefix_length'])}, a number."))
            continue
        yield from ({"name": str(piece), "prefix": str(piece), "length": length}
                    for piece in _without(ipaddress.ip_network(pool.prefix), foreign) if piece.prefixlen <= length)


def _network_key(network) -> tuple:
    return network.version, int(network.network_address), network.prefixlen


def _without(network, others: Iterable) -> list:
    """The parts of a network that are in none of the others."""
    pieces = [network]
    for other in others:
        if other.version == network.version and other.subnet_of(network) and other != network:
            pieces = [part for piece in pieces for part in (piece.address_exclude(other) if other.subnet_of(piece) else [piece])
                      if not part.subnet_of(other)]
    return sorted(pieces, key=_network_key)


def _length(pool: Prefix, mapping: Mapping) -> int | None:
    for word in mapping["prefix_length"]:
        value = pool.custom_fields.get(word[len(FIELD):]) if isinstance(word, str) and word.startswith(FIELD) else word
        if isinstance(value, int) or (isinstance(value, str) and value.isdigit()):
            return int(value)
    return None


def _quarantine(wide: Wide, mapping: Mapping, problems: list[Problem]) -> int:
    wanted = mapping["quarantine_vlan"]
    if isinstance(wanted, int):
        return wanted
    match = mapping.match("quarantine_vlan")
    found = sorted({vlan.vid for vlan in wide.vlans if match(vlan.name, role=vlan.role, tags=vlan.tags, fields=vlan.custom_fields)})
    if len(found) != 1:
        problem = f"VLANs {', '.join(map(str, found))} are all said to be it" if found else "no VLAN is said to be it"
        problems.append(_wide("quarantine VLAN", "no_quarantine", problem,
                              f"Mark one VLAN by one of {_said(wanted)}, or write its number into the mapping's quarantine_vlan."))
    return found[0] if found else 0


def _envelope(wide: Wide, mapping: Mapping, switches: Map[str, Known], vlans: list[dict], prefixes: list[dict]) -> dict:
    """What is marked as delegated, or written in the mapping; where nothing is, the pools, and all switches."""
    vlan_match, prefix_match = mapping.match("envelope_vlans"), mapping.match("envelope_prefixes")
    ranges = [group.ranges for group in wide.vlan_groups if group.ranges and vlan_match(tags=group.tags, fields=group.custom_fields)]
    marked = [prefix.prefix for prefix in wide.prefixes if prefix_match(role=prefix.role, tags=prefix.tags, fields=prefix.custom_fields)]
    return {
        "vlans": sorted({*ranges, *vlan_match.names}) or sorted({pool["range"] for pool in vlans}),
        "prefixes": sorted({*marked, *prefix_match.names}) or sorted({pool["prefix"] for pool in prefixes}),
        "switches": delegated_switches(mapping, switches),
    }


def delegated_switches(mapping: Mapping, switches: Map[str, Known]) -> list[str]:
    """The switches of the envelope: patterns of the mapping, and the names of those that are marked; all, where there are neither."""
    return sorted({*mapping.match("envelope_switches").names, *(switch.name for switch in switches.values() if switch.delegated)}) or ["*"]
