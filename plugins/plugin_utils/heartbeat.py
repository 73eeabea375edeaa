# Copyright: (c) 2026, leasehold.cloud contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A run's heartbeat: a small process that tells the ledger, as long as ansible-playbook lives, that the run does.

Tasks may take hours (an erase of large drives), and while one is at work no other can tell. So the process that starts a
run leaves this one behind. It ends by itself: with ansible-playbook, with the run, or when another run has taken over.
"""

from __future__ import annotations

import os
import signal
import time

from ansible_collections.leasehold.cloud.plugins.module_utils.core.errors import LeaseholdError
from ansible_collections.leasehold.cloud.plugins.module_utils.ledger import runs
from ansible_collections.leasehold.cloud.plugins.module_utils.ledger.database import Ledger
from ansible_collections.leasehold.cloud.plugins.module_utils.ledger.holder import is_gone

BEATS = 3  # within the time after which a silent run is taken for dead
LOOK = 0.5  # seconds between two looks at whether ansible-playbook still lives


def leave_behind(ledger: str, actor: str, run: dict, lapse: int) -> None:
    """Start the heartbeat of a run. To be called with no connection to the ledger open: the new process would share it.

    :param ledger: its URL or path.
    :param run: the run's row: C(cluster), C(token), C(holder).
    :param lapse: seconds without a sign of life after which the run is taken for dead.
    """
    child = os.fork()
    if child:
        os.waitpid(child, 0)
        return
    try:
        os.setsid()  # a signal to the playbook's group is not for it
        if not os.fork():
            _detach()
            _beat(ledger, actor, run, lapse)
    finally:
        os._exit(0)  # whatever happened: this is a copy of Ansible, which must not go on


def _detach() -> None:
    """Let go of all that was inherited: whoever waits for the end of the playbook's output must not wait for us."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGCHLD):
        signal.signal(number, signal.SIG_DFL)
    nothing = os.open(os.devnull, os.O_RDWR)
    for descriptor in range(3):
        os.dup2(nothing, descriptor)
    os.closerange(3, os.sysconf("SC_OPEN_MAX"))


def _beat(ledger: str, actor: str, run: dict, lapse: int) -> None:
    following = time.monotonic() + lapse / BEATS
    while not is_gone(run["holder"]):
        if time.monotonic() >= following:
            if not _told(ledger, actor, run, lapse):
                return
            following = time.monotonic() + lapse / BEATS
        time.sleep(LOOK)


def _told(ledger: str, actor: str, run: dict, lapse: int) -> bool:
    """Whether the run goes on. A ledger that does not answer for a while is asked again; nobody could take over meanwhile."""
    try:
        with Ledger.open(ledger, actor, writable=False) as opened, opened.transaction() as tx:
            alive = runs.beat(tx, run["cluster"], run["token"], lapse)
            tx.keep()
            return alive
    except LeaseholdError:
        return True
