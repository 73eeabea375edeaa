# SPDX-License-Identifier: GPL-3.0-or-later
"""What Nautobot's computed fields render, read."""

from __future__ import annotations

import types

import pytest

from ansible_collections.leasehold.cloud.plugins.module_utils.core.errors import DeviceFailed
from ansible_collections.leasehold.cloud.plugins.module_utils.sources.nautobot.template import PATHS, TABLES, Template, code, key
from ansible_collections.leasehold.cloud.plugins.module_utils.sources.nautobot.ways import NoWay

LIMIT = 500  # characters of a computed field's template, by Nautobot
ROWS = {
    "devices": ["d1\x1fs&1\x1fServer\x1fGPU\x1fk1\x1f4\x1fActive\x1fS1\x1fNone\x1fNone\x1f{'a': [1, None], 'b': \"it's\"}"],
    "primaries": ["d1\x1f10.0.0.1\x1fNone"], "racks": ["k1\x1fr1\x1ffra1"], "device_tags": ["d1\x1fcanary"],
    "interfaces": ["i1\x1fd1\x1feth0\x1flag\x1f\x1fTrue\x1fFalse\x1fNone\x1f12\x1f{}"], "interface_tags": [], "tagged": ["i1\x1f30"],
    "ends": ["i1\x1fi2\x1finterface", "i1\x1fc1\x1fcircuittermination"], "addresses": [], "address_tags": [],
}


class Api:
    """Answers with one external integration."""

    site = {"id": "L1", "name": "fra1"}
    about = "Nautobot at test"

    def __init__(self, fields: dict | None, status: int = 200):
        self.fields, self.status = fields, status

    def get(self, _path, _params, accept=()):
        found = [] if self.fields is None else [{"computed_fields": self.fields}]
        return types.SimpleNamespace(status=self.status, json=lambda: {"results": found})


class Complete:
    """Stands for the rest: gives back the rows."""

    def complete(self, rows):
        return rows


def rendered(**changes) -> dict:
    return {key(table): "\x1e".join(["1 L1", *rows, "end"]) for table, rows in {**ROWS, **changes}.items()}


@pytest.mark.parametrize("table", TABLES)
@pytest.mark.parametrize("path", PATHS)
def test_nautobot_takes_every_template(table, path):
    assert len(code(table, path)) <= LIMIT


def test_rendered_tables_are_rows():
    rows = Template(Api(rendered()), Complete()).devices()
    assert rows.devices == [("d1", "s&1", "Server", "GPU", "k1", "4", "Active", "S1", None, None, "10.0.0.1", None, {"a": [1, None], "b": "it's"})]
    assert rows.interfaces == [("i1", "d1", "eth0", "lag", None, True, False, None, "12", {})]
    assert rows.ends == [("i1", "i2")]
    assert (rows.tagged, rows.device_tags, rows.racks) == ([("i1", "30")], [("d1", "canary")], [("k1", "r1", "fra1")])


@pytest.mark.parametrize("fields", [
    None, {}, {**rendered(), key("ends"): ""}, {**rendered(), key("ends"): "1 L2\x1eend"}, {**rendered(), key("ends"): "0 L1\x1eend"},
    {**rendered(), key("ends"): "1 L1\x1ei1\x1fi2\x1finterface"}])
def test_what_is_not_there_or_of_another_version_or_cut_is_no_way(fields):
    with pytest.raises(NoWay, match="source_setup"):
        Template(Api(fields), Complete()).devices()


def test_who_may_not_see_it_is_told_how():
    with pytest.raises(NoWay, match="view on extras.externalintegration"):
        Template(Api(rendered(), status=403), Complete()).devices()


def test_a_text_with_a_separator_is_named():
    with pytest.raises(DeviceFailed, match="control characters") as raised:
        Template(Api(rendered(device_tags=["d1\x1fcan\x1fary"])), Complete()).devices()
    assert "d1" in raised.value.object
