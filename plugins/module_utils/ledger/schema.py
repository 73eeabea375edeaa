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

HEAD = "0004"  # the newest migration; raise it with each new one
NAME = 128
TIME = 32


@functools.cache
def tables() -> SimpleNamespace:
    """Every table of the ledger by its name, and ``metadata``."""
    metadata = sa.MetaData()
    made = [make(metadata) for make in (
        _sites, _source_devices, _source_keys, _source_published, _cells, _servers, _switches, _links, _pools, _canaries,
        _server_states, _free_servers, _clusters, _claims, _reservations, _quotas, _usage, _runs, _events,
    )]
    return SimpleNamespace(metadata=metadata, **{table.name: table for table in made})


def _name(column: str, **kwargs):
    return sa.Column(column, sa.String(NAME), **kwargs)


def _names(column: str, length: int, **kwargs):
    """A text made of several names, of any length. SQLite never looks at the length that its column was made with."""
    return sa.Column(column, sa.Text().with_variant(sa.String(length), "sqlite"), **kwargs)


def _sort_key(**kwargs):
    """Names in their natural order."""
    return _bytewise("sort_key", 2 * NAME, **kwargs)


def _bytewise(column: str, length: int, **kwargs):
    """A text that sorts as its bytes compare: not as the database's language has it."""
    return sa.Column(column, sa.String(length).with_variant(sa.String(length, collation="C"), "postgresql"), **kwargs)


def _time(column: str, **kwargs):
    return sa.Column(column, sa.String(TIME), **kwargs)


def _json(column: str, **kwargs):
    return sa.Column(column, sa.JSON(none_as_null=True), **kwargs)


def _sites(metadata):
    return sa.Table(
        "sites", metadata, _name("name", primary_key=True), _json("document", nullable=False),
        _name("source_mark", nullable=False), _time("synced_at", nullable=False), sa.Column("source", sa.String(4 * NAME)),
        _json("cursor"), sa.Column("way", sa.String(32)), sa.Column("advice", sa.Text), _time("checked_at"),
    )


def _source_devices(metadata):
    """What became of each device that a source with records has of a site: servers, switches, borders, canaries; also of those that cannot be used."""
    return sa.Table(
        "source_devices", metadata, _name("site", primary_key=True), sa.Column("device", sa.String(64), primary_key=True),
        sa.Column("kind", sa.String(16), nullable=False), sa.Column("name", sa.String(2 * NAME), nullable=False),
        sa.Column("mirrored", sa.Boolean, nullable=False), sa.Column("delegated", sa.Boolean, nullable=False), _json("problems"),
        sa.Index("source_devices_by_kind", "site", "kind"),
    )


def _source_keys(metadata):
    """What no two devices of a site may have (a MAC address, a switch port ...), and who has it: how a few devices are checked without a look at the others."""
    return sa.Table(
        "source_keys", metadata, _name("site", primary_key=True), _bytewise("source_key", 2 * NAME, primary_key=True),
        sa.Column("device", sa.String(64), primary_key=True), sa.Index("source_keys_by_device", "site", "device"),
    )


def _source_published(metadata):
    """What was published to a site's source, by object: nothing else is ever taken back there."""
    return sa.Table(
        "source_published", metadata, _name("site", primary_key=True), sa.Column("object", sa.String(2 * NAME), primary_key=True),
        _json("fields", nullable=False),
    )


def _cells(metadata):
    """Servers that are alike to the allocator: of one rack and class, on the same switches, with the same attributes."""
    return sa.Table(
        "cells", metadata, sa.Column("cell", sa.String(64), primary_key=True), _name("site", nullable=False),
        _name("class", nullable=False), _name("rack", nullable=False), _json("document", nullable=False),
        sa.Index("cells_by_class", "site", "class"),
    )


def _servers(metadata):
    return sa.Table(
        "servers", metadata, _name("name", primary_key=True), _name("site", nullable=False),
        _name("rack", nullable=False), _name("class", nullable=False), _name("serial"), _name("status", nullable=False),
        _json("document", nullable=False), _time("missing_since"), sa.Column("cell", sa.String(64)),
        _sort_key(), sa.Column("source_id", sa.String(64)), sa.Index("servers_by_cell", "cell", "sort_key"),
        sa.Index("servers_by_class", "site", "class", "rack"), sa.Index("servers_by_rack", "site", "rack"),
        sa.Index("servers_by_source", "site", "source_id"),
    )


