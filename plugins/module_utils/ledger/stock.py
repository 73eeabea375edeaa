# Copyright: (c) 2026, leasehold.cloud contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What an order may choose among: counted by cell in the database, so that only the servers chosen are ever read.

To be had in a time are the servers on the list of free ones (see M(free)); those of lapsed holds; for a time that is to come,
those of leases that are over by then; but none that another cluster has reserved for any part of it.
"""

from __future__ import annotations

import collections
import dataclasses
from collections.abc import Iterable, Iterator, Mapping, Sequence

from ansible_collections.leasehold.cloud.plugins.module_utils.core.models import Envelope, Server
from ansible_collections.leasehold.cloud.plugins.module_utils.core.picks import Picks
from ansible_collections.leasehold.cloud.plugins.module_utils.core.placement import HELD, Cell, Place, Stock
from ansible_collections.leasehold.cloud.plugins.module_utils.core.states import SERVER_ASIDE
from ansible_collections.leasehold.cloud.plugins.module_utils.core.times import after
from ansible_collections.leasehold.cloud.plugins.module_utils.lazy import lazy
from ansible_collections.leasehold.cloud.plugins.module_utils.ledger import holds
from ansible_collections.leasehold.cloud.plugins.module_utils.ledger.database import Transaction, chunks
from ansible_collections.leasehold.cloud.plugins.module_utils.ledger.schema import tables

sa = lazy("sqlalchemy")

MISSING = "missing from its source"
RESERVED = "reserved by another cluster"
FEW = 8  # free servers of a cell, beyond which a glance does not count
A_FEW = f"(SELECT count(*) FROM (SELECT 1 FROM free_servers f WHERE f.cell = cells.cell LIMIT {FEW}) AS few)"
THE_FIRST = "(SELECT min(f.sort_key) FROM free_servers f WHERE f.cell = cells.cell)"
UNAVAILABLE = "*"  # in place of a name: the servers of a cell that cannot be had


@dataclasses.dataclass(frozen=True)
class Period:
    """The time C([start, end)) for which a cluster wants resources, and clusters whose claims do not count then."""

    cluster: str
    start: str
    end: str
    later: bool  # it is to come
    gone: tuple[str, ...]  # whose holds have lapsed
    late: tuple[str, ...]  # whose leases end before it, but not their grace
    reservations: bool  # others have reserved something for a part of it

    @classmethod
    def of(cls, tx: Transaction, cluster: str, start: str, end: str) -> Period:
        later, clusters = start > tx.at, tables().clusters
        ended = sa.select(clusters.c.name, clusters.c.lease_end, clusters.c.lease_grace)
        ended = ended.where(clusters.c.lease_end <= start, clusters.c.lease_grace > 0)
        late = [row["name"] for row in tx.rows(ended) if after(row["lease_end"], row["lease_grace"]) > start] if later else []
        gone = [name for name in holds.lapsed(tx) if name != cluster]
        return cls(cluster, start, end, later, tuple(gone), tuple(late), tx.row(_reserved(cluster, start, end).limit(1)) is not None)

    def lapsed(self):
        """A condition on claims: that their hold has lapsed. None: none has."""
        return tables().claims.c.cluster.in_(self.gone) if self.gone else None

    def ended(self):
        """A condition on claims: that their lease will be over. None: the period is now."""
        if not self.later:
            return None
        clusters = tables().clusters
        return tables().claims.c.cluster.in_(sa.select(clusters.c.name).where(
            clusters.c.lease_end <= self.start, clusters.c.lease_hold.is_(None), clusters.c.name.not_in((*self.gone, *self.late, self.cluster)),
        ))

    def over(self):
        """A condition on claims: that they do not count, as they lapsed or will have ended. None: all count."""
        ways = [condition for condition in (self.lapsed(), self.ended()) if condition is not None]
        return sa.or_(*ways) if ways else None

    def counting(self, query):
        """A query of claims, of those that count."""
        over = self.over()
        return query if over is None else query.where(sa.not_(over))

    def reserved(self, kind: str):
        """The query of resources of a kind that other clusters have reserved for a part of it: C(resource), C(cluster)."""
        return _reserved(self.cluster, self.start, self.end).where(tables().reservations.c.kind == kind)


def _reserved(cluster: str, start: str, end: str):
    table = tables().reservations
    return sa.select(table.c.resource, table.c.cluster).where(table.c.starts_at < end, table.c.ends_at > start, table.c.cluster != cluster)


def to_be_had(period: Period):
    """The servers to be had in a period, of all sites: a subquery with C(cell), C(sort_key), C(server), and C(held) (until then)."""
    free, gone, ended, reserved = tables().free_servers, period.lapsed(), period.ended(), period.reserved("server")
    query = sa.select(free.c.cell, free.c.sort_key, free.c.server, sa.literal_column("0").label("held"))
    if period.over() is not None:
        more = [_of_claims(condition, held) for held, condition in enumerate((gone, ended)) if condition is not None]
        query = sa.union_all(query, *more)
    if period.reservations:
        every = query.subquery()
        query = sa.select(every).where(every.c.server.not_in(reserved.with_only_columns(tables().reservations.c.resource)))
    return query.subquery()


def _of_claims(condition, held: int):
    claims, servers, states = tables().claims, tables().servers, tables().server_states
    query = sa.select(servers.c.cell, servers.c.sort_key, servers.c.name, sa.literal_column(str(held)))
    return query.join(claims, claims.c.resource == servers.c.name).join(states, states.c.server == servers.c.name).where(
        claims.c.kind == "server", condition, servers.c.status == "active", servers.c.missing_since.is_(None),
        states.c.state.not_in(SERVER_ASIDE),
    )


class Shelf:
    """What of a site's servers an order of certain classes may choose among.

    :param named: servers that the order names, or that are reserved for it (with the node set, else None): each is a cell of its own.
    """

    def __init__(self, tx: Transaction, site: Mapping, period: Period, classes: Iterable[str], named: Mapping[str, str | None]):
        self.tx = tx
        self.site = site
        self.classes = sorted(set(classes))
        self.named = named
        self.pool = to_be_had(period)
        self.period = period
        self.unsure: dict[str, int] = {}
        self.envelope = Envelope.from_dict(site["document"]["envelope"])
        self._inside: dict[str, bool] = {}

    def stock(self, reasons: bool = False) -> Stock:
        """The cells, with how many are free.

        :param reasons: also how many others there are, and why they cannot be had: takes a look at all servers.
        """
        singles = self._singles()
        counts = self._counts()
        for row in singles:
            if row["free"]:
                counts[row["cell"], row["held_then"]][0] -= 1
        others = self._others() if reasons else {}
        places = self._places({*(cell for cell, _held in counts), *others, *(row["cell"] for row in singles)})
        cells = [self._cell(cell, places, free, first, held=bool(held)) for (cell, held), (free, first) in counts.items() if free]
        cells += [self._cell(cell, places, 0, "", name=UNAVAILABLE, others=found) for cell, found in others.items()]
        return self._stock(cells + self._single_cells(singles, places), self._classes() if reasons else {})

    def _stock(self, cells: Iterable[Cell], classes: Mapping[str, int] | None = None) -> Stock:
        return Stock(tuple(cells), self.site["document"].get("spares") or {}, classes or {})

    def _single_cells(self, singles: Iterable[Mapping], places: Mapping[str, tuple[str, Place]]) -> list[Cell]:
        return [self._cell(
            row["cell"], places, int(row["free"]), row["sort_key"], name=row["name"], reserved=self.named[row["name"]],
            held=bool(row["held_then"]), others={} if row["free"] else {_reason(row): 1},
        ) for row in singles]

    def glance(self) -> Stock:
        """The cells as :func:`core.picks.by_rack_alone` needs them: with their racks only, and where that is quicker no more free
        servers than FEW. What is chosen by it is what would be chosen by all that there is, if it :meth:`stands`."""
        singles = self._singles()
        named = collections.Counter((row["cell"], row["held_then"]) for row in singles if row["free"])
        cells = []
        for cell, server_class, rack, held, free, first, sure in self._racks() if self.period.later else self._few(named):
            seen = free - named[cell, held]
            if not sure:
                self.unsure[cell] = seen
            if seen > 0:
                cells.append(Cell(f"{cell}/held" if held else cell, server_class, Place(rack, (), {}), seen, first, held=bool(held)))
        return self._stock(cells + self._single_cells(singles, self._places({row["cell"] for row in singles})))

    def stands(self, picks: Mapping[str, Picks]) -> bool:
        """Whether picks of a :meth:`glance` took no cell to the end of what was seen of it, and none that the envelope does not hold."""
        taken: collections.Counter = collections.Counter()
        for cell, count in (pick for picked in picks.values() for pick in picked):
            taken[cell.key.partition("/")[0]] += 0 if cell.name else count
        if any(cell in self.unsure and count >= self.unsure[cell] for cell, count in taken.items()):
            return False
        return all(self._is_inside(leaf) for _class, place in self._places(taken).values() for leaf in place.leafs)

    def draw(self, picks: Mapping[str, Picks]) -> dict[str, list[Server]]:
        """The servers that were picked, by the key of their cell, in natural order."""
        counts: dict[str, int] = {}
        cells = {cell.key: cell for picked in picks.values() for cell, _count in picked}
        for cell, count in (pick for picked in picks.values() for pick in picked):
            counts[cell.key] = counts.get(cell.key, 0) + count
        names = {key: [cell.name] if cell.name else [] for key, cell in cells.items()}
        for held in (False, True):
            keys = {key.partition("/")[0]: key for key, cell in cells.items() if cell.held == held and not cell.name}
            for chunk in chunks(keys):
                for cell, server in self.tx.execute(self._first_of(chunk, max(counts[keys[cell]] for cell in chunk), held)):
                    key = keys[cell]
                    names[key] += [server] * (len(names[key]) < counts[key])
        read = self._read([name for some in names.values() for name in some])
        return {key: [read[name] for name in some] for key, some in names.items()}

    def _few(self, named: Mapping[tuple[str, int], int]) -> Iterator[tuple]:
        """Of each cell: its name, class, rack, 0, at most FEW of its free servers, the first one's sort key, and whether these are all.

        :param named: how many named servers of a cell are free: where they may be all that is seen, the cell is counted.
        """
        cells = tables().cells
        query = sa.select(cells.c.cell, cells.c["class"], cells.c.rack, sa.literal_column(A_FEW), sa.literal_column(THE_FIRST))
        special = self._special() | {cell for (cell, _held), count in named.items() if count >= FEW}
        counted = self._counts(special) if special else {}
        for cell, server_class, rack, free, first in self.tx.execute(query.where(*self._ordered())).all():
            if cell in special:
                yield cell, server_class, rack, 0, *counted.get((cell, 0), (0, "")), True
            else:
                yield cell, server_class, rack, 0, free, first, free < FEW

    def _special(self) -> set[str]:
        """Cells where the list of free servers does not say what can be had: others have reserved some, or their hold has lapsed."""
        free, servers, claims, found = tables().free_servers, tables().servers, tables().claims, set()
        if self.period.reservations:
            reserved = self.period.reserved("server").with_only_columns(tables().reservations.c.resource)
            found |= {cell for cell, in self.tx.execute(sa.select(free.c.cell).where(free.c.server.in_(reserved)).distinct())}
        if self.period.gone:
            of_claims = sa.select(servers.c.cell).join(claims, claims.c.resource == servers.c.name)
            found |= {cell for cell, in self.tx.execute(of_claims.where(claims.c.kind == "server", self.period.lapsed()).distinct())}
        return found

    def _racks(self) -> Iterator[tuple]:
        """As :meth:`_few`, with all free servers; and whether somebody holds them until then."""
        cells = tables().cells
        racks = {cell: found for cell, *found in self.tx.execute(sa.select(cells.c.cell, cells.c["class"], cells.c.rack).where(*self._ordered()))}
        return ((cell, *racks[cell], held, free, first, True) for (cell, held), (free, first) in self._counts().items())

    def _ordered(self) -> tuple:
        """The condition on cells: of the site, and of a class that is ordered."""
        cells = tables().cells
        return cells.c.site == self.site["name"], cells.c["class"].in_(self.classes)

    def _counts(self, only: Iterable[str] | None = None) -> dict[tuple[str, int], list]:
        """By cell, and whether somebody holds them until then: how many are to be had, and the first one's sort key.

        :param only: these cells; None: all of the classes.
        """
        pool, later = self.pool, self.period.later
        held = pool.c.held if later else sa.literal_column("0")  # by the cell alone, the index has the groups together
        query = sa.select(pool.c.cell, held, sa.func.count(), sa.func.min(pool.c.sort_key)).group_by(pool.c.cell, *([held] if later else []))
        ways = [sa.select(tables().cells.c.cell).where(*self._ordered())] if only is None else chunks(sorted(only))
        return {(cell, held): [count, first] for way in ways for cell, held, count, first in self.tx.execute(query.where(pool.c.cell.in_(way)))}

    def _singles(self) -> list[dict]:
        """The named servers of the site, each C(free) or not."""
        servers, pool, found = tables().servers, self.pool, []
        for chunk in chunks(sorted(self.named)):
            had = {row.server: row.held for row in self.tx.execute(sa.select(pool.c.server, pool.c.held).where(pool.c.server.in_(chunk)))}
            query = _states(servers.c.name, servers.c.cell, servers.c.sort_key, servers.c["class"])
            for row in self.tx.rows(query.where(servers.c.name.in_(chunk), servers.c.site == self.site["name"])):
                found.append(row | {"free": row["name"] in had and row["class"] in self.classes, "held_then": had.get(row["name"], 0)})
        return found

    def _others(self) -> dict[str, dict[str, int]]:
        """By cell and reason, the servers of the classes that cannot be had."""
        servers, had = tables().servers, sa.select(self.pool.c.server)
        query = _states(servers.c.cell, sa.func.count().label("count")).where(
            servers.c.site == self.site["name"], servers.c["class"].in_(self.classes), servers.c.name.not_in(had),
        ).group_by(servers.c.cell, "status", "missing", "held", "state")
        others: dict[str, dict[str, int]] = {}
        for row in self.tx.rows(query.where(servers.c.name.not_in(self.named)) if self.named else query):
            reasons = others.setdefault(row["cell"], {})
            reasons[_reason(row)] = reasons.get(_reason(row), 0) + row["count"]
        return others

    def _classes(self) -> dict[str, int]:
        servers = tables().servers
        query = sa.select(servers.c["class"], sa.func.count()).where(servers.c.site == self.site["name"]).group_by(servers.c["class"])
        return {row[0]: row[1] for row in self.tx.execute(query)}

    def _places(self, names: Iterable[str]) -> dict[str, tuple[str, Place]]:
        """Class and place of cells."""
        cells, found = tables().cells, {}
        query = sa.select(cells.c.cell, cells.c["class"], cells.c.document)
        for chunk in chunks(sorted(names)):
            for cell, server_class, document in self.tx.execute(query.where(cells.c.cell.in_(chunk))):
                found[cell] = server_class, Place(document["rack"], tuple(document["leafs"]), document["attributes"])
        return found

    def _cell(self, cell: str, places: Mapping[str, tuple[str, Place]], free: int, first: str, *, name: str | None = None,
              reserved: str | None = None, held: bool = False, others: Mapping | None = None) -> Cell:
        server_class, place = places[cell]
        inside = all(self._is_inside(leaf) for leaf in place.leafs)
        key = "/".join([cell, *([name] if name else []), *(["held"] if held and not name else [])])
        return Cell(key, server_class, place, free, first, inside, name, reserved, held, others or {})

    def _is_inside(self, switch: str) -> bool:
        if switch not in self._inside:
            self._inside[switch] = self.envelope.allows_switch(switch)
        return self._inside[switch]

    def _first_of(self, cells: Sequence[str], number: int, held: bool):
        pool = self.pool
        place = sa.func.row_number().over(partition_by=pool.c.cell, order_by=(pool.c.sort_key, pool.c.server)).label("place")
        query = sa.select(pool.c.cell, pool.c.server, place).where(pool.c.cell.in_(cells), pool.c.held == int(held))
        ranked = (query.where(pool.c.server.not_in(self.named)) if self.named else query).subquery()
        return sa.select(ranked.c.cell, ranked.c.server).where(ranked.c.place <= number).order_by(ranked.c.cell, ranked.c.place)

    def _read(self, names: Sequence[str]) -> dict[str, Server]:
        """The servers as their source has them, to be had: as available, of whatever state they are until then."""
        servers = tables().servers
        query = sa.select(servers.c.name, servers.c.document)
        rows = (row for chunk in chunks(names) for row in self.tx.execute(query.where(servers.c.name.in_(chunk))))
        return {name: Server.from_dict(document) for name, document in rows}


def _states(*columns):
    """A query of servers with what says whether they can be had: C(status), C(missing), C(held), C(state)."""
    servers, states, claims = tables().servers, tables().server_states, tables().claims
    holder = sa.and_(claims.c.kind == "server", claims.c.resource == servers.c.name)
    return sa.select(
        *columns, servers.c.status.label("status"), servers.c.missing_since.is_not(None).label("missing"),
        claims.c.cluster.is_not(None).label("held"), sa.func.coalesce(states.c.state, "available").label("state"),
    ).select_from(servers.outerjoin(states, states.c.server == servers.c.name).outerjoin(claims, holder))


def _reason(row: Mapping) -> str:
    """Why a server that is not to be had is not."""
    if row["status"] != "active":
        return f"status {row['status']}"
    if row["missing"]:
        return MISSING
    if row["held"]:
        return HELD
    return RESERVED if row["state"] == "available" else f"state {row['state']}"
