"""Many HTTPS listeners in one process: one loop accepts for all of them, each connection gets a short-lived thread."""

from __future__ import annotations

import selectors
import socketserver
import ssl
import sys
import threading
from pathlib import Path

from werkzeug.serving import ThreadedWSGIServer, WSGIRequestHandler

PATIENCE = 60  # seconds a connection may stay silent
STACK = 512 * 1024  # bytes a thread; the usual 8 MiB are address space that hundreds of threads need not take


class QuietHandler(WSGIRequestHandler):
    """Logs errors only: a lab's BMCs are polled all the time."""

    timeout = PATIENCE

    def log_request(self, code="-", size="-") -> None:
        pass


class Listener(ThreadedWSGIServer):
    """One address. TLS is spoken in the connection's own thread, so that a client that dawdles delays nobody."""

    request_queue_size = 64
    timeout = 0  # handle_request() takes what is there and does not wait

    def __init__(self, address: str, port: int, app, tls_context: ssl.SSLContext):
        super().__init__(address, port, app, handler=QuietHandler)
        self.ssl_context = tls_context  # after the base's __init__, which would do the handshakes in the loop

    def server_bind(self) -> None:
        """Without http.server's look-up of the address's host name: with a hundred addresses it takes seconds."""
        socketserver.TCPServer.server_bind(self)
        self.server_name, self.server_port = self.server_address[:2]

    def finish_request(self, request, client_address) -> None:
        request.settimeout(PATIENCE)
        with self.ssl_context.wrap_socket(request, server_side=True) as secured:
            super().finish_request(secured, client_address)

    def handle_error(self, request, client_address) -> None:
        """A client that went away, or does not trust our certificate, is its own affair; the rest goes to the log."""
        if not isinstance(sys.exc_info()[1], OSError):
            super().handle_error(request, client_address)


def context(certificate: Path, key: Path) -> ssl.SSLContext:
    """TLS with this certificate and key (PEM files)."""
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    made.load_cert_chain(certificate, key)
    return made


def serve(apps: dict, port: int, tls_context: ssl.SSLContext) -> None:
    """Serve a WSGI application at each address, for ever."""
    threading.stack_size(STACK)
    selector = selectors.DefaultSelector()
    for address, app in apps.items():
        listener = Listener(address, port, app, tls_context)
        selector.register(listener.socket, selectors.EVENT_READ, listener)
    while True:
        for key, _events in selector.select():
            key.data.handle_request()
