# Copyright: (c) 2026, leasehold.cloud contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Set the VLANs of an Open vSwitch's ports; documented in plugins/modules/ovs_ports.py."""

from __future__ import annotations

from ansible_collections.leasehold.cloud.plugins.module_utils import ovsdb
from ansible_collections.leasehold.cloud.plugins.module_utils.core import ports
from ansible_collections.leasehold.cloud.plugins.module_utils.lazy import preload
from ansible_collections.leasehold.cloud.plugins.plugin_utils.fence import FencedAction

preload("ovs.db.idl")


class ActionModule(FencedAction):
    """All changes of a switch in one transaction, then read back."""

    def execute(self, args, task_vars):
        place = ports.Place(args["switch"] or args["host"], args["bridge"])
        wanted = args["ports"]
        ports.check_wanted(place, wanted)
        with ovsdb.Session(ovsdb.Remote.from_options(args), place, args["timeout"]) as session:
            decision = ports.decide(place, session.ports(), wanted)
            result = self.apply(decision.changes, lambda: session.change(lambda now: ports.decide(place, now, wanted)))
            if self.check_mode:
                return result | {"ports": decision.observed()}
            if args["wait_applied"]:
                session.await_applied()
            return result | {"ports": ports.decide(place, session.ports(), wanted).observed()}
