# SPDX-License-Identifier: GPL-3.0-or-later
"""A site of the tests in a NetBox that others have, too: it is told apart from all else there, and taken away at the end.

While the tests run, what C(source_setup) makes (export templates, a custom field, tags, permissions) is removed and made again; afterwards it is as
it was found, users of its permissions included.
"""

from __future__ import annotations

import dataclasses
import secrets

import pytest

from ansible_collections.leasehold.cloud.plugins.module_utils.core.mapping_file import Mapping
from ansible_collections.leasehold.cloud.plugins.module_utils.core.records import Records
from tests.netbox.load import Loader, marked
from tests.sources.expected import MAPPING
from tests.sources.worlds import NetBoxWorld

MARK = "leasehold-test-"
LISTS = {"vlan_groups": "ipam/vlan-groups", "vlans": "ipam/vlans", "prefixes": "ipam/prefixes", "tenants": "tenancy/tenants"}  # what other sites have, too
OURS = "leasehold.cloud "  # how the permissions that source_setup makes begin
TEMPLATE = "extras.exporttemplate"
POOLS = {"vlan_pools": {"tenants": "100-899"}, "prefix_pools": {"tenants": {"prefix": "10.64.0.0/16", "length": 24}}, "quarantine_vlan": 999}


class LiveNetBox(NetBoxWorld):
    """A real NetBox that LEASEHOLD_TEST_NETBOX_URL and LEASEHOLD_TEST_NETBOX_TOKEN (of an admin) lead to."""

    mapping = Mapping.from_dict({**MAPPING, **POOLS})  # what others call tenants or quarantine there is not meant

    def __init__(self, document: dict, url: str, token: str):
        document = marked(document, MARK)
        loader = Loader(url, token, guest=True)
        loader.remove(document["site"]["name"])  # what is left of a run that was killed
        super().__init__(document, url, token, loader)
        self._forget_users()
        source = self.source()
        self.was_bare = any(f"{TEMPLATE} " in change.name and change.before is None for change in source.setup("present", True))
        self.holders = {row["name"]: {kind: [one["id"] for one in row[kind]] for kind in ("users", "groups")} for row in self._permissions()}
        source.setup("present", False)
        self.readable = next(row["object_types"] for row in self._permissions() if row["name"] == f"{OURS}read")
        ours = {(path, number) for (path, _key), number in loader.numbers.items()}
        wide = self.source().read().records.wide
        self.others = {(kind, row.id) for kind, path in LISTS.items() for row in getattr(wide, kind) if (path, int(row.id)) not in ours}

    def mine(self, found: Records) -> Records:
        """Records without what is of all sites and was there before."""
        kept = {kind: tuple(row for row in getattr(found.wide, kind) if (kind, row.id) not in self.others) for kind in LISTS}
        return dataclasses.replace(found, wide=dataclasses.replace(found.wide, **kept))

    def forget_log(self) -> None:
        pytest.skip("the change log of a live NetBox is not pruned")

    def weak_token(self, name: str, without: str) -> str:
        """A token of a new user who has the permission that source_setup makes, but for one kind of object."""
        without = {"extras.objectchange": "core.objectchange"}.get(without, without)
        name = f"{MARK}{name}-{secrets.token_hex(4)}"
        user = self.call("POST", "users/users", {"username": name, "password": f"{secrets.token_urlsafe(16)}-aA1"})["id"]
        kinds = [kind for kind in self.readable if kind != without]
        self.call("POST", "users/permissions", {"name": name, "object_types": kinds, "actions": ["view"], "users": [user]})
        version = 2 if self.token.startswith("nbt_") else 1  # as the suite's own; before NetBox 4.5 there is but one
        made = self.call("POST", "users/tokens", {"user": user, "write_enabled": True, "version": version})
        return f"nbt_{made['key']}.{made['token']}" if version == 2 else made.get("token") or made["key"]

    def close(self) -> None:
        """Leave NetBox as it was found."""
        self._forget_users()
        source = self.source()
        source.setup("absent" if self.was_bare else "present", False)
        for row in () if self.was_bare else self._permissions():
            self.call("PATCH", f"users/permissions/{row['id']}", self.holders.get(row["name"], {}))
        self.loader.remove(self.document["site"]["name"])
        super().close()

    def _permissions(self) -> list[dict]:
        return [row for row in self.loader.listed("users/permissions") if row["name"].startswith(OURS)]

    def _forget_users(self) -> None:
        for path, key in (("users/permissions", "name"), ("users/users", "username")):
            for row in self.loader.listed(path):
                if row[key].startswith(MARK):
                    self.call("DELETE", f"{path}/{row['id']}")
