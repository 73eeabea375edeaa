# Copyright: (c) 2026, leasehold.cloud contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The rows of the mirror: what a data centre's records are as rows, and writing those that differ from the stored ones."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping

from ansible_collections.leasehold.cloud.plugins.module_utils.core.changes import Change
from ansible_collections.leasehold.cloud.plugins.module_utils.core.errors import InvalidSource
from ansible_collections.leasehold.cloud.plugins.module_utils.core.mirroring import Fate, fate
from ansible_collections.leasehold.cloud.plugins.module_utils.core.models import Datacenter, Server
from ansible_collections.leasehold.cloud.plugins.module_utils.core.placement import cell_document, cell_name, sort_key
from ansible_collections.leasehold.cloud.plugins.module_utils.lazy import lazy
from ansible_collections.leasehold.cloud.plugins.module_utils.ledger import free
from ansible_collections.leasehold.cloud.plugins.module_utils.ledger.database import Transaction, chunks
from ansible_collections.leasehold.cloud.plugins.module_utils.ledger.schema import tables

sa = lazy("sqlalchemy")

KINDS = {"servers": "server", "switches": "switch", "links": "link", "pools": "pool", "canaries": "canary"}
Ids = Mapping[str, str]  # by name, the source's id of a device


def server_rows(site: str, servers: Iterable[Server], ids: Ids) -> list[dict]:
    """Servers as rows of the mirror."""
    cells: dict[tuple, str] = {}
    return [{
        "site": site, "name": server.name, "rack": server.rack, "class": server.server_class, "serial": server.serial, "status": server.status,
        "document": server.definition(), "missing_since": None, "cell": _cell(site, server, cells), "sort_key": sort_key(server.name),
        "source_id": ids.get(server.name),
    } for server in servers]


def _cell(site: str, server: Server, known: dict[tuple, str]) -> str:
    """The name of a server's cell; many servers are of one, whose name takes long to tell."""
    key = (server.rack, server.server_class, server.switches, repr(sorted(server.attributes.items(), key=repr)))
    if key not in known:
        known[key] = cell_name(cell_document(site, server))
    return known[key]


def switch_rows(datacenter: Datacenter, ids: Ids) -> list[dict]:
    """Switches as rows of the mirror."""
    return [{
        "site": datacenter.site, "name": switch.name, "role": switch.role, "rack": switch.rack, "network_os": switch.network_os,
        "document": switch.as_dict(), "source_id": ids.get(switch.name),
    } for switch in datacenter.switches]


def link_rows(datacenter: Datacenter) -> list[dict]:
    """Links as rows of the mirror."""
    return [{
        "site": datacenter.site, "name": _link_name(datacenter.site, link.as_dict()), "a_switch": link.a.switch, "b_switch": link.b.switch,
        "document": link.as_dict(),
    } for link in datacenter.links]


def pool_rows(datacenter: Datacenter) -> list[dict]:
    """Pools as rows of the mirror, in their order."""
    pools = [("vlans", pool) for pool in datacenter.vlan_pools] + [("prefixes", pool) for pool in datacenter.prefix_pools]
    return [{"site": datacenter.site, "kind": kind, "name": pool.name, "position": place, "document": pool.as_dict()}
            for place, (kind, pool) in enumerate(pools)]


def canary_rows(datacenter: Datacenter) -> list[dict]:
    """Canaries as rows of the mirror."""
    return [{"site": datacenter.site, "name": canary.name, "tenant": canary.tenant, "document": canary.as_dict()} for canary in datacenter.canaries]


def of_kind(kind: str, datacenter: Datacenter, servers: Ids, switches: Ids) -> list[dict]:
    """The rows of one table of the mirror."""
    return {
        "servers": lambda: server_rows(datacenter.site, datacenter.servers, servers), "switches": lambda: switch_rows(datacenter, switches),
        "links": lambda: link_rows(datacenter), "pools": lambda: pool_rows(datacenter), "canaries": lambda: canary_rows(datacenter),
    }[kind]()


def _link_name(site: str, link: dict) -> str:
    ends = [f"{end.get('switch') or end.get('device')}:{end.get('port') or ''}" for end in (link["a"], link["b"])]
    return f"{site}/{ends[0]}--{ends[1]}"


def key_of(table, row: Mapping) -> tuple:
    """The primary key of a row."""
    return tuple(row[column.name] for column in table.primary_key.columns)


