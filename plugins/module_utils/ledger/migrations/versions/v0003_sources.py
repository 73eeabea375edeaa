# Copyright: (c) 2026, leasehold.cloud contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whose mirror a site is and how far it was read; the devices of sources with records, and what no two of them may have; the lengths of prefixes."""

from __future__ import annotations

from ansible_collections.leasehold.cloud.plugins.module_utils.lazy import lazy

op = lazy("alembic.op")
sa = lazy("sqlalchemy")

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    """Add columns and tables. The next sync of each site fills them: it finds no cursor, and reads all."""
    for column in (_text("source", 512), _json("cursor"), _text("way", 32), sa.Column("advice", sa.Text), _text("checked_at", 32)):
        op.add_column("sites", column)
    op.add_column("servers", _text("source_id", 64))
    op.create_index("servers_by_source", "servers", ["site", "source_id"])
    op.add_column("switches", _text("source_id", 64))
    op.create_table(
        "source_devices", _text("site", primary_key=True), _text("device", 64, primary_key=True), _text("kind", 16, nullable=False),
        _text("name", 256, nullable=False), sa.Column("mirrored", sa.Boolean, nullable=False), sa.Column("delegated", sa.Boolean, nullable=False),
        _json("problems"),
    )
    op.create_index("source_devices_by_kind", "source_devices", ["site", "kind"])
    key = sa.Column("source_key", sa.String(256).with_variant(sa.String(256, collation="C"), "postgresql"), primary_key=True)
    op.create_table("source_keys", _text("site", primary_key=True), key, _text("device", 64, primary_key=True))
    op.create_index("source_keys_by_device", "source_keys", ["site", "device"])
    op.create_table("source_published", _text("site", primary_key=True), _text("object", 256, primary_key=True), _json("fields", nullable=False))
    _add_prefix_lengths()


def _add_prefix_lengths() -> None:
    op.add_column("claims", sa.Column("prefix_length", sa.Integer))
    op.create_index("claims_by_prefix_length", "claims", ["prefix_length"])
    claims, connection = sa.table("claims", *map(sa.column, ("id", "kind", "resource", "prefix_length"))), op.get_bind()
    for number, prefix in connection.execute(sa.select(claims.c.id, claims.c.resource).where(claims.c.kind == "prefix")).all():
        length = int(prefix.rpartition("/")[2])
        connection.execute(claims.update().where(claims.c.id == number).values(prefix_length=length))


def _text(name: str, length: int = 128, **kwargs):
    return sa.Column(name, sa.String(length), **kwargs)


def _json(name: str, **kwargs):
    return sa.Column(name, sa.JSON(none_as_null=True), **kwargs)
