# Copyright: (c) 2026, leasehold.cloud contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What in a source of truth would stop an order or make it unsafe; documented in plugins/modules/source_audit_info.py."""

from __future__ import annotations

from ansible.utils.display import Display

from ansible_collections.leasehold.cloud.plugins.module_utils.core import source_audit
from ansible_collections.leasehold.cloud.plugins.module_utils.core.errors import InvalidSource
from ansible_collections.leasehold.cloud.plugins.module_utils.core.mapping_file import Mapping
from ansible_collections.leasehold.cloud.plugins.module_utils.sources.protocol import Source
from ansible_collections.leasehold.cloud.plugins.plugin_utils.action import LeaseholdAction
from ansible_collections.leasehold.cloud.plugins.plugin_utils.source import SOURCE_CONSTRAINTS, mapping_of, source_of


class ActionModule(LeaseholdAction):
    """Reads the whole source."""

    secrets = frozenset({"token"})
    constraints = SOURCE_CONSTRAINTS

    def execute(self, args, task_vars):
        source = source_of(args)
        findings = _findings(source, mapping_of(args["mapping"]))
        text = source_audit.text(findings, source.identity)
        if args["show"]:
            Display().display(text.rstrip())
        return {
            "changed": False, "findings": [finding.as_dict() for finding in findings], "text": text, "files": source_audit.files(findings, source.identity),
            "counts": {"errors": _count(findings, source_audit.ERROR), "warnings": _count(findings, source_audit.WARNING)}, "cost": dict(source.cost),
        }


def _findings(source: Source, mapping: Mapping) -> list[source_audit.Finding]:
    try:
        reading = source.read()
    except InvalidSource as error:
        return source_audit.of_refusal(error)
    if reading.records is None:
        return source_audit.of_datacenter(reading.datacenter)
    return source_audit.audit(reading.records, mapping)


def _count(findings: list[source_audit.Finding], severity: str) -> int:
    return sum(finding.severity == severity for finding in findings)
