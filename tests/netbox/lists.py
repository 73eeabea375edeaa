# SPDX-License-Identifier: GPL-3.0-or-later
"""How the fake NetBox answers for rows: filters, pages, fields, brief objects. Filters that it does not know it refuses, where NetBox would ignore them:
a client of ours that means something by them would get too much."""

from __future__ import annotations

import ipaddress

from tests.netbox.models import MODELS, Model
from tests.netbox.store import Row, Rows, ancestors, resolve
from tests.netbox.writes import Refused, stamp

PAGING = {"limit", "offset", "start", "ordering", "fields", "brief", "exclude", "export", "omit"}
PATHS = {  # filters that are not a field or a field's number
    ("dcim.interface", "site_id"): "device__site_id", ("dcim.frontport", "site_id"): "device__site_id",
    ("dcim.rearport", "site_id"): "device__site_id", ("ipam.ipaddress", "interface_id"): "assigned_object_id",
    ("ipam.ipaddress", "device_id"): "assigned_object__device_id", ("ipam.prefix", "site_id"): "_site__id", ("dcim.device", "site"): "site__slug",
    ("dcim.device", "role"): "role__slug", ("ipam.vlan", "group"): "group__slug", ("dcim.site", "tag"): "tags__slug",
}
BRIEF = ("id", "name", "slug", "vid", "address", "prefix", "model", "mac_address")


def chosen(rows: Rows, model: Model, query: dict[str, list[str]]) -> list[Row]:
    """The rows that a query's filters let through."""
    found = list(rows)
    for name, values in query.items():
        if name not in PAGING:
            _refuse_gone(rows, model, name, values)
            found = [row for row in found if _passes(row, model, name, values)]
    return found


def _refuse_gone(rows: Rows, model: Model, name: str, values: list[str]) -> None:
    """NetBox refuses filters by objects that do not exist."""
    held = model.fields.get(name[:-3]) if name.endswith("_id") else None
    to = held.to if held else {"device_id": "dcim.device", "site_id": "dcim.site", "interface_id": "dcim.interface"}.get(name)
    for value in values:
        if to and value != "null" and int(value) not in rows.store.rows[to]:
            raise Refused(400, {name: [f"Select a valid choice. {value} is not one of the available choices."]})


def _passes(row: Row, model: Model, name: str, values: list[str]) -> bool:
    if name == "available_at_site":
        site = row.store.rows["dcim.site"].get(int(values[0]))
        return row in list(Rows(row.store, model, [row]).get_for_site(site))
    if (model.type, name) == ("ipam.prefix", "contains"):
        inner, outer = ipaddress.ip_network(values[0]), ipaddress.ip_network(row.prefix)
        return inner.version == outer.version and inner.subnet_of(outer)
    if name == "q":
        return values[0] in row.values.get("comments", "")
    if name == "assigned_object_type":
        return row.assigned_object is not None and row.assigned_object.model.type in values
    if name == "object_type":
        return any(value in row.object_types for value in values)
    if (model.type, name) == ("dcim.interface", "vlan_id"):
        return bool({str(number) for path in ("untagged_vlan_id", "tagged_vlans__id") for number in resolve(row, path)}.intersection(values))
    field, _underscores, lookup = name.partition("__")
    path = PATHS.get((model.type, field), field)
    known = path != field or field in model.fields or field == "id" or (field.endswith("_id") and field[:-3] in model.fields)
    if not known or lookup not in ("", "n", "gte", "lte", "gt", "lt", "ie"):
        raise Refused(400, {name: ["the fake knows no such filter"]})
    return _compared([value for value in resolve(row, path) if value is not None], lookup, values)


def _compared(found: list, lookup: str, values: list[str]) -> bool:
    if lookup in ("gte", "lte", "gt", "lt"):
        return all({"gte": value >= int(values[0]), "lte": value <= int(values[0]), "gt": value > int(values[0]), "lt": value < int(values[0])}[lookup]
                   for value in found)
    if "null" in values and not found:
        return True
    texts = {str(value).lower() if lookup == "ie" else str(value) for value in found}
    hit = bool(texts.intersection(value.lower() if lookup == "ie" else value for value in values))
    return not hit if lookup == "n" else hit


