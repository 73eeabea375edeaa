# Copyright: (c) 2026, leasehold.cloud contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The devices of a source with records, as they were last mapped, and their keys: so that a few can be mapped anew without a look at the others."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterable, Iterator

from ansible_collections.leasehold.cloud.plugins.module_utils.core.source_mapping import Known, Mapped
from ansible_collections.leasehold.cloud.plugins.module_utils.lazy import lazy
from ansible_collections.leasehold.cloud.plugins.module_utils.ledger.database import Transaction, chunks
from ansible_collections.leasehold.cloud.plugins.module_utils.ledger.schema import tables

sa = lazy("sqlalchemy")

LONGEST = 200  # of a key that is written as it is


def known_switches(tx: Transaction, site: str) -> dict[str, Known]:
    """The switches of a site by id: those that are ours, usable or not."""
    devices = tables().source_devices
    query = sa.select(devices.c.device, devices.c.name, devices.c.mirrored, devices.c.delegated, devices.c.problems)
    rows = tx.execute(query.where(devices.c.site == site, devices.c.kind == "switch"))
    return {row.device: Known(row.name, row.mirrored, row.delegated) for row in rows if row.mirrored or row.problems}


def of(tx: Transaction, site: str, ids: Iterable[str]) -> dict[str, dict]:
    """The rows of these devices by id; those that are not known are not in it."""
    devices = tables().source_devices
    return {row["device"]: row for chunk in chunks(ids) for row in tx.rows(
        sa.select(devices).where(devices.c.site == site, devices.c.device.in_(chunk)))}


def of_site(tx: Transaction, site: str) -> dict[str, dict]:
    """The rows of all devices of a site by id."""
    devices = tables().source_devices
    return {row["device"]: row for row in tx.rows(sa.select(devices).where(devices.c.site == site))}


def count(tx: Transaction, site: str) -> int:
    """How many devices of a site are known."""
    devices = tables().source_devices
    return tx.execute(sa.select(sa.func.count()).select_from(devices).where(devices.c.site == site)).scalar()


def problems(tx: Transaction, site: str) -> list[dict]:
    """What is wrong with single devices of a site, by their names."""
    devices = tables().source_devices
    rows = tx.execute(sa.select(devices.c.problems).where(devices.c.site == site, devices.c.problems.is_not(None)).order_by(devices.c.name, devices.c.device))
    return [problem for (found,) in rows for problem in found]


def keys_of(tx: Transaction, site: str, ids: Iterable[str]) -> dict[str, set[str]]:
    """The keys that each of these devices had."""
    keys = tables().source_keys
    found: dict[str, set[str]] = {}
    for chunk in chunks(ids):
        for device, key in tx.execute(sa.select(keys.c.device, keys.c.source_key).where(keys.c.site == site, keys.c.device.in_(chunk))).all():
            found.setdefault(device, set()).add(key)
    return found


def keys_of_site(tx: Transaction, site: str) -> dict[str, set[str]]:
    """The keys that each device of a site had."""
    keys = tables().source_keys
    found: dict[str, set[str]] = {}
    for device, key in tx.execute(sa.select(keys.c.device, keys.c.source_key).where(keys.c.site == site)).all():
        found.setdefault(device, set()).add(key)
    return found


def owners(tx: Transaction, site: str, wanted: Collection[str]) -> set[str]:
    """The devices that have any of these keys."""
    return {device for devices in owners_of(tx, site, wanted).values() for device in devices}


def owners_of(tx: Transaction, site: str, wanted: Collection[str]) -> dict[str, set[str]]:
    """The devices that have each of these keys."""
    keys = tables().source_keys
    found: dict[str, set[str]] = {}
    for chunk in chunks(sorted(wanted)):
        for key, device in tx.execute(sa.select(keys.c.source_key, keys.c.device).where(keys.c.site == site, keys.c.source_key.in_(chunk))).all():
            found.setdefault(key, set()).add(device)
    return found


def on_ports(tx: Transaction, site: str, switch: str) -> set[tuple[str, str]]:
    """What is known to be cabled to a switch: each port's name, and the device; the switch's own claims on its ports left out."""
    keys, start = tables().source_keys, f"port:{switch}/"
    query = sa.select(keys.c.source_key, keys.c.device).where(
        keys.c.site == site, keys.c.source_key >= start, keys.c.source_key < f"{start[:-1]}0", keys.c.device != switch)
    return {(row.source_key[len(start):], row.device) for row in tx.execute(query)}


def short(key: str) -> str:
    """A key as it is stored: long ones by their hash, behind what they begin with."""
    if len(key) <= LONGEST:
        return key
    start = key.rpartition("/")[0] or key.partition(":")[0]
    return f"{start[:120]}/{hashlib.sha256(key.encode()).hexdigest()}"


def write(tx: Transaction, site: str, mapped: Collection[Mapped], stored: dict[str, dict], stored_keys: dict[str, set[str]]) -> None:
    """Make the rows of devices what was mapped; those of ``stored`` that are not in ``mapped`` are removed."""
    devices, keys = tables().source_devices, tables().source_keys
    rows = {device.id: _row(site, device) for device in mapped}
    gone = [id for id in stored if id not in rows]
    changed = [id for id, row in rows.items() if id in stored and row != stored[id]]
    for chunk in chunks([*gone, *changed]):
        tx.execute(devices.delete().where(devices.c.site == site, devices.c.device.in_(chunk)))
    new = [row for id, row in rows.items() if id not in stored] + [rows[id] for id in changed]
    if new:
        tx.execute(devices.insert(), new)
    wanted = {device.id: {short(key) for key in device.keys} for device in mapped}
    lost = list(_pairs(site, stored_keys, wanted))
    if lost:
        this = sa.and_(*(keys.c[column] == sa.bindparam(f"this_{column}") for column in ("site", "source_key", "device")))
        tx.execute(keys.delete().where(this), [{f"this_{column}": value for column, value in row.items()} for row in lost])
    added = list(_pairs(site, wanted, stored_keys))
    if added:
        tx.execute(keys.insert(), added)


def _pairs(site: str, some: dict[str, set[str]], others: dict[str, set[str]]) -> Iterator[dict]:
    for device, keys in some.items():
        for key in sorted(keys - others.get(device, set())):
            yield {"site": site, "source_key": key, "device": device}


def _row(site: str, device: Mapped) -> dict:
    problems = [problem.as_dict() for problem in device.problems] or None
    return {"site": site, "device": device.id, "kind": device.kind, "name": device.name, "mirrored": device.usable, "delegated": device.delegated,
            "problems": problems}
