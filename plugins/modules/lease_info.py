#!/usr/bin/python
# Copyright: (c) 2026, leasehold.cloud contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Documentation, and with it the options, of the action plugin of the same name."""

from __future__ import annotations

DOCUMENTATION = r"""
module: lease_info
version_added: 0.2.0
short_description: Tell which leases end when, and what is promised after them
description:
  - Reads from the ledger the leases, the reservations that are to come, and the holds that wait for an approval.
author: leasehold.cloud contributors (@leasehold)
extends_documentation_fragment:
  - leasehold.cloud.ledger
  - leasehold.cloud.attributes.info
options:
  tenant:
    description: Only of this tenant.
    type: str
  cluster:
    description: Only of this cluster, in any phase.
    type: str
  phase:
    description: Only of clusters in this phase, such as V(expiring). Deleted clusters are left out unless asked for here or by O(cluster).
    type: str
  ends_before:
    description: Only leases that end before this moment, such as V(2026-12-24T12:00:00Z), or within so long from now, such as V(7d).
    type: str
  held:
    description: Only leases that are on hold, or only those that are not.
    type: bool
  site:
    description: Only of clusters in this site.
    type: str
"""

EXAMPLES = r"""
- name: Find what ends within a week
  leasehold.cloud.lease_info:
    ends_before: 7d
  register: found

- name: Show until when each could be renewed
  ansible.builtin.debug:
    msg: "{{ item.cluster }}: until {{ item.followed_by | map(attribute='starts_at') | first | default('whenever') }}"
  loop: "{{ found.leases }}"
"""

RETURN = r"""
leases:
  description:
    - Leases, those that end first first. C(over) is when the grace after the end has passed; C(remaining_seconds), until the end, is negative after it.
    - C(hold) is why the lease is on hold, C(warned_seconds) the smallest threshold that was warned of, C(at_work) what a run does at the moment.
    - C(followed_by) lists what others have reserved of the cluster's resources, the earliest first.
  returned: success
  type: list
  elements: dict
  sample:
    - cluster: blue
      tenant: acme
      site: lab
      phase: ready
      start: "2026-11-20T10:00:00.000Z"
      end: "2026-12-20T10:00:00.000Z"
      grace_seconds: 259200
      over: "2026-12-23T10:00:00.000Z"
      remaining_seconds: 2592000
      hold: null
      warned_seconds: null
      at_work: null
      followed_by:
        - {cluster: green, kind: server, resource: r1-s01, starts_at: "2026-12-24T00:00:00.000Z", ends_at: "2027-01-23T00:00:00.000Z"}
reservations:
  description: What is reserved and has not ended, by cluster, the earliest first. C(due) is whether its start has come.
  returned: success
  type: list
  elements: dict
  sample:
    - cluster: green
      tenant: acme
      starts_at: "2026-12-24T00:00:00.000Z"
      ends_at: "2027-01-23T00:00:00.000Z"
      due: false
      resources: [{kind: server, resource: r1-s01, node_set: workers}]
holds:
  description: Orders that are held for an approval, the one that lapses first first.
  returned: success
  type: list
  elements: dict
  sample:
    - {cluster: red, tenant: acme, hold_until: "2026-11-20T12:00:00.000Z", lapsed: false, servers: [r1-s02]}
"""
