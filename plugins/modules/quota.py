#!/usr/bin/python
# Copyright: (c) 2026, leasehold.cloud contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Documentation, and with it the options, of the action plugin of the same name."""

from __future__ import annotations

DOCUMENTATION = r"""
module: quota
version_added: 0.2.0
short_description: Set what a tenant may use
description:
  - Limits how many servers, clusters and segments a tenant's clusters may have, and how many server hours they may use in a calendar month (UTC).
  - A claim, hold, reservation or longer lease that would exceed O(limits[].hard) is refused (V(quota_exceeded)); beyond O(limits[].soft) it warns.
    This is decided in the transaction that takes, so that two orders at once do not exceed it together.
  - What a tenant has already stays, also where it is more than a new limit allows.
author: leasehold.cloud contributors (@leasehold)
extends_documentation_fragment:
  - leasehold.cloud.ledger
  - leasehold.cloud.attributes
options:
  tenant:
    description: Name of the tenant, or V(*) for each tenant that has no limit of its own for the same resource and class.
    type: str
    required: true
  limits:
    description: The limits. Needed with O(state=present).
    type: list
    elements: dict
    suboptions:
      resource:
        description:
          - What is limited. Server hours are those that were used in the month, and those that claims, holds and reservations will use in it until
            their leases end.
        type: str
        choices: [servers, clusters, segments, server_hours]
        required: true
      class:
        description: Of V(servers) and V(server_hours), the class. Not given, all classes together. A server counts for both limits.
        type: str
      soft:
        description: Beyond this it warns. Not given, it does not.
        type: int
      hard:
        description: Beyond this it is refused. Not given, it is not.
        type: int
  state:
    description:
      - With V(present), each of the O(limits) is exactly as given.
      - With V(absent), they are taken away (by resource and class), or without O(limits) all that the tenant has of its own.
    type: str
    choices: [present, absent]
    default: present
  purge:
    description: With O(state=present), take away all other limits of the tenant.
    type: bool
    default: false
seealso:
  - module: leasehold.cloud.quota_info
"""

EXAMPLES = r"""
- name: Let acme have three clusters of 32 servers together, 8 of them with GPUs
  leasehold.cloud.quota:
    ledger: /var/lib/leasehold/ledger.db
    tenant: acme
    limits:
      - {resource: clusters, hard: 3}
      - {resource: servers, soft: 28, hard: 32}
      - {resource: servers, class: gpu, hard: 8}
      - {resource: server_hours, class: gpu, soft: 4000, hard: 5000}
    purge: true

- name: Let nobody else have more than two clusters
  leasehold.cloud.quota:
    ledger: /var/lib/leasehold/ledger.db
    tenant: "*"
    limits:
      - {resource: clusters, hard: 2}
"""

RETURN = r"""
limits:
  description: The tenant's own limits as they are then.
  returned: success
  type: list
  elements: dict
  sample:
    - {tenant: acme, resource: servers, class: gpu, soft: null, hard: 8}
"""
