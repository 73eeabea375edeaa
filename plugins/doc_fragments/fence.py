# Copyright: (c) 2026, leasehold.cloud contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations


class ModuleDocFragment:
    """What tells an action that touches hardware in whose name it does."""

    DOCUMENTATION = r"""
options:
  fence:
    description:
      - The run in whose name hardware is changed. Before anything is, the ledger must say that it is still its cluster's run (otherwise V(stale_run)).
      - Not given, nothing is asked; an admin at a prompt acts in no run's name.
    type: dict
    suboptions:
      ledger:
        description: URL or path of the ledger. When not given, the environment variable E(LEASEHOLD_LEDGER) is used.
        type: str
      cluster:
        description: The run's cluster.
        type: str
        required: true
      token:
        description: The run's token, from M(leasehold.cloud.run).
        type: int
        required: true
"""
