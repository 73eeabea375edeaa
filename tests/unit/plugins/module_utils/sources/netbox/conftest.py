# SPDX-License-Identifier: GPL-3.0-or-later
"""A fake NetBox with a small site, and the client that reads it."""

from __future__ import annotations

import copy

import pytest

from ansible_collections.leasehold.cloud.plugins.module_utils.core.records import Records
from ansible_collections.leasehold.cloud.plugins.module_utils.sources.netbox import NetBoxSource
from ansible_collections.leasehold.cloud.plugins.module_utils.sources.netbox.templates import CODE
from ansible_collections.leasehold.cloud.plugins.module_utils.sources.protocol import Options
from tests.netbox.fake import FakeNetBox
from tests.netbox.load import Loader, loaded

SIZES = {"servers": 8, "per_rack": 4, "vlans": 3}


class Site:
    """The fake, its loader, and shortcuts."""

    def __init__(self, fake: FakeNetBox, loader: Loader):
        self.fake, self.loader = fake, loader

    def source(self, token: str | None = None, **options) -> NetBoxSource:
        return NetBoxSource(Options(url=self.fake.url, token=token or self.fake.token, **{"site": "fra1", "timeout": 20, **options}))

    def number(self, path: str, key) -> int:
        return self.loader.numbers[path, key]

    def call(self, method: str, path: str, body=None):
        return self.loader.call(method, path, body)

    def without_templates(self) -> None:
        for name in CODE:
            self.fake.writer.delete(self.fake.find("extras.exporttemplate", name=name))


@pytest.fixture(scope="session")
def entered():
    """A loader that has entered the site, and a backup of the fake then: each test begins with that."""
    with FakeNetBox() as fake:
        loader = loaded(fake.url, fake.token, **SIZES)
        for name, (type_, code) in CODE.items():
            loader.call("POST", "extras/export-templates", {"name": name, "object_types": [type_], "template_code": code})
        yield loader, fake.backup()


@pytest.fixture
def site(entered):
    with FakeNetBox() as fake:
        fake.store, fake.writer = copy.deepcopy(entered[1])
        loader = copy.copy(entered[0])
        loader.url = fake.url
        yield Site(fake, loader)


def by_name(records: Records) -> dict:
    """Devices by name."""
    return {device.name: device for device in records.devices}


def same(one: Records, other: Records) -> None:
    """The same records, in any order."""
    assert one.wide == other.wide
    for kind in ("devices", "interfaces", "ends", "addresses"):
        assert sorted(map(repr, getattr(one, kind))) == sorted(map(repr, getattr(other, kind))), kind


def ends(records: Records, device: str) -> dict[str, tuple[str, str]]:
    """Where the interfaces of a device lead: C({eth0: (leaf-r1a, s01)})."""
    number = by_name(records)[device].id
    names = {interface.id: interface.name for interface in records.interfaces if interface.device == number}
    return {names[end.interface]: (end.far_name, end.far_port) for end in records.ends if end.interface in names}
