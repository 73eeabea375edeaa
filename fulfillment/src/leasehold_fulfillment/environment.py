# SPDX-License-Identifier: GPL-3.0-or-later
"""The environment of a run: handed to ansible-playbook through a FIFO, so that no file and no argument shows it."""

from __future__ import annotations

import errno
import json
import os
import sys
import threading
from pathlib import Path

LAUNCHER = Path(__file__).parent / "launcher.py"


def of_run(extra: dict[str, str]) -> dict[str, str]:
    """This process's environment with C(extra), and with the Ansible that is installed beside this Python first in PATH."""
    environment = os.environ | extra
    beside = str(Path(sys.executable).parent)
    environment["PATH"] = os.pathsep.join(filter(None, [beside, environment.get("PATH", os.defpath)]))
    environment.setdefault("LANG", "C.UTF-8")
    return environment


class PrivateEnvironment:
    """Gives C(variables) to one command. Use :meth:`wrap` for the command line, :meth:`close` when the command has ended."""

    def __init__(self, directory: Path, variables: dict[str, str]):
        self._fifo = directory / "environment"
        self._variables = variables
        self._closed = threading.Event()
        os.mkfifo(self._fifo, 0o600)
        self._writer = threading.Thread(target=self._serve, name="environment", daemon=True)
        self._writer.start()

    def wrap(self, command: list[str]) -> list[str]:
        """The command line that starts C(command) with the variables."""
        return [sys.executable, "-I", "-S", str(LAUNCHER), str(self._fifo), *command]

    def close(self) -> None:
        """Stop serving and remove the FIFO."""
        self._closed.set()
        self._writer.join()
        self._fifo.unlink()

    def _serve(self) -> None:
        descriptor = self._reader()
        if descriptor is not None:
            with os.fdopen(descriptor, "w", encoding="utf-8") as stream:
                json.dump(self._variables, stream)

    def _reader(self) -> int | None:
        """The FIFO once somebody reads it; None when closed before: a plain open() would hang if the command never starts."""
        while not self._closed.wait(0.005):
            try:
                descriptor = os.open(self._fifo, os.O_WRONLY | os.O_NONBLOCK)
            except OSError as error:
                if error.errno != errno.ENXIO:
                    raise
            else:
                os.set_blocking(descriptor, True)
                return descriptor
        return None
