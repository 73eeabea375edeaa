# Copyright: (c) 2026, leasehold.cloud contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Servers: the mirror's record, the ledger's state, and who holds it, put together."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Collection, Iterable, Mapping

from ansible_collections.leasehold.cloud.plugins.module_utils.core.changes import Change
from ansible_collections.leasehold.cloud.plugins.module_utils.core.errors import InvalidInput, NotFound, StaleRun, WipeUnproven
from ansible_collections.leasehold.cloud.plugins.module_utils.core.models import Server
from ansible_collections.leasehold.cloud.plugins.module_utils.core.states import SERVER_ASIDE, server_transition
from ansible_collections.leasehold.cloud.plugins.module_utils.lazy import lazy
from ansible_collections.leasehold.cloud.plugins.module_utils.ledger import events, free, runs
from ansible_collections.leasehold.cloud.plugins.module_utils.ledger.database import Transaction, chunks
from ansible_collections.leasehold.cloud.plugins.module_utils.ledger.schema import tables

sa = lazy("sqlalchemy")


def select_rows(*extra):
    """A query of servers with their state and holder: all columns of the mirror's, C(state), C(cluster) ..."""
    servers, states, claims, clusters = tables().servers, tables().server_states, tables().claims, tables().clusters
    holder = sa.and_(claims.c.kind == "server", claims.c.resource == servers.c.name)
    return sa.select(
        servers, sa.func.coalesce(states.c.state, "available").label("state"), states.c.reason, states.c.since,
        claims.c.cluster, claims.c.node_set, claims.c.detail, clusters.c.tenant, *extra,
    ).select_from(
        servers.outerjoin(states, states.c.server == servers.c.name).outerjoin(claims, holder)
        .outerjoin(clusters, clusters.c.name == claims.c.cluster)
    ).order_by(servers.c.name)


def as_server(row: Mapping) -> Server:
    """The server of a row of :func:`select_rows`: leased, if a cluster holds it."""
    server = Server.from_dict(row["document"] | {"state": row["state"]})
    if row["cluster"] is None:
        return server
    return server.leased(row["node_set"], (row["detail"] or {}).get("address"))


def load(tx: Transaction, names: Iterable[str]) -> list[dict]:
    """The rows of the servers named, in the order of their names.

    :raises NotFound: naming those that the ledger does not know.
    """
    wanted = sorted(set(names))
    found = [row for chunk in chunks(wanted) for row in tx.rows(select_rows().where(tables().servers.c.name.in_(chunk)))]
    unknown = sorted(set(wanted) - {row["name"] for row in found})
    if unknown:
        raise NotFound(
            "the ledger does not know it", object=f"server {', '.join(unknown)}", attempted="looking it up",
            remedy="check the name; if it is new, read your source of truth with leasehold.cloud.source",
        )
    return found


def states_of(tx: Transaction, names: Iterable[str]) -> dict[str, str]:
    """The state of each of the servers, by name, in the order of their names.

    :raises NotFound: naming those that the ledger does not know.
    """
    servers, states, wanted = tables().servers, tables().server_states, sorted(set(names))
    query = sa.select(servers.c.name, sa.func.coalesce(states.c.state, "available")).outerjoin(states, states.c.server == servers.c.name)
    found = {name: state for chunk in chunks(wanted) for name, state in tx.execute(query.where(servers.c.name.in_(chunk)))}
    if len(found) < len(wanted):
        load(tx, wanted)  # says which
    return {name: found[name] for name in wanted}


@dataclasses.dataclass(frozen=True)
class Mover:
    """Who moves servers: a cluster's run, or (without cluster and token) an admin.

    ``foreseen``: in check mode, where no run exists and what earlier tasks would have done counts as done.
    """

    cluster: str | None = None
    token: int | None = None
    foreseen: bool = False


ADMIN = Mover()


def move(
    tx: Transaction, names: Collection[str], state: str, *, by: Mover = ADMIN, reason: str | None = None,
    evidence: Mapping | None = None, passing: Collection[str] = (),
) -> list[Change]:
    """Bring servers to a state; those that are in it already, or in one of the states ``passing``, are left alone.

    :param evidence: by server: of a wipe, the list of its drives' proofs.
    :raises IllegalTransition: naming the server; then none is moved.
    :raises StaleRun: when the run may no longer write.
    :raises WipeUnproven: for available after cleaning, without proof for every drive.
    """
    rows = [row for row in load(tx, names) if row["state"] != state and row["state"] not in passing]
    if by.foreseen:
        return _changes(rows, state)
    for row in rows:
        server_transition(row["state"], state, reason, name=row["name"])
        if row["state"] == "cleaning" and state == "available":
            _refuse_unproven(row["name"], (evidence or {}).get(row["name"]))
    _fence(tx, rows, state, by)
    put(tx, [(row["name"], row["state"]) for row in rows], state, reason=reason, evidence=evidence)
    return _changes(rows, state)


