# Copyright: (c) 2026, leasehold.cloud contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the actions that open the ledger share: opening it, acting for somebody, and keeping what was written."""

from __future__ import annotations

import getpass
import os
import platform

from ansible_collections.leasehold.cloud.plugins.module_utils.core.changes import Change
from ansible_collections.leasehold.cloud.plugins.module_utils.core.errors import InvalidInput
from ansible_collections.leasehold.cloud.plugins.module_utils.lazy import preload
from ansible_collections.leasehold.cloud.plugins.module_utils.ledger.database import Ledger, Transaction
from ansible_collections.leasehold.cloud.plugins.plugin_utils.action import LeaseholdAction

ACTOR = "LEASEHOLD_ACTOR"


def actor() -> str:
    """For whom the run acts: E(LEASEHOLD_ACTOR) (whoever launches runs sets it), else the user at this host."""
    return os.environ.get(ACTOR) or f"{getpass.getuser()}@{platform.node()}"


def warm() -> None:
    """Pay for the database libraries once a run, in Ansible's main process (see M(lazy.preload))."""
    preload("sqlalchemy", "sqlalchemy.exc", "sqlalchemy.pool", "sqlalchemy.dialects.sqlite", "sqlalchemy.dialects.postgresql.psycopg")


class LedgerAction(LeaseholdAction):
    """An action that reads or writes the ledger."""

    @staticmethod
    def ledger_url(args: dict) -> str:
        """What the option C(ledger) names."""
        if not args["ledger"]:
            raise InvalidInput(
                "no ledger is named", object="option ledger", attempted="opening the ledger",
                remedy="set the option ledger, or the environment variable LEASEHOLD_LEDGER, to its URL or path",
            )
        return args["ledger"]

    def open_ledger(self, args: dict, *, migrate: bool = False, writable: bool = True) -> Ledger:
        """The ledger that the option C(ledger) names. Check mode makes none, and migrates none."""
        writable = writable and not self.check_mode
        return Ledger.open(self.ledger_url(args), actor(), migrate=migrate and writable, writable=writable)

    def keep(self, tx: Transaction, changes: list[Change]) -> dict:
        """The result of what a transaction changed: kept, unless in check mode, where it is rolled back."""
        return self.apply(changes, tx.keep)
