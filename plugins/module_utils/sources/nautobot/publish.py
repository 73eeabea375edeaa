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
from ansible_collections.leasehold.cloud.plugins.module_utils.sources.nautobot.api import LINE, Api, chunks, literal
from ansible_collections.leasehold.cloud.plugins.module_utils.sources.nautobot.edits import Writer
from ansible_collections.leasehold.cloud.plugins.module_utils.sources.nautobot.setup import CLUSTER
from ansible_collections.leasehold.cloud.plugins.module_utils.sources.nautobot.vlans import Vlans
from ansible_collections.leasehold.cloud.plugins.module_utils.sources.netbox.edits import Cell, Edit, edit
from ansible_collections.leasehold.cloud.plugins.module_utils.sources.protocol import Publication

OURS = "leasehold"  # the tag of VLANs and prefixes that we made: no other is removed
OWN = {"vlan": ("ipam/vlans", "ipam.vlan"), "prefix": ("ipam/prefixes", "ipam.prefix")}
NOTES = ("extras/notes", "extras.note")
NAMESPACE = "Global"
TRUNKS = "tagged", "tagged-all"  # modes that stay when the untagged VLAN changes
SWITCHES, PORTS = 5, 60  # names of ports, and devices that may have them, that one request's line asks for


class Publish:
    """One publication of several objects: VLANs and prefixes first, for interfaces need them; what is removed goes last."""

    def __init__(self, api: Api, check_mode: bool):
        self.api, self.check_mode = api, check_mode
        self.writer = Writer(api)
        self._known: dict[str, dict[str, str]] = {}  # by list: ids by slug, and slugs by id
        self._vlans = Vlans(api, lambda group: self._id("ipam/vlan-groups", "VLAN group", group))
        self._prefixes: dict[str, list[dict]] = collections.defaultdict(list)

    def run(self, wanted: Iterable[Publication]) -> list[Change]:
        """Make it so, and say what differed.

        :raises InvalidSource: it names a tenant, status, VLAN group or VLAN that Nautobot does not have.
        :raises SourceConflict: somebody changed the same field at the same time.
        """
        by: dict[str, list[Publication]] = collections.defaultdict(list)
        for one in wanted:
            by[one.kind].append(one)
        self._look_up([one for some in by.values() for one in some])
        changes = self._own("vlan", by["vlan"]) + self._own("prefix", by["prefix"])
        edits = self._devices(by["device"]) + self._interfaces(by["interface"])
        if not self.check_mode:
            self.writer.write(edits)
        changes += [change for one in edits for change in one.changes]
        return changes + self._notes(by["journal"]) + self._removed(by["vlan"], by["prefix"])

    # -- what publications name

    def _look_up(self, wanted: list[Publication]) -> None:
        """The VLANs and prefixes that are meant, all at once."""
        fields = [one.fields for one in wanted]
        numbers = {each[key] for each in fields for key in ("vid", "vlan") if each.get(key)}.union(*(each.get("vlans") or () for each in fields))
        if numbers:
            self._vlans.look_up(numbers, {each[key] for each in fields for key in ("group", "vlan_group") if each.get(key)})
        names = {one.name for one in wanted if one.kind == "prefix"}
        for rows in self.api.client.map(self._prefixes_of, chunks(names, LINE)):
            for row in rows:
                self._prefixes[row["prefix"]].append(row)

    def _prefixes_of(self, names: list[str]) -> list[dict]:
        return self.api.rows("ipam/prefixes", {"prefix": names, "locations": self.api.site["id"]}, "ipam.prefix", lean=False)

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
        rows = self._ports(wanted)
        pairs = [(one, rows[one.id, one.name]) for one in wanted if (one.id, one.name) in rows]
        differ = [(one, row["id"]) for one, row in pairs if one.fields.get("vlans") or any(
            cell.before != cell.after for cell in self._interface(row, one.fields))]
        full = {row["id"]: row for row in self.writer.rows("dcim/interfaces", "dcim.interface", {id for _one, id in differ})}
        names = self._device_names({one.id for one, _id in differ})
        edits = [edit("dcim/interfaces", "dcim.interface", f"interface {one.name} of {names.get(one.id, one.id)}", full[id],
                      lambda row, one=one: self._interface(row, one.fields)) for one, id in differ if id in full]
        return [one for one in edits if one]

    def _ports(self, wanted: list[Publication]) -> dict[tuple[str, str], dict]:
        """The interfaces that are meant, by device and name, without what they have several of."""
        names: dict[str, set[str]] = collections.defaultdict(set)
        for one in wanted:
            names[one.id].add(one.name)
        asked = [(devices, ports) for devices in chunks(names, SWITCHES) for ports in chunks(set().union(*(names[id] for id in devices)), PORTS)]
        parts = self.api.client.map(
            lambda part: self.api.rows("dcim/interfaces", {"device_id": part[0], "name": part[1]}, "dcim.interface"), asked)
        return {(row["device"]["id"], row["name"]): row for rows in parts for row in rows}

    def _device_names(self, ids: Iterable[str]) -> dict[str, str]:
        found = self.api.client.map(lambda part: self.api.query(f"{{devices(id: {literal(part)}){{id name}}}}")["devices"], chunks(ids, 500))
        return {row["id"]: row["name"] for rows in found for row in rows}

    def _interface(self, row: Mapping, fields: Mapping) -> list[Cell]:
        """An interface's VLANs, and its mode, which Nautobot needs for them."""
        group, cells = fields.get("vlan_group"), []
        untagged, tagged = row["untagged_vlan"] and row["untagged_vlan"]["id"], {vlan["id"] for vlan in row.get("tagged_vlans") or ()}
        if "vlan" in fields:
            vlan = self._vlans.one(fields["vlan"], group)
            cells.append(Cell("vlan", self._vlans.number(untagged), fields["vlan"], "untagged_vlan", vlan and vlan["id"]))
            untagged = fields["vlan"]
        if fields.get("vlans"):
            more, before = {vid: self._vlans.one(vid, group)["id"] for vid in fields["vlans"]}, set(map(self._vlans.number, tagged))
            tagged = {*tagged, *more.values()}
            cells.append(Cell("vlans", sorted(before), sorted({*before, *more}), "tagged_vlans", sorted(tagged - {None})))
        if any(cell.before != cell.after for cell in cells):
            mode = row["mode"] and row["mode"]["value"] or None
            wanted = "tagged" if tagged else mode if mode in TRUNKS else "access" if untagged else None
            cells.append(Cell("mode", mode, wanted, "mode", wanted or ""))
        return cells

    # -- VLANs and prefixes

    def _own(self, kind: str, wanted: list[Publication]) -> list[Change]:
        """Those that have to be there: made or made to be so.

        :raises Refused: one is there that somebody else made, and says something else.
        """
        (path, model), new, edits, changes = OWN[kind], [], [], []
        for one in wanted:
            if one.fields.get("status", "active") is None:
                continue
            row = self._own_row(kind, one)
            if row is None:
                new.append(one)
                changes.append(Change("source", f"{kind} {one.name}", None, dict(one.fields)))
                continue
            found = edit(path, model, f"{kind} {one.name}", row, lambda row, one=one: self._own_cells(kind, row, one.fields))
            if found and not self._is_ours(row):
                raise self._strange(kind, one, "publishing", f"see whose it is: a cluster holds it. If it may be ours, give it the tag {OURS}")
            edits += [found] if found else []
            changes += found.changes if found else []
        bodies = [self._body(kind, one) for one in new]
        rows = [body | {"id": None} for body in bodies] if self.check_mode else self.writer.make_all(path, model, bodies)
        for one, row in zip(new, rows, strict=True):
            if kind == "vlan":  # this is the one that interfaces mean
                self._vlans.add(one.fields["vid"], one.fields.get("group"), row)
        if edits and not self.check_mode:
            self.writer.write(edits)
        return changes

    def _own_row(self, kind: str, one: Publication) -> dict | None:
        """The VLAN or prefix that a publication means: ours, if there are several."""
        found = self._vlans.of(one.fields["vid"], one.fields.get("group")) if kind == "vlan" else self._prefixes.get(one.name, ())
        return min(found, key=lambda row: not self._is_ours(row), default=None)

    def _is_ours(self, row: Mapping) -> bool:
        """Of a row with its tags."""
        return self._names("extras/tags").get(OURS, "none") in {tag["id"] for tag in row["tags"]}

    def _strange(self, kind: str, one: Publication, attempted: str, remedy: str) -> Refused:
        return Refused(f"it has not the tag {OURS}, so somebody else made it", object=f"{kind} {one.name} in {self.api.about}",
                       attempted=attempted, remedy=remedy)

    def _own_cells(self, kind: str, row: Mapping, fields: Mapping) -> list[Cell]:
        cells = ([self._tenant(row, fields["tenant"])] if "tenant" in fields else []) + self._status(row, fields)
        if kind == "prefix" and "vlan" in fields:
            vlan = self._vlans.one(fields["vlan"], fields.get("vlan_group"))
            cells.append(Cell("vlan", self._vlans.number(row["vlan"] and row["vlan"]["id"]), fields["vlan"], "vlan", vlan and vlan["id"]))
        return cells

    def _body(self, kind: str, one: Publication) -> dict:
        fields = one.fields
        body = {
            "status": self._id("extras/statuses", "status", fields.get("status") or "active"), "location": self.api.site["id"],
            "tenant": self._id("tenancy/tenants", "tenant", fields.get("tenant")), "tags": [self._id("extras/tags", "tag", OURS)],
        }
        if kind == "vlan":
            return {**body, "name": one.name, "vid": fields["vid"], "vlan_group": self._id("ipam/vlan-groups", "VLAN group", fields.get("group"))}
        vlan = self._vlans.one(fields.get("vlan"), fields.get("vlan_group"))
        return {**body, "prefix": one.name, "type": "network", "namespace": {"name": NAMESPACE}, "vlan": vlan and vlan["id"]}

    def _removed(self, vlans: list[Publication], prefixes: list[Publication]) -> list[Change]:
        changes = []
        for kind, some in (("prefix", prefixes), ("vlan", vlans)):
            rows = []
            for one in some:
                row = self._own_row(kind, one) if one.fields.get("status", "active") is None else None
                if row is None:
                    continue
                if not self._is_ours(row):
                    raise self._strange(kind, one, "removing it", "remove it there, or tag it")
                rows.append(row)
                tenant = self._slug("tenancy/tenants", row["tenant"])
                changes.append(Change("source", f"{kind} {one.name}", {"status": self._slug("extras/statuses", row["status"]), "tenant": tenant}, None))
            if not self.check_mode:
                self.writer.remove_all(*OWN[kind], rows)
        return changes

    # -- notes

    def _notes(self, wanted: list[Publication]) -> list[Change]:
        parts = self.api.client.map(lambda part: self.api.rows(NOTES[0], {"assigned_object_id": part}, NOTES[1]), chunks({one.id for one in wanted}, LINE))
        there = {(row["assigned_object_id"], line) for part in parts for row in part for line in row["note"].splitlines()}
        new = [one for one in wanted if (one.id, _key(one)) not in there]
        if not self.check_mode:
            self.writer.make_all(*NOTES, [
                {"assigned_object_type": "dcim.device", "assigned_object_id": one.id, "note": f"{one.fields['comment']}\n\n{_key(one)}"} for one in new])
        return [Change("source", f"note {one.name}", None, one.fields["comment"]) for one in new]


def _key(one: Publication) -> str:
    """The last line of a note, by which it is known again; Nautobot does not show it."""
    return f"<!-- {OURS} {one.name} -->"
