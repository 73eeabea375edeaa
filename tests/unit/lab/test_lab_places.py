"""Where things lie: names that the kernel takes, addresses that nobody else has, and the document that tells of them."""

from __future__ import annotations

import ipaddress
from pathlib import Path

import pytest
import yaml

from lab import border, document, fabric
from lab.layout import Layout

LAYOUTS = [Layout(Path("/nowhere"), number, racks, servers)
           for number, racks, servers in ((1, 1, 1), (20, 2, 8), (250, 12, 9))]


@pytest.fixture(params=LAYOUTS, ids=lambda layout: f"{layout.racks}x{layout.servers_per_rack}")
def layout(request):
    return request.param


def test_every_address_is_one_loopback_address_of_this_lab_and_has_one_user(layout):
    addresses = [layout.hub_address, layout.image_address, *(switch.address for switch in layout.switches)]
    for server in layout.servers:
        addresses += [server.bmc_address, server.ssh_address]
    assert len(addresses) == len(set(addresses))
    own = ipaddress.ip_network(f"127.{layout.number}.0.0/16")
    assert all(ipaddress.ip_address(address) in own for address in addresses)


def test_every_mac_serial_uuid_and_namespace_is_given_once(layout):
    macs = [nic.mac for server in layout.servers for nic in server.nics]
    assert len(macs) == len(set(macs)) == 2 * len(layout.servers)
    for field in ("name", "serial", "uuid", "namespace"):
        assert len({getattr(server, field) for server in layout.servers}) == len(layout.servers)


def test_interface_names_fit_the_kernel(layout):
    for switch in fabric.switches(layout):
        names = [port.name for port in switch.ports]
        assert len(names) == len(set(names))
        assert all(0 < len(name) <= 15 for name in names)


def test_socket_paths_fit_the_kernel(layout):
    longest = max(len(str(switch.directory / "vswitchd.ctl")) for switch in fabric.switches(layout))
    assert longest < 100  # sun_path has 108 bytes, and Open vSwitch adds to some


def test_first_state_has_servers_in_quarantine_and_links_that_carry_no_tenant(layout):
    *managed, own = fabric.switches(layout)
    for switch in managed:
        for port in switch.ports:
            if port.access is None:
                assert port.trunk == (999,)
            elif not port.name.startswith("can"):
                assert port.access == 999
    assert own.name == border.SWITCH
    assert own.address is None


def test_each_server_has_a_nic_on_both_leaves_of_its_rack(layout):
    for server in layout.servers:
        assert {nic.switch for nic in server.nics} == {f"leaf-{server.rack}a", f"leaf-{server.rack}b"}


def test_a_gateway_has_the_first_address_of_every_prefix_that_can_be_leased():
    assert border.gateway_addresses()[0] == "10.64.0.1/24"
    assert border.gateway_addresses()[-1] == "10.64.15.1/24"
    assert len(border.gateway_addresses()) == 16 == len(border.VLANS)


def test_document_is_what_the_fabric_is(layout, tmp_path):
    text = document.write(Layout(tmp_path, layout.number, layout.racks, layout.servers_per_rack)).read_text()
    site = yaml.safe_load(text)
    ports = {switch.name: {port.name: port for port in switch.ports} for switch in fabric.switches(layout)}
    for server in site["servers"]:
        for nic in server["nics"]:
            assert isinstance(nic["mac"], str), "YAML reads an unquoted MAC of decimal digits as a number"
            assert ports[nic["switch"]][nic["port"]].access == site["quarantine_vlan"]
    for link in site["links"]:
        for end in (link["a"], link["b"]):
            if "switch" in end:
                assert ports[end["switch"]][end["port"]].trunk
    for canary in site["canaries"]:
        assert ports[canary["switch"]][canary["port"]].access == canary["vlan"]
    assert len(site["servers"]) == len(layout.servers)
    assert text.startswith("---\n")
