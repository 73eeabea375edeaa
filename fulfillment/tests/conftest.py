# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs of this directory's own playbooks."""

from __future__ import annotations

from pathlib import Path

import pytest

from leasehold_fulfillment import jobs
from leasehold_fulfillment.orders import Order

PLAYBOOKS = Path(__file__).parent / "plays"


@pytest.fixture
def settings(tmp_path):
    """A function: settings of a run of one of our playbooks, under whatever operation."""
    hosts = tmp_path / "inventory.yml"
    hosts.write_text('all: {hosts: {localhost: {ansible_connection: local, ansible_python_interpreter: "{{ ansible_playbook_python }}"}}}\n')

    def make(playbook: str, **options) -> jobs.Settings:
        playbooks = dict.fromkeys(("create", "delete", "show"), str(PLAYBOOKS / playbook))
        options = {"inventory": (str(hosts),)} | options
        return jobs.Settings(state_dir=tmp_path / "state", directory=tmp_path, playbooks=playbooks, **options)

    return make


@pytest.fixture
def launch(settings):
    """A function: launch one of our playbooks; returns its job."""

    def start(playbook: str, variables: dict | None = None, operation: str = "create", **options) -> jobs.Job:
        return jobs.launch(Order({"cluster_name": "alpha"} | (variables or {})), operation, settings(playbook, **options))

    return start
