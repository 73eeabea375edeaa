# Copyright: (c) 2026, leasehold.cloud contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Events: what was done to the ledger, by whom. Only added to; each carries the hash of the one before it."""

from __future__ import annotations

from collections.abc import Iterable

from ansible_collections.leasehold.cloud.plugins.module_utils.core.changes import fingerprint
from ansible_collections.leasehold.cloud.plugins.module_utils.lazy import lazy
from ansible_collections.leasehold.cloud.plugins.module_utils.ledger.database import Transaction
from ansible_collections.leasehold.cloud.plugins.module_utils.ledger.schema import tables

sa = lazy("sqlalchemy")

BEGINNING = "0" * 64  # the hash before the first event
SEALED = ("at", "actor", "subject", "action", "before", "after", "previous")


def record(tx: Transaction, subject: str, action: str, before: object = None, after: object = None) -> None:
    """Add one event. ``before`` and ``after`` are JSON-able, None means absent."""
    record_all(tx, [(subject, action, before, after)])


def record_all(tx: Transaction, happened: Iterable[tuple[str, str, object, object]]) -> None:
    """Add events, each (subject, action, before, after), in their order."""
    previous = _last_hash(tx)
    rows = []
    for subject, action, before, after in happened:
        row = {
            "at": tx.at, "actor": tx.actor, "subject": subject, "action": action, "before": before, "after": after,
            "previous": previous,
        }
        previous = row["hash"] = _seal(row)
        rows.append(row)
    if rows:
        tx.execute(tables().events.insert(), rows)


def history(tx: Transaction, subject: str | None = None) -> list[dict]:
    """Events in their order, of one subject or all."""
    events = tables().events
    query = sa.select(events).order_by(events.c.id)
    return tx.rows(query.where(events.c.subject == subject) if subject else query)


def first_broken(tx: Transaction) -> int | None:
    """The id of the first event that was changed or whose predecessor is gone; None when the chain holds."""
    previous = BEGINNING
    for event in history(tx):
        if event["previous"] != previous or event["hash"] != _seal(event):
            return event["id"]
        previous = event["hash"]
    return None


def _seal(event: dict) -> str:
    return fingerprint({key: event[key] for key in SEALED})


def _last_hash(tx: Transaction) -> str:
    events = tables().events
    last = tx.row(sa.select(events.c.hash).order_by(events.c.id.desc()).limit(1))
    return last["hash"] if last else BEGINNING
