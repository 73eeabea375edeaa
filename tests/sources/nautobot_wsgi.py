# SPDX-License-Identifier: GPL-3.0-or-later
"""Nautobot's own application, with its GraphQL schema made before workers are forked: once instead of once a worker."""

from __future__ import annotations

from nautobot.core.wsgi import application  # first: it sets Django up

from django.db import connections
from graphene_django.settings import graphene_settings

__all__ = ["application"]

graphene_settings.SCHEMA  # noqa: B018
connections.close_all()  # none is shared by processes
