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
import itertools
import json
from collections.abc import Collection, Iterable, Mapping

from ansible_collections.leasehold.cloud.plugins.module_utils.core.errors import DeviceFailed
from ansible_collections.leasehold.cloud.plugins.module_utils.core.records import Prefix, Rack, Records, Site, Tenant, Vlan, VlanGroup, Wide, slug
from ansible_collections.leasehold.cloud.plugins.module_utils.sources.nautobot.api import LEAN, Api, chunks, literal, view
from ansible_collections.leasehold.cloud.plugins.module_utils.sources.nautobot.rows import Rows, filled, plain, rack_names, tags_of

PART = 200  # devices that one query asks for by their ids
PAGE = 4000  # rows of a page of a long list: two seconds of Nautobot's time
OVERLAP = 25  # rows of a page that are also of the one before
READS = 3  # of a list that moves while its pages are read
STRANGERS = 400  # interfaces of other devices, that paths lead to, in one query
TAGS = 40  # tags whose objects one query asks for
DEVICE = ("id name serial position role{name} device_type{model} rack{id} status{name} platform{name} tenant{name} "
          "primary_ip4{host} primary_ip6{host} _custom_field_data")
INTERFACE = "id name type mac_address enabled mgmt_only device{id} lag{id} untagged_vlan{vid} _custom_field_data"
RACK = "{id name location{name}}"
TAGGED_VLANS = "{id tagged_vlans{vid}}"
FAR = "id name lag{name} device{id name role{name} tags{name}}"
VLAN = "id vid name vlan_group{id} status{name} role{name} tenant{name} _custom_field_data"
PREFIX = "id prefix status{name} role{name} tenant{name} vlan{vid} _custom_field_data"
TAGGED = {"dcim.device": "device", "dcim.interface": "interface", "ipam.ipaddress": "address", "ipam.vlan": "vlan", "ipam.prefix": "prefix"}
TAG_NAMES = " ".join(f"{key}: tags(content_types: {literal([kind])}){{name}}" for kind, key in TAGGED.items())
TAG_ROWS = {"dcim.device": "device_tags", "dcim.interface": "interface_tags", "ipam.ipaddress": "address_tags"}
MODELS = {"dcim/racks": "dcim.rack", "tenancy/tenants": "tenancy.tenant", "ipam/vlan-groups": "ipam.vlangroup", "ipam/vlans": "ipam.vlan",
          "ipam/prefixes": "ipam.prefix"}
PATH = "destination_id destination_type{model}"
FEW_PATHS = 800  # interfaces that are asked for their paths; each that is cabled costs more than a millisecond
ANCESTORS = 8  # levels of locations above the site that are looked at


