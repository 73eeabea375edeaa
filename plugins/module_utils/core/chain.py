# Copyright: (c) 2026, leasehold.cloud contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The chain of events: each carries the hash of the one before it, so that none can be changed or taken out unseen.

An event is C({id, at, actor, subject, action, before, after, previous, hash}). Of a chain that is whole, the last hash stands for
all that came before it: who has kept a copy of it can tell whether anything was rewritten.
"""

from __future__ import annotations

import json
from collections.abc import Mapping

from ansible_collections.leasehold.cloud.plugins.module_utils.core.changes import canonical, fingerprint

BEGINNING = "0" * 64  # the hash before the first event
SEALED = ("at", "actor", "subject", "action", "before", "after", "previous")
KEYS = ("id", *SEALED, "hash")
TEXTS = ("at", "actor", "subject", "action", "previous", "hash")


def seal(event: Mapping) -> str:
    """The hash of an event, over all of it but its id."""
    return fingerprint({key: event[key] for key in SEALED})


def fault(event: Mapping, previous: str | None) -> str | None:
    """What is wrong with an event; None when it is whole.

    :param previous: the hash of the event before it; None: not known.
    """
    for key in TEXTS:
        if not isinstance(event[key], str):
            return f"it was changed: its {key} is no text"
    if event["hash"] != seal(event):
        return "it was changed: its hash is not that of its content"
    if previous is not None and event["previous"] != previous:
        return f"it follows an event that is not there any more (hash {event['previous'][:12]})"
    return None


def line(event: Mapping) -> str:
    """An event as a line of an export, without its end; always the same text for the same event."""
    return canonical({key: event[key] for key in KEYS})


def parse(text: str | bytes) -> dict:
    """The event that :func:`line` wrote.

    :raises ValueError: saying why it is none.
    """
    event = json.loads(text)
    if not isinstance(event, dict) or set(event) != set(KEYS):
        raise ValueError("it does not have the keys of an event")
    if not isinstance(event["id"], int) or not isinstance(event["hash"], str):
        raise ValueError("its id or hash is of the wrong kind")
    return event
