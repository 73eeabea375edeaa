# Copyright: (c) 2026, leasehold.cloud contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The mirror: what the sources say exists, one row a record. A sync writes what changed, not what exists."""

from __future__ import annotations

import dataclasses
from collections.abc import Collection, Iterable

from ansible_collections.leasehold.cloud.plugins.module_utils.core.changes import Change
from ansible_collections.leasehold.cloud.plugins.module_utils.core.errors import InvalidSource, NotFound
from ansible_collections.leasehold.cloud.plugins.module_utils.core.models import Datacenter, Server
from ansible_collections.leasehold.cloud.plugins.module_utils.core.placement import cell_document, cell_name, sort_key
from ansible_collections.leasehold.cloud.plugins.module_utils.lazy import lazy
from ansible_collections.leasehold.cloud.plugins.module_utils.ledger import events, free
from ansible_collections.leasehold.cloud.plugins.module_utils.ledger.database import Transaction, chunks
from ansible_collections.leasehold.cloud.plugins.module_utils.ledger.schema import tables

sa = lazy("sqlalchemy")

SITE_WIDE = ("version", "racks", "quarantine_vlan", "envelope", "spares")
KINDS = {"servers": "server", "switches": "switch", "links": "link", "pools": "pool", "canaries": "canary"}
HARDWARE = ("serial", "bmc", "nics")  # of a held server, these should not change


@dataclasses.dataclass(frozen=True)
class Sync:
    """What a sync found: changes, counts by kind, alarms (held servers that vanished or changed)."""

    changes: list[Change]
    counts: dict[str, dict[str, int]]
    alarms: list[dict]


def unchanged(tx: Transaction, mark: str) -> Sync | None:
    """The outcome of a sync from a source that says what it said the last time; None when there is work to do."""
    row = tx.row(sa.select(tables().sites).where(tables().sites.c.source_mark == mark))
    if row is None or _freed_missing(tx, row["name"]):
        return None
    counts = {kind: _count(unchanged=_size(tx, kind, row["name"])) for kind in KINDS}
    alarms = _missing_alarms(tx, row["name"])
    counts["servers"]["missing"] = len(alarms)
    counts["servers"]["unchanged"] -= len(alarms)
    return Sync([], counts, alarms)


def sync(tx: Transaction, datacenter: Datacenter, mark: str) -> Sync:
    """Make the mirror of a site say what its source says.

    A server that is held and no longer in its source stays, and is an alarm.

    :param mark: of the source as it was read (see :func:`unchanged`).
    :raises InvalidSource: when a name is already that of a record in another site.
    """
    site = datacenter.site
    changes, counts, alarms = _sync_site(tx, datacenter, mark), {}, []
    for kind, rows in _rows(datacenter).items():
        table = tables().metadata.tables[kind]
        stored = {_key(table, row): row for row in tx.rows(sa.select(table).where(table.c.site == site))}
        held = _held(tx, site) if kind == "servers" else {}
        alarms += _alarms(rows, stored, held)
        made, counts[kind] = _sync_table(tx, table, rows, stored, held)
        changes += made
    _sync_cells(tx, datacenter)
    events.record_all(tx, ((f"{change.kind} {change.name}", "synced", change.before, change.after) for change in changes))
    return Sync(changes, counts, alarms)


def site_of(tx: Transaction, name: str | None) -> dict:
    """The row of the site called ``name``, or of the only one.

    :raises NotFound: when there is no such site, none at all, or several and no name.
    """
    sites = {row["name"]: row for row in tx.rows(sa.select(tables().sites))}
    if name in sites or (name is None and len(sites) == 1):
        return sites[name or next(iter(sites))]
    several = name is None and bool(sites)
    raise NotFound(
        f"the ledger has {'several sites' if several else 'no such site'}: {', '.join(sorted(sites)) or 'none was synced yet'}",
        object=f"site {name}" if name else "ledger", attempted="choosing the site",
        remedy="give the option site" if sites else "read your source of truth into the ledger with leasehold.cloud.source",
    )


def datacenter_of(tx: Transaction, site: dict, servers: Iterable[Server], switches: Collection[str] | None = None) -> Datacenter:
    """A site as the mirror has it, with only the ``servers`` given (a site may have tens of thousands).

    :param switches: names of switches; then only these, and the links between them and to the border.
    """
    document, name, links = site["document"], site["name"], tables().links
    pools: dict[str, list] = {"vlans": [], "prefixes": []}
    for row in tx.rows(_of_site("pools", name, tables().pools.c.position)):
        pools[row["kind"]].append(row["document"])
    switch_query, link_query = _of_site("switches", name), _of_site("links", name)
    if switches is not None:
        switch_query = switch_query.where(tables().switches.c.name.in_(switches))
        link_query = link_query.where(*(sa.or_(end.is_(None), end.in_(switches)) for end in (links.c.a_switch, links.c.b_switch)))
    made = Datacenter.from_dict(document | {
        "site": name, "servers": [], "pools": pools,
        "switches": [row["document"] for row in tx.rows(switch_query)],
        "links": [row["document"] for row in tx.rows(link_query)],
        "canaries": [row["document"] for row in tx.rows(_of_site("canaries", name))],
    })
    return dataclasses.replace(made, servers=tuple(servers))


