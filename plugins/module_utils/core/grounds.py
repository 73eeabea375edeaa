# Copyright: (c) 2026, leasehold.cloud contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a plan rests on: thing by thing, so that a plan whose ground has moved can say what has moved."""

from __future__ import annotations

from collections.abc import Mapping

from ansible_collections.leasehold.cloud.plugins.module_utils.core.changes import canonical, fingerprint
from ansible_collections.leasehold.cloud.plugins.module_utils.core.claims import Claims, HeldCluster
from ansible_collections.leasehold.cloud.plugins.module_utils.core.errors import StalePlan
from ansible_collections.leasehold.cloud.plugins.module_utils.core.models import Datacenter, Server

FREE = "to be had"
MARK = 12  # characters of a fingerprint
TOLD = 5  # of what has moved, in the message; the details have all


def grounds(plan: Mapping, datacenter: Datacenter, claims: Claims, held: HeldCluster | None) -> dict[str, str]:
    """By the thing that a plan rests on, how it is: of what it touches alone, and alike before and after its claim.

    :returns: such as C({server r1-s01: 3f9c…, use of r1-s01: to be had, VLAN 101: to be had, link …: …}).
    """
    cluster, segment = plan["cluster"], plan["segment"] or {}
    added = {server["name"] for server in plan["add"]}
    mirror = _touched(plan, datacenter, held)
    members = {server.name for server in held.servers} if held else set()
    return {
        **{f"server {name}": _mark(server.definition()) for name, server in mirror.items()},
        **{f"use of {name}": _use(mirror.get(name), claims.servers.get(name), cluster) for name in added},
        "other members": ", ".join(sorted(members - added)),
        f"VLAN {segment.get('vlan')}": _holder(claims.vlans.get(segment.get("vlan")), cluster),
        f"prefix {segment.get('prefix')}": _holder(claims.prefixes.get(segment.get("prefix")), cluster),
        "quarantine VLAN": str(datacenter.quarantine_vlan),
        "envelope": canonical(datacenter.envelope.as_dict()),
        **_fabric(plan, datacenter),
    }


def verify(plan: Mapping, datacenter: Datacenter, claims: Claims, held: HeldCluster | None) -> None:
    """Refuse a plan whose ground has moved. To be called in the transaction that claims.

    :raises StalePlan: with what has moved in C(details.moved), each C({what, before, after}).
    """
    then, now = plan["base"], grounds(plan, datacenter, claims, held)
    moved = [{"what": what, "before": then.get(what), "after": now.get(what)}
             for what in sorted(then.keys() | now.keys()) if then.get(what) != now.get(what)]
    if not moved:
        return
    told = "; ".join(f"{change['what']}: {change['before'] or 'absent'} -> {change['after'] or 'absent'}" for change in moved[:TOLD])
    more = f"; and {len(moved) - TOLD} more" if len(moved) > TOLD else ""
    raise StalePlan(
        f"what it rests on has changed since: {told}{more}", object=f"plan {plan['hash'][:MARK]} of cluster {plan['cluster']}",
        attempted="apply the plan", remedy="Plan again, and look at the new plan.", details={"moved": moved},
    )


def _touched(plan: Mapping, datacenter: Datacenter, held: HeldCluster | None) -> dict[str, Server]:
    names = {server["name"] for key in ("add", "keep", "remove") for server in plan[key]}
    known = (*(held.servers if held else ()), *datacenter.servers)
    return {server.name: server for server in known if server.name in names}


def _fabric(plan: Mapping, datacenter: Datacenter) -> dict[str, str]:
    """The switches that the plan touches, and the links between them and to the border."""
    names = {switch["name"] for key in ("switches", "release_switches") for switch in plan[key]}
    links = [link.as_dict() for link in datacenter.links if names.issuperset(end.switch for end in link.ends)]
    return {
        **{f"switch {switch.name}": _mark(switch.as_dict()) for switch in datacenter.switches if switch.name in names},
        **{f"link {canonical(link['a'])} to {canonical(link['b'])}": "present" for link in links},
    }


def _use(server: Server | None, holder: str | None, cluster: str) -> str:
    """Whether a server is there for the cluster: its own already, or to be had."""
    if server is None or holder is not None:
        return _holder(holder, cluster) if server or holder == cluster else "absent"
    if server.status != "active":
        return f"status {server.status}"
    return FREE if server.state == "available" else f"state {server.state}"


def _holder(holder: str | None, cluster: str) -> str:
    return FREE if holder in (None, cluster) else f"held by cluster {holder}"


def _mark(value: object) -> str:
    return fingerprint(value)[:MARK]
