# SPDX-License-Identifier: GPL-3.0-or-later
"""What the fake NetBox has: rows, and the part of Django's querysets that export templates use, with the same names."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Iterator
from types import SimpleNamespace

from tests.netbox.models import MODELS, Model

ISNULL, IN = "isnull", "in"


class Row:
    """One object. Attributes are those of NetBox's models, relations included."""

    def __init__(self, store: Store, model: Model, values: dict):
        self.store, self.model, self.values = store, model, values

    def __getattr__(self, name: str):
        if name.startswith("__"):
            raise AttributeError(name)
        values = self.__dict__["values"]
        if name in values:
            return values[name]
        if name in COMPUTED:
            return COMPUTED[name](self)
        if name.endswith("_id") and name[:-3] in values:
            held = values[name[:-3]]
            return held.id if held is not None else None
        other = self.store.back.get((self.model.type, name)) or self.store.back.get((None, name))
        if other is None:
            raise AttributeError(f"{self.model.type} has no {name}")
        type_, field = other
        return Rows(self.store, MODELS[type_], self.store.holding(type_, field, self))

    def __str__(self) -> str:
        return str(self.values.get("name") or self.values.get("model") or self.values.get("prefix") or self.values.get("address") or self.values["id"])

    def __repr__(self) -> str:
        return f"<{self.model.type} {self}>"


class Handle:
    """A model as templates see it: C(queryset.model)."""

    def __init__(self, store: Store, model: Model):
        self._store, self._model = store, model

    @property
    def objects(self) -> Rows:
        return Rows(self._store, self._model, self._store.rows[self._model.type].values())

    def __getattr__(self, name: str):
        field = self._model.fields.get(name)
        if field is not None:
            return SimpleNamespace(field=SimpleNamespace(related_model=Handle(self._store, MODELS[field.to]) if field.to else None))
        if name == "scope_id" and "scope" in self._model.fields:
            return SimpleNamespace()
        other = self._store.back.get((self._model.type, name))
        if other is None:
            raise AttributeError(name)
        return SimpleNamespace(rel=SimpleNamespace(related_model=Handle(self._store, MODELS[other[0]])))


class Rows:
    """A queryset: immutable, in order."""

    def __init__(self, store: Store, model: Model, rows: Iterable, columns: tuple = (), flat: bool = False):
        self.store, self._model, self._rows, self._columns, self._flat = store, model, list(rows), columns, flat

    @property
    def model(self) -> Handle:
        return Handle(self.store, self._model)

    def __iter__(self) -> Iterator:
        if not self._columns:
            return iter(self._rows)
        tuples = [tuple_ for row in self._rows for tuple_ in joined(row, self._columns)]
        return iter([tuple_[0] for tuple_ in tuples] if self._flat else tuples)

    def __len__(self) -> int:
        return len(list(iter(self)))

    def all(self) -> Rows:
        return self

    def first(self):
        return next(iter(self), None)

    def order_by(self, *names: str) -> Rows:
        """By one column, numbers; with none: as it comes."""
        rows = sorted(self._rows, key=lambda row: next(iter(resolve(row, names[0])), 0) or 0) if names else self._rows
        return Rows(self.store, self._model, rows, self._columns, self._flat)

    def filter(self, **terms) -> Rows:
        rows = [row for row in self._rows if all(matches(row, name, value) for name, value in terms.items())]
        return Rows(self.store, self._model, rows, self._columns, self._flat)

    def distinct(self) -> Rows:
        return self  # rows are held once; what joins double, templates read twice without harm

    def values_list(self, *columns: str, flat: bool = False) -> Rows:
        return Rows(self.store, self._model, self._rows, columns, flat)

    def values(self, column: str) -> Rows:
        return self.values_list(column, flat=True)

    def get_for_site(self, site: Row) -> Rows:
        """VLANs that are available at a site, as NetBox's manager of VLANs has it."""
        scopes = {id(scope) for scope in (site, *ancestors(site.region), *ancestors(site.group))}

        def here(vlan: Row) -> bool:
            if vlan.site is site or (vlan.group and vlan.group.scope and id(vlan.group.scope) in scopes):
                return True
            return vlan.site is None and (vlan.group is None or vlan.group.scope is None)
        return Rows(self.store, self._model, filter(here, self._rows))


