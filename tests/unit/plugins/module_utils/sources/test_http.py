# SPDX-License-Identifier: GPL-3.0-or-later
"""The HTTP client of sources, against a small server of the test's own."""

from __future__ import annotations

import contextlib
import gzip
import http.server
import json
import ssl
import threading
import time
from urllib.parse import parse_qs, urlsplit

import pytest

from lab import tls

from ansible_collections.leasehold.cloud.plugins.module_utils.core.errors import DeviceFailed, InvalidInput, Unreachable
from ansible_collections.leasehold.cloud.plugins.module_utils.sources.http import Client, Server, base_url

TOKEN = "nbt_abcdef123456.0123456789abcdefSECRET"


@contextlib.contextmanager
def served(answer, certificate=None):
    """A server that answers C(answer(handler, path, query) -> (status, headers, body)); with a certificate and its key, by HTTPS."""
    class Handler(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self):  # pylint: disable=invalid-name
            parts = urlsplit(self.path)
            self.rfile.read(int(self.headers.get("Content-Length") or 0))
            answered = answer(self, parts.path, {name: values[-1] for name, values in parse_qs(parts.query).items()})
            if answered:
                status, headers, body = answered
                self.send_response(status)
                for name, value in {**headers, "Content-Length": str(len(body))}.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(body)

        do_POST = do_PATCH = do_GET

        def log_message(self, *_args):
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    if certificate:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(*certificate)
        server.socket = context.wrap_socket(server.socket, server_side=True)
    threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    try:
        yield f"{'https' if certificate else 'http'}://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()


def client(url, **options):
    return Client(Server("NetBox", url, f"Bearer {TOKEN}", pauses=(0.01, 0.01), **options))


def as_json(document, status=200, **headers):
    return status, {"Content-Type": "application/json", **headers}, json.dumps(document).encode()


def test_token_and_parameters_are_sent_and_the_cost_is_counted_as_on_the_wire():
    seen = []

    def answer(handler, path, query):
        seen.append((path, query, handler.headers["Authorization"]))
        return 200, {"Content-Encoding": "gzip"}, gzip.compress(json.dumps({"text": "x" * 5000}).encode())

    with served(answer) as url, client(f"{url}/base/api/") as http_client:
        document = http_client.get("/api/status/", {"limit": 5}).json()
    assert document == {"text": "x" * 5000}
    assert seen == [("/base/api/status/", {"limit": "5"}, f"Bearer {TOKEN}")]
    assert http_client.cost["requests"] == 1
    assert 0 < http_client.cost["bytes"] < 1000


@pytest.mark.parametrize("status", [502, 503, 504, 429])
def test_what_is_away_for_a_moment_is_asked_again(status):
    calls = []

    def answer(_handler, _path, _query):
        calls.append(1)
        return as_json({"ok": True}) if len(calls) == 3 else as_json({}, status)

    with served(answer) as url, client(url) as http_client:
        assert http_client.get("/api/").json() == {"ok": True}
    assert len(calls) == 3


def test_what_stays_away_is_unreachable_and_a_write_is_not_sent_twice():
    calls = []

    def answer(handler, _path, _query):
        calls.append(handler.command)
        return as_json({}, 502)

    with served(answer) as url, client(url) as http_client:
        with pytest.raises(Unreachable):
            http_client.get("/api/")
        assert calls == ["GET"] * 3
        with pytest.raises(Unreachable):
            http_client.request("POST", "/api/", body={"name": "x"})
        assert calls == ["GET"] * 3 + ["POST"]
        with pytest.raises(Unreachable):
            http_client.request("POST", "/graphql/", body={"query": "{}"}, repeat=True)
        assert len(calls) == 7


@pytest.mark.parametrize(("status", "error", "remedy"), [
    (401, InvalidInput, "valid"), (403, InvalidInput, "view on dcim.device"), (404, DeviceFailed, "log"), (500, DeviceFailed, "log"),
    (302, InvalidInput, "https://elsewhere.example.com/login"),
])
def test_refusals_say_what_to_do_and_never_the_token(status, error, remedy):
    def answer(_handler, _path, _query):
        return as_json({"detail": f"you sent Bearer {TOKEN} and its secret 0123456789abcdefSECRET"}, status,
                       Location=f"https://elsewhere.example.com/login?next={TOKEN}")

    with served(answer) as url, client(url) as http_client, pytest.raises(error) as caught:
        http_client.get("/api/dcim/devices/", needs="view on dcim.device")
    assert remedy in str(caught.value)
    assert caught.value.details["status"] == status
    shown = json.dumps(caught.value.as_result()) + repr(http_client) + repr(http_client.server) + repr(caught.value.__context__)
    assert "SECRET" not in shown


