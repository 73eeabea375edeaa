# SPDX-License-Identifier: GPL-3.0-or-later
"""One world of each kind of source. Nautobot's is made once and shared: each test takes servers of its own in it."""

from __future__ import annotations

import contextlib
import os

import pytest

from ansible_collections.leasehold.cloud.plugins.module_utils.ledger.database import Ledger
from tests.netbox.fake import FakeNetBox
from tests.sources.center import center
from tests.sources.nautobot_server import Nautobot, NoPython
from tests.sources.netbox_live import LiveNetBox
from tests.sources.worlds import FakeNetBoxWorld, FileWorld, NautobotWorld

LIVE = "LEASEHOLD_TEST_NETBOX_URL"
KINDS = ["file", "netbox", "nautobot"] + (["netbox-live"] if os.environ.get(LIVE) else [])
SERVED = KINDS[1:]


def pytest_collection_modifyitems(items):
    """With several processes (C(-n 2 --dist loadgroup)), all tests of a world that is shared are for one of them."""
    for item in items:
        asked = {*item.fixturenames, *(item.callspec.params.values() if hasattr(item, "callspec") else ())}
        for group, names in (("nautobot", {"nautobot", "nautobot_world"}), ("netbox-live", {"netbox-live", "netbox_live"})):
            if asked & names:
                item.add_marker(pytest.mark.xdist_group(group))


@pytest.fixture(scope="session")
def nautobot():
    with contextlib.ExitStack() as stack:
        try:
            server = stack.enter_context(Nautobot())
        except NoPython as reason:
            pytest.skip(str(reason))
        yield server


@pytest.fixture(scope="session")
def nautobot_world(nautobot):
    document = center(servers=64)
    world = NautobotWorld(document, nautobot.site(document))
    world.source().setup("present", False)
    yield world
    world.close()


@pytest.fixture(scope="session")
def netbox_live():
    world = LiveNetBox(center(servers=40, per_rack=10), os.environ[LIVE], os.environ["LEASEHOLD_TEST_NETBOX_TOKEN"])
    yield world
    world.close()


@pytest.fixture(params=KINDS)
def world(request, tmp_path):
    yield from _world(request, tmp_path)


@pytest.fixture(params=SERVED)
def served(request, tmp_path):
    """A world with an API."""
    yield from _world(request, tmp_path)


@pytest.fixture
def ledger(tmp_path):
    with Ledger.open(f"sqlite:///{tmp_path}/ledger.db", "tester") as opened:
        yield opened


def _world(request, tmp_path):
    if request.param == "file":
        yield FileWorld(center(), tmp_path / "datacenter.json")
    elif request.param == "netbox":
        with FakeNetBox() as fake:
            world = FakeNetBoxWorld(center(servers=8, per_rack=4), fake)
            world.source().setup("present", False)
            yield world
            world.close()
    else:
        world = request.getfixturevalue("nautobot_world" if request.param == "nautobot" else "netbox_live")
        world.proxy.heal()
        yield world
        world.proxy.heal()
