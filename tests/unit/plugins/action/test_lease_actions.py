# SPDX-License-Identifier: GPL-3.0-or-later
"""Leases, holds, reservations and the sweep as tasks run them: check, apply, apply again."""

from __future__ import annotations

import contextlib
import datetime
import sqlite3

import pytest

from tests.unit.plugins.action.test_ledger_actions import ORDER, names, prompt, runner, synced  # pylint: disable=unused-import

HOUR, DAY = 3600, 86400


def moment(seconds: int) -> str:
    """So many seconds from now, as a customer might write it: of another time zone."""
    zone = datetime.timezone(datetime.timedelta(hours=2))
    return (datetime.datetime.now(zone) + datetime.timedelta(seconds=seconds)).isoformat(timespec="seconds")


def keep(prompt, name: str = "blue", check: bool = False, **changes) -> dict:
    """An order that is kept, up to its claim; the results of its three tasks."""
    plan = prompt.done("plan_info", **ORDER | {"cluster": name} | changes)["plan"]
    hold = {"hold": changes["hold"]} if "hold" in changes else {}
    started = prompt.done("run", check=check, cluster=name, state="started", operation="reserve", plan=plan)
    claimed = prompt.done("claim", check=check, cluster=name, plan=plan, token=started["token"], **hold)
    ended = prompt.done("run", check=check, cluster=name, state="finished", token=started["token"])
    return {"plan": plan, "changed": [result["changed"] for result in (started, claimed, ended)], "claimed": claimed}


@pytest.mark.parametrize(("changes", "kind"), [({"hold": "2h"}, "claim"), ({"lease_start": moment(2 * DAY)}, "reservation")])
def test_an_order_is_kept_in_check_mode_then_then_again(synced, changes, kind):
    before = synced.ledger.read_bytes()
    foreseen = keep(synced, check=True, **changes)
    assert foreseen["changed"] == [True, True, False]
    assert f"{kind} server r1-s01" in foreseen["claimed"]["diff"]["after"]
    assert synced.ledger.read_bytes() == before
    first = keep(synced, **changes)
    assert first["claimed"]["diff"]["after"].count(f"{kind} server") == 2
    again = keep(synced, **changes)
    assert again["changed"] == [False, False, False]
    assert again["plan"]["hash"] == first["plan"]["hash"]


def test_an_order_that_is_held_is_called_off_once(synced):
    keep(synced, hold="2h")
    for changed in (True, False):
        started = synced.done("run", cluster="blue", state="started", operation="cancel")
        ended = synced.done("run", cluster="blue", state="finished", token=started["token"])
        assert started["changed"] or ended["changed"] is changed
    assert synced.done("lease_info")["holds"] == []
    assert synced.cluster()["phase"] == "deleted"


def test_what_has_begun_is_not_called_off(synced):
    synced.create()
    refused = synced.run("run", cluster="blue", state="started", operation="cancel")
    assert (refused["error_code"], refused["remedy"]) == ("refused", "release it with leasehold.cloud.cluster_delete")
    assert synced.cluster()["phase"] == "ready"


def test_a_create_before_the_reserved_start_names_it(synced):
    start = moment(2 * DAY)
    plan = keep(synced, lease_start=start)["plan"]
    refused = synced.run("run", cluster="blue", state="started", operation="create", plan=plan)
    assert (refused["error_code"], refused["details"]) == ("refused", {"lease_start": plan["lease_start"]})
    assert plan["lease_start"] in refused["remedy"]


@pytest.mark.parametrize(("changes", "variable"), [
    ({"hold": "soon"}, "cluster_hold"), ({"hold": "2h", "lease_start": "2030-01-01T00:00:00Z"}, "cluster_hold"),
    ({"lease_start": "2030-01-01T00:00:00"}, "cluster_lease_start"), ({"lease_grace": "-1d"}, "cluster_lease_grace"),
])
def test_terms_that_cannot_be_meant_are_told(synced, changes, variable):
    result = synced.run("plan_info", **ORDER | changes)
    assert (result["error_code"], result["object"]) == ("invalid_order", variable)


