# Copyright: (c) 2026, leasehold.cloud contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Syncs: the mirror of a site made what its source says, as a whole or only where it changed. It writes what differs, not what exists."""

from __future__ import annotations

import dataclasses
from collections.abc import Collection, Iterable, Mapping

from ansible_collections.leasehold.cloud.plugins.module_utils.core import hardware
from ansible_collections.leasehold.cloud.plugins.module_utils.core.changes import Change
from ansible_collections.leasehold.cloud.plugins.module_utils.core.mirroring import Fate, alarm
from ansible_collections.leasehold.cloud.plugins.module_utils.core.models import Datacenter, Link
from ansible_collections.leasehold.cloud.plugins.module_utils.core.source_mapping import Mapped
from ansible_collections.leasehold.cloud.plugins.module_utils.lazy import lazy
from ansible_collections.leasehold.cloud.plugins.module_utils.ledger import events, mirror_rows, servers, source_rows
from ansible_collections.leasehold.cloud.plugins.module_utils.ledger.database import Transaction, chunks
from ansible_collections.leasehold.cloud.plugins.module_utils.ledger.mirror_rows import KINDS
from ansible_collections.leasehold.cloud.plugins.module_utils.ledger.schema import tables

sa = lazy("sqlalchemy")

SITE_WIDE = ("version", "racks", "quarantine_vlan", "envelope", "spares")


@dataclasses.dataclass(frozen=True)
class Origin:
    """Whose mirror a site is and how far it was read. Of a source with records, also what became of its devices."""

    identity: str | None = None
    cursor: dict | None = None
    way: str | None = None
    advice: str | None = None
    devices: Collection[Mapped] = ()

    def ids(self, kind: str) -> dict[str, str]:
        """By name, the ids of its usable devices of a kind."""
        return {device.document["name"]: device.id for device in self.devices if device.kind == kind and device.usable}

    def unusable(self, kind: str) -> frozenset[str]:
        """The ids of devices of a kind that the source has, but not so that they can be used."""
        return frozenset(device.id for device in self.devices if device.kind == kind and device.problems)


@dataclasses.dataclass(frozen=True)
class Sync:
    """What a sync found: changes, counts by kind, alarms (held servers that vanished or changed)."""

    changes: list[Change]
    counts: dict[str, dict[str, int]]
    alarms: list[dict]


@dataclasses.dataclass(frozen=True)
class Part:
    """What changed of a site. C(devices) are those that were mapped anew, C(gone) the ids of those that are no longer there.

    C(links) are all links of the switches among them; C(site) is the whole of what is site-wide, canaries too (it has no servers, switches and links).
    """

    devices: Collection[Mapped]
    gone: frozenset[str]
    links: Collection[dict]
    site: Datacenter


def sync(tx: Transaction, datacenter: Datacenter, mark: str, origin: Origin = Origin()) -> Sync:
    """Make the mirror of a site say what its source says.

    A server that is held and no longer in its source stays, and is an alarm.

    :param mark: of the source as it was read.
    :raises InvalidSource: when a name is already that of a record in another site.
    """
    site, counts = datacenter.site, {}
    changes = note_site(tx, site, _site_wide(datacenter), mark, origin)
    bad = _names_of(tx, site, origin.unusable("switch"))
    decided = None
    for kind in KINDS:
        table = tables().metadata.tables[kind]
        rows = mirror_rows.of_kind(kind, datacenter, origin.ids("server"), origin.ids("switch"))
        stored = tx.rows(sa.select(table).where(table.c.site == site))
        if kind == "servers":
            made, counts[kind], decided = mirror_rows.sync_servers(tx, rows, stored, _held(tx, site), origin.unusable("server"))
        else:
            made, counts[kind] = mirror_rows.sync_table(tx, table, rows, stored, _kept(kind, stored, bad))
        changes += made
    mirror_rows.sync_cells(tx, site, datacenter.servers)
    known = source_rows.of_site(tx, site)
    source_rows.write(tx, site, origin.devices, known, source_rows.keys_of_site(tx, site))
    return _finish(tx, site, changes, counts, decided)


