# Copyright: (c) 2026, leasehold.cloud contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which machine a server's record is of, whatever it is called: by its serial number and its MAC addresses; and the switch ports it is cabled to.

Records are C({serial, nics: [{mac, switch, port}], ...}), as M(core.models.Server) describes a server.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping


def plain(serial: str | None) -> str:
    """A serial number as it is compared: sources and vendors differ in case and blanks. Empty: there is none."""
    return str(serial or "").strip().lower()


def serial(record: Mapping) -> str:
    """Its serial number, to be compared."""
    return plain(record.get("serial"))


def marks(record: Mapping) -> frozenset[tuple]:
    """What no other machine has. Two records that have any of it in common are of one machine."""
    own = serial(record)
    return frozenset([("serial", own)] * bool(own) + [("mac", nic["mac"].lower()) for nic in record["nics"]])


def ports(record: Mapping) -> frozenset[tuple]:
    """The switch ports that it is cabled to."""
    return frozenset(("port", nic["switch"], nic["port"]) for nic in record["nics"])


class Register:
    """Records by what they have, so that who else has any of it is found without a look at all."""

    def __init__(self, records: Mapping[str, Mapping]):
        self._names: dict[tuple, set[str]] = {}
        for name, record in records.items():
            for mark in (*marks(record), *ports(record)):
                self._names.setdefault(mark, set()).add(name)

    def having(self, some: Iterable[tuple]) -> set[str]:
        """The names of the records that have any of these marks or ports."""
        return {name for mark in some for name in self._names.get(mark, ())}
