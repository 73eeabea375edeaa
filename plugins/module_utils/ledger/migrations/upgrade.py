# Copyright: (c) 2026, leasehold.cloud contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Bring a ledger's schema to the newest, on a connection whose transaction is the caller's."""

from __future__ import annotations

from pathlib import Path

from ansible_collections.leasehold.cloud.plugins.module_utils.lazy import lazy

command = lazy("alembic.command")
alembic_config = lazy("alembic.config")

HERE = Path(__file__).parent


def knows(version: str) -> bool:
    """Whether there is a way from this schema to the newest."""
    return any(path.name.startswith(f"v{version}_") for path in (HERE / "versions").glob("*.py"))


def to_head(connection) -> None:
    """Run the migrations that are missing. Committing is the caller's."""
    config = alembic_config.Config()
    config.set_main_option("script_location", str(HERE).replace("%", "%%"))
    config.attributes["connection"] = connection
    command.upgrade(config, "head")
