# Copyright: (c) 2026, leasehold.cloud contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Holds: claims with a deadline, kept while an order awaits approval. Past it they count as free, and the next writer frees them."""

from __future__ import annotations

from ansible_collections.leasehold.cloud.plugins.module_utils.core.changes import Change
from ansible_collections.leasehold.cloud.plugins.module_utils.core.states import SERVER_UNUSED
from ansible_collections.leasehold.cloud.plugins.module_utils.lazy import lazy
from ansible_collections.leasehold.cloud.plugins.module_utils.ledger import claims, clusters, reservations, runs
from ansible_collections.leasehold.cloud.plugins.module_utils.ledger.database import Transaction, chunks
from ansible_collections.leasehold.cloud.plugins.module_utils.ledger.schema import tables

sa = lazy("sqlalchemy")

LAPSED = "hold lapsed"


def lapsed(tx: Transaction) -> list[str]:
    """Clusters whose hold is over, so that what they hold counts as free.

    Not one that a live run is at work on, nor one whose servers are on their way out: that release has to be finished.
    """
    table = tables().clusters
    over = sa.select(table.c.name).where(table.c.hold_until <= tx.at, table.c.phase != "deleted").order_by(table.c.name)
    names = [row["name"] for row in tx.rows(over)]
    if not names:
        return []
    kept = {name for name, run in runs.of(tx, names).items() if runs.is_live(tx, run)} | _used(tx, names)
    return [name for name in names if name not in kept]


def lapse(tx: Transaction, besides: str | None = None) -> list[Change]:
    """Free what clusters hold whose hold is over; they are deleted then.

    :param besides: a cluster that is about to use what it holds (in check mode no run says so).
    """
    return [change for name in lapsed(tx) if name != besides for change in cancel(tx, name, LAPSED)]


def cancel(tx: Transaction, cluster: str, reason: str) -> list[Change]:
    """End a cluster that is only held or reserved: it is deleted, and has touched no hardware."""
    return give_up(tx, cluster, reason) + clusters.close(tx, cluster, reason)


def give_up(tx: Transaction, cluster: str, reason: str) -> list[Change]:
    """Free what a cluster only held, and drop what it had reserved. What it has put to use stays its."""
    held = clusters.require(tx, cluster, "giving up its hold")["hold_until"]
    return (claims.free(tx, cluster, unused=True) if held else []) + reservations.drop(tx, cluster, reason)


def _used(tx: Transaction, names: list[str]) -> set[str]:
    """Those of the clusters that hold a server which is neither as it was claimed, nor set aside."""
    held, states = tables().claims, tables().server_states
    server = sa.and_(held.c.kind == "server", held.c.resource == states.c.server, states.c.state.not_in(SERVER_UNUSED))
    return {row["cluster"] for chunk in chunks(names) for row in tx.rows(sa.select(held.c.cluster).join(states, server).where(held.c.cluster.in_(chunk)))}
