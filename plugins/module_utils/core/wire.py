# Copyright: (c) 2026, leasehold.cloud contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Who must answer a segment's servers on the wire, and who must not."""

from __future__ import annotations

from collections.abc import Mapping

from ansible_collections.leasehold.cloud.plugins.module_utils.core.claims import Segment
from ansible_collections.leasehold.cloud.plugins.module_utils.core.models import Datacenter

STRANGERS = 96  # at most, that each server asks for: a site may have thousands. Of each other cluster, those that it claimed first.


def expectations(segment: Segment, tenant: str | None, datacenter: Datacenter, strangers: Mapping[str, str]) -> dict:
    """The gateway and the peers must answer; other tenants, other clusters and the quarantine VLAN must not.

    :param strangers: servers of other clusters, by name their leased addresses.
    :returns: C({must_answer: [{name, address}], must_not_answer: [{name, address}], peers: True}), as M(probes) takes it.
    """
    every = -(-len(strangers) // STRANGERS) or 1
    asked = {name: strangers[name] for name in sorted(strangers)[::every]}
    foreign = {canary.name: canary.address for canary in datacenter.canaries
               if canary.vlan != segment.vlan and (canary.tenant is None or canary.tenant != tenant)}
    return {
        "must_answer": [{"name": "gateway", "address": segment.gateway}],
        "must_not_answer": [{"name": name, "address": address} for name, address in sorted({**foreign, **asked}.items())],
        "peers": True,
    }
