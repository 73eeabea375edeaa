"""The lab that the end-to-end tests share: two racks of four servers, hardware that is quick. One for each pytest-xdist worker.

Each module leaves it as it found it: nobody holds a server, and all are clean.
"""

from __future__ import annotations

import os

import pytest

from tests.conftest import Site, make_lab

WORKER = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))
LAB = int(os.environ.get("LEASEHOLD_TEST_LAB", "41")) + 100 * WORKER  # others test on this machine, too


@pytest.fixture(scope="session")
def lab():
    yield from make_lab(LAB, "--racks", "2", "--servers-per-rack", "4", "--boot-delay", "0.2", "--install-delay", "0.2")


@pytest.fixture(scope="session")
def site(lab):
    site = Site(lab)
    site.play("source_sync").succeeded()
    return site
