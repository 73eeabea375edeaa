# Copyright: (c) 2026, leasehold.cloud contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The pieces into which a pool of prefixes is cut, and which of them are free. A pool of IPv6 has more than can be looked at one by
one: what is not delegated is never looked at, what is held by a larger prefix is passed over at once, and what is left is reckoned.
"""

from __future__ import annotations

import functools
import ipaddress
from collections.abc import Collection, Iterable, Iterator

from ansible_collections.leasehold.cloud.plugins.module_utils.core.models import PrefixPool


def length_of(prefix: str) -> int:
    """The length of a prefix such as C(10.64.1.0/24)."""
    return int(prefix.rpartition("/")[2])


class Pieces:
    """The pieces of a pool.

    :param held: prefixes that are held, of any length, as texts in their usual form.
    """

    def __init__(self, pool: PrefixPool, held: Collection[str]):
        self.name = pool.name
        self.network = ipaddress.ip_network(pool.prefix)
        self.length = pool.length
        self.held = held
        self.step = 1 << (self.network.max_prefixlen - pool.length)
        self.total = 1 << (pool.length - self.network.prefixlen)

    def piece(self, number: int = 0):
        """The piece at a place, from 0: a network of C(ipaddress)."""
        return self._at(int(self.network.network_address) + number * self.step)

    def first_free(self, envelope: Iterable[str]):
        """The first piece that nobody holds and one of these prefixes has whole; None when there is none."""
        return next((piece for part in self._delegated(envelope) for piece in self._free(part)), None)

    def reckoned(self) -> tuple[int, int | None]:
        """How many pieces are held, and the place of the first that is not; None when all are."""
        base, held, beyond, free = int(self.network.network_address), 0, 0, None
        spans = (self._span(prefix, base) for prefix in map(ipaddress.ip_network, self.held) if self._concerns(prefix))
        for first, last in sorted(spans):
            free = beyond if free is None and first > beyond else free
            held += max(0, last + 1 - max(first, beyond))
            beyond = max(beyond, last + 1)
        return held, beyond if free is None and beyond < self.total else free

    def _delegated(self, envelope: Iterable[str]) -> Iterator:
        """What prefixes of an envelope have of the pool, in ascending order. One that is smaller than a piece has none."""
        wide = [prefix for prefix in map(ipaddress.ip_network, envelope) if self._concerns(prefix) and prefix.prefixlen <= self.length]
        return ipaddress.collapse_addresses(max(prefix, self.network, key=lambda some: some.prefixlen) for prefix in wide)

    def _free(self, part) -> Iterator:
        """The free pieces of a part of the pool."""
        address, end = int(part.network_address), int(part.broadcast_address)
        while address <= end:
            piece = self._at(address)
            address += self.step
            if str(piece) in self.held:  # most are of this length: no need to compare each with each
                continue
            over = [other for other in self._of_other_lengths if other.overlaps(piece)]
            if not over:
                yield piece
            address = max([address, *(int(other.broadcast_address) + 1 for other in over)])

    @functools.cached_property
    def _of_other_lengths(self) -> list:
        """Held prefixes that may overlap a piece without being one."""
        others = (ipaddress.ip_network(prefix) for prefix in self.held if not prefix.endswith(f"/{self.length}"))
        return [prefix for prefix in others if self._concerns(prefix)]

    def _concerns(self, prefix) -> bool:
        return prefix.version == self.network.version and prefix.overlaps(self.network)

    def _span(self, prefix, base: int) -> tuple[int, int]:
        """The first and the last place that a prefix, which concerns the pool, touches; it may begin before the pool does."""
        first, last = (int(address) - base for address in (prefix.network_address, prefix.broadcast_address))
        return first // self.step, min(self.total - 1, last // self.step)

    def _at(self, address: int):
        return type(self.network)((address, self.length))
