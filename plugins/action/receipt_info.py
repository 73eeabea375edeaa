# Copyright: (c) 2026, leasehold.cloud contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Read a receipt and check it, offline; documented in plugins/modules/receipt_info.py."""

from __future__ import annotations

from ansible_collections.leasehold.cloud.plugins.module_utils import receipts
from ansible_collections.leasehold.cloud.plugins.module_utils.core import receipt as core
from ansible_collections.leasehold.cloud.plugins.module_utils.core.errors import InvalidInput
from ansible_collections.leasehold.cloud.plugins.plugin_utils.action import LeaseholdAction


class ActionModule(LeaseholdAction):
    """Signature, and that the content proves what the receipt certifies."""

    def execute(self, args, task_vars):
        document = receipts.read(args["path"])
        problems = receipts.verify(document, args["public_key"])
        if problems and args["fail"]:
            raise InvalidInput("; ".join(problems), object=f"receipt {args['path']}", attempted="verifying it",
                               remedy="ask who issued it for the original, and for their public key",
                               details={"problems": problems})
        summary = None if receipts.shape_fault(document) else core.summary(document)
        return {"changed": False, "valid": not problems, "problems": problems, "receipt": document, "summary": summary}
