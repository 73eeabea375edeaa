# Copyright: (c) 2026, leasehold.cloud contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""NetBox's REST API as the other parts of this client use it: the token's two forms, lists read whole, objects by number."""

from __future__ import annotations

import functools
import re
from collections.abc import Iterable, Iterator, Mapping

from ansible_collections.leasehold.cloud.plugins.module_utils.core.errors import DeviceFailed, InvalidInput
from ansible_collections.leasehold.cloud.plugins.module_utils.sources.http import PAUSES, SHOWN, Answer, Client, Server
from ansible_collections.leasehold.cloud.plugins.module_utils.sources.protocol import Options

KIND = "NetBox"
OLDEST = (4, 0)
PAGE = 1000  # rows; NetBox's own limit, unless its admin chose another
LINE = 3000  # characters of a query: gunicorn refuses lines of more than 4094
V2 = "nbt_"  # how tokens of version 2 begin, NetBox 4.5 and later
TOKEN_ELSEWHERE = ", or the environment variable LEASEHOLD_SOURCE_TOKEN"
NOBODY = 0  # no object has this number
GONE = re.compile(r"Select a valid choice\. (\d+) is not one of")
WRONG_TOKEN = ("Invalid v1 token", "Invalid v2 token", "Invalid token", "Invalid authorization header", "Token expired", "Token disabled", "User inactive",
               "Source IP", "Client IP", "Authentication credentials")


