"""``python -m lab.bmc <lab directory>``: serve the BMCs of a lab until told to end."""

from __future__ import annotations

import sys
from pathlib import Path

from lab import settings, tls
from lab.bmc import credentials
from lab.bmc.app import create_app
from lab.bmc.gate import Gate
from lab.bmc.listeners import context, serve
from lab.hardware import Hardware
from lab.layout import BMC_PORT


def main(directory: Path) -> None:
    layout = settings.load(directory).layout
    hardware = Hardware(directory / "hardware.db")
    hardware.create(layout)
    app = create_app(hardware)
    certificate, key = tls.issue(directory, "bmc", [server.bmc_address for server in layout.servers])
    login = credentials(directory)
    gates = {server.bmc_address: Gate(app, server, login, directory) for server in layout.servers}
    serve(gates, BMC_PORT, context(certificate, key))


if __name__ == "__main__":
    main(Path(sys.argv[1]).resolve())
