"""The example of a real site is one that the collection takes, and its variables are those that the collection reads."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml
from ansible_collections.leasehold.cloud.plugins.module_utils.core.source_schema import parse

ROOT = Path(__file__).parents[2]
EXAMPLE = ROOT / "inventory/example"
ENTRY_POINTS = [*ROOT.glob("roles/*/defaults/main.yml"), *ROOT.glob("roles/*/tasks/**/*.yml"), *ROOT.glob("playbooks/*.yml")]


@pytest.fixture(scope="module")
def document() -> dict:
    return yaml.safe_load((EXAMPLE / "datacenter.yml").read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def variables() -> dict:
    return yaml.safe_load((EXAMPLE / "group_vars/all.yml").read_text(encoding="utf-8"))


def test_the_source_is_taken(document):
    assert parse(document, "datacenter.yml").site == document["site"]


def test_every_key_of_the_format_is_shown_and_explained(document):
    schema = (ROOT / "plugins/module_utils/core/source_schema.py").read_text(encoding="utf-8").partition("SWITCH_END = ")[2]
    known = set(re.findall(r'"(\w+)": ', schema))
    reference = (ROOT / "docs/site.md").read_text(encoding="utf-8")
    assert "quarantine_vlan" in known
    assert known - keys(document) == set()
    assert {key for key in known if f"`{key}`" not in reference} == set()


def test_an_order_fits_into_what_is_delegated(document):
    datacenter = parse(document, "datacenter.yml")
    assert any(datacenter.envelope.allows_vlan(vlan) for pool in datacenter.vlan_pools for vlan in pool.vlans)
    assert all(datacenter.envelope.allows_prefix(pool.prefix) for pool in datacenter.prefix_pools)
    assert all(datacenter.envelope.allows_switch(switch.name) for switch in datacenter.switches)


def test_variables_are_read_somewhere(variables):
    texts = "\n".join(path.read_text(encoding="utf-8") for path in ENTRY_POINTS)
    unread = [name for name in variables if not re.search(rf"\b{name}\b", texts)]
    assert unread == []


def test_every_variable_of_a_site_is_shown(variables):
    texts = "\n".join(path.read_text(encoding="utf-8") for path in ENTRY_POINTS)
    groups = {"leasehold_fabric", "leasehold_switches", "leasehold_release_switches", "leasehold_expired", "leasehold_due", "leasehold_mend_switches",
              "leasehold_hearing"}
    read = set(re.findall(r"\bleasehold_[a-z_]*[a-z]\b", texts)) - groups
    assert read - set(variables) == set()


def keys(value: object) -> set[str]:
    if isinstance(value, dict):
        return set(value).union(*(keys(item) for item in value.values()))
    if isinstance(value, list):
        return set().union(*(keys(item) for item in value))
    return set()
