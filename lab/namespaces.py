"""Linux network namespaces: made in batches, entered by a thread, set up as a server's network stack should be."""

from __future__ import annotations

import contextlib
import ctypes
import fcntl
import os
import socket
import struct
import subprocess
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TypeVar

FOLDER = Path("/run/netns")
Result = TypeVar("Result")

_libc = ctypes.CDLL(None, use_errno=True)
_CLONE_NEWNET = 0x40000000
_SIOCETHTOOL = 0x8946
_ETHTOOL_STXCSUM = 0x17


class NetworkError(RuntimeError):
    """The kernel refused a change to a namespace or an interface; the message is `ip`'s, or the system's."""


def existing(prefix: str) -> list[str]:
    """Names of the namespaces that start with ``prefix``."""
    return sorted(path.name for path in FOLDER.glob(f"{prefix}*")) if FOLDER.exists() else []


def batch(lines: Iterable[str], namespace: str | None = None) -> None:
    """Run many `ip` commands in one process, in ``namespace`` or the host's. Stops at the first that fails.

    :raises NetworkError: with `ip`'s message.
    """
    argv = ["ip", *(["-n", namespace] if namespace else []), "-batch", "-"]
    result = subprocess.run(argv, input="\n".join(lines) + "\n", capture_output=True, text=True, check=False)
    if result.returncode:
        raise NetworkError(f"{' '.join(argv)}: {result.stderr.strip()}")


def remove(names: Iterable[str]) -> None:
    """Delete namespaces; their interfaces go with them."""
    lines = [f"netns del {name}" for name in names]
    if lines:
        batch(lines)


def inhabitants(names: Iterable[str]) -> list[int]:
    """Ids of all processes whose network is one of these namespaces."""
    networks = {os.stat(FOLDER / name).st_ino for name in names}
    found = []
    for entry in Path("/proc").iterdir() if networks else ():
        if entry.name.isdigit():
            # It ended while we looked, or is not for root to look at in a container: then it is none of the lab's.
            with contextlib.suppress(FileNotFoundError, ProcessLookupError, PermissionError):
                if os.stat(entry / "ns" / "net").st_ino in networks:
                    found.append(int(entry.name))
    return found


def run_in(namespace: str, function: Callable[[], Result]) -> Result:
    """Call ``function`` in a thread whose network is ``namespace``; sockets that it makes stay in there.

    :raises NetworkError: the namespace cannot be entered. What the function raises is raised here.
    """
    def inside() -> Result:
        _enter(namespace)
        return function()

    with ThreadPoolExecutor(1) as thread_of_its_own:
        return thread_of_its_own.submit(inside).result()


def prepare_host_stack(namespace: str, nics: Iterable[str]) -> None:
    """Make a namespace behave like a machine with these NICs.

    - An address is answered for on its own NIC only (arp_ignore, arp_announce): with two NICs in two segments, ARP
      would otherwise answer for one on the other, and isolation could not be seen on the wire.
    - No IPv6, so that nothing is on the wire that nobody sent.
    - TX checksums are computed: the userspace datapath forwards packets as they are, and TCP would drop them.
    """
    def prepare() -> None:
        for scope in ("all", "default"):
            Path(f"/proc/sys/net/ipv4/conf/{scope}/arp_ignore").write_text("1")
            Path(f"/proc/sys/net/ipv4/conf/{scope}/arp_announce").write_text("2")
        disable_ipv6()
        for nic in nics:
            _transmit_checksums_in_software(nic)

    run_in(namespace, prepare)


def disable_ipv6() -> None:
    """No IPv6 in this thread's network, where the kernel has it at all."""
    for scope in ("all", "default"):
        switch = Path(f"/proc/sys/net/ipv6/conf/{scope}/disable_ipv6")
        if switch.exists():
            switch.write_text("1")


def _enter(namespace: str) -> None:
    try:
        descriptor = os.open(FOLDER / namespace, os.O_RDONLY)
    except FileNotFoundError as error:
        raise NetworkError(f"there is no network namespace {namespace}") from error
    try:
        if _libc.setns(descriptor, _CLONE_NEWNET):
            raise NetworkError(f"cannot enter network namespace {namespace}: {os.strerror(ctypes.get_errno())}")
    finally:
        os.close(descriptor)


def _transmit_checksums_in_software(nic: str) -> None:
    """What ``ethtool -K <nic> tx off`` does, without a process for each of hundreds of NICs (linux/ethtool.h)."""
    value = ctypes.create_string_buffer(struct.pack("II", _ETHTOOL_STXCSUM, 0))
    request = struct.pack("16sP", nic.encode(), ctypes.addressof(value))
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:
        fcntl.ioctl(any_socket, _SIOCETHTOOL, request)
