# Copyright: (c) 2026, leasehold.cloud contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Bring servers to a power state, a boot device, a medium, blank drives; documented in plugins/modules/bmc.py."""

from __future__ import annotations

import datetime

from ansible_collections.leasehold.cloud.plugins.module_utils import bmc as fleet
from ansible_collections.leasehold.cloud.plugins.module_utils.core import bmc as planning
from ansible_collections.leasehold.cloud.plugins.module_utils.core.errors import InvalidInput
from ansible_collections.leasehold.cloud.plugins.module_utils.core.wipe import moment
from ansible_collections.leasehold.cloud.plugins.module_utils.lazy import preload
from ansible_collections.leasehold.cloud.plugins.module_utils.redfish import Login
from ansible_collections.leasehold.cloud.plugins.plugin_utils.fence import FencedAction

preload("sushy", "sushy.exceptions", "sushy.connector", "sushy.auth", "requests.exceptions")
POWER = {"on": "On", "off": "Off", None: None}


class ActionModule(FencedAction):
    """All BMCs are read, then those that differ are changed, each at its own pace; the failures are told together."""

    secrets = frozenset({"password"})

    def execute(self, args, task_vars):
        wanted = planning.Wanted(power=POWER[args["power"]], image=args["virtual_media"] or None,
                                 boot=args["boot"] == "virtual_media", erase=args["erase"])
        fleet.check_servers(args["servers"])
        since = _erase_since(args) if wanted.erase else None
        login = Login.from_options(args)
        chosen = [server for server in args["servers"] if server.get("state") not in args["except_states"]]
        bmcs = [fleet.Bmc(server, login) for server in chosen]
        observed, failures = fleet.each(bmcs, lambda bmc: bmc.read(since), args["concurrency"], self.say)
        plans = {name: planning.steps(name, observed[name], wanted) for name in sorted(observed)}
        learned: dict = {}

        def act():
            done, failed = fleet.each(
                [bmc for bmc in bmcs if bmc.name in plans and plans[bmc.name][0]],
                lambda bmc: bmc.carry_out(plans[bmc.name][0], observed[bmc.name], wanted),
                args["concurrency"], self.say)
            learned.update(done)
            failures.update(failed)

        result = self.apply([change for _steps, changes in plans.values() for change in changes], act)
        servers = {name: _outcome(observed[name], wanted, plans[name][0], learned.get(name, {}))
                   for name in plans if name not in failures}
        if not self.check_mode:
            failures.update(fleet.unproven_wipes(servers))
        if failures:
            proven = {name: servers[name] for name in servers if name not in failures}
            raise fleet.together(failures, proven, len(bmcs), "bringing servers to the wanted state by their BMCs")
        return result | {"servers": servers}


def _erase_since(args: dict) -> datetime.datetime:
    now = datetime.datetime.now(datetime.timezone.utc)
    if not args["erase_since"]:
        return now
    try:
        return moment(args["erase_since"])
    except ValueError as error:
        raise InvalidInput(f"{args['erase_since']!r} is no time", object="erase_since", attempted="reading the options",
                           remedy="give a time in ISO 8601, such as 2026-11-20T08:00:00Z") from error


def _outcome(observed: dict, wanted: planning.Wanted, steps: list[str], learned: dict) -> dict:
    """How a server is after its steps (in check mode: would be)."""
    image = observed["media"]["image"] if observed["media"]["inserted"] else None
    if wanted.image is not None:
        image = None if wanted.image == planning.ABSENT else wanted.image
    return {
        "changed": bool(steps), "steps": steps, "power": wanted.power or observed["power"], "virtual_media": image,
        "wipes": learned.get("wipes", observed.get("wipes", [])),
    }
