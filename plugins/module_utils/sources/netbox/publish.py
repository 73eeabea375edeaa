# Copyright: (c) 2026, leasehold.cloud contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the ledger says, published in NetBox: on devices and interfaces that are there, and as VLANs and prefixes of our own (by tag)."""

from __future__ import annotations

import collections
from collections.abc import Iterable, Mapping

from ansible_collections.leasehold.cloud.plugins.module_utils.core.changes import Change
from ansible_collections.leasehold.cloud.plugins.module_utils.core.errors import InvalidSource, Refused
from ansible_collections.leasehold.cloud.plugins.module_utils.sources.netbox.api import Api, view
from ansible_collections.leasehold.cloud.plugins.module_utils.sources.netbox.edits import Cell, Edit, Writer, edit
from ansible_collections.leasehold.cloud.plugins.module_utils.sources.netbox.rest import Rest, number, slug, value
from ansible_collections.leasehold.cloud.plugins.module_utils.sources.netbox.setup import CLUSTER
from ansible_collections.leasehold.cloud.plugins.module_utils.sources.protocol import Publication

OURS = "leasehold"  # the tag of VLANs and prefixes that we made: no other is removed
DEVICE = "id,name,display,tenant,status,custom_fields,last_updated"
INTERFACE = "id,name,device,mode,untagged_vlan,tagged_vlans,last_updated"
VLAN = "id,display,vid,name,group,tenant,status,tags,last_updated"
PREFIX = "id,display,prefix,tenant,vlan,status,tags,last_updated"


