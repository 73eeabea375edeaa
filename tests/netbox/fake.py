# SPDX-License-Identifier: GPL-3.0-or-later
"""A fake at the edge: a NetBox in this process, on loopback, for tests that have no real one.

It follows NetBox 4.6's public REST, GraphQL and OpenAPI documentation, and what a real 4.6.8 was seen to answer: paging, filters, C(fields), brief objects,
custom fields, tokens of both versions and their permissions, the change log with what each change draws along, ETag and If-Match, bulk changes, and export
templates rendered by Jinja's sandbox over objects with the attributes of NetBox's models. It refuses what it does not know instead of ignoring it. Tests can
take it away, slow it down, prune its log and restore a backup.
"""

from __future__ import annotations

import copy
import dataclasses
import http.server
import json
import re
import threading
import time
from urllib.parse import parse_qs, urlsplit

import jinja2
import jinja2.sandbox

from tests.netbox import graphql
from tests.netbox.lists import chosen, page, shown
from tests.netbox.models import BY_PATH, MODELS, Model
from tests.netbox.store import Handle, Row, Rows, Store
from tests.netbox.writes import Refused, Writer

LONGEST_LINE = 4094  # gunicorn's
CHANGES = "core/object-changes"
DONE = {"POST": "add", "PATCH": "change", "PUT": "change", "DELETE": "delete", "GET": "view", "OPTIONS": "view"}


@dataclasses.dataclass
class Token:
    """``permissions``: texts such as C(view dcim.device); None: all."""

    permissions: set[str] | None = None
    write: bool = True
    expired: bool = False

    def may(self, done: str, type_: str) -> bool:
        return self.permissions is None or f"{done} {type_}" in self.permissions


@dataclasses.dataclass
class Fault:
    """What befalls requests whose path matches: a status instead of an answer, or a delay before it. ``times``: of how many."""

    path: str
    status: int | None = None
    delay: float = 0.0
    times: int = 1_000_000
    cut: bool = False  # the connection breaks in the middle of the answer


@dataclasses.dataclass
class Asked:
    method: str
    path: str
    query: dict
    body: object


