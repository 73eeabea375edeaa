# Copyright: (c) 2026, leasehold.cloud contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Sources of truth: one client each behind one small protocol (M(protocol))."""

from __future__ import annotations

import importlib

from ansible_collections.leasehold.cloud.plugins.module_utils.sources.protocol import Options, Source

SOURCES = {  # the class of each kind; it is loaded when it is used
    "file": "file:FileSource",
    "netbox": "netbox:NetBoxSource",
    "nautobot": "nautobot:NautobotSource",
}


def open_source(kind: str, options: Options) -> Source:
    """The client of a kind of C(SOURCES). It connects when it is first asked something.

    :raises InvalidInput: when the kind needs an option that is not given.
    """
    module, _colon, name = SOURCES[kind].partition(":")
    return getattr(importlib.import_module(f"{__name__}.{module}"), name)(options)
