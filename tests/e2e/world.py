"""What the tests see of the lab by means of their own: never through the product."""

from __future__ import annotations

import json
import sqlite3
import subprocess

from lab.hardware import Hardware


def inside(namespace: str, *command: str) -> bool:
    """Whether a command succeeds in a network namespace."""
    return subprocess.run(["ip", "netns", "exec", namespace, *command], capture_output=True, timeout=20).returncode == 0


def pings(server, address: str) -> bool:
    return inside(server.namespace, "ping", "-c", "1", "-W", "1", address)


def arps(server, address: str, nic: str = "eth0") -> bool:
    return inside(server.namespace, "arping", "-c", "2", "-w", "2", "-f", "-I", nic, address)


def port_vlans(lab, switch: str) -> dict:
    """Port name -> (tag, trunks) from the switch's own database."""
    place = next(place for place in lab.layout().switches if place.name == switch)
    listing = subprocess.run(
        ["ovs-vsctl", f"--db=tcp:{place.address}:6640", "--format=json", "--columns=name,tag,trunks", "list", "Port"],
        capture_output=True, text=True, check=True, timeout=20)
    rows = json.loads(listing.stdout)["data"]
    return {name: (None if isinstance(tag, list) else tag, _set(trunks)) for name, tag, trunks in rows}


def _set(value) -> set[int]:
    return set(value[1]) if isinstance(value, list) else {value}


def vlans_in_use(lab) -> set[int]:
    """Every tenant VLAN that is on any port of any managed switch."""
    found = set()
    for switch in lab.layout().switches:
        for tag, trunks in port_vlans(lab, switch.name).values():
            found |= trunks | ({tag} if tag else set())
    return {vlan for vlan in found if 100 <= vlan < 116}


def powered_on(lab) -> set[str]:
    return {state.name for state in Hardware(lab.directory / "hardware.db").servers() if state.power == "On"}


def claims(lab) -> list[tuple]:
    with sqlite3.connect(lab.product / "ledger.db") as database:
        return database.execute("select kind, resource, cluster from claims order by 1, 2").fetchall()
