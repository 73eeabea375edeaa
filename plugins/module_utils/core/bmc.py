# Copyright: (c) 2026, leasehold.cloud contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which of a BMC's systems is a server, and what is to be done to it, from what its BMC says and what is wanted. Pure."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

from ansible_collections.leasehold.cloud.plugins.module_utils.core.changes import Change
from ansible_collections.leasehold.cloud.plugins.module_utils.core.hardware import plain

ABSENT = "absent"  # as an image: nothing in the virtual drive
FROM_MEDIA = ("Cd", "UsbCd")  # BootSourceOverrideTarget of a virtual drive (some vendors' is a USB one)

POWER_OFF, ERASE, EJECT, SET_BOOT, INSERT, POWER_ON, RESTART = (
    "power_off", "erase", "eject", "set_boot", "insert", "power_on", "restart")


@dataclasses.dataclass(frozen=True)
class Wanted:
    """What an order asks of a server's BMC. None: as it is.

    ``power``: On or Off. ``image``: URL of what is in the virtual drive, or ABSENT. ``boot``: whether the server is
    to run what is in the virtual drive. ``erase``: whether every drive must have evidence of an erase.
    """

    power: str | None = None
    image: str | None = None
    boot: bool = False
    erase: bool = False


def steps(name: str, observed: dict, wanted: Wanted) -> tuple[list[str], list[Change]]:
    """The steps that make a server as ``wanted``, in order, and the changes that they are. None when it is so already.

    The boot override is set before the image is inserted, and an override still pending means that the image has not
    been booted: so a run that was killed anywhere between is finished by the next.

    :param observed: ``{"power": "On"|"Off", "boot": {"target", "enabled"}, "media": {"inserted", "image"},
        "wipes": [evidence, see M(wipe)]}``
    """
    todo: list[str] = []
    changes: list[Change] = []
    if wanted.power == "Off" and observed["power"] != "Off":
        todo.append(POWER_OFF)
        changes.append(Change("power", name, observed["power"], "Off"))
    if wanted.erase:
        unproven = [wipe for wipe in observed["wipes"] if not wipe["proven"]]
        todo += [ERASE] if unproven else []
        changes += [Change("drive", f"{name} {wipe['drive']}", wipe["reason"], "erased, with evidence")
                    for wipe in unproven]
    media_todo, media_changes = _media(name, observed, wanted)
    boot_todo, boot_changes = _boot(name, observed, wanted, bool(media_changes))
    if SET_BOOT in boot_todo:
        boot_todo.remove(SET_BOOT)
        media_todo.insert(0, SET_BOOT)
    return todo + media_todo + boot_todo, changes + media_changes + boot_changes


def agrees(serial: str | None, told: str | None) -> bool:
    """Whether a serial number that a BMC tells may be the one that the source has. Sources and vendors differ in case and blanks; where one of
    them tells none, there is nothing to disagree with."""
    one, other = plain(serial), plain(told)
    return not one or not other or one == other


def choose(serial: str | None, told: Sequence[str | None], *, strangers: bool = False) -> int | None:
    """Which of a BMC's systems is a server; None where that cannot be said.

    :param told: the serial number of each system, as the BMC tells it. One that tells none is believed where it is the only one.
    :param strangers: where there is but one system, it is that one, whatever it tells.
    """
    if len(told) == 1:
        return 0 if strangers or agrees(serial, told[0]) else None
    same = [number for number, one in enumerate(told) if plain(serial) and plain(one) == plain(serial)]
    return same[0] if len(same) == 1 else None


def _media(name: str, observed: dict, wanted: Wanted) -> tuple[list[str], list[Change]]:
    inserted = observed["media"]["image"] if observed["media"]["inserted"] else None
    image = None if wanted.image == ABSENT else wanted.image
    if wanted.image is None or image == inserted:
        return [], []
    todo = ([EJECT] if inserted is not None else []) + ([INSERT] if image else [])
    return todo, [Change("media", name, inserted or ABSENT, image or ABSENT)]


def _boot(name: str, observed: dict, wanted: Wanted, new_media: bool) -> tuple[list[str], list[Change]]:
    running = observed["power"] in ("On", "PoweringOn")
    pending = wanted.boot and observed["boot"]["target"] in FROM_MEDIA and observed["boot"]["enabled"] == "Once"
    if wanted.power == "Off" or (not wanted.boot and (running or wanted.power is None)):
        return [], []
    if not wanted.boot:
        return [POWER_ON], [Change("power", name, observed["power"], "On")]
    boots_anew = not running or new_media or pending
    if not boots_anew:
        return [], []
    todo, changes = [], []
    if not pending:
        todo.append(SET_BOOT)
        changes.append(Change("boot", name, observed["boot"]["target"], "virtual media, once"))
    if wanted.power == "On":
        todo.append(RESTART if running else POWER_ON)
        changes.append(Change("power", name, observed["power"], "restarted" if running else "On"))
    return todo, changes
