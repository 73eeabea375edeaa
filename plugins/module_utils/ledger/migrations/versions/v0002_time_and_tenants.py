# Copyright: (c) 2026, leasehold.cloud contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Cells and the list of free servers, holds, lease terms, reservations, quotas and usage."""

from __future__ import annotations

import hashlib
import json
import re

from ansible_collections.leasehold.cloud.plugins.module_utils.lazy import lazy

op = lazy("alembic.op")
sa = lazy("sqlalchemy")

revision = "0002"
down_revision = "0001"

OVERLAP = "a reservation of this resource overlaps in time"
DIGITS = re.compile(r"[0-9]+")


def upgrade() -> None:
    """Make the tables, then fill them from what the ledger has."""
    _placement()
    _terms()
    _reservations()
    _tenants()
    _fill_cells()
    _fill_free()
    _fill_usage()


def _text(name: str, length: int = 128, **kwargs):
    return sa.Column(name, sa.String(length), **kwargs)


def _time(name: str, **kwargs):
    return _text(name, 32, **kwargs)


def _sort_column(**kwargs):
    return sa.Column("sort_key", sa.String(256).with_variant(sa.String(256, collation="C"), "postgresql"), **kwargs)


def _json(name: str, **kwargs):
    return sa.Column(name, sa.JSON(none_as_null=True), **kwargs)


def _placement() -> None:
    op.create_table(
        "cells", _text("cell", 64, primary_key=True), _text("site", nullable=False), _text("class", nullable=False),
        _text("rack", nullable=False), _json("document", nullable=False),
    )
    op.create_index("cells_by_class", "cells", ["site", "class"])
    op.add_column("servers", _text("cell", 64))
    op.add_column("servers", _sort_column())
    op.create_index("servers_by_cell", "servers", ["cell", "sort_key"])
    op.create_table(
        "free_servers", _text("cell", 64, primary_key=True), _sort_column(primary_key=True),
        _text("server", primary_key=True), sa.UniqueConstraint("server", name="free_servers_once"),
    )


def _terms() -> None:
    for column in (sa.Column("lease_grace", sa.Integer), sa.Column("lease_hold", sa.Text), sa.Column("lease_warned", sa.Integer), _time("hold_until")):
        op.add_column("clusters", column)
    op.create_index("clusters_by_hold", "clusters", ["hold_until"])


def _reservations() -> None:
    op.create_table(
        "reservations", sa.Column("id", sa.Integer, primary_key=True), _text("kind", 16, nullable=False),
        _text("resource", nullable=False), _text("cluster", nullable=False), _text("node_set"), _json("detail"),
        _time("starts_at", nullable=False), _time("ends_at", nullable=False), _time("reserved_at", nullable=False),
        sa.ForeignKeyConstraint(["cluster"], ["clusters.name"], name="reservations_of_a_cluster"),
    )
    op.create_index("reservations_by_resource", "reservations", ["kind", "resource", "starts_at"])
    op.create_index("reservations_by_cluster", "reservations", ["cluster"])
    clash = ("EXISTS (SELECT 1 FROM reservations r WHERE r.kind = NEW.kind AND r.resource = NEW.resource AND r.id <> NEW.id "
             "AND r.starts_at < NEW.ends_at AND NEW.starts_at < r.ends_at)")
    if op.get_bind().dialect.name == "postgresql":
        op.execute(
            "CREATE FUNCTION leasehold_reservations_once() RETURNS trigger LANGUAGE plpgsql AS "
            f"$$ BEGIN IF {clash} THEN RAISE EXCEPTION '{OVERLAP}'; END IF; RETURN NEW; END $$"
        )
        op.execute(
            "CREATE TRIGGER reservations_once AFTER INSERT OR UPDATE ON reservations "
            "FOR EACH ROW EXECUTE FUNCTION leasehold_reservations_once()"
        )
        return
    for verb in ("INSERT", "UPDATE"):
        op.execute(
            f"CREATE TRIGGER reservations_once_{verb.lower()} AFTER {verb} ON reservations WHEN {clash} "
            f"BEGIN SELECT RAISE(ABORT, '{OVERLAP}'); END"
        )


def _tenants() -> None:
    op.create_table(
        "quotas", _text("tenant", primary_key=True), _text("resource", 16, primary_key=True), _text("class", primary_key=True),
        sa.Column("soft", sa.Integer), sa.Column("hard", sa.Integer),
    )
    op.create_table(
        "usage", sa.Column("id", sa.Integer, primary_key=True), _text("tenant", nullable=False), _text("cluster", nullable=False),
        _text("server", nullable=False), _text("class", nullable=False), _time("starts_at", nullable=False), _time("ends_at"),
    )
    op.create_index("usage_by_tenant", "usage", ["tenant", "ends_at"])
    op.create_index("usage_by_server", "usage", ["server", "ends_at"])


def _fill_cells() -> None:
    bind = op.get_bind()
    servers = sa.table("servers", *(sa.column(name) for name in ("name", "site", "class", "rack", "cell", "sort_key")),
                       sa.column("document", sa.JSON))
    cells = sa.table("cells", *(sa.column(name) for name in ("cell", "site", "class", "rack")), sa.column("document", sa.JSON))
    found, moved = {}, []
    for row in bind.execute(sa.select(servers.c.name, servers.c.site, servers.c["class"], servers.c.rack, servers.c.document)).mappings():
        document = {
            "site": row["site"], "class": row["class"], "rack": row["rack"],
            "leafs": sorted({nic["switch"] for nic in row["document"]["nics"]}), "attributes": row["document"].get("attributes") or {},
        }
        cell = _fingerprint(document)
        found[cell] = {"cell": cell, "site": row["site"], "class": row["class"], "rack": row["rack"], "document": document}
        moved.append({"this": row["name"], "its_cell": cell, "its_key": _sort_key(row["name"])})
    if moved:
        bind.execute(cells.insert(), list(found.values()))
        bind.execute(servers.update().where(servers.c.name == sa.bindparam("this"))
                     .values(cell=sa.bindparam("its_cell"), sort_key=sa.bindparam("its_key")), moved)


def _fingerprint(document: dict) -> str:
    return hashlib.sha256(json.dumps(document, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()).hexdigest()


def _sort_key(name: str) -> str:
    return DIGITS.sub(lambda digits: digits.group().zfill(10), name)


def _fill_free() -> None:
    op.execute(
        "INSERT INTO free_servers (cell, sort_key, server) SELECT s.cell, s.sort_key, s.name FROM servers s "
        "JOIN server_states t ON t.server = s.name AND t.state = 'available' WHERE s.status = 'active' AND s.missing_since IS NULL "
        "AND NOT EXISTS (SELECT 1 FROM claims c WHERE c.kind = 'server' AND c.resource = s.name)"
    )


def _fill_usage() -> None:
    op.execute(
        "INSERT INTO usage (tenant, cluster, server, class, starts_at) "
        "SELECT k.tenant, c.cluster, c.resource, s.class, c.claimed_at FROM claims c JOIN clusters k ON k.name = c.cluster "
        "JOIN servers s ON s.name = c.resource WHERE c.kind = 'server' AND k.tenant IS NOT NULL"
    )
