# SPDX-License-Identifier: GPL-3.0-or-later
"""Waits: they list, block, list again; they outlast an API that is away, and end early where waiting is of no use."""

from __future__ import annotations

import pytest

from ansible_collections.leasehold.cloud.plugins.module_utils import waits
from ansible_collections.leasehold.cloud.plugins.module_utils.core.errors import NotFound, Refused, Unreachable, WaitTimeout

IMAGE = {"name": "infraenv_image", "cluster": "blue"}


def infra_env(status: str = "True", reason: str = "", url: str | None = "http://iso") -> dict:
    return {"kind": "InfraEnv", "metadata": {"name": "blue", "namespace": "blue", "managedFields": ["long"]},
            "status": {"conditions": [{"type": "ImageCreated", "status": status, "reason": reason}], "isoDownloadURL": url}}


def away() -> Unreachable:
    return Unreachable("it does not answer: refused", object="the hub", attempted="GET", remedy="start it")


class Clock:
    """Time that passes only when somebody waits."""

    def __init__(self):
        self.now = 0.0

    def monotonic(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds


class Scripted:
    """An API whose lists are scripted: each change lets it go on to the next; the last one stays."""

    def __init__(self, clock: Clock, *answers):
        self.clock, self.answers, self.blocked = clock, list(answers), []

    def list(self, kind, namespace=None, **selectors):
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(answer, Exception):
            raise answer
        return answer, "7"

    def wait_for_change(self, kind, namespace, version, seconds, **selectors):
        self.blocked.append((kind, namespace, version, selectors))
        self.clock.sleep(seconds)


@pytest.fixture
def clock(monkeypatch):
    clock = Clock()
    monkeypatch.setattr(waits, "time", clock)
    return clock


@pytest.fixture
def waiter(clock):
    """A waiter at a scripted API, and what it says."""
    def make(*answers, timeout: float = 100):
        said = []
        made = waits.Waiter("unused", timeout, said.append)
        made.__dict__["_hub"] = Scripted(clock, *answers)
        return made, made.__dict__["_hub"], said
    return make


def test_what_holds_already_is_not_waited_for(waiter):
    made, api, said = waiter([infra_env()])
    outcome = made.wait(IMAGE)
    assert (outcome["done"], outcome["waited"], api.blocked, said) == (True, 0.0, [], [])
    assert "managedFields" not in outcome["resources"][0]["metadata"]


def test_it_blocks_on_the_listed_version_and_says_each_reason_once(waiter):
    pending = infra_env("False", "Building")
    made, api, said = waiter([], [], [pending], [pending], [infra_env()])
    assert made.wait(IMAGE)["done"]
    assert api.blocked == [("InfraEnv", "blue", "7", {"fieldSelector": "metadata.name=blue"})] * 4
    assert [line.rpartition(": ")[2] for line in said] == ["it does not exist yet", "ImageCreated is False (Building)"]


def test_too_late_names_the_object_the_reason_and_the_remedy(waiter):
    made, _api, _said = waiter([infra_env("False", "Building")])
    with pytest.raises(WaitTimeout) as caught:
        made.wait(IMAGE)
    assert caught.value.object == "InfraEnv blue/blue"
    assert "after 100 s still: ImageCreated is False (Building)" in caught.value.message
    assert caught.value.remedy and caught.value.details["condition"] == "infraenv_image"


def test_all_conditions_share_the_time(waiter, clock):
    made, _api, _said = waiter([infra_env("False")], timeout=50)
    clock.sleep(49)
    with pytest.raises(WaitTimeout):
        made.wait(IMAGE)
    assert clock.now < 52


def test_an_api_that_is_away_for_a_while_is_outlasted(waiter):
    made, _api, said = waiter(away(), away(), [infra_env()])
    assert made.wait(IMAGE)["done"]
    assert len(said) == 1 and "it does not answer" in said[0]


def test_an_api_that_stays_away_is_the_error(waiter):
    made, _api, _said = waiter([], away())
    with pytest.raises(Unreachable):
        made.wait(IMAGE)


def test_a_kind_that_is_not_served_yet_is_waited_for(waiter):
    missing = NotFound("HTTP 404", object="the hub", attempted="GET", remedy="")
    made, _api, _said = waiter(missing, [infra_env()])
    assert made.wait(IMAGE)["done"]


def test_what_never_recovers_ends_the_wait_early(waiter, clock):
    made, _api, _said = waiter([infra_env("False", "ImageCreationError")], timeout=3600)
    with pytest.raises(Refused, match="ImageCreationError"):
        made.wait(IMAGE)
    assert waits.SETTLE <= clock.now < waits.SETTLE + waits.WATCH


def test_what_corrects_itself_does_not(waiter):
    made, _api, _said = waiter([infra_env("False", "ImageCreationError")], [infra_env("False", "Building")], [infra_env()])
    assert made.wait(IMAGE)["done"]


def test_looking_judges_once_and_returns_nothing_half_done(waiter):
    made, api, _said = waiter([infra_env("False", "Building")])
    outcome = made.look(IMAGE)
    assert (outcome["done"], outcome["resources"], api.blocked) == (False, [], [])
    assert "Building" in outcome["reason"]


def test_looking_at_what_cannot_be_fails(waiter):
    made, _api, _said = waiter([{"kind": "Namespace", "metadata": {"name": "blue", "labels": {}}}])
    with pytest.raises(Refused, match="not leasehold's"):
        made.look({"name": "namespace_ours", "cluster": "blue"})