def sync_table(tx: Transaction, table, wanted: Iterable[dict], stored: Iterable[dict], kept: Collection[str] = ()) -> tuple[list[Change], dict]:
    """Make the stored rows the wanted ones; those called as one of ``kept`` stay though nobody wants them.

    :returns: the changes, and C({added, changed, removed}).
    """
    before, after = ({key_of(table, row): row for row in rows} for rows in (stored, wanted))
    added = [row for key, row in after.items() if key not in before]
    changed = [row for key, row in after.items() if key in before and row != before[key]]
    removed = [row for key, row in before.items() if key not in after and row["name"] not in kept]
    write(tx, table, added, changed, removed)
    kind = KINDS[table.name]
    changes = [Change(kind, row["name"], None, row["document"]) for row in added]
    changes += [Change(kind, row["name"], before[key_of(table, row)]["document"], row["document"]) for row in changed]
    changes += [Change(kind, row["name"], row["document"], None) for row in removed]
    return changes, {"added": len(added), "changed": len(changed), "removed": len(removed)}


def sync_servers(
    tx: Transaction, wanted: Iterable[dict], stored: Iterable[dict], held: Mapping[str, str], unusable: Collection[str], besides: Iterable[dict] = (),
) -> tuple[list[Change], dict, Fate]:
    """As :func:`sync_table` for servers, of which C(core.mirroring) decides; also their states and the list of free ones."""
    table, before, after = tables().servers, {row["name"]: row for row in stored}, {row["name"]: row for row in wanted}
    decided = fate(after, before, held, unusable, {row["name"]: row for row in besides})
    write(tx, table, [after[name] for name in decided.added], [after[name] for name in decided.changed], [before[name] for name in decided.removed])
    unnoted = [name for name in decided.kept if not before[name]["missing_since"]]
    for chunk in chunks(unnoted):
        tx.execute(table.update().where(table.c.name.in_(chunk)).values(missing_since=tx.at))
    _new_states(tx, decided.added)
    free.refresh(tx, [*decided.added, *decided.changed, *decided.removed, *decided.kept])
    changes = [Change("server", name, None, after[name]["document"]) for name in decided.added]
    changes += [Change("server", name, before[name]["document"], after[name]["document"]) for name in decided.changed]
    changes += [Change("server", name, before[name]["document"], None) for name in decided.removed]
    changes += [Change("server", name, "in its source", f"{_lost(before[name], unusable)}{', and held' if name in held else ''}") for name in unnoted]
    return changes, {"added": len(decided.added), "changed": len(decided.changed), "removed": len(decided.removed)}, decided


def _lost(row: Mapping, unusable: Collection[str]) -> str:
    return "not told so that it can be used" if row["source_id"] is not None and row["source_id"] in unusable else "missing from its source"


def write(tx: Transaction, table, added: list[dict], changed: list[dict], removed: list[dict]) -> None:
    """Write rows of one table.

    :raises InvalidSource: when a name is already that of a record in another site.
    """
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
    if "name" not in table.columns or "site" in table.primary_key.columns:
        return
    for chunk in chunks(row["name"] for row in added):
        taken = tx.row(sa.select(table.c.name, table.c.site).where(table.c.name.in_(chunk), table.c.site != added[0]["site"]))
        if taken:
            raise InvalidSource(
                f"the site {taken['site']} has one of this name already",
                object=f"{KINDS[table.name]} {taken['name']} of site {added[0]['site']}", attempted="syncing",
                remedy="give it another name, or keep one ledger a site",
            )


def _new_states(tx: Transaction, added: list[str]) -> None:
    """A server that is new begins as available; one that was known before (quarantined, say) stays what it was."""
    states = tables().server_states
    known = {row[0] for chunk in chunks(added) for row in tx.execute(sa.select(states.c.server).where(states.c.server.in_(chunk)))}
    rows = [{"server": name, "state": "available", "since": tx.at} for name in added if name not in known]
    if rows:
        tx.execute(states.insert(), rows)


def sync_cells(tx: Transaction, site: str, servers: Iterable[Server]) -> None:
    """Add the cells of these servers, and remove those that no server of the site, missing ones too, is in."""
    cells, table, known, made = tables().cells, tables().servers, {}, {}
    for server in servers:
        name = _cell(site, server, known)
        if name not in made:
            made[name] = {"cell": name, "site": site, "class": server.server_class, "rack": server.rack, "document": cell_document(site, server)}
    there = {row[0] for row in tx.execute(sa.select(cells.c.cell).where(cells.c.site == site))}
    new = [row for name, row in made.items() if name not in there]
    if new:
        tx.execute(cells.insert(), new)
    used = sa.select(table.c.cell).where(table.c.cell == cells.c.cell)
    tx.execute(cells.delete().where(cells.c.site == site, ~used.exists()))