def _of_site(kind: str, site: str, *order):
    table = tables().metadata.tables[kind]
    return sa.select(table).where(table.c.site == site).order_by(*(order or table.primary_key.columns))


def _rows(datacenter: Datacenter) -> dict[str, list[dict]]:
    """Every record of a data centre as rows, by table."""
    site = {"site": datacenter.site}
    servers = [(server, server.definition()) for server in datacenter.servers]
    pools = [("vlans", pool) for pool in datacenter.vlan_pools] + [("prefixes", pool) for pool in datacenter.prefix_pools]
    return {
        "servers": [site | {
            "name": server.name, "rack": server.rack, "class": server.server_class, "serial": server.serial,
            "status": server.status, "document": document, "missing_since": None,
            "cell": cell_name(cell_document(datacenter.site, server)), "sort_key": sort_key(server.name),
        } for server, document in servers],
        "switches": [site | {
            "name": switch.name, "role": switch.role, "rack": switch.rack, "network_os": switch.network_os,
            "document": switch.as_dict(),
        } for switch in datacenter.switches],
        "links": [site | {
            "name": _link_name(datacenter.site, link.as_dict()), "a_switch": link.a.switch, "b_switch": link.b.switch,
            "document": link.as_dict(),
        } for link in datacenter.links],
        "pools": [site | {"kind": kind, "name": pool.name, "position": place, "document": pool.as_dict()}
                  for place, (kind, pool) in enumerate(pools)],
        "canaries": [site | {"name": canary.name, "tenant": canary.tenant, "document": canary.as_dict()}
                     for canary in datacenter.canaries],
    }


def _link_name(site: str, link: dict) -> str:
    ends = [f"{end.get('switch') or end.get('device')}:{end.get('port') or ''}" for end in (link["a"], link["b"])]
    return f"{site}/{ends[0]}--{ends[1]}"


def _key(table, row: dict) -> tuple:
    return tuple(row[column.name] for column in table.primary_key.columns)


def _sync_table(tx: Transaction, table, rows: list[dict], stored: dict, held: dict) -> tuple[list[Change], dict]:
    wanted = {_key(table, row): row for row in rows}
    added = [row for key, row in wanted.items() if key not in stored]
    changed = [row for key, row in wanted.items() if key in stored and row != stored[key]]
    gone = [row for key, row in stored.items() if key not in wanted]
    kept = [row for row in gone if row["name"] in held]
    removed = [row for row in gone if row["name"] not in held]
    _write(tx, table, added, changed, removed)
    if table.name == "servers":
        _note_missing(tx, table, [row for row in kept if not row["missing_since"]])
        _new_states(tx, added)
        free.refresh(tx, [row["name"] for row in (*added, *changed, *gone)])
    kind = KINDS[table.name]
    changes = [Change(kind, row["name"], None, row["document"]) for row in added]
    changes += [Change(kind, row["name"], stored[_key(table, row)]["document"], row["document"]) for row in changed]
    changes += [Change(kind, row["name"], row["document"], None) for row in removed]
    changes += [Change(kind, row["name"], "in its source", "missing from its source, and held") for row in kept if not row["missing_since"]]
    unchanged = len(wanted) - len(added) - len(changed)
    return changes, _count(added=len(added), changed=len(changed), removed=len(removed), unchanged=unchanged, missing=len(kept))


def _write(tx: Transaction, table, added: list[dict], changed: list[dict], removed: list[dict]) -> None:
    keys = [column.name for column in table.primary_key.columns]
    this_row = sa.and_(*(table.c[key] == sa.bindparam(f"this_{key}") for key in keys))

    def named(row: dict) -> dict:
        return {f"this_{key}": row[key] for key in keys}

    _refuse_elsewhere(tx, table, added)
    if removed:
        tx.execute(table.delete().where(this_row), [named(row) for row in removed])
    if changed:
        values = {column.name: sa.bindparam(f"new_{column.name}", type_=column.type) for column in table.columns if column.name not in keys}
        parameters = [named(row) | {f"new_{name}": row[name] for name in values} for row in changed]
        tx.execute(table.update().where(this_row).values(values), parameters)
    if added:
        tx.execute(table.insert(), added)


def _refuse_elsewhere(tx: Transaction, table, added: list[dict]) -> None:
    """Names are of the whole ledger: a record of another site must not be taken over by one of the same name."""
    if not added or "site" in table.primary_key.columns:
        return
    elsewhere = tx.rows(sa.select(table.c.name, table.c.site).where(table.c.site != added[0]["site"]))
    taken = {row["name"]: row["site"] for row in elsewhere}
    for row in added:
        if row["name"] in taken:
            raise InvalidSource(
                f"the site {taken[row['name']]} has one of this name already",
                object=f"{KINDS[table.name]} {row['name']} of site {row['site']}", attempted="syncing",
                remedy="give it another name, or keep one ledger a site",
            )