def patch(tx: Transaction, site: str, part: Part, mark: str, origin: Origin) -> Sync:
    """As :func:`sync`, where only a part of the site is looked at: what it costs is what changed.

    :param origin: with the part's devices.
    """
    document = _site_wide(part.site)
    changes, counts = note_site(tx, site, document, mark, origin), {}
    ids = {device.id for device in part.devices} | part.gone
    known, bad = source_rows.of(tx, site, ids), _bad_switches(tx, site, part)
    datacenter = Datacenter.from_dict(_document_of(site, document, part))
    stored = _stored_of(tx, site, part, known, datacenter)
    wanted = mirror_rows.of_kind("servers", datacenter, origin.ids("server"), {})
    besides = _besides(tx, site, wanted, stored["servers"])
    made, counts["servers"], decided = mirror_rows.sync_servers(
        tx, wanted, stored["servers"], _held(tx, site, [row["name"] for row in (*stored["servers"], *besides)]), origin.unusable("server"), besides)
    changes += made
    for kind in ("switches", "links", "pools", "canaries"):
        rows = mirror_rows.of_kind(kind, part.site if kind in ("pools", "canaries") else datacenter, {}, origin.ids("switch"))
        made, counts[kind] = mirror_rows.sync_table(tx, tables().metadata.tables[kind], rows, stored[kind], _kept(kind, stored[kind], bad))
        changes += made
    mirror_rows.sync_cells(tx, site, datacenter.servers)
    source_rows.write(tx, site, part.devices, known, source_rows.keys_of(tx, site, ids))
    return _finish(tx, site, changes, counts, decided)


def unchanged(tx: Transaction, site: str) -> Sync:
    """The outcome of a sync from a source that says what it said the last time."""
    return _finish(tx, site, [], {}, None)


def loose(tx: Transaction, site: str) -> set[str | None]:
    """The devices to look at though nothing changed in the source: of servers that are kept without a usable record of their source's though nobody holds
    them (any more), and those that have the names of such. None is one of them for a server without a device."""
    table, devices = tables().servers, tables().source_devices
    wrong = sa.select(devices.c.device).where(
        devices.c.site == site, devices.c.device == table.c.source_id, devices.c.kind == "server", devices.c.problems.is_not(None))
    rows = tx.rows(sa.select(table.c.name, table.c.source_id).where(table.c.site == site, table.c.missing_since.is_not(None), ~wrong.exists()))
    held = _held(tx, site, [row["name"] for row in rows])
    freed = {row["name"]: row["source_id"] for row in rows if row["name"] not in held}
    named = {row.device for chunk in chunks(freed) for row in tx.execute(
        sa.select(devices.c.device).where(devices.c.site == site, devices.c.kind == "server", devices.c.name.in_(chunk)))}
    return set(freed.values()) | named


def refused(tx: Transaction, site: str) -> set[str]:
    """The devices that could be used as servers and are not in the mirror, as a held one stood in the way: any change may clear it."""
    table, devices = tables().servers, tables().source_devices
    mine = sa.exists().where(table.c.site == devices.c.site, table.c.source_id == devices.c.device)
    query = sa.select(devices.c.device).where(devices.c.site == site, devices.c.kind == "server", devices.c.mirrored.is_(True), ~mine)
    return {row.device for row in tx.execute(query)}


def in_racks(tx: Transaction, site: str, racks: Collection[str]) -> set[str]:
    """The devices that the mirror has in any of these racks."""
    found = set()
    for table in (tables().servers, tables().switches):
        for chunk in chunks(sorted(racks)):
            query = sa.select(table.c.source_id).where(table.c.site == site, table.c.rack.in_(chunk), table.c.source_id.is_not(None))
            found |= {row.source_id for row in tx.execute(query)}
    return found


def border_switches(tx: Transaction, site: str, device: str | None = None) -> set[str]:
    """The names of the switches that are linked to the border; to this device of it, where given."""
    links = tables().links
    query = sa.select(links.c.document).where(links.c.site == site, sa.or_(links.c.a_switch.is_(None), links.c.b_switch.is_(None)))
    found = [Link.from_dict(row.document) for row in tx.execute(query)]
    return {link.ends[0].switch for link in found if device in (None, link.a.device, link.b.device)}


def canaries_besides(tx: Transaction, site: str, ids: Collection[str]) -> list[dict]:
    """The canaries that are devices of the source, but for these."""
    canaries, devices = tables().canaries, tables().source_devices
    mine = sa.and_(devices.c.site == canaries.c.site, devices.c.name == canaries.c.name, devices.c.kind == "canary", devices.c.mirrored.is_(True))
    rows = tx.execute(sa.select(canaries.c.document, devices.c.device).join(devices, mine).where(canaries.c.site == site).order_by(canaries.c.name))
    return [row.document for row in rows if row.device not in ids]


def note_site(tx: Transaction, site: str, document: dict, mark: str, origin: Origin) -> list[Change]:
    """Write a site's own row; what is site-wide is a change when it differs."""
    sites = tables().sites
    known = tx.row(sa.select(sites).where(sites.c.name == site))
    row = {"name": site, "document": document, "source_mark": mark, "synced_at": tx.at, "source": origin.identity, "cursor": origin.cursor,
           "way": origin.way, "advice": origin.advice, "checked_at": tx.at}
    tx.execute(sites.update().where(sites.c.name == site).values(row) if known else sites.insert().values(row))
    if origin.identity:  # a site that its source calls otherwise now is no longer that source's mirror
        tx.execute(sites.update().where(sites.c.source == origin.identity, sites.c.name != site).values(source=None, cursor=None))
    before = known["document"] if known else None
    return [] if before == document else [Change("site", site, before, document)]


