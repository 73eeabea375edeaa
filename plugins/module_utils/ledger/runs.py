# Copyright: (c) 2026, leasehold.cloud contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs: one at a time on a cluster. The row stays when a run ends, so its token only grows.

A run's token fences its writes: each write in the name of a cluster names the token, and is refused unless that run
is the cluster's newest and has not ended. Tokens are of the whole ledger, so one cluster's never passes for another's.
"""

from __future__ import annotations

import datetime
import functools
from collections.abc import Iterable, Sequence

from ansible_collections.leasehold.cloud.plugins.module_utils.core.errors import RunInProgress, StaleRun
from ansible_collections.leasehold.cloud.plugins.module_utils.lazy import lazy
from ansible_collections.leasehold.cloud.plugins.module_utils.ledger import events
from ansible_collections.leasehold.cloud.plugins.module_utils.ledger.database import Transaction, chunks, iso
from ansible_collections.leasehold.cloud.plugins.module_utils.ledger.holder import is_gone
from ansible_collections.leasehold.cloud.plugins.module_utils.ledger.schema import tables

sa = lazy("sqlalchemy")

RUNNING = "running"
FINISHED = "finished"
FAILED = "failed"


def get(tx: Transaction, cluster: str) -> dict | None:
    """The newest run of a cluster: its row as a dict."""
    if ("run", cluster) not in tx.memo:
        found = tx.execute(with_cluster(), {"wanted": cluster}).first()
        if found is None:
            return None
        note(tx, cluster, found)
    return dict(tx.memo["run", cluster])


def note(tx: Transaction, cluster: str, found: Sequence) -> None:
    """Remember a run, and its cluster, of a row that a query (begun as :func:`with_cluster`) has found."""
    runs, clusters = tables().runs, tables().clusters
    width = len(runs.c)
    tx.memo.setdefault(("run", cluster), dict(zip(runs.c.keys(), found)))
    if found[width] is not None:
        tx.memo.setdefault(("cluster", cluster), dict(zip(clusters.c.keys(), found[width:])))


@functools.cache
def with_cluster():
    """The query of a run with the row of its cluster (see M(ledger.clusters)), which whoever asks for the one will need as well."""
    runs, clusters = tables().runs, tables().clusters
    return sa.select(runs, clusters).outerjoin_from(runs, clusters, clusters.c.name == runs.c.cluster).where(runs.c.cluster == sa.bindparam("wanted"))


def of(tx: Transaction, clusters: Iterable[str]) -> dict[str, dict]:
    """The newest run of each cluster that has had one."""
    runs = tables().runs
    return {run["cluster"]: run for chunk in chunks(clusters) for run in tx.rows(sa.select(runs).where(runs.c.cluster.in_(chunk)))}


def is_live(tx: Transaction, run: dict) -> bool:
    """Whether a run is at work: not ended, its process not known to be gone, not silent for too long."""
    return run["state"] == RUNNING and not is_gone(run["holder"]) and run["deadline"] > tx.at


def start(tx: Transaction, cluster: str, operation: str, holder: str, seconds: int) -> dict:
    """Begin a run with a higher token, taking over from a dead one, or from an earlier one of the same process.

    :param seconds: without a sign of life, after which it is taken for dead.
    :returns: the run's row, and C(taken_over): the run that was dead, or None.
    :raises RunInProgress: while another live run is at work on the cluster.
    """
    earlier = get(tx, cluster)
    if earlier and earlier["holder"] != holder and is_live(tx, earlier):
        raise _in_progress(earlier, operation)
    run = {
        "cluster": cluster, "token": _next_token(tx), "holder": holder, "state": RUNNING, "operation": operation,
        "step": None, "deadline": _deadline(tx, seconds), "started_at": tx.at, "updated_at": tx.at,
    }
    runs = tables().runs
    tx.execute(runs.update().where(runs.c.cluster == cluster).values(run) if earlier else runs.insert().values(run))
    tx.memo.pop(("run", cluster), None)
    taken_over = earlier if earlier and earlier["state"] == RUNNING else None
    shown = taken_over and {key: taken_over[key] for key in ("holder", "token", "operation", "step", "deadline")}
    events.record(tx, f"cluster {cluster}", "run_started", shown, {"operation": operation, "token": run["token"], "holder": holder})
    return run | {"taken_over": shown}


def fence(tx: Transaction, cluster: str, token: int, attempted: str) -> dict:
    """The cluster's run, when ``token`` is its.

    :raises StaleRun: when a newer run has taken over, or the run has ended.
    """
    run = get(tx, cluster)
    if run is None or run["token"] != token:
        raise _stale(cluster, token, attempted, f"the newest run's token is {run['token']}" if run else "it has no run")
    if run["state"] != RUNNING:
        raise _stale(cluster, token, attempted, f"the run with token {token} has {run['state']}")
    return run


def step(tx: Transaction, cluster: str, token: int, name: str, seconds: int) -> dict:
    """Note that the run begins a step, a sign of life as a :func:`beat` is."""
    run = fence(tx, cluster, token, f"beginning step {name}")
    return _write(tx, run, {"step": name, "deadline": _deadline(tx, seconds)})


def beat(tx: Transaction, cluster: str, token: int, seconds: int) -> bool:
    """Put off the moment at which the run is taken for dead, and say whether it is still the cluster's run at work."""
    runs = tables().runs
    tx.memo.pop(("run", cluster), None)
    same = sa.and_(runs.c.cluster == cluster, runs.c.token == token, runs.c.state == RUNNING)
    return tx.execute(runs.update().where(same).values(deadline=_deadline(tx, seconds), updated_at=tx.at)).rowcount == 1


def end(tx: Transaction, cluster: str, token: int, state: str, error: dict | None = None) -> dict:
    """End the run as finished or failed. Saying so twice is no error."""
    run = get(tx, cluster)
    if run and run["token"] == token and run["state"] == state:
        return run
    run = fence(tx, cluster, token, f"ending the run as {state}")
    events.record(tx, f"cluster {cluster}", f"run_{state}", {"step": run["step"], "token": token}, error)
    return _write(tx, run, {"state": state})


def _write(tx: Transaction, run: dict, values: dict) -> dict:
    values = values | {"updated_at": tx.at}
    runs = tables().runs
    tx.execute(runs.update().where(runs.c.cluster == run["cluster"]).values(values))
    tx.memo.pop(("run", run["cluster"]), None)
    return run | values


def _next_token(tx: Transaction) -> int:
    runs = tables().runs
    return (tx.execute(sa.select(sa.func.max(runs.c.token))).scalar() or 0) + 1


def _deadline(tx: Transaction, seconds: int) -> str:
    return iso(tx.now + datetime.timedelta(seconds=seconds))


def _in_progress(run: dict, operation: str) -> RunInProgress:
    return RunInProgress(
        f"{run['operation']} is at work on it, in step {run['step'] or 'start'} until {run['deadline']} at the latest",
        object=f"cluster {run['cluster']}", attempted=f"starting {operation}",
        remedy=f"wait until it ends; should its process ({run['holder']}) be dead on another host, this works after {run['deadline']}",
        details={"run": run},
    )


def _stale(cluster: str, token: int, attempted: str, why: str) -> StaleRun:
    return StaleRun(
        f"the run with token {token} may no longer write: {why}", object=f"cluster {cluster}", attempted=attempted,
        remedy="start the playbook again: it goes on from where things stand",
        details={"token": token},
    )
