"""The servers' BMCs: one process serves a Redfish BMC at each server's own address, with that one server in it.

sushy-tools' emulator answers (systems, virtual media, managers, chassis); what Redfish has and it lacks is added here to
the DMTF's schemas: Drive with SecureErase, TaskService, LogServices, one-time boot, drive health. The state is
``lab.hardware``'s, which the physics reads.
"""

from __future__ import annotations

import json
import secrets
import socket
import sys
from pathlib import Path

from lab import tls
from lab.hardware import Hardware
from lab.layout import BMC_PORT
from lab.process import Processes
from lab.settings import Settings

PROCESS = "bmc"


def credentials(directory: Path) -> dict:
    """``{"username", "password"}`` of every BMC, made up when the lab has none yet (``bmc.json``, mode 0600)."""
    path = directory / "bmc.json"
    if not path.exists():
        made_up = {"username": "admin", "password": secrets.token_urlsafe(18)}
        tls.write_private(path, (json.dumps(made_up) + "\n").encode())
    return json.loads(path.read_text())


def start(settings: Settings, processes: Processes) -> None:
    """Start the BMCs of a lab and wait until they answer; nothing happens when they run already.

    :raises lab.process.ProcessError: they did not start.
    """
    directory, layout = settings.directory, settings.layout
    credentials(directory)
    Hardware(directory / "hardware.db").create(layout)
    processes.start(PROCESS, [sys.executable, "-m", "lab.bmc", str(directory)], cwd=Path(__file__).parents[2])
    last = layout.servers[-1].bmc_address
    processes.wait_until(PROCESS, lambda: _answers(last), 30, f"answer from the BMC at {last}")


def stop(processes: Processes) -> None:
    processes.stop(PROCESS, grace=0)


def _answers(address: str) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex((address, BMC_PORT)) == 0