def _note_missing(tx: Transaction, table, rows: list[dict]) -> None:
    for chunk in chunks(row["name"] for row in rows):
        tx.execute(table.update().where(table.c.name.in_(chunk)).values(missing_since=tx.at))


def _new_states(tx: Transaction, added: list[dict]) -> None:
    """A server that is new begins as available; one that was known before (quarantined, say) stays what it was."""
    states = tables().server_states
    known = {row["server"] for row in tx.rows(sa.select(states.c.server))} if added else set()
    rows = [{"server": row["name"], "state": "available", "since": tx.at} for row in added if row["name"] not in known]
    if rows:
        tx.execute(states.insert(), rows)


def _sync_site(tx: Transaction, datacenter: Datacenter, mark: str) -> list[Change]:
    whole, sites = datacenter.as_dict(), tables().sites
    document = {key: whole[key] for key in SITE_WIDE}
    known = tx.row(sa.select(sites).where(sites.c.name == datacenter.site))
    row = {"name": datacenter.site, "document": document, "source_mark": mark, "synced_at": tx.at}
    tx.execute(sites.update().where(sites.c.name == datacenter.site).values(row) if known else sites.insert().values(row))
    before = known["document"] if known else None
    return [] if before == document else [Change("site", datacenter.site, before, document)]


def _sync_cells(tx: Transaction, datacenter: Datacenter) -> None:
    """The cells of a site: those that any of its servers, missing ones too, is in."""
    cells, servers, site = tables().cells, tables().servers, datacenter.site
    known = {row["cell"] for row in tx.rows(sa.select(cells.c.cell).where(cells.c.site == site))}
    made = {}
    for server in datacenter.servers:
        document = cell_document(site, server)
        made[cell_name(document)] = {"site": site, "class": server.server_class, "rack": server.rack, "document": document}
    new = [row | {"cell": cell} for cell, row in made.items() if cell not in known]
    if new:
        tx.execute(cells.insert(), new)
    used = sa.select(servers.c.cell).where(servers.c.cell == cells.c.cell)
    tx.execute(cells.delete().where(cells.c.site == site, ~used.exists()))


def _size(tx: Transaction, kind: str, site: str) -> int:
    table = tables().metadata.tables[kind]
    return tx.execute(sa.select(sa.func.count()).select_from(table).where(table.c.site == site)).scalar()


def _held(tx: Transaction, site: str) -> dict[str, str]:
    """Servers of a site that are held, with the cluster."""
    claims, servers = tables().claims, tables().servers
    held = sa.select(claims.c.resource, claims.c.cluster).join(servers, servers.c.name == claims.c.resource)
    return {row["resource"]: row["cluster"] for row in tx.rows(held.where(claims.c.kind == "server", servers.c.site == site))}


def _freed_missing(tx: Transaction, site: str) -> bool:
    """Whether a server that is missing from its source is no longer held, so that it can go now."""
    servers = tables().servers
    missing = tx.rows(sa.select(servers.c.name).where(servers.c.site == site, servers.c.missing_since.is_not(None)))
    return bool({row["name"] for row in missing} - set(_held(tx, site))) if missing else False


def _missing_alarms(tx: Transaction, site: str) -> list[dict]:
    servers, claims = tables().servers, tables().claims
    query = sa.select(servers.c.name, claims.c.cluster).join(claims, sa.and_(claims.c.kind == "server", claims.c.resource == servers.c.name))
    rows = tx.rows(query.where(servers.c.site == site, servers.c.missing_since.is_not(None)).order_by(servers.c.name))
    return [_alarm(row["name"], row["cluster"], "missing") for row in rows]


def _alarms(rows: list[dict], stored: dict, held: dict) -> list[dict]:
    """Held servers that are gone from their source, or no longer the same hardware."""
    wanted = {row["name"]: row["document"] for row in rows}
    alarms = []
    for name in sorted(held):
        before, after = stored[(name,)]["document"], wanted.get(name)
        if after is None:
            alarms.append(_alarm(name, held[name], "missing"))
        elif any(before.get(key) != after.get(key) for key in HARDWARE):
            alarms.append(_alarm(name, held[name], "changed"))
    return alarms


def _alarm(server: str, cluster: str, problem: str) -> dict:
    what = "is no longer in its source" if problem == "missing" else "was given other hardware or cabling by its source"
    return {"server": server, "cluster": cluster, "problem": problem,
            "message": f"server {server} is held by cluster {cluster} and {what}"}


def _count(**counts: int) -> dict[str, int]:
    return {"added": 0, "changed": 0, "removed": 0, "unchanged": 0, "missing": 0} | counts
