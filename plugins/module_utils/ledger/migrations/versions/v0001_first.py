# Copyright: (c) 2026, leasehold.cloud contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The first schema: mirror, server states, clusters, claims, runs and events."""

from __future__ import annotations

from ansible_collections.leasehold.cloud.plugins.module_utils.lazy import lazy

op = lazy("alembic.op")
sa = lazy("sqlalchemy")

revision = "0001"
down_revision = None

REFUSAL = "events are append-only"


def upgrade() -> None:
    """Make every table; events can only be added to."""
    _mirror()
    _holdings()
    _events()
    _append_only()


def _text(name: str, length: int = 128, **kwargs):
    return sa.Column(name, sa.String(length), **kwargs)


def _time(name: str, **kwargs):
    return _text(name, 32, **kwargs)


def _json(name: str, **kwargs):
    return sa.Column(name, sa.JSON(none_as_null=True), **kwargs)


def _mirror() -> None:
    op.create_table(
        "sites", _text("name", primary_key=True), _json("document", nullable=False),
        _text("source_mark", nullable=False), _time("synced_at", nullable=False),
    )
    op.create_table(
        "servers", _text("name", primary_key=True), _text("site", nullable=False), _text("rack", nullable=False),
        _text("class", nullable=False), _text("serial"), _text("status", nullable=False),
        _json("document", nullable=False), _time("missing_since"),
    )
    op.create_index("servers_by_class", "servers", ["site", "class", "rack"])
    op.create_index("servers_by_rack", "servers", ["site", "rack"])
    op.create_table(
        "switches", _text("name", primary_key=True), _text("site", nullable=False), _text("role", nullable=False),
        _text("rack"), _text("network_os", nullable=False), _json("document", nullable=False),
    )
    op.create_index("switches_by_site", "switches", ["site", "role"])
    op.create_table(
        "links", _text("name", 256, primary_key=True), _text("site", nullable=False), _text("a_switch"), _text("b_switch"),
        _json("document", nullable=False),
    )
    op.create_index("links_by_site", "links", ["site"])
    op.create_index("links_by_a", "links", ["a_switch"])
    op.create_index("links_by_b", "links", ["b_switch"])
    op.create_table(
        "pools", _text("site", primary_key=True), _text("kind", primary_key=True), _text("name", primary_key=True),
        sa.Column("position", sa.Integer, nullable=False), _json("document", nullable=False),
    )
    op.create_table(
        "canaries", _text("name", primary_key=True), _text("site", nullable=False), _text("tenant"),
        _json("document", nullable=False),
    )
    op.create_index("canaries_by_site", "canaries", ["site"])


def _holdings() -> None:
    op.create_table(
        "server_states", _text("server", primary_key=True), _text("state", 32, nullable=False),
        sa.Column("reason", sa.Text), _time("since", nullable=False), _json("evidence"),
    )
    op.create_index("server_states_by_state", "server_states", ["state"])
    op.create_table(
        "clusters", _text("name", primary_key=True), _text("tenant"), _text("site"),
        _text("phase", 32, nullable=False), _json("order"), _text("step"), _json("error"), _time("lease_start"),
        _time("lease_end"), _time("created_at", nullable=False), _time("updated_at", nullable=False),
    )
    op.create_index("clusters_by_tenant", "clusters", ["tenant"])
    op.create_index("clusters_by_lease", "clusters", ["lease_end"])
    op.create_table(
        "claims", sa.Column("id", sa.Integer, primary_key=True), _text("kind", 16, nullable=False),
        _text("resource", nullable=False), _text("cluster", nullable=False), _text("node_set"), _json("detail"),
        sa.Column("token", sa.BigInteger, nullable=False), _time("claimed_at", nullable=False),
        sa.UniqueConstraint("kind", "resource", name="claims_once"),
        sa.ForeignKeyConstraint(["cluster"], ["clusters.name"], name="claims_of_a_cluster"),
    )
    op.create_index("claims_by_cluster", "claims", ["cluster", "kind"])
    op.create_table(
        "runs", _text("cluster", primary_key=True), sa.Column("token", sa.BigInteger, nullable=False),
        _text("holder", 256, nullable=False), _text("state", 16, nullable=False), _text("operation", 32, nullable=False),
        _text("step"), _time("deadline", nullable=False), _time("started_at", nullable=False),
        _time("updated_at", nullable=False), sa.UniqueConstraint("token", name="runs_token_once"),
    )


def _events() -> None:
    op.create_table(
        "events", sa.Column("id", sa.Integer, primary_key=True), _time("at", nullable=False),
        _text("actor", 256, nullable=False), _text("subject", nullable=False), _text("action", 32, nullable=False),
        _json("before"), _json("after"), _text("previous", 64, nullable=False), _text("hash", 64, nullable=False),
        sa.UniqueConstraint("previous", name="events_one_chain"),
    )
    op.create_index("events_by_subject", "events", ["subject"])


def _append_only() -> None:
    if op.get_bind().dialect.name == "postgresql":
        op.execute(
            "CREATE FUNCTION leasehold_events_append_only() RETURNS trigger LANGUAGE plpgsql AS "
            f"$$ BEGIN RAISE EXCEPTION '{REFUSAL}'; END $$"
        )
        op.execute(
            "CREATE TRIGGER events_append_only BEFORE UPDATE OR DELETE ON events "
            "FOR EACH ROW EXECUTE FUNCTION leasehold_events_append_only()"
        )
        return
    for verb in ("UPDATE", "DELETE"):
        op.execute(
            f"CREATE TRIGGER events_append_only_{verb.lower()} BEFORE {verb} ON events "
            f"BEGIN SELECT RAISE(ABORT, '{REFUSAL}'); END"
        )
