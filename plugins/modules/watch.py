#!/usr/bin/python
# Copyright: (c) 2026, leasehold.cloud contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: watch
short_description: Wait for named conditions on a hub or in a cluster
version_added: 0.1.0
description:
  - Lists the objects that a condition is about, judges them, and blocks on a Kubernetes watch until something changes.
  - Shows each reason for waiting when it changes. Fails at once where the objects say that waiting is of no use.
  - Survives a hub that is away for a while.
extends_documentation_fragment:
  - leasehold.cloud.hub
  - leasehold.cloud.attributes.info
author: leasehold.cloud contributors (@leasehold)
options:
  conditions:
    description: What to wait for, one after another.
    type: list
    elements: dict
    required: true
    suboptions:
      name:
        description:
          - V(namespace_ours), the cluster's namespace is free or the cluster's own. Fails if it is somebody else's.
          - V(namespace_known), the same without waiting for one that is being deleted.
          - V(infraenv_image), the discovery image exists.
          - V(agents_registered), each of O(conditions[].servers) has an Agent, found by its MAC addresses.
          - V(known), always true; returns the cluster's objects of O(conditions[].kind) as they are.
          - V(hosted_cluster_available), the control plane is available and its kubeconfig published.
          - V(node_pools_ready), every NodePool of the cluster has its nodes.
          - V(nodes_ready), every one of O(conditions[].names) is a Ready Node.
          - V(machines_gone), no Machine is left whose node is one of O(conditions[].names).
          - V(gone), no object of O(conditions[].kind) is left.
          - V(api_ready), the API answers.
        type: str
        required: true
        choices:
          - namespace_ours
          - namespace_known
          - infraenv_image
          - agents_registered
          - known
          - hosted_cluster_available
          - node_pools_ready
          - nodes_ready
          - machines_gone
          - gone
          - api_ready
      cluster:
        description:
          - The cluster's name, which is that of its namespace.
          - For V(nodes_ready), V(api_ready) and Nodes that shall be V(gone), its presence means the hosted cluster's own API,
            reached with the kubeconfig that the hub publishes; without it, the API of O(kubeconfig) is meant.
        type: str
      servers:
        description: The servers to look for, as the plan names them (C(name), C(nics)).
        type: list
        elements: dict
      names:
        description:
          - Names of nodes, or of the objects that shall be gone. All of the kind when not given.
          - For V(node_pools_ready), the nodes that are leaving; the pools need not be Ready for them.
        type: list
        elements: str
      kind:
        description: The kind of what shall be gone, or is known.
        type: str
        choices: [Namespace, Node, HostedCluster, NodePool, InfraEnv, NMStateConfig, Agent, Machine, ManagedCluster]
      namespace:
        description: The namespace of what shall be gone. Defaults to that of O(conditions[].cluster).
        type: str
      labels:
        description: Labels of what shall be gone.
        type: dict
  timeout:
    description: Seconds after which to give up, for all conditions together.
    type: int
    default: 600
"""

EXAMPLES = r"""
- name: Wait for the control plane and the nodes
  leasehold.cloud.watch:
    kubeconfig: /etc/leasehold/hub.kubeconfig
    timeout: 3600
    conditions:
      - {name: hosted_cluster_available, cluster: acme}
      - {name: node_pools_ready, cluster: acme}
      - {name: nodes_ready, cluster: acme, names: [r1-s01, r2-s01]}
"""

RETURN = r"""
resources:
  description: The objects by which the conditions were met, without managed fields; of Agents, only the MAC addresses of the inventory.
  returned: success
  type: list
  elements: dict
conditions:
  description:
    - Each condition's C(name), C(done), C(reason), C(object) and C(waited) seconds.
    - In check mode, conditions are judged once and may be not C(done).
  returned: success
  type: list
  elements: dict
waited:
  description: Seconds waited in all.
  returned: success
  type: float
"""
