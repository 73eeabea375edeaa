# SPDX-License-Identifier: GPL-3.0-or-later
"""What quotas allow, warn of and refuse: decided from limits, use and what is wanted."""

from __future__ import annotations

import datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.leasehold.cloud.plugins.module_utils.core import quotas
from ansible_collections.leasehold.cloud.plugins.module_utils.core.errors import InvalidInput, QuotaExceeded
from ansible_collections.leasehold.cloud.plugins.module_utils.core.quotas import HOUR, Holding, Limit

NOW = datetime.datetime(2026, 11, 29, 12, tzinfo=datetime.timezone.utc)


def hours(count: float) -> datetime.timedelta:
    return datetime.timedelta(hours=count)


def servers(cluster: str, count: int, start=NOW, end: datetime.datetime | None = NOW + hours(24), server_class: str = "cpu") -> Holding:
    return Holding(cluster, "server", server_class, count, start, end)


def segment(cluster: str) -> Holding:
    return Holding(cluster, "segment", "", 1, NOW, None)


def judged(limit: Limit, after, others=(), before=(), spent=None):
    return quotas.judge([limit], list(others), list(before), list(after), spent or {}, NOW)


def test_a_hard_limit_refuses_and_tells_who_uses_what():
    found = judged(Limit("acme", "servers", "gpu", 2, 6), [servers("new", 3, server_class="gpu"), servers("new", 9)],
                   [servers("blue", 3, server_class="gpu"), servers("blue", 5), servers("green", 1, server_class="gpu")])
    with pytest.raises(QuotaExceeded) as refused:
        quotas.warnings(found, "claiming")
    error = refused.value
    assert error.message == "it may use 6 servers of class gpu; it uses 4 (blue 3, green 1), and wants 3 more"
    assert (error.object, error.attempted) == ("tenant acme", "claiming")
    told = {"tenant": "acme", "resource": "servers", "class": "gpu", "soft": 2, "hard": 6, "used": 4, "wanted": 3, "month": None,
            "by": {"blue": 3, "green": 1}}
    assert error.details == told | {"exceeded": [told]}
    assert "leasehold.cloud.quota" in error.remedy


def test_a_soft_limit_warns():
    found = judged(Limit("acme", "servers", "", 2, 6), [servers("new", 3)], [servers("blue", 3)])
    assert quotas.warnings(found, "claiming") == [
        "quota of tenant acme: it goes over its soft limit of 2 servers; it uses 3 (blue 3), and wants 3 more"]


@pytest.mark.parametrize(("hard", "refused"), [(5, True), (6, False)])
def test_the_limit_itself_may_be_used(hard, refused):
    assert bool(judged(Limit("acme", "servers", "", None, hard), [servers("new", 3)], [servers("blue", 3)])) is refused


def test_what_a_cluster_has_is_not_counted_twice():
    limit = Limit("acme", "servers", "cpu", None, 4)
    assert judged(limit, [servers("blue", 4)], before=[servers("blue", 3)]) == []
    found = judged(limit, [servers("blue", 5)], before=[servers("blue", 3)])
    assert (found[0].used, found[0].wanted) == (3, 2)


def test_who_is_over_a_limit_can_stay_and_shrink_but_not_grow():
    limit = Limit("acme", "servers", "", None, 2)
    has = [servers("blue", 4)]
    assert judged(limit, [servers("blue", 4)], before=has) == []
    assert judged(limit, [servers("blue", 3)], before=has) == []
    assert judged(limit, [servers("blue", 5)], before=has)


def test_growing_in_one_class_and_shrinking_in_another_is_judged_by_class_and_net_in_all():
    before, after = [servers("blue", 4)], [servers("blue", 1), servers("blue", 3, server_class="gpu")]
    assert judged(Limit("acme", "servers", "", None, 2), after, before=before) == []
    assert judged(Limit("acme", "servers", "gpu", None, 2), after, before=before)


