#!/usr/bin/python
# Copyright: (c) 2026, leasehold.cloud contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Documentation, and with it the options, of the action plugin of the same name."""

from __future__ import annotations

DOCUMENTATION = r"""
module: quota_info
version_added: 0.2.0
short_description: Tell what tenants use, and may use
description:
  - Reads from the ledger the limits of tenants, and what their clusters use, by cluster.
  - What was promised counts as used, from when it was promised - claims, holds until they lapse, and reservations.
  - Servers that were set aside, or are being released, do not count as servers. Their hours do, until they are freed.
author: leasehold.cloud contributors (@leasehold)
extends_documentation_fragment:
  - leasehold.cloud.ledger
  - leasehold.cloud.attributes.info
options:
  tenant:
    description: Only this tenant.
    type: str
  months:
    description:
      - The calendar months (UTC) to tell the server hours of, such as V(2026-12). Not given, the current one.
      - Of a month that is over, they are the hours used; of another, also those that will be used until the leases end.
    type: list
    elements: str
    default: []
  show:
    description: Show the limits and use on the screen, as a table of 120 columns.
    type: bool
    default: false
seealso:
  - module: leasehold.cloud.quota
"""

EXAMPLES = r"""
- name: See what acme may still order
  leasehold.cloud.quota_info:
    ledger: /var/lib/leasehold/ledger.db
    tenant: acme

- name: Read what all tenants used last month
  leasehold.cloud.quota_info:
    ledger: /var/lib/leasehold/ledger.db
    months: ["2026-11"]
"""

RETURN = r"""
limits:
  description:
    - The limits as they were set, of O(tenant) or all.
    - Those of tenant V(*) hold for each tenant that has none of its own for the same thing.
  returned: success
  type: list
  elements: dict
  sample:
    - {tenant: "*", resource: clusters, class: "", soft: null, hard: 2}
tenants:
  description:
    - Tenants by name, each with its C(resources) - everything that can be limited over all classes, and what is limited by class.
    - C(used) is the sum of C(by), which tells each cluster's part; C(left) is what is left to the hard limit, below zero where it is exceeded.
    - C(inherited) says that the limit is that of tenant V(*). C(month) is null but for server hours.
  returned: success
  type: list
  elements: dict
  sample:
    - tenant: acme
      resources:
        - {resource: servers, class: gpu, month: null, soft: null, hard: 8, inherited: false, used: 6, left: 2, by: {blue: 4, green: 2}}
        - {resource: server_hours, class: "", month: 2026-12, soft: null, hard: 9000, inherited: true, used: 2976.0, left: 6024.0, by: {blue: 2976.0}}
"""
