# Copyright: (c) 2026, leasehold.cloud contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Publishing what the ledger says to the source that a site is the mirror of: who holds what, where the mapping allows it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping as Map

from ansible_collections.leasehold.cloud.plugins.module_utils.core.changes import Change
from ansible_collections.leasehold.cloud.plugins.module_utils.core.errors import InvalidInput, NotFound
from ansible_collections.leasehold.cloud.plugins.module_utils.core.mapping_file import Mapping
from ansible_collections.leasehold.cloud.plugins.module_utils.core.models import vlan_ids
from ansible_collections.leasehold.cloud.plugins.module_utils.core.publications import (
    Holding, Network, Wanted, certified, receipt_key, remembered, wanted,
)
from ansible_collections.leasehold.cloud.plugins.module_utils.ledger import events, published
from ansible_collections.leasehold.cloud.plugins.module_utils.ledger.database import Ledger, Transaction
from ansible_collections.leasehold.cloud.plugins.module_utils.ledger.schema import NAME
from ansible_collections.leasehold.cloud.plugins.module_utils.sources.protocol import Publication, Publisher

LONGEST_SUBJECT = NAME  # of an event
RECEIPT = "receipt:"  # how the keys of receipts begin that journal entries tell of already


def publish(ledger: Ledger, source: Publisher, mapping: Mapping, *, keep: bool = True, receipts: Iterable[dict] = ()) -> list[Change]:
    """Make the source show what the ledger says, as far as the mapping's C(publish) allows; returns what differed.

    :param receipts: of handovers and releases, for journal entries; each is looked at once.
    :param keep: False writes nothing anywhere (check mode).
    :raises NotFound: no site of the ledger is this source's mirror.
    :raises SourceConflict: somebody changed an object at the same time.
    """
    if not hasattr(source, "publish"):
        raise InvalidInput("it cannot be written to", object=source.identity, attempted="publishing", remedy="publish to NetBox or Nautobot")
    with ledger.reading() as tx:
        site = _site_of(tx, source)
        before = published.read(tx, site["name"])
        told = {f"{RECEIPT}{receipt_key(receipt)}": receipt for receipt in receipts} if "journal" in mapping["publish"] else {}
        found = _wanted(tx, site, mapping, before) + _certified(tx, site, [receipt for key, receipt in told.items() if key not in before])
    noted = {key: {"told": True} for key in {*told, *(key for key in before if key.startswith(RECEIPT))}}
    if keep:  # first: should it fail halfway, what was written can still be taken back
        _remember(ledger, site["name"], before | {key: before.get(key, {}) | fields for key, fields in remembered(found).items()})
    changes = source.publish([Publication(one.kind, one.name, one.fields, one.id) for one in found], not keep)
    if keep:
        _remember(ledger, site["name"], remembered(found) | noted, changes)
    return changes


def _certified(tx: Transaction, site: dict, receipts: list[dict]) -> list[Wanted]:
    return certified(receipts, published.ids(tx, site["name"], {server["name"] for receipt in receipts for server in receipt["servers"]}))


def _site_of(tx: Transaction, source: Publisher) -> dict:
    site = published.site_of(tx, source.identity)
    if site is None:
        raise NotFound("no site of the ledger is its mirror", object=source.identity, attempted="publishing",
                       remedy="sync it once with leasehold.cloud.source, with the same url and site")
    return site


def _wanted(tx: Transaction, site: dict, mapping: Mapping, before: Map[str, Map]) -> list[Wanted]:
    switches = published.switches(tx, site["name"])
    servers = [Holding(
        row["source_id"], row["name"], row["state"],
        tuple((switches[nic["switch"]], nic["port"]) for nic in row["document"]["nics"] if nic["switch"] in switches),
        row["cluster"], row["tenant"], row["claimed_at"], row["order"] or {},
    ) for row in published.servers(tx, site["name"], [key.partition(":")[2] for key in before if key.startswith("device:")])]
    networks = [Network(**row) for row in published.networks(tx, site["name"])]
    groups = _groups(tx, site["name"], mapping)
    return wanted(servers, networks, before, frozenset(mapping["publish"]), site["document"]["quarantine_vlan"], groups.get)


def _groups(tx: Transaction, site: str, mapping: Mapping) -> dict[int, str]:
    """By VLAN, the slug of the group that its pool was made of."""
    if isinstance(mapping["vlan_pools"], Map):
        return {}
    return {vid: pool["name"] for pool in published.vlan_pools(tx, site) if not pool["name"].endswith("-marked") for vid in vlan_ids(pool["range"])}


def _remember(ledger: Ledger, site: str, fields: Map[str, Map], changes: list[Change] = ()) -> None:
    with ledger.transaction() as tx:
        published.write(tx, site, fields)
        events.record_all(tx, ((f"source {change.name}"[:LONGEST_SUBJECT], "published", change.before, change.after) for change in changes))
        tx.keep()
