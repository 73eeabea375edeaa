# Copyright: (c) 2026, leasehold.cloud contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How a site can be read: several ways to the same rows, the fastest first."""

from __future__ import annotations

from typing import Protocol

from ansible_collections.leasehold.cloud.plugins.module_utils.core.records import Records


class NoWay(Exception):
    """A way is not open here; its text says why, and what would open it. The next one is taken."""


class Way(Protocol):
    """One way to read a site's devices. It raises C(NoWay) when it is not open, and what the HTTP client raises."""

    name: str

    def devices(self) -> Records:
        """All devices of the site, with all that is theirs."""
