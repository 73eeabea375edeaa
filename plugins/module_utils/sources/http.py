# Copyright: (c) 2026, leasehold.cloud contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""HTTP as clients of sources need it: one server, one token, many requests at once, and errors that name the remedy.

A request is bounded in time as a whole, not only between two bytes. Requests that may be repeated are, a few times, when
the server is away for a moment. The token is in no error, no representation and follows no redirect.
"""

from __future__ import annotations

import concurrent.futures
import dataclasses
import ipaddress
import json
import os
import ssl
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from urllib.parse import urlsplit

from ansible_collections.leasehold.cloud.plugins.module_utils.core.errors import DeviceFailed, InvalidInput, LeaseholdError, Unreachable
from ansible_collections.leasehold.cloud.plugins.module_utils.lazy import lazy

httpx = lazy("httpx")

AWAY = frozenset({502, 503, 504})  # of a proxy or server that may be back in a moment
BUSY = 429
REFUSED = (400, 409, 422)  # what was asked was wrong, and it says how
PAUSES = (0.5, 1.0, 2.0)  # seconds before each repetition
LONGEST_PAUSE = 10.0  # of those that a server asks for by Retry-After, seconds
CONNECT_TIMEOUT = 10.0  # seconds, whatever an answer may take
SHOWN = 300  # characters of an answer that an error shows
PAGE_READS = 3  # of a list that moves while its pages are read
NOT_MOVED = frozenset({200, 201, 202, 204})
IDEMPOTENT = frozenset({"GET", "HEAD", "PUT", "DELETE", "OPTIONS"})


@dataclasses.dataclass(frozen=True)
class Server:
    """How one server is spoken to. Times in seconds.

    ``kind``: what errors call it, such as C(NetBox). ``authorization``: the whole header value, C(Bearer …).
    ``ca_path``: file or directory of trusted CAs (None: the system's). ``timeout``: for one request, its answer included.
    """

    kind: str
    url: str
    authorization: str | None = dataclasses.field(default=None, repr=False)
    validate_certs: bool = True
    ca_path: str | None = None
    timeout: float = 60.0
    connections: int = 4
    pauses: tuple[float, ...] = PAUSES
    headers: tuple[tuple[str, str], ...] = ()
    wrong_token: tuple[str, ...] = ()  # how answers of status 403 begin that mean the token itself, not what it may do


@dataclasses.dataclass(frozen=True)
class Answer:
    """What a server answered. ``headers`` has names in lower case."""

    status: int
    headers: Mapping[str, str]
    content: bytes
    request: str  # "GET /api/dcim/devices/", for errors
    server: str

    def json(self):
        """The content as JSON.

        :raises DeviceFailed: it is something else: a login page, a proxy's error.
        """
        try:
            return json.loads(self.content)
        except ValueError as error:
            raise DeviceFailed(
                f"it answered with something that is not JSON: {self.text[:SHOWN]!r}", object=self.server, attempted=self.request,
                remedy="check the URL: it is the one that people open, without /api, and no proxy may answer in its place",
                details={"status": self.status}) from error

    @property
    def text(self) -> str:
        return self.content.decode("utf-8", "replace")


class Client:
    """A connection pool to one server; safe to use from several threads.

    :raises InvalidInput: the URL cannot be used, or would send the token unprotected over a network.
    """

    def __init__(self, server: Server):
        self.server = server
        self.url = base_url(server)
        self.about = f"{server.kind} at {self.url}"
        self._lock = threading.Lock()
        self._requests = self._bytes = 0
        self._first: float | None = None
        self._last = 0.0
        self._client = None

    def __repr__(self) -> str:
        return f"Client({self.about})"

    def __enter__(self) -> Client:
        return self

    def __exit__(self, *_exception) -> None:
        self.close()

    def close(self) -> None:
        """Close its connections; a later request opens new ones."""
        with self._lock:
            client, self._client = self._client, None
        if client is not None:
            client.close()

    @property
    def cost(self) -> dict:
        """``{requests, bytes, seconds}``: repetitions included; bytes received, as on the wire; from the first request to the last answer."""
        return {"requests": self._requests, "bytes": self._bytes, "seconds": round(self._last - (self._first or self._last), 3)}

    def get(self, path: str, params=None, **options) -> Answer:
        """As :meth:`request`."""
        return self.request("GET", path, params=params, **options)

    def request(self, method: str, path: str, *, params=None, body=None, headers: Mapping[str, str] | None = None, needs: str | None = None,
                accept: Iterable[int] = (), repeat: bool | None = None, timeout: float | None = None) -> Answer:
        """One request and its answer.

        :param path: from the server's root, such as C(/api/status/).
        :param params: of the query: a dict, or pairs where a name comes several times.
        :param body: what is sent as JSON.
        :param needs: the permission that the request needs, for the error of a token that lacks it.
        :param accept: statuses other than success that are an answer to the caller, too.
        :param repeat: whether the request may be sent again when its answer did not come. As its method says, unless given.
        :raises Unreachable: no answer in time, or a proxy's that there is none.
        :raises InvalidInput: the token is wrong (401), or not permitted to (403).
        :raises DeviceFailed: any other status; C(details.status) has it.
        """
        again = method in IDEMPOTENT if repeat is None else repeat
        accepted = NOT_MOVED.union(accept)
        pauses = iter(self.server.pauses if again else ())
        while True:
            pause = next(pauses, None)
            try:
                answer = self._once(method, path, params, body, headers, timeout or self.server.timeout)
            except Unreachable as error:
                if pause is None or error.details.get("final"):
                    raise
            else:
                if answer.status in accepted:
                    return answer
                if pause is None or answer.status not in AWAY | {BUSY}:
                    raise self._refusal(answer, needs)
                pause = max(pause, _asked_pause(answer))
            time.sleep(pause)

    def map(self, function: Callable, items: Iterable) -> list:
        """``function`` of each item, as many at once as there are connections; the results in order. The first error ends it."""
        items = list(items)
        if len(items) < 2:
            return [function(item) for item in items]
        with concurrent.futures.ThreadPoolExecutor(self.server.connections) as pool:
            futures = [pool.submit(function, item) for item in items]
            try:
                return [future.result() for future in futures]
            except BaseException:
                pool.shutdown(wait=False, cancel_futures=True)
                raise

    def pages(self, path: str, params: Mapping | None = None, *, size: int = 1000, needs: str | None = None) -> list[dict]:
        """All rows of a list that is paged by C(limit) and C(offset) and tells its C(count); pages after the first are read at once.

        A list that moved meanwhile (another count, a row twice) is read again: a row might have slipped from one page to another.

        :raises DeviceFailed: it moved each time; besides what :meth:`request` raises.
        """
        for _read in range(PAGE_READS):
            rows = self._pages(path, dict(params or {}), size, needs)
            if rows is not None:
                return rows
        raise DeviceFailed(
            f"the list changed while it was read, {PAGE_READS} times", object=self.about, attempted=f"GET {path}",
            remedy="run this again when fewer objects are made and deleted there")

    def _pages(self, path: str, params: dict, size: int, needs: str | None) -> list[dict] | None:
        def page(offset: int) -> dict:
            return self.get(path, {**params, "limit": size, "offset": offset}, needs=needs).json()

        first = page(0)
        got = max(len(first["results"]), 1)  # a server gives fewer than asked for when its own limit is lower
        rest = self.map(page, range(got, first["count"], got)) if first.get("next") else []
        if any(answer["count"] != first["count"] for answer in rest):
            return None
        rows = {row["id"]: row for answer in [first, *rest] for row in answer["results"]}
        return list(rows.values()) if len(rows) == first["count"] else None

    def _once(self, method: str, path: str, params, body, headers, timeout: float) -> Answer:
        request = f"{method} {path}"
        started = time.monotonic()
        with self._lock:
            self._client = self._client or self._open()
            self._first = self._first or started
            self._requests += 1
            client = self._client
        limits = httpx.Timeout(timeout, connect=min(CONNECT_TIMEOUT, timeout))
        try:
            with client.stream(method, path, params=params, json=body, headers=headers, timeout=limits) as response:
                return Answer(response.status_code, response.headers, self._content(response, started + timeout), request, self.about)
        except httpx.HTTPError as error:
            raise self._no_answer(error, request, timeout) from None  # its request, and with it the token, stays behind
        except httpx.InvalidURL as error:
            raise InvalidInput(f"{path!r} is no path: {error}", object=self.about, attempted=request, remedy="correct the URL") from None

    def _content(self, response, deadline: float) -> bytes:
        content = bytearray()
        try:
            for chunk in response.iter_bytes():
                content += chunk
                if time.monotonic() > deadline:
                    raise httpx.ReadTimeout("the answer is not complete", request=response.request)
            return bytes(content)
        finally:
            self._count(response.num_bytes_downloaded)

    def _count(self, received: int) -> None:
        with self._lock:
            self._bytes += received
            self._last = time.monotonic()

    def _open(self):
        server = self.server
        headers = {"Accept": "application/json", "User-Agent": "leasehold.cloud", **dict(server.headers)}
        if server.authorization:
            headers["Authorization"] = server.authorization
        limits = httpx.Limits(max_connections=server.connections, max_keepalive_connections=server.connections)
        return httpx.Client(base_url=self.url, headers=headers, verify=_trust(server, self.url), limits=limits, follow_redirects=False)

    def _no_answer(self, error, request: str, timeout: float) -> LeaseholdError:
        about = {"object": self.about, "attempted": request}
        cause = _certificate_problem(error)
        if cause:
            return Unreachable(f"its certificate is not trusted: {cause}", remedy="give the CA of its certificate as ca_path",
                               details={"final": True}, **about)
        if isinstance(error, httpx.UnsupportedProtocol):
            return InvalidInput(f"the URL cannot be used: {error}", remedy="give a URL such as https://netbox.example.com", **about)
        if isinstance(error, httpx.TimeoutException):
            return Unreachable(f"it did not answer within {timeout:g} s", remedy="run this again, or give a longer timeout", **about)
        return Unreachable(f"it cannot be reached: {self._scrub(str(error)) or type(error).__name__}",
                           remedy="check its URL, that it is up, and the network between; then run this again", **about)

    def _refusal(self, answer: Answer, needs: str | None) -> LeaseholdError:
        said = self._said(answer)
        about = {"object": self.about, "attempted": answer.request, "details": {"status": answer.status, "answer": said}}
        if answer.status == 401 or (answer.status == 403 and said.startswith(self.server.wrong_token)):
            return InvalidInput(f"it does not accept the token: {said}", remedy="give a token that is valid there, enabled and not expired", **about)
        if answer.status == 403:
            remedy = f"give the token's user the permission: {needs}" if needs else "give a token with the permission to do so"
            return InvalidInput(f"the token may not: {said}", remedy=f"{remedy}; or give another token", **about)
        if 300 <= answer.status < 400:
            target = urlsplit(answer.headers.get("location", ""))._replace(query="", fragment="").geturl()
            return InvalidInput(f"it redirects to {target or 'another place'}", remedy="give the URL it redirects to: tokens follow none", **about)
        if answer.status in AWAY | {BUSY}:
            return Unreachable(f"it is not ready to answer ({answer.status}): {said}", remedy="run this again when it is", **about)
        remedy = "correct what it names" if answer.status in REFUSED else "look at its own log for the request"
        return DeviceFailed(f"it answered {answer.status}: {said}", remedy=f"{remedy}, then run this again", **about)

    def _said(self, answer: Answer) -> str:
        text = answer.text
        try:
            document = json.loads(text)
        except ValueError:
            document = None
        if isinstance(document, dict) and isinstance(document.get("detail") or document.get("error"), str):
            text = document.get("detail") or document["error"]
        return self._scrub(" ".join(text.split()))[:SHOWN]

    def _scrub(self, text: str) -> str:
        """Without the token, should a server or library have repeated it."""
        secret = (self.server.authorization or "").rpartition(" ")[2]
        for part in (secret, secret.rpartition(".")[2]):
            text = text.replace(part, "***") if len(part) > 3 else text
        return text


def base_url(server: Server) -> str:
    """The server's URL without what people copy along: a trailing C(/) or C(/api).

    :raises InvalidInput: it is no HTTP URL, has a user in it, or sends the token in the clear over a network.
    """
    def refuse(message: str, remedy: str) -> InvalidInput:
        return InvalidInput(message, object=f"{server.kind}'s url", attempted="reading the source's options", remedy=remedy)

    try:
        parts = urlsplit(server.url)
        host, _port = parts.hostname, parts.port
    except ValueError as error:
        raise refuse(f"it is no URL: {error}", "give a URL such as https://netbox.example.com") from None
    if parts.scheme not in ("http", "https") or not host:
        raise refuse(f"{server.url!r} is not an HTTP URL", "give a URL such as https://netbox.example.com")
    if parts.username or parts.password:
        raise refuse("it has a user or password in it", "give the token as option token, and the URL without")
    if parts.scheme == "http" and server.validate_certs and not _is_here(host):
        raise refuse(f"http://{host} would carry the token unprotected", "give its https:// URL, or accept that by validate_certs: false")
    path = parts.path.rstrip("/")
    return parts._replace(path=path.removesuffix("/api").rstrip("/"), query="", fragment="").geturl()


def _is_here(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _trust(server: Server, url: str) -> ssl.SSLContext | bool:
    if not server.validate_certs or url.startswith("http://"):
        return False
    if server.ca_path is None:
        return ssl.create_default_context()
    try:
        directory = os.path.isdir(server.ca_path)
        return ssl.create_default_context(cafile=None if directory else server.ca_path, capath=server.ca_path if directory else None)
    except OSError as error:
        raise InvalidInput(f"the CA file cannot be used: {error.strerror or error}", object=server.ca_path, attempted=f"trusting {server.kind}",
                           remedy="give a readable file or directory of CA certificates in PEM form as ca_path") from error


def _certificate_problem(error: BaseException | None) -> str | None:
    while error is not None:
        if isinstance(error, ssl.SSLCertVerificationError):
            return error.verify_message or str(error)
        if "CERTIFICATE_VERIFY_FAILED" in str(error) and error.__context__ is None:
            return str(error)
        error = error.__cause__ or error.__context__
    return None


def _asked_pause(answer: Answer) -> float:
    """Seconds, by Retry-After (its other form, a date, is not asked for long enough to matter)."""
    asked = answer.headers.get("retry-after", "")
    return min(float(asked), LONGEST_PAUSE) if asked.isdigit() else 0.0
