# Copyright: (c) 2026, leasehold.cloud contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the ledger says, published in Nautobot: on devices and interfaces that are there, and as VLANs and prefixes of our own (by tag). Journal
entries are notes."""

from __future__ import annotations

import collections
from collections.abc import Iterable, Mapping

from ansible_collections.leasehold.cloud.plugins.module_utils.core.changes import Change
from ansible_collections.leasehold.cloud.plugins.module_utils.core.errors import InvalidSource, Refused
from ansible_collections.leasehold.cloud.plugins.module_utils.core.records import slug
from ansible_collections.leasehold.cloud.plugins.module_utils.sources.nautobot.api import LINE, Api, chunks
from ansible_collections.leasehold.cloud.plugins.module_utils.sources.nautobot.edits import Writer
from ansible_collections.leasehold.cloud.plugins.module_utils.sources.nautobot.setup import CLUSTER
from ansible_collections.leasehold.cloud.plugins.module_utils.sources.netbox.edits import Cell, Edit, edit
from ansible_collections.leasehold.cloud.plugins.module_utils.sources.protocol import Publication

OURS = "leasehold"  # the tag of VLANs and prefixes that we made: no other is removed
OWN = {"vlan": ("ipam/vlans", "ipam.vlan"), "prefix": ("ipam/prefixes", "ipam.prefix")}
NOTES = ("extras/notes", "extras.note")
NAMESPACE = "Global"


class Publish:
    """One publication of several objects: VLANs and prefixes first, for interfaces need them; what is removed goes last."""

    def __init__(self, api: Api, check_mode: bool):
        self.api, self.check_mode = api, check_mode
        self.writer = Writer(api)
        self._known: dict[str, dict[str, str]] = {}  # by list: ids by slug, and slugs by id
        self._vlans: dict[tuple[int, str | None], dict] = {}

    def run(self, wanted: Iterable[Publication]) -> list[Change]:
        """Make it so, and say what differed.

        :raises InvalidSource: it names a tenant, status, VLAN group or VLAN that Nautobot does not have.
        :raises SourceConflict: somebody changed the same field at the same time.
        """
        by: dict[str, list[Publication]] = collections.defaultdict(list)
        for one in wanted:
            by[one.kind].append(one)
        changes = self._own("vlan", by["vlan"]) + self._own("prefix", by["prefix"])
        edits = self._devices(by["device"]) + self._interfaces(by["interface"])
        if not self.check_mode:
            self.writer.write(edits)
        changes += [change for one in edits for change in one.changes]
        return changes + self._notes(by["journal"]) + self._removed(by["vlan"], by["prefix"])

    # -- what publications name

    def _id(self, path: str, kind: str, wanted: str | None) -> str | None:
        """The id of what has a name that makes this slug.

        :raises InvalidSource: there is none.
        """
        if wanted is None:
            return None
        found = self._names(path).get(slug(wanted))
        if found is None:
            raise InvalidSource(f"it has no {kind} {wanted}", object=self.api.about, attempted="publishing",
                                remedy=f"make the {kind} there, or leave it out of what the mapping publishes")
        return found

    def _slug(self, path: str, row: Mapping | None) -> str | None:
        """The slug of what a row refers to by its id."""
        return self._names(path).get(f"id {row['id']}", row["id"]) if row else None

    def _names(self, path: str) -> dict[str, str]:
        if path not in self._known:
            rows = self.api.rows(path, {}, path.replace("/", ".").removesuffix("es" if path.endswith("ses") else "s"))
            self._known[path] = {slug(row["name"]): row["id"] for row in rows} | {f"id {row['id']}": slug(row["name"]) for row in rows}
        return self._known[path]

    def _vlan(self, vid: int | None, group: str | None) -> dict | None:
        """The VLAN of a number, in a group, or that can be used in the site."""
        if vid is None:
            return None
        if (vid, group) not in self._vlans:
            found = self._vlans_of(vid, group)
            if len(found) != 1:
                what = f"VLAN {vid}{f' of group {group}' if group else ''}"
                raise InvalidSource(f"it has {what} {len(found)} times" if found else f"it has no {what}", object=self.api.about, attempted="publishing",
                                    remedy="say which by its group" if found else "let the mapping publish vlan, or make it there")
            self._vlans[vid, group] = found[0]
        return self._vlans[vid, group]

    def _vlans_of(self, vid: int, group: str | None) -> list[dict]:
        if group:
            return self.api.rows("ipam/vlans", {"vid": vid, "vlan_group": self._id("ipam/vlan-groups", "VLAN group", group)}, "ipam.vlan")
        here = self.api.rows("ipam/vlans", {"vid": vid, "locations": self.api.site["id"]}, "ipam.vlan")
        return here or self.api.rows("ipam/vlans", {"vid": vid, "locations": "null"}, "ipam.vlan")

    # -- devices and interfaces

    def _devices(self, wanted: list[Publication]) -> list[Edit]:
        rows = {row["id"]: row for row in self.writer.rows("dcim/devices", "dcim.device", {one.id for one in wanted})}
        edits = [edit("dcim/devices", "dcim.device", f"device {one.name}", rows[one.id], lambda row, one=one: self._device(row, one.fields))
                 for one in wanted if one.id in rows]  # those that are gone have nothing to be told
        return [one for one in edits if one]

    def _device(self, row: Mapping, fields: Mapping) -> list[Cell]:
        cells = [self._tenant(row, fields["tenant"])] if "tenant" in fields else []
        if "cluster" in fields:
            if CLUSTER not in row["custom_fields"]:
                raise InvalidSource(f"it has no custom field {CLUSTER} for devices", object=self.api.about, attempted="publishing clusters",
                                    remedy="run leasehold.cloud.source_setup once")
            cells.append(Cell("cluster", row["custom_fields"][CLUSTER] or None, fields["cluster"], "custom_fields", {CLUSTER: fields["cluster"]}))
        return cells + self._status(row, fields)

    def _tenant(self, row: Mapping, wanted: str | None) -> Cell:
        wanted = wanted and slug(wanted)
        return Cell("tenant", self._slug("tenancy/tenants", row["tenant"]), wanted, "tenant", self._id("tenancy/tenants", "tenant", wanted))

    def _status(self, row: Mapping, fields: Mapping) -> list[Cell]:
        if not fields.get("status"):
            return []
        id = self._id("extras/statuses", "status", fields["status"])
        return [Cell("status", self._slug("extras/statuses", row["status"]), slug(fields["status"]), "status", id)]

    def _interfaces(self, wanted: list[Publication]) -> list[Edit]:
        devices, names = sorted({one.id for one in wanted}), {(one.id, one.name) for one in wanted}
        parts = self.api.client.map(lambda part: self.api.rows("dcim/interfaces", {"device_id": part}, "dcim.interface", lean=False), chunks(devices, 10))
        rows = {(row["device"]["id"], row["name"]): row for part in parts for row in part if (row["device"]["id"], row["name"]) in names}
        edits = []
        for one in wanted:
            row = rows.get((one.id, one.name))
            if row:
                edits.append(edit("dcim/interfaces", "dcim.interface", f"interface {one.name} of device {one.id}", row,
                                  lambda row, one=one: self._interface(row, one.fields)))
        return [one for one in edits if one]

    def _interface(self, row: Mapping, fields: Mapping) -> list[Cell]:
        """An interface's VLANs, and its mode, which Nautobot needs for them."""
        group, cells = fields.get("vlan_group"), []
        untagged, tagged = row["untagged_vlan"] and row["untagged_vlan"]["id"], {vlan["id"] for vlan in row.get("tagged_vlans") or ()}
        if "vlan" in fields:
            vlan = self._vlan(fields["vlan"], group)
            cells.append(Cell("vlan", self._vid(untagged), fields["vlan"], "untagged_vlan", vlan and vlan["id"]))
            untagged = vlan and vlan["id"]
        if fields.get("vlans"):
            more = {self._vlan(vid, group)["id"] for vid in fields["vlans"]}
            cells.append(Cell("vlans", sorted(map(self._vid, tagged)), sorted(map(self._vid, tagged | more)), "tagged_vlans", sorted(tagged | more)))
            tagged |= more
        if any(cell.before != cell.after for cell in cells):
            mode = "tagged" if tagged else "access" if untagged else None
            cells.append(Cell("mode", row["mode"] and row["mode"]["value"] or None, mode, "mode", mode or ""))
        return cells

    def _vid(self, id: str | None) -> int | None:
        """The number of a VLAN by its id."""
        known = {vlan["id"]: vlan["vid"] for vlan in self._vlans.values()}
        if id is not None and id not in known:
            vlan = self.api.get(f"ipam/vlans/{id}", needs="view on ipam.vlan").json()
            self._vlans[vlan["vid"], id] = vlan
            return vlan["vid"]
        return known.get(id)

    # -- VLANs and prefixes

    def _own(self, kind: str, wanted: list[Publication]) -> list[Change]:
        """Those that have to be there: made or made to be so."""
        changes, (path, model) = [], OWN[kind]
        for one in wanted:
            if one.fields.get("status", "active") is None:
                continue
            row = self._own_row(kind, one)
            if row is None:
                body = self._body(kind, one)
                row = body | {"id": None} if self.check_mode else self.writer.make(path, model, body)
                changes.append(Change("source", f"{kind} {one.name}", None, dict(one.fields)))
                if kind == "vlan":  # this is the one that interfaces mean
                    self._vlans[one.fields["vid"], one.fields.get("group")] = self._vlans[one.fields["vid"], None] = row
                continue
            found = edit(path, model, f"{kind} {one.name}", row, lambda row, one=one: self._own_cells(kind, row, one.fields))
            if found:
                changes += found.changes
                if not self.check_mode:
                    self.writer.write([found])
        return changes

    def _own_row(self, kind: str, one: Publication) -> dict | None:
        """The VLAN or prefix that a publication means: ours, if there are several."""
        if kind == "vlan":
            found = self._vlans_of(one.fields["vid"], one.fields.get("group"))
        else:
            found = self.api.rows("ipam/prefixes", {"prefix": one.name, "locations": self.api.site["id"]}, "ipam.prefix")
        found = [self.api.get(f"{OWN[kind][0]}/{row['id']}", {"depth": 1}, f"view on {OWN[kind][1]}").json() for row in found]
        found.sort(key=lambda row: not _is_ours(row))
        return found[0] if found else None

    def _own_cells(self, kind: str, row: Mapping, fields: Mapping) -> list[Cell]:
        cells = ([self._tenant(row, fields["tenant"])] if "tenant" in fields else []) + self._status(row, fields)
        if kind == "prefix" and "vlan" in fields:
            vlan = self._vlan(fields["vlan"], fields.get("vlan_group"))
            cells.append(Cell("vlan", self._vid(row["vlan"] and row["vlan"]["id"]), fields["vlan"], "vlan", vlan and vlan["id"]))
        return cells

    def _body(self, kind: str, one: Publication) -> dict:
        fields = one.fields
        body = {
            "status": self._id("extras/statuses", "status", fields.get("status") or "active"), "locations": [self.api.site["id"]],
            "tenant": self._id("tenancy/tenants", "tenant", fields.get("tenant")), "tags": [self._id("extras/tags", "tag", OURS)],
        }
        if kind == "vlan":
            return {**body, "name": one.name, "vid": fields["vid"], "vlan_group": self._id("ipam/vlan-groups", "VLAN group", fields.get("group"))}
        vlan = self._vlan(fields.get("vlan"), fields.get("vlan_group"))
        return {**body, "prefix": one.name, "type": "network", "namespace": {"name": NAMESPACE}, "vlan": vlan and vlan["id"]}

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
                tenant = self._slug("tenancy/tenants", row["tenant"])
                changes.append(Change("source", f"{kind} {one.name}", {"status": self._slug("extras/statuses", row["status"]), "tenant": tenant}, None))
        return changes

    # -- notes

    def _notes(self, wanted: list[Publication]) -> list[Change]:
        parts = self.api.client.map(lambda part: self.api.rows(NOTES[0], {"assigned_object_id": part}, NOTES[1]), chunks({one.id for one in wanted}, LINE))
        there = {(row["assigned_object_id"], line) for part in parts for row in part for line in row["note"].splitlines()}
        changes = []
        for one in wanted:
            if (one.id, _key(one)) in there:
                continue
            if not self.check_mode:
                self.writer.make(
                    *NOTES, {"assigned_object_type": "dcim.device", "assigned_object_id": one.id, "note": f"{one.fields['comment']}\n\n{_key(one)}"})
            changes.append(Change("source", f"note {one.name}", None, one.fields["comment"]))
        return changes


def _key(one: Publication) -> str:
    """The last line of a note, by which it is known again; Nautobot does not show it."""
    return f"<!-- {OURS} {one.name} -->"


def _is_ours(row: Mapping) -> bool:
    """Of a row with its tags in full."""
    return any(tag.get("name") == OURS for tag in row["tags"])
