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
    name = site["name"]
    if switches is None:
        return _made(tx, site, servers, tx.rows(_of_site("switches", name)), tx.rows(_of_site("links", name)))
    found = _named(tx, _of_site("switches", name), tables().switches.c.name, switches)
    return _made(tx, site, servers, found, _links_between(tx, set(switches), _border(tx, name)))


def ways_of(tx: Transaction, site: dict, servers: Iterable[Server], leafs: Collection[str], small: int) -> Datacenter:
    """A site with only the ``servers`` given, and of its switches those that ways from these leafs to the border may lead over.

    These are the leafs, all switches that are none, and those at the border; with the links between them.

    :param small: a site that has no more switches than that comes with all of them.
    """
    name, switches = site["name"], tables().switches
    if _size(tx, "switches", name) <= small:
        return datacenter_of(tx, site, servers)
    border = _border(tx, name)
    wanted = {*leafs, *(row[end] for row in border for end in ("a_switch", "b_switch") if row[end])}
    found = _named(tx, sa.select(switches), switches.c.name, wanted) + tx.rows(_of_site("switches", name).where(switches.c.role != "leaf"))
    by_name = {row["name"]: row for row in found if row["site"] == name}
    return _made(tx, site, servers, [by_name[switch] for switch in sorted(by_name)], _links_between(tx, set(by_name), border))


def _made(tx: Transaction, site: dict, servers: Iterable[Server], switches: Iterable[dict], links: Iterable[dict]) -> Datacenter:
    pools: dict[str, list] = {"vlans": [], "prefixes": []}
    for row in tx.rows(_of_site("pools", site["name"], tables().pools.c.position)):
        pools[row["kind"]].append(row["document"])
    made = Datacenter.from_dict(site["document"] | {
        "site": site["name"], "servers": [], "pools": pools, "switches": [row["document"] for row in switches],
        "links": [row["document"] for row in links],
        "canaries": [row["document"] for row in tx.rows(_of_site("canaries", site["name"]))],
    })
    return dataclasses.replace(made, servers=tuple(servers))


def _border(tx: Transaction, site: str) -> list[dict]:
    """The links of a site with one end that is no switch of ours. Found by that: a large site has many others."""
    links = tables().links
    return [row for row in tx.rows(sa.select(links).where(sa.or_(links.c.a_switch.is_(None), links.c.b_switch.is_(None)))) if row["site"] == site]


def _links_between(tx: Transaction, switches: set[str], border: Iterable[dict]) -> list[dict]:
    """The links whose ends are these switches, and those of the border's that are at one of them."""
    links = tables().links
    found = _named(tx, sa.select(links), links.c.a_switch, switches, links.c.b_switch.in_(switches))
    found += [row for row in border if switches.issuperset({row["a_switch"], row["b_switch"]} - {None})]
    return sorted(found, key=lambda row: row["name"])


def _named(tx: Transaction, query, column, names: Collection[str], *conditions) -> list[dict]:
    return [row for chunk in chunks(sorted(names)) for row in tx.rows(query.where(column.in_(chunk), *conditions))]


def _of_site(kind: str, site: str, *order):
    table = tables().metadata.tables[kind]
    return sa.select(table).where(table.c.site == site).order_by(*(order or table.primary_key.columns))


def _size(tx: Transaction, kind: str, site: str) -> int:
    table = tables().metadata.tables[kind]
    return tx.execute(sa.select(sa.func.count()).select_from(table).where(table.c.site == site)).scalar()
