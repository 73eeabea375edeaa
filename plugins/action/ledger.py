# Copyright: (c) 2026, leasehold.cloud contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Make the ledger, and bring its schema up to date; documented in plugins/modules/ledger.py."""

from __future__ import annotations

from ansible_collections.leasehold.cloud.plugins.module_utils.core.changes import Change
from ansible_collections.leasehold.cloud.plugins.module_utils.core.errors import Refused
from ansible_collections.leasehold.cloud.plugins.module_utils.ledger import schema
from ansible_collections.leasehold.cloud.plugins.module_utils.ledger.database import schema_version
from ansible_collections.leasehold.cloud.plugins.module_utils.ledger.migrations import upgrade
from ansible_collections.leasehold.cloud.plugins.plugin_utils.ledger import LedgerAction, warm

warm()


class ActionModule(LedgerAction):
    """A schema is migrated in one transaction, and only when the task says so."""

    def execute(self, args, task_vars):
        there = self._schema(args)
        changes = [] if there == schema.HEAD else [Change("schema", "of the ledger", there, schema.HEAD)]
        result = self.apply(changes, lambda: self.open_ledger(args, migrate=args["migrate"]).close())
        return result | {"before": there, "after": schema.HEAD}

    def _schema(self, args: dict) -> str | None:
        """The schema that the ledger has, None where there is none.

        :raises Refused: it is older and is not to be migrated, or there is no way from it.
        """
        try:
            with self.open_ledger(args, writable=False) as ledger, ledger.reading() as tx:
                return schema_version(tx.connection)
        except Refused as error:
            version = error.details.get("schema")
            if version is None or not (args["migrate"] and upgrade.knows(version)):
                raise
            return version
