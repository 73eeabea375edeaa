# Copyright: (c) 2026, leasehold.cloud contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The audit of a source: what in it would stop an order (errors), or may make one unsafe or poorer than it need be (warnings)."""

from __future__ import annotations

import collections
import dataclasses
import json
from collections.abc import Iterable, Iterator

from ansible_collections.leasehold.cloud.plugins.module_utils.core import fabric, tables
from ansible_collections.leasehold.cloud.plugins.module_utils.core.errors import InvalidSource
from ansible_collections.leasehold.cloud.plugins.module_utils.core.mapping_file import Mapping
from ansible_collections.leasehold.cloud.plugins.module_utils.core.models import Datacenter, vlan_ids
from ansible_collections.leasehold.cloud.plugins.module_utils.core.placement import natural
from ansible_collections.leasehold.cloud.plugins.module_utils.core.records import Records
from ansible_collections.leasehold.cloud.plugins.module_utils.core.source_mapping import SERVER, SWITCH
from ansible_collections.leasehold.cloud.plugins.module_utils.core.source_site import MappedSite, map_site
from ansible_collections.leasehold.cloud.plugins.module_utils.core.source_values import Index, Problem, called, is_data_nic, mac_of

ERROR, WARNING = "error", "warning"
ENOUGH_CANARIES = 2  # one in a VLAN like any tenant's, one in quarantine
TOLD_OTHERWISE = ("duplicate_mac", "bad_switch")  # problems of single devices that the audit tells by what causes them
COLUMNS = (("severity", "severity"), ("object", "object"), ("problem", "problem"), ("remedy", "remedy"))


@dataclasses.dataclass(frozen=True)
class Finding:
    """One thing that the audit found."""

    severity: str
    code: str
    object: str
    problem: str
    remedy: str

    def as_dict(self) -> dict:
        return dataclasses.asdict(self)


def audit(records: Records, mapping: Mapping) -> list[Finding]:
    """The findings of a source's records, errors first."""
    site = map_site(records, mapping)
    index = Index(records)
    found = [_error(problem) for problem in (*site.fatal, *site.problems) if problem.code not in TOLD_OTHERWISE]
    found += _bad_switches(site)
    found += _interfaces(records, mapping, site, index)
    found += _vlans(records, mapping, site)
    found += _statuses(records, mapping, site)
    return ordered([*found, *of_datacenter(site.datacenter)])


def of_datacenter(datacenter: Datacenter) -> list[Finding]:
    """The findings of a data centre that fits together, whatever its source."""
    return ordered([*_ways(datacenter), *_envelope(datacenter), *_canaries(datacenter)])


def of_refusal(error: InvalidSource) -> list[Finding]:
    """The findings that a source is which could not be read at all as it is."""
    problems = error.details.get("problems") or [{"path": error.object, "problem": error.message, "remedy": error.remedy}]
    return ordered(Finding(ERROR, item.get("code", "invalid"), item.get("object") or item.get("path") or error.object, item["problem"], item["remedy"])
                   for item in problems)


def ordered(findings: Iterable[Finding]) -> list[Finding]:
    """Each once, errors first, by what they are and whom they concern."""
    return sorted(dict.fromkeys(findings), key=lambda finding: (finding.severity, finding.code, natural(finding.object), finding.problem))


def text(findings: list[Finding], about: str) -> str:
    """The findings as a table, under a line that counts them."""
    counts = collections.Counter(finding.severity for finding in findings)
    head = f"{about}: {counts[ERROR]} errors, {counts[WARNING]} warnings"
    return "\n".join([head, "", *(tables.render(COLUMNS, [finding.as_dict() for finding in findings]) if findings else ["nothing to complain about"]), ""])


def files(findings: list[Finding], about: str) -> dict[str, str]:
    """The findings as files, by name: for machines, and for spreadsheets."""
    rows = [finding.as_dict() for finding in findings]
    return {
        "source_audit.json": json.dumps({"source": about, "findings": rows}, indent=2, ensure_ascii=False) + "\n",
        "source_audit.csv": tables.as_csv((("severity", ""), ("code", ""), ("object", ""), ("problem", ""), ("remedy", "")), rows),
    }


def _error(problem: Problem) -> Finding:
    return Finding(ERROR, problem.code, problem.object, problem.problem, problem.remedy)


def _bad_switches(site: MappedSite) -> Iterator[Finding]:
    """Switches that cannot be used, with how many servers cannot be for it."""
    cabled = collections.Counter(name for device in site.devices.values() if device.kind == SERVER
                                 for name in {nic["switch"] for nic in (device.document or {}).get("nics", ())})
    for device in site.devices.values():
        if device.kind == SWITCH and device.problems and cabled[device.name]:
            yield Finding(ERROR, "bad_switch", f"device {device.name}", f"{cabled[device.name]} servers that are cabled to it cannot be used until it can",
                          "Correct what is told of the switch.")


