# SPDX-License-Identifier: GPL-3.0-or-later
"""How many of which cells: against the same choice made the slow way, and what must hold of any."""

from __future__ import annotations

import collections
import dataclasses
import itertools
import random

import pytest
from hypothesis import event, given, settings, strategies as st

from ansible_collections.leasehold.cloud.plugins.module_utils.core import allocate, shortage
from ansible_collections.leasehold.cloud.plugins.module_utils.core.claims import NodeSet
from ansible_collections.leasehold.cloud.plugins.module_utils.core.errors import NoCapacity
from ansible_collections.leasehold.cloud.plugins.module_utils.core.flow import most_through
from ansible_collections.leasehold.cloud.plugins.module_utils.core.picks import pick
from ansible_collections.leasehold.cloud.plugins.module_utils.core.placement import Cell, Place, Stock

from . import naive


def chosen(request, cells, placement, peers):
    """What is taken of which cell, None where it is impossible."""
    picks = pick(request, [cell for cell in cells if naive.passes(request, cell)], placement, peers)
    return None if picks is None else {cell.key: count for cell, count in picks}


def choose(request, stock, placement, peers=()):
    """What a single node set takes."""
    return allocate.choose_all([request], stock, placement, peers)[request.name]


@pytest.mark.parametrize("theme", naive.THEMES)
@given(st.data())
def test_the_choice_is_the_one_that_is_made_the_slow_way(theme, data):
    request, cells, placement, peers = data.draw(naive.cases([theme]))
    expected = naive.Naive(request, cells, placement, peers).choose()
    event("possible" if expected else "impossible")
    assert chosen(request, cells, placement, peers) == expected


@given(naive.cases(), st.randoms(use_true_random=False))
def test_the_order_of_the_cells_does_not_matter(case, shuffler):
    request, cells, placement, peers = case
    shuffled = list(cells)
    shuffler.shuffle(shuffled)
    assert chosen(request, shuffled, placement, peers) == chosen(request, cells, placement, peers)


@settings(max_examples=300)
@given(naive.cases(), st.integers(0, 3))
def test_a_choice_keeps_every_constraint_or_nothing_is_taken(case, spares):
    request, cells, placement, peers = case
    stock = Stock((*cells, Cell("cpu", "cpu", Place("r1", ("r1a",)), 9, "")), {"gpu": spares, "cpu": 9})
    known = {cell.key: cell for cell in cells}
    spared = min(naive.most(request, cells, peers), max(0, sum(cell.free for cell in cells) - spares))
    able = max(spared, naive.most(request, [cell for cell in cells if cell.reserved], peers))
    try:
        taken = {cell.key: count for cell, count in choose(request, stock, placement, peers)}
    except NoCapacity as error:
        assert error.details["free"] == able < request.count
        return
    assert sum(taken.values()) == request.count <= able
    assert all(0 < count <= known[key].free and naive.passes(request, known[key]) for key, count in taken.items())
    assert naive.allowed(request, taken, known, peers)
    assert set(request.include) <= {known[key].name for key in taken}
    assert request.count <= spared or all(known[key].reserved for key in taken), "the spares are only for whom they were promised to"


@settings(max_examples=300)
@given(naive.cases(), st.integers(0, 3))
def test_what_a_shortage_says_is_true(case, spares):
    """Its reasons add up, and each way out gives as many as it says, and not one more."""
    request, cells, placement, peers = case
    request = dataclasses.replace(request, count=request.count + 3)
    cells = [dataclasses.replace(cell, others={"state quarantined": 2}) for cell in cells]
    stock = Stock(tuple(cells), {"gpu": spares}, {"gpu": sum(cell.free + 2 for cell in cells), "cpu": 7})
    try:
        choose(request, stock, placement, peers)
    except NoCapacity as error:
        details = error.details
        assert sum(details["reasons"].values()) + details["free"] == sum(stock.classes.values())
        assert details["reasons"]["class cpu"] == 7 and details["reasons"]["state quarantined"] == 2 * len(cells)
        for option in details["possible"]:
            change = dict(option["change"])
            eased = dataclasses.replace(stock, spares=change.pop("spares", stock.spares))
            count = option["count"]
            assert option["enough"] == (count >= request.count) and str(count) in option["text"] or "instead of" in option["text"]
            choose(dataclasses.replace(request, **change | {"count": count}), eased, placement, peers)
            with pytest.raises(NoCapacity):
                choose(dataclasses.replace(request, **change | {"count": count + 1}), eased, placement, peers)


