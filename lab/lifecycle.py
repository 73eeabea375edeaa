"""A lab as a whole: up, down, and whether all of it is there. Each part knows how to start itself; this is the order.

``/run/leasehold-lab-<number>/`` says which directory holds the lab of that number, and has the processes' records, so
that a lab whose directory was deleted under it can still be taken down.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from lab import bmc, document, fabric, namespaces, settings, ssh_keys, tls
from lab.hub import server as hub
from lab.layout import IMAGE_PORT, SSH_PORT, Layout
from lab.process import Processes, answers
from lab.settings import Settings

ROOT = Path(__file__).parent.parent
TOOLS = ("ip", "ovs-vswitchd", "ovsdb-server", "ovsdb-tool", "ovs-vsctl", "ovs-appctl", "sshd", "nsenter", "unshare",
         "setsid", "setpriv", "pivot_root")
PHYSICS = "physics"
Say = Callable[[str], None]


class LabError(RuntimeError):
    """The lab cannot be brought up; the message says what to do."""


def up(wanted: Settings, say: Say) -> None:
    """Bring up the lab. Nothing happens when it is up with the same settings; a broken one is repaired, or made anew.

    :raises LabError: tools are missing, another lab has the number or the directory, or it is up with other settings.
    """
    _require_tools()
    layout = wanted.layout
    _require_own_number(layout)
    with contextlib.suppress(settings.NoLab):
        current = settings.load(layout.directory)
        if runs(current) and current != wanted:
            raise LabError(f"a lab with other settings runs in {layout.directory}; first: python -m lab down")
        if is_complete(current):
            say("The lab is up already.")
            return
        if runs(current):
            say("The lab is there in part: starting what is missing.")
            _start_parts(current, Processes(current.directory), say)
            return
        say("The lab is there in part, without its fabric: clearing it away first.")
        down(current, say)
    _clear_remains(layout)
    _start(wanted, say)


def runs(current: Settings) -> bool:
    """Whether a lab's fabric and namespaces are there; what else it is made of can be started beside them."""
    return _owner(current.layout) == current.directory and fabric.is_complete(
        current.layout, Processes(current.directory))


def is_complete(current: Settings) -> bool:
    """Whether all parts of a lab run."""
    if not runs(current):
        return False
    processes = Processes(current.directory)
    return all(map(processes.alive, _expected(current)))


def down(current: Settings, say: Say) -> None:
    """End the lab: its processes, namespaces and cables are gone, and its directory is removed."""
    started = time.monotonic()
    layout, directory = current.layout, current.directory
    if _owner(layout) == directory:
        processes = Processes(directory)
        if current.hub:
            processes.stop(PHYSICS)  # it would start again what it misses
            hub.stop(processes)
        _clear_remains(layout)
    shutil.rmtree(directory)
    say(f"The lab is gone ({time.monotonic() - started:.1f} s).")


def clear_orphans(directory: Path) -> int:
    """End what is left of labs whose ``directory`` was deleted under them; return how many labs that were."""
    orphans = [file.parent for file in Path("/run").glob("leasehold-lab-*/directory")
               if file.read_text() == str(directory)]
    for run_directory in orphans:
        _clear_remains(Layout(directory, number=int(run_directory.name.rpartition("-")[2])))
    return len(orphans)


def _start(wanted: Settings, say: Say) -> None:
    layout, directory = wanted.layout, wanted.directory
    started = time.monotonic()
    _make_directories(layout)
    settings.save(wanted)
    processes = Processes(directory)
    tls.create_authority(directory)
    ssh_keys.ensure(directory / "ssh" / "id_ed25519", "operator of the lab")
    document.write(layout)
    say(f"Lab {layout.number} in {directory}: {layout.racks} racks, {len(layout.servers)} servers")
    try:
        _timed(f"fabric of {len(layout.switches)} switches", lambda: fabric.start(wanted, processes), say)
        _start_parts(wanted, processes, say)
    finally:
        _give_to_caller(directory)
    say(f"  up after {time.monotonic() - started:.1f} s")


def _start_parts(wanted: Settings, processes: Processes, say: Say) -> None:
    """Everything but the fabric, side by side; what runs stays as it is."""
    layout = wanted.layout
    parts: dict[str, Callable[[], None]] = {
        "BMCs": lambda: bmc.start(wanted, processes),
        "management": lambda: _start_management(wanted, processes),
    }
    if wanted.hub:
        parts["hub"] = lambda: hub.start(wanted, processes, say)
    with ThreadPoolExecutor(len(parts)) as pool:
        for future in [pool.submit(_timed, name, part, say) for name, part in parts.items()]:
            future.result()
    if wanted.hub:
        _start_module(PHYSICS, "lab.physics", wanted, processes)
        images = layout.image_address
        processes.wait_until(PHYSICS, lambda: answers(images, IMAGE_PORT), 20, f"answer at {images}:{IMAGE_PORT}")


