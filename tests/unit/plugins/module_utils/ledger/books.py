# SPDX-License-Identifier: GPL-3.0-or-later
"""A ledger to test with, and what is done with it over and over. The fixture C(url) says where: SQLite, or PostgreSQL."""

from __future__ import annotations

import multiprocessing
import os
from concurrent.futures import ProcessPoolExecutor

import pytest

from ansible_collections.leasehold.cloud.plugins.module_utils.core import orders
from ansible_collections.leasehold.cloud.plugins.module_utils.ledger import claims, clusters, gang, ground, mirror, runs, servers
from ansible_collections.leasehold.cloud.plugins.module_utils.ledger.database import Ledger
from ansible_collections.leasehold.cloud.plugins.module_utils.ledger.holder import holder_of
from tests.unit.plugins.module_utils.core import sites

HOUR = 3600
PROOF = [{"drive": "disk0", "proven": True}]
PROCESSES = multiprocessing.get_context("forkserver")  # a fork of the tests' own process would inherit its threads' locks
PROCESSES.set_forkserver_preload([  # what takes long to import; the server finds installed modules only
    "alembic.command", "alembic.config", "hypothesis.strategies", "psycopg", "pytest", "sqlalchemy.dialects.postgresql.psycopg",
    "sqlalchemy.dialects.sqlite", ground.__name__, "yaml",
])
NODE_SETS = [{"name": "workers", "class": "cpu", "count": 2}]


@pytest.fixture
def ledger(url):
    """A ledger that knows a site of two racks with four servers each; every other one is of class cpu."""
    with Ledger.open(url, "tester") as opened:
        sync(opened, sites.site())
        yield opened


def pool(size: int) -> ProcessPoolExecutor:
    """Processes that have imported what they need before they start, so that they contend."""
    return ProcessPoolExecutor(size, mp_context=PROCESSES)


def sync(opened: Ledger, site, mark: str = "1") -> mirror.Sync:
    with opened.transaction() as tx:
        outcome = mirror.sync(tx, site, mark)
        tx.keep()
        return outcome


def order(name: str, operation: str = "create", **changes):
    variables = {"name": name, "tenant": "acme", "node_sets": NODE_SETS, "lease_duration": "30d"} | changes
    return orders.parse({f"cluster_{key}": value for key, value in variables.items()}, None, operation)


def planned(opened: Ledger, name: str, operation: str = "create", **changes) -> dict:
    with opened.reading() as tx:
        return ground.plan(tx, order(name, operation, **changes), operation, None, None)


def begin(opened: Ledger, name: str, operation: str = "create", holder: str | None = None, **changes) -> int:
    """Start a run in the name of this process (or of ``holder``), and return its token."""
    with opened.transaction() as tx:
        run = runs.start(tx, name, operation, holder or holder_of(os.getpid()), HOUR)
        clusters.begin(tx, name, operation, **({"tenant": "acme", "site": "lab"} | changes))
        tx.keep()
        return run["token"]


def take(opened: Ledger, plan: dict, token: int) -> list:
    with opened.transaction() as tx:
        changes = gang.take(tx, plan, token).changes
        tx.keep()
        return changes


def finish(opened: Ledger, name: str, token: int, operation: str = "create") -> list:
    with opened.transaction() as tx:
        runs.end(tx, name, token, runs.FINISHED)
        changes = clusters.finish(tx, name, operation)
        tx.keep()
        return changes


def free(opened: Ledger, name: str, names=None) -> list:
    with opened.transaction() as tx:
        changes = claims.free(tx, name, names)
        tx.keep()
        return changes


def move(opened: Ledger, names, state: str, **options) -> list:
    with opened.transaction() as tx:
        changes = servers.move(tx, names, state, **options)
        tx.keep()
        return changes


def create(opened: Ledger, name: str, **changes) -> tuple[dict, int]:
    """A cluster with all its claims, whose run is still at work: the plan and the token."""
    plan = planned(opened, name, **changes)
    token = begin(opened, name)
    take(opened, plan, token)
    return plan, token


def serve(opened: Ledger, name: str, **changes) -> tuple[dict, int]:
    """A cluster that is ready, its servers in service."""
    plan, token = create(opened, name, **changes)
    for state in ("provisioning", "in_service"):
        move(opened, names_of(plan), state, by=servers.Mover(name, token))
    finish(opened, name, token)
    return plan, token


def names_of(plan: dict) -> list[str]:
    return [server["name"] for server in plan["servers"]]


def cluster(opened: Ledger, name: str) -> dict | None:
    with opened.reading() as tx:
        return next(iter(clusters.describe(tx, name)), None)


def states(opened: Ledger) -> dict[str, str]:
    with opened.reading() as tx:
        return {row["name"]: row["state"] for row in servers.states(tx)}
