"""The fabric carries what its switches are told, and nothing else: seen from inside the servers, on the wire."""

from __future__ import annotations

import socket
import subprocess
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from lab import namespaces, servers
from tests.conftest import make_lab

NUMBER = 42
OPERATOR_KEY = "ssh/id_ed25519"


@pytest.fixture(scope="module")
def lab():
    before = host_interfaces()
    running = make_lab(NUMBER, "--racks", "2", "--servers-per-rack", "2", "--no-hub")
    lab = next(running, None)
    assert host_interfaces() == before, "an interface of the lab appeared in the host's network"
    yield lab
    running.close()
    assert not lab.directory.exists()
    assert not namespaces.existing(f"lh{NUMBER}-")
    assert not Path(f"/run/leasehold-lab-{NUMBER}").exists()


@pytest.fixture(scope="module")
def tenants(lab):
    """r1-s01 and r2-s01 in VLAN 101, r1-s02 in VLAN 102, r2-s02 in quarantine; links carry what they must."""
    layout = lab.layout()
    for leaf in ("leaf-r1a", "leaf-r1b", "leaf-r2a", "leaf-r2b"):
        vsctl(lab, leaf, "set", "Port", "up1", "trunks=101,102,999")
        vsctl(lab, "spine-1", "set", "Port", leaf, "trunks=101,102,999")
        vsctl(lab, leaf, "set", "Port", "s01", "tag=101")
    for leaf in ("leaf-r1a", "leaf-r1b"):
        vsctl(lab, leaf, "set", "Port", "s02", "tag=102")
    vsctl(lab, "spine-1", "set", "Port", "border", "trunks=101,102,999")
    key = (lab.directory / f"{OPERATOR_KEY}.pub").read_text()
    for name, address in (("r1-s01", "10.64.1.10"), ("r2-s01", "10.64.1.11"), ("r1-s02", "10.64.2.10"),
                          ("r2-s02", "10.64.3.10")):
        nics = place(layout, name).nics
        servers.boot(layout, name, {nic.mac: f"{address}/24" for nic in nics}, address.rpartition(".")[0] + ".1", key,
                     name)
    return lab


def host_interfaces() -> str:
    return subprocess.run(["ip", "-brief", "link"], capture_output=True, text=True, check=True).stdout


def place(layout, name):
    return next(server for server in layout.servers if server.name == name)


def vsctl(lab, switch: str, *arguments: str) -> str:
    address = next(place.address for place in lab.layout().switches if place.name == switch)
    return subprocess.run(["ovs-vsctl", "--timeout=10", f"--db=tcp:{address}:6640", *arguments], capture_output=True,
                          text=True, check=True).stdout


def inside(lab, name: str, *argv: str) -> int:
    """Exit status of a command on the discovery image, by SSH as the operator."""
    server = place(lab.layout(), name)
    return subprocess.run(
        ["ssh", "-i", str(lab.directory / OPERATOR_KEY), "-p", "2222", "-o", "StrictHostKeyChecking=no", "-o",
         "UserKnownHostsFile=/dev/null", "-o", "BatchMode=yes", f"core@{server.ssh_address}", *argv],
        stdin=subprocess.DEVNULL, capture_output=True, timeout=30, check=False).returncode


def arp_answers(lab, name: str, address: str, nic: str = "eth0") -> bool:
    return inside(lab, name, "sudo", "-n", "arping", "-f", "-w", "1", "-I", nic, address) == 0


def ping_answers(lab, name: str, address: str) -> bool:
    return inside(lab, name, "ping", "-n", "-c", "2", "-W", "1", address) == 0


def test_peers_and_gateway_answer_across_racks(tenants):
    assert ping_answers(tenants, "r1-s01", "10.64.1.11")
    assert ping_answers(tenants, "r1-s01", "10.64.1.1")
    assert ping_answers(tenants, "r1-s02", "10.64.2.1")


def test_tcp_passes_between_peers(tenants):
    layout = tenants.layout()
    sent, received = b"x" * 300_000, []
    listener = namespaces.run_in(place(layout, "r2-s01").namespace,
                                 lambda: socket.create_server(("10.64.1.11", 7000)))

    def receive():
        connection, _peer = listener.accept()
        with connection:
            while part := connection.recv(65536):
                received.append(part)

    receiver = threading.Thread(target=receive)
    receiver.start()
    sender = namespaces.run_in(place(layout, "r1-s01").namespace,
                               lambda: socket.create_connection(("10.64.1.11", 7000), timeout=5))
    with sender, listener:
        sender.sendall(sent)
        sender.shutdown(socket.SHUT_WR)
        receiver.join(timeout=10)
    assert b"".join(received) == sent


@pytest.mark.parametrize("nic", ["eth0", "eth1"])
def test_strangers_do_not_answer_arp(tenants, nic):
    strangers = ["10.64.2.10", "10.64.3.10", "10.99.0.10", "10.99.1.10", "10.99.99.10"]
    with ThreadPoolExecutor(len(strangers)) as pool:
        answered = list(pool.map(lambda stranger: arp_answers(tenants, "r1-s01", stranger, nic), strangers))
    assert not any(answered), dict(zip(strangers, answered, strict=True))


def test_a_leak_would_be_seen_at_arp_level(tenants):
    """The probe above can fail: with its port in their VLAN, canaries and strangers do answer."""
    vsctl(tenants, "leaf-r1a", "set", "Port", "s01", "tag=999")
    try:
        assert arp_answers(tenants, "r1-s01", "10.99.99.10")
        assert arp_answers(tenants, "r1-s01", "10.64.3.10")
    finally:
        vsctl(tenants, "leaf-r1a", "set", "Port", "s01", "tag=101")


