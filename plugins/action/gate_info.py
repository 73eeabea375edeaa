# Copyright: (c) 2026, leasehold.cloud contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Decide whether an order may go on; documented in plugins/modules/gate_info.py."""

from __future__ import annotations

from ansible_collections.leasehold.cloud.plugins.module_utils.core import gates
from ansible_collections.leasehold.cloud.plugins.module_utils.core.errors import InvalidInput
from ansible_collections.leasehold.cloud.plugins.plugin_utils.action import LeaseholdAction


class ActionModule(LeaseholdAction):
    """One gate's finding."""

    constraints = {"required_if": [("gate", "readback", ["segment"]), ("gate", "residue", ["segment"])]}

    def execute(self, args, task_vars):
        try:
            finding = _find(args)
        except (KeyError, TypeError, AttributeError) as error:
            raise InvalidInput(
                f"the gate cannot be decided from what it was given: {type(error).__name__} {error}", object=f"gate {args['gate']}",
                attempted="reading 'segment', 'servers', 'expected' and 'observed'", remedy="ansible-doc leasehold.cloud.gate_info shows their shapes",
            ) from error
        result = {"changed": False, "finding": finding}
        if finding["ok"] or not args["enforce"]:
            return result
        return gates.failure(finding).as_result() | result


def _find(args: dict) -> dict:
    expected, observed, servers = args["expected"], args["observed"], args["servers"]
    if args["gate"] == "readback":
        return gates.readback(expected, observed, args["segment"], servers)
    if args["gate"] == "wire":
        return gates.wire(observed["results"], expected, servers)
    if args["gate"] == "cluster":
        return gates.cluster(expected["nodes"], observed["nodes"], observed["api"])
    return gates.residue(args["segment"], servers, observed, expected.get("segment_gone", True),
                         expected.get("places", gates.PLACES))
