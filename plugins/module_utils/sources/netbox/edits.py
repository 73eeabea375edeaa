# Copyright: (c) 2026, leasehold.cloud contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Writing back: what is there is read, what differs is written, and nothing that somebody else wrote in between is overwritten.

NetBox 4.6 and later say of each write whether the object is still the one that was read (If-Match); of older ones, C(last_updated) is looked at right
before they are written in bulk. Whoever only touched other fields is no conflict: the write is tried again on what they left.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping, Sequence

from ansible_collections.leasehold.cloud.plugins.module_utils.core.changes import Change
from ansible_collections.leasehold.cloud.plugins.module_utils.core.errors import SourceConflict
from ansible_collections.leasehold.cloud.plugins.module_utils.sources.netbox.api import Api

CONDITIONAL = (4, 6)  # NetBox that knows If-Match
MESSAGES = (4, 4)  # NetBox that keeps a message with each change
MESSAGE = "leasehold.cloud: as the ledger has it"
TRIES = 3  # of a write whose object moves under it
BULK = 100  # objects of one write
CHANGED = 412


@dataclasses.dataclass(frozen=True)
class Cell:
    """One field of an object: what it is called, its value as read, the one wanted, and what is written for that (C(key): C(value))."""

    name: str
    before: object
    after: object
    key: str
    value: object


@dataclasses.dataclass(frozen=True)
class Edit:
    """What is to be written to one object. C(read(row)) has its cells as they are in a row of REST."""

    path: str
    model: str
    title: str
    number: int
    last_updated: str | None
    cells: tuple[Cell, ...]
    read: object  # a function of a row

    @property
    def body(self) -> dict:
        """The fields as REST takes them."""
        found: dict = {}
        for cell in self.cells:
            found[cell.key] = {**found.get(cell.key, {}), **cell.value} if isinstance(cell.value, dict) else cell.value
        return found

    @property
    def changes(self) -> list[Change]:
        return [Change("source", f"{self.title}: {cell.name}", cell.before, cell.after) for cell in self.cells]


def edit(path: str, model: str, title: str, row: Mapping, read) -> Edit | None:
    """What has to be written to a row so that it is as wanted; None when it is.

    :param read: a function of a row: its cells, of which those are written whose sides differ.
    """
    cells = tuple(cell for cell in read(row) if cell.before != cell.after)
    return Edit(path, model, title, row["id"], row["last_updated"], cells, read) if cells else None


class Writer:
    """Carries out edits."""

    def __init__(self, api: Api):
        self.api = api
        self.message = {"changelog_message": MESSAGE} if api.version >= MESSAGES else {}

    def write(self, edits: Iterable[Edit]) -> None:
        """:raises SourceConflict: somebody changed the same field of an object since it was read. That object is not written."""
        edits = list(edits)
        if self.api.version >= CONDITIONAL:
            self.api.client.map(self._conditionally, edits)
            return
        by_path: dict[str, list[Edit]] = {}
        for one in edits:
            by_path.setdefault(one.path, []).append(one)
        for some in by_path.values():
            for start in range(0, len(some), BULK):
                self._bulk(some[start:start + BULK])

    def make(self, path: str, model: str, body: Mapping) -> dict:
        """A new object."""
        return self.api.send("POST", path, {**body, **self.message}, f"add on {model}").json()

    def make_all(self, path: str, model: str, bodies: Sequence[Mapping]) -> None:
        """New objects of a kind, many at once."""
        for start in range(0, len(bodies), BULK):
            self.api.send("POST", path, [{**body, **self.message} for body in bodies[start:start + BULK]], f"add on {model}")

    def remove(self, path: str, model: str, row: Mapping) -> None:
        """Delete an object, unless somebody changed it since it was read."""
        headers = {"If-Match": etag(row["last_updated"])} if self.api.version >= CONDITIONAL else {}
        answer = self.api.send("DELETE", f"{path}/{row['id']}", None, f"delete on {model}", accept=(404, CHANGED), headers=headers)
        if answer.status == CHANGED:
            raise _conflict(self.api.about, f"{model} {row.get('display') or row['id']}", "the object", "as it was read", "changed meanwhile")

    def _conditionally(self, one: Edit) -> None:
        todo: Edit | None = one
        for _try in range(TRIES):
            answer = self.api.send("PATCH", f"{todo.path}/{todo.number}", {**todo.body, **self.message}, f"change on {todo.model}", accept=(CHANGED,),
                                   headers={"If-Match": etag(todo.last_updated)})
            if answer.status != CHANGED:
                return
            row = self.api.get(f"{todo.path}/{todo.number}", needs=f"view on {todo.model}").json()
            todo = self._again(one, row)
            if todo is None:
                return
        raise _conflict(self.api.about, one.title, "the object", "as it was read", "changed again and again")

    def _again(self, one: Edit, row: Mapping) -> Edit | None:
        """What is left to be written after somebody else wrote; None when they wrote the same.

        :raises SourceConflict: they wrote something else into one of our fields.
        """
        now = {cell.name: cell for cell in one.read(row)}
        for cell in one.cells:
            found = now[cell.name]
            if found.before not in (cell.before, cell.after):
                raise _conflict(self.api.about, one.title, cell.name, cell.after, found.before)
        return edit(one.path, one.model, one.title, row, one.read)

    def _bulk(self, edits: list[Edit]) -> None:
        path, model = edits[0].path, edits[0].model
        fresh = {row["id"]: row for row in self.api.some(path, "id", [one.number for one in edits], {"exclude": "config_context"}, f"view on {model}")}
        left = []
        for one in edits:
            row = fresh.get(one.number)
            if row is not None:  # those that are gone meanwhile need nothing
                left.append(one if row["last_updated"] == one.last_updated else self._again(one, row))
        body = [{"id": one.number, **one.body, **self.message} for one in left if one]
        if body:
            self.api.send("PATCH", path, body, f"change on {model}")


def etag(last_updated: str | None) -> str:
    """What NetBox calls the state of an object that was last changed then."""
    return f'W/"{(last_updated or "").replace("Z", "+00:00")}"'


def _conflict(about: str, title: str, field: str, ours: object, theirs: object) -> SourceConflict:
    return SourceConflict(
        f"{field}: we would write {ours!r}, somebody else has just written {theirs!r}", object=f"{title} in {about}", attempted="publishing",
        remedy="see which is right; running this again publishes over what is there by then",
        details={"object": title, "field": field, "wanted": ours, "found": theirs})
