# Copyright: (c) 2026, leasehold.cloud contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a sync does with each server's row. What a cluster holds stays as it was taken: neither deleted, nor renamed, nor given to other hardware."""

from __future__ import annotations

import dataclasses
from collections.abc import Collection, Mapping
from types import MappingProxyType

from ansible_collections.leasehold.cloud.plugins.module_utils.core import hardware

HARDWARE = ("serial", "bmc", "nics")  # of a held server, these should not change
MESSAGES = {
    "missing": "is no longer in its source", "changed": "was given other hardware or cabling by its source",
    "invalid": "is not told by its source so that it can be used", "renamed": "has another name in its source",
    "replaced": "is another device in its source",
}


@dataclasses.dataclass(frozen=True)
class Fate:
    """What becomes of servers' rows, by name. C(kept) stay without a record of their source's that could be used; C(carried) are (old, new) names;
    C(alarms) are of held ones whose hardware has changed, or goes by another name."""

    added: list[str]
    changed: list[str]
    removed: list[str]
    kept: list[str]
    carried: list[tuple[str, str]]
    alarms: list[dict]


def fate(wanted: Mapping[str, Mapping], stored: Mapping[str, Mapping], held: Mapping[str, str], unusable: Collection[str],
         besides: Mapping[str, Mapping] = MappingProxyType({})) -> Fate:
    """Decide over rows with C({document, source_id, ...}).

    A row is of the hardware that its document says (M(core.hardware)), whatever it is called and whichever device it is.

    :param wanted: by name, as the source has them now; of those looked at, all.
    :param stored: by name, as the mirror has them; of those looked at, all.
    :param held: the cluster that holds a server, by name.
    :param unusable: ids of devices that the source has, but not so that they can be used.
    :param besides: rows of the mirror that are not looked at and could be of the same hardware.
    """
    names, known = {row["source_id"]: name for name, row in stored.items() if row["source_id"] is not None}, {**besides, **stored}
    earlier = _earlier_names(wanted, known)
    moved = {name: sorted(held.keys() & others) for name, others in earlier.items() if held.keys() & others}
    refused = {name for name, row in wanted.items() if _refused(name, row, stored, held, names)} | moved.keys() | _swapped(wanted, known, moved)
    refused |= _in_the_way({name: row for name, row in wanted.items() if name not in refused}, known, held)
    taken = {name: row for name, row in wanted.items() if name not in refused}
    gone = [name for name in stored if name not in taken]
    kept = [name for name in gone if name in held or (stored[name]["source_id"] in unusable and stored[name]["source_id"] is not None)]
    changed = [name for name, row in taken.items() if name in stored and row != stored[name]]
    alarms = [alarm(name, held[name], "changed") for name in changed if name in held and _other_hardware(stored[name], taken[name])]
    alarms += [alarm(name, held[name], "renamed") for name in sorted({name for others in moved.values() for name in others})]
    removed = sorted(set(gone) - set(kept))
    return Fate([name for name in taken if name not in stored], changed, removed, kept, _carried(taken, known, names, earlier, kept),
                sorted(alarms, key=lambda item: item["server"]))


def _earlier_names(wanted: Mapping[str, Mapping], known: Mapping[str, Mapping]) -> dict[str, set[str]]:
    """By name, of rows that are of other hardware than was known by that name: the names by which theirs was known."""
    strange = {name: hardware.marks(row["document"]) for name, row in wanted.items()
               if name not in known or not _same(row, known[name])}
    if not strange:
        return {}
    # A part such as a NIC may move between servers: one that is there as itself has what it has now.
    register = hardware.Register({name: (row if name in strange else wanted.get(name, row))["document"] for name, row in known.items()})
    found = {name: register.having(marks) - {name} for name, marks in strange.items()}
    return {name: others for name, others in found.items() if others}


def _swapped(wanted: Mapping[str, Mapping], known: Mapping[str, Mapping], moved: Mapping[str, Collection[str]]) -> set[str]:
    """The held names whose hardware goes by another name now, and that are given other hardware in its place."""
    elsewhere = {name for others in moved.values() for name in others}
    return {name for name in elsewhere if name in wanted and not _same(wanted[name], known[name])}


def _carried(taken: Mapping[str, Mapping], known: Mapping[str, Mapping], names: Mapping[str, str], earlier: Mapping[str, Collection[str]],
             kept: Collection[str]) -> list[tuple[str, str]]:
    """From which name to which a state goes: with the device and the serial number; else with a NIC, from what is not there as itself any more."""
    pairs = {(names[row["source_id"]], name) for name, row in taken.items() if names.get(row["source_id"], name) != name}
    others = {(other, name) for name, found in earlier.items() if name in taken for other in found if other not in kept}
    pairs |= {(other, name) for other, name in others if hardware.serial(known[other]["document"]) == hardware.serial(taken[name]["document"])}
    followed = {other for other, _name in pairs}
    return sorted(pairs | {(other, name) for other, name in others if other not in followed and not known[other].get("missing_since")})


def _same(one: Mapping, other: Mapping) -> bool:
    return bool(hardware.marks(one["document"]) & hardware.marks(other["document"]))


def _in_the_way(wanted: Mapping[str, Mapping], known: Mapping[str, Mapping], held: Mapping[str, str]) -> set[str]:
    """New names at ports of held servers, where those are cabled as they were: what is done there for the new one would be done to the held one."""
    new = {name: hardware.ports(row["document"]) for name, row in wanted.items() if name not in known}
    if not new:
        return set()
    at_ports = hardware.Register({name: wanted.get(name, known[name])["document"] for name in held if name in known})
    return {name for name, ports in new.items() if at_ports.having(ports)}


def alarm(server: str, cluster: str, problem: str) -> dict:
    """What is told of a held server that its source no longer has as it was taken."""
    return {"server": server, "cluster": cluster, "problem": problem, "message": f"server {server} is held by cluster {cluster} and {MESSAGES[problem]}"}


def _refused(name: str, row: Mapping, stored: Mapping, held: Mapping, names: Mapping) -> bool:
    """Whether a held server stands in the way of a row: the same device under its earlier name, or another device of this name."""
    earlier = names.get(row["source_id"])
    if earlier is not None and earlier != name and earlier in held:
        return True
    before = stored.get(name)
    if name not in held or before is None or before["source_id"] in (None, row["source_id"]) or row["source_id"] is None:
        return False
    return before["document"].get("serial") != row["document"].get("serial")


def _other_hardware(before: Mapping, after: Mapping) -> bool:
    return any(before["document"].get(key) != after["document"].get(key) for key in HARDWARE)
