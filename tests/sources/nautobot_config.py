# SPDX-License-Identifier: GPL-3.0-or-later
"""The configuration of the tests' own Nautobot: nothing leaves the machine, and nothing has to survive it."""

from __future__ import annotations

import os

from nautobot.core.settings import *  # noqa: F403  pylint: disable=wildcard-import,unused-wildcard-import
from nautobot.core.settings_funcs import parse_redis_connection

SECRET_KEY = "no secret: of the tests' own Nautobot, on loopback alone"
ALLOWED_HOSTS = ["127.0.0.1", "localhost"]
INSTALLATION_METRICS_ENABLED = False
CELERY_BROKER_URL = parse_redis_connection(redis_database=0).replace("unix://", "redis+socket://").replace("?db=", "?virtual_host=")
CACHES["default"]["KEY_PREFIX"] = os.environ["NAUTOBOT_DB_NAME"]  # noqa: F405  pylint: disable=undefined-variable  # sites share one Redis


class _None(dict):
    """No app has migrations: Django makes all tables from the models as they are now."""

    def __contains__(self, _app) -> bool:
        return True

    def __getitem__(self, _app) -> None:
        return None

    def get(self, _app, _default=None) -> None:
        return None


if os.environ.get("LEASEHOLD_TABLES_FROM_MODELS"):
    MIGRATION_MODULES = _None()