def _interfaces(records: Records, mapping: Mapping, site: MappedSite, index: Index) -> Iterator[Finding]:
    """NICs of servers without a cable or in a LAG of the switch, and MAC addresses that two interfaces have."""
    devices = {device.id: device for device in records.devices}
    servers = {id for id, device in site.devices.items() if device.kind == SERVER and device.document is not None}
    macs: dict[str, list[str]] = collections.defaultdict(list)
    for interface in records.interfaces:
        device, mac = devices[interface.device], mac_of(interface.mac)
        if mac:
            macs[mac].append(called(device, interface))
        if interface.device not in servers or not is_data_nic(interface, mapping):
            continue
        ends = index.ends.get(interface.id, ())
        if not ends:
            yield Finding(WARNING, "no_cable", called(device, interface), "it has no cable", "Cable it, disable it, or leave it out by the mapping's nics_not.")
        for end in ends:
            if end.far_lag:
                yield Finding(WARNING, "nic_in_lag", called(device, interface), f"port {end.far_port} of {end.far_name} is in LAG {end.far_lag}",
                              "Take it out of the LAG: servers are bonded active and backup, and VLANs are set on the port itself.")
    for mac, owners in macs.items():
        if len(owners) > 1:
            yield Finding(ERROR, "duplicate_mac", owners[0], f"MAC address {mac} is also that of {', '.join(owners[1:])}", "Correct whichever is wrong.")


def _vlans(records: Records, mapping: Mapping, site: MappedSite) -> Iterator[Finding]:
    """VLANs outside the ranges of their group, and those of our pools that interfaces carry and we know nothing of."""
    groups = {group.id: group for group in records.wide.vlan_groups}
    ours = mapping.match("ours")
    for vlan in records.wide.vlans:
        group = groups.get(vlan.group)
        if group and group.ranges and not _within(vlan.vid, group.ranges):
            yield Finding(WARNING, "vlan_outside_group", f"VLAN {vlan.vid} ({vlan.name})",
                          f"it is outside the ranges of its group {group.name}, {group.ranges}",
                          "Move it into a group that has it, or correct the ranges.")
    published = {vlan.vid for vlan in records.wide.vlans if ours(role=vlan.role, tags=vlan.tags, fields=vlan.custom_fields)}
    pools = {vid: pool.name for pool in site.datacenter.vlan_pools for vid in pool.vlans if vid not in published}
    devices = {device.id: device for device in records.devices}
    for interface in records.interfaces:
        for vid in sorted({interface.vlan, *interface.vlans} & pools.keys()):
            yield Finding(WARNING, "vlan_in_use", called(devices[interface.device], interface), f"it carries VLAN {vid}, which pool {pools[vid]} would lease",
                          "Take the VLAN out of the pool, or off the interface.")


def _within(vid: int, ranges: str) -> bool:
    try:
        return vid in vlan_ids(ranges)
    except ValueError:
        return True  # that they are no ranges is told elsewhere


def _statuses(records: Records, mapping: Mapping, site: MappedSite) -> Iterator[Finding]:
    for device in records.devices:
        if device.id in site.devices and device.status not in mapping["status"]:
            yield Finding(WARNING, "unknown_status", called(device), f"the mapping does not know the status {device.status}: it counts as "
                          f"{mapping['status'].get('*') or 'not there'}", "Add it to the mapping's status.")


def _ways(datacenter: Datacenter) -> Iterator[Finding]:
    """Leaves of servers from which no way leads to the border."""
    leafs = {}
    for server in datacenter.servers:
        for name in server.switches:
            leafs.setdefault(name, dataclasses.replace(server, nics=tuple(nic for nic in server.nics if nic.switch == name)))
    if _leads(leafs.values(), datacenter) is None:
        return
    for name, server in sorted(leafs.items(), key=lambda item: natural(item[0])):
        error = _leads([server], datacenter)
        if error:
            yield Finding(ERROR, "no_way", f"switch {name}", error.message, error.remedy)


def _leads(servers: Iterable, datacenter: Datacenter) -> InvalidSource | None:
    try:
        fabric.carrying_links(servers, datacenter)
    except InvalidSource as error:
        return error
    return None


def _envelope(datacenter: Datacenter) -> Iterator[Finding]:
    envelope = datacenter.envelope
    remedy = "Delegate it, or do not offer it."
    outside = [switch.name for switch in datacenter.switches if not envelope.allows_switch(switch.name)]
    if outside:
        yield Finding(WARNING, "outside_envelope", f"switch {', '.join(sorted(outside, key=natural))}", "it is not delegated to automation", remedy)
    for pool in datacenter.vlan_pools:
        vids = [vid for vid in pool.vlans if not envelope.allows_vlan(vid)]
        if vids:
            yield Finding(WARNING, "outside_envelope", f"VLAN pool {pool.name}", f"{len(vids)} of its VLANs are not delegated to automation", remedy)
    for pool in datacenter.prefix_pools:
        if not envelope.allows_prefix(pool.prefix):
            yield Finding(WARNING, "outside_envelope", f"prefix pool {pool.name}", "not all of it is delegated to automation", remedy)


def _canaries(datacenter: Datacenter) -> Iterator[Finding]:
    if len(datacenter.canaries) < ENOUGH_CANARIES:
        yield Finding(WARNING, "few_canaries", f"site {datacenter.site}", f"it has {len(datacenter.canaries)} canaries: the isolation gate has little to ask",
                      "Have one in a VLAN like any tenant's and one in the quarantine VLAN (docs/site.md).")
