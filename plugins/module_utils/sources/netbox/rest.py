# Copyright: (c) 2026, leasehold.cloud contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The way that is always open: REST, with the fields that are needed and pages read at once. It makes the documents that the templates render (M(rows))."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping

from ansible_collections.leasehold.cloud.plugins.module_utils.core.records import Records, Wide
from ansible_collections.leasehold.cloud.plugins.module_utils.sources.netbox import rows
from ansible_collections.leasehold.cloud.plugins.module_utils.sources.netbox.api import Api, view
from ansible_collections.leasehold.cloud.plugins.module_utils.sources.netbox.cables import Cabling

DEVICE = "id,name,role,device_type,rack,position,status,serial,platform,tenant,oob_ip,primary_ip4,primary_ip6,tags,custom_fields"
INTERFACE = "id,device,name,type,enabled,mgmt_only,lag,untagged_vlan,tagged_vlans,mac_address,tags,custom_fields"
ADDRESS = "id,address,assigned_object_id,dns_name,status,tags"
COMMON = "id,status,role,tenant,tags,custom_fields"
SCOPES = {"dcim.region": "dcim/regions", "dcim.sitegroup": "dcim/site-groups"}


class Rest:
    """Reads lists."""

    name = "rest"

    def __init__(self, api: Api):
        self.api = api

    def whole(self) -> Records:
        """All of the site."""
        found = self._all_devices()
        records = self._records(found, lambda own: Cabling(self.api).whole(own))
        return Records(self.wide(), records.devices, records.interfaces, records.ends, records.addresses)

    def some(self, filters: Mapping[str, Iterable]) -> Records:
        """The site's devices that match any of the filters, each once."""
        fields = {"fields": DEVICE, "exclude": "config_context", "site_id": self.api.site_id}
        found = [row for name, values in filters.items() for row in self.api.some("dcim/devices", name, values, fields, view("dcim.device"))]
        return self._records(list({row["id"]: row for row in found}.values()), Cabling(self.api).some)

    def wide(self) -> Wide:
        """What is site-wide."""
        api, number = self.api, self.api.site_id
        site = self._site()
        above = self._above(site)
        asked = [
            lambda: api.rows("dcim/racks", {"site_id": number, "fields": "id,name,location"}, view("dcim.rack")),
            lambda: api.rows("tenancy/tenants", {"fields": "id,name,slug"}, view("tenancy.tenant")),
            lambda: self._groups(above),
            lambda: api.rows("ipam/vlans", {"available_at_site": number, "fields": f"{COMMON},vid,name,group"}, view("ipam.vlan")),
            lambda: self._prefixes(above),
        ]
        racks, tenants, groups, vlans, prefixes = api.client.map(lambda ask: ask(), asked)
        ids = {group["id"] for group in groups if group["scope_type"] == "dcim.location"}
        vlans += api.some("ipam/vlans", "group_id", ids, {"fields": f"{COMMON},vid,name,group"}, view("ipam.vlan"))
        return rows.wide(_wide(site, racks, tenants, groups, vlans, prefixes))

    def groups(self) -> list[dict]:
        """The VLAN groups that can be used in the site, the wider their scope the earlier: the last of a name is the site's own."""
        rank = {None: 0, "dcim.region": 1, "dcim.sitegroup": 1, "dcim.site": 2}
        return sorted(self._groups(self._above(self._site())), key=lambda row: rank.get(row["scope_type"], 3))

    def _site(self) -> dict:
        return self.api.get(f"dcim/sites/{self.api.site_id}", {"fields": "id,name,slug,region,group,custom_fields,tags"}, view("dcim.site")).json()

    def _above(self, site: Mapping) -> set[tuple[str, int]]:
        """The site's own scope, and those that it is in."""
        return {("dcim.site", site["id"])} | {(kind, one) for kind, key in (("dcim.region", "region"), ("dcim.sitegroup", "group"))
                                              for one in self._ancestors(kind, site[key])}

    def _all_devices(self) -> list[dict]:
        fields = {"fields": DEVICE, "exclude": "config_context", "site_id": self.api.site_id}
        return self.api.rows("dcim/devices", fields, view("dcim.device"))

    def _interfaces(self, devices: Iterable[int]) -> list[dict]:
        return self.api.some("dcim/interfaces", "device_id", devices, {"fields": INTERFACE}, view("dcim.interface"))

    def _records(self, devices: list[dict], cabling: Callable[[Collection[int]], dict[int, list[int]]]) -> Records:
        """What a list of devices is, with all that is theirs."""
        api, numbers = self.api, [row["id"] for row in devices]
        interfaces = self._interfaces(numbers)
        own = {row["id"] for row in interfaces}
        ends = cabling(own)
        asked = [
            lambda: self._far({number for far in ends.values() for number in far} - own),
            lambda: api.some("ipam/ip-addresses", "interface_id", _addressed(devices, interfaces), {"fields": ADDRESS}, view("ipam.ipaddress")),
            lambda: api.rows("dcim/racks", {"site_id": api.site_id, "fields": "id,name,location"}, view("dcim.rack")) if numbers else [],
        ]
        far, addresses, racks = api.client.map(lambda ask: ask(), asked)
        return rows.devices({
            **_devices(devices), **_interface_rows(interfaces), **far, **_addresses(addresses), "racks": _racks(racks),
            "kind": ":", "ends": [(number, [f":{end}" for end in far_ends]) for number, far_ends in ends.items()],
        })

    def _far(self, numbers: set[int]) -> dict:
        """The interfaces of other devices that own ones are cabled to."""
        interfaces = self.api.some("dcim/interfaces", "id", numbers, {"fields": "id,name,device,lag"}, view("dcim.interface"))
        fields = {"fields": "id,role,tags", "exclude": "config_context"}
        devices = {row["id"]: row for row in self.api.some(
            "dcim/devices", "id", {row["device"]["id"] for row in interfaces}, fields, view("dcim.device"))}
        return {
            "far": [(row["id"], row["device"]["id"], row["device"]["name"], row["name"], (row["lag"] or {}).get("name"),
                     slug(devices.get(row["device"]["id"], {}).get("role"))) for row in interfaces],
            "far_tags": tags(devices.values()),
        }

    def _ancestors(self, kind: str, held: Mapping | None) -> list[int]:
        found = []
        while held:
            found.append(held["id"])
            held = self.api.get(f"{SCOPES[kind]}/{held['id']}", {"fields": "id,parent"}, view(kind)).json()["parent"]
        return found

    def _groups(self, above: set[tuple[str, int]]) -> list[dict]:
        fields = "id,name,slug,scope_type,scope_id,tags,custom_fields," + ("vid_ranges" if self.api.version >= (4, 1) else "min_vid,max_vid")
        locations = self.api.rows("dcim/locations", {"site_id": self.api.site_id, "fields": "id"}, view("dcim.location"))
        here = above | {("dcim.location", row["id"]) for row in locations}
        found = self.api.rows("ipam/vlan-groups", {"fields": fields}, view("ipam.vlangroup"))
        return [row for row in found if row["scope_type"] is None or (row["scope_type"], row["scope_id"]) in here]

    def _prefixes(self, above: set[tuple[str, int]]) -> list[dict]:
        scope = "scope_type,scope_id" if self.api.version >= (4, 2) else "site"
        fields, number = {"fields": f"{COMMON},prefix,vlan,{scope}"}, self.api.site_id
        own = self.api.rows("ipam/prefixes", {**fields, "site_id": number}, view("ipam.prefix"))
        others = self.api.rows("ipam/prefixes", {**fields, "site_id": "null"}, view("ipam.prefix"))
        return own + [row for row in others
                      if ((row["role"] or row["tags"]) if row.get("scope_type") is None else (row["scope_type"], row["scope_id"]) in above)]


