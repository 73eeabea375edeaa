# SPDX-License-Identifier: GPL-3.0-or-later
"""What the collection needs in a NetBox: made once, kept right, undone."""

from __future__ import annotations

import pytest

from ansible_collections.leasehold.cloud.plugins.module_utils.core.errors import InvalidInput
from ansible_collections.leasehold.cloud.plugins.module_utils.core.mapping_file import Mapping
from ansible_collections.leasehold.cloud.plugins.module_utils.sources.netbox.setup import READ
from ansible_collections.leasehold.cloud.plugins.module_utils.sources.netbox.templates import CODE

KINDS = ("extras.exporttemplate", "extras.customfield", "extras.tag", "users.objectpermission")


def there(site) -> dict[str, set[str]]:
    return {kind: {row.name for row in site.fake.store.rows[kind].values()} for kind in KINDS}


def test_checked_made_once_and_undone(site):
    site.without_templates()
    before = there(site)
    source = site.source()
    foreseen = source.setup("present", check_mode=True)
    assert there(site) == before
    made = source.setup("present", check_mode=False)
    assert [(one.name, one.after) for one in made] == [(one.name, one.after) for one in foreseen]
    assert there(site)["extras.exporttemplate"] == set(CODE) and "leasehold_cluster" in there(site)["extras.customfield"]
    assert site.source().setup("present", check_mode=False) == []
    assert source.read().way == "template"
    undone = source.setup("absent", check_mode=False)
    assert len(undone) == len(made) - 1  # the tag leasehold was there before, and is in use
    assert there(site) == before
    assert source.setup("absent", check_mode=False) == []


def test_a_permission_for_what_is_published_and_no_more(site):
    def types(publish: list[str]) -> dict[str, list]:
        site.source(mapping=Mapping.from_dict({"publish": publish})).setup("present", check_mode=False)
        return {row.name: (row.object_types, row.actions) for row in site.fake.store.rows["users.objectpermission"].values()}

    assert types([]) == {"leasehold.cloud read": (sorted(READ), ["view"])}
    found = types(["tenant", "cluster", "journal", "vlan"])
    assert found["leasehold.cloud change"] == (["dcim.device", "ipam.vlan"], ["change"])
    assert found["leasehold.cloud make"] == (["extras.journalentry", "ipam.vlan"], ["add", "delete"])


@pytest.mark.parametrize(("version", "names"), [
    ("4.6", {"core.objectchange", "dcim.macaddress"}), ("4.1", {"core.objectchange"}), ("4.0", {"extras.objectchange"})])
def test_permissions_are_for_what_its_version_has(site, version, names):
    site.fake.version = version
    site.source().setup("present", check_mode=False)
    types = set(site.fake.find("users.objectpermission", name="leasehold.cloud read").object_types)
    assert types & {"core.objectchange", "extras.objectchange", "dcim.macaddress"} == names


def test_what_it_permits_is_enough_for_every_way(site):
    site.source().setup("present", check_mode=False)
    token = site.fake.permit(*(f"view {type_}" for type_ in READ), write=False)
    assert site.source(token).read().way == "template"
    site.without_templates()
    assert site.source(token).read().way == "graphql"
    site.fake.graphql_enabled = False
    assert site.source(token).read().way == "rest"


def test_what_somebody_changed_is_put_right_and_told_shortly(site):
    source = site.source()
    source.setup("present", check_mode=False)
    template = site.fake.find("extras.exporttemplate", name="leasehold-devices-1")
    site.call("PATCH", f"extras/export-templates/{template.id}", {"template_code": "{}", "object_types": ["dcim.device", "dcim.rack"]})
    change, = source.setup("present", check_mode=False)
    assert "leasehold-devices-1" in change.name and len(str(change.after)) < 400
    assert template.object_types == ["dcim.device", "dcim.rack"]  # others may use it for more
    assert source.read().way == "template"


def test_templates_of_other_versions_go_and_those_of_others_stay(site):
    for name in ("leasehold-devices-0", "leasehold-report"):
        site.call("POST", "extras/export-templates", {"name": name, "object_types": ["dcim.device"], "template_code": "x"})
    site.source().setup("absent", check_mode=False)
    assert there(site)["extras.exporttemplate"] == {"leasehold-report"}


def test_a_missing_permission_is_named(site):
    site.without_templates()
    token = site.fake.permit(*(f"view {type_}" for type_ in READ))
    with pytest.raises(InvalidInput, match="add on extras.exporttemplate"):
        site.source(token).setup("present", check_mode=False)
