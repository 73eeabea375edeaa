# Copyright: (c) 2026, leasehold.cloud contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Taking servers out of whatever they are in, at an admin's word: which ports move where."""

from __future__ import annotations

from collections.abc import Sequence

from ansible_collections.leasehold.cloud.plugins.module_utils.core import fabric
from ansible_collections.leasehold.cloud.plugins.module_utils.core.claims import HeldCluster
from ansible_collections.leasehold.cloud.plugins.module_utils.core.models import Datacenter, Server
from ansible_collections.leasehold.cloud.plugins.module_utils.core.states import SERVER_MEMBER_STATES


def hosts(server: Server, held: HeldCluster | None, datacenter: Datacenter) -> list[dict]:
    """The switches whose ports move a server into quarantine, as hosts of the run.

    Of a held server, the trunks that no other member of its segment needs are pruned. The ports of one that nobody holds
    are set whatever they carry: they may be nobody's.

    :returns: C([{name, network_os, address, port, bridge, groups, ports, release_ports}]), by name.
    :raises InvalidSource: one of the switches is not in the source.
    """
    if held is not None and held.segment is not None:
        remaining = [other for other in held.servers if other.name != server.name and other.state in SERVER_MEMBER_STATES]
        changes = fabric.release_ports(held.segment, [server], remaining, datacenter)
    else:
        changes = fabric.quarantine_ports([server], datacenter)
    return [_host(change) for change in changes]


def _host(change: dict) -> dict:
    ports: Sequence[dict] = change["ports"]
    return {**change, "groups": ["leasehold_fabric", "leasehold_release_switches"], "ports": [], "release_ports": ports}