class GraphQL:
    """Reads a site's tables."""

    name = "graphql"

    def __init__(self, api: Api):
        self.api = api
        self._tag_names: dict[str, list[str]] = {}

    def devices(self) -> Records:
        """All devices of the site, with all that is theirs."""
        site = f"location: {literal([self.api.site['id']])}"
        tables = self.api.client.map(lambda ask: ask(), [
            lambda: _device_rows(self._pages("devices", "dcim.device", site, DEVICE), self.api.query(f"{{racks({site}){RACK}}}")["racks"]),
            lambda: _interface_rows(self._pages("interfaces", "dcim.interface", site, INTERFACE + self._path),
                                    self.api.query(f"{{interfaces({site}, has_tagged_vlans: true){TAGGED_VLANS}}}")["interfaces"]),
            lambda: Rows(ends=self._all_paths() if self.api.has_paths else []), self._assignments,
            lambda: Rows(device_tags=self._tagged("dcim.device", "devices", site), interface_tags=self._tagged("dcim.interface", "interfaces", site),
                         address_tags=self._tagged("ipam.ipaddress", "ip_addresses")),
        ])
        rows = Rows()
        for table in tables:
            _add(rows, table)
        return self.complete(rows)

    def some(self, ids: Collection[str]) -> Records:
        """Those of these devices that are there and of the site, with all that is theirs."""
        rows = Rows()
        for part in self.api.client.map(self._part, chunks(ids, PART)):
            _add(rows, part)
        if self.api.has_paths:
            few = self._few_paths(rows)
            rows.ends = self._all_paths() if few is None else few
        return self.complete(rows)

    def wide(self) -> Wide:
        """What is site-wide."""
        above = "".join("parent{id " for _level in range(ANCESTORS)) + "}" * ANCESTORS
        site = literal([self.api.site["id"]])
        first = self.api.query(f"{{here: locations(id: {site}){{id name tags{{name}} _custom_field_data {above}}} below: locations(subtree: {site}){{id}}"
                               f" racks(location: {site}){{id name location{{name}}}} tenants{{id name}}"
                               f" vlan_groups{{id name {self._range} location{{id}} tags{{name}} _custom_field_data}} {TAG_NAMES}}}")
        self._know_tags(first)
        here, = first["here"]
        places = {row["id"] for row in first["below"]} | set(_parents(here))
        (vlans, prefixes), vlan_tags, prefix_tags = self.api.client.map(lambda ask: ask(), [
            lambda: self._of_places(places), lambda: tags_of(self._tagged("ipam.vlan", "vlans")), lambda: tags_of(self._tagged("ipam.prefix", "prefixes"))])
        groups = [row for row in first["vlan_groups"] if not row["location"] or row["location"]["id"] in places]
        self._check({"dcim/racks": first["racks"], "tenancy/tenants": first["tenants"], "ipam/vlan-groups": first["vlan_groups"],
                     "ipam/vlans": vlans, "ipam/prefixes": prefixes})
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

    @property
    def _path(self) -> str:
        return "" if self.api.has_paths else f" _path{{{PATH}}}"

    def _pages(self, name: str, model: str, chosen: str, columns: str) -> list[dict]:
        """A long list, in pages that are asked for at once. Each begins with the last rows of the one before: were rows deleted meanwhile, that tells.

        :raises InvalidInput: the token may not see such objects.
        """
        count = self.api.get(f"dcim/{name}", {"location": self.api.site["id"], "limit": 1, **LEAN}, view(model)).json()["count"]
        for _read in range(READS):
            starts = range(0, max(count, 1), PAGE)
            pages = self.api.client.map(
                lambda start: self.api.query(f"{{{name}({chosen}, offset: {max(start - OVERLAP, 0)}, limit: {PAGE + OVERLAP}){{{columns}}}}}")[name], starts)
            joined = all(page and page[-1]["id"] in {row["id"] for row in after} for page, after in itertools.pairwise(pages))
            if joined and len(pages[-1]) < PAGE + OVERLAP:
                return list({row["id"]: row for page in pages for row in page}.values())
            count += OVERLAP
        raise DeviceFailed(f"its list of {name} changed while it was read, {READS} times", object=self.api.about, attempted=f"reading its {name}",
                           remedy="run this again when fewer objects are made and deleted there")

    def _assignments(self) -> Rows:
        """The addresses of all interfaces, in all sites: there is no narrower list that is as quick."""
        found = self.api.query("{ip_address_assignments{ip_address{id host dns_name status{name}} interface{id}}}")["ip_address_assignments"]
        if not found:
            self.api.seen("ipam/ip-address-to-interface", "ipam.ipaddresstointerface")
        if any(row["ip_address"] is None for row in found):
            self.api.seen("ipam/ip-addresses", "ipam.ipaddress")
        return Rows(addresses=[(row["ip_address"]["id"], row["ip_address"]["host"], row["interface"]["id"], row["ip_address"]["dns_name"],
                                _name(row["ip_address"]["status"])) for row in found if row["interface"] and row["ip_address"]])

    def _part(self, ids: list[str]) -> Rows:
        """Some devices, and all that is theirs."""
        site = f"location: {literal([self.api.site['id']])}"
        found = self.api.query(f"{{devices({site}, id: {literal(ids)}){{{DEVICE}}} racks({site}){RACK}}}")
        rows = _device_rows(found["devices"], found["racks"])
        there = [row[0] for row in rows.devices]
        if not there:
            return rows
        mine, devices = f"id: {literal(there)}", f"device_id: {literal(there)}"  # which refuses those that are gone
        tags = [("dcim.device", "devices", mine), ("dcim.interface", "interfaces", devices), ("ipam.ipaddress", "ip_addresses", devices)]
        named = {f"t{number}": (model, tag) for number, (model, tag) in enumerate((model, tag) for model, _list, _chosen in tags for tag in self._names(model))}
        lists = {model: f"{name}({chosen}, tags: " for model, name, chosen in tags}
        found = self.api.query(
            f"{{interfaces({devices}){{{INTERFACE}{self._path}}} tagged: interfaces({devices}, has_tagged_vlans: true){TAGGED_VLANS}"
            f" ip_addresses({devices}){{id host dns_name status{{name}} interface_assignments{{interface{{id}}}}}} "
            + " ".join(f"{alias}: {lists[model]}{literal([tag])}){{id}}" for alias, (model, tag) in named.items()) + "}")
        _add(rows, _interface_rows(found["interfaces"], found["tagged"]))
        rows.addresses = [(row["id"], row["host"], held["interface"]["id"], row["dns_name"], _name(row["status"]))
                          for row in found["ip_addresses"] for held in row["interface_assignments"] if held["interface"]]
        for alias, (model, tag) in named.items():
            getattr(rows, TAG_ROWS[model]).extend((row["id"], tag) for row in found[alias])
        return rows

    def _few_paths(self, rows: Rows) -> list[tuple] | None:
        """What the paths of some devices' interfaces lead to; None: they are so many that all paths are read in less time."""
        if len(rows.interfaces) > FEW_PATHS:
            return None
        devices = literal([row[0] for row in rows.devices])
        found = self.api.query(f"{{interfaces(device_id: {devices}, has_cable: true){{id cable_paths{{{PATH}}}}}}}")["interfaces"] if rows.devices else []
        if found and not any(row["cable_paths"] for row in found):
            self._check_paths()
        return [end for row in found for path in row["cable_paths"] for end in _end(row["id"], path)]

    def _all_paths(self) -> list[tuple]:
        """What the paths of all interfaces lead to, in all sites: there is no narrower list."""
        found = self.api.query(f"{{cable_paths{{origin_id {PATH}}}}}")["cable_paths"]
        if not found:
            self._check_paths()
        return [end for row in found for end in _end(row["origin_id"], row)]

    def _check_paths(self) -> None:
        """Paths have no list in the REST API that would refuse: where something is connected, there has to be one."""
        if not self.api.query("{cable_paths(limit: 1){id}}")["cable_paths"]:
            connected = self.api.get("dcim/interfaces", {"connected": "true", "limit": 1, **LEAN}, view("dcim.interface")).json()
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
            self._know_tags(self.api.query(f"{{{TAG_NAMES}}}"))
        return self._tag_names[model]

    def _know_tags(self, answer: Mapping[str, list]) -> None:
        self._tag_names = {kind: sorted({tag["name"] for tag in answer[key]}) for kind, key in TAGGED.items()}

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


