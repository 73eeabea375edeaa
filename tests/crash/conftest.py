# SPDX-License-Identifier: GPL-3.0-or-later
"""The smallest lab that an order of one server can be made, moved and released in."""

from __future__ import annotations

import os

import pytest

from tests.conftest import Site, make_lab

LAB = int(os.environ.get("LEASEHOLD_TEST_LAB", "48"))  # others test on this machine, too


@pytest.fixture(scope="session")
def lab():
    yield from make_lab(LAB, "--racks", "1", "--servers-per-rack", "3", "--boot-delay", "0", "--install-delay", "0")


@pytest.fixture(scope="session")
def site(lab):
    site = Site(lab)
    site.play("source_sync").succeeded()
    return site
