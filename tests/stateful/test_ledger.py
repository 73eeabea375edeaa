# SPDX-License-Identifier: GPL-3.0-or-later
"""The ledger against a model of it, by random operations: the same ones each time, so that a change that did not touch the ledger is not
told of what it did not do. With C(LEASEHOLD_STATEFUL_EXAMPLES), which says how many sequences, other ones each time."""

from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis.stateful import run_state_machine_as_test

from ansible_collections.leasehold.cloud.plugins.module_utils.ledger.database import Ledger
from tests import postgres as private
from tests.stateful.machine import LedgerMachine

WANTED = os.environ.get("LEASEHOLD_STATEFUL_EXAMPLES")
EXAMPLES = int(WANTED or "30")
SLOWER = 5  # so many fewer on PostgreSQL
STEPS = 40
MEMORY = Path("/dev/shm")


def explore(new_ledger, examples: int) -> None:
    run_state_machine_as_test(lambda: LedgerMachine(new_ledger()), settings=settings(
        max_examples=examples, derandomize=WANTED is None, stateful_step_count=STEPS, deadline=None, suppress_health_check=list(HealthCheck),
        phases=(Phase.generate, Phase.shrink), print_blob=WANTED is not None, report_multiple_bugs=False,
    ))


def test_the_ledger_on_sqlite_does_what_its_model_does():
    with tempfile.TemporaryDirectory(dir=MEMORY if MEMORY.is_dir() else None) as directory:
        empty, path = Path(directory) / "empty.db", Path(directory) / "ledger.db"
        Ledger.open(str(empty), "machine").close()

        def new_ledger() -> str:
            for left in Path(directory).glob("ledger.db*"):
                left.unlink()
            shutil.copyfile(empty, path)
            return str(path)

        explore(new_ledger, EXAMPLES)


def test_the_ledger_on_postgresql_does_what_its_model_does():
    pytest.importorskip("psycopg", reason="psycopg is not installed: pip install 'psycopg[binary]'")
    binaries = private.programs()
    if binaries is None:
        pytest.skip("PostgreSQL is not installed: apt-get install postgresql")
    server = private.Server(binaries)
    try:
        server.start()
        empty = server.new_database()
        Ledger.open(empty, "machine").close()
        explore(lambda: server.new_database(empty), max(1, EXAMPLES // SLOWER))
    finally:
        server.stop()
