# Copyright: (c) 2026, leasehold.cloud contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Changes: what differs between what is and what should be, told the same way everywhere."""

from __future__ import annotations

import dataclasses
import hashlib
import json

CANONICAL = json.JSONEncoder(sort_keys=True, separators=(",", ":"), ensure_ascii=False, default=str)  # made once: that takes longer than most values


@dataclasses.dataclass(frozen=True)
class Change:
    """One thing that would change. ``before``/``after`` are JSON-able; None means absent."""

    kind: str  # claim, port, power, media, object, state, file ...
    name: str
    before: object
    after: object

    def as_dict(self) -> dict:
        return dict(vars(self))


def canonical(value: object) -> str:
    """A JSON text that is the same for equal values (sorted keys, no spaces)."""
    return CANONICAL.encode(value)


def fingerprint(value: object) -> str:
    """SHA-256 of the canonical JSON of a value, in hex."""
    return hashlib.sha256(canonical(value).encode()).hexdigest()


def as_diff(changes: list[Change]) -> dict:
    """Changes in the form of Ansible's C(--diff): one line a thing, both sides."""
    return {
        "before_header": "before", "after_header": "after",
        "before": _side(changes, "before"), "after": _side(changes, "after"),
    }


def _side(changes: list[Change], side: str) -> str:
    shown = [(change, getattr(change, side)) for change in changes]
    return "".join(f"{change.kind} {change.name}: {_show(value)}\n" for change, value in shown if value is not None)


def _show(value: object) -> str:
    return value if isinstance(value, str) else canonical(value)
