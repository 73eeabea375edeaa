# Copyright: (c) 2026, leasehold.cloud contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Make, or remove, what the collection needs in a source of truth; documented in plugins/modules/source_setup.py."""

from __future__ import annotations

from ansible_collections.leasehold.cloud.plugins.module_utils.core.errors import InvalidInput
from ansible_collections.leasehold.cloud.plugins.module_utils.lazy import preload
from ansible_collections.leasehold.cloud.plugins.plugin_utils.action import LeaseholdAction
from ansible_collections.leasehold.cloud.plugins.plugin_utils.source import SOURCE_CONSTRAINTS, mapping_of, source_of

preload("httpx")

READER = "Make a user of its own for the collection in the source, neither staff nor superuser, and give it the permission leasehold.cloud read."
READ_ONLY = "Make a token for that user that cannot write, that is accepted from the controllers' addresses alone, and that expires."
WRITER = ("Give the user, or another one for publishing, the permissions {} as well, limited by constraints to the site's objects; its token has to "
          "be able to write.")
SAVED = "Keep the token in a vault or in the credential store of AWX; the collection takes it from LEASEHOLD_SOURCE_TOKEN."


class ActionModule(LeaseholdAction):
    """Has the source's client make what it needs, and says what an admin has still to do."""

    secrets = frozenset({"token"})
    constraints = SOURCE_CONSTRAINTS

    def execute(self, args, task_vars):
        mapping, source = mapping_of(args["mapping"]), source_of(args)
        if not hasattr(source, "setup"):
            raise InvalidInput(f"a source of kind {args['kind']} needs nothing to be set up", object="option kind", attempted="setting up the source",
                               remedy="give the kind netbox or nautobot")
        changes = source.setup(args["state"], self.check_mode)
        advice = _advice(mapping["publish"]) if args["state"] == "present" else []
        return self.apply(changes, lambda: None) | {"objects": [change.name for change in changes], "advice": advice, "cost": dict(source.cost)}


def _advice(publish: list[str]) -> list[str]:
    names = ["leasehold.cloud change"] * bool(set(publish) - {"journal"}) + ["leasehold.cloud make"] * bool({"vlan", "prefix", "journal"}.intersection(publish))
    return [READER, WRITER.format(" and ".join(names)) if names else READ_ONLY, SAVED]