def _site_wide(datacenter: Datacenter) -> dict:
    whole = dataclasses.replace(datacenter, servers=(), switches=(), links=()).as_dict()
    return {key: whole[key] for key in SITE_WIDE}


def note_checked(tx: Transaction, site: str, cursor: dict) -> None:
    """Note that a site's source was asked and said nothing new."""
    sites = tables().sites
    tx.execute(sites.update().where(sites.c.name == site).values(cursor=cursor, checked_at=tx.at))


def _finish(tx: Transaction, site: str, changes: list[Change], counts: dict, decided: Fate | None) -> Sync:
    events.record_all(tx, ((f"{change.kind} {change.name}", "synced", change.before, change.after) for change in changes))
    if decided:
        _carry_states(tx, decided.carried)
    told = decided.alarms if decided else []
    anew = {item["server"] for item in told}
    alarms = [standing for standing in _standing_alarms(tx, site) if standing["server"] not in anew] + told
    missing = _size(tx, "servers", site, tables().servers.c.missing_since.is_not(None))
    told_counts = {}
    for kind in KINDS:
        found = {"added": 0, "changed": 0, "removed": 0} | counts.get(kind, {})
        lost = missing if kind == "servers" else 0
        told_counts[kind] = found | {"unchanged": _size(tx, kind, site) - found["added"] - found["changed"] - lost, "missing": lost}
    return Sync(changes, told_counts, sorted(alarms, key=lambda item: item["server"]))


def _carry_states(tx: Transaction, carried: Iterable[tuple[str, str]]) -> None:
    """Hardware that got another name keeps its state: what was quarantined is not to be had because it was renamed."""
    pairs, states = list(carried), tables().server_states
    names = {name for pair in pairs for name in pair}
    rows = {row["server"]: row for chunk in chunks(names) for row in tx.rows(sa.select(states).where(states.c.server.in_(chunk)))}
    for old, new in pairs:
        before = rows.get(old)
        if before and before["state"] != "available" and rows.get(new, {}).get("state") == "available":
            reason = f"{before['reason']} (as {old})" if before["reason"] else f"was {old}"
            servers.put(tx, [(new, "available")], before["state"], reason=reason, evidence={new: before["evidence"]})


def _document_of(site: str, document: Mapping, part: Part) -> dict:
    def each(kind: str) -> list[dict]:
        return [device.document for device in part.devices if device.kind == kind and device.usable]

    return {**document, "site": site, "servers": each("server"), "switches": each("switch"), "links": list(part.links), "canaries": [],
            "pools": {"vlans": [], "prefixes": []}}


def _stored_of(tx: Transaction, site: str, part: Part, known: Mapping[str, Mapping], datacenter: Datacenter) -> dict[str, list[dict]]:
    """The stored rows that the part is about: by the devices' ids, by the names that they have now, and the links of the switches among them."""
    every, ids = tables(), {device.id for device in part.devices} | part.gone
    switches = {id for id in ids if id in known and known[id]["kind"] == "switch"} | {device.id for device in part.devices if device.kind == "switch"}
    stored = {
        "servers": _rows_by(tx, every.servers, site, source_id=ids, name={server.name for server in datacenter.servers}),
        "switches": _rows_by(tx, every.switches, site, source_id=switches, name={switch.name for switch in datacenter.switches}),
    }
    names = {row["name"] for row in stored["switches"]} | {switch.name for switch in datacenter.switches}
    stored["links"] = _rows_by(tx, every.links, site, a_switch=names, b_switch=names)
    for table in (every.pools, every.canaries):
        stored[table.name] = tx.rows(sa.select(table).where(table.c.site == site))
    return stored


def _besides(tx: Transaction, site: str, wanted: Iterable[Mapping], stored: Iterable[Mapping]) -> list[dict]:
    """The rows that could be of the hardware of wanted ones, besides those that are looked at anyway: with their serial numbers, or lost to the source."""
    table, known = tables().servers, {row["name"] for row in stored}
    serials = [sa.func.lower(sa.func.trim(table.c.serial)).in_(chunk) for chunk in chunks(sorted({hardware.serial(row) for row in wanted}))]
    alike = [*serials, table.c.missing_since.is_not(None)] if serials else []
    found = {row["name"]: row for condition in alike for row in tx.rows(sa.select(table).where(table.c.site == site, condition))}
    return [row for name, row in found.items() if name not in known]


