# Copyright: (c) 2026, leasehold.cloud contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One look at what could stand in a plan's way, in one query: mostly, nothing does, and then nothing else has to be asked.

It says for certain what is *not* in the way. Whatever may be, is looked at thing by thing, which also says what is wrong.
"""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Mapping

from ansible_collections.leasehold.cloud.plugins.module_utils.core.prefixes import length_of
from ansible_collections.leasehold.cloud.plugins.module_utils.lazy import lazy
from ansible_collections.leasehold.cloud.plugins.module_utils.ledger import events, leases, runs
from ansible_collections.leasehold.cloud.plugins.module_utils.ledger.database import CHUNK, Transaction
from ansible_collections.leasehold.cloud.plugins.module_utils.ledger.schema import tables

sa = lazy("sqlalchemy")


@dataclasses.dataclass(frozen=True)
class Glance:
    """What there may be. False is certain."""

    moved: bool = True  # the ground of the plan: its site, servers, segment
    lapsed: bool = True  # a hold, anybody's, that is over
    limited: bool = True  # a quota of the tenant
    reserved: bool = True  # a reservation in the time of the lease, or one of the cluster's own


def mark(site: Mapping) -> str | None:
    """Changes whenever the mirror of a site does. None where that is not enough: of a class, some servers are to be kept as spares."""
    return None if site["document"].get("spares") else f"{site['synced_at']} {site['source_mark']}"


def at(tx: Transaction, plan: Mapping, hold: int | None = None) -> Glance:
    """What may stand in the way of taking all that a plan adds to a cluster that holds nothing. Of other plans it says nothing.

    What it reads of the cluster, its run and the newest event is remembered for the transaction.

    :param hold: seconds after which what is taken lapses.
    """
    segment, names = plan["segment"], [server["name"] for server in plan["add"]]
    if not plan.get("mirror") or not names or len(names) > CHUNK or plan["keep"] or plan["remove"]:
        return Glance()
    found = tx.begin_with(_look(), {
        "site": plan["site"], "wanted": plan["cluster"], "names": names, "tenant": plan["tenant"],
        "vlan": f"{plan['site']}/{segment['vlan']}", "prefix": segment["prefix"],
    }).first()
    if found is None:
        return Glance()
    runs.note(tx, plan["cluster"], found)
    events.seen(tx, found.head)
    start, end = leases.window_of_new(tx, plan, hold)
    if start > tx.at:
        return Glance()
    length, lapsed = length_of(segment["prefix"]), found.first_lapse is not None and found.first_lapse <= tx.at
    apart = {found.shortest, found.longest} <= {None, length}  # prefixes of one length are the same, or do not overlap
    as_planned = found.mark == plan["mirror"] and found.free == len(names) and not found.held and apart
    needed = found.promised or (found.first_reserved is not None and found.first_reserved < end and found.last_reserved > start)
    return Glance(not as_planned or lapsed, lapsed, found.limited, needed)


@functools.cache
def _look():
    """The query; made once, as making it takes longer than what it asks. It compares for equality, or asks for a first or a last: for that, a
    database needs no value to choose an index, so that PostgreSQL's plan for any value is as good as one for these."""
    every, given = tables(), sa.bindparam
    claims, clusters, free, sites = every.claims, every.clusters, every.free_servers, every.sites
    quotas, reservations = every.quotas, every.reservations
    held = [  # one by one: each by an index of its own
        claims.c.cluster == given("wanted"), sa.and_(claims.c.kind == "vlan", claims.c.resource == given("vlan")),
        sa.and_(claims.c.kind == "prefix", claims.c.resource == given("prefix")),
    ]
    lapse = sa.select(sa.func.min(clusters.c.hold_until)).where(clusters.c.phase != "deleted")
    return runs.with_cluster().add_columns(
        sa.select(sites.c.synced_at + " " + sites.c.source_mark).where(sites.c.name == given("site")).scalar_subquery().label("mark"),
        sa.select(sa.func.count()).select_from(free).where(free.c.server.in_(given("names", expanding=True))).scalar_subquery().label("free"),
        sa.or_(*(sa.exists().where(one) for one in held)).label("held"),
        *(sa.select(of(claims.c.prefix_length)).scalar_subquery().label(name) for of, name in ((sa.func.min, "shortest"), (sa.func.max, "longest"))),
        lapse.scalar_subquery().label("first_lapse"),
        sa.exists().where(sa.or_(quotas.c.tenant == given("tenant"), quotas.c.tenant == "*")).label("limited"),
        sa.exists().where(reservations.c.cluster == given("wanted")).label("promised"),
        sa.select(sa.func.min(reservations.c.starts_at)).scalar_subquery().label("first_reserved"),
        sa.select(sa.func.max(reservations.c.ends_at)).scalar_subquery().label("last_reserved"),
        events.last_hash().scalar_subquery().label("head"),
    )
