# Copyright: (c) 2026, leasehold.cloud contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The mirror: what the sources say exists, one row a record. Syncs (M(syncs)) write it; the rest reads it here."""

from __future__ import annotations

import dataclasses
from collections.abc import Collection, Iterable

from ansible_collections.leasehold.cloud.plugins.module_utils.core.errors import NotFound
from ansible_collections.leasehold.cloud.plugins.module_utils.core.models import Datacenter, Server
from ansible_collections.leasehold.cloud.plugins.module_utils.lazy import lazy
from ansible_collections.leasehold.cloud.plugins.module_utils.ledger.database import Transaction, chunks
from ansible_collections.leasehold.cloud.plugins.module_utils.ledger.schema import tables
from ansible_collections.leasehold.cloud.plugins.module_utils.ledger.syncs import Origin, Part, Sync, patch, sync, unchanged

__all__ = ["Origin", "Part", "Sync", "datacenter_of", "patch", "site_of", "sync", "unchanged", "ways_of"]
sa = lazy("sqlalchemy")


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
    document, name = site["document"], site["name"]
    pools: dict[str, list] = {"vlans": [], "prefixes": []}
    for row in tx.rows(_of_site("pools", name, tables().pools.c.position)):
        pools[row["kind"]].append(row["document"])
    if switches is None:
        found, links = tx.rows(_of_site("switches", name)), tx.rows(_of_site("links", name))
    else:
        found = _named(tx, _of_site("switches", name), tables().switches.c.name, switches)
        links = _links_between(tx, name, switches)
    made = Datacenter.from_dict(document | {
        "site": name, "servers": [], "pools": pools, "switches": [row["document"] for row in found],
        "links": [row["document"] for row in links],
        "canaries": [row["document"] for row in tx.rows(_of_site("canaries", name))],
    })
    return dataclasses.replace(made, servers=tuple(servers))


def ways_of(tx: Transaction, site: dict, leafs: Collection[str], small: int) -> set[str] | None:
    """Names of the switches that ways from these leafs to the border may lead over: them, those that are no leafs, and the border's.

    :param small: None is returned (all of them) for a site that has no more switches than that.
    """
    switches, links = tables().switches, tables().links
    if _size(tx, "switches", site["name"]) <= small:
        return None
    no_leafs = sa.select(switches.c.name).where(switches.c.site == site["name"], switches.c.role != "leaf")
    names = {row.name for row in tx.execute(no_leafs)} | set(leafs)
    for one, other in ((links.c.a_switch, links.c.b_switch), (links.c.b_switch, links.c.a_switch)):
        names |= {row[0] for row in tx.execute(sa.select(one).where(links.c.site == site["name"], other.is_(None), one.is_not(None)))}
    return names


def _links_between(tx: Transaction, site: str, switches: Collection[str]) -> list[dict]:
    """The links whose ends are these switches, or one of them and the border. They are found by their ends, not by their site:
    a large site has many."""
    links, names = tables().links, set(switches)
    border = sa.or_(links.c.a_switch.is_(None), links.c.b_switch.is_(None))
    found = _named(tx, sa.select(links), links.c.a_switch, names, links.c.b_switch.in_(names))
    found += [row for row in tx.rows(_of_site("links", site).where(border)) if names.issuperset({row["a_switch"], row["b_switch"]} - {None})]
    return sorted(found, key=lambda row: row["name"])


def _named(tx: Transaction, query, column, names: Collection[str], *conditions) -> list[dict]:
    return [row for chunk in chunks(sorted(names)) for row in tx.rows(query.where(column.in_(chunk), *conditions))]


def _of_site(kind: str, site: str, *order):
    table = tables().metadata.tables[kind]
    return sa.select(table).where(table.c.site == site).order_by(*(order or table.primary_key.columns))


def _size(tx: Transaction, kind: str, site: str) -> int:
    table = tables().metadata.tables[kind]
    return tx.execute(sa.select(sa.func.count()).select_from(table).where(table.c.site == site)).scalar()