class Store:
    """All rows, by type and number."""

    def __init__(self) -> None:
        self.rows: dict[str, dict[int, Row]] = {type_: {} for type_ in MODELS}
        self.numbers = {type_: itertools.count(1) for type_ in MODELS}
        self.held: dict[tuple, dict[int, Row]] = {}  # (type, field, held type, held number): who holds it
        self.back: dict[tuple[str | None, str], tuple[str, str]] = {("dcim.interface", "ip_addresses"): ("ipam.ipaddress", "assigned_object")}
        for type_, model in MODELS.items():
            for name, field in model.fields.items():
                if field.back:
                    self.back[field.to, field.back] = (type_, name)

    def put(self, model: Model, values: dict) -> Row:
        """A new row."""
        row = Row(self, model, {**values, "id": next(self.numbers[model.type])})
        self.rows[model.type][row.id] = row
        self._hold(row, values)
        return row

    def set(self, row: Row, values: dict) -> None:
        """Other values for some of its fields."""
        self._let_go(row, values)
        row.values.update(values)
        self._hold(row, values)

    def drop(self, row: Row) -> None:
        self._let_go(row, row.values)
        del self.rows[row.model.type][row.id]

    def holding(self, type_: str, field: str, held: Row) -> list[Row]:
        """The rows whose field is, or has, ``held``, in order."""
        found = self.held.get((type_, field, held.model.type, held.id), {})
        return [found[number] for number in sorted(found)]

    def _hold(self, row: Row, values: dict) -> None:
        for name in values:
            for held in pointed(row.values.get(name)):
                self.held.setdefault((row.model.type, name, held.model.type, held.id), {})[row.id] = row

    def _let_go(self, row: Row, values: dict) -> None:
        for name in values:
            for held in pointed(row.values.get(name)):
                self.held.get((row.model.type, name, held.model.type, held.id), {}).pop(row.id, None)


def pointed(value) -> list[Row]:
    """The rows that a value is, or has."""
    return [value] if isinstance(value, Row) else [one for one in value if isinstance(one, Row)] if isinstance(value, (list, tuple)) else []


def resolve(thing, path: str) -> list:
    """The values at a path such as C(tags__slug): several where it leads to many, none where there are none."""
    found = [thing]
    for part in path.split("__"):
        found = [one for value in found if value is not None for one in step(value, part)]
    return found


def step(value, part: str) -> list:
    if isinstance(value, dict):
        return [value.get(part)]
    if isinstance(value, list):
        return [value[int(part)]] if len(value) else []
    held = getattr(value, part)
    if isinstance(held, Rows) or (isinstance(held, tuple) and all(isinstance(one, Row) for one in held)):
        return list(held)
    return [held]


def matches(row: Row, name: str, value) -> bool:
    path, _lookup, lookup = name.rpartition("__")
    if lookup == ISNULL and path:
        return (not [one for one in resolve(row, path) if one is not None]) == value
    if lookup == IN and path:
        wanted = {key(one) for one in value}
        return any(key(one) in wanted for one in resolve(row, path) if one is not None)
    return any(key(one) == key(value) for one in resolve(row, name) if one is not None)


def key(value):
    """Rows and their numbers are the same to Django."""
    return value.id if isinstance(value, Row) else value


