# Copyright: (c) 2026, leasehold.cloud contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Add the ledger's new events to an export; documented in plugins/modules/event_export.py."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from ansible_collections.leasehold.cloud.plugins.module_utils.core import chain
from ansible_collections.leasehold.cloud.plugins.module_utils.core.changes import Change
from ansible_collections.leasehold.cloud.plugins.module_utils.core.errors import LedgerBroken
from ansible_collections.leasehold.cloud.plugins.module_utils.event_file import EventFile
from ansible_collections.leasehold.cloud.plugins.module_utils.ledger import events
from ansible_collections.leasehold.cloud.plugins.module_utils.ledger.database import Ledger, Transaction
from ansible_collections.leasehold.cloud.plugins.plugin_utils.ledger import LedgerAction, warm

warm()


class ActionModule(LedgerAction):
    """Nothing is added to a file that the ledger does not go on from."""

    def execute(self, args, task_vars):
        file = EventFile(args["dest"])
        with self.open_ledger(args, writable=False) as ledger:
            last, half = file.tail()  # before the ledger, as _add does it
            with ledger.reading() as tx:
                _check(tx, last, file)
                new, head = events.count(tx, _id(last)), events.head(tx)
            changes = [Change("export", str(file.path), _told(last), f"{_told(head)}, {new} more")] if new or half else []
            done: list[tuple] = []
            result = self.apply(changes, lambda: done.append(_add(ledger, file)))
        added, head = done[0] if done else (new, head)
        return result | {"added": added, "last": head}


def _add(ledger: Ledger, file: EventFile) -> tuple[int, dict | None]:
    """Add what is new to the file as it is now: how many events, and the last one.

    Another export may add to the file until it is locked, so only then the ledger is looked at: it has all that the file has.
    """
    with file.locked() as descriptor, ledger.reading() as tx:
        last, half = file.tail()
        _check(tx, last, file)
        return file.add(descriptor, _lines(tx, last), half), events.head(tx)


def _lines(tx: Transaction, last: Mapping | None) -> Iterator[bytes]:
    for event, fault in events.stream(tx, _id(last), last["hash"] if last else chain.BEGINNING):
        if fault:
            raise LedgerBroken(
                fault, object=f"ledger, event {event['id']}", attempted="exporting the events",
                remedy="run leasehold.cloud.ledger_verify; what was exported before this event is whole",
                details={"findings": [{"kind": "event", "object": f"event {event['id']}", "expected": "whole", "found": fault}]},
            )
        yield chain.line(event).encode() + b"\n"


def _check(tx: Transaction, last: Mapping | None, file: EventFile) -> None:
    """Refuse an export whose last event the ledger does not have."""
    known = events.hash_of(tx, last["id"]) if last else None
    if last is None or known == last["hash"]:
        return
    found = f"there event {last['id']} has another hash" if known else f"it has no event {last['id']}"
    raise LedgerBroken(
        f"it does not go on from the export, whose last event is {last['id']} of {last['at']}: {found}", object="ledger",
        attempted=f"adding to {file}",
        remedy="was an older backup restored, go on as docs/ledger.md says; else run leasehold.cloud.ledger_verify with this export as anchor",
        details={"findings": [{"kind": "export", "object": f"event {last['id']}", "expected": last["hash"], "found": known}]},
    )


def _id(event: Mapping | None) -> int | None:
    return event["id"] if event else None


def _told(event: Mapping | None) -> str | None:
    return event and f"to event {event['id']} of {event['at']}"