def test_the_second_nic_is_on_the_wire(tenants):
    assert inside(tenants, "r1-s01", "arping", "-f", "-w", "1", "-I", "eth1", "-s", "10.64.1.10",
                  "10.64.1.1") == 0


def test_a_vlan_pruned_from_a_link_does_not_pass(tenants):
    vsctl(tenants, "leaf-r1a", "set", "Port", "up1", "trunks=999")
    try:
        assert not arp_answers(tenants, "r1-s01", "10.64.1.1")
    finally:
        vsctl(tenants, "leaf-r1a", "set", "Port", "up1", "trunks=101,102,999")


def test_the_image_keeps_the_host_out_of_reach(tenants):
    assert inside(tenants, "r1-s01", "test", "-e", str(tenants.directory)) == 1
    assert inside(tenants, "r1-s01", "sudo", "-n", "touch", "/usr/bin/lab-was-here") != 0
    assert inside(tenants, "r1-s01", "sudo", "-n", "mount", "-t", "tmpfs", "none", "/tmp") != 0


def test_a_server_that_is_off_neither_answers_nor_lets_in(tenants):
    layout = tenants.layout()
    key = (tenants.directory / f"{OPERATOR_KEY}.pub").read_text()
    assert inside(tenants, "r2-s01", "true") == 0
    servers.shutdown(layout, "r2-s01")
    try:
        assert not servers.is_running(layout, "r2-s01")
        assert inside(tenants, "r2-s01", "true") == 255
        assert not arp_answers(tenants, "r1-s01", "10.64.1.11")
    finally:
        servers.boot(layout, "r2-s01", {place(layout, "r2-s01").nics[0].mac: "10.64.1.11/24"}, "10.64.1.1", key, "r2")


def test_another_key_is_refused(tenants, tmp_path):
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(tmp_path / "key")], check=True)
    server = place(tenants.layout(), "r1-s01")
    outcome = subprocess.run(
        ["ssh", "-i", str(tmp_path / "key"), "-o", "IdentitiesOnly=yes", "-p", "2222", "-o", "BatchMode=yes", "-o",
         "StrictHostKeyChecking=no", "-o", "UserKnownHostsFile=/dev/null", f"core@{server.ssh_address}", "true"],
        capture_output=True, text=True, check=False)
    assert outcome.returncode == 255
    assert "Permission denied (publickey)" in outcome.stderr


def test_up_again_changes_nothing(tenants):
    assert "up already" in tenants.command("up").stdout
    other = tenants.command("up", "--racks", "3", check=False)
    assert other.returncode == 1
    assert "other settings" in other.stderr


class TestSwitchFaults:
    """What a client of a switch's OVSDB meets."""

    def change(self, lab, tag: int) -> subprocess.CompletedProcess:
        address = next(place.address for place in lab.layout().switches if place.name == "leaf-r2a")
        transaction = ('["Open_vSwitch",{"op":"update","table":"Port","where":[["name","==","s02"]],'
                       f'"row":{{"tag":{tag}}}}}]')
        return subprocess.run(["ovsdb-client", "--timeout=5", "transact", f"tcp:{address}:6640", transaction],
                              capture_output=True, text=True, check=False)

    def tag(self, lab) -> str:
        return vsctl(lab, "leaf-r2a", "get", "Port", "s02", "tag").strip()

    @pytest.fixture(autouse=True)
    def cleared(self, tenants):
        yield
        tenants.command("fault", "clear")
        assert self.change(tenants, 999).returncode == 0

    def test_unreachable_refuses_until_cleared(self, tenants):
        tenants.command("fault", "set", "switch-unreachable", "leaf-r2a")
        refused = self.change(tenants, 998)
        assert refused.returncode != 0
        assert "Connection refused" in refused.stderr
        tenants.command("fault", "clear", "switch-unreachable")
        assert self.tag(tenants) == "999"

    def test_unreachable_for_a_while_ends_by_itself(self, tenants):
        tenants.command("fault", "set", "switch-unreachable", "leaf-r2a", "--for", "0.5")
        assert self.change(tenants, 998).returncode != 0
        # ovsdb-client gives up at the first refusal; vsctl tries again until its timeout.
        assert vsctl(tenants, "leaf-r2a", "--retry", "get", "Port", "s02", "tag").strip() == "999"

    def test_unreachable_cuts_what_the_stand_in_of_a_drop_passes_on(self, tenants):
        tenants.command("fault", "set", "switch-drops", "leaf-r2a")
        address = next(place.address for place in tenants.layout().switches if place.name == "leaf-r2a")
        with socket.create_connection((address, 6640), timeout=5) as client:
            tenants.command("fault", "set", "switch-unreachable", "leaf-r2a")
            client.settimeout(5)
            assert client.recv(1) == b""
            assert self.change(tenants, 998).returncode != 0

    def test_drop_before_the_change_is_not_done_and_strikes_once(self, tenants):
        tenants.command("fault", "set", "switch-drops", "leaf-r2a")
        assert self.tag(tenants) == "999", "reading is not struck"
        assert self.change(tenants, 998).returncode != 0
        assert self.tag(tenants) == "999"
        assert self.change(tenants, 998).returncode == 0
        assert self.tag(tenants) == "998"

    def test_drop_after_the_change_is_done_and_not_told(self, tenants):
        tenants.command("fault", "set", "switch-drops", "leaf-r2a", "when=after")
        assert self.change(tenants, 997).returncode != 0
        assert self.tag(tenants) == "997"