@given(st.dictionaries(st.tuples(st.sampled_from("abc"), st.sampled_from("xyz")), st.integers(0, 3), max_size=5), st.data())
def test_the_greatest_flow_is_that_of_the_least_cut(sizes, data):
    ones = {one: data.draw(st.integers(0, 3)) for one in "abc"}
    others = {other: data.draw(st.integers(0, 3)) for other in "xyz"}
    cut = min(
        sum(ones[one] for one in "abc" if one not in left) + sum(others[other] for other in right)
        + sum(size for (one, other), size in sizes.items() if one in left and other not in right)
        for left in subsets("abc") for right in subsets("xyz"))
    used = {one: ones[one] for one, _other in sizes}, {other: others[other] for _one, other in sizes}
    assert most_through(sizes, *used) == cut


def subsets(letters: str) -> list[str]:
    return ["".join(letter for place, letter in enumerate(letters) if number >> place & 1) for number in range(2 ** len(letters))]


def cell(key: str, rack: str, free: int = 4, leafs: tuple = (), **changes) -> Cell:
    options = {field: changes.pop(field) for field in ("name", "reserved", "held", "inside", "server_class") if field in changes}
    return Cell(key, options.pop("server_class", "gpu"), Place(rack, leafs or (f"{rack}a", f"{rack}b"), changes), free, key, **options)


def want(count: int, **constraints) -> NodeSet:
    return NodeSet("w", "gpu", count, **constraints)


@pytest.mark.parametrize(("request_", "placement", "expected"), [
    (want(2), "spread", {"a": 1, "c": 1}),
    (want(2), "pack", {"c": 2}),
    (want(3), "pack", {"a": 3}),
    (want(3, spread_by="feed"), "pack", {"a": 1, "b": 1, "c": 1}),
    (want(6, pack_by="feed"), "spread", {"a": 4, "c": 2}),
    (want(6, pack_by="feed", spread_by="rack"), "spread", {"a": 4, "c": 2}),
    (want(4, pack_by="feed", spread_by="rack"), "spread", {"b": 4}),
    (want(5, pack_by="feed", spread_by="rack"), "spread", {"a": 3, "c": 2}),
    (want(4, within="rack"), "spread", {"a": 4}),
    (want(5, within="rack"), "spread", {"a": 4, "b": 1}),
    (want(2, max_per={"rack": 1}), "pack", {"a": 1, "c": 1}),
    (want(3, require={"feed": "B"}), "spread", {"b": 3}),
    (want(3, max_per={"rack": 2, "feed": 2}), "pack", {"a": 1, "b": 1, "c": 1}),
])
def test_what_constraints_make_of_a_small_site(request_, placement, expected):
    """r1 has a (feed A) and b (feed B), r2 has c (feed A)."""
    site = [cell("a", "r1", feed="A"), cell("b", "r1", feed="B"), cell("c", "r2", 2, feed="A")]
    assert chosen(request_, site, placement, []) == expected


def test_two_caps_that_cross_do_not_lead_into_a_dead_end():
    """To begin with the first rack's feed A, as names say, would leave only one more."""
    site = [cell("a", "r1", 1, feed="A"), cell("b", "r1", 1, feed="B"), cell("c", "r2", 1, feed="A")]
    assert chosen(want(2, max_per={"rack": 1, "feed": 1}), site, "spread", []) == {"b": 1, "c": 1}


def test_what_is_reserved_goes_first_and_what_somebody_holds_until_then_last():
    site = [cell("a", "r1", 1, held=True), cell("b", "r1", 1), cell("c", "r1", 1, name="c", reserved="w"), cell("d", "r1", 1, name="d", reserved="other")]
    assert [chosen(want(count), site, "spread", []) for count in (1, 2, 3)] == [{"c": 1}, {"b": 1, "c": 1}, {"b": 1, "c": 1, "d": 1}]


