#!/usr/bin/python
# Copyright: (c) 2026, leasehold.cloud contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: drain
short_description: Cordon and drain several nodes of a cluster together
version_added: 0.1.0
description:
  - Marks the nodes unschedulable, evicts their pods as far as PodDisruptionBudgets allow, and waits until they are gone.
  - Static pods and pods of DaemonSets stay. Pods without a controller, and pods with local data, go, because the servers are leaving.
  - Nodes that do not exist have nothing to drain.
extends_documentation_fragment:
  - leasehold.cloud.hub
  - leasehold.cloud.attributes
author: leasehold.cloud contributors (@leasehold)
options:
  cluster:
    description:
      - A hosted cluster, whose own API is meant, reached with the kubeconfig that the hub of O(kubeconfig) publishes.
      - Without it, O(kubeconfig) is the cluster's own.
    type: str
  nodes:
    description: Names of the nodes.
    type: list
    elements: str
    required: true
  timeout:
    description: Seconds after which to give up.
    type: int
    default: 600
  grace_period:
    description: Seconds that pods get to end. Each pod's own when not given.
    type: int
"""

EXAMPLES = r"""
- name: Drain two servers that leave
  leasehold.cloud.drain:
    kubeconfig: /etc/leasehold/hub.kubeconfig
    cluster: acme
    nodes: [r1-s01, r2-s01]
"""

RETURN = r"""
cordoned:
  description: Nodes that took pods before.
  returned: success
  type: list
  elements: str
evicted:
  description: Pods that were, or would be, moved, as namespace/name.
  returned: success
  type: list
  elements: str
"""
