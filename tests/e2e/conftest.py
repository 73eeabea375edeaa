"""The lab that the end-to-end tests share: two racks of four servers, hardware that is quick."""

from __future__ import annotations

import pytest

from tests.conftest import Site, make_lab


@pytest.fixture(scope="session")
def lab():
    yield from make_lab(41, "--racks", "2", "--servers-per-rack", "4", "--boot-delay", "0.2", "--install-delay", "0.2")


@pytest.fixture(scope="session")
def site(lab):
    site = Site(lab)
    site.play("source_sync").succeeded()
    return site