class Publish:
    """One publication of several objects: VLANs and prefixes first, for interfaces need them; what is removed goes last."""

    def __init__(self, api: Api, check_mode: bool):
        self.api, self.check_mode = api, check_mode
        self.writer = Writer(api)
        self.tenants: dict[str, dict] = {}
        self.groups: dict[str, dict] = {}
        self.vlans: dict[tuple[int, str | None], dict] = {}

    def run(self, wanted: Iterable[Publication]) -> list[Change]:
        """Make it so, and say what differed.

        :raises InvalidSource: it names a tenant, VLAN group or VLAN that NetBox does not have.
        :raises SourceConflict: somebody changed the same field at the same time.
        """
        by: dict[str, list[Publication]] = collections.defaultdict(list)
        for one in wanted:
            by[one.kind].append(one)
        self._know(by)
        changes = self._own("vlan", by["vlan"]) + self._own("prefix", by["prefix"])
        edits = self._devices(by["device"]) + self._interfaces(by["interface"])
        if not self.check_mode:
            self.writer.write(edits)
        changes += [change for one in edits for change in one.changes]
        return changes + self._journal(by["journal"]) + self._removed(by["vlan"], by["prefix"])

    # -- what publications name

    def _know(self, by: Mapping[str, list[Publication]]) -> None:
        """Look up what is named, all of it at once."""
        named = [one for some in by.values() for one in some]
        tenants = {one.fields["tenant"] for one in named if one.fields.get("tenant")}
        groups = {one.fields[key] for one in named for key in ("group", "vlan_group") if one.fields.get(key)}
        fields = {"fields": "id,name,slug"}
        self.tenants = {row["slug"]: row for row in self.api.some("tenancy/tenants", "slug", tenants, fields, view("tenancy.tenant"))}
        self.groups = self._groups(groups)
        for kind, found, missing in (("tenant", self.tenants, tenants), ("VLAN group", self.groups, groups)):
            for name in sorted(missing - set(found)):
                raise self._missing(kind, name, f"make the {kind} there, or leave it out of what the mapping publishes")

    def _groups(self, slugs: Iterable[str]) -> dict[str, dict]:
        """The VLAN groups of these slugs that can be used in the site: other sites may have some of the same."""
        fields, here = {"fields": "id,name,slug,scope_type,scope_id"}, ("dcim.site", self.api.site_id)
        found = self.api.some("ipam/vlan-groups", "slug", slugs, fields, view("ipam.vlangroup"))
        own = {row["slug"]: row for row in found if (row["scope_type"], row["scope_id"]) == here}
        wider = {row["slug"] for row in found} - set(own)
        return own if not wider else {row["slug"]: row for row in Rest(self.api).groups() if row["slug"] in wider} | own

    def _vlan(self, vid: int | None, group: str | None) -> dict | None:
        """The VLAN of a number, in a group, or that can be used in the site."""
        if vid is None:
            return None
        key = (vid, group)
        if key not in self.vlans:
            where = {"group_id": [self.groups[group]["id"]]} if group else {"available_at_site": self.api.site_id}
            found = self.api.rows("ipam/vlans", {"vid": vid, **where, "fields": VLAN}, view("ipam.vlan"))
            if len(found) != 1:
                problem = f"VLAN {vid}{f' of group {group}' if group else ''}"
                raise self._missing(problem, "", "let the mapping publish vlan, or make it there") if not found else self._missing(
                    problem, f"{len(found)} times", "say which by its group")
            self.vlans[key] = found[0]
        return self.vlans[key]

    def _missing(self, kind: str, name: str, remedy: str) -> InvalidSource:
        return InvalidSource(f"it has no {kind} {name}".strip() if not name.endswith("times") else f"it has {kind} {name}", object=self.api.about,
                             attempted="publishing", remedy=remedy)

    # -- devices and interfaces

    def _devices(self, wanted: list[Publication]) -> list[Edit]:
        fields = {"fields": DEVICE, "exclude": "config_context", "site_id": self.api.site_id}
        rows = {str(row["id"]): row for row in self.api.some("dcim/devices", "id", {int(one.id) for one in wanted}, fields, view("dcim.device"))}
        edits = []
        for one in wanted:
            if one.id in rows:  # those that are gone have nothing to be told
                edits.append(edit("dcim/devices", "dcim.device", f"device {one.name}", rows[one.id], lambda row, one=one: self._device(row, one.fields)))
        return [one for one in edits if one]

    def _device(self, row: Mapping, fields: Mapping) -> list[Cell]:
        cells = []
        if "tenant" in fields:
            cells.append(self._tenant(row, fields["tenant"]))
        if "cluster" in fields:
            if CLUSTER not in row["custom_fields"]:
                raise InvalidSource(f"it has no custom field {CLUSTER} for devices", object=self.api.about, attempted="publishing clusters",
                                    remedy="run leasehold.cloud.source_setup once")
            cells.append(Cell("cluster", row["custom_fields"][CLUSTER] or None, fields["cluster"], "custom_fields", {CLUSTER: fields["cluster"]}))
        if fields.get("status"):
            cells.append(Cell("status", value(row["status"]), fields["status"], "status", fields["status"]))
        return cells

    def _tenant(self, row: Mapping, wanted: str | None) -> Cell:
        return Cell("tenant", slug(row["tenant"]), wanted, "tenant", self.tenants[wanted]["id"] if wanted else None)

    def _interfaces(self, wanted: list[Publication]) -> list[Edit]:
        names: dict[str, set[str]] = collections.defaultdict(set)
        for one in wanted:
            names[one.id].add(one.name)
        found = self.api.client.map(lambda device: self._named(int(device), names[device]), names)
        by = {(str(row["device"]["id"]), row["name"]): row for rows in found for row in rows}
        edits = []
        for one in wanted:
            row = by.get((one.id, one.name))
            if row is not None:
                title = f"interface {one.name} of {row['device']['name']}"
                edits.append(edit("dcim/interfaces", "dcim.interface", title, row, lambda row, one=one: self._interface(row, one.fields)))
        return [one for one in edits if one]

    def _named(self, device: int, names: Iterable[str]) -> list[dict]:
        return self.api.some("dcim/interfaces", "name", names, {"fields": INTERFACE, "device_id": [device]}, view("dcim.interface"))

    def _interface(self, row: Mapping, fields: Mapping) -> list[Cell]:
        """An interface's VLANs, and its mode, which NetBox needs for them."""
        group, cells = fields.get("vlan_group"), []
        untagged, tagged = row["untagged_vlan"] and row["untagged_vlan"]["vid"], {vlan["vid"]: vlan["id"] for vlan in row["tagged_vlans"]}
        if "vlan" in fields:
            vlan = self._vlan(fields["vlan"], group)
            cells.append(Cell("vlan", untagged, fields["vlan"], "untagged_vlan", vlan and vlan["id"]))
            untagged = fields["vlan"]
        if fields.get("vlans"):
            more = {vid: self._vlan(vid, group)["id"] for vid in fields["vlans"]}
            cells.append(Cell("vlans", sorted(tagged), sorted({*tagged, *more}), "tagged_vlans", sorted({*tagged.values(), *more.values()} - {None})))
            tagged |= more
        if any(cell.before != cell.after for cell in cells):
            mode = "tagged" if tagged else "access" if untagged else None
            cells.append(Cell("mode", value(row["mode"]) or None, mode, "mode", mode or ""))
        return cells

    # -- VLANs and prefixes

    def _own(self, kind: str, wanted: list[Publication]) -> list[Change]:
        """Those that have to be there: made or made to be so."""
        changes = []
        for one in wanted:
            if one.fields.get("status", "active") is None:
                continue
            row = self._own_row(kind, one)
            path, model = OWN[kind]
            if row is None:
                body = self._body(kind, one)
                if not self.check_mode:
                    row = self.writer.make(path, model, {**body, "tags": [{"slug": OURS}]})
                changes.append(Change("source", f"{kind} {one.name}", None, dict(one.fields)))
                self._keep(kind, one, row)
                continue
            found = edit(path, model, f"{kind} {one.name}", row, lambda row, one=one: self._own_cells(kind, row, one.fields))
            if found:
                changes += found.changes
                if not self.check_mode:
                    self.writer.write([found])
        return changes

    def _own_row(self, kind: str, one: Publication) -> dict | None:
        """The VLAN or prefix that a publication means."""
        if kind == "prefix":
            found = self.api.rows("ipam/prefixes", {"prefix": one.name, "site_id": [self.api.site_id], "fields": PREFIX}, view("ipam.prefix"))
        else:
            group = one.fields.get("group")
            where = {"group_id": [self.groups[group]["id"]]} if group else {"available_at_site": self.api.site_id}
            found = self.api.rows("ipam/vlans", {"vid": one.fields["vid"], **where, "fields": VLAN}, view("ipam.vlan"))
        found = sorted(found, key=lambda row: not _is_ours(row))
        return found[0] if found else None

    def _own_cells(self, kind: str, row: Mapping, fields: Mapping) -> list[Cell]:
        cells = [self._tenant(row, fields["tenant"])] if "tenant" in fields else []
        if fields.get("status"):
            cells.append(Cell("status", value(row["status"]), fields["status"], "status", fields["status"]))
        if kind == "prefix" and "vlan" in fields:
            vlan = self._vlan(fields["vlan"], fields.get("vlan_group"))
            cells.append(Cell("vlan", row["vlan"] and row["vlan"]["vid"], fields["vlan"], "vlan", vlan and vlan["id"]))
        return cells

    def _body(self, kind: str, one: Publication) -> dict:
        fields = one.fields
        body = {"status": fields.get("status") or "active", "tenant": self.tenants[fields["tenant"]]["id"] if fields.get("tenant") else None}
        if kind == "vlan":
            group = fields.get("group")
            return {**body, "name": one.name, "vid": fields["vid"], **({"group": self.groups[group]["id"]} if group else {"site": self.api.site_id})}
        vlan = self._vlan(fields.get("vlan"), fields.get("vlan_group"))
        scope = {"scope_type": "dcim.site", "scope_id": self.api.site_id} if self.api.version >= (4, 2) else {"site": self.api.site_id}
        return {**body, "prefix": one.name, "vlan": vlan and vlan["id"], "vrf": self._vrf(one.name), **scope}

    def _vrf(self, prefix: str) -> int | None:
        """The VRF of the site's prefix that a new one is cut out of; None: the global table."""
        around = self.api.rows("ipam/prefixes", {"contains": prefix, "site_id": [self.api.site_id], "fields": "id,prefix,vrf"}, view("ipam.prefix"))
        closest = max(around, key=lambda row: int(row["prefix"].rpartition("/")[2]), default={})
        return number(closest.get("vrf"))

    def _keep(self, kind: str, one: Publication, row: dict | None) -> None:
        """A VLAN that was just made (or would be) is the one that interfaces mean."""
        if kind == "vlan":
            for group in (one.fields.get("group"), None):
                self.vlans[one.fields["vid"], group] = row or {"id": None, "vid": one.fields["vid"]}

    def _removed(self, vlans: list[Publication], prefixes: list[Publication]) -> list[Change]:
        changes = []
        for kind, some in (("prefix", prefixes), ("vlan", vlans)):
            for one in some:
                row = self._own_row(kind, one) if one.fields.get("status", "active") is None else None
                if row is None:
                    continue
                if not _is_ours(row):
                    raise Refused(f"it has not the tag {OURS}, so somebody else made it", object=f"{kind} {one.name} in {self.api.about}",
                                  attempted="removing it", remedy="remove it there, or tag it")
                if not self.check_mode:
                    self.writer.remove(*OWN[kind], row)
                changes.append(Change("source", f"{kind} {one.name}", {"status": value(row["status"]), "tenant": slug(row["tenant"])}, None))
        return changes

    # -- journal entries

    def _journal(self, wanted: list[Publication]) -> list[Change]:
        path, model, numbers = "extras/journal-entries", "extras.journalentry", {int(one.id) for one in wanted}
        fields = {"assigned_object_type": "dcim.device", "q": OURS, "fields": "id,assigned_object_id,comments"}
        rows = self.api.some(path, "assigned_object_id", numbers, fields, view(model))
        new = [one for one in wanted if not any(str(row["assigned_object_id"]) == one.id and _key(one) in row["comments"] for row in rows)]
        if not self.check_mode:
            self.writer.make_all(path, model, [{
                "assigned_object_type": "dcim.device", "assigned_object_id": int(one.id), "kind": "info", "comments": f"{one.fields['comment']}\n\n{_key(one)}",
            } for one in new])
        return [Change("source", f"journal entry {one.name}", None, one.fields["comment"]) for one in new]


OWN = {"vlan": ("ipam/vlans", "ipam.vlan"), "prefix": ("ipam/prefixes", "ipam.prefix")}


def _key(one: Publication) -> str:
    """What tells a journal entry of ours again; not shown by NetBox."""
    return f"<!-- {OURS} {one.name} -->"


def _is_ours(row: Mapping) -> bool:
    return any(tag["slug"] == OURS for tag in row["tags"])