class FakeNetBox:
    """The server; a context manager. C(url) and C(token) are how it is reached."""

    def __init__(self, version: str = "4.6", most: int = 1000, graphql_enabled: bool = True):
        self.version, self.most, self.graphql_enabled = version, most, graphql_enabled
        self.store = Store()
        self.writer = Writer(self.store)
        self.token = "nbt_abcdefghijkl.0123456789ABCDEFGHIJ0123456789abcdefghij"
        self.tokens = {f"Bearer {self.token}": Token()}
        self.faults: list[Fault] = []
        self.asked: list[Asked] = []
        self.lock = threading.RLock()
        self.url = ""

    def __enter__(self) -> FakeNetBox:
        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        self._server.daemon_threads = True
        threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True).start()
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        return self

    def __exit__(self, *_exception) -> None:
        self._server.shutdown()
        self._server.server_close()

    def permit(self, *permissions: str, **more) -> str:
        """A token (of version 1) whose user has these permissions alone."""
        token = f"{len(self.tokens):040x}"
        self.tokens[f"Token {token}"] = Token(set(permissions), **more)
        return token

    def prune(self, keep: int) -> None:
        """Only the last ``keep`` entries of the change log are left."""
        self.writer.log = self.writer.log[-keep:] if keep else []

    @staticmethod
    def model(type_: str) -> Model:
        return MODELS[type_]

    def find(self, type_: str, **values) -> Row:
        """The row with these values."""
        return next(row for row in self.store.rows[type_].values() if all(getattr(row, name) == value for name, value in values.items()))

    def backup(self) -> tuple:
        return copy.deepcopy((self.store, self.writer))

    def restore(self, backup: tuple) -> None:
        """What it was at the time of a backup, with other times from there on."""
        self.store, self.writer = copy.deepcopy(backup)
        self.writer.now = self.writer.now.replace(year=self.writer.now.year + 1)

    # -- one request

    def answer(self, asked: Asked, authorization: str) -> tuple[int, object, dict]:
        """Status, JSON (or text) and headers."""
        token = self.tokens.get(authorization)
        if token is None or token.expired:
            version = 2 if authorization.startswith("Bearer nbt_") else 1
            said = "Token expired" if token else f"Invalid v{version} token" if authorization else "Authentication credentials were not provided."
            return 403, {"detail": said}, {}
        if asked.path == "/graphql/":
            return self._graphql(asked, token)
        if not asked.path.startswith("/api/"):
            return 404, "<html>Page not found</html>", {}
        try:
            return self._rest(asked, token)
        except Refused as error:
            return error.status, error.said if isinstance(error.said, dict) else {"detail": error.said}, {}

    def _graphql(self, asked: Asked, token: Token) -> tuple[int, object, dict]:
        if not self.graphql_enabled:
            return 404, "<html>Page not found</html>", {}
        try:
            return 200, {"data": graphql.answer(self.store, asked.body["query"], lambda model: token.may("view", model.type))}, {}
        except graphql.Wrong as error:
            return 200, {"data": None, "errors": [{"message": str(error)}]}, {}

    def _rest(self, asked: Asked, token: Token) -> tuple[int, object, dict]:
        path, _slash, tail = asked.path.removeprefix("/api/").rstrip("/").partition("/")
        path = f"{path}/{tail.partition('/')[0]}"
        rest = tail.partition("/")[2].split("/") if "/" in tail else []
        if path == "status/":
            return 200, {"netbox-version": f"{self.version}.0"}, {}
        if path == CHANGES:
            return self._changes(asked, token)
        if path not in BY_PATH:
            return 404, {"detail": "Not found."}, {}
        model = BY_PATH[path]
        if not token.may(DONE[asked.method], model.type) or (asked.method != "GET" and not token.write):
            raise Refused(403, "You do not have permission to perform this action.")
        self.writer.begin()
        if rest:
            return self._single(asked, model, rest)
        return self._list(asked, model, token) if asked.method == "GET" else self._bulk(asked, model)

    def _changes(self, asked: Asked, token: Token) -> tuple[int, object, dict]:
        if not token.may("view", "core.objectchange"):
            raise Refused(403, "You do not have permission to perform this action.")
        rows = [row for row in self.writer.log if row["id"] >= int(asked.query.get("id__gte", ["0"])[0])
                and row["id"] <= int(asked.query.get("id__lte", [str(1 << 62)])[0])]
        found = page(rows, {"ordering": ["-id"], **asked.query}, f"{self.url}{asked.path}?", self.most)
        return 200, self._fields(found, asked), {}

    @staticmethod
    def _fields(found: dict, asked: Asked) -> dict:
        if "fields" in asked.query:
            wanted = asked.query["fields"][0].split(",")
            found["results"] = [{name: row[name] for name in wanted if name in row} for row in found["results"]]
        return found

    def _list(self, asked: Asked, model: Model, token: Token) -> tuple[int, object, dict]:
        rows = Rows(self.store, model, chosen(Rows(self.store, model, self.store.rows[model.type].values()), model, asked.query))
        if "export" in asked.query:
            return self._export(rows, model, asked.query["export"][0], token)
        found = page(list(rows), asked.query, f"{self.url}{asked.path}?", self.most)
        wanted = set(asked.query["fields"][0].split(",")) if "fields" in asked.query else None
        return 200, found | {"results": [shown(row, self.url, wanted) for row in found["results"]]}, {}

    def _export(self, rows: Rows, model: Model, name: str, token: Token) -> tuple[int, object, dict]:
        templates = [row for row in self.store.rows["extras.exporttemplate"].values() if row.name == name and model.type in row.object_types]
        if not templates or not token.may("view", "extras.exporttemplate"):
            return 404, {"detail": "Not found."}, {}
        context = {"queryset": rows}
        for type_, other in MODELS.items():
            app, _dot, _name = type_.partition(".")
            context.setdefault(app, {})[type_] = Handle(self.store, other)
        try:
            return 200, jinja2.sandbox.SandboxedEnvironment().from_string(templates[0].template_code).render(context), {}
        except (jinja2.TemplateError, AttributeError, TypeError, ValueError) as error:
            return 500, {"error": str(error), "exception": type(error).__name__, "netbox_version": self.version}, {}

    def _single(self, asked: Asked, model: Model, rest: list[str]) -> tuple[int, object, dict]:
        row = self.store.rows[model.type].get(int(rest[0]))
        if row is None:
            raise Refused(404, "Not found.")
        if rest[1:] == ["paths"]:
            return 200, self._paths(row), {}
        if asked.method == "GET":
            wanted = set(asked.query["fields"][0].split(",")) if "fields" in asked.query else None
            return 200, shown(row, self.url, wanted), {"ETag": etag(row)}
        match = asked.query.get("If-Match")
        if match and match != etag(row):
            return 412, {"detail": "Precondition failed."}, {"ETag": etag(row)}
        if asked.method == "DELETE":
            self.writer.delete(row)
            return 204, "", {}
        self.writer.update(row, asked.body)
        return 200, shown(row, self.url), {"ETag": etag(row)}

    def _paths(self, port: Row) -> list[dict]:
        found = []
        for interface in self.store.rows["dcim.interface"].values():
            path = interface._path  # pylint: disable=protected-access
            if path and any(one is port for step in path.steps for one in step):
                found.append({"id": interface.id, "is_active": path.is_active, "is_complete": path.is_complete, "is_split": False,
                              "path": [[shown(one, self.url) for one in step] for step in path.steps]})
        return found

    def _bulk(self, asked: Asked, model: Model) -> tuple[int, object, dict]:
        """All of a bulk change, or none of it."""
        several = isinstance(asked.body, list)
        items = asked.body if several else [asked.body]
        if asked.method == "POST":
            rows = [self.writer.create(model, item) for item in items]
            return 201, [shown(row, self.url) for row in rows] if several else shown(rows[0], self.url), {}
        rows = [(self.store.rows[model.type].get(item["id"]), {name: one for name, one in item.items() if name != "id"}) for item in items]
        for row, values in rows:
            if row is not None and asked.method == "DELETE":
                self.writer.delete(row)
            elif row is not None:
                self.writer.update(row, values)
        return (204, "", {}) if asked.method == "DELETE" else (200, [shown(row, self.url) for row, _values in rows if row is not None], {})


