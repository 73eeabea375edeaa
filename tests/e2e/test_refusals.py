"""Orders that cannot be carried out are refused with their error code, before anything is written anywhere."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.e2e import world
from tests.e2e.conftest import RED
from tests.e2e.runs import PATIENCE

BAD = {
    "a class that no server has": ({"cluster_node_sets": [{"name": "workers", "class": "tpu", "count": 1}]}, "no_capacity"),
    "more servers than there are": ({"cluster_node_sets": [{"name": "workers", "class": "cpu", "count": 40}]}, "no_capacity"),
    "a cluster name that is none": ({"cluster_name": "Bad_Name"}, "invalid_order"),
    "a tenant name that is none": ({"cluster_tenant": "-umbrella"}, "invalid_order"),
    "a template that is not there": ({"cluster_template": "mainframe"}, "invalid_order"),
    "a lease that is no duration": ({"cluster_lease_duration": "soon"}, "invalid_order"),
}


@pytest.fixture(scope="module")
def refused(made, lab, site):
    before = world.snapshot(lab)

    def order(change: dict):
        return site.play("cluster_create", {**RED, "cluster_name": "grey", **change}, timeout=PATIENCE)
    with ThreadPoolExecutor(2) as threads:
        played = list(threads.map(order, [change for change, _ in BAD.values()]))
    return before, dict(zip(BAD, played, strict=True)), world.snapshot(lab)


@pytest.mark.parametrize("name", BAD)
def test_a_bad_order_is_refused(name, refused):
    refused[1][name].failed_with(BAD[name][1])
    assert "Remedy: " in refused[1][name].output


def test_nothing_was_written(refused):
    before, _, after = refused
    assert after == before


def test_the_command_exits_with_2_for_bad_input(made, leasehold):
    ended = leasehold("create", {**RED, "cluster_name": "Bad_Name"})
    assert ended.returncode == 2, ended.output[-4000:]
    [outcome] = ended.of("outcome")
    assert outcome["failure"]["error_code"] == "invalid_order"
