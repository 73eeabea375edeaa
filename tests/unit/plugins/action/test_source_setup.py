# SPDX-License-Identifier: GPL-3.0-or-later
"""The action source_setup as a task runs it: check, apply, apply again, undo."""

from __future__ import annotations

import json

import pytest

from tests.netbox.fake import FakeNetBox
from tests.unit.plugins.action.test_ledger_actions import prompt, runner  # pylint: disable=unused-import


@pytest.fixture
def netbox():
    with FakeNetBox() as fake:
        fake.writer.create(fake.model("dcim.site"), {"name": "fra1", "slug": "fra1"})
        yield fake


@pytest.fixture
def task(prompt, netbox):
    """Runs the action against the fake."""
    def run(check: bool = False, **options) -> dict:
        given = {"kind": "netbox", "url": netbox.url, "site": "fra1", "token": netbox.token, "mapping": {"publish": ["cluster", "vlan"]}, **options}
        prompt.process.stdin.write(json.dumps({"module": "source_setup", "options": given, "check": check}) + "\n")
        prompt.process.stdin.flush()
        return json.loads(prompt.process.stdout.readline())

    return run


def test_checked_made_once_and_undone(task, netbox):
    foreseen = task(check=True)
    assert foreseen["changed"] and not netbox.store.rows["extras.exporttemplate"]
    made = task()
    assert (made["objects"], made["changed"]) == (foreseen["objects"], True) and len(made["objects"]) == 10
    assert "leasehold.cloud change and leasehold.cloud make" in " ".join(made["advice"])
    again = task()
    assert (again["changed"], again["objects"]) == (False, []) and again["advice"] == made["advice"]
    undone = task(state="absent")
    assert undone["changed"] and undone["advice"] == [] and not netbox.store.rows["extras.exporttemplate"]
    assert not task(state="absent")["changed"]


def test_whoever_only_reads_is_told_to_use_a_token_that_cannot_write(task):
    assert any("cannot write" in line for line in task(mapping=None)["advice"])


def test_its_diff_is_short_and_without_the_token(task, netbox):
    made = task()
    assert "extras.customfield leasehold_cluster" in made["diff"]["after"]
    assert len(made["diff"]["after"]) < 6000 and netbox.token not in json.dumps(made)


@pytest.mark.parametrize("options", [{"kind": "file", "path": "/nowhere"}, {"site": None}, {"token": "nbt_wrong.token"}])
def test_what_cannot_be_set_up(task, options):
    assert task(**options)["error_code"] == "invalid_input"
