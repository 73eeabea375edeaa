# Copyright: (c) 2026, leasehold.cloud contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Writing back: what is there is read, what differs is written in bulk, and nothing that somebody else wrote in between is overwritten.

Nautobot has no conditional writes. So right before objects are written, it is looked whether they are still those that were read; who only touched
other fields is no conflict.
"""

from __future__ import annotations

import collections
from collections.abc import Iterable, Mapping

from ansible_collections.leasehold.cloud.plugins.module_utils.core.errors import SourceConflict
from ansible_collections.leasehold.cloud.plugins.module_utils.sources.nautobot.api import LINE, Api, chunks
from ansible_collections.leasehold.cloud.plugins.module_utils.sources.netbox.edits import Edit, edit

BULK = 100  # objects of one write
WHOLE = frozenset({"dcim/interfaces"})  # lists whose objects have several of what is written


class Writer:
    """Carries out edits."""

    def __init__(self, api: Api):
        self.api = api

    def write(self, edits: Iterable[Edit]) -> None:
        """:raises SourceConflict: somebody changed the same field of an object since it was read. Of its hundred, none is written."""
        by: dict[str, list[Edit]] = collections.defaultdict(list)
        for one in edits:
            by[one.path].append(one)
        for some in by.values():
            for start in range(0, len(some), BULK):
                self._bulk(some[start:start + BULK])

    def make_all(self, path: str, model: str, bodies: list[Mapping]) -> list[dict]:
        """New objects, in their order. Of a hundred, all are made or none."""
        parts = [bodies[start:start + BULK] for start in range(0, len(bodies), BULK)]
        return [row for part in parts for row in self.api.send("POST", path, part, f"add on {model}").json()]

    def remove_all(self, path: str, model: str, rows: list[Mapping]) -> None:
        """Delete objects, unless somebody changed one since it was read. Of a hundred, all are deleted or none."""
        read = {row["id"]: row for row in rows}
        fresh = self.rows(path, model, read)  # those that are gone meanwhile need nothing
        for row in fresh:
            if row["last_updated"] != read[row["id"]]["last_updated"]:
                raise conflict(self.api.about, f"{model} {row.get('display') or row['id']}", "the object", "as it was read", "changed meanwhile")
        for start in range(0, len(fresh), BULK):
            self.api.send("DELETE", path, [{"id": row["id"]} for row in fresh[start:start + BULK]], f"delete on {model}")

    def rows(self, path: str, model: str, ids: Iterable[str]) -> list[dict]:
        """The objects with these ids, as the REST API has them; with their tagged VLANs, where they have any."""
        found = self.api.client.map(lambda part: self.api.rows(path, {"id": part}, model, lean=path not in WHOLE), chunks(ids, LINE))
        return [row for rows in found for row in rows]

    def _bulk(self, edits: list[Edit]) -> None:
        path, model = edits[0].path, edits[0].model
        fresh = {row["id"]: row for row in self.rows(path, model, {one.number for one in edits})}
        left = []
        for one in edits:
            row = fresh.get(one.number)
            if row is not None:  # those that are gone meanwhile need nothing
                left.append(one if row["last_updated"] == one.last_updated else self._again(one, row))
        body = [{"id": one.number, **one.body} for one in left if one]
        if body:
            self.api.send("PATCH", path, body, f"change on {model}")

    def _again(self, one: Edit, row: Mapping) -> Edit | None:
        """What is left to be written after somebody else wrote; None when they wrote the same.

        :raises SourceConflict: they wrote something else into one of our fields.
        """
        now = {cell.name: cell for cell in one.read(row)}
        for cell in one.cells:
            found = now[cell.name]
            if found.before not in (cell.before, cell.after):
                raise conflict(self.api.about, one.title, cell.name, cell.after, found.before)
        return edit(one.path, one.model, one.title, row, one.read)


def conflict(about: str, title: str, field: str, ours: object, theirs: object) -> SourceConflict:
    """The error that names both values."""
    return SourceConflict(
        f"{field}: we would write {ours!r}, somebody else has just written {theirs!r}", object=f"{title} in {about}", attempted="publishing",
        remedy="see which is right; running this again publishes over what is there by then",
        details={"object": title, "field": field, "wanted": ours, "found": theirs})
