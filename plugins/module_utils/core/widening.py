# Copyright: (c) 2026, leasehold.cloud contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which devices must be looked at anew because others changed: those that are cabled to a switch that is another now, and those that have the same as
another."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Collection, Mapping

from ansible_collections.leasehold.cloud.plugins.module_utils.core.source_mapping import BORDER, CANARY, SERVER, SWITCH, Known, Mapped


@dataclasses.dataclass(frozen=True)
class Before:
    """What the ledger knows of a site's devices, as far as it is asked.

    :param rows: of devices, C({kind, name, ...}) by id. :param on_ports: of a switch, pairs of a port's name and the device in it.
    :param owners: the devices that have any of some keys. :param beside: the ids of the switches that a border device is cabled to.
    """

    known: Mapping[str, Known]
    rows: Callable[[Collection[str]], Mapping[str, Mapping]]
    keys: Callable[[Collection[str]], Mapping[str, Collection[str]]]
    on_ports: Callable[[str], set[tuple[str, str]]]
    owners: Callable[[Collection[str]], set[str]]
    beside: Callable[[str], set[str]]


def others(mapped: Mapping[str, Mapped], looked_at: Collection[str], far: Mapping[str, Collection[str]], before: Before) -> set[str]:
    """The devices besides those looked at that might become something else.

    :param mapped: what became of the devices that were read. :param looked_at: their ids and those of the devices that are gone.
    :param far: by id, the devices that those that were read are cabled to.
    """
    looked_at = set(looked_at)
    rows = before.rows(looked_at)
    found: set[str] = set()
    for id in looked_at:
        was, now = rows.get(id, {}).get("kind"), mapped.get(id)
        kinds = {was, now.kind if now else None}
        if SWITCH in kinds:
            found |= _at_switch(id, now if now and now.kind == SWITCH else None, before)
        if BORDER in kinds or (SWITCH in kinds and len(kinds) > 1):  # a switch knows its neighbours by what they are
            found |= before.known.keys() & set(far.get(id, ()))
        if was == BORDER:
            found |= before.beside(rows[id]["name"])
    keys = {key for kept in before.keys(looked_at).values() for key in kept} | {key for device in mapped.values() for key in device.keys}
    return (found | before.owners(keys)) - looked_at


def _at_switch(id: str, now: Mapped | None, before: Before) -> set[str]:
    """Those in a switch's ports whose record rests on what changed of the switch."""
    was, there = before.known.get(id), before.on_ports(id)
    is_now = Known(now.name, now.usable) if now and now.document else None
    ports = now.ports if now else frozenset()
    if was is not None and is_now is not None and (was.name, was.usable) == (is_now.name, is_now.usable):
        moved = {device for _port, device in ports ^ there}
    elif was is None and is_now is None:
        moved = set()
    else:
        moved = {device for _port, device in ports | there}
    known = before.rows(moved)
    return {device for device in moved if device in known and known[device]["kind"] in (SERVER, CANARY)}
