# Copyright: (c) 2026, leasehold.cloud contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a plan rests on, read from the ledger: for making a plan, and for seeing, as it claims, that nothing has moved.

Nothing here reads all of a site: only cells with their counts, and then the servers that are chosen and their switches.
"""

from __future__ import annotations

import contextlib
from collections.abc import Collection, Iterable, Mapping, Sequence

from ansible_collections.leasehold.cloud.plugins.module_utils.core import grounds
from ansible_collections.leasehold.cloud.plugins.module_utils.core import plan as core_plan
from ansible_collections.leasehold.cloud.plugins.module_utils.core import quarantine as core_quarantine
from ansible_collections.leasehold.cloud.plugins.module_utils.core.claims import Claims, HeldCluster, Order
from ansible_collections.leasehold.cloud.plugins.module_utils.core.errors import NoCapacity, OutsideEnvelope, StalePlan
from ansible_collections.leasehold.cloud.plugins.module_utils.core.models import Datacenter, Server
from ansible_collections.leasehold.cloud.plugins.module_utils.core.orders import duration_seconds, grace_seconds
from ansible_collections.leasehold.cloud.plugins.module_utils.core.picks import by_rack_alone
from ansible_collections.leasehold.cloud.plugins.module_utils.core.plan import Manifests
from ansible_collections.leasehold.cloud.plugins.module_utils.core.wire import STRANGERS
from ansible_collections.leasehold.cloud.plugins.module_utils.lazy import lazy
from ansible_collections.leasehold.cloud.plugins.module_utils.ledger import clusters, glance, leases, mirror, reservations, servers
from ansible_collections.leasehold.cloud.plugins.module_utils.ledger.database import Transaction, chunks
from ansible_collections.leasehold.cloud.plugins.module_utils.ledger.schema import tables
from ansible_collections.leasehold.cloud.plugins.module_utils.ledger.stock import Period, Shelf, to_be_had

sa = lazy("sqlalchemy")


def held_cluster(tx: Transaction, name: str) -> HeldCluster | None:
    """The cluster as plans take it; None when there never was one."""
    found = clusters.describe(tx, name)
    return HeldCluster.from_dict(found[0]) if found else None


def plan(tx: Transaction, order: Order, operation: str, site_name: str | None, objects: Manifests) -> dict:
    """The plan of an order (see M(core.plan.cluster_plan)), from as little of the ledger as it needs.

    :param site_name: None for the only site.
    :raises Refused: servers would join a cluster whose lease is over; and what M(core.plan.cluster_plan) raises.
    """
    site = mirror.site_of(tx, site_name)
    held = held_cluster(tx, order.name)
    joining: dict[str, list[Server]] = {}
    taken = [Claims()]
    if operation in core_plan.GROWING:
        period = _period(tx, order)
        own = reservations.of(tx, order.name)
        joining = _chosen(tx, site, order, held, operation, period, own)
        taken = _networks(tx, period, site["name"], own)
    joined = [server for some in joining.values() for server in some]
    network, strangers = _network(tx, site, joined, held, whole=operation == "verify"), _strangers(tx, order.name)
    for claims in taken:
        try:
            found = core_plan.cluster_plan(order, network, claims, held, operation, objects, strangers, joining) | {"mirror": glance.mark(site)}
            break
        except (NoCapacity, OutsideEnvelope):
            if claims is taken[-1]:
                raise
    if operation in core_plan.GROWING:
        leases.refuse_over(tx, found, period.end)
    return found


def verify(tx: Transaction, plan: Mapping) -> None:
    """Refuse a plan whose ground has moved since it was made. To be called in the transaction that claims.

    :raises StalePlan: what the plan rests on is not what it was.
    """
    site = mirror.site_of(tx, plan["site"])
    held = held_cluster(tx, plan["cluster"])
    period = Period.of(tx, plan["cluster"], *leases.window_of_new(tx, plan))
    members = {server.name for server in held.servers} if held else set()
    rows = servers.load(tx, [server["name"] for key in ("add", "keep", "remove") for server in plan[key] if server["name"] not in members])
    had = _had(tx, period, [row["name"] for row in rows if row["cluster"]])
    touched = [Server.from_dict(row["document"]) if row["name"] in had else servers.as_server(row) for row in rows]
    holders = {row["name"]: row["cluster"] for row in rows if row["cluster"] and row["name"] not in had} | dict.fromkeys(members, plan["cluster"])
    switches = {switch["name"] for key in ("switches", "release_switches") for switch in plan[key]}
    segment = _segment_holders(tx, period, plan["site"], plan["segment"]) if plan["segment"] else Claims()
    network = mirror.datacenter_of(tx, site, touched, switches)
    grounds.verify(plan, network, Claims(holders, segment.vlans, segment.prefixes), held)
    if not period.later:
        _keep_spares(tx, plan["cluster"], [server for server in plan["add"] if server["name"] not in members], network)


def quarantine(tx: Transaction, name: str) -> dict:
    """What takes a server into quarantine: C({server, cluster, fabric}), see M(core.quarantine).

    :raises NotFound: the ledger does not know the server.
    """
    row = servers.load(tx, [name])[0]
    server = servers.as_server(row)
    held = held_cluster(tx, row["cluster"]) if row["cluster"] else None
    datacenter = _network(tx, mirror.site_of(tx, row["site"]), [server], held)
    return {"server": server.as_dict(), "cluster": row["cluster"], "fabric": core_quarantine.hosts(server, held, datacenter)}


def _period(tx: Transaction, order: Order) -> Period:
    """From when to when an order will hold what it gets."""
    hold = duration_seconds(order.hold, "cluster_hold") if order.hold else None
    terms = {
        "cluster": order.name, "order": order.as_dict(), "lease_start": order.lease_start,
        "lease_seconds": duration_seconds(order.lease_duration) if order.lease_duration else None,
        "grace_seconds": grace_seconds(order.lease_grace) if order.lease_grace else None,
    }
    return Period.of(tx, order.name, *leases.window_of_new(tx, terms, hold))


def _chosen(tx: Transaction, site: dict, order: Order, held: HeldCluster | None, operation: str, period: Period,
            own: Collection[Mapping]) -> dict[str, list[Server]]:
    """The servers that join, by node set."""
    node_sets = (*order.node_sets, *(held.node_sets if held and operation == "scale" else ()))
    named: dict[str, str | None] = {name: None for node_set in node_sets for name in (*node_set.include, *node_set.exclude)}
    named |= {row["resource"]: row["node_set"] for row in own if row["kind"] == "server"}
    shelf = Shelf(tx, site, period, (node_set.server_class for node_set in node_sets), named)
    beyond = own and site["document"].get("spares")  # what was promised may be taken though it leaves no spares: that takes all counts
    if not beyond and all(by_rack_alone(node_set, order.placement) for node_set in node_sets):
        with contextlib.suppress(NoCapacity):  # of what was seen at a glance
            picks = core_plan.chosen(order, held, operation, shelf.glance())
            if shelf.stands(picks):
                return core_plan.dealt(picks, shelf.draw(picks))
    try:
        picks = core_plan.chosen(order, held, operation, shelf.stock())
    except NoCapacity:
        picks = core_plan.chosen(order, held, operation, shelf.stock(reasons=True))  # the same, told with the reasons of all servers
    return core_plan.dealt(picks, shelf.draw(picks))


def _network(tx: Transaction, site: dict, joined: Iterable[Server], held: HeldCluster | None, whole: bool = False) -> Datacenter:
    """The site with these servers, and the switches and links that they and the cluster's need; a small site's are all read back."""
    joined = list(joined)
    leafs = {name for server in (*joined, *(held.servers if held else ())) for name in server.switches}
    return mirror.datacenter_of(tx, site, joined) if whole else mirror.ways_of(tx, site, joined, leafs, core_plan.READ_BACK_ALL)


def _networks(tx: Transaction, period: Period, site: str, own: Iterable[Mapping]) -> list[Claims]:
    """The VLANs of a site and the prefixes that a cluster cannot have in a period, and those that it has reserved itself.

    Of a period to come there are two answers: without what is held until then, and, should that not do, with it.
    """
    claims = tables().claims
    mine = {row["kind"]: row["resource"] for row in own}
    vlan = _vlan(mine["vlan"], site) if "vlan" in mine else None
    vlans, prefixes = (_pairs(tx, period.reserved(kind)) if period.reservations else {} for kind in ("vlan", "prefix"))
    answers = []
    for over in (period.lapsed(), period.over()) if period.later else (period.lapsed(),):
        query = sa.select(claims.c.kind, claims.c.resource, claims.c.cluster).where(claims.c.kind.in_(("vlan", "prefix")))
        rows = tx.execute(query if over is None else query.where(sa.not_(over))).all()  # at once: one by one takes longer
        answers.append(Claims(
            {}, {_vlan(name, site): cluster for name, cluster in vlans.items()} | {
                _vlan(name, site): cluster for kind, name, cluster in rows if kind == "vlan"},
            prefixes | {name: cluster for kind, name, cluster in rows if kind == "prefix"}, vlan, mine.get("prefix"),
        ))
    return answers


def _segment_holders(tx: Transaction, period: Period, site: str, segment: Mapping) -> Claims:
    """Who holds the VLAN and the prefix of a segment, in the period."""
    claims = tables().claims
    held = period.counting(sa.select(claims.c.kind, claims.c.resource, claims.c.cluster).where(sa.or_(
        sa.and_(claims.c.kind == "vlan", claims.c.resource == f"{site}/{segment['vlan']}"),
        sa.and_(claims.c.kind == "prefix", claims.c.resource == segment["prefix"]),
    )))
    rows = tx.rows(held)
    return Claims(
        {}, {_vlan(row["resource"], site): row["cluster"] for row in rows if row["kind"] == "vlan"},
        {row["resource"]: row["cluster"] for row in rows if row["kind"] == "prefix"},
    )


def _pairs(tx: Transaction, query) -> dict[str, str]:
    return {row[0]: row[1] for row in tx.execute(query)}


def _vlan(resource: str, site: str) -> int | None:
    """The VLAN of a claim such as C(lab/101); None for another site's."""
    where, _slash, vlan = resource.rpartition("/")
    return int(vlan) if where == site else None