def _device_rows(devices: Iterable[Mapping], racks: Iterable[Mapping]) -> Rows:
    return Rows(
        devices=[(row["id"], row["name"], _name(row["role"]), row["device_type"] and row["device_type"]["model"], _id(row["rack"]), row["position"],
                  _name(row["status"]), row["serial"], _name(row["platform"]), _name(row["tenant"]), _host(row["primary_ip4"]),
                  _host(row["primary_ip6"]), _fields(row)) for row in devices],
        racks=[(row["id"], row["name"], row["location"]["name"]) for row in racks])


def _interface_rows(interfaces: Collection[Mapping], tagged: Iterable[Mapping]) -> Rows:
    return Rows(
        interfaces=[(row["id"], row["device"]["id"], row["name"], plain(row["type"]), row["mac_address"], row["enabled"], row["mgmt_only"], _id(row["lag"]),
                     row["untagged_vlan"] and row["untagged_vlan"]["vid"], _fields(row)) for row in interfaces if row["device"]],
        tagged=[(row["id"], vlan["vid"]) for row in tagged for vlan in row["tagged_vlans"]],
        ends=[end for row in interfaces for end in _end(row["id"], row.get("_path"))])


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


def _end(interface: str, path: Mapping | None) -> list[tuple]:
    """The interface that a path leads to, if it does not end before, or at something else."""
    leads = path and path["destination_id"] and path["destination_type"] and path["destination_type"]["model"] == "interface"
    return [(interface, path["destination_id"])] if leads else []


def _slugs(tags: Iterable[Mapping]) -> tuple[str, ...]:
    return tuple(sorted(slug(tag["name"]) for tag in tags))


def _kinds(row: Mapping) -> tuple[str | None, ...]:
    """Status, role and tenant."""
    return tuple(slug(row[kind]["name"]) if row[kind] else None for kind in ("status", "role", "tenant"))