def test_a_renewal_in_check_mode_then_then_again(synced):
    synced.create()
    before = synced.done("lease_info", cluster="blue")["leases"][0]
    foreseen = synced.done("lease", check=True, cluster="blue", duration="60d", grace="3d")
    assert foreseen["changed"] and foreseen["lease"]["end"] > before["end"]
    assert f"lease blue lease_end: {before['end']}" in foreseen["diff"]["before"]
    assert synced.done("lease_info", cluster="blue")["leases"][0]["end"] == before["end"], "check mode had written nothing"
    assert synced.done("lease", cluster="blue", duration="60d", grace="3d")["changed"]
    again = synced.done("lease", cluster="blue", duration="60d", grace="3d")
    assert (again["changed"], again["lease"]["grace_seconds"]) == (False, 3 * DAY)


def test_a_lease_is_held_and_let_go_each_in_check_mode_then_then_again(synced):
    synced.create()
    for options, reason in (({"state": "held", "reason": "dispute"}, "dispute"), ({"state": "unheld"}, None)):
        results = [synced.done("lease", check=check, cluster="blue", **options) for check in (True, False, False)]
        assert [result["changed"] for result in results] == [True, True, False]
        assert results[-1]["lease"]["hold"] == reason


@pytest.mark.parametrize(("options", "code", "word"), [
    ({}, "invalid_input", "grace"), ({"state": "held"}, "invalid_input", "reason"),
    ({"end": "2030-01-01T00:00:00Z", "duration": "1d"}, "invalid_input", "mutually exclusive"),
    ({"end": "2020-01-01T00:00:00Z"}, "invalid_order", "has passed"), ({"duration": "sixty days"}, "invalid_order", "not a duration"),
    ({"cluster": "grey", "duration": "60d"}, "not_found", "no such cluster"),
])
def test_a_renewal_that_cannot_be_meant_is_told(synced, options, code, word):
    synced.create()
    result = synced.run("lease", **{"cluster": "blue"} | options)
    assert (result["error_code"], word in result["reason"]) == (code, True), result


def test_leases_that_end_within_a_time_from_now(synced):
    synced.create()
    assert [lease["cluster"] for lease in synced.done("lease_info", ends_before="5w")["leases"]] == ["blue"]
    assert synced.done("lease_info", ends_before="20d")["leases"] == []
    assert synced.done("lease_info", ends_before=moment(31 * DAY))["leases"] != []
    assert synced.run("lease_info", ends_before="soon")["error_code"] == "invalid_order"


def test_a_sweep_in_check_mode_then_then_again(synced):
    synced.create()
    synced.done("lease", cluster="blue", end=moment(HOUR // 2))
    with contextlib.closing(sqlite3.connect(synced.ledger, isolation_level=None)) as database:
        database.execute("update clusters set lease_start = '2026-01-01T00:00:00.000Z'")  # a lease this short has no thresholds
    before = synced.ledger.read_bytes()
    foreseen = synced.done("sweep", check=True)
    assert (foreseen["changed"], [lease["threshold_seconds"] for lease in foreseen["warned"]]) == (True, [HOUR])
    assert synced.ledger.read_bytes() == before
    assert [synced.done("sweep")["changed"] for _time in range(2)] == [True, False]
    assert synced.run("sweep", warn=["soon"])["error_code"] == "invalid_order"


def test_a_run_that_releases_what_has_expired_is_refused_while_the_lease_lasts(synced):
    synced.create()
    plan = synced.done("plan_info", operation="delete", cluster="blue")["plan"]
    refused = synced.run("run", cluster="blue", state="started", operation="delete", plan=plan, expired=True)
    assert (refused["error_code"], refused["remedy"].startswith("nothing is to be done")) == ("refused", True)
    assert synced.cluster()["phase"] == "ready"


def test_a_step_whose_ground_failed_on_another_host_is_refused(synced):
    plan = synced.done("plan_info", **ORDER)["plan"]
    token = synced.done("run", cluster="blue", state="started", operation="create", plan=plan)["token"]
    step = {"cluster": "blue", "state": "step", "step": "Boot", "token": token}
    assert synced.run("run", **step, failed_before=[False, True])["error_code"] == "refused"
    synced.done("run", **step, failed_before=[False, False])
    assert names(plan) == ["r1-s01", "r2-s01"]