def _strangers(tx: Transaction, cluster: str) -> dict[str, str]:
    """Addresses that must not answer a cluster, by server: of each other cluster the servers that it claimed first, as many of each as
    make STRANGERS in all. Where there are more clusters than that, one of each that is taken evenly by name."""
    claims = tables().claims
    query = sa.select(claims.c.cluster).where(claims.c.kind == "prefix", claims.c.cluster != cluster).order_by(claims.c.cluster)
    others = tx.execute(query).scalars().all()
    asked = others if len(others) <= STRANGERS else [others[place * len(others) // STRANGERS] for place in range(STRANGERS)]
    if not asked:
        return {}
    place = sa.func.row_number().over(partition_by=claims.c.cluster, order_by=claims.c.id).label("place")
    ranked = sa.select(claims.c.id, place).where(claims.c.kind == "server", claims.c.cluster.in_(asked)).subquery()
    first = sa.select(ranked.c.id).where(ranked.c.place <= STRANGERS // len(asked))
    rows = tx.execute(sa.select(claims.c.resource, claims.c.detail).where(claims.c.id.in_(first)))
    return {row.resource: row.detail["address"] for row in rows}


def _had(tx: Transaction, period: Period, held: Collection[str]) -> set[str]:
    """Of servers that somebody holds, those that are to be had in the period all the same."""
    if period.over() is None:
        return set()
    pool = to_be_had(period)
    return {row.server for chunk in chunks(held) for row in tx.execute(sa.select(pool.c.server).where(pool.c.server.in_(chunk)))}


def _keep_spares(tx: Transaction, cluster: str, added: Sequence[Mapping], datacenter: Datacenter) -> None:
    """Refuse to take servers where they have become the last ones of their class, which are kept as spares; unless the cluster has reserved them all."""
    free, cells = tables().free_servers, tables().cells
    for server_class, spares in datacenter.spares.items():
        adding = {server["name"] for server in added if server["class"] == server_class}
        if not adding or not spares:
            continue
        some = sa.select(free.c.server).join(cells, cells.c.cell == free.c.cell).where(
            cells.c.site == datacenter.site, cells.c["class"] == server_class).limit(len(adding) + spares).subquery()
        left = tx.execute(sa.select(sa.func.count()).select_from(some)).scalar() - len(adding)
        if left < spares and not adding <= {row["resource"] for row in reservations.of(tx, cluster) if row["kind"] == "server"}:
            raise StalePlan(
                f"taking {len(adding)} servers of class {server_class} would leave {left} free, and {spares} are kept as spares",
                object=f"plan of cluster {cluster}", attempted="apply the plan", remedy="Plan again, and look at the new plan.",
                details={"class": server_class, "spares": spares, "left": left},
            )
