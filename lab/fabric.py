"""The fabric: an Open vSwitch of its own for each leaf and spine, and the cables between them and to the servers.

A switch is an ovsdb-server in the host's namespace, for its management address is on loopback, and an ovs-vswitchd
(userspace datapath) in a network namespace of its own, so that its ports have the names a switch's ports have and none
is an interface of the host. The two speak over a Unix socket. The ports' first state is what a site's admin would
leave: servers in quarantine, links carrying only that.
"""

from __future__ import annotations

import dataclasses
import subprocess
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from lab import border, namespaces
from lab.layout import OVSDB_PORT, QUARANTINE_VLAN, Layout
from lab.process import Processes
from lab.settings import Settings

SCHEMA = Path("/usr/share/openvswitch/vswitch.ovsschema")
BRIDGE = "br0"
TUN = Path("/dev/net/tun")  # the userspace datapath makes its bridges' own interfaces with it


class FabricError(RuntimeError):
    """A switch could not be set up; the message holds what its tool said."""


@dataclasses.dataclass(frozen=True)
class Port:
    """A switch port in its first state: in one VLAN (access), or carrying several (trunk)."""

    name: str
    access: int | None = None
    trunk: tuple[int, ...] = ()

    def ovs_arguments(self) -> list[str]:
        """As arguments of ovs-vsctl."""
        vlans = (["vlan_mode=access", f"tag={self.access}"] if self.access is not None
                 else ["vlan_mode=trunk", "trunks=" + ",".join(map(str, self.trunk))])
        return ["--", "add-port", BRIDGE, self.name, *vlans]


@dataclasses.dataclass(frozen=True)
class Switch:
    """An Open vSwitch to run. ``address`` None: not managed from outside."""

    name: str
    namespace: str
    directory: Path  # its sockets and database
    address: str | None
    ports: tuple[Port, ...]

    @property
    def database_socket(self) -> Path:
        return self.directory / "db.sock"

    @property
    def database_control(self) -> Path:
        return self.directory / "ovsdb.ctl"

    @property
    def remote(self) -> str:
        """What its ovsdb-server listens on for those who manage it."""
        return f"ptcp:{OVSDB_PORT}:{self.address}"


def switches(layout: Layout) -> list[Switch]:
    """All switches with their ports' first state, the border's own switch last."""
    ports: dict[str, list[Port]] = {place.name: [] for place in layout.switches}
    for server in layout.servers:
        for nic in server.nics:
            ports[nic.switch].append(Port(nic.port, access=QUARANTINE_VLAN))
    for canary in layout.canary_places:
        ports[canary.switch].append(Port(canary.port, access=canary.vlan))
    for link in layout.links:
        ports[link.switch].append(Port(link.port, trunk=(QUARANTINE_VLAN,)))
        if link.peer in ports:
            ports[link.peer].append(Port(link.peer_port, trunk=(QUARANTINE_VLAN,)))
    managed = [
        Switch(place.name, layout.switch_namespace(place.name), layout.run_directory / place.name, place.address,
               tuple(ports[place.name]))
        for place in layout.switches
    ]
    own = Switch(border.SWITCH, layout.switch_namespace(border.SWITCH), layout.run_directory / border.SWITCH, None,
                 tuple(Port(name, access, trunk) for name, access, trunk in border.ports()))
    return [*managed, own]


def start(settings: Settings, processes: Processes) -> None:
    """Bring up switches, cables, gateways and canaries; the servers' NICs are there, and down.

    :raises FabricError: a switch refused its configuration.
    :raises lab.namespaces.NetworkError: the kernel refused a namespace or a cable.
    """
    layout = settings.layout
    everything = switches(layout)
    layout.run_directory.mkdir(parents=True, exist_ok=True)
    namespaces.batch([*_namespace_lines(layout, everything), *_cable_lines(layout)])
    with ThreadPoolExecutor(8) as pool:
        started = [pool.submit(_start_switch, switch, processes) for switch in everything]
        _prepare_hosts(layout)
        for future in started:
            future.result()


def is_complete(layout: Layout, processes: Processes) -> bool:
    """Whether all switches run and all namespaces are there."""
    everything = switches(layout)
    expected = {line.split()[2] for line in _namespace_lines(layout, everything)}
    return expected == set(namespaces.existing(f"{layout.prefix}-")) and all(
        processes.alive(f"{part}-{switch.name}") for switch in everything for part in ("ovsdb", "vswitchd"))


def datapath_type() -> str:
    """Open vSwitch's userspace datapath; where there is no TUN (some containers), the one without bridge interfaces."""
    return "netdev" if TUN.exists() else "dummy"


