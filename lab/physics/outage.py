"""The fault ``hub-down``: the hub's API is killed, and comes back when the fault has passed."""

from __future__ import annotations

import logging

from lab.hub.server import HUB, hub_server
from lab.physics.world import World

log = logging.getLogger(__name__)


def reconcile(world: World) -> bool:
    """Have the hub's API running, unless it is to be down. Return whether it runs."""
    down = world.fault("hub-down", "hub") is not None
    if down and world.processes.alive(HUB):
        log.warning("fault hub-down: killing the hub's API")
        world.processes.stop(HUB, grace=0)
    elif not down and not world.processes.alive(HUB):
        log.warning("starting the hub's API again")
        hub_server(world.layout).start(world.processes)
    return not down