def _rows_by(tx: Transaction, table, site: str, **wanted: Collection[str]) -> list[dict]:
    """The rows of a site where any of the columns has one of the values."""
    found = {}
    for column, values in wanted.items():
        for chunk in chunks(sorted(values)):
            for row in tx.rows(sa.select(table).where(table.c.site == site, table.c[column].in_(chunk))):
                found[mirror_rows.key_of(table, row)] = row
    return list(found.values())


def _kept(kind: str, stored: Iterable[Mapping], bad: Collection[str]) -> set[str]:
    """The names of switches that cannot be used but are there, and of their links: they stay as they were."""
    if kind == "switches":
        return {row["name"] for row in stored if row["name"] in bad}
    if kind == "links":
        return {row["name"] for row in stored if row["a_switch"] in bad or row["b_switch"] in bad}
    return set()


def _names_of(tx: Transaction, site: str, ids: Collection[str]) -> set[str]:
    """The names under which the mirror has switches that the source has, but not so that they can be used."""
    switches = tables().switches
    return {row.name for chunk in chunks(sorted(ids)) for row in tx.execute(
        sa.select(switches.c.name).where(switches.c.site == site, switches.c.source_id.in_(chunk)))}


def _bad_switches(tx: Transaction, site: str, part: Part) -> set[str]:
    """As for a whole sync: those of the part that have problems, and those outside of it that had."""
    devices, ids = tables().source_devices, {device.id for device in part.devices} | part.gone
    rows = tx.execute(sa.select(devices.c.device).where(devices.c.site == site, devices.c.kind == "switch", devices.c.problems.is_not(None)))
    outside = {row.device for row in rows} - ids
    return _names_of(tx, site, outside | {device.id for device in part.devices if device.problems and device.kind == "switch"})


def _size(tx: Transaction, kind: str, site: str, *conditions) -> int:
    table = tables().metadata.tables[kind]
    return tx.execute(sa.select(sa.func.count()).select_from(table).where(table.c.site == site, *conditions)).scalar()


def _held(tx: Transaction, site: str, names: Collection[str] | None = None) -> dict[str, str]:
    """Servers of a site (of these, where given) that are held, with the cluster."""
    claims, table = tables().claims, tables().servers
    query = sa.select(claims.c.resource, claims.c.cluster).join(table, table.c.name == claims.c.resource).where(
        claims.c.kind == "server", table.c.site == site)
    if names is None:
        return {row.resource: row.cluster for row in tx.execute(query)}
    return {row.resource: row.cluster for chunk in chunks(sorted(names)) for row in tx.execute(query.where(claims.c.resource.in_(chunk)))}


def _standing_alarms(tx: Transaction, site: str) -> list[dict]:
    """The held servers that their source no longer has so that they can be used."""
    table, claims, devices = tables().servers, tables().claims, tables().source_devices
    mine = sa.and_(devices.c.site == table.c.site, devices.c.device == table.c.source_id, devices.c.kind == "server")
    query = sa.select(table.c.name, table.c.document, claims.c.cluster, devices.c.device, devices.c.name.label("now"), devices.c.problems).join(
        claims, sa.and_(claims.c.kind == "server", claims.c.resource == table.c.name)).outerjoin(devices, mine)
    rows = tx.rows(query.where(table.c.site == site, table.c.missing_since.is_not(None)).order_by(table.c.name))
    lost = {row["name"]: row["document"] for row in rows if row["device"] is None}
    anew = _made_anew(tx, site, lost) if lost else set()
    taken = {row.name for chunk in chunks(lost) for row in tx.execute(sa.select(devices.c.name).where(
        devices.c.site == site, devices.c.kind == "server", devices.c.mirrored.is_(True), devices.c.name.in_(chunk)))}

    def problem(row: Mapping) -> str:
        if row["device"] is None:
            return "renamed" if row["name"] in anew else "replaced" if row["name"] in taken else "missing"
        return "invalid" if row["problems"] else "renamed" if row["now"] != row["name"] else "missing"

    return [alarm(row["name"], row["cluster"], problem(row)) for row in rows]


def _made_anew(tx: Transaction, site: str, lost: Mapping[str, Mapping]) -> set[str]:
    """Those of lost servers (their documents, by name) whose machine is another device now: it has the serial number; or a NIC, and was refused for it."""
    keys = {name: (f"serial:{document['serial']}", *(f"mac:{nic['mac']}" for nic in document["nics"])) for name, document in lost.items()}
    owners = source_rows.owners_of(tx, site, {source_rows.short(key) for mine in keys.values() for key in mine})
    waiting = refused(tx, site)

    def found(serial: str, *macs: str) -> bool:
        return bool(owners.get(source_rows.short(serial))) or any(owners.get(source_rows.short(mac), set()) & waiting for mac in macs)

    return {name for name, mine in keys.items() if found(*mine)}
