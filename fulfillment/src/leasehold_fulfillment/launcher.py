# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs as ``python -I -S launcher.py FIFO COMMAND …``: becomes COMMAND, with the environment that it reads from FIFO.

ansible-runner records its command's environment in the run's artifacts. What passes through here is in neither the
artifacts nor the arguments. Imports little, to cost little.
"""

from __future__ import annotations

import json
import os
import sys


def main(fifo: str, command: list[str]) -> None:
    """Replace this process by C(command). Variables that are set already win."""
    with open(fifo, encoding="utf-8") as stream:
        environment = json.load(stream)
    environment.update(os.environ)
    os.execvpe(command[0], command, environment)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2:])
