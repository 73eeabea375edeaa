#!/usr/bin/python
# Copyright: (c) 2026, leasehold.cloud contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Documentation, and with it the options, of the action plugin of the same name."""

from __future__ import annotations

DOCUMENTATION = r"""
module: run
version_added: 0.1.0
short_description: Hold a cluster's run, one at a time
description:
  - A run is one launch of a playbook for a cluster. While a live one is at work on a cluster, another one is refused.
  - The run is held by the C(ansible-playbook) process. One that died on this host is taken over from at once; one on another host (or in a container)
    when nothing was heard of it for its O(lapse). A small process tells the ledger that it lives, and ends with it.
  - Whoever starts a run gets a token that is higher than all before. Every write in the name of the cluster names it, and is refused once another
    run has taken over.
  - A run moves the phase of its cluster. Only that counts as a change; starting, stepping and ending are bookkeeping.
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
      - V(started) takes the run. With O(operation=create) it makes the cluster, or a new one under the name of one that was deleted.
      - V(step) tells the step that begins.
      - V(finished) ends the run. A create or scale leaves the cluster ready, a delete leaves it deleted, and is refused while it holds claims.
      - V(failed) ends the run with an O(error). A cluster that was ready and untouched stays ready.
    type: str
    choices: [started, step, finished, failed]
    required: true
  operation:
    description:
      - What the run does, such as V(create), V(scale), V(delete), V(reserve), V(cancel), V(verify). Needed to start.
      - V(reserve) makes a cluster that is only an order, held or reserved; V(cancel) ends one, and is refused for a cluster that has begun.
      - A create begins with the phase provisioning, a delete with deleting. A scale, or a create on a cluster that is ready, begins with scaling when
        its O(plan) adds or removes servers; otherwise the phase stays.
    type: str
  plan:
    description: The plan that the run carries out, as RV(leasehold.cloud.plan_info#module:plan). Gives tenant and site.
    type: dict
  tenant:
    description: The cluster's tenant, where there is no O(plan).
    type: str
  step:
    description: Name of the step that begins, or that failed.
    type: str
  lapse:
    description: Seconds without a sign of life after which the run is taken for dead, where its process cannot be seen.
    type: int
    default: 120
  heartbeat:
    description:
      - Whether a process of its own gives signs of life while long tasks are at work, with O(state=started).
      - Without it, each step must end within O(lapse).
    type: bool
    default: true
  expired:
    description: With O(state=started), refuse the run unless the cluster's lease and grace are over, and it is not on hold.
    type: bool
    default: false
  failed_before:
    description: With O(state=step), whether each of the tasks on other hosts failed that the step rests on. It is refused when one has.
    type: list
    elements: bool
    default: []
  phase:
    description:
      - The phase that the step brings the cluster to. A cluster that is ready stays so where V(provisioning) or V(verifying) is asked for.
    type: str
    choices: [awaiting_approval, provisioning, verifying, scaling, upgrading, degraded, ready]
  token:
    description: The run's RV(token). Needed for all but O(state=started).
    type: int
  error:
    description:
      - Why the run failed. The result of the failed task (C(ansible_failed_result)) will do; only its message, error_code, object, attempted and remedy
        are kept.
    type: dict
"""

EXAMPLES = r"""
- name: Take the run of cluster blue
  leasehold.cloud.run:
    cluster: blue
    state: started
    operation: create
    plan: "{{ planned.plan }}"
    step: Plan and claim
  register: started

- name: Tell the step
  leasehold.cloud.run:
    cluster: blue
    state: step
    step: Gates and handover
    phase: verifying
    token: "{{ started.token }}"

- name: Finish
  leasehold.cloud.run:
    cluster: blue
    state: finished
    token: "{{ started.token }}"
"""

RETURN = r"""
token:
  description: What every write of this run names. 0 in check mode.
  returned: success
  type: int
  sample: 42
run:
  description: The run. C(taken_over) is the dead run that it follows, if any (with O(state=started)).
  returned: success
  type: dict
  sample:
    cluster: blue
    token: 42
    holder: "node1~1f2e3d4c:4711:884422"
    state: running
    operation: create
    step: Plan and claim
    deadline: "2026-11-20T10:02:00.000Z"
    started_at: "2026-11-20T10:00:00.000Z"
    updated_at: "2026-11-20T10:00:00.000Z"
    taken_over: null
"""
