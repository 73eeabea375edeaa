# Copyright: (c) 2026, leasehold.cloud contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Nautobot's REST and GraphQL APIs as the other parts of this client use them."""

from __future__ import annotations

import functools
import json
import re
from collections.abc import Iterable, Mapping

from ansible_collections.leasehold.cloud.plugins.module_utils.core.errors import DeviceFailed, InvalidInput
from ansible_collections.leasehold.cloud.plugins.module_utils.sources.http import Answer, Client, Server
from ansible_collections.leasehold.cloud.plugins.module_utils.sources.protocol import Options

KIND = "Nautobot"
OLDEST = (2, 2)  # before, VLANs and prefixes had one location
UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
LINE = 60  # ids in one request's line: gunicorn refuses lines of more than 4094 characters
LEAN = {"depth": 0, "exclude_m2m": "true"}  # without what takes most of the time
WHOLE = {"depth": 0, "exclude_m2m": "false"}  # which Nautobot 3 has to be asked for


class Api:
    """One Nautobot and, in it, one site: a location, with all that is below it.

    :raises InvalidInput: when url, token or site is not given, or cannot be used.
    """

    def __init__(self, options: Options):
        for name in ("url", "token", "site"):
            if not getattr(options, name):
                raise InvalidInput(f"no {name} is given", object=f"option {name}", attempted="reading the source",
                                   remedy=f"give the option {name}: a source of kind nautobot needs it")
        token = options.token.strip().removeprefix("Token ")  # people copy the whole header
        self.client = Client(Server(KIND, options.url, f"Token {token}", options.validate_certs, options.ca_path, options.timeout))
        self.about, self.wanted_site = self.client.about, options.site
        self._said: tuple[int, int] | None = None

    @functools.cached_property
    def site(self) -> dict:
        """``{id, name}`` of the location.

        :raises InvalidInput: there is none of that name or id, several, or the token may not see it.
        """
        by = "id" if UUID.fullmatch(self.wanted_site) else "name__ie"
        found = self.get("dcim/locations", {by: self.wanted_site, **LEAN}, view("dcim.location")).json()["results"]
        exact = [row for row in found if row["name"] == self.wanted_site] or found
        if len(exact) == 1:
            return {"id": exact[0]["id"], "name": exact[0]["name"]}
        about = {"object": self.about, "attempted": "finding the site"}
        if exact:
            ids = ", ".join(sorted(row["id"] for row in exact))
            raise InvalidInput(f"it has several locations {self.wanted_site}", remedy=f"give the location's id as site: one of {ids}", **about)
        raise InvalidInput(f"it has no location {self.wanted_site}, or the token may not see it",
                           remedy=f"give the location's name or id as site; and the token's user the permission {view('dcim.location')} for it", **about)

    @property
    def version(self) -> tuple[int, int]:
        """Of Nautobot: (3, 2). Each answer of its REST API tells it.

        :raises InvalidInput: it is older than what can be read.
        """
        if self._said is None:
            self.get("extras/statuses", {"limit": 1, **LEAN})
        return self._said

    @property
    def has_paths(self) -> bool:
        """Whether cable paths can be asked for by themselves (3.2 and later), and not only through an interface."""
        return self.version >= (3, 2)

    def get(self, path: str, params=None, needs: str | None = None, accept: Iterable[int] = ()) -> Answer:
        """One answer of C(/api/<path>/)."""
        answer = self.client.get(f"/api/{path}/", params, needs=needs, accept=accept)
        self._said = self._said or self._heard(answer.headers.get("api-version", ""))
        return answer

    def rows(self, path: str, params: Mapping, model: str, lean: bool = True) -> list[dict]:
        """All rows of a list.

        :param lean: without what they have several of: tags, tagged VLANs.
        """
        return self.client.pages(f"/api/{path}/", {**params, **(LEAN if lean else WHOLE)}, needs=view(model))

    def send(self, method: str, path: str, body, needs: str) -> Answer:
        """Write something: C(POST), C(PATCH) or C(DELETE). Not repeated: whether it was done is not known when its answer is lost."""
        return self.client.request(method, f"/api/{path}/", body=body, needs=needs, repeat=False)

    def query(self, text: str) -> dict:
        """What a GraphQL query yields: C({name: rows}).

        Rows that the token may not see are left out without a word: see :meth:`seen`.

        :raises DeviceFailed: with what it says is wrong with the query; C(details.vanished), that it asks for what is an object's that is not there (any more).
        """
        answer = self.client.request("POST", "/api/graphql/", body={"query": text}, accept=(400,), repeat=True)
        document = answer.json()
        errors = document.get("errors") if isinstance(document, Mapping) else [{"message": "no document"}]
        if errors or not isinstance(document.get("data"), Mapping):
            said = "; ".join(sorted({str(error.get("message", error))[:300] for error in errors or [{"message": "no data"}]}))
            vanished = "not one of the available choices" in said
            raise DeviceFailed(f"its GraphQL refuses a query: {said}", object=self.about, attempted="POST /api/graphql/",
                               remedy="use Nautobot 2.2 to 3.x; look at its own log for the request", details={"answer": said, "vanished": vanished})
        return document["data"]

    def seen(self, path: str, model: str) -> None:
        """Make sure that an empty list is empty, and not hidden.

        :param path: of the list in the REST API, which refuses what GraphQL hides.
        :raises InvalidInput: the token may not see such objects; names the permission.
        """
        self.get(path, {"limit": 1, **LEAN}, view(model))

    def hidden(self, model: str) -> InvalidInput:
        """The error of objects that are there and that the token may not see."""
        return InvalidInput(f"the token may not see any {model}", object=self.about, attempted="reading the source",
                            remedy=f"give the token's user the permission: {view(model)}")

    def _heard(self, said: str) -> tuple[int, int]:
        major, _dot, minor = said.partition(".")
        if not (major.isdigit() and minor.isdigit()):
            raise DeviceFailed("it does not tell its version, so it is not Nautobot", object=self.about, attempted="reading its version",
                               remedy="check the URL; Nautobot 2.2 or later can be read")
        if (int(major), int(minor)) < OLDEST:
            raise InvalidInput(f"it is Nautobot {said}", object=self.about, attempted="reading its version", remedy="update it to Nautobot 2.2 or later")
        return int(major), int(minor)


def view(model: str) -> str:
    """A permission, as an error names it: what an admin has to tick."""
    return f"view on {model}"


def literal(value: object) -> str:
    """A value as a GraphQL query has it: texts, numbers and lists are those of JSON."""
    return json.dumps(sorted(value) if isinstance(value, (set, frozenset)) else value)


def chunks(values: Iterable[str], size: int) -> list[list[str]]:
    """Values, sorted, in lists of at most ``size``."""
    ordered = sorted(values)
    return [ordered[start:start + size] for start in range(0, len(ordered), size)]
