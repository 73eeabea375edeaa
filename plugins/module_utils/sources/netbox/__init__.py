# Copyright: (c) 2026, leasehold.cloud contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The source C(netbox): NetBox 4.0 and later, by its API. Cold in a few requests where it can be, warm by its change log."""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import TypeVar

from ansible_collections.leasehold.cloud.plugins.module_utils.core.changes import Change
from ansible_collections.leasehold.cloud.plugins.module_utils.core.records import Records
from ansible_collections.leasehold.cloud.plugins.module_utils.sources.netbox.api import Api, view
from ansible_collections.leasehold.cloud.plugins.module_utils.sources.netbox.changes import Affected, affected
from ansible_collections.leasehold.cloud.plugins.module_utils.sources.netbox.graphql import GraphQL
from ansible_collections.leasehold.cloud.plugins.module_utils.sources.netbox.log import ChangeLog
from ansible_collections.leasehold.cloud.plugins.module_utils.sources.netbox.lookup import Lookup
from ansible_collections.leasehold.cloud.plugins.module_utils.sources.netbox.publish import Publish
from ansible_collections.leasehold.cloud.plugins.module_utils.sources.netbox.rest import Rest
from ansible_collections.leasehold.cloud.plugins.module_utils.sources.netbox.setup import Setup
from ansible_collections.leasehold.cloud.plugins.module_utils.sources.netbox.template import Template
from ansible_collections.leasehold.cloud.plugins.module_utils.sources.netbox.ways import NoWay, Way
from ansible_collections.leasehold.cloud.plugins.module_utils.sources.protocol import Delta, Gap, Options, Publication, Reading

FEW = 500  # things that are always worth asking for singly
LOG_ADVICE = f"the token may not see the change log, so every sync is a cold one: give its user the permission {view('core.objectchange')}"

T = TypeVar("T")


class NetBoxSource:
    """Speaks M(protocol)."""

    def __init__(self, options: Options):
        self.api, self._mapping = Api(options), options.mapping
        self.identity = f"netbox {self.api.client.url} site {options.site}"
        self._ways: list[Way] = [Template(self.api), GraphQL(self.api), Rest(self.api)]
        self._closed: list[str] = []  # why faster ways were not taken

    @property
    def cost(self) -> dict:
        """What was spent until now: C({requests, bytes, seconds})."""
        return self.api.client.cost

    def read(self) -> Reading:
        """All of the site."""
        head, site = self.api.client.map(lambda ask: ask(), [ChangeLog(self.api).head, lambda: self.api.site])
        self.api.at(site["id"])
        records = self._by(lambda way: way.whole())
        cursor = {"log": head, "devices": len(records.devices), "site": site["id"]}
        advice = [*self._closed, *([] if head else [LOG_ADVICE])]
        return Reading(cursor, self._ways[0].name, records, advice="; ".join(advice) or None)

    def since(self, cursor: dict) -> Delta | Gap:
        """What changed since a cursor."""
        if not cursor.get("log"):
            return Gap(f"the token could not see its change log when it was last read (permission {view('core.objectchange')})")
        read = ChangeLog(self.api).since(cursor["log"])
        if isinstance(read, Gap):
            return read
        self.api.at(cursor["site"])
        entries, log = read
        found = affected(entries, cursor["site"])
        if found.gap or found.size > max(cursor["devices"] / 3, FEW):
            return Gap(found.gap or f"{found.size} of its objects have changed, which is more than is worth asking for singly")
        return self._delta(found, {**cursor, "log": log})

    def devices(self, ids: Collection[str]) -> Records:
        """These devices with all that is theirs."""
        return self._some({"id": {int(number) for number in ids}})

    def publish(self, wanted: list[Publication], check_mode: bool) -> list[Change]:
        """Make objects say what is wanted."""
        return Publish(self.api, check_mode).run(wanted)

    def setup(self, state: str, check_mode: bool) -> list[Change]:
        """Make (C(present)) or remove (C(absent)) what the collection needs in this NetBox."""
        return Setup(self.api, self._mapping["publish"]).run(state, check_mode)

    def _delta(self, found: Affected, cursor: dict) -> Delta | Gap:
        lookup = Lookup(self.api)
        numbers = lookup.devices(found)
        filters = {name: set(values) for name, values in found.filters.items()}
        if found.rack_names:
            filters["rack_id"] = filters.get("rack_id", set()) | lookup.racks(found.rack_names)
        if not (numbers or filters or found.wide):
            return Delta(cursor)
        records = self._some({"id": numbers, **filters})
        there = {device.id for device in records.devices}
        gone = frozenset(map(str, found.left)) - there
        records = records.merged(self.devices(_neighbours(records, found.shown) - there))
        wide = self._by(lambda way: way.wide()) if found.wide else None
        records = Records(wide, records.devices, records.interfaces, records.ends, records.addresses)
        return Delta(cursor, records, gone, self._ways[0].name, "; ".join(self._closed) or None)

    def _some(self, filters: dict[str, set]) -> Records:
        filters = {name: values for name, values in filters.items() if values}
        return self._by(lambda way: way.some(filters)) if filters else Records()

    def _by(self, ask: Callable[[Way], T]) -> T:
        """What the first way says that is open."""
        while True:
            try:
                return ask(self._ways[0])
            except NoWay as closed:
                if len(self._ways) == 1:
                    raise
                self._closed.append(str(closed))
                del self._ways[0]


def _neighbours(records: Records, shown: set[int]) -> set[str]:
    """The devices that are cabled to those of ``records`` whose name, role or tags changed: their ends repeat these."""
    ids = {str(number) for number in shown}
    own = {interface.id for interface in records.interfaces if interface.device in ids}
    return {end.far_device for end in records.ends if end.interface in own}
