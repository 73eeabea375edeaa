# SPDX-License-Identifier: GPL-3.0-or-later
"""How the fake NetBox changes: creations, updates and deletions with what they draw along, each in the change log."""

from __future__ import annotations

import datetime
import itertools
import uuid

from tests.netbox.models import MODELS, Model
from tests.netbox.store import Row, Rows, Store, pointed

PLAIN = {"mac": str.upper, "number": float}
LOGGED = set(MODELS) - {"extras.journalentry"}
OTHER = {"a_terminations": "A", "b_terminations": "B"}


class Refused(Exception):
    """A request that NetBox answers with an error: its status, and what it says."""

    def __init__(self, status: int, said):
        super().__init__(said)
        self.status, self.said = status, said


class Writer:
    """Changes a store."""

    def __init__(self, store: Store):
        self.store = store
        self.log: list[dict] = []
        self.numbers = itertools.count(1)
        self.now = datetime.datetime(2026, 11, 1, tzinfo=datetime.timezone.utc)
        self.request = str(uuid.UUID(int=0))
        self.logging = True

    def begin(self) -> None:
        """A new request: its changes have an id of their own."""
        self.request = str(uuid.uuid4())

    def create(self, model: Model, data: dict) -> Row:
        data = dict(data)
        custom = data.pop("custom_fields", {})
        message, ends, ports = data.pop("changelog_message", ""), self._ends(data), data.pop("rear_ports", ())
        fields = self._fields(model, data)
        missing = [name for name, field in model.fields.items() if field.required and fields.get(name) in (None, "")]
        if missing:
            raise Refused(400, {name: ["This field is required."] for name in missing})
        self._unique(model, fields, None)
        self._fitting(model, fields)
        values = {name: tuple(pointed(field.default)) if field.kind in ("many", "tags") else custom if name == "custom_field_data" else field.default
                  for name, field in model.fields.items()}
        row = self.store.put(model, {**values, **fields, "created": self._tick(), "last_updated": self.now})
        self._note("create", row, {}, self.snapshot(row), message)
        for mapping in ports:
            self._map(row, mapping)
        for side, things in ends.items():
            self._connect(row, side, things)
        return row

    def update(self, row: Row, data: dict) -> Row:
        data = dict(data)
        message, ends = data.pop("changelog_message", ""), self._ends(data)
        before = self.snapshot(row)
        custom = data.pop("custom_fields", None)
        fields = self._fields(row.model, data)
        if custom is not None:
            fields["custom_field_data"] = {name: value for name, value in {**row.custom_field_data, **custom}.items() if value not in (None, "")}
        self._unique(row.model, fields, row)
        self._fitting(row.model, {**row.values, **fields})
        self.store.set(row, {**fields, "last_updated": self._tick()})
        self._note("update", row, before, self.snapshot(row), message)
        for side, things in ends.items():
            for end in [end for end in row.terminations if end.cable_end == side]:
                self.delete(end)
            self._connect(row, side, things)
        return row

    def delete(self, row: Row) -> None:
        """A row, those that go with it, and no more mention of it."""
        if row.id not in self.store.rows[row.model.type]:
            return
        before = self.snapshot(row)
        for type_, model in MODELS.items():
            for name, field in model.fields.items():
                if field.kind in ("fk", "any", "many", "tags"):
                    for holder in self.store.holding(type_, name, row):
                        self._without(holder, name, row)
        if row.model.type == "dcim.cabletermination":
            self._clear(row.termination)
        self.store.drop(row)
        self._note("delete", row, before, {}, "")

    def snapshot(self, row: Row) -> dict:
        """What the change log holds of a row: raw values, numbers for what it points to, tags by name."""
        found: dict = {}
        for name, field in row.model.fields.items():
            value = row.values[name]
            if name == "custom_field_data":
                found["custom_fields"] = dict(value)
            elif field.kind == "tags":
                found[name] = sorted(str(tag) for tag in value)
            elif field.kind == "many":
                found[name] = [one.id for one in value]
            elif field.kind == "any":
                found[f"{name}_type"], found[f"{name}_id"] = (value.model.number, value.id) if value is not None else (None, None)
            else:
                found[name] = value.id if isinstance(value, Row) else value
        return found

    def _without(self, holder: Row, name: str, row: Row) -> None:
        field = holder.model.fields[name]
        if holder.id not in self.store.rows[holder.model.type]:
            return
        if field.cascade:
            self.delete(holder)
        elif field.kind in ("many", "tags"):
            self._rewrite(holder, {name: tuple(one for one in holder.values[name] if one is not row)}, logged=field.kind == "many")
        elif field.required:
            raise Refused(409, {"detail": f"Unable to delete object. 1 dependent objects were found: {holder} ({holder.id})"})
        else:
            self._rewrite(holder, {name: None}, logged=name not in ("cable",))

    def _rewrite(self, row: Row, values: dict, logged: bool = True) -> None:
        before = self.snapshot(row)
        self.store.set(row, {**values, "last_updated": self._tick()})
        if logged:
            self._note("update", row, before, self.snapshot(row), "")

    def _ends(self, data: dict) -> dict[str, list[Row]]:
        return {side: [self._any(end["object_type"], end["object_id"]) for end in data.pop(name)] for name, side in OTHER.items() if name in data}

    def _connect(self, cable: Row, side: str, things: list[Row]) -> None:
        for thing in things:
            if thing.cable is not None:
                raise Refused(400, {"__all__": [f"Duplicate termination found for {thing}: cable {thing.cable.id}"]})
            end = self.store.put(MODELS["dcim.cabletermination"], {
                "cable": cable, "cable_end": side, "termination": thing, "created": self._tick(), "last_updated": self.now})
            self._note("create", end, {}, self.snapshot(end), "")
            self._rewrite(thing, {"cable": cable, "cable_end": side})

    def _clear(self, thing: Row) -> None:
        if thing.id in self.store.rows[thing.model.type]:
            self.store.set(thing, {"cable": None, "cable_end": None})

    def _map(self, front: Row, mapping: dict) -> None:
        rear = self._any("dcim.rearport", mapping["rear_port"])
        row = self.store.put(MODELS["dcim.portmapping"], {
            "device": front.device, "front_port": front, "rear_port": rear, "front_port_position": mapping["position"],
            "rear_port_position": mapping["rear_port_position"], "created": self._tick(), "last_updated": self.now})
        self._note("create", row, {}, self.snapshot(row), "")

    def _fields(self, model: Model, data: dict) -> dict:
        """What REST was given, as values of fields."""
        found = {}
        for name in [name for name, field in model.fields.items() if field.kind == "any"]:
            if f"{name}_type" in data or f"{name}_id" in data:
                type_, number = data.pop(f"{name}_type", None), data.pop(f"{name}_id", None)
                found[name] = self._any(type_, number) if type_ and number else None
        for name, value in data.items():
            field = model.fields.get(name)
            if field is None:
                raise Refused(400, {name: ["the fake knows no such field"]})
            if field.kind == "fk":
                found[name] = self._one(field.to, value)
            elif field.kind in ("many", "tags"):
                found[name] = tuple(self._one(field.to or "extras.tag", one) for one in value or ())
            else:
                found[name] = PLAIN[field.kind](value) if field.kind in PLAIN and value is not None else value
        return found

    def _one(self, type_: str, value) -> Row | None:
        if value is None:
            return None
        wanted = value if isinstance(value, dict) else {"id": value}
        for row in self.store.rows[type_].values():
            if all(row.values.get(name) == one for name, one in wanted.items()):
                return row
        raise Refused(400, {"detail": f"Related object not found using the provided attributes: {wanted}"})

    def _any(self, type_: str, number: int) -> Row:
        row = self.store.rows.get(type_, {}).get(number)
        if row is None:
            raise Refused(400, {"detail": f"Related object not found: {type_} {number}"})
        return row

    def _unique(self, model: Model, fields: dict, mine: Row | None) -> None:
        for name in {"slug", "name"}.intersection(fields) if model.type in ("dcim.site", "extras.tag", "extras.customfield", "tenancy.tenant") else ():
            if any(row.values[name] == fields[name] and row is not mine for row in self.store.rows[model.type].values()):
                raise Refused(400, {name: [f"{model.type.partition('.')[2]} with this {name} already exists."]})

    @staticmethod
    def _fitting(model: Model, values: dict) -> None:
        """What NetBox refuses of an interface's VLANs."""
        if model.type == "dcim.interface" and values.get("untagged_vlan") is not None and not values.get("mode"):
            raise Refused(400, {"untagged_vlan": ["Interface mode does not support untagged vlan"]})
        if model.type == "dcim.interface" and values.get("tagged_vlans") and values.get("mode") != "tagged":
            raise Refused(400, {"tagged_vlans": ["Interface mode does not support tagged vlans"]})

    def _tick(self) -> datetime.datetime:
        self.now += datetime.timedelta(milliseconds=1)
        return self.now

    def _note(self, action: str, row: Row, before: dict, after: dict, message: str) -> None:
        if not self.logging or row.model.type not in LOGGED:
            return
        self.log.append({
            "id": next(self.numbers), "time": stamp(self._tick()), "request_id": self.request, "action": {"value": action, "label": f"{action.title()}d"},
            "changed_object_type": row.model.type, "changed_object_id": row.id, "message": message, "prechange_data": before, "postchange_data": after,
        })


def stamp(time: datetime.datetime) -> str:
    return time.isoformat(timespec="microseconds").replace("+00:00", "Z")


def rows_of(store: Store, model: Model) -> Rows:
    return Rows(store, model, store.rows[model.type].values())
