# Copyright: (c) 2026, leasehold.cloud contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Read an Open vSwitch's ports; documented in plugins/modules/ovs_ports_info.py."""

from __future__ import annotations

from ansible_collections.leasehold.cloud.plugins.module_utils import ovsdb
from ansible_collections.leasehold.cloud.plugins.module_utils.core.ports import Place
from ansible_collections.leasehold.cloud.plugins.module_utils.lazy import preload
from ansible_collections.leasehold.cloud.plugins.plugin_utils.action import LeaseholdAction

preload("ovs.db.idl")


class ActionModule(LeaseholdAction):
    """Every port of a bridge, as the switch's database has it."""

    def execute(self, args, task_vars):
        place = Place(args["switch"] or args["host"], args["bridge"])
        with ovsdb.Session(ovsdb.Remote.from_options(args), place, args["timeout"]) as session:
            observed = [columns.observed(name) for name, columns in sorted(session.ports().items())]
        return {"changed": False, "switch": place.switch, "ports": observed}
