# Copyright: (c) 2026, leasehold.cloud contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Bring the ledger's mirror up to date with a source of truth; documented in plugins/modules/source.py."""

from __future__ import annotations

from ansible_collections.leasehold.cloud.plugins.module_utils.core.errors import InvalidSource
from ansible_collections.leasehold.cloud.plugins.module_utils.ledger import mirror
from ansible_collections.leasehold.cloud.plugins.module_utils.sources import open_source
from ansible_collections.leasehold.cloud.plugins.module_utils.sources.protocol import Options
from ansible_collections.leasehold.cloud.plugins.plugin_utils.ledger import LedgerAction, warm

warm()


class ActionModule(LedgerAction):
    """Reads the source, unless it says what it said the last time, and writes what differs."""

    def execute(self, args, task_vars):
        source = open_source(args["kind"], Options(path=args["path"]))
        with self.open_ledger(args, migrate=args["migrate"]) as ledger:
            with ledger.reading() as tx:
                sync = mirror.unchanged(tx, source.mark)
            if sync:
                return self.apply([], lambda: None) | _told(sync)
            datacenter = source.read().datacenter
            _refuse_other_site(args, datacenter.site)
            with ledger.transaction() as tx:
                sync = mirror.sync(tx, datacenter, source.mark)
                if not self.check_mode:
                    tx.keep()  # the source's mark, also where no record differs
                return self.apply(sync.changes, tx.keep) | _told(sync)


def _told(sync: mirror.Sync) -> dict:
    return {"counts": sync.counts, "alarms": sync.alarms}


def _refuse_other_site(args: dict, site: str) -> None:
    if args["site"] and args["site"] != site:
        raise InvalidSource(
            f"it describes the site {site}, not {args['site']}", object=f"{args['path']}: site", attempted="syncing",
            remedy="give the path of the right source, or correct the option site",
        )