def test_a_packed_node_set_grows_near_its_own_and_then_near_its_cluster():
    site = [cell("a", "r1", leafs=("l1",)), cell("b", "r1", leafs=("l2",)), cell("c", "r2", leafs=("l3",)), cell("d", "r3", leafs=("l4",))]
    own, cluster = ("w", Place("r2", ("l3",))), ("other", Place("r1", ("l2",)))
    assert chosen(want(1), site, "pack", [own, cluster, cluster]) == {"c": 1}
    assert chosen(want(1), site, "pack", [cluster]) == {"b": 1}
    assert chosen(want(6), site, "pack", [cluster]) == {"a": 2, "b": 4}, "the other leaves of the same rack are nearer than another rack"


def test_servers_outside_the_envelope_are_taken_where_those_inside_do_not_do():
    stock = Stock((cell("a", "r1", 1, inside=False), cell("b", "r2", 1)))
    assert [(some.key, count) for some, count in choose(want(1), stock, "spread")] == [("b", 1)]
    assert len(choose(want(2), stock, "spread")) == 2


def test_a_node_set_that_can_do_with_few_chooses_before_one_that_can_do_with_many():
    stock = Stock((cell("a", "r1", 2, model="H100"), cell("b", "r2", 2, model="A100")))
    picky = dataclasses.replace(want(2, require={"model": "H100"}), name="picky")
    found = allocate.choose_all([want(2), picky], stock, "spread")
    assert {name: [(some.key, count) for some, count in picks] for name, picks in found.items()} == {"picky": [("a", 2)], "w": [("b", 2)]}
    with pytest.raises(NoCapacity) as error:
        allocate.choose_all([want(3), picky], stock, "spread")
    assert error.value.object == "node set picky"
    assert error.value.details["reasons"] == {"taken by node set w of this order": 3, "require.model": 0} | error.value.details["reasons"]


A, B, C, D = (dataclasses.replace(want(1, require={"rack": racks} if racks else {}), name=name) for name, racks in (
    ("a", None), ("b", ["r1", "r2"]), ("c", "r1"), ("b", ["r1", "r3"])))


@pytest.mark.parametrize("node_sets", list(itertools.permutations([A, B, C])))
def test_in_whatever_order_node_sets_are_written_each_finds_its_own(node_sets):
    found = allocate.choose_all(node_sets, Stock(tuple(cell(rack, rack, 1) for rack in ("r1", "r2", "r3"))), "spread")
    assert {name: [some.key for some, _count in picks] for name, picks in found.items()} == {"a": ["r3"], "b": ["r2"], "c": ["r1"]}


@pytest.mark.parametrize("node_sets", [(A, D), (D, A)])
def test_what_the_envelope_holds_does_for_all_node_sets_where_it_can(node_sets):
    stock = Stock((cell("r1", "r1", 1), cell("r2", "r2", 1), cell("r3", "r3", 1, inside=False)))
    found = allocate.choose_all(node_sets, stock, "spread")
    assert {name: [some.key for some, _count in picks] for name, picks in found.items()} == {"a": ["r2"], "b": ["r1"]}


def fits(node_sets, free: dict[str, int]) -> bool:
    """Whether so many of each rack do for all, the slow way."""
    if not node_sets:
        return True
    racks, count = node_sets[0].require["rack"], node_sets[0].count
    ways = (way for way in itertools.product(*(range(free[rack] + 1) for rack in racks)) if sum(way) == count)
    return any(fits(node_sets[1:], free | {rack: free[rack] - taken for rack, taken in zip(racks, way)}) for way in ways)


def test_node_sets_find_what_there_is_for_all_of_them_inside_the_envelope_first():
    """Always the same sites and orders: one after the other, node sets do not find every way that there is, but they find these."""
    dice = random.Random(1)
    outcomes = collections.Counter()
    for _case in range(2000):
        free = {f"r{number}": dice.randint(1, 2) for number in range(dice.randint(3, 4))}
        outside = dice.choice([[], ["r0"]])
        node_sets = [dataclasses.replace(want(dice.randint(1, 2), require={"rack": dice.sample(sorted(free), dice.randint(1, len(free)))}), name=f"n{number}")
                     for number in range(dice.randint(2, 4))]
        stock = Stock(tuple(cell(rack, rack, count, inside=rack not in outside) for rack, count in free.items()))
        try:
            found = allocate.choose_all(node_sets, stock, "spread")
        except NoCapacity:
            outcomes["impossible"] += 1
            assert not fits(node_sets, free)
            continue
        assert {node_set.name: node_set.count for node_set in node_sets} == {name: sum(count for _some, count in picks) for name, picks in found.items()}
        delegated = all(some.inside for picks in found.values() for some, _count in picks)
        assert delegated == fits(node_sets, free | dict.fromkeys(outside, 0))
        outcomes[delegated] += 1
    assert min(outcomes.values()) > 200 and len(outcomes) == 3, "all of them were tried"


