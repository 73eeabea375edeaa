# SPDX-License-Identifier: GPL-3.0-or-later
"""How large a contention test is. The environment makes it smaller, or larger."""

from __future__ import annotations

import dataclasses
import os


@dataclasses.dataclass(frozen=True)
class Size:
    """Who contends for how much.

    :param holding: clusters that a buyer holds before it gives the oldest back.
    :param moment: seconds that it rests at the longest after each order.
    :param kills: buyers that are killed; each has an heir.
    :param crashes: of the database's server, where the test has one.
    :param seconds: after which it hangs, on the slowest machine; not how long it may take.
    :param limit: one tenant may have one server in so many; where that is less than most orders, some are refused whatever else happens.
    """

    processes: int
    servers: int
    orders: int
    holding: int
    kills: int
    crashes: int
    largest: int = 64
    moment: float = 0.05
    seed: int = 4
    seconds: int = 600
    limit: int = 5

    @property
    def quota(self) -> int:
        """Servers that one of the tenants may have: less than its buyers ask for."""
        return self.servers // self.limit

    def __post_init__(self) -> None:
        if self.processes * self.holding * self.largest / 2 < self.servers:
            raise ValueError(f"{self.processes} buyers of {self.holding} clusters each would not fill {self.servers} servers")


def _number(name: str, default: int) -> int:
    return int(os.environ.get(f"LEASEHOLD_CONTENTION_{name}", str(default)))


def full() -> Size:
    """64 processes, 10,000 servers, unless C(LEASEHOLD_CONTENTION_PROCESSES), C(_SERVERS) ... say otherwise."""
    return Size(
        processes=_number("PROCESSES", 64), servers=_number("SERVERS", 10_000), orders=_number("ORDERS", 8), holding=_number("HOLDING", 6),
        kills=_number("KILLS", 12), crashes=_number("CRASHES", 2), seed=_number("SEED", Size.seed), seconds=_number("SECONDS", Size.seconds),
    )


SMALL = Size(processes=8, servers=200, orders=6, holding=3, kills=2, crashes=1, largest=32, moment=0.02, limit=25)
