# Copyright: (c) 2026, leasehold.cloud contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a sync does with each server's row. What a cluster holds stays as it was taken: neither deleted, nor renamed, nor given to other hardware."""

from __future__ import annotations

import dataclasses
from collections.abc import Collection, Mapping

HARDWARE = ("serial", "bmc", "nics")  # of a held server, these should not change
MESSAGES = {
    "missing": "is no longer in its source", "changed": "was given other hardware or cabling by its source",
    "invalid": "is not told by its source so that it can be used", "renamed": "has another name in its source",
    "replaced": "is another device in its source",
}


@dataclasses.dataclass(frozen=True)
class Fate:
    """What becomes of servers' rows, by name. C(kept) stay without a record of their source's that could be used; C(carried) are (old, new) names;
    C(alarms) are of held ones whose hardware has changed."""

    added: list[str]
    changed: list[str]
    removed: list[str]
    kept: list[str]
    carried: list[tuple[str, str]]
    alarms: list[dict]


def fate(wanted: Mapping[str, Mapping], stored: Mapping[str, Mapping], held: Mapping[str, str], unusable: Collection[str]) -> Fate:
    """Decide over rows with C({document, source_id, ...}).

    :param wanted: by name, as the source has them now; of those looked at, all.
    :param stored: by name, as the mirror has them; of those looked at, all.
    :param held: the cluster that holds a server, by name.
    :param unusable: ids of devices that the source has, but not so that they can be used.
    """
    names = {row["source_id"]: name for name, row in stored.items() if row["source_id"] is not None}
    refused = {name for name, row in wanted.items() if _refused(name, row, stored, held, names)}
    taken = {name: row for name, row in wanted.items() if name not in refused}
    gone = [name for name in stored if name not in taken]
    kept = [name for name in gone if name in held or (stored[name]["source_id"] in unusable and stored[name]["source_id"] is not None)]
    changed = [name for name, row in taken.items() if name in stored and row != stored[name]]
    carried = [(names[row["source_id"]], name) for name, row in taken.items() if names.get(row["source_id"], name) != name]
    alarms = [alarm(name, held[name], "changed") for name in changed if name in held and _other_hardware(stored[name], taken[name])]
    removed = sorted(set(gone) - set(kept))
    return Fate([name for name in taken if name not in stored], changed, removed, kept, carried, sorted(alarms, key=lambda item: item["server"]))


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
