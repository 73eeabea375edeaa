# Copyright: (c) 2026, leasehold.cloud contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Leases, reservations and holds; documented in plugins/modules/lease_info.py."""

from __future__ import annotations

from ansible_collections.leasehold.cloud.plugins.module_utils.core import times
from ansible_collections.leasehold.cloud.plugins.module_utils.core.orders import DURATION, duration_seconds
from ansible_collections.leasehold.cloud.plugins.module_utils.ledger import calendar
from ansible_collections.leasehold.cloud.plugins.plugin_utils.ledger import LedgerAction, warm

warm()


class ActionModule(LedgerAction):
    """Reads one moment of the ledger."""

    def execute(self, args, task_vars):
        with self.open_ledger(args, writable=False) as ledger, ledger.reading() as tx:
            wanted = calendar.Wanted(**{key: args[key] for key in ("tenant", "cluster", "phase", "held", "site")},
                                     ends_before=_moment(args["ends_before"], tx.at))
            return {"changed": False, "leases": calendar.find(tx, wanted), "reservations": calendar.reservations(tx, wanted),
                    "holds": calendar.holds(tx, wanted)}


def _moment(text: str | None, now: str) -> str | None:
    """A moment, written as such or as how long it is from now."""
    if text is None or not DURATION.fullmatch(text):
        return text and times.parse(text, "ends_before")
    return times.after(now, duration_seconds(text, "ends_before"))
