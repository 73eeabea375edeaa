# SPDX-License-Identifier: GPL-3.0-or-later
"""The ledger's tests on SQLite. tests/integration/postgres runs the same ones on PostgreSQL."""

from __future__ import annotations

import pytest

from tests.unit.plugins.module_utils.ledger.books import ledger  # pylint: disable=unused-import


@pytest.fixture
def url(tmp_path):
    return f"sqlite:///{tmp_path}/ledger.db"
