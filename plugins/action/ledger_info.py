# Copyright: (c) 2026, leasehold.cloud contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is in the ledger, and whether it is whole; documented in plugins/modules/ledger_info.py."""

from __future__ import annotations

from ansible_collections.leasehold.cloud.plugins.module_utils.core.errors import LedgerBroken, NotFound
from ansible_collections.leasehold.cloud.plugins.module_utils.event_file import EventFile
from ansible_collections.leasehold.cloud.plugins.module_utils.ledger import audit
from ansible_collections.leasehold.cloud.plugins.module_utils.ledger.database import address_of, told
from ansible_collections.leasehold.cloud.plugins.plugin_utils.ledger import LedgerAction, warm

warm()
SHOWN = 3  # findings that the message tells; the details have all


class ActionModule(LedgerAction):
    """Reads one moment of the ledger, however long it takes; writers do not wait for it."""

    def execute(self, args, task_vars):
        exported = EventFile(args["anchor"]).events() if args["anchor"] else None  # before the ledger: that has all that the export has now
        with self.open_ledger(args, writable=False) as ledger, ledger.reading() as tx:
            result = {"changed": False, **audit.describe(tx)}
            if not (args["verify"] or args["anchor"]):
                return result
            if result["schema"] is None:
                raise self._nothing(args)
            report = audit.verify(tx, exported)
        if report["findings"]:
            raise _broken(report)
        return result | {"verified": {key: report[key] for key in ("events", "anchored")}}

    def _nothing(self, args: dict) -> NotFound:
        """A ledger that is lost is not whole, though nothing is wrong with what is not there."""
        return NotFound(
            "there is none", object=told(address_of(self.ledger_url(args))), attempted="verifying it",
            remedy="check the option ledger; if it is lost, docs/ledger.md says how to restore a backup",
        )


def _broken(report: dict) -> LedgerBroken:
    findings = report["findings"]
    shown = "; ".join(map(str, findings[:SHOWN]))
    more = f"; and {len(findings) - SHOWN} more" if len(findings) > SHOWN else ""
    return LedgerBroken(
        f"{shown}{more}", object="ledger", attempted="verifying it",
        remedy="stop the runs; docs/ledger.md says what each kind of finding means, and how to go on",
        details=report | {"findings": [finding.as_dict() for finding in findings]},
    )
