# Copyright: (c) 2026, leasehold.cloud contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a BMC says of its server: identity, health, drives, NICs, GPUs, temperatures, logs. Reads only."""

from __future__ import annotations

from collections.abc import Iterable

from ansible_collections.leasehold.cloud.plugins.module_utils.bmc import Bmc
from ansible_collections.leasehold.cloud.plugins.module_utils.redfish import value


def gather(bmc: Bmc, subsets: Iterable[str]) -> dict:
    """The facts of one server.

    :param subsets: of ``drives``, ``nics``, ``gpus``, ``thermal``, ``log``.
    :raises LeaseholdError: the BMC does not answer.
    """
    observed = bmc.read()
    facts = _identity(bmc) | {
        "power": observed["power"], "boot": observed["boot"],
        "virtual_media": observed["media"]["image"] if observed["media"]["inserted"] else None,
    }
    readers = {"drives": Bmc.drives, "nics": _nics, "gpus": _gpus, "thermal": _thermal, "log": Bmc.log_entries}
    return facts | {subset: readers[subset](bmc) for subset in subsets}


def _identity(bmc: Bmc) -> dict:
    system = bmc.system
    memory = system.memory_summary
    return {
        "serial": system.serial_number, "uuid": system.uuid, "manufacturer": system.manufacturer,
        "model": system.json.get("Model"), "bios_version": system.bios_version,
        "memory_gib": memory.size_gib if memory else None,
        "memory_health": value(memory.health) if memory else None,
        "processors": (system.json.get("ProcessorSummary") or {}).get("Count"),
        "health": value(system.status.health) if system.status else None,
        "health_rollup": value(system.status.health_rollup) if system.status else None,
    }


def _nics(bmc: Bmc) -> list[dict]:
    with bmc.attempt("reading its NICs"):
        return [{"name": nic.identity, "mac": (nic.mac_address or "").lower()}
                for nic in bmc.system.ethernet_interfaces.get_members()]


def _gpus(bmc: Bmc) -> list[dict] | None:
    """The processors that are GPUs; None when the BMC lists no processors at all, so that nothing is known."""
    with bmc.attempt("reading its GPUs"):
        path = (bmc.system.json.get("Processors") or {}).get("@odata.id")
        if path is None:
            return None
        return [{"name": member.get("Id"), "model": member.get("Model"), "manufacturer": member.get("Manufacturer"),
                 "serial": member.get("SerialNumber"), "health": (member.get("Status") or {}).get("Health")}
                for member in bmc.members(path) if member.get("ProcessorType") == "GPU"]


def _thermal(bmc: Bmc) -> dict:
    with bmc.attempt("reading its temperatures and fans"):
        sensors = [chassis.thermal for chassis in bmc.system.chassis if "Thermal" in chassis.json]
        return {
            "temperatures": [
                {"name": sensor.name, "celsius": sensor.reading_celsius, "health": _health(sensor)}
                for thermal in sensors for sensor in thermal.temperatures],
            "fans": [{"name": fan.name, "reading": fan.reading, "health": _health(fan)}
                     for thermal in sensors for fan in thermal.fans],
        }


def _health(sensor) -> str | None:
    return value(sensor.status.health) if sensor.status else None
