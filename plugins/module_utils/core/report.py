# Copyright: (c) 2026, leasehold.cloud contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The report of a ledger: capacity, who holds what, what ends soon, what is out of use, quotas. As text and as files.

Its tables and their columns are here; M(ledger.report) reads the rows.
"""

from __future__ import annotations

import datetime
import json
from collections.abc import Mapping, Sequence

from ansible_collections.leasehold.cloud.plugins.module_utils.core import tables
from ansible_collections.leasehold.cloud.plugins.module_utils.core.times import moment

CAPACITY = ("total", "free", "reserved", "held", "quarantined", "other")
HOLDER = (("tenant", "tenant"), ("cluster", "cluster"), ("site", "site"))
LEFT = ("remaining", "remaining")  # of a lease: as it is shown; in files, it would change from one moment to the next

# By name (of the files too): what it is, and its columns.
TABLES = {
    "capacity": ("Capacity by class", (("site", "site"), ("class", "class"), *((key, key) for key in (*CAPACITY[:2], "spare", *CAPACITY[2:])))),
    "racks": ("Capacity by rack (free includes spares)", (
        ("site", "site"), ("rack", "rack"), ("class", "class"), *((key, key) for key in CAPACITY))),
    "holders": ("Who holds what", (
        *HOLDER, ("phase", "phase"), ("servers", "servers"), ("node_sets", "node sets"), ("vlan", "VLAN"), ("prefix", "prefix"),
        ("lease_end", "lease end (UTC)"), LEFT)),
    "reservations": ("Reserved", (
        *HOLDER, ("servers", "servers"), ("node_sets", "node sets"), ("vlan", "VLAN"), ("starts_at", "from (UTC)"), ("ends_at", "until (UTC)"))),
    "expiring": ("Leases that end soon", (
        *HOLDER, ("phase", "phase"), ("servers", "servers"), ("lease_end", "lease end (UTC)"), LEFT, ("lease_hold", "on hold because"))),
    "out_of_use": ("Quarantined, in repair, retired, or missing from their source", (
        ("name", "server"), ("rack", "rack"), ("class", "class"), ("state", "state"), ("since", "since (UTC)"), ("reason", "reason"),
        ("cluster", "cluster"), ("missing_since", "missing since"))),
    "quotas": ("Quotas (class -: all classes)", (
        ("tenant", "tenant"), ("resource", "resource"), ("class", "class"), ("month", "month"), ("used", "used"), ("soft", "soft"),
        ("hard", "hard"), ("left", "left"), ("by", "by cluster"))),
}
SERVERS = (("name", "server"), ("rack", "rack"), ("class", "class"), ("status", "status"), ("state", "state"), ("since", "since (UTC)"),
           ("reason", "reason"), ("cluster", "cluster"), ("node_set", "node set"), ("tenant", "tenant"), ("lease_end", "lease end (UTC)"),
           ("free", "free"))
SEGMENTS = (("site", "site"), ("vlan", "VLAN"), ("prefix", "prefix"), ("gateway", "gateway"), *HOLDER[:2], ("phase", "phase"),
            ("servers", "servers"), ("used", "addresses"), ("unused", "free"), ("reserved", "reserved (UTC)"))
PORTS = (("vlan", "VLAN"), ("cluster", "cluster"), ("name", "server"), ("state", "state"), ("address", "address"), ("ports", "switch ports"))
UNITS = (("d", 86400), ("h", 3600), ("m", 60))


def capacity(rows: list[Mapping], spares: Mapping[tuple[str, str], int]) -> list[dict]:
    """Capacity by class, from that by rack: of the free servers, those that are kept back as spares are no longer free.

    :param spares: by site and class, how many are to be kept back.
    """
    found: dict[tuple[str, str], dict] = {}
    for row in rows:
        total = found.setdefault((row["site"], row["class"]), {"site": row["site"], "class": row["class"]} | dict.fromkeys(CAPACITY, 0))
        for key in CAPACITY:
            total[key] += row[key]
    for key, row in found.items():
        row["spare"] = min(row["free"], spares.get(key, 0))
        row["free"] -= row["spare"]
    return [found[key] for key in sorted(found)]


def servers_text(servers: Sequence[Mapping]) -> str:
    """Servers as M(ledger.views) has them, for people."""
    return _lines(tables.render(SERVERS, servers))


def segments_text(segments: Sequence[Mapping]) -> str:
    """Segments as M(ledger.views) has them, and their servers' ports, for people."""
    rows = [segment | {
        "servers": len(segment["servers"]), "used": segment["addresses"]["used"], "unused": segment["addresses"]["free"],
        "reserved": segment["reserved"] and [segment["reserved"]["starts_at"], segment["reserved"]["ends_at"]],
    } for segment in segments]
    ports = [server | {
        "vlan": segment["vlan"], "cluster": segment["cluster"], "ports": [f"{port['switch']}/{port['port']}" for port in server["ports"]],
    } for segment in segments for server in segment["servers"]]
    return _lines(tables.render(SEGMENTS, rows)) + (f"\n{_lines(tables.render(PORTS, ports))}" if ports else "")


def quotas_text(standings: Sequence[Mapping]) -> str:
    """What tenants use and may use, as M(core.quotas.standing) has it, for people."""
    return _lines(tables.render(TABLES["quotas"][1], [{"tenant": one["tenant"]} | row for one in standings for row in one["resources"]]))


def text(report: Mapping, now: str, width: int = tables.WIDTH) -> str:
    """The report for people: a table of each kind.

    :param now: the ledger's clock, for what is left of leases.
    """
    parts = []
    for name, (title, columns) in TABLES.items():
        rows = [row | {LEFT[0]: left(row["lease_end"], now)} if LEFT in columns else row for row in report[name]]
        parts.append("\n".join([title, *(f"  {line}".rstrip() for line in tables.render(columns, rows, width - 2))]))
    return "\n\n".join(parts) + "\n"


def files(report: Mapping) -> dict[str, str]:
    """The report as files, by name: C(report.json), and a CSV of each table. The same while the ledger is the same."""
    made = {"report.json": json.dumps(report, indent=2, sort_keys=True, ensure_ascii=False) + "\n"}
    for name, (_title, columns) in TABLES.items():
        made[f"{name}.csv"] = tables.as_csv([column for column in columns if column != LEFT], report[name])
    return made


def _lines(lines: Sequence[str]) -> str:
    return "".join(f"{line}\n" for line in lines)


def left(end: str | None, now: str) -> str | None:
    """What is left of a lease, in two units: C(12d 3h); C(over by 2h 5m) where it is over. None where it has no end."""
    if end is None:
        return None
    seconds = (moment(end) - moment(now)) // datetime.timedelta(seconds=1)
    shown, rest = [], abs(seconds)
    for unit, size in UNITS:
        if rest >= size or shown or unit == "m":
            shown.append(f"{rest // size}{unit}")
            rest %= size
    return ("over by " if seconds < 0 else "") + " ".join(shown[:2])