def page(rows: list, query: dict[str, list[str]], url: str, most: int) -> dict:
    """A page as C({count, next, previous, results}), of rows that have an C(id)."""
    ordering = query.get("ordering", ["name"])[0]
    if ordering in ("id", "-id"):
        rows = sorted(rows, key=lambda row: row["id"] if isinstance(row, dict) else row.id, reverse=ordering == "-id")
    offset, limit = int(query.get("offset", ["0"])[0]), min(int(query.get("limit", ["50"])[0]) or most, most)
    more = len(rows) > offset + limit
    return {"count": len(rows), "next": f"{url}&offset={offset + limit}" if more else None, "previous": None, "results": rows[offset:offset + limit]}


def shown(row: Row, url: str, fields: set[str] | None = None) -> dict:
    """A row as REST shows it, or some of its fields."""
    found = {name: value() for name, value in _shown(row, url).items() if fields is None or name in fields}
    if row.model.type == "dcim.interface" and (fields is None or fields.intersection(("connected_endpoints", "connected_endpoints_type"))):
        found |= {name: value for name, value in _endpoints(row, url).items() if fields is None or name in fields}
    return found


def _shown(row: Row, url: str) -> dict:
    found = {"id": lambda: row.id, "url": lambda: f"{url}/api/{row.model.path}/{row.id}/", "display": lambda: str(row)}
    for name, field in row.model.fields.items():
        value = row.values[name]
        if name == "custom_field_data":
            found["custom_fields"] = lambda value=value: _custom(row, value, url)
        elif field.kind == "any":
            found[name] = lambda value=value: brief(value, url)
            found[f"{name}_type"] = lambda value=value: value.model.type if value is not None else None
            found[f"{name}_id"] = lambda value=value: value.id if value is not None else None
        else:
            found[name] = lambda value=value, field=field: _value(value, field.kind, url)
    found |= {"created": lambda: stamp(row.created), "last_updated": lambda: stamp(row.last_updated)}
    return found | {name: (lambda make=make: make(row, url)) for name, make in MORE.get(row.model.type, {}).items()}


def _value(value, kind: str, url: str):
    if isinstance(value, Row):
        return brief(value, url)
    if kind in ("many", "tags"):
        return [brief(one, url) for one in value]
    if kind == "choice":
        return {"value": value, "label": str(value).title()} if value else None
    return value


def brief(row: Row | None, url: str) -> dict | None:
    """A row as others show it."""
    if row is None:
        return None
    found = {"id": row.id, "url": f"{url}/api/{row.model.path}/{row.id}/", "display": str(row)}
    found |= {name: row.values[name] for name in BRIEF if name in row.values}
    if "device" in row.model.fields:
        found |= {"device": brief(row.device, url), "cable": brief(row.cable, url) if row.cable else None}
    return found


def _custom(row: Row, value: dict, url: str) -> dict:
    fields = {field.name: field for field in row.custom_fields}
    found = {name: None for name in fields}
    for name, one in value.items():
        field = fields.get(name)
        if field is not None and field.type == "object" and one is not None:
            one = brief(next(iter(field.related_object_type.model_class().objects.filter(id=one))), url)
        found[name] = one
    return found


def _endpoints(row: Row, url: str) -> dict:
    path = row._path  # pylint: disable=protected-access
    last = path.steps[-1] if path and path.is_complete else []
    return {"connected_endpoints": [brief(one, url) for one in last] or None, "connected_endpoints_type": last[0].model.type if last else None,
            "connected_endpoints_reachable": bool(path and path.is_active)}


def _ends(side: str):
    return lambda row, url: [{"object_type": end.termination.model.type, "object_id": end.termination.id, "object": brief(end.termination, url)}
                             for end in row.terminations if end.cable_end == side]


MORE = {
    "dcim.interface": {"mac_address": lambda row, url: row.primary_mac_address and row.primary_mac_address.mac_address},
    "dcim.device": {"primary_ip": lambda row, url: brief(row.primary_ip4 or row.primary_ip6, url)},
    "dcim.cable": {"a_terminations": _ends("A"), "b_terminations": _ends("B")},
    "dcim.cabletermination": {"cable": lambda row, url: row.cable.id},
    "dcim.frontport": {"rear_ports": lambda row, url: [
        {"position": one.front_port_position, "rear_port": one.rear_port.id, "rear_port_position": one.rear_port_position} for one in row.mappings]},
    "extras.tag": {"tagged_items": lambda row, url: sum(
        len(row.store.holding(type_, "tags", row)) for type_, model in MODELS.items() if "tags" in model.fields)},
    "dcim.region": {"_depth": lambda row, url: len(ancestors(row)) - 1},
}
