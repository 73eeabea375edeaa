# Copyright: (c) 2026, leasehold.cloud contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

from ansible_collections.leasehold.cloud.plugins.module_utils.core import hypershift


class FilterModule:
    """Manifests of a cluster with a hosted control plane, for roles that apply them."""

    def filters(self):
        return {
            "hypershift_at_apply": hypershift.at_apply,
            "hypershift_secrets": hypershift.secrets,
            "hypershift_approvals": hypershift.approvals,
            "hypershift_machine_marks": hypershift.machine_marks,
            "hypershift_leftovers": hypershift.leftovers,
            "hypershift_references": hypershift.references,
        }
