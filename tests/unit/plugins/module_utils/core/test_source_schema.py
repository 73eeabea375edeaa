# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import pytest

from ansible_collections.leasehold.cloud.plugins.module_utils.core import source_schema
from ansible_collections.leasehold.cloud.plugins.module_utils.core.errors import InvalidSource
from ansible_collections.leasehold.cloud.plugins.module_utils.core.models import Datacenter

from .sites import document


def test_a_site():
    assert source_schema.parse(document(), "datacenter.yml") == Datacenter.from_dict(document())


def test_optional_things():
    made = document(1, 1)
    del made["canaries"]
    made["servers"][0] |= {"status": "maintenance", "attributes": {"memory_gib": 512}, "uuid": "0-1",
                           "management": {"address": "192.0.2.9", "port": 2222, "user": "core"}}
    made["envelope"]["vlans"] = [100, "101-103,110"]
    parsed = source_schema.parse(made, "datacenter.yml")
    assert parsed.servers[0].management.port == 2222
    assert parsed.envelope.allows_vlan(100) and parsed.envelope.allows_vlan(110)


def change(path: str, value: object) -> dict:
    """The document with the value at a path such as servers.0.name; None removes it."""
    made = document()
    *way, last = [int(key) if key.isdigit() else key for key in path.split(".")]
    place = made
    for key in way:
        place = place[key]
    if value is None:
        del place[last]
    else:
        place[last] = value
    return made


@pytest.mark.parametrize(("path", "value", "told"), [
    ("version", 2, "version"),
    ("version", None, "version"),
    ("site", None, "site"),
    ("colour", "blue", "colour"),
    ("racks", [], "racks"),
    ("racks", "r1", "racks"),
    ("switches.1.role", "core", "switches[1].role"),
    ("switches.1.rack", "r9", "switches[1].rack"),
    ("switches.1.name", "spine-1", "switches[1].name"),
    ("switches.1.port", 70000, "switches[1].port"),
    ("links.1.a", {"switch": "leaf-r1a"}, "links[1].a.port"),
    ("links.1.a", {"switch": "leaf-x", "port": "up1"}, "links[1].a.switch"),
    ("links.1.a", {"device": "a"}, None),  # a second way to the border, and that is fine
    ("links.0.b", {"switch": "leaf-r1a", "port": "up9"}, "links"),  # no border any more
    ("links.1", {"a": {"device": "a"}, "b": {"device": "b"}}, "links[1]"),
    ("links.1.a.port", "s01", "servers[0].nics[0].port"),
    ("servers.0.name", "R1_s01", "servers[0].name"),
    ("servers.1.name", "r1-s01", "servers[1].name"),
    ("servers.1.serial", "S1-1", "servers[1].serial"),
    ("servers.0.serial", 12345, "servers[0].serial"),
    ("servers.0.rack", "r9", "servers[0].rack"),
    ("servers.0.class", None, "servers[0].class"),
    ("servers.0.status", "broken", "servers[0].status"),
    ("servers.0.attributes", ["memory"], "servers[0].attributes"),
    ("servers.0.bmc", "https://bmc", "servers[0].bmc"),
    ("servers.0.bmc.address", "http://bmc-1-1", "servers[0].bmc.address"),
    ("servers.1.bmc.address", "https://BMC-1-1/", "servers[1].bmc.address"),
    ("servers.0.nics", [], "servers[0].nics"),
    ("servers.0.nics.0.mac", "52:54:00:00:00", "servers[0].nics[0].mac"),
    ("servers.0.nics.1.mac", "52:54:00:01:01:00", "servers[0].nics[1].mac"),
    ("servers.0.nics.1.name", "eth0", "servers[0].nics[1].name"),
    ("servers.0.nics.0.switch", "leaf-x", "servers[0].nics[0].switch"),
    ("servers.1.nics.0.port", "s01", "servers[1].nics[0].port"),
    ("servers.0.nics.0.speed", 100, "servers[0].nics[0].speed"),
    ("pools.vlans.0.range", "115-100", "pools.vlans[0].range"),
    ("pools.vlans.0.range", "100-5000", "pools.vlans[0].range"),
    ("pools.vlans.0.range", "990-1000", "pools.vlans[0].range"),
    ("pools.vlans.0.range", "180-190", "pools.vlans[0].range"),
    ("pools.vlans", [{"name": "a", "range": "1-9"}, {"name": "b", "range": "9-10"}], "pools.vlans[1].range"),
    ("pools.prefixes.0.prefix", "10.64.0.1/20", "pools.prefixes[0].prefix"),
    ("pools.prefixes.0.length", 16, "pools.prefixes[0].length"),
    ("pools.prefixes.0.length", 30, "pools.prefixes[0].length"),
    ("pools.prefixes", [{"name": "a", "prefix": "10.0.0.0/8", "length": 24}, {"name": "b", "prefix": "10.1.0.0/16", "length": 24}],
     "pools.prefixes[1].prefix"),
    ("quarantine_vlan", 0, "quarantine_vlan"),
    ("quarantine_vlan", True, "quarantine_vlan"),
    ("envelope.vlans", "100-115", "envelope.vlans"),
    ("envelope.prefixes", [10], "envelope.prefixes[0]"),
    ("canaries.0.address", "10.99.0", "canaries[0].address"),
    ("canaries.0.port", "leaf-r1a", "canaries[0].port"),
    ("spares", {"cpu": 0, "gpu": 2}, None),
    ("spares", ["cpu"], "spares"),
    ("spares", {"cpu": -1}, "spares.cpu"),
    ("spares", {"cpu": "two"}, "spares.cpu"),
    ("spares", {"xpu": 1}, "spares.xpu"),
])
def test_each_error_names_file_path_and_remedy(path, value, told):
    made = change(path, value)
    if told is None:
        source_schema.parse(made, "site.yml")
        return
    with pytest.raises(InvalidSource) as caught:
        source_schema.parse(made, "site.yml")
    assert told in [problem["path"] for problem in caught.value.details["problems"]]
    assert caught.value.object == f"site.yml: {caught.value.details['problems'][0]['path']}"
    assert all(problem["remedy"] for problem in caught.value.details["problems"])


@pytest.mark.parametrize("made", [None, [], "site: lab"])
def test_a_document_that_is_no_mapping(made):
    with pytest.raises(InvalidSource) as caught:
        source_schema.parse(made, "site.yml")
    assert caught.value.object == "site.yml: document"


def test_all_problems_are_told_at_once():
    made = change("servers.0.name", "A B")
    made["servers"][3]["nics"][1]["mac"] = 5
    with pytest.raises(InvalidSource) as caught:
        source_schema.parse(made, "site.yml")
    assert [problem["path"] for problem in caught.value.details["problems"]] == ["servers[0].name", "servers[3].nics[1].mac"]
    assert "1 more problem" in caught.value.message
