# SPDX-License-Identifier: GPL-3.0-or-later
"""A PostgreSQL of the tests' own, for the ledger's tests."""

from __future__ import annotations

import pytest

from tests import postgres as private
from tests.unit.plugins.module_utils.ledger.books import ledger  # pylint: disable=unused-import


@pytest.fixture(scope="session")
def postgres():
    pytest.importorskip("psycopg", reason="psycopg is not installed: pip install 'psycopg[binary]'")
    binaries = private.programs()
    if binaries is None:
        pytest.skip("PostgreSQL is not installed: apt-get install postgresql")
    server = private.Server(binaries)
    try:
        server.start()
        yield server
    finally:
        server.stop()


@pytest.fixture
def url(postgres):
    return postgres.new_database()
