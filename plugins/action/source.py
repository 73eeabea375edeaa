# Copyright: (c) 2026, leasehold.cloud contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Bring the ledger's mirror up to date with a source of truth; documented in plugins/modules/source.py."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

from ansible_collections.leasehold.cloud.plugins.module_utils import publishing, syncing
from ansible_collections.leasehold.cloud.plugins.module_utils.core.errors import LeaseholdError
from ansible_collections.leasehold.cloud.plugins.module_utils.receipts import read_all
from ansible_collections.leasehold.cloud.plugins.plugin_utils.ledger import LedgerAction, warm
from ansible_collections.leasehold.cloud.plugins.plugin_utils.source import SOURCE_CONSTRAINTS, mapping_of, source_of

warm()


class ActionModule(LedgerAction):
    """Reads what changed in the source, or all of it, and writes what differs; or the other way round."""

    secrets = frozenset({"token"})
    constraints = SOURCE_CONSTRAINTS

    def execute(self, args, task_vars):
        mapping, source = mapping_of(args["mapping"]), source_of(args)
        with self.open_ledger(args, migrate=args["migrate"]) as ledger:
            if args["state"] == "published":
                receipts = read_all(args["receipts"]) if args["receipts"] and "journal" in mapping["publish"] else []
                changes, told = publishing.publish(ledger, source, mapping, keep=not self.check_mode, receipts=receipts), {}
            else:
                with _mirror_told():
                    found = syncing.sync(
                        ledger, source, mapping, site=args["site"] if args["kind"] == "file" else None, full=args["full"], keep=not self.check_mode)
                changes, told = found.sync.changes, _told(found)
        return self.apply(changes, lambda: None) | told | {"cost": dict(source.cost)}


@contextlib.contextmanager
def _mirror_told() -> Iterator[None]:
    """What failed says to people, too, which mirror stays."""
    try:
        yield
    except LeaseholdError as error:
        mirror = error.details.get("mirror")
        if mirror:
            error.remedy += f"; the mirror of site {mirror['site']} stays as it was {mirror['age']} s ago"
        raise


def _told(found: syncing.Outcome) -> dict:
    return {"counts": found.sync.counts, "alarms": found.sync.alarms, "problems": found.problems, "site": found.site, "sync": found.kind,
            "sync_reason": found.reason, "way": found.way, "advice": found.advice, "devices_read": found.read, "mirror_age": found.age}