def test_spares_are_left_by_all_node_sets_together():
    stock = Stock((cell("a", "r1", 4),), {"gpu": 1})
    two = [want(2), dataclasses.replace(want(2), name="v")]
    with pytest.raises(NoCapacity, match="1 kept as spares"):
        allocate.choose_all(two, stock, "spread")
    assert allocate.choose_all([two[0], dataclasses.replace(two[1], count=1)], stock, "spread")


def test_what_was_promised_is_not_kept_as_spares():
    """Three servers that nobody has reserved, two of class gpu to be left; r1's four are promised to node set w."""
    stock = Stock((cell("free", "r2", 3), *(cell(f"own{number}", "r1", 1, name=f"own{number}", reserved="w") for number in range(4))), {"gpu": 2})

    def taken(*node_sets):
        found = allocate.choose_all(node_sets, stock, "spread")
        return {name: sum(count for some, count in picks if not some.reserved) for name, picks in found.items()}

    more = dataclasses.replace(want(2), name="more")
    assert taken(want(4)) == {"w": 0} and taken(want(5)) == {"w": 1} and taken(want(3), more) == {"w": 0, "more": 2}
    for node_sets in ([want(4), more], [more, want(4)], [want(6)]):
        with pytest.raises(NoCapacity, match="kept as spares"):
            taken(*node_sets)
    less = dataclasses.replace(stock, cells=(cell("free", "r2", 1), *stock.cells[1:]))
    assert [(some.key, count) for some, count in choose(want(4), less, "spread")] == [(f"own{number}", 1) for number in range(4)]
    with pytest.raises(NoCapacity, match="4 can be had"):
        choose(want(5), less, "spread")


def test_a_shortage_as_a_table_and_a_sentence():
    stock = Stock(
        tuple(dataclasses.replace(some, others={"held by a cluster": 2}) for some in (cell("a", "r1", 3, model="H100"), cell("b", "r2", 3, model="A100"))),
        {"gpu": 1}, {"gpu": 10, "cpu": 5})
    error = shortage.explain(want(4, require={"model": "H100"}, max_per={"rack": 2}), stock, [])
    assert error.message == ("4 servers of class gpu are needed, 2 can be had; the others: 5 class cpu, 4 held by a cluster, "
                             "3 ruled out by require.model, 1 ruled out by max_per.rack")
    assert error.remedy == "Possible: 4 without require.model; count 2. Or order another class, or return servers to service."
    assert error.details["table"].splitlines() == [
        "node set w: 4 of class gpu wanted, 2 can be had",
        "                       ruled out      left",
        "  servers of the site                   15",
        "  class cpu                    5        10",
        "  held by a cluster            4         6",
        "  require.model                3         3",
        "  max_per.rack                 1         2",
        "  possible: 4 without require.model",
        "  possible: 3 without max_per.rack",
        "  possible: count 2",
    ]


@pytest.mark.parametrize(("named", "why"), [
    (cell("x", "r1", 0, name="x"), "cannot be had"), (cell("x", "r1", 1, name="x", server_class="cpu"), "class cpu"),
    (cell("x", "r1", 1, name="x", model="A100"), "require.model"), (cell("x", "r1", 1, name="y"), "not a server of the site"),
])
def test_an_included_server_that_cannot_be_had_is_told(named, why):
    stock = Stock((cell("a", "r1", 3, model="H100"), named))
    with pytest.raises(NoCapacity) as error:
        choose(want(2, require={"model": "H100"}, include=("x",)), stock, "spread")
    assert error.value.details["include"] == {"x": why} and f"x: {why}" in error.value.message
    assert {"include": ()} in [option["change"] for option in error.value.details["possible"]]
