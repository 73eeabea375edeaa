"""How a server's network is set up, as the commands that do it."""

from __future__ import annotations

from pathlib import Path

import pytest

from lab import servers
from lab.layout import Layout

LAYOUT = Layout(Path("/nowhere"), 30)
SERVER = LAYOUT.servers[0]
FIRST, SECOND = (nic.mac for nic in SERVER.nics)


def lines(addresses, gateway=None):
    return servers._network_lines(SERVER, addresses, gateway)


def test_all_nics_come_up_and_each_gets_its_address():
    assert lines({FIRST.upper(): "10.64.0.10/24", SECOND: "10.64.1.10/24"}, "10.64.0.1") == [
        "link set lo up", "link set eth0 up", "link set eth1 up", "address add 10.64.0.10/24 dev eth0",
        "address add 10.64.1.10/24 dev eth1", "route replace default via 10.64.0.1"]


def test_of_a_bonds_members_the_first_has_the_address():
    addresses = [line for line in lines({SECOND: "10.64.0.10/24", FIRST: "10.64.0.10/24"}) if "address" in line]
    assert addresses == ["address add 10.64.0.10/24 dev eth0"]


def test_another_servers_mac_is_refused():
    with pytest.raises(ValueError, match=LAYOUT.servers[1].nics[0].mac):
        lines({LAYOUT.servers[1].nics[0].mac: "10.64.0.10/24"})


def test_a_server_never_booted_is_off(tmp_path):
    layout = Layout(tmp_path, 30)
    assert not servers.is_running(layout, "r1-s01")
    with pytest.raises(servers.BootError, match="r1-s01 is off"):
        servers.enter(layout, "r1-s01", ["/bin/sh"])


def test_a_record_of_another_process_does_not_count(tmp_path):
    """After a reboot of the machine, process ids in the lab's files belong to others."""
    layout = Layout(tmp_path, 30)
    folder = tmp_path / "servers" / "r1-s01"
    folder.mkdir(parents=True)
    servers._write_record(folder, {"pid": 1, "started": "not when process 1 was started"})
    assert not servers.is_running(layout, "r1-s01")
