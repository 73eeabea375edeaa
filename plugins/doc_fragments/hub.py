# Copyright: (c) 2026, leasehold.cloud contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations


class ModuleDocFragment:
    """Options of everything that talks to a hub, or to a cluster's own API."""

    DOCUMENTATION = r"""
options:
  kubeconfig:
    description:
      - The kubeconfig file of the hub, or of the cluster itself where its own API is meant.
    type: path
    required: true
requirements:
  - kubernetes >= 24.2.0
"""