def test_statuses_that_the_caller_takes_as_answers_are_returned():
    with served(lambda *_: as_json({}, 404)) as url, client(url) as http_client:
        assert http_client.get("/api/x/", accept=(404,)).status == 404


def test_an_answer_that_drips_does_not_take_longer_than_the_timeout():
    def answer(handler, _path, _query):
        handler.send_response(200)
        handler.send_header("Content-Length", "100")
        handler.end_headers()
        with contextlib.suppress(OSError):
            for _byte in range(100):
                handler.wfile.write(b" ")
                handler.wfile.flush()
                time.sleep(0.05)

    started = time.monotonic()
    with served(answer) as url, Client(Server("NetBox", url, pauses=(), timeout=0.3)) as http_client:
        with pytest.raises(Unreachable, match="within 0.3 s"):
            http_client.get("/api/")
    assert time.monotonic() - started < 3


def test_a_server_that_is_down_is_unreachable():
    with served(lambda *_: as_json({})) as url:
        pass
    with client(url) as http_client, pytest.raises(Unreachable, match="cannot be reached"):
        http_client.get("/api/")


def test_an_answer_that_is_not_json_is_told_with_its_beginning():
    with served(lambda *_: (200, {}, b"<html>Sign in</html>")) as url, client(url) as http_client:
        with pytest.raises(DeviceFailed, match="Sign in"):
            http_client.get("/api/").json()


def test_a_certificate_has_to_be_trusted(tmp_path):
    certificate = tls.issue(tmp_path, "netbox", ["127.0.0.1"])
    authority = str(tmp_path / "ca.crt")
    with served(lambda *_: as_json({"ok": True}), certificate) as url:
        with pytest.raises(Unreachable, match="certificate is not trusted") as caught:
            client(url).get("/api/")
        assert "ca_path" in caught.value.remedy
        assert client(url, ca_path=authority).get("/api/").json() == {"ok": True}
        assert client(url, validate_certs=False).get("/api/").json() == {"ok": True}
        with pytest.raises(Unreachable, match="certificate is not trusted"):
            client(url.replace("127.0.0.1", "localhost"), ca_path=authority).get("/api/")  # another name than it is for
        with pytest.raises(InvalidInput, match="CA file"):
            client(url, ca_path=str(tmp_path / "none.crt")).get("/api/")


def rows_page(rows, query, **more):
    offset, limit = int(query["offset"]), int(query["limit"])
    page = rows[offset:offset + limit]
    return as_json({"count": len(rows), "next": "more" if offset + limit < len(rows) else None, "results": page, **more})


def test_pages_are_read_to_the_end_in_order():
    rows = [{"id": number} for number in range(25)]
    with served(lambda _handler, _path, query: rows_page(rows, query)) as url, client(url) as http_client:
        assert http_client.pages("/api/x/", {"brief": 1}, size=10) == rows
        assert http_client.cost["requests"] == 3
        assert http_client.pages("/api/x/", size=100) == rows


def test_pages_that_moved_are_read_again_and_given_up_in_the_end():
    rows = [{"id": number} for number in range(25)]
    moves = [1]

    def answer(_handler, _path, query):
        if query["offset"] == "10" and moves:
            moves.pop()
            del rows[0]
        return rows_page(rows, query)

    with served(answer) as url, client(url) as http_client:
        assert http_client.pages("/api/x/", size=10) == rows
        moves += [1] * 10
        with pytest.raises(DeviceFailed, match="changed while"):
            http_client.pages("/api/x/", size=10)


def test_the_first_error_ends_what_is_done_at_once():
    done = []

    def fail(item):
        if item == 0:
            raise DeviceFailed("no", object="x", attempted="y", remedy="z")
        time.sleep(0.02)
        done.append(item)

    with pytest.raises(DeviceFailed):
        Client(Server("NetBox", "http://127.0.0.1:1", connections=2)).map(fail, range(100))
    assert len(done) < 20


@pytest.mark.parametrize(("url", "wanted"), [
    ("https://nb.example.com", "https://nb.example.com"), ("https://nb.example.com/", "https://nb.example.com"),
    ("https://nb.example.com/netbox/api/", "https://nb.example.com/netbox"), ("http://localhost:8000/api", "http://localhost:8000"),
    ("http://[::1]:8000", "http://[::1]:8000"),
])
def test_the_url_is_the_one_that_people_open(url, wanted):
    assert base_url(Server("NetBox", url)) == wanted


@pytest.mark.parametrize("url", ["nb.example.com", "ftp://nb.example.com", "http://nb.example.com", "https://user:SECRET@nb.example.com", "https://[x"])
def test_urls_that_would_harm_are_refused(url):
    with pytest.raises(InvalidInput) as caught:
        base_url(Server("NetBox", url))
    assert "SECRET" not in str(caught.value)
    if url.startswith("http://"):
        assert base_url(Server("NetBox", url, validate_certs=False)) == url
