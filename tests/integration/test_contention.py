# SPDX-License-Identifier: GPL-3.0-or-later
"""The contention tests, small: a few processes on both databases, killed as in the large ones (see tests/contention)."""

from __future__ import annotations

from tests.contention import size
from tests.contention.conftest import postgres  # pylint: disable=unused-import
from tests.contention.storm import Storm
from tests.contention.test_contention import on_postgresql, weather


def test_a_few_buyers_on_sqlite(tmp_path):
    weather(Storm(f"sqlite:///{tmp_path}/ledger.db", size.SMALL, tmp_path))


def test_a_few_buyers_on_postgresql(tmp_path, postgres):
    weather(on_postgresql(postgres, size.SMALL, tmp_path))