class Api:
    """One NetBox and, in it, one site.

    :raises InvalidInput: when url, token or site is not given, or cannot be used.
    """

    def __init__(self, options: Options):
        for name in ("url", "token", "site"):
            if not getattr(options, name):
                raise InvalidInput(f"no {name} is given", object=f"option {name}", attempted="reading the source",
                                   remedy=f"give the option {name}{TOKEN_ELSEWHERE if name == 'token' else ''}: a source of kind netbox needs it")
        token = options.token.strip()
        for scheme in ("Bearer ", "Token "):  # people copy the whole header
            token = token.removeprefix(scheme)
        self.client = Client(Server(KIND, options.url, f"{'Bearer' if token.startswith(V2) else 'Token'} {token}", options.validate_certs,
                                    options.ca_path, options.timeout, pauses=PAUSES, wrong_token=WRONG_TOKEN))
        self.about, self.wanted_site = self.client.about, options.site
        self._said: tuple[int, int] | None = None
        self._site_id: int | None = None

    @property
    def site_id(self) -> int:
        """The site's number: the one that a cursor knew (:meth:`at`), else it is looked up."""
        return self._site_id if self._site_id is not None else self.site["id"]

    def at(self, site: int) -> None:
        """From here on, be at the site of this number, without looking it up."""
        self._site_id = site

    @functools.cached_property
    def site(self) -> dict:
        """``{id, name, slug}`` of the site.

        :raises InvalidInput: there is none of that slug or name, or the token may not see it.
        """
        for name in ("slug", "name__ie"):
            found = self.get("dcim/sites", {name: self.wanted_site, "fields": "id,name,slug"}, view("dcim.site")).json()["results"]
            if len(found) == 1:
                return found[0]
        raise InvalidInput(
            f"it has no site {self.wanted_site}, or the token may not see it", object=self.about, attempted="finding the site",
            remedy=f"give the site's slug; and the token's user the permission {view('dcim.site')} for it")

    @property
    def version(self) -> tuple[int, int]:
        """Of NetBox: (4, 6). Each of its answers tells it.

        :raises InvalidInput: it is older than what can be read.
        """
        if self._said is None:
            self.get("status")
        return self._said

    def _heard(self, said: str) -> tuple[int, int]:
        major, _dot, minor = said.partition(".")
        if not (major.isdigit() and minor.isdigit()):
            raise DeviceFailed("it does not tell its version, so it is not NetBox, or too old", object=self.about, attempted="reading its version",
                               remedy="check the URL; NetBox 4.0 or later can be read")
        if (int(major), int(minor)) < OLDEST:
            raise InvalidInput(f"it is NetBox {said}", object=self.about, attempted="reading its version", remedy="update it to NetBox 4.0 or later")
        return int(major), int(minor)

    def get(self, path: str, params=None, needs: str | None = None, accept: Iterable[int] = ()) -> Answer:
        """One answer of C(/api/<path>/). Where a filter names objects that are no longer there, which NetBox refuses, without those."""
        while True:
            answer = self.client.get(f"/api/{path}/", params, needs=needs, accept={400, *accept})
            self._said = self._said or self._heard(answer.headers.get("api-version", ""))
            if answer.status != 400 or 400 in accept:
                return answer
            fewer = _without_gone(params, answer.text)
            if fewer is None:
                raise DeviceFailed(f"it answered 400: {answer.text[:SHOWN]}", object=self.about, attempted=answer.request,
                                   remedy="look at its own log for the request, then run this again", details={"status": 400})
            params = fewer

    def send(self, method: str, path: str, body, needs: str | None = None, accept: Iterable[int] = (), headers: Mapping[str, str] | None = None) -> Answer:
        """Write something; the answer to it."""
        return self.client.request(method, f"/api/{path}/", body=body, needs=needs, accept=accept, headers=headers)

    def rows(self, path: str, params: Mapping | None = None, needs: str | None = None) -> list[dict]:
        """All rows of a list, by number: each page goes on after the last number of the one before, so that none slips away when others are deleted.

        The first page tells how many there are; if they are many, parts of the numbers are read at once.
        """
        params = {**(params or {}), "limit": PAGE}
        first = self.get(path, {**params, "ordering": "-id"}, needs).json()
        rows = first["results"]
        if not first["next"]:
            return rows[::-1]
        lowest = rows[-1]["id"]
        parts = max(1, min(self.client.server.connections * 2, -(-(first["count"] - len(rows)) // len(rows))))
        bounds = [1 + lowest * part // parts for part in range(parts)] + [lowest]
        read = self.client.map(lambda part: list(self._after(path, params, needs, bounds[part], bounds[part + 1])), range(parts))
        return [row for rows in read for row in rows] + rows[::-1]

    def _after(self, path: str, params: Mapping, needs: str | None, low: int, high: int) -> Iterator[dict]:
        while low < high:
            page = self.get(path, {**params, "ordering": "id", "id__gte": low, "id__lt": high}, needs).json()
            yield from page["results"]
            if not page["next"]:
                return
            low = page["results"][-1]["id"] + 1

    def some(self, path: str, name: str, values: Iterable, params: Mapping | None = None, needs: str | None = None) -> list[dict]:
        """The rows of a list where the filter ``name`` is one of ``values``; in as many requests as lines have to be short, at once."""
        pieces = list(chunks(name, values))
        read = self.client.map(lambda piece: self._piece(path, {**(params or {}), name: piece}, needs), pieces)
        return [row for rows in read for row in rows]

    def _piece(self, path: str, params: Mapping, needs: str | None) -> list[dict]:
        return list(self._after(path, {**params, "limit": PAGE}, needs, 0, 1 << 62))


def _without_gone(params, said: str) -> dict | None:
    """A query without the value that NetBox says is no choice (any more); None when that is not what it says."""
    found = GONE.search(said)
    for name, values in (params or {}).items() if found else ():
        if isinstance(values, list) and int(found[1]) in values:
            left = [value for value in values if value != int(found[1])]
            return {**params, name: left} if left else {**{key: value for key, value in params.items() if key != name}, "id": [NOBODY]}
    return None


def view(object_type: str) -> str:
    """A permission, as an error names it: what an admin has to tick."""
    return f"view on {object_type}"


def chunks(name: str, values: Iterable) -> Iterator[list]:
    """``values`` in lists that each fit into one request's line as C(name=value&name=value)."""
    piece, length = [], 0
    for value in sorted(values):
        size = len(name) + len(str(value)) + 2
        if piece and length + size > LINE:
            yield piece
            piece, length = [], 0
        piece.append(value)
        length += size
    if piece:
        yield piece
