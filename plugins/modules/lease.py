#!/usr/bin/python
# Copyright: (c) 2026, leasehold.cloud contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Documentation, and with it the options, of the action plugin of the same name."""

from __future__ import annotations

DOCUMENTATION = r"""
module: lease
version_added: 0.2.0
short_description: Renew a cluster's lease, or keep it from being released
description:
  - A cluster holds what it holds from its lease's start to its end, and through the grace after that. Then M(leasehold.cloud.sweep) has it released.
  - A renewal gives a lease another end, later or earlier, or another grace. It is refused (V(reserved)) when a reservation of another cluster needs
    one of the cluster's servers, its VLAN or prefix before the new end and grace have passed, and (V(quota_exceeded)) when the tenant may not use so
    many server hours.
  - A cluster that was expiring, and has time again, is ready.
author: leasehold.cloud contributors (@leasehold)
extends_documentation_fragment:
  - leasehold.cloud.ledger
  - leasehold.cloud.attributes
options:
  cluster:
    description: Name of the cluster.
    type: str
    required: true
  state:
    description:
      - V(renewed) gives the lease the O(end), O(duration) or O(grace) named. Refused when the cluster is being released, or its lease has not begun.
      - V(held) keeps the cluster from being released when its lease ends, for a O(reason) such as a dispute or an investigation. It still expires.
      - V(unheld) lets the lease take its course again.
    type: str
    choices: [renewed, held, unheld]
    default: renewed
  end:
    description:
      - The new end, with its time zone, such as V(2026-12-24T12:00:00+01:00).
      - One that has passed is refused; to end a lease now, release the cluster.
    type: str
  duration:
    description: The new length of the lease from its start on, such as V(60d), and not from now, so that to renew twice changes nothing.
    type: str
  grace:
    description: How long after its end the cluster is left as it is, such as V(3d). V(0h) is none.
    type: str
  reason:
    description: Why the lease is held. Needed with O(state=held).
    type: str
"""

EXAMPLES = r"""
- name: Extend the lease of cluster blue to sixty days from its start
  leasehold.cloud.lease:
    cluster: blue
    duration: 60d

- name: Let it end at noon of Christmas Eve
  leasehold.cloud.lease:
    cluster: blue
    end: "2026-12-24T12:00:00+01:00"

- name: Keep it whatever its lease says
  leasehold.cloud.lease:
    cluster: blue
    state: held
    reason: "legal hold, case 4711"
"""

RETURN = r"""
lease:
  description: The lease as it is then, as in RV(leasehold.cloud.lease_info#module:leases).
  returned: success
  type: dict
details:
  description: Of a renewal that was refused, the C(latest_end) that is possible, and what is C(reserved) for whom.
  returned: failure
  type: dict
"""
