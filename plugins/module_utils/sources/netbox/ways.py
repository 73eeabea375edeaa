# Copyright: (c) 2026, leasehold.cloud contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How a site can be read: several ways to the same records, the fastest first."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Protocol

from ansible_collections.leasehold.cloud.plugins.module_utils.core.records import Records, Wide


class NoWay(Exception):
    """A way is not open here; its text says why, and what would open it. The next one is taken."""


class Way(Protocol):
    """One way to read a site. Every method raises C(NoWay) when this way is not open, and what the HTTP client raises."""

    name: str

    def whole(self) -> Records:
        """All of the site."""

    def wide(self) -> Wide:
        """What is site-wide."""

    def some(self, filters: Mapping[str, Iterable]) -> Records:
        """The site's devices that match any of the filters (of NetBox's list of devices: C(id), C(rack_id), …), with all that is theirs, each once."""
