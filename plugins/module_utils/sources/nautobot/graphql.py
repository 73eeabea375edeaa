# Copyright: (c) 2026, leasehold.cloud contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The way that is always open: GraphQL, in flat lists.

One nested query (devices, in them interfaces, in them what they are connected to) is what people write, and slow: Nautobot asks its database anew for each
interface. Here each table is asked for by itself, and put together by id; what many objects have several of (tags, tagged VLANs) is asked for the other way
round: the objects of each tag. The rows of many devices are asked for in parts, at once.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Collection, Iterable, Mapping

from ansible_collections.leasehold.cloud.plugins.module_utils.core.records import Prefix, Rack, Records, Site, Tenant, Vlan, VlanGroup, Wide, slug
from ansible_collections.leasehold.cloud.plugins.module_utils.sources.nautobot.api import Api, chunks, literal, view
from ansible_collections.leasehold.cloud.plugins.module_utils.sources.nautobot.rows import Rows, filled, plain, rack_names, tags_of

PART = 400  # devices whose interfaces one query asks for: a second or two of Nautobot's time
STRANGERS = 400  # interfaces of other devices, that paths lead to, in one query
TAGS = 40  # tags whose objects one query asks for
DEVICE = ("id name serial position role{name} device_type{model} rack{id} status{name} platform{name} tenant{name} "
          "primary_ip4{host} primary_ip6{host} _custom_field_data")
INTERFACE = "id name type mac_address enabled mgmt_only device{id} lag{id} untagged_vlan{vid} _custom_field_data"
FAR = "id name lag{name} device{id name role{name} tags{name}}"
VLAN = "id vid name vlan_group{id} status{name} role{name} tenant{name} _custom_field_data"
PREFIX = "id prefix status{name} role{name} tenant{name} vlan{vid} _custom_field_data"
TAGGED = {"dcim.device": "device", "dcim.interface": "interface", "ipam.ipaddress": "address", "ipam.vlan": "vlan", "ipam.prefix": "prefix"}
MODELS = {"dcim/racks": "dcim.rack", "tenancy/tenants": "tenancy.tenant", "ipam/vlan-groups": "ipam.vlangroup", "ipam/vlans": "ipam.vlan",
          "ipam/prefixes": "ipam.prefix"}
ANCESTORS = 8  # levels of locations above the site that are looked at


