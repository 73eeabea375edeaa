# SPDX-License-Identifier: GPL-3.0-or-later
"""The part of the fake NetBox's GraphQL API that lists devices and interfaces: filters C(id: {in_list}), on the row or what it is of; pages by C(start)."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator

from tests.netbox.models import BY_PATH
from tests.netbox.store import Row, Rows, Store, resolve

TOKENS = re.compile(r'"[^"]*"|[\w-]+|[{}()\[\]:]')
LISTS = {"device_list": "dcim/devices", "interface_list": "dcim/interfaces"}
MOST = 1000  # rows of a page


class Wrong(Exception):
    """A query that the schema does not allow."""


def answer(store: Store, query: str, visible) -> dict:
    """C({name: rows}) of a query with one list. ``visible(model)`` says whether the token may see it."""
    tokens = iter(TOKENS.findall(query))
    expect(tokens, "{")
    name = next(tokens)
    if name not in LISTS:
        raise Wrong(f"Cannot query field '{name}' on type 'Query'.")
    expect(tokens, "(")
    arguments = {}
    for token in tokens:
        if token == ")":
            break
        expect(tokens, ":")
        arguments[token] = value(tokens)
    expect(tokens, "{")
    model, fields = BY_PATH[LISTS[name]], selection(tokens)
    rows = [row for row in store.rows[model.type].values() if visible(model) and passes(row, arguments.get("filters") or {}, "")]
    paging = arguments.get("pagination") or {}
    rows = [row for row in rows if row.id >= paging.get("start", 0)][:min(paging.get("limit", 100), MOST)]
    return {name: [select(row, fields, visible) for row in rows]}


def expect(tokens: Iterator[str], wanted: str) -> None:
    found = next(tokens, None)
    if found != wanted:
        raise Wrong(f"Syntax Error: Expected '{wanted}', found {found}.")


def value(tokens: Iterator[str], token: str | None = None):
    token = token or next(tokens)
    if token == "{":
        found = {}
        for name in tokens:
            if name == "}":
                return found
            expect(tokens, ":")
            found[name] = value(tokens)
    if token == "[":
        items = []
        for item in tokens:
            if item == "]":
                return items
            items.append(value(tokens, item))
    return json.loads(token)


def selection(tokens: Iterator[str]) -> dict:
    fields: dict = {}
    last = None
    for token in tokens:
        if token == "}":
            return fields
        if token == "{":
            fields[last] = selection(tokens)
        else:
            last = token
            fields[last] = None
    raise Wrong("Syntax Error: Expected '}', found <EOF>.")


def passes(row: Row, terms: dict, path: str) -> bool:
    for name, term in terms.items():
        if name == "in_list":
            return bool({str(one) for one in resolve(row, path)}.intersection(term))
        if not passes(row, term, f"{path}__{name}".removeprefix("__")):
            return False
    return True


def select(row: Row, fields: dict, visible) -> dict:
    """What is asked of a row. What the token may not see is not there, as in NetBox; of what must be there, that is an error."""
    found = {}
    for name, below in fields.items():
        if name not in {*row.model.fields, "id", "custom_fields"}:
            raise Wrong(f"Cannot query field '{name}'.")
        held = row.custom_field_data if name == "custom_fields" else getattr(row, name)
        if below is None:
            found[name] = str(held) if name in ("id", "position") and held is not None else held
        elif isinstance(held, (Rows, tuple)):
            found[name] = [select(one, below, visible) for one in held if visible(one.model)]
        else:
            found[name] = select(held, below, visible) if held is not None and visible(held.model) else None
            if found[name] is None and row.model.fields[name].required:
                raise Wrong(f"Cannot return null for non-nullable field {row.model.type}.{name}.")
    return found
