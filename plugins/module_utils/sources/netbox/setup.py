# Copyright: (c) 2026, leasehold.cloud contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the collection needs in a NetBox, made and removed: export templates, a custom field, tags, and permissions that no user has yet.

Everything is found by its name, and made to be as it should; what others use is left alone. NetBox has these for all its sites at once.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterable, Iterator, Mapping

from ansible_collections.leasehold.cloud.plugins.module_utils.core.changes import Change, fingerprint
from ansible_collections.leasehold.cloud.plugins.module_utils.sources.netbox.api import Api
from ansible_collections.leasehold.cloud.plugins.module_utils.sources.netbox.rest import value
from ansible_collections.leasehold.cloud.plugins.module_utils.sources.netbox.templates import CODE, PREFIX

ABOUT = "Made by leasehold.cloud's source_setup"
CLUSTER = "leasehold_cluster"  # the custom field that names a server's cluster
TAGS = {  # what the defaults of the mapping file look for
    "leasehold": "VLANs and prefixes that leasehold.cloud made", "leasehold-pool": "VLAN groups and prefixes that clusters get theirs from",
    "leasehold-envelope": "What leasehold.cloud may change", "leasehold-quarantine": "The VLAN of ports that nobody holds",
}
READ = [  # what has to be seen, in any of the ways
    "core.objectchange", "dcim.cable", "dcim.cabletermination", "dcim.device", "dcim.devicerole", "dcim.devicetype", "dcim.frontport", "dcim.interface",
    "dcim.location", "dcim.macaddress", "dcim.platform", "dcim.rack", "dcim.rearport", "dcim.region", "dcim.site", "dcim.sitegroup",
    "extras.exporttemplate", "extras.tag", "ipam.ipaddress", "ipam.prefix", "ipam.vlan", "ipam.vlangroup", "tenancy.tenant",
]
CHANGED = {"tenant": "dcim.device", "cluster": "dcim.device", "status": "dcim.device", "interface_vlan": "dcim.interface", "vlan": "ipam.vlan",
           "prefix": "ipam.prefix"}
MADE = {"vlan": "ipam.vlan", "prefix": "ipam.prefix", "journal": "extras.journalentry"}
OURS = re.compile(rf"{PREFIX}(devices|site)-\d+")  # export templates, also of other versions of this collection
LONG = "template_code"  # is told as a fingerprint


@dataclasses.dataclass(frozen=True)
class Wanted:
    """An object: the list that it is in, its name, and what it has besides. C(model) is named in errors; C(uses) is the field that counts its uses."""

    path: str
    model: str
    name: str
    fields: Mapping[str, object]
    uses: str | None = None


class Setup:
    """Makes or removes what the collection needs.

    :param publish: the fields that the ledger may publish: for them, there is a permission, too.
    """

    def __init__(self, api: Api, publish: Iterable[str]):
        self.api, self.publish = api, frozenset(publish)

    def run(self, state: str, check_mode: bool) -> list[Change]:
        """Make it so, and say what differed."""
        wanted = list(self._wanted())
        if state == "present":
            changes = [self._make(item, check_mode) for item in wanted]
        else:
            changes = [self._remove(item, check_mode) for item in [*reversed(wanted), *self._other_versions()]]
        return [change for change in changes if change]

    def _wanted(self) -> Iterator[Wanted]:
        for name, (type_, code) in CODE.items():
            yield Wanted("extras/export-templates", "extras.exporttemplate", name, {
                "object_types": [type_], "template_code": code, "mime_type": "application/json", "as_attachment": False,
                "description": f"{ABOUT}: renders a site for its sync"})
        yield Wanted("extras/custom-fields", "extras.customfield", CLUSTER, {
            "object_types": ["dcim.device"], "type": "text", "label": "Leasehold cluster", "ui_editable": "no",
            "description": f"The cluster that holds it. {ABOUT}"})
        for name, about in TAGS.items():
            yield Wanted("extras/tags", "extras.tag", name, {"slug": name, "description": about}, "tagged_items")
        yield from self._permissions()

    def _permissions(self) -> Iterator[Wanted]:
        about = {"description": f"Give it to the user of the token. {ABOUT}", "enabled": True}
        readable = [type_ if type_ != "core.objectchange" or self.api.version >= (4, 1) else "extras.objectchange"
                    for type_ in READ if type_ != "dcim.macaddress" or self.api.version >= (4, 2)]
        yield Wanted("users/permissions", "users.objectpermission", "leasehold.cloud read", {"object_types": readable, "actions": ["view"], **about})
        for name, models, actions in (("change", CHANGED, ["change"]), ("make", MADE, ["add", "delete"])):
            types = sorted({model for field, model in models.items() if field in self.publish})
            if types:
                yield Wanted("users/permissions", "users.objectpermission", f"leasehold.cloud {name}", {"object_types": types, "actions": actions, **about})

    def _other_versions(self) -> Iterator[Wanted]:
        for row in self.api.rows("extras/export-templates", {"fields": "id,name"}, "view on extras.exporttemplate"):
            if OURS.fullmatch(row["name"]) and row["name"] not in CODE:
                yield Wanted("extras/export-templates", "extras.exporttemplate", row["name"], {})

    def _find(self, item: Wanted) -> dict | None:
        found = self.api.get(item.path, {"name": item.name}, f"view on {item.model}").json()["results"]
        return found[0] if found else None

    def _make(self, item: Wanted, check_mode: bool) -> Change | None:
        there = self._find(item)
        wanted = {name: _plain(one) for name, one in item.fields.items()}
        before = {name: _plain(there.get(name)) for name in wanted} if there else {}
        if there and "object_types" in wanted:
            wanted["object_types"] = sorted({*before["object_types"], *wanted["object_types"]})  # others may use it for more
        if before == wanted:
            return None
        if not check_mode and there:
            self.api.send("PATCH", f"{item.path}/{there['id']}", wanted, f"change on {item.model}")
        elif not check_mode:
            self.api.send("POST", item.path, {"name": item.name, **wanted}, f"add on {item.model}")
        return self._change(item, before, wanted)

    def _remove(self, item: Wanted, check_mode: bool) -> Change | None:
        there = self._find(item)
        if there is None or (item.uses and there.get(item.uses)):
            return None
        if not check_mode:
            self.api.send("DELETE", f"{item.path}/{there['id']}", None, f"delete on {item.model}")
        return self._change(item, {name: _plain(there.get(name)) for name in item.fields} or {"name": item.name}, {})

    def _change(self, item: Wanted, before: dict, after: dict) -> Change:
        sides = [{name: fingerprint(one)[:12] if name == LONG else one for name, one in side.items()} or None for side in (before, after)]
        return Change("source", f"{item.model} {item.name} in {self.api.about}", *sides)


def _plain(held: object) -> object:
    """A value as it is written: a choice is its value, a list is in order; line ends as NetBox stores them."""
    held = value(held)
    if isinstance(held, (list, tuple)):
        return sorted(held)
    return held.strip().replace("\r\n", "\n") if isinstance(held, str) else held
