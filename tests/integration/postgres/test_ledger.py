# SPDX-License-Identifier: GPL-3.0-or-later
"""All of the ledger's tests once more, on PostgreSQL."""

# pylint: disable=wildcard-import,unused-wildcard-import
from __future__ import annotations

from tests.unit.plugins.module_utils.ledger.test_audit import *
from tests.unit.plugins.module_utils.ledger.test_claims import *
from tests.unit.plugins.module_utils.ledger.test_clusters import *
from tests.unit.plugins.module_utils.ledger.test_database import *
from tests.unit.plugins.module_utils.ledger.test_free import *
from tests.unit.plugins.module_utils.ledger.test_gang import *
from tests.unit.plugins.module_utils.ledger.test_glance import *
from tests.unit.plugins.module_utils.ledger.test_ground import *
from tests.unit.plugins.module_utils.ledger.test_holds import *
from tests.unit.plugins.module_utils.ledger.test_leases import *
from tests.unit.plugins.module_utils.ledger.test_migrations import *
from tests.unit.plugins.module_utils.ledger.test_mirror import *
from tests.unit.plugins.module_utils.ledger.test_publishing import *
from tests.unit.plugins.module_utils.ledger.test_quotas import *
from tests.unit.plugins.module_utils.ledger.test_report import *
from tests.unit.plugins.module_utils.ledger.test_reservations import *
from tests.unit.plugins.module_utils.ledger.test_runs import *
from tests.unit.plugins.module_utils.ledger.test_servers import *
from tests.unit.plugins.module_utils.ledger.test_stock import *
from tests.unit.plugins.module_utils.ledger.test_survey import *
from tests.unit.plugins.module_utils.ledger.test_syncing import *
from tests.unit.plugins.module_utils.ledger.test_warm_syncs import *
from tests.unit.plugins.module_utils.ledger.test_sweeps import *
