# Copyright: (c) 2026, leasehold.cloud contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The ledger's tables as this version of the collection reads and writes them.

The migrations make them (a test compares the two). Times are ISO 8601 texts in UTC with milliseconds, which sort as
they follow each other. A ``document`` is a source's record as it was read.
"""

from __future__ import annotations

import functools
from types import SimpleNamespace

from ansible_collections.leasehold.cloud.plugins.module_utils.lazy import lazy

sa = lazy("sqlalchemy")

HEAD = "0001"  # the newest migration; raise it with each new one
NAME = 128
TIME = 32


@functools.cache
def tables() -> SimpleNamespace:
    """Every table of the ledger by its name, and ``metadata``."""
    metadata = sa.MetaData()
    made = [make(metadata) for make in (
        _sites, _servers, _switches, _links, _pools, _canaries, _server_states, _clusters, _claims, _runs, _events,
    )]
    return SimpleNamespace(metadata=metadata, **{table.name: table for table in made})


def _name(column: str, **kwargs):
    return sa.Column(column, sa.String(NAME), **kwargs)


def _time(column: str, **kwargs):
    return sa.Column(column, sa.String(TIME), **kwargs)


def _json(column: str, **kwargs):
    return sa.Column(column, sa.JSON(none_as_null=True), **kwargs)


def _sites(metadata):
    return sa.Table(
        "sites", metadata, _name("name", primary_key=True), _json("document", nullable=False),
        _name("source_mark", nullable=False), _time("synced_at", nullable=False),
    )


def _servers(metadata):
    return sa.Table(
        "servers", metadata, _name("name", primary_key=True), _name("site", nullable=False),
        _name("rack", nullable=False), _name("class", nullable=False), _name("serial"), _name("status", nullable=False),
        _json("document", nullable=False), _time("missing_since"),
        sa.Index("servers_by_class", "site", "class", "rack"), sa.Index("servers_by_rack", "site", "rack"),
    )


def _switches(metadata):
    return sa.Table(
        "switches", metadata, _name("name", primary_key=True), _name("site", nullable=False),
        _name("role", nullable=False), _name("rack"), _name("network_os", nullable=False),
        _json("document", nullable=False), sa.Index("switches_by_site", "site", "role"),
    )


def _links(metadata):
    return sa.Table(
        "links", metadata, sa.Column("name", sa.String(2 * NAME), primary_key=True), _name("site", nullable=False),
        _name("a_switch"), _name("b_switch"), _json("document", nullable=False),
        sa.Index("links_by_site", "site"), sa.Index("links_by_a", "a_switch"), sa.Index("links_by_b", "b_switch"),
    )


def _pools(metadata):
    return sa.Table(
        "pools", metadata, _name("site", primary_key=True), _name("kind", primary_key=True),
        _name("name", primary_key=True), sa.Column("position", sa.Integer, nullable=False),
        _json("document", nullable=False),
    )


def _canaries(metadata):
    return sa.Table(
        "canaries", metadata, _name("name", primary_key=True), _name("site", nullable=False), _name("tenant"),
        _json("document", nullable=False), sa.Index("canaries_by_site", "site"),
    )


def _server_states(metadata):
    return sa.Table(
        "server_states", metadata, _name("server", primary_key=True), sa.Column("state", sa.String(32), nullable=False),
        sa.Column("reason", sa.Text), _time("since", nullable=False), _json("evidence"),
        sa.Index("server_states_by_state", "state"),
    )


def _clusters(metadata):
    return sa.Table(
        "clusters", metadata, _name("name", primary_key=True), _name("tenant"), _name("site"),
        sa.Column("phase", sa.String(32), nullable=False), _json("order"), _name("step"), _json("error"),
        _time("lease_start"), _time("lease_end"), _time("created_at", nullable=False), _time("updated_at", nullable=False),
        sa.Index("clusters_by_tenant", "tenant"), sa.Index("clusters_by_lease", "lease_end"),
    )


def _claims(metadata):
    return sa.Table(
        "claims", metadata, sa.Column("id", sa.Integer, primary_key=True), sa.Column("kind", sa.String(16), nullable=False),
        _name("resource", nullable=False), _name("cluster", nullable=False), _name("node_set"), _json("detail"),
        sa.Column("token", sa.BigInteger, nullable=False), _time("claimed_at", nullable=False),
        sa.UniqueConstraint("kind", "resource", name="claims_once"), sa.Index("claims_by_cluster", "cluster", "kind"),
        sa.ForeignKeyConstraint(["cluster"], ["clusters.name"], name="claims_of_a_cluster"),
    )


def _runs(metadata):
    return sa.Table(
        "runs", metadata, _name("cluster", primary_key=True), sa.Column("token", sa.BigInteger, nullable=False),
        sa.Column("holder", sa.String(2 * NAME), nullable=False), sa.Column("state", sa.String(16), nullable=False),
        sa.Column("operation", sa.String(32), nullable=False), _name("step"), _time("deadline", nullable=False),
        _time("started_at", nullable=False), _time("updated_at", nullable=False),
        sa.UniqueConstraint("token", name="runs_token_once"),
    )


def _events(metadata):
    return sa.Table(
        "events", metadata, sa.Column("id", sa.Integer, primary_key=True), _time("at", nullable=False),
        sa.Column("actor", sa.String(2 * NAME), nullable=False), _name("subject", nullable=False),
        sa.Column("action", sa.String(32), nullable=False), _json("before"), _json("after"),
        sa.Column("previous", sa.String(64), nullable=False), sa.Column("hash", sa.String(64), nullable=False),
        sa.Index("events_by_subject", "subject"), sa.UniqueConstraint("previous", name="events_one_chain"),
    )
