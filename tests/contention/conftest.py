# SPDX-License-Identifier: GPL-3.0-or-later
"""Databases for the contention tests: a SQLite file, and a PostgreSQL of their own that they may kill."""

from __future__ import annotations

import pytest

from tests import postgres as private

CONNECTIONS = "max_connections=200"


@pytest.fixture
def postgres():
    pytest.importorskip("psycopg", reason="psycopg is not installed: pip install 'psycopg[binary]'")
    binaries = private.programs()
    if binaries is None:
        pytest.skip("PostgreSQL is not installed: apt-get install postgresql")
    server = private.Server(binaries, (*private.SETTINGS, CONNECTIONS))
    try:
        server.start()
        yield server
    finally:
        server.stop()