def _start_management(wanted: Settings, processes: Processes) -> None:
    """The way to the servers' sshd, and what plays the switches' faults."""
    _start_module("ssh-gate", "lab.ssh_gate", wanted, processes)
    _start_module("switch-faults", "lab.switch_faults", wanted, processes)
    last = wanted.layout.servers[-1].ssh_address
    processes.wait_until("ssh-gate", lambda: answers(last, SSH_PORT), 20, f"answer at {last}:{SSH_PORT}")


def _start_module(name: str, module: str, wanted: Settings, processes: Processes) -> None:
    processes.start(name, [sys.executable, "-m", module, str(wanted.directory)], cwd=ROOT)


def _timed(name: str, part: Callable[[], None], say: Say) -> None:
    started = time.monotonic()
    part()
    say(f"  {name} ({time.monotonic() - started:.1f} s)")


def _expected(current: Settings) -> set[str]:
    """Names of the processes that must run beside the switches'."""
    return {bmc.PROCESS, "ssh-gate", "switch-faults", *((hub.ETCD, hub.HUB, PHYSICS) if current.hub else ())}


def _require_tools() -> None:
    missing = [tool for tool in TOOLS if not shutil.which(tool)]
    if missing:
        raise LabError(f"the lab needs {', '.join(missing)}; run `make setup`, or: "
                       "apt-get install openvswitch-switch openssh-server iproute2 iputils-arping iputils-ping")


def _owner_file(layout: Layout) -> Path:
    return layout.run_directory / "directory"


def _owner(layout: Layout) -> Path | None:
    """The directory of the lab that has this number now."""
    try:
        return Path(_owner_file(layout).read_text())
    except FileNotFoundError:
        return None


def _require_own_number(layout: Layout) -> None:
    """A number is another lab's as long as any of its processes lives: a run that was killed keeps none."""
    owner = _owner(layout)
    if owner and owner != layout.directory and settings.path(owner).exists() and _anything_lives(layout):
        raise LabError(f"number {layout.number} belongs to the lab in {owner}: take that down, or use --number")


def _anything_lives(layout: Layout) -> bool:
    recorded = Processes.recorded_in(layout.run_directory)
    return any(map(recorded.alive, recorded.names())) or bool(
        namespaces.inhabitants(namespaces.existing(f"{layout.prefix}-")))


def _make_directories(layout: Layout) -> None:
    """The lab's directory, and the run directory with the processes' records, which the former links to."""
    records = layout.run_directory / "pids"
    records.mkdir(parents=True)
    layout.directory.mkdir(parents=True, exist_ok=True)
    _owner_file(layout).write_text(str(layout.directory))
    (layout.directory / "pids").symlink_to(records)


def _clear_remains(layout: Layout) -> None:
    """End what a lab of this number left: recorded processes, whatever runs in its namespaces, these, its sockets."""
    if (layout.run_directory / "pids").exists():
        remains = Processes.recorded_in(layout.run_directory)
        remains.stop_all(remains.names(), grace=0)
    _end_inhabitants(layout)
    namespaces.remove(namespaces.existing(f"{layout.prefix}-"))
    shutil.rmtree(layout.run_directory, ignore_errors=True)
    records = layout.directory / "pids"
    if records.is_symlink():
        records.unlink()


def _end_inhabitants(layout: Layout) -> None:
    """Servers' first processes and all else whose network is one of the lab's namespaces."""
    for pid in namespaces.inhabitants(namespaces.existing(f"{layout.prefix}-")):
        with contextlib.suppress(ProcessLookupError):  # ended together with one before it
            os.kill(pid, signal.SIGKILL)


def _give_to_caller(directory: Path) -> None:
    """Under sudo: the directory is the caller's, so that Ansible needs no root to read it."""
    if "SUDO_UID" not in os.environ:
        return
    owner, group = int(os.environ["SUDO_UID"]), int(os.environ["SUDO_GID"])
    for folder, folders, files in os.walk(directory):
        for name in (".", *folders, *files):
            with contextlib.suppress(FileNotFoundError):  # daemons come and go with files meanwhile
                os.chown(os.path.join(folder, name), owner, group, follow_symlinks=False)