def test_clusters_and_segments_are_counted():
    others = [servers("blue", 3), segment("blue"), segment("green")]
    new = [servers("new", 1), segment("new")]
    assert judged(Limit("acme", "clusters", "", None, 2), new, others)[0].by == {"blue": 1, "green": 1}
    assert judged(Limit("acme", "segments", "", None, 2), new, others)[0].wanted == 1
    assert judged(Limit("acme", "clusters", "", None, 3), new, others) == []
    assert judged(Limit("acme", "clusters", "", None, 2), [servers("blue", 9)], [segment("green")], [servers("blue", 3)]) == []


def test_a_limit_of_zero_allows_nothing():
    assert judged(Limit("acme", "clusters", "", None, 0), [segment("new")])


def test_hours_are_judged_month_by_month():
    """Two servers for four days from 29 November, noon: 72 hours in November, 120 in December."""
    lease = [servers("new", 2, end=NOW + hours(96))]
    assert judged(Limit("acme", "server_hours", "", None, 120), lease) == []
    found = judged(Limit("acme", "server_hours", "", None, 119), lease)
    assert (found[0].month, found[0].wanted) == ("2026-12", 120 * HOUR)
    found = judged(Limit("acme", "server_hours", "", None, 71), lease)
    assert [(one.month, one.wanted) for one in found] == [("2026-11", 72 * HOUR)], "a limit is told once"
    assert found[0].text() == "it may use 71 server hours a month; by the end of 2026-11 it will have used 0.0, and wants 72.0 more"


def test_a_month_over_the_soft_limit_does_not_hide_one_over_the_hard():
    lease = [servers("new", 2, end=NOW + hours(96))]
    found = judged(Limit("acme", "server_hours", "", 71, 119), lease)
    assert [(one.month, one.hard) for one in found] == [("2026-12", True)]
    found = judged(Limit("acme", "server_hours", "", 71, 120), lease)
    assert [(one.month, one.hard) for one in found] == [("2026-11", False)]


def test_hours_used_and_hours_to_come_count():
    limit = Limit("acme", "server_hours", "cpu", None, 100)
    others = [servers("blue", 1, end=NOW + hours(48)), servers("blue", 5, server_class="gpu")]  # 36 hours of cpu in November
    spent = {("blue", "cpu"): 40 * HOUR, ("gone", "cpu"): 10 * HOUR, ("blue", "gpu"): 999 * HOUR}
    assert judged(limit, [servers("new", 1, end=NOW + hours(14))], others, spent=spent) == []
    found = judged(limit, [servers("new", 1, end=NOW + hours(15))], others, spent=spent)
    assert found[0].as_dict() | {"soft": 0} == {
        "tenant": "acme", "resource": "server_hours", "class": "cpu", "soft": 0, "hard": 100, "used": 86.0, "wanted": 15.0, "month": "2026-11",
        "by": {"blue": 76.0, "gone": 10.0}}


def test_hours_already_used_are_of_this_month_alone():
    later = NOW + hours(48)
    lease = [servers("new", 1, later, later + hours(24))]
    assert judged(Limit("acme", "server_hours", "", None, 24), lease, spent={("blue", "cpu"): 24 * HOUR}) == []


def test_a_renewal_counts_what_is_added():
    limit = Limit("acme", "server_hours", "", None, 60)
    before = [servers("blue", 1, end=NOW + hours(36))]
    assert judged(limit, [servers("blue", 1, end=NOW + hours(96))], before=before) == []
    assert judged(limit, [servers("blue", 1, end=NOW + hours(97))], before=before)[0].month == "2026-12"


def test_a_lease_without_an_end_is_judged_beyond_the_last_that_has_one():
    """A month of 31 days has 744 hours; another cluster's lease is over by then, but not in December."""
    endless = [servers("new", 1, end=None)]
    assert judged(Limit("acme", "server_hours", "", None, 743), endless)[0].month == "2026-12"
    assert judged(Limit("acme", "server_hours", "", None, 744), endless) == []
    february = datetime.datetime(2027, 2, 10, tzinfo=datetime.timezone.utc)
    late = [servers("later", 1, february, february + hours(1))]
    assert judged(Limit("acme", "server_hours", "", None, 743), [servers("new", 1, february, None)], late)[0].month == "2027-03"


