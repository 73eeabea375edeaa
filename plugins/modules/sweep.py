#!/usr/bin/python
# Copyright: (c) 2026, leasehold.cloud contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Documentation, and with it the options, of the action plugin of the same name."""

from __future__ import annotations

DOCUMENTATION = r"""
module: sweep
version_added: 0.2.0
short_description: Find the leases that are ending or over, and what is to be done about them
description:
  - In one transaction, holds whose deadline has passed lapse, reservations that nobody began by their end are called off, leases that are about to end
    are warned of once per threshold (an event C(lease_warned) of the cluster), and clusters whose lease is over go C(expiring).
  - It touches no hardware. It returns what is to be released and started; the playbook C(lease_sweep) does that.
  - A sweep right after another changes nothing. Any number may run at once.
author: leasehold.cloud contributors (@leasehold)
extends_documentation_fragment:
  - leasehold.cloud.ledger
  - leasehold.cloud.attributes
options:
  warn:
    description: How long before its end a lease is warned of. Thresholds longer than a lease are not for it.
    type: list
    elements: str
    default: [7d, 1d, 1h]
  grace:
    description: How long after its end a cluster is left as it is, where neither its order nor M(leasehold.cloud.lease) says. V(0h) is none.
    type: str
    default: 0h
  release:
    description: Whether RV(release) lists anything.
    type: bool
    default: true
  start:
    description: Whether RV(start) lists anything.
    type: bool
    default: false
  limit:
    description: How many clusters to release at most in one go, the as in RV(expired). Not given, all.
    type: int
"""

EXAMPLES = r"""
- name: Sweep
  leasehold.cloud.sweep:
    warn: [14d, 2d]
  register: swept

- name: Tell whose leases end
  ansible.builtin.debug:
    msg: "{{ item.tenant }}: {{ item.cluster }} ends {{ item.end }}"
  loop: "{{ swept.warned }}"
"""

RETURN = r"""
warned:
  description: Leases that are warned of now, with the C(threshold_seconds) that was reached.
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
      over: "2026-12-23T10:00:00.000Z"
      remaining_seconds: 3541
      threshold_seconds: 3600
expiring:
  description: Clusters that go expiring now, as their lease is over; as in RV(warned).
  returned: success
  type: list
  elements: dict
expired:
  description:
    - Clusters whose lease and grace are over, the most overdue first; as in RV(warned). Also those whose release was begun earlier and did not end.
    - Those whose release has failed come after the others, the one that failed longest ago first.
  returned: success
  type: list
  elements: dict
release:
  description: Of RV(expired), those to release now.
  returned: success
  type: list
  elements: dict
held_back:
  description: Clusters that would be released, and are on hold, with the C(reason).
  returned: success
  type: list
  elements: dict
at_work:
  description: Clusters that would be released, and a run is at work on, with its C(operation).
  returned: success
  type: list
  elements: dict
due:
  description: Reservations whose start has come, with their C(order) and the C(command) that makes the cluster.
  returned: success
  type: list
  elements: dict
start:
  description: Of RV(due), those to make now.
  returned: success
  type: list
  elements: dict
lapsed:
  description: Names of the clusters whose hold lapsed now, or whose reservation nobody began.
  returned: success
  type: list
  elements: str
"""