def etag(row: Row) -> str:
    return f'W/"{row.last_updated.isoformat()}"'


def _handler(fake: FakeNetBox) -> type:
    class Handler(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def handle_any(self) -> None:
            parts = urlsplit(self.path)
            content = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            asked = Asked(self.command, parts.path, parse_qs(parts.query, keep_blank_values=True), json.loads(content) if content else None)
            fault = next((fault for fault in fake.faults if re.search(fault.path, self.path)), None)
            if fault:
                fault.times -= 1
                fake.faults = [fault for fault in fake.faults if fault.times > 0]
                time.sleep(fault.delay)
            if len(self.path) > LONGEST_LINE:
                return self.say(400, "<html>Request Line is too large</html>", {})
            if fault and fault.status:
                return self.say(fault.status, "<html>the proxy's own page</html>", {})
            if self.headers.get("If-Match"):
                asked.query["If-Match"] = self.headers["If-Match"]
            with fake.lock:
                fake.asked.append(asked)
                answered = fake.answer(asked, self.headers.get("Authorization", ""))
            return self.say(*answered, cut=bool(fault and fault.cut))

        do_GET = do_POST = do_PATCH = do_PUT = do_DELETE = do_OPTIONS = handle_any

        def say(self, status: int, said, headers: dict, cut: bool = False) -> None:
            content = said.encode() if isinstance(said, str) else json.dumps(said).encode()
            self.send_response(status)
            for name, value in {"API-Version": fake.version, "Content-Length": str(len(content)), **headers}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(content[:len(content) // 2] if cut else content)
            if cut:
                self.close_connection = True

        def log_message(self, *_args) -> None:
            pass

    return Handler
