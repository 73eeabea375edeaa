#!/usr/bin/python
# Copyright: (c) 2026, leasehold.cloud contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Documentation, and with it the options, of the action plugin of the same name."""

from __future__ import annotations

DOCUMENTATION = r"""
module: report_info
version_added: 0.2.0
short_description: Tell how a whole data centre is used
description:
  - Counts in the ledger what there is and what is free, who holds and has reserved what, which leases end soon, which servers are out of use
    and why, and what tenants use of their quotas.
author: leasehold.cloud contributors (@leasehold)
extends_documentation_fragment:
  - leasehold.cloud.ledger
  - leasehold.cloud.attributes.info
options:
  expiring_within:
    description: Leases that end within this time, or have ended, are told as ending soon, such as V(12h), V(7d), V(2w).
    type: str
    default: 7d
  show:
    description: Show the report on the screen, as tables of 120 columns.
    type: bool
    default: false
seealso:
  - module: leasehold.cloud.report
  - module: leasehold.cloud.quota_info
  - module: leasehold.cloud.server_info
"""

EXAMPLES = r"""
- name: Look at the whole data centre
  leasehold.cloud.report_info:
    ledger: /var/lib/leasehold/ledger.db
    expiring_within: 2w
    show: true
  register: found

- name: Keep the report as JSON and CSV
  leasehold.cloud.report:
    path: /var/lib/leasehold/report
    files: "{{ found.files }}"
"""

RETURN = r"""
report:
  description:
    - A list of rows for each table.
    - C(capacity), by class - C(free) servers can be had, C(spare) are kept back, C(reserved) could be had and are promised to a later lease,
      C(quarantined) are set aside (also in repair and retired), whoever holds them, C(held) are held by a cluster, C(other) are neither
      (offline, or being cleaned).
    - C(racks), the same by rack and class, where C(free) includes spares, which may be any of a class.
    - C(holders), the clusters with claims, their node sets, segment and lease; C(expiring), those of them whose lease ends soon.
    - C(reservations), the clusters whose lease begins later. C(ends_at) includes the grace after the lease.
    - C(out_of_use), servers that are quarantined, in repair, retired, or missing from their source, with reason and since when.
    - C(quotas), what tenants use and may use this month, as RV(leasehold.cloud.quota_info#module:tenants) has it.
  returned: success
  type: dict
  sample:
    capacity: [{site: lab, class: gpu, total: 4, free: 1, spare: 1, reserved: 0, held: 1, quarantined: 1, other: 0}]
    racks: [{site: lab, rack: r1, class: gpu, total: 4, free: 2, reserved: 0, held: 1, quarantined: 1, other: 0}]
    holders:
      - cluster: blue
        tenant: acme
        site: lab
        phase: ready
        servers: 1
        node_sets: {"workers (gpu)": 1}
        vlan: 100
        prefix: 10.64.0.0/24
        lease_start: "2026-11-20T10:00:00.000Z"
        lease_end: "2026-12-20T10:00:00.000Z"
        lease_hold: null
    reservations: []
    expiring: []
    out_of_use:
      - name: r1-s02
        site: lab
        rack: r1
        class: gpu
        state: quarantined
        since: "2026-11-20T10:00:00.000Z"
        reason: "memory errors, ticket 4711"
        cluster: null
        tenant: null
        missing_since: null
    quotas:
      - {tenant: acme, resource: servers, class: gpu, month: null, soft: null, hard: 8, inherited: false, used: 1, left: 7, by: {blue: 1}}
text:
  description: The report as tables.
  returned: success
  type: str
files:
  description: The report as files, C(report.json) and a CSV of each table, by name. They are the same while the ledger says the same.
  returned: success
  type: dict
"""