def _switches(metadata):
    return sa.Table(
        "switches", metadata, _name("name", primary_key=True), _name("site", nullable=False),
        _name("role", nullable=False), _name("rack"), _name("network_os", nullable=False),
        _json("document", nullable=False), sa.Column("source_id", sa.String(64)), sa.Index("switches_by_site", "site", "role"),
    )


def _links(metadata):
    return sa.Table(
        "links", metadata, _names("name", 2 * NAME, primary_key=True), _name("site", nullable=False),
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


def _free_servers(metadata):
    """The servers that can be had now, so that to count them costs no look at the others. The ledger keeps it true."""
    return sa.Table(
        "free_servers", metadata, sa.Column("cell", sa.String(64), primary_key=True),
        _sort_key(primary_key=True), _name("server", primary_key=True),
        sa.UniqueConstraint("server", name="free_servers_once"),
    )


def _clusters(metadata):
    return sa.Table(
        "clusters", metadata, _name("name", primary_key=True), _name("tenant"), _name("site"),
        sa.Column("phase", sa.String(32), nullable=False), _json("order"), _name("step"), _json("error"),
        _time("lease_start"), _time("lease_end"), _time("created_at", nullable=False), _time("updated_at", nullable=False),
        sa.Column("lease_grace", sa.Integer), sa.Column("lease_hold", sa.Text), sa.Column("lease_warned", sa.Integer),
        _time("hold_until"),
        sa.Index("clusters_by_tenant", "tenant"), sa.Index("clusters_by_lease", "lease_end"),
        sa.Index("clusters_by_hold", "hold_until"),
    )


def _claims(metadata):
    return sa.Table(
        "claims", metadata, sa.Column("id", sa.Integer, primary_key=True), sa.Column("kind", sa.String(16), nullable=False),
        _name("resource", nullable=False), _name("cluster", nullable=False), _name("node_set"), _json("detail"),
        sa.Column("token", sa.BigInteger, nullable=False), _time("claimed_at", nullable=False),
        sa.Column("prefix_length", sa.Integer),  # of prefixes alone: those of one length are the same, or do not overlap
        sa.UniqueConstraint("kind", "resource", name="claims_once"), sa.Index("claims_by_cluster", "cluster", "kind"),
        sa.Index("claims_by_prefix_length", "prefix_length"),
        sa.ForeignKeyConstraint(["cluster"], ["clusters.name"], name="claims_of_a_cluster"),
    )


def _reservations(metadata):
    """What a cluster will hold from a later moment on. No resource is promised twice over time: a trigger sees to it."""
    return sa.Table(
        "reservations", metadata, sa.Column("id", sa.Integer, primary_key=True), sa.Column("kind", sa.String(16), nullable=False),
        _name("resource", nullable=False), _name("cluster", nullable=False), _name("node_set"), _json("detail"),
        _time("starts_at", nullable=False), _time("ends_at", nullable=False), _time("reserved_at", nullable=False),
        sa.Index("reservations_by_resource", "kind", "resource", "starts_at"), sa.Index("reservations_by_cluster", "cluster"),
        sa.ForeignKeyConstraint(["cluster"], ["clusters.name"], name="reservations_of_a_cluster"),
    )


def _quotas(metadata):
    """What a tenant (``*``: each one without a row of its own) may use. ``class`` is empty where it counts them all."""
    return sa.Table(
        "quotas", metadata, _name("tenant", primary_key=True), sa.Column("resource", sa.String(16), primary_key=True),
        _name("class", primary_key=True), sa.Column("soft", sa.Integer), sa.Column("hard", sa.Integer),
    )


def _usage(metadata):
    """Each period in which a cluster held a server; open (no end) while it does."""
    return sa.Table(
        "usage", metadata, sa.Column("id", sa.Integer, primary_key=True), _name("tenant", nullable=False),
        _name("cluster", nullable=False), _name("server", nullable=False), _name("class", nullable=False),
        _time("starts_at", nullable=False), _time("ends_at"),
        sa.Index("usage_by_tenant", "tenant", "ends_at"), sa.Index("usage_by_server", "server", "ends_at"),
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
        sa.Column("actor", sa.String(2 * NAME), nullable=False), _names("subject", NAME, nullable=False),
        sa.Column("action", sa.String(32), nullable=False), _json("before"), _json("after"),
        sa.Column("previous", sa.String(64), nullable=False), sa.Column("hash", sa.String(64), nullable=False),
        sa.Index("events_by_subject", "subject"), sa.UniqueConstraint("previous", name="events_one_chain"),
    )