def since(tx: Transaction, names: Collection[str], state: str) -> str:
    """The latest moment at which one of the servers came into the state; now, when none is in it."""
    return max((row["since"] for row in load(tx, names) if row["state"] == state), default=tx.at)


def states(tx: Transaction, names: Collection[str] | None = None) -> list[dict]:
    """State and holder of servers (None: of all), without what their source says of them."""
    columns = ("name", "site", "rack", "class", "status", "state", "reason", "since", "cluster", "tenant", "node_set", "missing_since")
    rows = load(tx, names) if names is not None else tx.rows(select_rows())
    return [{column: row[column] for column in columns} for row in rows]


def _changes(rows: Iterable[Mapping], state: str) -> list[Change]:
    return [Change("server", row["name"], row["state"], state) for row in rows]


def put(
    tx: Transaction, moving: Iterable[tuple[str, str]], state: str, *, reason: str | None = None,
    evidence: Mapping | None = None, listed: bool = False,
) -> None:
    """Write the state of servers, each (name, state before), with its event. Whether it may be is the caller's to ask.

    :param listed: they are on the list of free servers, where only those are whose state was written before.
    """
    before = dict(moving)
    if not before:
        return
    _write(tx, list(before), {"state": state, "reason": reason, "since": tx.at}, evidence or {}, listed)
    if state == "available":
        free.refresh(tx, before)
    else:
        free.drop(tx, before)
    events.record_all(tx, (
        (f"server {name}", "moved", {"state": was}, {"state": state, "reason": reason, "evidence": (evidence or {}).get(name)})
        for name, was in before.items()
    ))


def _write(tx: Transaction, names: list[str], values: Mapping, evidence: Mapping, listed: bool) -> None:
    if listed:
        for chunk in chunks(names):
            tx.write(_update(), {"names": chunk, **values})
        return
    states = tables().server_states
    alike = not any(map(evidence.get, names))  # then one statement writes them all, but for those of which nothing was written yet
    if alike and sum(tx.execute(_update(), {"names": chunk, **values}).rowcount for chunk in chunks(names)) == len(names):
        return
    for chunk in chunks(names):
        tx.execute(states.delete().where(states.c.server.in_(chunk)))
    tx.execute(states.insert(), [{"server": name, "evidence": evidence.get(name), **values} for name in names])


@functools.cache
def _update():
    states = tables().server_states
    return states.update().where(states.c.server.in_(sa.bindparam("names", expanding=True))).values(evidence=sa.null())


def _fence(tx: Transaction, moving: list[dict], state: str, by: Mover) -> None:
    """Refuse to move what the mover has no right to."""
    attempted, aside = f"moving servers to {state}", state in SERVER_ASIDE
    if by.cluster is None and by.token is None:
        held = [row for row in moving if row["cluster"]]
        if held and not aside:
            raise InvalidInput(
                f"cluster {held[0]['cluster']} holds it, and no run's token was given", object=f"server {held[0]['name']}",
                attempted=attempted, remedy="give cluster and token of its run; without them a held server can only be "
                f"set aside ({', '.join(SERVER_ASIDE)})",
            )
        return
    strangers = [row for row in moving if row["cluster"] is None or by.cluster not in (None, row["cluster"])]
    if strangers:
        raise StaleRun(
            f"{'cluster ' + strangers[0]['cluster'] if strangers[0]['cluster'] else 'no cluster'} holds it, "
            f"so this run may not move it", object=f"server {strangers[0]['name']}", attempted=attempted,
            remedy="start the playbook again: it goes on from where things stand",
        )
    for holder in sorted({row["cluster"] for row in moving}):
        runs.fence(tx, holder, by.token, attempted)


def _refuse_unproven(name: str, proofs: object) -> None:
    listed = proofs if isinstance(proofs, list) else []
    if not listed or not all(isinstance(proof, Mapping) and proof.get("proven") is True for proof in listed):
        raise WipeUnproven(
            "it cannot become available: there is no proof of an erase for every one of its drives",
            object=f"server {name}", attempted="freeing it after its wipe",
            remedy="give the evidence that leasehold.cloud.bmc returned for it, or put it into quarantine",
        )
