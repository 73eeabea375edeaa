# Copyright: (c) 2026, leasehold.cloud contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the collection needs in a Nautobot, made and removed: the fields that render tables, a custom field, tags, permissions without users.

Everything is found by its key or name, and made to be as it should; what others made or use is left alone.
"""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Iterable, Iterator, Mapping

from ansible_collections.leasehold.cloud.plugins.module_utils.core.changes import Change
from ansible_collections.leasehold.cloud.plugins.module_utils.sources.nautobot.api import LEAN, Api, view
from ansible_collections.leasehold.cloud.plugins.module_utils.sources.nautobot.template import INTEGRATION, PATHS, RELATIONSHIP, TABLES, code, integration, key

CLUSTER = "leasehold_cluster"  # the custom field that names a server's cluster
ABOUT = "Made by leasehold.cloud's source_setup"
PROJECT = "https://github.com/leasehold/leasehold.cloud"
TAGS = {  # what the defaults of the mapping file look for
    "leasehold": "VLANs and prefixes that leasehold.cloud made", "leasehold-pool": "VLAN groups and prefixes that clusters get theirs from",
    "leasehold-envelope": "What leasehold.cloud may change", "leasehold-quarantine": "The VLAN of ports that nobody holds",
}
PERMISSION = "users.objectpermission"
TAGGED = ["dcim.device", "ipam.prefix", "ipam.vlan", "ipam.vlangroup"]
READ = [  # what has to be seen; cable paths and assignments, where GraphQL has to be used
    "dcim.cable", "dcim.cablepath", "dcim.device", "dcim.devicetype", "dcim.frontport", "dcim.interface", "dcim.location", "dcim.platform", "dcim.rack",
    "dcim.rearport", "extras.externalintegration", "extras.note", "extras.objectchange", "extras.role", "extras.status", "extras.tag", "ipam.ipaddress",
    "ipam.ipaddresstointerface", "ipam.prefix", "ipam.vlan", "ipam.vlangroup", "tenancy.tenant",
]
UNFILTERED = frozenset({"extras/custom-fields"})  # lists that cannot be asked for one key
CHANGED = {"tenant": "dcim.device", "cluster": "dcim.device", "status": "dcim.device", "interface_vlan": "dcim.interface", "vlan": "ipam.vlan",
           "prefix": "ipam.prefix"}
MADE = {"vlan": "ipam.vlan", "prefix": "ipam.prefix", "journal": "extras.note"}


@dataclasses.dataclass(frozen=True)
class Wanted:
    """An object: the list that it is in, what it is found by, and what it has besides. C(model) is named in errors, C(spared) says that it is kept
    when used."""

    path: str
    model: str
    found_by: Mapping[str, object]
    fields: Mapping[str, object] = dataclasses.field(default_factory=dict)
    spared: str | None = None  # the field that counts its uses

    @property
    def name(self) -> str:
        return f"{self.model} {next(iter(self.found_by.values()))}"


class Setup:
    """Makes or removes what one site needs.

    :param publish: the fields that the ledger may publish: for them, there is a permission, too.
    """

    def __init__(self, api: Api, publish: Iterable[str]):
        self.api, self.publish = api, frozenset(publish)
        self._there: dict[str, dict[object, dict]] = {}  # by list, what is there of what is wanted, by what it is found by

    def run(self, state: str, check_mode: bool) -> list[Change]:
        """Make it so, and say what differed."""
        changes = []
        wanted = list(self._wanted())
        for item in wanted if state == "present" else reversed(wanted):
            make = state == "present" and item.fields.get("object_types") != []  # a permission for nothing is none
            change = self._make(item, check_mode) if make else self._remove(item, check_mode)
            changes += [change] if change else []
        change = self._associate(check_mode) if state == "present" else None  # it goes with the integration
        return changes + ([change] if change else [])

    def _wanted(self) -> Iterator[Wanted]:
        yield Wanted("extras/relationships", "extras.relationship", {"key": RELATIONSHIP}, {
            "label": "Site mirrored by leasehold.cloud", "description": ABOUT, "type": "one-to-one", "source_type": INTEGRATION,
            "destination_type": "dcim.location", "destination_hidden": True})
        yield Wanted("extras/external-integrations", INTEGRATION, {"name": integration(self.api.site["name"])}, {"remote_url": PROJECT})
        for table in TABLES:
            yield Wanted("extras/computed-fields", "extras.computedfield", {"key": key(table)}, {
                "label": f"leasehold.cloud {table}", "description": f"{ABOUT}: renders a site's tables for its sync", "content_type": INTEGRATION,
                "template": code(table, PATHS[0] if self.api.has_paths else PATHS[1]), "advanced_ui": True})
        yield Wanted("extras/custom-fields", "extras.customfield", {"key": CLUSTER}, {
            "label": "Leasehold cluster", "description": f"The cluster that holds it. {ABOUT}", "type": "text", "content_types": ["dcim.device"]})
        for name, description in TAGS.items():
            yield Wanted("extras/tags", "extras.tag", {"name": name}, {"description": description, "content_types": TAGGED}, "tagged_items")
        yield from self._permissions()

    def _permissions(self) -> Iterator[Wanted]:
        about = {"description": f"Give it to the user of the token. {ABOUT}"[:200], "enabled": True}
        yield Wanted("users/permissions", PERMISSION, {"name": "leasehold.cloud read"}, {"object_types": READ, "actions": ["view"], **about})
        for name, models, actions in (("change", CHANGED, ["change"]), ("make", MADE, ["add", "delete"])):
            types = sorted({model for field, model in models.items() if field in self.publish})
            yield Wanted(
                "users/permissions", PERMISSION, {"name": f"leasehold.cloud {name}"}, {"object_types": types, "actions": actions, **about})

    def _find(self, item: Wanted) -> dict | None:
        """The object as it is there. All that are wanted of a list are looked up at once."""
        (by, value), = item.found_by.items()
        if item.path not in self._there:
            values = [other.found_by[by] for other in self._wanted() if other.path == item.path]
            params = {"depth": 0} | ({} if item.path in UNFILTERED else {by: values})
            rows = self.api.client.pages(f"/api/{item.path}/", params, needs=view(item.model))
            self._there[item.path] = {row[by]: row for row in rows}
        return self._there[item.path].get(value)

    def _write(self, item: Wanted, there: Mapping | None, body: Mapping | None) -> None:
        """Make an object, change it, or (without C(body)) delete it."""
        (value,) = item.found_by.values()
        if body is None:
            self.api.send("DELETE", f"{item.path}/{there['id']}", None, f"delete on {item.model}")
            del self._there[item.path][value]
        elif there:
            self._there[item.path][value] = self.api.send("PATCH", f"{item.path}/{there['id']}", body, f"change on {item.model}").json()
        else:
            self._there[item.path][value] = self.api.send("POST", item.path, body, f"add on {item.model}").json()

    def _make(self, item: Wanted, check_mode: bool) -> Change | None:
        there = self._find(item)
        wanted = {name: _plain(value) for name, value in {**item.found_by, **item.fields}.items()}
        before = {name: _plain(there.get(name)) for name in wanted} if there else {}
        for name, value in before.items():
            if isinstance(value, list) and (item.model != PERMISSION or self._others):
                wanted[name] = sorted({*value, *wanted[name]})  # others may use it for more: of a permission, our other sites alone
        if before == wanted:
            return None
        if not check_mode:
            self._write(item, there, wanted)
        return Change("source", f"{item.name} in {self.api.about}", before or None, wanted)

    def _remove(self, item: Wanted, check_mode: bool) -> Change | None:
        there = self._find(item)
        if not there or (item.spared and there.get(item.spared)) or self._shared(item):
            return None
        if not check_mode:
            self._write(item, there, None)
        return Change("source", f"{item.name} in {self.api.about}", {name: _plain(there.get(name)) for name in {**item.found_by, **item.fields}}, None)

    def _shared(self, item: Wanted) -> bool:
        """Whether other sites of this Nautobot need it, too: all but this site's integration."""
        return item.model != INTEGRATION and self._others

    @functools.cached_property
    def _others(self) -> bool:
        """Whether other sites of this Nautobot are mirrored, too."""
        params = {"relationship": RELATIONSHIP, "limit": 5, **LEAN}
        answer = self.api.get("extras/relationship-associations", params, "view on extras.relationshipassociation", accept=(400,))
        found = answer.json()["results"] if answer.status == 200 else []  # 400: there is no such relationship (yet)
        return any(row["destination_id"] != self.api.site["id"] for row in found)

    def _associate(self, check_mode: bool) -> Change | None:
        """Lead from the integration to the site."""
        name = integration(self.api.site["name"])
        found = {kind: self._find(item) for item in self._wanted() for kind in ("extras.relationship", INTEGRATION) if item.model == kind}
        about = f"extras.relationshipassociation {name} in {self.api.about}"
        if None in found.values():  # in check mode, neither is there yet
            return Change("source", about, None, self.api.site["name"])
        source, relationship = found[INTEGRATION]["id"], found["extras.relationship"]["id"]
        path, needs = "extras/relationship-associations", "{} on extras.relationshipassociation"
        there = self.api.get(path, {"relationship": RELATIONSHIP, "source_id": source, **LEAN}, needs.format("view")).json()["results"]
        if any(row["destination_id"] == self.api.site["id"] for row in there):
            return None
        if not check_mode:
            for row in there:
                self.api.send("DELETE", f"{path}/{row['id']}", None, needs.format("delete"))
            self.api.send("POST", path, {"relationship": relationship, "source_type": INTEGRATION, "source_id": source, "destination_type": "dcim.location",
                                         "destination_id": self.api.site["id"]}, needs.format("add"))
        return Change("source", about, [row["destination_id"] for row in there] or None, self.api.site["name"])


def _plain(value: object) -> object:
    """A value as it would be written: a choice is its value, a list is in order."""
    if isinstance(value, Mapping) and "value" in value:
        return value["value"]
    return sorted(value) if isinstance(value, list) else value
