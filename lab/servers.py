"""The servers: each a network namespace with its NICs, and, while powered on, a small machine around it.

A running server has a first process in mount, UTS, IPC and PID namespaces of its own (`server_init.sh`): its image.
Powering off kills that process, and the kernel ends with it all that runs in the server. Who runs is written to
``<dir>/servers/<name>/running.json``, so that any process of the lab can boot, ask and stop.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Mapping
from pathlib import Path

from lab import namespaces, ssh_keys
from lab.layout import Layout, ServerPlace
from lab.process import start_time

USER = "core"
HOME = "/var/home/core"
PATH = "/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
INIT = Path(__file__).with_name("server_init.sh")

# What root may still do in a server: network tools and logins work; the host's kernel is out of reach.
CAPABILITIES = ("chown", "dac_override", "fowner", "fsetid", "kill", "net_admin", "net_bind_service", "net_raw",
                "setgid", "setuid", "sys_chroot")

_SSHD_CONFIG = f"""\
HostKey /etc/ssh/host_key
AuthorizedKeysFile /etc/ssh/authorized_keys
PasswordAuthentication no
KbdInteractiveAuthentication no
PermitRootLogin prohibit-password
AllowUsers {USER}
UsePAM no
UseDNS no
PrintMotd no
PidFile none
LogLevel VERBOSE
SetEnv PATH={PATH}
"""

# On CoreOS `core` may do everything by `sudo -n`. Here it is root itself, within CAPABILITIES, and `sudo` only runs.
_SUDO = """\
#!/bin/sh
while [ $# -gt 0 ]; do
    case $1 in
        -n|-E|-H|--non-interactive|--preserve-env|--set-home) shift ;;
        --) shift; break ;;
        -*) echo "sudo: this image knows no option $1" >&2; exit 1 ;;
        *) break ;;
    esac
done
exec "$@"
"""


class BootError(RuntimeError):
    """A server did not come up; the message holds what its first process said."""


def boot(layout: Layout, name: str, addresses: Mapping[str, str], gateway: str | None, authorized_key: str,
         hostname: str) -> None:
    """Start the server's image; a running one is started anew. Returns when it runs (tens of milliseconds).

    All its NICs come up. ``addresses``: CIDR by MAC of the NIC that gets it (``{"52:54:…": "10.64.0.10/24"}``); of a
    bond's members the first: the lab has no bonding device. ``gateway``: next hop of the default route, None for
    none. ``authorized_key``: lines of authorized_keys for the user `core`.

    :raises BootError: the image did not start. ValueError: a MAC is not the server's.
    :raises lab.namespaces.NetworkError: an address or the gateway cannot be set.
    """
    server = _place(layout, name)
    shutdown(layout, name)
    lines = _network_lines(server, addresses, gateway)
    folder = _folder(layout, name)
    _write_etc(folder, name, authorized_key, hostname)
    try:
        pid = _start_init(layout, server, folder, hostname)
        _write_record(folder, {"pid": pid, "started": start_time(pid), "hostname": hostname,
                               "addresses": dict(addresses), "gateway": gateway})
        namespaces.batch(lines, server.namespace)
    except BaseException:
        shutdown(layout, name)
        raise


def shutdown(layout: Layout, name: str) -> None:
    """Power gone: everything that runs in the server ends, NICs are down, addresses gone. No change when off."""
    server = _place(layout, name)
    record = _record(layout, name)
    if record and start_time(record["pid"]) == record["started"]:
        os.kill(record["pid"], signal.SIGKILL)
        while start_time(record["pid"]) == record["started"]:
            time.sleep(0.005)
    if record is not None:
        namespaces.batch([line for nic in server.nics
                          for line in (f"link set {nic.name} down", f"address flush dev {nic.name}")],
                         server.namespace)
        (_folder(layout, name) / "running.json").unlink(missing_ok=True)


def is_running(layout: Layout, name: str) -> bool:
    record = _record(layout, name)
    return bool(record) and start_time(record["pid"]) == record["started"]


def enter(layout: Layout, name: str, argv: list[str]) -> list[str]:
    """The command that runs ``argv`` inside a running server, as root of its image (absolute path of the program).

    :raises BootError: the server is off.
    """
    record = _record(layout, name)
    if not record or start_time(record["pid"]) != record["started"]:
        raise BootError(f"{name} is off")
    bounds = "-all," + ",".join(f"+{capability}" for capability in CAPABILITIES)
    return ["nsenter", f"--target={record['pid']}", "--mount", "--uts", "--ipc", "--net", "--pid", "--",
            "/usr/bin/setpriv", f"--bounding-set={bounds}", "--", *argv]


def _place(layout: Layout, name: str) -> ServerPlace:
    for server in layout.servers:
        if server.name == name:
            return server
    raise ValueError(f"there is no server {name} in this lab")


def _folder(layout: Layout, name: str) -> Path:
    return layout.directory / "servers" / name


def _record(layout: Layout, name: str) -> dict | None:
    try:
        return json.loads((_folder(layout, name) / "running.json").read_text())
    except FileNotFoundError:
        return None


def _write_record(folder: Path, record: dict) -> None:
    draft = folder / "running.new"
    draft.write_text(json.dumps(record))
    os.replace(draft, folder / "running.json")


def _network_lines(server: ServerPlace, addresses: Mapping[str, str], gateway: str | None) -> list[str]:
    """`ip` commands that bring up the server's network."""
    wanted = {mac.lower(): address for mac, address in addresses.items()}
    unknown = set(wanted) - {nic.mac for nic in server.nics}
    if unknown:
        raise ValueError(f"{server.name} has no NIC with MAC {', '.join(sorted(unknown))}")
    lines = ["link set lo up", *(f"link set {nic.name} up" for nic in server.nics)]
    given: set[str] = set()
    for nic in server.nics:
        address = wanted.get(nic.mac)
        if address and address not in given:
            lines.append(f"address add {address} dev {nic.name}")
            given.add(address)
    return lines + ([f"route replace default via {gateway}"] if gateway else [])


