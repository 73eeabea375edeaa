"""What stands before the emulator at each address: whose BMC this is, who may come in, and whether it answers at all."""

from __future__ import annotations

import base64
import hmac
import time
from pathlib import Path

from sushy_tools import error
from sushy_tools.emulator.main import RedfishAuthMiddleware

from lab import faults
from lab.layout import ServerPlace

SERVER_KEY = "lab.server"  # in the WSGI environment: the ServerPlace whose BMC is asked
LAB_KEY = "lab.directory"


class Gate(RedfishAuthMiddleware):
    """The WSGI application of one BMC. Basic authentication everywhere but at the service root, as Redfish says."""

    def __init__(self, app, server: ServerPlace, login: dict, directory: Path):
        # The emulator's own check spends 0.1 s of bcrypt on every request, so the file it wants is not used.
        self.app = app
        self._server = server
        self._directory = directory
        pair = f"{login['username']}:{login['password']}".encode()
        self._expected = b"Basic " + base64.b64encode(pair)

    def __call__(self, environ, start_response):
        self._hang_if_told()
        environ[SERVER_KEY] = self._server
        environ[LAB_KEY] = self._directory
        if environ.get("PATH_INFO", "").strip("/") not in self._EXCLUDE_PATHS and not self._admits(environ):
            refusal = self.format_exception(error.Unauthorized("Incorrect username or password"))
            return refusal(environ, start_response)
        return self.app(environ, start_response)

    def _admits(self, environ: dict) -> bool:
        given = environ.get("HTTP_AUTHORIZATION", "").encode("latin-1")
        return hmac.compare_digest(given, self._expected)

    def _hang_if_told(self) -> None:
        """Fault ``bmc-timeout``: the request is taken and never answered; once it is cleared the connection closes."""
        if not faults.active(self._directory, "bmc-timeout", self._server.name):
            return
        faults.consume(self._directory, "bmc-timeout", self._server.name)
        while faults.active(self._directory, "bmc-timeout", self._server.name):
            time.sleep(0.2)
        raise ConnectionAbortedError("the BMC hangs")
