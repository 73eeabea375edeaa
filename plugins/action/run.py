# Copyright: (c) 2026, leasehold.cloud contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A cluster's run: start it, tell its steps, end it; documented in plugins/modules/run.py."""

from __future__ import annotations

import os
from collections.abc import Mapping

from ansible_collections.leasehold.cloud.plugins.module_utils.core.errors import Refused
from ansible_collections.leasehold.cloud.plugins.module_utils.ledger import clusters, holds, leases, runs
from ansible_collections.leasehold.cloud.plugins.module_utils.ledger.holder import holder_of
from ansible_collections.leasehold.cloud.plugins.plugin_utils.heartbeat import leave_behind
from ansible_collections.leasehold.cloud.plugins.plugin_utils.ledger import LedgerAction, actor, warm

warm()
KEPT_OF_AN_ERROR = ("error_code", "object", "attempted", "remedy")  # nothing else of a failed task's result: no secrets
LONGEST_MESSAGE = 2000


class ActionModule(LedgerAction):
    """The bookkeeping of a run is no change; the phase that it brings the cluster to is."""

    constraints = {"required_if": [
        ("state", "started", ("operation",)), ("state", "step", ("step", "token")),
        ("state", "finished", ("token",)), ("state", "failed", ("token", "error")),
    ]}

    def execute(self, args, task_vars):
        result = self._kept(args)
        if args["state"] == "started" and args["heartbeat"] and not self.check_mode:
            leave_behind(args["ledger"], actor(), result["run"], args["lapse"])
        return result

    def _kept(self, args):
        with self.open_ledger(args) as ledger, ledger.transaction() as tx:
            if self.check_mode and args["state"] != "started":
                return self.keep(tx, []) | {"token": args["token"], "run": {}}  # there is no run, and the start told the phases
            run, changes = getattr(self, f"_{args['state']}")(tx, args)
            if not self.check_mode:
                tx.keep()  # the run's own row
            return self.keep(tx, changes) | {"token": 0 if self.check_mode else run["token"], "run": run}

    def _started(self, tx, args):
        plan = args["plan"] or {}
        # Ansible runs an action in a fork of ansible-playbook, and that is the process which holds the run.
        run = runs.start(tx, args["cluster"], args["operation"], holder_of(os.getppid()), args["lapse"])
        if args["expired"]:
            leases.refuse_unexpired(tx, args["cluster"])
        if args["operation"] == "reserve":
            leases.refuse_unkept(tx, plan)
        changes = clusters.begin(
            tx, args["cluster"], args["operation"], tenant=args["tenant"] or plan.get("tenant"), site=plan.get("site"),
            resizing=bool(plan.get("add") or plan.get("remove")), starts_at=plan.get("lease_start"),
        )
        if args["step"]:
            run |= self._enter(tx, args, run["token"])
        return run, changes + self._phase(tx, args)

    def _step(self, tx, args):
        if any(args["failed_before"]):
            raise Refused(
                "what it rests on failed on another host", object=f"cluster {args['cluster']}", attempted=f"beginning step {args['step']}",
                remedy="see why it failed there, and run the playbook again: it goes on from where things stand",
            )
        return self._enter(tx, args, args["token"]), self._phase(tx, args)

    def _finished(self, tx, args):
        run = runs.end(tx, args["cluster"], args["token"], runs.FINISHED)
        given_up = holds.give_up(tx, args["cluster"], "deleted") if run["operation"] in clusters.DELETING else []
        return run, given_up + clusters.finish(tx, args["cluster"], run["operation"])

    def _failed(self, tx, args):
        before = runs.get(tx, args["cluster"])
        error = _error(args["error"]) | {"step": args["step"] or (before or {}).get("step")}
        run = runs.end(tx, args["cluster"], args["token"], runs.FAILED, error)
        if before["state"] == runs.FAILED:
            return run, []  # the first failure of a run is the one that is kept
        return run, clusters.fail(tx, args["cluster"], run["operation"], error)

    def _enter(self, tx, args, token):
        clusters.note_step(tx, args["cluster"], args["step"])
        return runs.step(tx, args["cluster"], token, args["step"], args["lapse"])

    def _phase(self, tx, args):
        return clusters.move(tx, args["cluster"], args["phase"]) if args["phase"] else []


def _error(result: Mapping) -> dict:
    """Of a failed task's result, or an error in our own words, what the ledger keeps."""
    message = result.get("reason") or result.get("message") or result.get("msg") or "the task failed without a message"
    return {key: result.get(key) for key in KEPT_OF_AN_ERROR} | {"message": str(message)[:LONGEST_MESSAGE]}