def slug(held: Mapping | None) -> str | None:
    """Of an object in brief."""
    return held["slug"] if held else None


def tags(found: Iterable[Mapping]) -> list[tuple[int, str]]:
    """Rows of tags."""
    return [(row["id"], tag["slug"]) for row in found for tag in row["tags"]]


def value(choice) -> object:
    """Of a choice, which REST shows as C({value, label})."""
    return choice["value"] if isinstance(choice, Mapping) else choice


def number(held: Mapping | None) -> int | None:
    """Of an object in brief."""
    return held["id"] if held else None


def fields(found: Mapping) -> dict:
    """Custom fields, objects by their names."""
    return {key: _plain(one) for key, one in (found or {}).items()}


def _plain(one):
    if isinstance(one, list):
        return [_plain(item) for item in one]
    return one.get("display") or one.get("value") or one if isinstance(one, Mapping) and ("display" in one or "value" in one) else one


def _addressed(devices: Iterable[Mapping], interfaces: Iterable[Mapping]) -> list[int]:
    """The interfaces whose addresses are asked for: all of the devices'."""
    ids = {row["id"] for row in devices}
    return [row["id"] for row in interfaces if row["device"]["id"] in ids]


def _devices(found: list[dict]) -> dict:
    return {
        "devices": [(row["id"], row["name"], slug(row["role"]), slug(row["device_type"]), number(row["rack"]), value(row["status"]), row["serial"],
                     slug(row["platform"]), slug(row["tenant"]), fields(row["custom_fields"])) for row in found],
        "positions": {str(row["id"]): float(row["position"]) for row in found if row["position"] is not None},
        "hosts": {str(row["id"]): [(row[key] or {}).get("address", "") for key in ("oob_ip", "primary_ip4", "primary_ip6")] for row in found},
        "objects": {}, "tags": tags(found),
    }


