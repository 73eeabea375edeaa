# Copyright: (c) 2026, leasehold.cloud contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A cluster's lease: renew it, hold it; documented in plugins/modules/lease.py."""

from __future__ import annotations

from ansible_collections.leasehold.cloud.plugins.module_utils.core import times
from ansible_collections.leasehold.cloud.plugins.module_utils.core.orders import duration_seconds, grace_seconds
from ansible_collections.leasehold.cloud.plugins.module_utils.ledger import calendar, leases
from ansible_collections.leasehold.cloud.plugins.plugin_utils.ledger import LedgerAction, warm

warm()


class ActionModule(LedgerAction):
    """One lease, in one transaction."""

    constraints = {
        "mutually_exclusive": [("end", "duration")],
        "required_if": [("state", "renewed", ("end", "duration", "grace"), True), ("state", "held", ("reason",))],
    }

    def execute(self, args, task_vars):
        with self.open_ledger(args) as ledger, ledger.transaction() as tx:
            renewal = getattr(self, f"_{args['state']}")(tx, args)
            found = calendar.find(tx, calendar.Wanted(cluster=args["cluster"]))
            result = self.keep(tx, renewal.changes) | {"lease": found[0] if found else None}
            return result | ({"warnings": renewal.warnings} if renewal.warnings else {})

    def _renewed(self, tx, args):
        return leases.renew(
            tx, args["cluster"],
            end=times.parse(args["end"], "end") if args["end"] else None,
            duration=duration_seconds(args["duration"], "duration") if args["duration"] else None,
            grace=grace_seconds(args["grace"], "grace") if args["grace"] else None,
        )

    def _held(self, tx, args):
        return leases.hold(tx, args["cluster"], args["reason"])

    def _unheld(self, tx, args):
        return leases.hold(tx, args["cluster"], None)
