# Copyright: (c) 2026, leasehold.cloud contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What has become of leases, holds and reservations by now; documented in plugins/modules/sweep.py."""

from __future__ import annotations

from ansible_collections.leasehold.cloud.plugins.module_utils.core.errors import InvalidInput
from ansible_collections.leasehold.cloud.plugins.module_utils.core.orders import duration_seconds, grace_seconds
from ansible_collections.leasehold.cloud.plugins.module_utils.ledger import sweeps
from ansible_collections.leasehold.cloud.plugins.plugin_utils.ledger import LedgerAction, warm

warm()


class ActionModule(LedgerAction):
    """All of it in one transaction."""

    def execute(self, args, task_vars):
        if args["limit"] is not None and args["limit"] < 0:
            raise InvalidInput(
                f"{args['limit']} is no number of clusters", object="option limit", attempted="sweeping", remedy="give 0 or more, or leave it out",
            )
        thresholds = [duration_seconds(text, "warn") for text in args["warn"]]
        with self.open_ledger(args) as ledger, ledger.transaction() as tx:
            report, changes = sweeps.sweep(tx, thresholds, grace_seconds(args["grace"], "grace"))
            releasing = report["expired"][:args["limit"]] if args["release"] else []
            return self.keep(tx, changes) | report | {"release": releasing, "start": report["due"] if args["start"] else []}