class GraphQL:
    """Reads a site's tables."""

    name = "graphql"

    def __init__(self, api: Api):
        self.api = api
        self._tag_names: dict[str, list[str]] = {}

    def devices(self) -> Records:
        """All devices of the site, with all that is theirs."""
        rows = self._devices(f"location: {literal([self.api.site['id']])}")
        if not rows.devices:
            self.api.seen("dcim/devices", "dcim.device")
        return self._with_theirs(rows)

    def some(self, ids: Collection[str]) -> Records:
        """Those of these devices that are there and of the site, with all that is theirs."""
        rows = Rows()
        for part in chunks(ids, PART):
            _add(rows, self._devices(f"location: {literal([self.api.site['id']])}, id: {literal(part)}"))
        return self._with_theirs(rows) if rows.devices else Records()

    def wide(self) -> Wide:
        """What is site-wide."""
        above = "".join("parent{id " for _level in range(ANCESTORS)) + "}" * ANCESTORS
        site = literal([self.api.site["id"]])
        first = self.api.query(f"{{here: locations(id: {site}){{id name tags{{name}} _custom_field_data {above}}} below: locations(subtree: {site}){{id}}"
                               f" racks(location: {site}){{id name location{{name}}}} tenants{{id name}}"
                               f" vlan_groups{{id name {self._range} location{{id}} tags{{name}} _custom_field_data}}}}")
        here, = first["here"]
        places = {row["id"] for row in first["below"]} | set(_parents(here))
        vlans, prefixes = self._of_places(places)
        groups = [row for row in first["vlan_groups"] if not row["location"] or row["location"]["id"] in places]
        self._check({"dcim/racks": first["racks"], "tenancy/tenants": first["tenants"], "ipam/vlan-groups": first["vlan_groups"],
                     "ipam/vlans": vlans, "ipam/prefixes": prefixes})
        vlan_tags, prefix_tags = tags_of(self._tagged("ipam.vlan", "vlans")), tags_of(self._tagged("ipam.prefix", "prefixes"))
        return Wide(
            Site(here["id"], here["name"], here["name"], _slugs(here["tags"]), filled(_fields(here))),
            tuple(Rack(id, name) for id, name in rack_names((row["id"], row["name"], row["location"]["name"]) for row in first["racks"]).items()),
            tuple(VlanGroup(row["id"], row["name"], slug(row["name"]), (row.get("range") or "").replace(" ", "") or None, _slugs(row["tags"]),
                            filled(_fields(row))) for row in groups),
            tuple(Vlan(row["id"], row["vid"], row["name"], _id(row["vlan_group"]), *_kinds(row), vlan_tags.get(row["id"], ()), filled(_fields(row)))
                  for row in vlans.values()),
            tuple(Prefix(row["id"], row["prefix"], *_kinds(row), row["vlan"]["vid"] if row["vlan"] else None, prefix_tags.get(row["id"], ()),
                         filled(_fields(row))) for row in prefixes.values()),
            tuple(Tenant(row["id"], row["name"], slug(row["name"])) for row in first["tenants"]),
        )

    def complete(self, rows: Rows) -> Records:
        """The records of rows, whose far ends outside the site are looked up first."""
        for part in chunks(rows.strangers(), STRANGERS):
            for port in self.api.query(f"{{interfaces(id: {literal(part)}){{{FAR}}}}}")["interfaces"]:
                device = port["device"]
                if device:
                    rows.far.append((port["id"], port["name"], _name(port["lag"]), device["id"], device["name"], _name(device["role"])))
                    rows.device_tags += [(device["id"], tag["name"]) for tag in device["tags"]]
        return rows.records()

    @property
    def _range(self) -> str:
        return "range" if self.api.version >= (2, 3) else ""

    def _devices(self, chosen: str) -> Rows:
        found = self.api.query(f"{{devices({chosen}){{{DEVICE}}} racks(location: {literal([self.api.site['id']])}){{id name location{{name}}}}}}")
        return Rows(
            devices=[(row["id"], row["name"], _name(row["role"]), row["device_type"] and row["device_type"]["model"], _id(row["rack"]), row["position"],
                      _name(row["status"]), row["serial"], _name(row["platform"]), _name(row["tenant"]), _host(row["primary_ip4"]),
                      _host(row["primary_ip6"]), _fields(row)) for row in found["devices"]],
            racks=[(row["id"], row["name"], row["location"]["name"]) for row in found["racks"]])

    def _with_theirs(self, rows: Rows) -> Records:
        ids = [row[0] for row in rows.devices]
        for part in self.api.client.map(self._part, chunks(ids, PART)):
            _add(rows, part)
        if rows.devices and not rows.interfaces:
            self.api.seen("dcim/interfaces", "dcim.interface")
        if rows.interfaces and not rows.addresses:
            self.api.seen("ipam/ip-addresses", "ipam.ipaddress")
            self.api.seen("ipam/ip-address-to-interface", "ipam.ipaddresstointerface")
        return self.complete(rows)

    def _part(self, ids: list[str]) -> Rows:
        """All that is some devices'."""
        devices = f"device_id: {literal(ids)}"
        path = "" if self.api.has_paths else " path{destination_id}"
        found = self.api.query(
            f"{{interfaces({devices}){{{INTERFACE}{path}}} tagged: interfaces({devices}, has_tagged_vlans: true){{id tagged_vlans{{vid}}}}"
            f" ip_addresses({devices}){{id host dns_name status{{name}} interface_assignments{{interface{{id}}}}}}}}")
        rows = Rows(
            interfaces=[(row["id"], row["device"]["id"], row["name"], plain(row["type"]), row["mac_address"], row["enabled"], row["mgmt_only"], _id(row["lag"]),
                         row["untagged_vlan"] and row["untagged_vlan"]["vid"], _fields(row)) for row in found["interfaces"] if row["device"]],
            tagged=[(row["id"], vlan["vid"]) for row in found["tagged"] for vlan in row["tagged_vlans"]],
            addresses=[(row["id"], row["host"], held["interface"]["id"], row["dns_name"], _name(row["status"]))
                       for row in found["ip_addresses"] for held in row["interface_assignments"] if held["interface"]],
            device_tags=self._tagged("dcim.device", "devices", f"id: {literal(ids)}"),
            interface_tags=self._tagged("dcim.interface", "interfaces", devices), address_tags=self._tagged("ipam.ipaddress", "ip_addresses", devices))
        rows.ends = self._paths(found["interfaces"])
        return rows

    def _paths(self, interfaces: list[dict]) -> list[tuple]:
        if not self.api.has_paths:
            return [(row["id"], row["path"]["destination_id"]) for row in interfaces if row.get("path") and row["path"]["destination_id"]]
        ids = literal([row["id"] for row in interfaces])
        found = self.api.query(f"{{cable_paths(origin_id: {ids}){{origin_id destination_id destination_type{{model}}}}}}")["cable_paths"] if interfaces else []
        if interfaces and not found:
            self._check_paths()
        return [(row["origin_id"], row["destination_id"]) for row in found if row["destination_id"] and row["destination_type"]["model"] == "interface"]

    def _check_paths(self) -> None:
        """Paths have no list in the REST API that would refuse: where something is connected, there has to be one."""
        if not self.api.query("{cable_paths(limit: 1){id}}")["cable_paths"]:
            connected = self.api.get("dcim/interfaces", {"connected": "true", "limit": 1, "depth": 0, "exclude_m2m": "true"}, view("dcim.interface")).json()
            if connected["count"]:
                raise self.api.hidden("dcim.cablepath")

    def _tagged(self, model: str, name: str, chosen: str = "") -> list[tuple]:
        """(object, tag) of those objects in a list that have a tag."""
        names, found = self._names(model), []
        for start in range(0, len(names), TAGS):
            tags = names[start:start + TAGS]
            lists = " ".join(f"t{number}: {name}({chosen} tags: {literal([tag])}){{id}}" for number, tag in enumerate(tags))
            answer = self.api.query(f"{{{lists}}}")
            found += [(row["id"], tag) for number, tag in enumerate(tags) for row in answer[f"t{number}"]]
        return found

    def _names(self, model: str) -> list[str]:
        """The tags that objects of a model can have."""
        if not self._tag_names:
            lists = " ".join(f"{key}: tags(content_types: {literal([kind])}){{name}}" for kind, key in TAGGED.items())
            answer = self.api.query(f"{{{lists}}}")
            self._tag_names = {kind: sorted({tag["name"] for tag in answer[key]}) for kind, key in TAGGED.items()}
        return self._tag_names[model]

    def _of_places(self, places: set[str]) -> tuple[dict[str, dict], dict[str, dict]]:
        """The VLANs and prefixes, by id, of locations and of none."""
        found = self.api.query(f"{{locations(id: {literal(places)}){{vlans{{{VLAN}}} prefixes{{{PREFIX}}}}}"
                               f" vlans(locations: [\"null\"]){{{VLAN}}} prefixes(locations: [\"null\"]){{{PREFIX}}}}}")
        return tuple({row["id"]: row for rows in (found[kind], *(place[kind] for place in found["locations"])) for row in rows}
                     for kind in ("vlans", "prefixes"))

    def _check(self, lists: Mapping[str, Collection]) -> None:
        """Make sure that lists that are empty are not hidden."""
        for path, rows in lists.items():
            if not rows:
                self.api.seen(path, MODELS[path])


def _add(rows: Rows, more: Rows) -> None:
    for field in dataclasses.fields(Rows):
        getattr(rows, field.name).extend(getattr(more, field.name))


def _parents(location: Mapping) -> Iterable[str]:
    while location.get("parent"):
        location = location["parent"]
        yield location["id"]


def _id(row: Mapping | None) -> str | None:
    return row["id"] if row else None


def _name(row: Mapping | None) -> str | None:
    return row["name"] if row else None


def _host(row: Mapping | None) -> str | None:
    return row["host"] if row else None


def _fields(row: Mapping) -> Mapping:
    """Custom fields: an object, or (in some versions) its JSON."""
    fields = row["_custom_field_data"]
    return json.loads(fields) if isinstance(fields, str) else fields or {}


def _slugs(tags: Iterable[Mapping]) -> tuple[str, ...]:
    return tuple(sorted(slug(tag["name"]) for tag in tags))


def _kinds(row: Mapping) -> tuple[str | None, ...]:
    """Status, role and tenant."""
    return tuple(slug(row[kind]["name"]) if row[kind] else None for kind in ("status", "role", "tenant"))
