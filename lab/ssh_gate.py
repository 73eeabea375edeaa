"""The way to the servers' sshd from outside their networks: as an out-of-band management network would reach them.

Listens on every server's ``ssh_address:2222``. A connection to a running server is handed, socket and all, to an
``sshd -i`` inside that server; to one that is off, it is closed. Run as ``python -m lab.ssh_gate <dir>``.
"""

from __future__ import annotations

import logging
import os
import selectors
import signal
import socket
import subprocess
import sys
from pathlib import Path

from lab import servers, settings
from lab.layout import SSH_PORT, Layout

log = logging.getLogger("ssh_gate")
SSHD = ["/usr/sbin/sshd", "-i", "-e", "-f", "/etc/ssh/sshd_config"]


def main(directory: str) -> None:
    """Serve until SIGTERM."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(name)s %(message)s")
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    layout = settings.load(Path(directory)).layout
    selector = selectors.DefaultSelector()
    for server in layout.servers:
        listener = socket.create_server((server.ssh_address, SSH_PORT), backlog=64)
        listener.setblocking(False)
        selector.register(listener, selectors.EVENT_READ, server.name)
    log.info("listening for %d servers", len(layout.servers))
    while True:
        for key, _events in selector.select(timeout=1):
            _hand_over(layout, key.data, key.fileobj)
        _reap()


def _hand_over(layout: Layout, name: str, listener: socket.socket) -> None:
    """Accept one connection and give it to the server's sshd; this process keeps no part of it."""
    try:
        connection, _peer = listener.accept()
    except BlockingIOError:  # the client has gone already
        return
    with connection:
        connection.setblocking(True)
        try:
            argv = servers.enter(layout, name, SSHD)
        except servers.BootError:
            log.info("%s is off: connection closed", name)
            return
        subprocess.Popen(argv, stdin=connection, stdout=connection, cwd="/", start_new_session=True)


def _reap() -> None:
    """Bury the children that ended."""
    while True:
        try:
            pid, _status = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return
        if pid == 0:
            return


if __name__ == "__main__":
    main(sys.argv[1])
