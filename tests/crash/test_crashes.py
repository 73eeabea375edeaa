# SPDX-License-Identifier: GPL-3.0-or-later
"""ansible-playbook is killed at each of its tasks; run again to the end, it is done, and nothing is left.

C(LEASEHOLD_CRASH_EVERY) takes each so manieth task, C(LEASEHOLD_CRASH_FROM) the first, C(LEASEHOLD_CRASH_OPERATIONS) some of
create, scale and delete, C(LEASEHOLD_CRASH_WHEN) C(ends) or C(begins): whether it is killed after a task or within it.
"""

from __future__ import annotations

import os
import sys
import textwrap
import time
from collections.abc import Callable, Iterator

import pytest
from rich.console import Console
from rich.table import Table

from tests.crash.crashes import Crashes, Kill, problems_of_gone, problems_of_ready
from tests.e2e import world

EVERY = int(os.environ.get("LEASEHOLD_CRASH_EVERY", "1"))
FROM = int(os.environ.get("LEASEHOLD_CRASH_FROM", "1"))
OPERATIONS = os.environ.get("LEASEHOLD_CRASH_OPERATIONS", "create,scale,delete").split(",")
WHEN = os.environ.get("LEASEHOLD_CRASH_WHEN", "ends")
NODE_SETS = {"workers": 1}
ORDER = {"cluster_name": "teal", "cluster_tenant": "umbrella", "cluster_lease_duration": "12h",
         "cluster_node_sets": [{"name": "workers", "class": "cpu", "count": 1}]}
DELETE = {"cluster_name": "teal"}


@pytest.fixture(scope="module")
def crashes(site):
    return Crashes(site)


@pytest.fixture(scope="module")
def table():
    """Every kill, told at the end."""
    kills: list[Kill] = []
    yield kills
    shown = Table(title="ansible-playbook, killed")
    for heading in ("operation", "task", "", "killed", "the ledger's run", "run again", "s", "result"):
        shown.add_column(heading)
    for kill in kills:
        shown.add_row(kill.operation, str(kill.number), kill.task, kill.when, kill.step, kill.again, f"{kill.seconds:.0f}",
                      "; ".join(kill.problems) or "nothing is left")
    Console(file=sys.stdout, width=200).print(shown)


def wanted(operation: str, tasks: list[dict]) -> Iterator[dict]:
    """The tasks at which it is killed."""
    if operation not in OPERATIONS:
        pytest.skip("not among LEASEHOLD_CRASH_OPERATIONS")
    return (task for task in tasks if task["number"] >= FROM and (task["number"] - FROM) % EVERY == 0)


def killed(crashes: Crashes, table: list[Kill], operation: str, task: dict, order: dict, finish: tuple[str, dict],
           problems: Callable[[], list[str]]) -> None:
    """Kill it there, finish it with another run, and look at what there is then."""
    began = time.monotonic()
    crashes.kill(f"cluster_{operation}", order, task, WHEN)
    step = crashes.step("teal")
    failed = crashes.again(*finish)
    found = [failed] if failed else problems()
    named = f"{task['play']}: {textwrap.shorten(task['task'], 70)}"
    kill = Kill(operation, task["number"], named, WHEN, step, finish[0], time.monotonic() - began, tuple(found))
    table.append(kill)
    print(f"{operation} {kill.number:3} {WHEN} {kill.task}: {kill.seconds:.0f} s, {'; '.join(found) or 'well'}", flush=True)


def cleaned(crashes: Crashes) -> list[str]:
    """The cluster is released, and what is left of it."""
    return list(filter(None, [crashes.again("cluster_delete", DELETE)])) or problems_of_gone(crashes.lab, "teal")


def check(table: list[Kill], operation: str) -> None:
    """A kill that left something behind is told with all the others."""
    bad = [kill for kill in table if kill.operation == operation and kill.problems]
    assert not bad, "\n".join(f"{kill.operation} killed at {kill.number} ({kill.task}): {'; '.join(kill.problems)}" for kill in bad)
    assert any(kill.operation == operation for kill in table)


def test_create_is_killed_at_each_task(crashes, table):
    """Finished in turns by another create, and by a delete that abandons it."""
    tasks = wanted("create", crashes.record("cluster_create", ORDER) if "create" in OPERATIONS else [])
    assert cleaned(crashes) == []
    for turn, task in enumerate(tasks):
        if turn % 2:
            killed(crashes, table, "create", task, ORDER, ("cluster_delete", DELETE), lambda: problems_of_gone(crashes.lab, "teal"))
            continue
        killed(crashes, table, "create", task, ORDER, ("cluster_create", ORDER), lambda: problems_of_ready(crashes.lab, "teal", NODE_SETS))
        left = cleaned(crashes)
        assert left == [], f"after create was killed at {task}, finished and deleted"
    check(table, "create")


def test_scale_is_killed_at_each_task(crashes, table):
    """One server joins and another leaves in one order; each time it goes the other way."""
    swaps = "scale" in OPERATIONS and crashes.again("cluster_create", ORDER) == ""
    tasks = wanted("scale", crashes.record("cluster_scale", swap(crashes)) if swaps else [])
    for task in tasks:
        order = swap(crashes)
        (leaver,) = order["cluster_remove_servers"]

        def problems(gone: str = leaver) -> list[str]:
            still = [f"{gone} did not leave"] if gone in world.held(crashes.lab, "teal") else []
            return still + problems_of_ready(crashes.lab, "teal", NODE_SETS)

        killed(crashes, table, "scale", task, order, ("cluster_scale", order), problems)
    assert cleaned(crashes) == []
    check(table, "scale")


def swap(crashes: Crashes) -> dict:
    """An order that takes the cluster's server away and adds another."""
    return {key: ORDER[key] for key in ("cluster_name", "cluster_node_sets")} | {"cluster_remove_servers": sorted(world.held(crashes.lab, "teal"))}


def test_delete_is_killed_at_each_task(crashes, table):
    tasks = []
    if "delete" in OPERATIONS:
        assert crashes.again("cluster_create", ORDER) == ""
        tasks = crashes.record("cluster_delete", DELETE)
    for task in wanted("delete", tasks):
        assert crashes.again("cluster_create", ORDER) == ""
        killed(crashes, table, "delete", task, DELETE, ("cluster_delete", DELETE), lambda: problems_of_gone(crashes.lab, "teal"))
    check(table, "delete")
