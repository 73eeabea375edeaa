# Copyright: (c) 2026, leasehold.cloud contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Cells: servers that are alike to the allocator, so that it decides over hundreds of cells and not tens of thousands of servers."""

from __future__ import annotations

import re

from ansible_collections.leasehold.cloud.plugins.module_utils.core.changes import fingerprint
from ansible_collections.leasehold.cloud.plugins.module_utils.core.models import Server

DIGITS = re.compile(r"[0-9]+")


def cell_document(site: str, server: Server) -> dict:
    """What makes servers alike: C({site, class, rack, leafs, attributes}). Its C(fingerprint) is the cell's name."""
    return {
        "site": site, "class": server.server_class, "rack": server.rack, "leafs": sorted(server.switches),
        "attributes": dict(server.attributes),
    }


def cell_name(document: dict) -> str:
    """The name of the cell with this C(cell_document)."""
    return fingerprint(document)


def sort_key(name: str) -> str:
    """The text by which names sort in their natural order, r2 before r10: bytes compare, in a database too."""
    return DIGITS.sub(lambda digits: digits.group().zfill(10), name)
