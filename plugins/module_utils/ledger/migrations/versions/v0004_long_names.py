# Copyright: (c) 2026, leasehold.cloud contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is made of several names may be as long as they are: subjects of events, links."""

from __future__ import annotations

from ansible_collections.leasehold.cloud.plugins.module_utils.lazy import lazy

op = lazy("alembic.op")
sa = lazy("sqlalchemy")

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    """PostgreSQL rewrites neither table nor index for it. SQLite never looked at the length, and would have to copy the events, which nothing may."""
    if op.get_bind().dialect.name != "postgresql":
        return
    for table, column, length in (("events", "subject", 128), ("links", "name", 256)):
        op.alter_column(table, column, type_=sa.Text(), existing_type=sa.String(length), existing_nullable=False)
