# SPDX-License-Identifier: GPL-3.0-or-later
"""What is between a client and a server, and can fail: a TCP proxy on loopback."""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from urllib.parse import urlsplit

PIECE = 65536  # bytes
METHODS = (b"GET ", b"POST ", b"PATCH ", b"DELETE ", b"OPTIONS ")  # how a request begins


class Proxy:
    """Leads to the server of ``target``. Faults hold for all connections, also those that are open."""

    def __init__(self, target: str):
        parts = urlsplit(target)
        self.target = (parts.hostname, parts.port)
        self.delay = 0.0  # seconds before each piece of an answer
        self.cut_after: int | None = None  # bytes of answers, after which connections break
        self.down = False
        self.answered = 0  # bytes
        self.asked = 0  # requests
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        threading.Thread(target=self._accept, daemon=True).start()

    def heal(self) -> None:
        """No fault any more."""
        self.delay, self.cut_after, self.down = 0.0, None, False

    def cut(self, after: int) -> None:
        """Break connections after so many more bytes of answers."""
        self.answered, self.cut_after = 0, after

    def close(self) -> None:
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):  # closed
            while True:
                client, _address = self._listener.accept()
                threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client: socket.socket) -> None:
        with client, contextlib.suppress(OSError):
            if self.down:
                return
            with socket.create_connection(self.target) as server:
                threading.Thread(target=self._relay, args=(client, server), daemon=True).start()
                try:
                    self._answer(server, client)
                finally:
                    client.shutdown(socket.SHUT_RDWR)  # a close alone is not told while the other thread still listens

    def _relay(self, client: socket.socket, server: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while piece := client.recv(PIECE):
                self.asked += piece.startswith(METHODS)
                server.sendall(piece)
            server.shutdown(socket.SHUT_WR)

    def _answer(self, server: socket.socket, client: socket.socket) -> None:
        while piece := server.recv(PIECE):
            time.sleep(self.delay)
            left = len(piece) if self.cut_after is None else max(self.cut_after - self.answered, 0)
            client.sendall(piece[:left])
            self.answered += len(piece)
            if left < len(piece) or self.down:
                return
