# Copyright: (c) 2026, leasehold.cloud contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Events: what was done to the ledger, by whom. Only added to; each carries the hash of the one before it (M(core.chain))."""

from __future__ import annotations

import dataclasses
import functools
import json
from collections.abc import Iterable, Iterator

from ansible_collections.leasehold.cloud.plugins.module_utils.core import chain
from ansible_collections.leasehold.cloud.plugins.module_utils.lazy import lazy
from ansible_collections.leasehold.cloud.plugins.module_utils.ledger import engines
from ansible_collections.leasehold.cloud.plugins.module_utils.ledger.database import Transaction
from ansible_collections.leasehold.cloud.plugins.module_utils.ledger.schema import tables

sa = lazy("sqlalchemy")

HEAD = "head of the events"
PAGE = 1000  # events in memory at once, where all are read


@dataclasses.dataclass(frozen=True)
class Filters:
    """Which events; an empty filter lets all pass. A subject of one word, such as C(server), means all of its kind."""

    subject: str | None = None
    action: str | None = None
    actor: str | None = None
    since: str | None = None  # as database.iso writes it, included
    until: str | None = None  # not included
    after: int | None = None  # only events of a higher id, then the oldest first


def record(tx: Transaction, subject: str, action: str, before: object = None, after: object = None) -> None:
    """Add one event. ``before`` and ``after`` are JSON-able, None means absent."""
    record_all(tx, [(subject, action, before, after)])


def record_all(tx: Transaction, happened: Iterable[tuple[str, str, object, object]]) -> None:
    """Add events, each (subject, action, before, after), in their order."""
    previous = None
    rows = []
    for subject, action, before, after in happened:
        row = {
            "at": tx.at, "actor": tx.actor, "subject": subject, "action": action, "before": before, "after": after,
            "previous": previous or tx.memo.get(HEAD) or tx.execute(last_hash()).scalar() or chain.BEGINNING,
        }
        previous = row["hash"] = chain.seal(row)
        rows.append(row)
    if rows:
        tx.append(tables().events, rows)
        tx.memo[HEAD] = previous  # writers are alone


def seen(tx: Transaction, newest: str | None) -> None:
    """Note the hash of the newest event, where another query has it already."""
    tx.memo.setdefault(HEAD, newest)


def history(tx: Transaction, subject: str | None = None) -> list[dict]:
    """Events in their order, of one subject or all; of a whole ledger, :func:`stream` them."""
    events = tables().events
    query = sa.select(events).order_by(events.c.id)
    return tx.rows(query.where(events.c.subject == subject) if subject else query)


def find(tx: Transaction, filters: Filters, limit: int) -> list[dict]:
    """At most ``limit`` events that pass, the newest first; with C(filters.after), the oldest first."""
    events = tables().events
    query = sa.select(events).limit(limit)
    if filters.subject:
        kind = " " not in filters.subject
        query = query.where(events.c.subject.startswith(f"{filters.subject} ", autoescape=True) if kind else events.c.subject == filters.subject)
    if filters.action:
        query = query.where(events.c.action == filters.action)
    if filters.actor:
        query = query.where(events.c.actor == filters.actor)
    if filters.since:
        query = query.where(events.c.at >= filters.since)
    if filters.until:
        query = query.where(events.c.at < filters.until)
    if filters.after is None:
        return tx.rows(query.order_by(events.c.id.desc()))
    return tx.rows(query.where(events.c.id > filters.after).order_by(events.c.id))


def head(tx: Transaction) -> dict | None:
    """The newest event as C({id, at, hash}); None when there is none."""
    events = tables().events
    return tx.row(sa.select(events.c.id, events.c.at, events.c.hash).order_by(events.c.id.desc()).limit(1))


def hash_of(tx: Transaction, number: int) -> str | None:
    """The hash of the event with that id; None when there is none."""
    events = tables().events
    return tx.execute(sa.select(events.c.hash).where(events.c.id == number)).scalar()


def count(tx: Transaction, after: int | None = None) -> int:
    """How many events have an id above ``after``; None: how many there are."""
    return tx.execute(_above(sa.select(sa.func.count()).select_from(tables().events), after)).scalar()


def stream(tx: Transaction, after: int | None = None, previous: str | None = chain.BEGINNING) -> Iterator[tuple[dict, str | None]]:
    """Every event above an id in its order, and what is wrong with it (see M(core.chain.fault)), a page at a time.

    An event whose C(before) or C(after) cannot be read any more has None there, and is at fault.

    :param after: None: all of them. The ledger gives ids from 1 on; who writes behind its back may give any.
    :param previous: the hash of the event before the first; None: not known.
    """
    while page := _page(tx, after):
        for row in page:
            event, unreadable = _decoded(row)
            yield event, unreadable or chain.fault(event, previous)
            previous, after = event["hash"], event["id"]


def first_broken(tx: Transaction) -> int | None:
    """The id of the first event that was changed or whose predecessor is gone; None when the chain holds."""
    return next((event["id"] for event, fault in stream(tx) if fault), None)


def _page(tx: Transaction, after: int | None) -> list[dict]:
    """Some events with their JSON as text: one who writes behind the ledger's back need not write JSON."""
    events = tables().events
    columns = [sa.cast(column, sa.Text).label(column.name) if column.name in ("before", "after") else column for column in events.columns]
    with engines.whatever_is_there(tx.connection):
        return tx.rows(_above(sa.select(*columns), after).order_by(events.c.id).limit(PAGE))


def _above(query, after: int | None):
    return query if after is None else query.where(tables().events.c.id > after)


def _decoded(row: dict) -> tuple[dict, str | None]:
    try:
        return row | {side: None if row[side] is None else json.loads(row[side]) for side in ("before", "after")}, None
    except ValueError:
        return row | {"before": None, "after": None}, "it was changed: what was before or after is no JSON"


@functools.cache
def last_hash():
    """The query of the newest event's hash."""
    events = tables().events
    return sa.select(events.c.hash).order_by(events.c.id.desc()).limit(1)
