# Copyright: (c) 2026, leasehold.cloud contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Sources of truth: one client each behind one small protocol.

A source is asked for its ``mark`` first: while that is the one of the last sync, there is nothing to read. It raises
``InvalidSource`` for what cannot be used, ``Unreachable`` when it does not answer.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from ansible_collections.leasehold.cloud.plugins.module_utils.core.models import Datacenter
from ansible_collections.leasehold.cloud.plugins.module_utils.sources.file import FileSource


class Source(Protocol):
    """A source of truth."""

    @property
    def mark(self) -> str:
        """Changes whenever what the source says may have changed."""

    def read(self) -> Datacenter:
        """All that the source says of its site."""


SOURCES: dict[str, Callable[[str], Source]] = {"file": FileSource}
