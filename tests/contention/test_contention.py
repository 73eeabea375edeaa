# SPDX-License-Identifier: GPL-3.0-or-later
"""Many processes order more servers than there are, and some of them die: none double, none partial, everything drained."""

from __future__ import annotations

from pathlib import Path

from ansible_collections.leasehold.cloud.plugins.module_utils.core.errors import NoCapacity, QuotaExceeded
from tests.contention import journal, size
from tests.contention.storm import Storm, check


def weather(storm: Storm) -> None:
    """Let it happen, check it, and tell it."""
    storm.prepare()
    storm.rage()
    happened = check(storm)
    told = ", ".join(f"{count} {what}" for what, count in sorted(happened.items()))
    print(f"\n{storm.url.partition(':')[0]}: {storm.seconds:.1f} s, {happened[journal.TOOK] / storm.seconds:.1f} orders/s; {told}")
    assert happened["killed"] == storm.size.kills
    assert happened["crashed"] == (storm.size.crashes if storm.crash else 0)
    assert happened[NoCapacity.error_code], "nobody was refused: there was no contention"
    assert happened[QuotaExceeded.error_code], "the quota has kept nobody from anything"
    assert happened["most servers held"] > storm.size.servers // 2


def on_postgresql(postgres, wanted: size.Size, directory: Path) -> Storm:
    def crash() -> None:
        postgres.crash()
        postgres.recover()

    return Storm(postgres.new_database(), wanted, directory, crash)


def test_sqlite_with_clients_that_are_killed(tmp_path):
    weather(Storm(f"sqlite:///{tmp_path}/ledger.db", size.full(), tmp_path))


def test_postgresql_with_clients_and_a_server_that_are_killed(tmp_path, postgres):
    weather(on_postgresql(postgres, size.full(), tmp_path))