def joined(row: Row, columns: tuple) -> Iterator[tuple]:
    """The tuples of a row: one for each combination of what its columns lead to; columns of one relation go together."""
    many = sorted({head for column in columns if (head := column.partition("__")[0]) and isinstance(getattr(row, head, None), (Rows, tuple))})
    choices = [[(head, one) for one in getattr(row, head)] or [(head, None)] for head in many]
    for chosen in itertools.product(*choices):
        held = dict(chosen)
        cells = []
        for column in columns:
            head, _rest, tail = column.partition("__")
            found = resolve(row, column) if head not in held else resolve(held[head], tail) if held[head] is not None else []
            cells += [found[:1] or [None]] if len(found) < 2 else [found]
        yield from itertools.product(*cells)


def ancestors(row: Row | None) -> list[Row]:
    """A row of a tree and those above it."""
    found = []
    while row is not None:
        found.append(row)
        row = row.parent
    return found


def _scoped(kind: str) -> Callable[[Row], Row | None]:
    """The cached scope of a prefix: the site of its scope, or the region or group that is its scope, or its site's."""
    def cached(row: Row) -> Row | None:
        scope = row.scope
        if scope is not None and scope.model.type == "dcim.location":
            scope = scope.site
        if scope is None or scope.model.type == f"dcim.{kind}":
            return scope
        return getattr(scope, {"region": "region", "sitegroup": "group"}[kind]) if scope.model.type == "dcim.site" and kind != "site" else None
    return cached


def _custom_fields(row: Row) -> list:
    rows = row.store.rows["extras.customfield"].values()
    return [SimpleNamespace(name=field.name, type=field.type, related_object_type=SimpleNamespace(
        model_class=lambda field=field: Handle(row.store, MODELS[field.related_object_type]))) for field in rows if row.model.type in field.object_types]


def _path(row: Row):
    """The cable path that begins at an interface, with nodes as C("<content type>:<id>")."""
    if row.cable is None:
        return None
    steps, last, active = walk(row)
    nodes = [[f"{one.model.number}:{one.id}" for one in found] for found in steps]
    complete = bool(last) and all(one.model.type == "dcim.interface" for one in last) and len(steps) > 2
    return SimpleNamespace(path=nodes, is_complete=complete, is_active=active, steps=steps)


def walk(row: Row) -> tuple[list[list[Row]], list[Row], bool]:
    """From an interface along its cable, through panels, to the end: all steps, the last ones, and whether all cables are connected."""
    steps, near, stack, active = [[row]], row, [], True
    while near.cable is not None:
        cable, side = near.cable, near.cable_end
        active &= cable.status == "connected"
        far = [end.termination for end in cable.terminations if end.cable_end != side]
        steps.append([cable])
        if not far:
            break
        steps.append(far)
        if len(far) > 1 or far[0].model.type == "dcim.interface":
            return steps, far, active
        near = through(far[0], stack)
        if near is None:
            return steps, [], active
        steps.append([near])
    return steps, [], active


def through(port: Row, stack: list[int]) -> Row | None:
    """The other side of a panel's port: of a rear port with several positions, the one that was entered by."""
    mappings = list(port.mappings)
    if port.model.type == "dcim.frontport":
        if not mappings:
            return None
        stack.append(mappings[0].rear_port_position)
        return mappings[0].rear_port
    position = stack.pop() if stack else 1 if port.positions == 1 else None
    return next((mapping.front_port for mapping in mappings if mapping.rear_port_position == position), None)


COMPUTED: dict[str, Callable[[Row], object]] = {
    "_path": _path, "_site": _scoped("site"), "_region": _scoped("region"), "_site_group": _scoped("sitegroup"), "custom_fields": _custom_fields,
    "get_ancestors": lambda row: lambda include_self: ancestors(row) if include_self else ancestors(row)[1:],
    "vid_ranges_list": lambda row: ", ".join(f"{low}-{high}" if low != high else str(low) for low, high in row.vid_ranges),
    "scope_type": lambda row: row.scope and SimpleNamespace(model=row.scope.model.type.partition(".")[2]),
}