def _interface_rows(found: list[dict]) -> dict:
    return {
        "interfaces": [(row["id"], row["device"]["id"], row["name"], value(row["type"]), row["enabled"], row["mgmt_only"], number(row["lag"]),
                        (row["untagged_vlan"] or {}).get("vid"), fields(row["custom_fields"])) for row in found],
        "macs": {str(row["id"]): row["mac_address"] for row in found if row["mac_address"]},
        "tagged": [(row["id"], vlan["vid"]) for row in found for vlan in row["tagged_vlans"]], "interface_tags": tags(found),
    }


def _addresses(found: list[dict]) -> dict:
    return {
        "addresses": [(row["id"], row["assigned_object_id"], row["dns_name"], value(row["status"])) for row in found],
        "inets": {str(row["id"]): row["address"] for row in found}, "address_tags": tags(found),
    }


def _racks(found: list[dict]) -> list[tuple]:
    return [(row["id"], row["name"], (row["location"] or {}).get("name")) for row in found]


def _ranges(group: Mapping) -> str:
    ranges = group.get("vid_ranges") or [[group.get("min_vid", 1), group.get("max_vid", 4094)]]
    return ",".join(str(low) if low == high else f"{low}-{high}" for low, high in ranges)


def _wide(site: Mapping, racks: list, tenants: list, groups: list, vlans: list, prefixes: list) -> dict:
    return {
        "site": [(site["id"], site["name"], site["slug"], fields(site["custom_fields"]))], "site_tags": tags([site]), "racks": _racks(racks),
        "tenants": [(row["id"], row["name"], row["slug"]) for row in tenants],
        "groups": [(row["id"], row["name"], row["slug"], fields(row["custom_fields"]), _ranges(row)) for row in groups], "group_tags": tags(groups),
        "vlans": [[(row["id"], row["vid"], row["name"], number(row["group"]), value(row["status"]), slug(row["role"]), slug(row["tenant"]),
                    fields(row["custom_fields"])) for row in vlans]],
        "vlan_tags": [tags(vlans)],
        "prefixes": [[(row["id"], row["prefix"], (value(row["status"]), slug(row["role"]), slug(row["tenant"]), (row["vlan"] or {}).get("vid"),
                                                  fields(row["custom_fields"]))) for row in prefixes]],
        "prefix_tags": [tags(prefixes)],
    }