def _namespace_lines(layout: Layout, everything: list[Switch]) -> list[str]:
    names = [
        *(switch.namespace for switch in everything),
        *(server.namespace for server in layout.servers),
        *(canary.namespace for canary in layout.canary_places),
        *(border.gateway_namespace(layout, vlan) for vlan in border.VLANS),
    ]
    return [f"netns add {name}" for name in names]


def _cable_lines(layout: Layout) -> list[str]:
    """Each cable is made right between its two namespaces: the host never has an interface of the lab."""
    lines = [
        _cable(server.namespace, nic.name, layout.switch_namespace(nic.switch), nic.port, nic.mac)
        for server in layout.servers for nic in server.nics
    ]
    lines += [
        _cable(canary.namespace, "eth0", layout.switch_namespace(canary.switch), canary.port)
        for canary in layout.canary_places
    ]
    lines += [
        _cable(layout.switch_namespace(link.switch), link.port,
               layout.switch_namespace(border.SWITCH if link.peer not in layout.switch_names else link.peer),
               link.peer_port)
        for link in layout.links
    ]
    return lines + [
        _cable(border.gateway_namespace(layout, vlan), "eth0", layout.switch_namespace(border.SWITCH),
               border.gateway_port(vlan))
        for vlan in border.VLANS
    ]


def _cable(namespace: str, interface: str, peer_namespace: str, peer: str, mac: str | None = None) -> str:
    address = f"address {mac} " if mac else ""
    return f"link add {interface} {address}netns {namespace} type veth peer name {peer} netns {peer_namespace}"


def _prepare_hosts(layout: Layout) -> None:
    for server in layout.servers:
        namespaces.prepare_host_stack(server.namespace, [nic.name for nic in server.nics])
    for canary in layout.canary_places:
        namespaces.prepare_host_stack(canary.namespace, ["eth0"])
        namespaces.batch(["link set lo up", f"address add {canary.address}/24 dev eth0", "link set eth0 up"],
                         canary.namespace)
    for vlan in border.VLANS:
        namespaces.prepare_host_stack(border.gateway_namespace(layout, vlan), ["eth0"])
        namespaces.batch(border.gateway_lines(), border.gateway_namespace(layout, vlan))


def _start_switch(switch: Switch, processes: Processes) -> None:
    """An ovsdb-server, an ovs-vswitchd, and the ports, in one transaction."""
    switch.directory.mkdir(parents=True, exist_ok=True)
    database = switch.directory / "conf.db"
    if not database.exists():
        _run(["ovsdb-tool", "create", str(database), str(SCHEMA)], switch)
    remotes = [f"--remote=punix:{switch.database_socket}"] + ([f"--remote={switch.remote}"] if switch.address else [])
    processes.start(f"ovsdb-{switch.name}", [
        "ovsdb-server", str(database), *remotes, f"--unixctl={switch.database_control}", "--no-chdir",
        "-vconsole:warn"])
    processes.wait_until(f"ovsdb-{switch.name}", switch.database_socket.exists, 10, "socket")
    namespaces.run_in(switch.namespace, namespaces.disable_ipv6)
    namespaces.batch(["link set lo up", *(f"link set {port.name} up" for port in switch.ports)], switch.namespace)
    processes.start(f"vswitchd-{switch.name}", [
        "nsenter", f"--net={namespaces.FOLDER / switch.namespace}", "ovs-vswitchd", f"unix:{switch.database_socket}",
        f"--unixctl={switch.directory / 'vswitchd.ctl'}", "--no-chdir", "-vconsole:warn",
        *([] if datapath_type() == "netdev" else ["--enable-dummy"]),
    ], env={"OVS_RUNDIR": str(switch.directory)})
    _run(["ovs-vsctl", "--timeout=30", f"--db=unix:{switch.database_socket}", *_baseline(switch)], switch)


def _baseline(switch: Switch) -> list[str]:
    """Arguments of ovs-vsctl for the switch's first state. One thread of each kind: a lab has many switches."""
    arguments = [
        "--", "set", "Open_vSwitch", ".", "other_config:n-handler-threads=1", "other_config:n-revalidator-threads=1",
        f"external_ids:hostname={switch.name}",
        "--", "add-br", BRIDGE,
        "--", "set", "Bridge", BRIDGE, f"datapath_type={datapath_type()}", "fail_mode=standalone",
    ]
    for port in switch.ports:
        arguments += port.ovs_arguments()
    return arguments


def _run(argv: list[str], switch: Switch) -> None:
    result = subprocess.run(argv, capture_output=True, text=True, check=False)
    if result.returncode:
        raise FabricError(f"switch {switch.name}: {argv[0]}: {result.stderr.strip()}")
