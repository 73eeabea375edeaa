#!/usr/bin/python
# Copyright: (c) 2026, leasehold.cloud contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: kubeconfig
short_description: Keep a hosted cluster's kubeconfig as a private file
version_added: 0.1.0
description:
  - Waits until a HostedCluster is available, and writes the kubeconfig that its status names to a file that only its owner can read.
  - The kubeconfig never appears in results, events or diffs.
extends_documentation_fragment:
  - leasehold.cloud.attributes
author: leasehold.cloud contributors (@leasehold)
requirements:
  - kubernetes >= 24.2.0
options:
  kubeconfig:
    description: The kubeconfig file of the hub. Required when O(state=present).
    type: path
  cluster:
    description: The hosted cluster's name. Required when O(state=present).
    type: str
  path:
    description: The file.
    type: path
    required: true
  timeout:
    description: Seconds that the hosted cluster may take to be available.
    type: int
    default: 300
  state:
    description: Whether the file shall exist.
    type: str
    choices: [present, absent]
    default: present
"""

EXAMPLES = r"""
- name: Fetch a cluster's kubeconfig
  leasehold.cloud.kubeconfig:
    kubeconfig: /etc/leasehold/hub.kubeconfig
    cluster: acme
    path: ~/.leasehold/clusters/acme/kubeconfig
"""

RETURN = r"""
path:
  description: The file.
  returned: success
  type: str
"""
