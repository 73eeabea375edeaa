# SPDX-License-Identifier: GPL-3.0-or-later
"""What constraints may ask of a place, and the stock that a site's servers make."""

from __future__ import annotations

import pytest

from ansible_collections.leasehold.cloud.plugins.module_utils.core.placement import (
    Place, cell_document, cell_name, natural, place_of, stock_of,
)

from .sites import server, site

PLACE = Place("r1", ("leaf-r1a", "leaf-r1b"), {
    "gpus": 8, "gpu_model": "H100", "memory_gib": 2048.0, "virtual": False, "features": ["sriov", "rdma"], "gpu": {"model": "H100", "nvlink": 4},
    "gpu.vendor": "nvidia", "power_feed": None,
})


@pytest.mark.parametrize(("key", "wanted", "met"), [
    ("rack", "r1", True), ("rack", ["r2", "r1"], True), ("rack", "r2", False),
    ("gpus", 8, True), ("gpus", "8", True), ("gpus", 8.0, True), ("gpus", True, False), ("gpus", [4, 8], True), ("gpus", [4, 16], False),
    ("gpu_model", "H100", True), ("gpu_model", "h100", False), ("gpu_model", "!=A100", True), ("gpu_model", "!=H100", False),
    ("gpu_model", ">=1", False),
    ("memory_gib", ">=2048", True), ("memory_gib", "> 2048", False), ("memory_gib", "<=2048", True), ("memory_gib", "<2048.5", True),
    ("memory_gib", 2048, True), ("memory_gib", ["<1024", ">=2048"], True),
    ("virtual", False, True), ("virtual", "false", True), ("virtual", 0, False),
    ("features", "rdma", True), ("features", "dpu", False), ("features", ["dpu", "sriov"], True),
    ("gpu.model", "H100", True), ("gpu.nvlink", ">2", True), ("gpu.vendor", "nvidia", True), ("gpu.none.deep", "x", False),
    ("absent", "x", False), ("absent", "!=x", False), ("power_feed", "None", False), ("power_feed", "!=A", False),
])
def test_what_meets_a_requirement(key, wanted, met):
    assert PLACE.meets(key, wanted) is met


@pytest.mark.parametrize(("kind", "domain"), [
    ("rack", "r1"), ("leaf_pair", "leaf-r1a+leaf-r1b"), ("gpus", "8"), ("memory_gib", "2048"), ("gpu.model", "H100"), ("virtual", "false"),
    ("absent", None), ("power_feed", None), ("features", '["sriov","rdma"]'),
])
def test_the_domains_that_a_place_is_in(kind, domain):
    assert PLACE.domain(kind) == domain


def test_names_sort_naturally_and_never_tie():
    names = ["r10-s1", "r2-s10", "r2-s9", "r02-s9", "a", "r2"]
    assert sorted(names, key=natural) == ["a", "r2", "r02-s9", "r2-s9", "r2-s10", "r10-s1"]
    assert len(set(map(natural, names))) == len(names)


def test_servers_that_differ_in_anything_constraints_ask_for_are_in_different_cells():
    one = server("r1-s01")
    others = [server("r1-s01", attributes={"gpus": 8}), server("r1-s01", rack="r2"), server("r1-s01", server_class="gpu"), server("r2-s01", rack="r1")]
    cells = {cell_name(cell_document("lab", each)) for each in (one, *others)}
    assert len(cells) == 5 and cell_name(cell_document("elsewhere", one)) not in cells
    assert cell_name(cell_document("lab", server("r1-s03", serial="x", status="retired"))) in cells


def test_a_stock_counts_by_cell_and_keeps_named_servers_apart():
    datacenter = site(servers=(server("r1-s03"), server("r1-s01"), server("r1-s05", state="quarantined"), server("r1-s07"), server("r1-s02")))
    stock, free = stock_of(datacenter, {"r1-s07"}, {"r1-s03"})
    cpu, named = [cell for cell in stock.cells if cell.server_class == "cpu"]
    assert (cpu.free, dict(cpu.others), cpu.name, cpu.place) == (1, {"state quarantined": 1, "held by a cluster": 1}, None, place_of(server("r1-s01")))
    assert (named.free, named.name) == (1, "r1-s03")
    assert [[each.name for each in free[cell.key]] for cell in (cpu, named)] == [["r1-s01"], ["r1-s03"]]
    assert stock.classes == {"cpu": 4, "gpu": 1}
