# Copyright: (c) 2026, leasehold.cloud contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether servers are what their source says: their BMCs' word against it, and what switches hear (LLDP) against the cabling.

A difference is an error where the two contradict each other, and a warning where one of them says nothing, so that nothing was compared.
"""

from __future__ import annotations

import collections
import dataclasses
import json
import re
from collections.abc import Iterable, Mapping

from ansible_collections.leasehold.cloud.plugins.module_utils.core import tables
from ansible_collections.leasehold.cloud.plugins.module_utils.core.placement import natural

ERROR, WARNING = "error", "warning"
MEMORY_TOLERANCE = 0.05  # of what is installed: firmware keeps some for itself, and vendors disagree on what a GiB is
COLUMNS = (("severity", "severity"), ("server", "server"), ("what", "what"), ("source", "source says"), ("found", "found"), ("remedy", "remedy"))
SERIAL_REMEDY = "Correct the serial number or the BMC address in the source; two BMC addresses may be swapped."
HEX = re.compile(r"[0-9a-f]{12}")
CABLE_REMEDY = "Correct the cable in the source, or plug it where the source says."


@dataclasses.dataclass(frozen=True)
class Difference:
    """One thing that is not as the source says, or that nobody tells. C(what) is such as C(serial), C(nic eth0), C(memory_gib)."""

    severity: str
    server: str
    what: str
    source: object
    found: object
    remedy: str

    def as_dict(self) -> dict:
        return dataclasses.asdict(self)


def heard(neighbours: Mapping[str, object]) -> dict[str, list[dict]]:
    """By switch, what it hears, as rows of C(port), C(name), C(mac).

    :param neighbours: by switch, such rows; or what Ansible's facts have of it (C(ansible_net_neighbors)): by port, C({host, port}) of each neighbour, whose
        port is a MAC address where the neighbour says that.
    """
    return {switch: _rows(told) if isinstance(told, Mapping) else list(told or ()) for switch, told in neighbours.items()}


def _rows(facts: Mapping[str, Iterable[Mapping]]) -> list[dict]:
    return [{"port": port, "name": one.get("sysname") or one.get("host"), "mac": _mac(one.get("port")) or _mac(one.get("host"))}
            for port, several in facts.items() for one in several]


def _mac(text: object) -> str | None:
    """A MAC address however it is written (C(0c42.a15e.0110)); None for anything else, such as the name of a port."""
    bare = re.sub(r"[.:-]", "", str(text or "").lower())
    return ":".join(bare[at:at + 2] for at in range(0, 12, 2)) if HEX.fullmatch(bare) else None


def verify(servers: Iterable[Mapping], hardware: Mapping[str, Mapping], unread: Mapping[str, str], neighbours: Mapping[str, Iterable]) -> list[Difference]:
    """All differences, errors first, in natural order of the servers' names.

    :param servers: as their source has them: name, serial, nics (name, mac, switch, port) and attributes.
    :param hardware: by server, what its BMC says: serial, memory_gib, nics, drives, gpus.
    :param unread: by server, why its BMC could not be read.
    :param neighbours: by switch that reports any, what it hears: rows of C(port) and any of C(name), C(mac) of the neighbour.
    """
    servers = list(servers)
    owners = {key: server["name"] for server in servers for key in _identities(server)}
    found = []
    for server in servers:
        name = server["name"]
        if name in unread:
            found.append(Difference(ERROR, name, "bmc", server["bmc"]["address"], unread[name], "Make its BMC answer, then run this again."))
        elif name in hardware:
            found += [*_serial(server, hardware[name], owners), *_nics(server, hardware[name], owners), *_attributes(server, hardware[name])]
    found += _cabling(servers, neighbours, owners)
    return sorted(found, key=lambda one: (one.severity != ERROR, natural(one.server), one.what))


def text(differences: list[Difference], servers: int, silent: list[str]) -> str:
    """The differences as a table, with what was compared and which switches tell no neighbours."""
    counts = collections.Counter(one.severity for one in differences)
    lines = [f"{servers} servers: {counts[ERROR]} errors, {counts[WARNING]} warnings", ""]
    lines += tables.render(COLUMNS, [one.as_dict() for one in differences])
    if silent:
        lines += ["", f"Cabling was not compared on {', '.join(silent)}: no neighbours were given of them."]
    return "\n".join(lines) + "\n"


def files(differences: list[Difference], silent: list[str]) -> dict[str, str]:
    """The differences as files, by name: for machines, and for spreadsheets."""
    rows = [one.as_dict() for one in differences]
    return {
        "server_verify.json": json.dumps({"differences": rows, "silent_switches": silent}, indent=2, ensure_ascii=False) + "\n",
        "server_verify.csv": tables.as_csv(COLUMNS, [row | {"found": tables.shown(row["found"])} for row in rows]),
    }


def silent_switches(servers: Iterable[Mapping], neighbours: Mapping[str, Iterable]) -> list[str]:
    """The switches of the servers' NICs that report no neighbours."""
    return sorted({nic["switch"] for server in servers for nic in server["nics"]} - set(neighbours), key=natural)


