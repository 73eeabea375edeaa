"""The daemon's loop (look at the hardware and the hub, give each controller its turn), and its start and stop."""

from __future__ import annotations

import logging
import signal
import sys
import threading
import time
from pathlib import Path

from lab import faults, settings
from lab.physics import (
    agents, hosted_clusters, images, kubelets, machines, managed_clusters, namespaces, node_pools, outage)
from lab.physics.boots import Boots
from lab.physics.resources import (
    AGENT, HOSTED_CLUSTER, INFRA_ENV, MACHINE, MANAGED_CLUSTER, NAMESPACE, NODE_POOL)
from lab.physics.world import World
from lab.process import Processes

log = logging.getLogger(__name__)

PROCESS = "physics"
TICK = 0.25  # seconds between looks at the hardware, which tells nobody when it changes
GATHER = 0.02  # seconds: events that come together are answered together
RESYNC = 1.0  # seconds between rounds in which nothing seems to have happened

ROUNDS = (
    (INFRA_ENV, images.reconcile), (AGENT, agents.reconcile), (HOSTED_CLUSTER, hosted_clusters.reconcile),
    (NODE_POOL, node_pools.reconcile), (MACHINE, machines.reconcile), (MANAGED_CLUSTER, managed_clusters.reconcile),
    (NAMESPACE, namespaces.reconcile),
)


def start(lab: settings.Settings, processes: Processes) -> None:
    """Start the daemon and wait until it serves discovery images. The hub must run."""
    root = Path(__file__).parents[2]
    processes.start(PROCESS, [sys.executable, "-m", "lab.physics", str(lab.directory)], cwd=root)
    ready = _ready_file(lab.directory)
    processes.wait_until(PROCESS, ready.exists, 30, "physics")


def stop(processes: Processes) -> None:
    """End the daemon, before the servers and the hub that it would start again."""
    processes.stop(PROCESS, grace=5.0)


def run(directory: Path) -> None:
    """Be the daemon, until SIGTERM."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s", stream=sys.stderr)
    stopped = threading.Event()
    world = World(settings.load(directory))
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: (stopped.set(), world.wake.set()))
    boots, server = Boots(world), images.serve(world)
    _ready_file(directory).touch()
    try:
        _loop(world, boots, stopped)
    finally:
        _ready_file(directory).unlink(missing_ok=True)
        server.shutdown()
        boots.close()


def _loop(world: World, boots: Boots, stopped: threading.Event) -> None:
    seen, last = None, 0.0
    while not stopped.is_set():
        woken = world.wake.wait(TICK)
        world.wake.clear()
        if woken:
            time.sleep(GATHER)
        now = (world.hardware.revision(), faults.version(world.directory))
        if woken or world.waiting or now != seen or time.monotonic() - last > RESYNC:
            seen, last = now, time.monotonic()
            world.attempt(("hardware",), boots.reconcile)
            world.attempt(("hub",), _round, world)


def _round(world: World) -> None:
    """Each controller's turn; without a hub, only the clusters' own nodes go on."""
    if outage.reconcile(world) and world.synced:
        agents.register(world)
        for resource, reconcile in ROUNDS:
            world.each(resource, reconcile)
    kubelets.reconcile(world)


def _ready_file(directory: Path) -> Path:
    return directory / "physics" / "ready"
