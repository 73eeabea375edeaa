# Copyright: (c) 2026, leasehold.cloud contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What was done, by whom; documented in plugins/modules/event_info.py."""

from __future__ import annotations

import datetime

from ansible_collections.leasehold.cloud.plugins.module_utils.core.errors import InvalidInput
from ansible_collections.leasehold.cloud.plugins.module_utils.ledger import events
from ansible_collections.leasehold.cloud.plugins.module_utils.ledger.database import iso, moment
from ansible_collections.leasehold.cloud.plugins.plugin_utils.ledger import LedgerAction, warm

warm()


class ActionModule(LedgerAction):
    """Reads one moment of the ledger."""

    def execute(self, args, task_vars):
        if args["limit"] < 1:
            raise _invalid("limit", f"{args['limit']} is not a number of events", "give 1 or more")
        filters = events.Filters(
            args["subject"], args["action"], args["actor"], _time(args, "since"), _time(args, "until"), args["after"],
        )
        with self.open_ledger(args, writable=False) as ledger, ledger.reading() as tx:
            found = events.find(tx, filters, args["limit"] + 1)
        return {"changed": False, "events": found[:args["limit"]], "more": len(found) > args["limit"]}


def _time(args: dict, option: str) -> str | None:
    """A time as the ledger writes it: they are compared as texts."""
    if args[option] is None:
        return None
    try:
        found = moment(args[option])
    except ValueError as error:
        raise _invalid(option, f"{args[option]!r} is no time", "give a time in ISO 8601, such as 2026-11-20T08:00:00Z") from error
    return iso(found if found.tzinfo else found.replace(tzinfo=datetime.timezone.utc))


def _invalid(option: str, problem: str, remedy: str) -> InvalidInput:
    return InvalidInput(problem, object=f"option {option}", attempted="reading the options", remedy=remedy)
