# Copyright: (c) 2026, leasehold.cloud contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The second way: devices and interfaces by GraphQL, which NetBox answers some times faster than REST; the rest as M(rest) reads it."""

from __future__ import annotations

import functools
from collections.abc import Iterable

from ansible_collections.leasehold.cloud.plugins.module_utils.core.errors import DeviceFailed
from ansible_collections.leasehold.cloud.plugins.module_utils.sources.netbox.api import view
from ansible_collections.leasehold.cloud.plugins.module_utils.sources.netbox.rest import Rest
from ansible_collections.leasehold.cloud.plugins.module_utils.sources.netbox.ways import NoWay

FIRST = (4, 6)  # NetBox whose lists can be read on from a number, so that none slips away when rows are deleted meanwhile
AT_ONCE = 100  # devices of one query
HIDDEN = {  # GraphQL leaves out, without a word, what the token may not see; so it has to be seen that it may
    "dcim.device": "dcim/devices", "dcim.interface": "dcim/interfaces", "dcim.devicerole": "dcim/device-roles", "dcim.devicetype": "dcim/device-types",
    "dcim.platform": "dcim/platforms", "dcim.rack": "dcim/racks", "dcim.macaddress": "dcim/mac-addresses", "ipam.ipaddress": "ipam/ip-addresses",
    "ipam.vlan": "ipam/vlans", "tenancy.tenant": "tenancy/tenants", "extras.tag": "extras/tags",
}
DEVICE = """id name status serial position role {slug} device_type {slug} rack {id} platform {slug} tenant {slug} oob_ip {address}
primary_ip4 {address} primary_ip6 {address} tags {slug} custom_fields"""
INTERFACE = """id name type enabled mgmt_only custom_fields device {id} lag {id} untagged_vlan {vid} tagged_vlans {vid} tags {slug}
primary_mac_address {mac_address}"""


class GraphQL(Rest):
    """Reads devices and interfaces in queries of C(AT_ONCE) devices."""

    name = "graphql"

    @functools.cached_property
    def _open(self) -> bool:
        """:raises NoWay: it is too old, or would hide something."""
        if self.api.version < FIRST:
            raise NoWay("its GraphQL API can be used from NetBox 4.6 on")
        asked = list(HIDDEN.items())
        answers = self.api.client.map(lambda one: self.api.get(one[1], {"limit": 1, "fields": "id"}, accept=(403,)), asked)
        hidden = [view(kind) for (kind, _path), answer in zip(asked, answers) if answer.status == 403]
        if hidden:
            raise NoWay(f"its GraphQL API would hide what the token may not see: permit {', '.join(hidden)}")
        return True

    def _all_devices(self) -> list[dict]:
        site = f'site: {{id: {{in_list: ["{self.api.site_id}"]}}}}'
        found = self._on("device_list", site, "id")
        pieces = _pieces([row["id"] for row in found])
        return self._named(self._listed("device_list", [f"{site}, id: {{in_list: [{piece}]}}" for piece in pieces], DEVICE, ("rack",)))

    def _interfaces(self, devices: Iterable[int]) -> list[dict]:
        chosen = [f"device: {{id: {{in_list: [{piece}]}}}}" for piece in _pieces(devices)]
        found = self._listed("interface_list", chosen, INTERFACE, ("device", "lag"))
        for row in found:
            row["mac_address"] = (row["primary_mac_address"] or {}).get("mac_address")
        return found

    def _named(self, found: list[dict]) -> list[dict]:
        """The rows, where custom fields that point to objects have them: GraphQL has only their numbers, so where there are numbers REST is asked."""
        unclear = [row["id"] for row in found if any(map(_may_point, (row["custom_fields"] or {}).values()))]
        fields = {"fields": "id,custom_fields", "exclude": "config_context"}
        known = {row["id"]: row for row in self.api.some("dcim/devices", "id", unclear, fields, view("dcim.device"))}
        return [row | known.get(row["id"], {}) for row in found]

    def _listed(self, name: str, chosen: list[str], fields: str, held: tuple[str, ...]) -> list[dict]:
        """Rows as REST has them: numbers for ids, where GraphQL has texts."""
        found = [row for rows in self.api.client.map(lambda one: self._on(name, one, fields), chosen) for row in rows]
        for holder in (row[key] for row in found for key in held if row[key]):
            holder["id"] = int(holder["id"])
        return found

    def _on(self, name: str, chosen: str, fields: str) -> list[dict]:
        """All rows of a list, page by page until one is empty: the server gives as many as it likes."""
        found: list[dict] = []
        while True:
            start = found[-1]["id"] + 1 if found else 0
            page = self._ask(f"{{{name}(filters: {{{chosen}}}, pagination: {{start: {start}, limit: 1000}}) {{{fields}}}}}")[name]
            if not page:
                return found
            found += [row | {"id": int(row["id"])} for row in page]

    def _ask(self, query: str) -> dict:
        try:
            self._open  # pylint: disable=pointless-statement
            answer = self.api.client.request("POST", "/graphql/", body={"query": query}, accept=(400, 403, 404), repeat=True)
            document = answer.json() if answer.status == 200 else {}
        except DeviceFailed as error:
            raise NoWay(f"its GraphQL API fails ({error.message})") from error
        if answer.status != 200:
            raise NoWay(f"its GraphQL API is not open to the token (status {answer.status}; GRAPHQL_ENABLED in its configuration)")
        if document.get("errors") or not document.get("data"):
            raise NoWay(f"its GraphQL API refuses what is asked: {(document.get('errors') or [{}])[0].get('message', 'no data')[:200]}")
        return document["data"]


def _may_point(value: object) -> bool:
    return isinstance(value, int) or (isinstance(value, list) and any(map(_may_point, value)))


def _pieces(numbers: Iterable[int]) -> list[str]:
    numbers = sorted(numbers)
    return [", ".join(f'"{number}"' for number in numbers[start:start + AT_ONCE]) for start in range(0, len(numbers), AT_ONCE)]
