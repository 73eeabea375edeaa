# Copyright: (c) 2026, leasehold.cloud contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The fastest way: tables rendered by Nautobot itself, in one request.

Nautobot renders export templates only for people who are logged in; what its API renders are computed fields. So C(source_setup) makes an external integration
that stands for the site (a relationship leads to its location) and, for external integrations, one computed field a table. A field's template may have 500
characters; it finds the location, selects the table's columns in one SQL query and joins the values with control characters. Other integrations' fields stay
empty, and nothing is rendered unless asked for, or one looks at this integration's page.

Rendered values are Python's texts of them: C(None), C(True), and dicts for custom fields.
"""

from __future__ import annotations

import ast
from ansible_collections.leasehold.cloud.plugins.module_utils.core.errors import DeviceFailed
from ansible_collections.leasehold.cloud.plugins.module_utils.core.records import Records
from ansible_collections.leasehold.cloud.plugins.module_utils.sources.nautobot.api import LEAN, Api, view
from ansible_collections.leasehold.cloud.plugins.module_utils.sources.nautobot.graphql import GraphQL
from ansible_collections.leasehold.cloud.plugins.module_utils.sources.nautobot.rows import Rows
from ansible_collections.leasehold.cloud.plugins.module_utils.sources.nautobot.ways import NoWay

UNIT, RECORD = "\x1f", "\x1e"
RELATIONSHIP = "leasehold_site"
INTEGRATION = "extras.externalintegration"
VERSION = "1"  # of the tables; a field's text begins with it
END = "end"  # with which it ends
GRANT = f"give the token's user the permission {view(INTEGRATION)}"
SETUP = f"run leasehold.cloud.source_setup once, and {GRANT}"
PATHS = "cable_paths__", "_path__"  # of an interface, in Nautobot 3.2 and later, and before
D, I, R = "devices__", "devices__interfaces__", "racks__"
TABLES = {  # by name: what its columns' names begin with, what a row has to have, its columns. {path} is one of PATHS
    "devices": (D, "id", "id name role__name device_type__model rack_id position status__name serial platform__name tenant__name _custom_field_data"),
    "primaries": (D, "id", "id primary_ip4__host primary_ip6__host"),
    "device_tags": (D, "tags", "id tags__name"),
    "racks": (R, "id", "id name location__name"),
    "interfaces": (I, "device", "id device_id name type mac_address enabled mgmt_only lag_id untagged_vlan__vid _custom_field_data"),
    "interface_tags": (I, "tags", "id tags__name"),
    "tagged": (I, "tagged_vlans", "id tagged_vlans__vid"),
    "ends": (I, "{path}destination_id", "id {path}destination_id {path}destination_type__model"),
    "addresses": (I, "ip_addresses", "ip_addresses__id ip_addresses__host id ip_addresses__dns_name ip_addresses__status__name"),
    "address_tags": (I, "ip_addresses__tags", "ip_addresses__id ip_addresses__tags__name"),
}


def key(table: str) -> str:
    """Of a table's computed field."""
    return f"leasehold_{table}"


def integration(site: str) -> str:
    """The name of the external integration that stands for a site."""
    return f"leasehold.cloud {site}"


def code(table: str, path: str) -> str:
    """The template of a table's computed field.

    :param path: one of ``PATHS``.
    """
    prefix, row, columns = (text.format(path=path) for text in TABLES[table])
    return (
        f'{{% autoescape false %}}{{% set p="{prefix}" %}}{{% for a in obj.source_for_associations.filter(relationship__key="{RELATIONSHIP}") %}}'
        f'{{{{ "{VERSION} "~a.destination_id~"\\x1e"~(a.destination.descendants(include_self=1).filter(**{{p~"{row}__isnull":false}})'
        f'.values_list(*(p~"{columns}".replace(" "," "~p)).split())|map("join","\\x1f")|join("\\x1e"))~"\\x1e{END}" }}}}{{% endfor %}}{{% endautoescape %}}')


class Template:
    """Reads what the computed fields render."""

    name = "template"

    def __init__(self, api: Api, graphql: GraphQL):
        self.api, self.graphql = api, graphql

    def devices(self) -> Records:
        """:raises NoWay: the fields are not there, not to be seen, or not those of this version."""
        tables = self._tables()
        rows = Rows(**{name: [tuple(map(_value, cells)) for cells in table] for name, table in tables.items() if name in ("device_tags", "racks", "tagged")})
        rows.interface_tags, rows.address_tags = tables["interface_tags"], tables["address_tags"]
        primaries = {cells[0]: map(_value, cells[1:]) for cells in tables["primaries"]}
        rows.devices = [(*map(_value, cells[:-1]), *primaries.get(cells[0], (None, None)), _fields(cells[-1])) for cells in tables["devices"]]
        rows.interfaces = [
            (*map(_value, cells[:5]), cells[5] == "True", cells[6] == "True", _value(cells[7]), _value(cells[8]), _fields(cells[9]))
            for cells in tables["interfaces"]]
        rows.ends = [(near, far) for near, far, kind in tables["ends"] if kind == "interface"]
        rows.addresses = [tuple(map(_value, cells)) for cells in tables["addresses"]]
        return self.graphql.complete(rows)

    def _tables(self) -> dict[str, list[list[str]]]:
        name = integration(self.api.site["name"])
        answer = self.api.get("extras/external-integrations", {"name": name, "include": "computed_fields", **LEAN}, accept=(403, 404))
        if answer.status == 403:
            raise NoWay(f"the token may not see external integrations, one of which renders a site: {GRANT}, and run leasehold.cloud.source_setup once")
        found = answer.json()["results"] if answer.status == 200 else []
        if len(found) != 1:
            raise NoWay(f"there is no external integration {name}, or the token may not see it; {SETUP}")
        fields = found[0]["computed_fields"]
        return {table: self._cells(table, fields.get(key(table)) or "") for table in TABLES}

    def _cells(self, table: str, text: str) -> list[list[str]]:
        records = text.split(RECORD)
        if records[0] != f"{VERSION} {self.api.site['id']}" or records[-1] != END:
            raise NoWay(f"its computed field {key(table)} does not render this site as this version needs it; {SETUP}")
        rows = [record.split(UNIT) for record in records[1:-1] if record]
        wrong = next((row for row in rows if len(row) != len(TABLES[table][2].split())), None)
        if wrong is not None:
            raise DeviceFailed("a text in it has control characters, which separate its columns", object=f"{self.api.about}: {UNIT.join(wrong)!r}",
                               attempted=f"reading its {table}", remedy="correct that text")
        return rows


def _value(cell: str) -> str | None:
    return None if cell in ("None", "") else cell


def _fields(cell: str) -> dict:
    return ast.literal_eval(cell) if cell not in ("{}", "None") else {}