def _write_etc(folder: Path, name: str, authorized_key: str, hostname: str) -> None:
    """The image's /etc, which the first process copies."""
    ssh_keys.ensure(folder / "host_key", f"host key of {name}")
    etc = folder / "etc"
    shutil.rmtree(etc, ignore_errors=True)
    (etc / "ssh").mkdir(parents=True)
    shutil.copy2(folder / "host_key", etc / "ssh" / "host_key")
    files = {
        "passwd": f"{USER}:*:0:0:CoreOS Admin:{HOME}:/bin/sh\nroot:*:0:0:root:/root:/bin/sh\n"
                  "sshd:*:103:65534::/run/sshd:/usr/sbin/nologin\nnobody:*:65534:65534::/:/usr/sbin/nologin\n",
        "group": "root:x:0:\ntty:x:5:\nnogroup:x:65534:\n",
        "nsswitch.conf": "passwd: files\ngroup: files\nhosts: files\n",
        "hosts": f"127.0.0.1 localhost {hostname}\n",
        "hostname": f"{hostname}\n",
        "ssh/sshd_config": _SSHD_CONFIG,
        "ssh/authorized_keys": authorized_key.strip() + "\n",
        "sudo": _SUDO,
    }
    for file, content in files.items():
        (etc / file).write_text(content)


def _start_init(layout: Layout, server: ServerPlace, folder: Path, hostname: str) -> int:
    """Start the first process, away from this one's children; return its id once the image stands."""
    mount_point = layout.run_directory / "root"
    mount_point.mkdir(parents=True, exist_ok=True)
    argv = ["setsid", "--fork", "nsenter", f"--net={namespaces.FOLDER / server.namespace}",
            "unshare", "--mount", "--uts", "--ipc", "--pid", "--fork", "--kill-child",
            "/bin/sh", str(INIT), str(mount_point), str(folder / "etc"), hostname]
    with (
        open(folder / "console.log", "wb") as console,
        subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=console, cwd="/",
                         text=True) as starter,
    ):
        answer = starter.stdout.readline().split()
    if len(answer) != 2 or answer[0] != "running":
        raise BootError(f"{server.name} did not boot: {(folder / 'console.log').read_text(errors='replace').strip()}")
    return int(answer[1])
