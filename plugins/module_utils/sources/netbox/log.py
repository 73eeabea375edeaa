# Copyright: (c) 2026, leasehold.cloud contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The change log as a cursor: where reading goes on, and how it is noticed that the log is not the one it was.

An entry's number is given when it is written, but it is seen when its transaction ends: a later number can be seen first. Numbers that are missing
between those seen are therefore asked for again until they are old: they belong to somebody who is still at work, or who gave up.
"""

from __future__ import annotations

import datetime
import email.utils
from collections.abc import Mapping

from ansible_collections.leasehold.cloud.plugins.module_utils.core.changes import fingerprint
from ansible_collections.leasehold.cloud.plugins.module_utils.sources.http import Answer
from ansible_collections.leasehold.cloud.plugins.module_utils.sources.netbox.api import PAGE, Api, view
from ansible_collections.leasehold.cloud.plugins.module_utils.sources.netbox.changes import FIELDS
from ansible_collections.leasehold.cloud.plugins.module_utils.sources.protocol import Gap

SETTLED = 900.0  # seconds after which nobody is still at work on a transaction
SHORTEST_RETENTION = 80_000.0  # seconds: no entry is pruned on the day it is written
HOLES = 20  # ranges of missing numbers that are asked for again, the newest
PATH, PATH_4_0 = "core/object-changes", "extras/object-changes"
NEEDS = view("core.objectchange")


class ChangeLog:
    """The change log of one NetBox. A cursor's part of it: C({last, mark, holes: [[first, last, since], ...]}), and C(at) if it was empty."""

    def __init__(self, api: Api):
        self.api = api

    def head(self) -> dict | None:
        """A cursor of now; None when the token may not see the log."""
        answer = self._get({"limit": 1, "ordering": "-id"})
        if answer.status == 403:
            return None
        rows = answer.json()["results"]
        if not rows:
            return {"last": 0, "mark": "", "holes": [], "at": _clock(answer.headers)}
        return {"last": rows[0]["id"], "mark": mark(rows[0]), "holes": []}

    def since(self, cursor: Mapping) -> tuple[list[dict], dict] | Gap:
        """The entries after a cursor, and the next cursor. An empty list: nothing changed."""
        answer = self._page(cursor["last"])
        if isinstance(answer, Gap):
            return answer
        rows, now = answer
        if not cursor["mark"]:
            if now - cursor["at"] > SHORTEST_RETENTION:
                return Gap("its change log was empty when it was last read, and entries may have been pruned since")
            cursor = {**cursor, "at": now}
        elif not rows or rows[0]["id"] != cursor["last"] or mark(rows[0]) != cursor["mark"]:
            return Gap("its change log does not reach back to the last sync: it was pruned, or the database restored")
        else:
            rows = rows[1:]
        late = [row for low, high, _since in cursor["holes"] for row in self._range(low, high)]
        last = rows[-1] if rows else None
        holes = _holes(cursor["last"], rows, cursor["holes"], {row["id"] for row in late}, now)
        return late + rows, {**cursor, **({"last": last["id"], "mark": mark(last)} if last else {}), "holes": holes}

    def _page(self, first: int) -> tuple[list[dict], float] | Gap:
        answer = self._get({"id__gte": first, "limit": PAGE, "ordering": "id"})
        if answer.status == 403:
            return Gap(f"the token may not see its change log (permission {NEEDS})")
        page = answer.json()
        rows = page["results"]
        if page["next"]:
            rows = rows + self._range(rows[-1]["id"] + 1, (1 << 62) - 1)
        return rows, _clock(answer.headers)

    def _range(self, low: int, high: int) -> list[dict]:
        rows: list[dict] = []
        while True:
            page = self._get({"id__gte": low, "id__lte": high, "limit": PAGE, "ordering": "id"}).json()
            rows += page["results"]
            if not page["next"]:
                return rows
            low = page["results"][-1]["id"] + 1

    def _get(self, params: dict) -> Answer:
        """A page of the log, which was elsewhere in NetBox 4.0. Status 403: the token may not see it."""
        answer = self.api.get(PATH, {**params, "fields": FIELDS}, accept=(403, 404))
        return answer if answer.status != 404 else self.api.get(PATH_4_0, {**params, "fields": FIELDS}, accept=(403,))


def mark(row: Mapping) -> str:
    """What tells an entry from another one with the same number."""
    return fingerprint([row[key] for key in ("id", "time", "request_id", "changed_object_type", "changed_object_id")])[:16]


def _holes(last: int, rows: list[Mapping], before: list, late: set[int], now: float) -> list[list]:
    """The ranges of numbers that were not seen yet and may still come, with the time since when they are missing."""
    holes = []
    for low, high, since in before:
        if now - since < SETTLED:
            holes += _missing(low - 1, sorted(number for number in late if low <= number <= high) + [high + 1], since)
    return (holes + _missing(last, [row["id"] for row in rows], now))[-HOLES:]


def _missing(last: int, numbers: list[int], since: float) -> list[list]:
    found = []
    for number in numbers:
        if number > last + 1:
            found.append([last + 1, number - 1, since])
        last = number
    return found


def _clock(headers: Mapping[str, str]) -> float:
    """The server's time, in seconds since 1970: only compared with other times of the same server."""
    said = headers.get("date")
    return (email.utils.parsedate_to_datetime(said) if said else datetime.datetime.now(datetime.timezone.utc)).timestamp()