def test_own_limits_go_before_those_of_any_tenant():
    limits = [Limit("*", "servers", "", None, 1), Limit("*", "clusters", "", None, 2), Limit("acme", "servers", "", 5, None),
              Limit("other", "segments", "", 1, 1)]
    expected = [Limit("acme", "clusters", "", None, 2), Limit("acme", "servers", "", 5, None)]
    assert quotas.effective(limits, "acme") == expected
    assert quotas.effective(reversed(limits), "acme") == expected


@pytest.mark.parametrize(("limit", "word"), [
    (Limit("acme", "servers"), "neither"),
    (Limit("acme", "servers", "", 3, 2), "above"),
    (Limit("acme", "servers", "", -1, 2), "below zero"),
    (Limit("acme", "clusters", "cpu", None, 2), "no class"),
    (Limit("acme", "disks", "", None, 2), "disks"),
    (Limit("Acme Inc", "servers", "", None, 2), "DNS label"),
])
def test_a_limit_that_cannot_be_meant_is_refused(limit, word):
    with pytest.raises(InvalidInput, match=word):
        quotas.check_limits([limit])


def test_a_limit_given_twice_is_refused():
    with pytest.raises(InvalidInput, match="twice"):
        quotas.check_limits([Limit("acme", "servers", "", 1), Limit("acme", "servers", "", 2)])
    quotas.check_limits([Limit("*", "servers", "", 1), Limit("*", "servers", "cpu", 2)])


def test_standing_tells_everything_that_can_be_limited():
    month = quotas.month_of(NOW)
    rows = quotas.standing([Limit("*", "clusters", "", None, 1), Limit("acme", "server_hours", "gpu", None, 10)], "acme",
                           [servers("blue", 2), servers("green", 1, server_class="gpu")], {month: {("blue", "cpu"): HOUR}})
    told = {(row["resource"], row["class"]): (row["used"], row["hard"], row["left"], row["inherited"]) for row in rows}
    assert told == {
        ("servers", ""): (3, None, None, False), ("clusters", ""): (2, 1, -1, True), ("segments", ""): (0, None, None, False),
        ("server_hours", ""): (73.0, None, None, False), ("server_hours", "gpu"): (24.0, 10, -14.0, False),
    }
    assert {row["month"] for row in rows if row["resource"] == "server_hours"} == {"2026-11"}


@pytest.mark.parametrize("name", ["2026", "2026-13", "november", ""])
def test_what_is_no_month_is_told(name):
    with pytest.raises(InvalidInput, match="is not a month"):
        quotas.month_called(name)


def spans():
    start = st.integers(0, 24 * 70)
    return st.builds(lambda cluster, count, begin, length, kind: servers(cluster, count, NOW + hours(begin), NOW + hours(begin + length), kind),
                     st.sampled_from(["blue", "green"]), st.integers(1, 4), start, st.integers(0, 24 * 70), st.sampled_from(["cpu", "gpu"]))


@given(st.lists(spans(), max_size=4), st.lists(spans(), max_size=3), st.integers(0, 3000), st.integers(0, 500), st.none() | st.integers(0, 3000))
def test_hours_agree_with_counting_them_one_by_one(others, after, hard, used, soft):
    """A finding is there if, and only if, counted hour by hour, a month in which more is wanted comes to more than the limit: the first
    that is over the hard one, or else the first that is over the soft one."""
    soft = None if soft is None else min(soft, hard)
    counted: dict[str, int] = {}
    wanted: set[str] = set()
    for mine, holdings in ((False, others), (True, after)):
        for holding in holdings:
            moment = holding.start
            while moment < holding.end:
                month = f"{moment:%Y-%m}"
                counted[month] = counted.get(month, 0) + holding.count
                wanted |= {month} if mine else set()
                moment += hours(1)
    counted["2026-11"] = counted.get("2026-11", 0) + used
    exceeded = [month for least in (hard, hard if soft is None else soft) for month in sorted(wanted) if counted[month] > least]
    found = judged(Limit("acme", "server_hours", "", soft, hard), after, others, spent={("gone", "cpu"): used * HOUR})
    assert [one.month for one in found] == exceeded[:1]
    assert all(one.used + one.wanted == counted[one.month] * HOUR for one in found)
