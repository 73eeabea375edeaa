# Copyright: (c) 2026, leasehold.cloud contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The list of free servers, by cell. Whoever changes a server's state, its claim or its source's record refreshes it."""

from __future__ import annotations

import functools
from collections.abc import Iterable

from ansible_collections.leasehold.cloud.plugins.module_utils.lazy import lazy
from ansible_collections.leasehold.cloud.plugins.module_utils.ledger.database import Transaction, chunks
from ansible_collections.leasehold.cloud.plugins.module_utils.ledger.schema import tables

sa = lazy("sqlalchemy")


def refresh(tx: Transaction, names: Iterable[str]) -> None:
    """Make the list true for these servers, known or gone: those are on it that are active and present in their source,
    available, and held by nobody."""
    free = tables().free_servers
    for chunk in chunks(names):
        drop(tx, chunk)
        tx.write(free.insert().from_select(("cell", "sort_key", "server"), qualified().where(tables().servers.c.name.in_(chunk))), {})


def drop(tx: Transaction, names: Iterable[str]) -> None:
    """Take servers off the list that are certain not to be available."""
    for chunk in chunks(names):
        tx.write(_removal(), {"names": chunk})


@functools.cache
def _removal():
    free = tables().free_servers
    return free.delete().where(free.c.server.in_(sa.bindparam("names", expanding=True)))


def qualified():
    """The query of the servers that belong on the list: C(cell), C(sort_key), C(name)."""
    servers, states, claims = tables().servers, tables().server_states, tables().claims
    held = sa.select(claims.c.id).where(claims.c.kind == "server", claims.c.resource == servers.c.name)
    return sa.select(servers.c.cell, servers.c.sort_key, servers.c.name).join(states, states.c.server == servers.c.name).where(
        servers.c.status == "active", servers.c.missing_since.is_(None), states.c.state == "available", ~held.exists(),
    )
