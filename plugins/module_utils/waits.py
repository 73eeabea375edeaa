# Copyright: (c) 2026, leasehold.cloud contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Waiting on a Kubernetes API: list, judge, block on a watch until something changes, list again."""

from __future__ import annotations

import functools
import time
from collections.abc import Callable, Mapping

from ansible_collections.leasehold.cloud.plugins.module_utils.core import conditions
from ansible_collections.leasehold.cloud.plugins.module_utils.core.conditions import Target, Verdict
from ansible_collections.leasehold.cloud.plugins.module_utils.core.errors import LeaseholdError, NotFound, Refused, Unreachable, WaitTimeout
from ansible_collections.leasehold.cloud.plugins.module_utils.hub import Hub

WATCH = 30.0  # seconds that one watch lasts at most
PAUSE = 1.0  # seconds between attempts to reach an API that is away
SETTLE = 5.0  # seconds that a hopeless state must last: operators correct themselves on their next pass


class Waiter:
    """Waits for conditions, one after another, within one time limit.

    :param kubeconfig: file of the hub, or of a cluster whose own API is meant.
    :param timeout: seconds for all waits together.
    :param say: told each reason for waiting when it changes.
    """

    def __init__(self, kubeconfig: str, timeout: float, say: Callable[[str], None]):
        self._kubeconfig = kubeconfig
        self._timeout = timeout
        self._deadline = time.monotonic() + timeout
        self._say = say
        self._hosted: dict[str, Hub] = {}
        self._said = ""

    @functools.cached_property
    def _hub(self) -> Hub:
        return Hub.from_file(self._kubeconfig)

    def look(self, condition: Mapping) -> dict:
        """Judge a condition once, as things are; a hopeless one fails."""
        target = conditions.target(condition)
        try:
            verdict, _version = self._judge(condition, target)
        except NotFound as error:
            verdict = Verdict(False, error.message, error.object)
        if verdict.remedy:
            raise self._hopeless(condition, verdict)
        return _outcome(condition, verdict, 0.0)

    def wait(self, condition: Mapping) -> dict:
        """Wait until a condition holds.

        :raises WaitTimeout: when it does not in time. :raises Unreachable: when the API is away until then.
        :raises Refused: when it cannot hold without somebody's help, or the API does not let us look.
        """
        target, begun = conditions.target(condition), time.monotonic()
        hopeless_since = None
        while True:
            verdict, version, problem = self._attempt(condition, target)
            if verdict.done:
                return _outcome(condition, verdict, time.monotonic() - begun)
            hopeless_since = (hopeless_since or time.monotonic()) if verdict.remedy else None
            if hopeless_since and time.monotonic() - hopeless_since >= SETTLE:
                raise self._hopeless(condition, verdict)
            self._tell(f"waiting for {condition['name']}: {verdict.object}: {verdict.reason}")
            left = self._deadline - time.monotonic()
            if left <= 0:
                raise problem or self._late(condition, verdict)
            self._block(target, condition, version, min(left, SETTLE if verdict.remedy else WATCH))

    def _attempt(self, condition: Mapping, target: Target) -> tuple[Verdict, str | None, LeaseholdError | None]:
        """A verdict; one of waiting, and the problem, when the API is away or does not serve the kind just now."""
        try:
            return *self._judge(condition, target), None
        except Unreachable as error:
            self._hosted.clear()  # a hosted API may come back elsewhere
            return Verdict(False, error.message, error.object), None, error
        except NotFound as error:
            return Verdict(False, error.message, error.object), None, None

    def _judge(self, condition: Mapping, target: Target) -> tuple[Verdict, str]:
        objects, version = self._api(target, condition).list(target.kind, target.namespace, **_selectors(target))
        for found in objects:
            found["metadata"].pop("managedFields", None)
        return conditions.evaluate(condition, objects), version

    def _api(self, target: Target, condition: Mapping) -> Hub:
        if not target.tenant:
            return self._hub
        cluster = condition["cluster"]
        if cluster not in self._hosted:
            self._hosted[cluster] = self._hub.hosted(cluster)
        return self._hosted[cluster]

    def _block(self, target: Target, condition: Mapping, version: str | None, seconds: float) -> None:
        """Wait for a change, or a moment where there is nothing to watch."""
        if version is None:
            time.sleep(min(PAUSE, seconds))
            return
        try:
            self._api(target, condition).wait_for_change(target.kind, target.namespace, version, seconds, **_selectors(target))
        except (Unreachable, NotFound, Refused) as error:
            self._tell(f"{error.object}: {error.message}")
            time.sleep(min(PAUSE, seconds))  # the next list says what is the matter

    def _tell(self, message: str) -> None:
        if message != self._said:
            self._said = message
            self._say(message)

    def _late(self, condition: Mapping, verdict: Verdict) -> WaitTimeout:
        return WaitTimeout(
            f"after {self._timeout:g} s still: {verdict.reason}", object=verdict.object,
            attempted=f"waiting for {condition['name']}", remedy=conditions.remedy(condition),
            details={"condition": condition["name"], "reason": verdict.reason},
        )

    @staticmethod
    def _hopeless(condition: Mapping, verdict: Verdict) -> Refused:
        return Refused(
            verdict.reason, object=verdict.object, attempted=f"waiting for {condition['name']}", remedy=verdict.remedy or "",
            details={"condition": condition["name"], "reason": verdict.reason},
        )


def _selectors(target: Target) -> dict[str, str]:
    found = {}
    if target.name:
        found["fieldSelector"] = f"metadata.name={target.name}"
    if target.labels:
        found["labelSelector"] = ",".join(f"{label}={value}" for label, value in sorted(target.labels.items()))
    return found


def _outcome(condition: Mapping, verdict: Verdict, waited: float) -> dict:
    return {
        "name": condition["name"], "done": verdict.done, "reason": verdict.reason, "object": verdict.object,
        "waited": round(waited, 1), "resources": list(verdict.resources) if verdict.done else [],
    }
