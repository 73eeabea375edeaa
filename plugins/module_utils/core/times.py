# Copyright: (c) 2026, leasehold.cloud contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Moments: as people write them, and as the ledger does."""

from __future__ import annotations

import datetime

from ansible_collections.leasehold.cloud.plugins.module_utils.core.errors import InvalidOrder


def iso(moment: datetime.datetime) -> str:
    """A moment as the ledger writes it: UTC, milliseconds."""
    return moment.astimezone(datetime.timezone.utc).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def moment(text: str) -> datetime.datetime:
    """The moment that :func:`iso` wrote."""
    return datetime.datetime.fromisoformat(text.replace("Z", "+00:00"))


def after(start: str, seconds: int) -> str:
    """The moment so many seconds after (or before) another, as :func:`iso` writes it."""
    return iso(moment(start) + datetime.timedelta(seconds=seconds))


def parse(text: object, variable: str) -> str:
    """The moment that somebody wrote, such as C(2026-11-20T10:00:00+01:00), as :func:`iso` writes it.

    :param variable: the variable or option it was given in, for the error.
    :raises InvalidOrder: it is no moment of RFC 3339, or does not say its time zone.
    """
    problem = None
    try:
        found = datetime.datetime.fromisoformat(str(text).strip().replace("Z", "+00:00").replace("z", "+00:00"))
        problem = None if found.tzinfo else "does not say its time zone"
    except ValueError:
        problem = "is not a moment"
    if problem:
        raise InvalidOrder(
            f"{text!r} {problem}", object=variable, attempted="read the order", remedy="Write it as 2026-11-20T10:00:00Z or with +01:00.",
            details={"variable": variable},
        )
    try:
        return iso(found)
    except OverflowError as error:
        raise InvalidOrder(
            f"{text!r} is too far away", object=variable, attempted="read the order", remedy="Name a moment of these centuries.",
            details={"variable": variable},
        ) from error
