# Copyright: (c) 2026, leasehold.cloud contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The change log as a cursor: where reading goes on, and how it is noticed that the log is not the one it was.

An entry has the time at which it was made, and is seen when its transaction ends: an older one can be seen later. So each read goes back
some minutes behind the last, and leaves out what was seen by then.
"""

from __future__ import annotations

import datetime
import json
from collections.abc import Iterable, Mapping

from ansible_collections.leasehold.cloud.plugins.module_utils.sources.nautobot.api import LEAN, Api, literal, view
from ansible_collections.leasehold.cloud.plugins.module_utils.sources.protocol import Gap

EMPTY = datetime.timedelta(days=1)  # how long a log that was empty can be followed: what is in it by then has not been pruned yet
BACK = datetime.timedelta(minutes=15)  # how long a transaction may take
MOST = 5000  # entries that are worth looking at
SEEN = 2000  # entries that a cursor remembers; older ones may be looked at again, which costs time and nothing else
SHORT = 12  # characters of an id, enough to tell it from a few thousand others
PATH = "extras/object-changes"
NEEDS = view("extras.objectchange")
ENTRY = ("id time action changed_object_type{app_label model} changed_object_id related_object_type{app_label model} related_object_id")


class ChangeLog:
    """The change log of one Nautobot. A cursor's part of it: C({time, last, seen: [...]}); without C(last), the log was empty at that time."""

    def __init__(self, api: Api):
        self.api = api

    def head(self) -> dict | None:
        """A cursor of now; None when the token may not see the log."""
        rows = self.api.query(f"{{object_changes(limit: {SEEN}){{id time}}}}")["object_changes"]
        return _cursor(rows) if rows or self._seen() else None

    def since(self, cursor: Mapping) -> tuple[list[dict], dict] | Gap:
        """The entries that a cursor has not seen, and the next cursor. An empty list: nothing changed."""
        last, time = cursor.get("last"), datetime.datetime.fromisoformat(cursor["time"])
        if not last and _now() - time > EMPTY:
            return Gap("its change log was empty when it was last read, which is long ago")
        since = f"time__gte: {literal([(time - BACK).isoformat()])}, " if last else ""
        rows = self.api.query(f"{{object_changes({since}limit: {MOST}){{{ENTRY}}}}}")["object_changes"]
        if not rows and not self._seen():
            return Gap(f"the token may not see its change log (permission {NEEDS})")
        if len(rows) == MOST:
            return Gap(f"there are {MOST} changes or more since the last sync")
        if last and all(row["id"] != last for row in rows):
            return Gap("its change log does not reach back to the last sync: it was pruned, or the database restored")
        seen = frozenset(cursor["seen"])
        return [row for row in rows if row["id"][:SHORT] not in seen], _cursor(rows)

    def _seen(self) -> bool:
        return self.api.get(PATH, {"limit": 1, **LEAN}, accept=(403,)).status != 403


def details(api: Api, rows: Iterable[Mapping]) -> list[tuple[dict | None, dict]]:
    """What the objects of some entries were before, as far as the log goes back, and after (or before their deletion); in their order."""
    rows = list(rows)
    if not rows:
        return []
    before = " ".join(
        f"e{number}: object_changes(changed_object_id: {literal([row['changed_object_id']])}, time__lt: {literal([row['time']])}, limit: 1)"
        "{object_data_v2}" for number, row in enumerate(rows) if row["action"].lower() == "update")
    answer = api.query(f"{{object_changes(id: {literal([row['id'] for row in rows])}){{id object_data_v2}} {before}}}")
    after = {row["id"]: _document(row) for row in answer["object_changes"]}
    return [(_document(found[0]) if (found := answer.get(f"e{number}")) else None, after.get(row["id"], {})) for number, row in enumerate(rows)]


def _document(row: Mapping) -> dict:
    """GraphQL gives a JSON field as it is, or as a text."""
    data = row["object_data_v2"]
    return (json.loads(data) if isinstance(data, str) else data) or {}


def _cursor(rows: list[Mapping]) -> dict:
    """:param rows: the newest first."""
    rows = sorted(rows, key=lambda row: row["time"], reverse=True)
    newest = rows[0] if rows else {"time": _now().isoformat(), "id": None}
    return {"time": newest["time"], "last": newest["id"], "seen": [row["id"][:SHORT] for row in rows[:SEEN]]}


def _now() -> datetime.datetime:
    return datetime.datetime.now(datetime.timezone.utc)
