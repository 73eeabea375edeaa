# Copyright: (c) 2026, leasehold.cloud contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Write a signed receipt; documented in plugins/modules/receipt.py."""

from __future__ import annotations

import datetime
import json
from pathlib import Path

from ansible_collections.leasehold.cloud.plugins.module_utils import receipts, signing
from ansible_collections.leasehold.cloud.plugins.module_utils.core import receipt as core
from ansible_collections.leasehold.cloud.plugins.module_utils.core.changes import Change
from ansible_collections.leasehold.cloud.plugins.module_utils.lazy import preload
from ansible_collections.leasehold.cloud.plugins.plugin_utils.action import LeaseholdAction

preload("cryptography.hazmat.primitives.asymmetric.ed25519", "cryptography.hazmat.primitives.serialization")


class ActionModule(LeaseholdAction):
    """Composes, compares with what is there, signs, writes."""

    def execute(self, args, task_vars):
        now = datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="seconds").replace("+00:00", "Z")
        content = core.compose(
            args["kind"], order=args["order"], servers=args["servers"], segment=args["segment"], gates=args["gates"],
            wipes=args["wipes"], times={**args["times"], "issued": now}, certify=not self.check_mode)
        content = json.loads(core.canonical(content))  # plain values, as they will be read again
        public_key = args["public_key"] or signing.public_path(args["private_key"])
        there = receipts.read(args["path"]) if Path(args["path"]).exists() else None
        stands = there is not None and _stands(there, content, public_key)
        written = there if stands else content

        def act():
            written["signature"] = signing.sign(signing.private_key(args["private_key"]), core.signed_text(written))
            text = json.dumps(written, indent=2, sort_keys=True, ensure_ascii=False) + "\n"
            signing.write(args["path"], text.encode(), signing.PUBLIC)

        before = core.summary(there) if there and not receipts.shape_fault(there) else None
        changes = [] if stands else [Change("receipt", args["path"], before, core.summary(content))]
        result = self.apply(changes, act)
        return result | {"receipt": written, "path": args["path"], "public_key": public_key}


def _stands(there: dict, content: dict, public_key: str) -> bool:
    """Whether the receipt that is there is genuine and says what a new one would say."""
    if receipts.shape_fault(there) or not Path(public_key).exists():
        return False
    genuine = signing.fault(signing.public_key(public_key), core.signed_text(there), there.get("signature")) is None
    return genuine and core.statement(there) == core.statement(content)