def _identities(server: Mapping) -> Iterable[str]:
    if server.get("serial"):
        yield f"serial {server['serial'].strip().lower()}"
    for nic in server["nics"]:
        yield f"mac {nic['mac'].lower()}"


def _whose(owners: Mapping[str, str], key: str, server: str) -> str:
    owner = owners.get(key)
    return f" (which is {owner}'s in the source)" if owner and owner != server else ""


def _serial(server: Mapping, facts: Mapping, owners: Mapping[str, str]) -> Iterable[Difference]:
    wanted, found = (server.get("serial") or "").strip(), (facts.get("serial") or "").strip()
    if not found:
        yield Difference(WARNING, server["name"], "serial", wanted, None, "Its BMC tells no serial number: compare the label.")
    elif wanted.lower() != found.lower():
        owner = _whose(owners, f"serial {found.lower()}", server["name"])
        yield Difference(ERROR, server["name"], "serial", wanted or None, f"{found}{owner}", SERIAL_REMEDY)


def _nics(server: Mapping, facts: Mapping, owners: Mapping[str, str]) -> Iterable[Difference]:
    found = [nic["mac"].lower() for nic in facts.get("nics") or () if nic.get("mac")]
    if not found:
        yield Difference(WARNING, server["name"], "nics", len(server["nics"]), None, "Its BMC tells no NICs: compare them in its discovery image.")
        return
    told = {nic["mac"].lower() for nic in server["nics"]}
    others = [f"{mac}{_whose(owners, f'mac {mac}', server['name'])}" for mac in found if mac not in told]
    for nic in server["nics"]:
        if nic["mac"].lower() not in found:
            yield Difference(ERROR, server["name"], f"nic {nic['name']}", nic["mac"], others or "no other NIC",
                             "Correct the MAC address in the source; after a repair, the NIC may be another one.")


def _attributes(server: Mapping, facts: Mapping) -> Iterable[Difference]:
    told = server.get("attributes") or {}
    gpus, drives = facts.get("gpus"), facts.get("drives")
    models = sorted({str(gpu.get("model") or "unnamed") for gpu in gpus or ()})
    memory = facts.get("memory_gib")
    compared = (
        ("memory_gib", memory, lambda wanted: abs(float(memory) - float(wanted)) <= MEMORY_TOLERANCE * float(wanted)),
        ("gpus", None if gpus is None else len(gpus), lambda wanted: len(gpus) == int(wanted)),
        ("gpu_model", models if gpus else None, lambda wanted: all(str(wanted).lower() in model.lower() for model in models)),
        ("drives", None if drives is None else len(drives), lambda wanted: len(drives) == int(wanted)),
    )
    for name, found, fits in compared:
        if name not in told or told[name] in (None, ""):
            continue
        if found is None:
            yield Difference(WARNING, server["name"], name, told[name], None, "Its BMC does not tell: compare it in its discovery image.")
        elif not _fits(fits, told[name]):
            yield Difference(ERROR, server["name"], name, told[name], found, "Find out which part is missing or another one; or correct the source.")


def _fits(fits, wanted: object) -> bool:
    try:
        return fits(wanted)
    except (TypeError, ValueError):
        return False  # what the source has is no number


def _cabling(servers: list[Mapping], neighbours: Mapping[str, Iterable], owners: Mapping[str, str]) -> Iterable[Difference]:
    heard = {(switch, row["port"]): row for switch, rows in neighbours.items() for row in rows}
    places = collections.defaultdict(list)
    for (switch, port), row in heard.items():
        if row.get("mac"):
            places[row["mac"].lower()].append(f"port {port} of {switch}")
    for server in servers:
        for nic in server["nics"]:
            if nic["switch"] not in neighbours:
                continue
            row, cable = heard.get((nic["switch"], nic["port"])), f"port {nic['port']} of {nic['switch']}"
            elsewhere = places.get(nic["mac"].lower(), [])
            if cable in elsewhere or (row is not None and not row.get("mac") and _is_called(row, server["name"])):
                continue
            if elsewhere:
                yield Difference(ERROR, server["name"], f"cable {nic['name']}", cable, ", ".join(elsewhere), CABLE_REMEDY)
            elif row is not None:
                yield Difference(ERROR, server["name"], f"cable {nic['name']}", cable, f"{_called(row, owners)} is there", CABLE_REMEDY)
            else:
                yield Difference(WARNING, server["name"], f"cable {nic['name']}", cable, None,
                                 "The switch hears nobody there: power it on with LLDP, or look.")


def _is_called(row: Mapping, server: str) -> bool:
    return (row.get("name") or "").partition(".")[0].lower() == server.lower()


def _called(row: Mapping, owners: Mapping[str, str]) -> str:
    mac = (row.get("mac") or "").lower()
    owner = owners.get(f"mac {mac}") or row.get("name")
    return " ".join(part for part in (owner, mac and f"({mac})") if part) or "somebody without a name"
