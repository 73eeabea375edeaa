# Copyright: (c) 2026, leasehold.cloud contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The source C(nautobot): Nautobot 2.x and 3.x, by its API. Cold in a few requests where it can be, warm by its change log."""

from __future__ import annotations

from collections.abc import Collection

from ansible_collections.leasehold.cloud.plugins.module_utils.core.changes import Change
from ansible_collections.leasehold.cloud.plugins.module_utils.core.errors import DeviceFailed
from ansible_collections.leasehold.cloud.plugins.module_utils.core.records import Records
from ansible_collections.leasehold.cloud.plugins.module_utils.sources.nautobot.api import Api
from ansible_collections.leasehold.cloud.plugins.module_utils.sources.nautobot.changes import Affected, affected
from ansible_collections.leasehold.cloud.plugins.module_utils.sources.nautobot.graphql import GraphQL
from ansible_collections.leasehold.cloud.plugins.module_utils.sources.nautobot.log import NEEDS, ChangeLog
from ansible_collections.leasehold.cloud.plugins.module_utils.sources.nautobot.lookup import Lookup
from ansible_collections.leasehold.cloud.plugins.module_utils.sources.nautobot.publish import Publish
from ansible_collections.leasehold.cloud.plugins.module_utils.sources.nautobot.setup import Setup
from ansible_collections.leasehold.cloud.plugins.module_utils.sources.nautobot.template import Template
from ansible_collections.leasehold.cloud.plugins.module_utils.sources.nautobot.ways import NoWay
from ansible_collections.leasehold.cloud.plugins.module_utils.sources.protocol import Delta, Gap, Options, Publication, Reading

FEW = 500  # things that are always worth asking for singly
LOG_ADVICE = f"the token may not see the change log, so every sync is a cold one: give its user the permission {NEEDS}"


class NautobotSource:
    """Speaks M(protocol)."""

    def __init__(self, options: Options):
        self.api = Api(options)
        self.identity = f"nautobot {self.api.client.url} site {options.site}"
        self._graphql = GraphQL(self.api)
        self._publish = tuple(options.mapping["publish"]) if options.mapping else ()

    @property
    def cost(self) -> dict:
        """What was spent until now: C({requests, bytes, seconds})."""
        return self.api.client.cost

    def read(self) -> Reading:
        """All of the site."""
        head = ChangeLog(self.api).head()
        site = self.api.site["id"]
        wide, (found, way, advice) = self.api.client.map(lambda ask: ask(), [self._graphql.wide, self._devices])
        records = Records(wide, found.devices, found.interfaces, found.ends, found.addresses)
        advice = [*advice, *([] if head else [LOG_ADVICE])]
        return Reading({"log": head, "devices": len(records.devices), "site": site}, way, records, advice="; ".join(advice) or None)

    def since(self, cursor: dict) -> Delta | Gap:
        """What changed since a cursor."""
        if not cursor.get("log"):
            return Gap(f"the token could not see its change log when it was last read (permission {NEEDS})")
        read = ChangeLog(self.api).since(cursor["log"])
        if isinstance(read, Gap):
            return read
        entries, log = read
        found = affected(entries)
        if found.gap or found.size > max(cursor["devices"] / 3, FEW):
            return Gap(found.gap or f"{found.size} of its objects have changed, which is more than is worth asking for singly")
        if not entries:
            return Delta({**cursor, "log": log})
        if self.api.site["id"] != cursor["site"]:
            return Gap("another location has the site's name")
        try:
            return self._delta(found, {**cursor, "log": log})
        except DeviceFailed as error:
            if not error.details.get("vanished"):
                raise
            return Gap(f"what changed vanished while it was looked at ({error.details['answer']})")

    def devices(self, ids: Collection[str]) -> Records:
        """These devices with all that is theirs."""
        return self._graphql.some(ids) if ids else Records()

    def publish(self, wanted: list[Publication], check_mode: bool) -> list[Change]:
        """Make objects say what is wanted, as far as they differ."""
        return Publish(self.api, check_mode).run(wanted)

    def setup(self, state: str, check_mode: bool) -> list[Change]:
        """Make (C(present)) or remove (C(absent)) what the collection needs here."""
        return Setup(self.api, self._publish).run(state, check_mode)

    def _delta(self, found: Affected, cursor: dict) -> Delta | Gap:
        lookup = Lookup(self.api)
        lookup.details(found)
        ids = lookup.devices(found)
        if len(ids) > max(cursor["devices"] / 3, FEW):
            return Gap(f"{len(ids)} of its devices have changed, which is more than is worth asking for singly")
        records = self.devices(ids)
        there = {device.id for device in records.devices}
        records = records.merged(self.devices(_neighbours(records, found.shown) - there))
        wide = self._graphql.wide() if found.wide else None
        records = Records(wide, records.devices, records.interfaces, records.ends, records.addresses)
        return Delta(cursor, records, frozenset(ids) - there, self._graphql.name)

    def _devices(self) -> tuple[Records, str, list[str]]:
        """All devices, by the first way that is open; its name, and what would open those before."""
        try:
            way = Template(self.api, self._graphql)
            return way.devices(), way.name, []
        except NoWay as closed:
            return self._graphql.devices(), self._graphql.name, [str(closed)]


def _neighbours(records: Records, shown: set[str]) -> set[str]:
    """The devices that are cabled to those devices and interfaces of ``records`` whose name, role, tags or LAG changed: their ends repeat these."""
    own = {interface.id for interface in records.interfaces if not shown.isdisjoint((interface.device, interface.id, interface.lag))}
    return {end.far_device for end in records.ends if end.interface in own}
