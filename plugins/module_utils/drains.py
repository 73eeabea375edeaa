# Copyright: (c) 2026, leasehold.cloud contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Draining nodes through the Kubernetes API, as kubectl drain does it: cordon, evict, wait."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence

from ansible_collections.leasehold.cloud.plugins.module_utils.core.conditions import holds
from ansible_collections.leasehold.cloud.plugins.module_utils.core.drains import evictable, is_going, pod_name
from ansible_collections.leasehold.cloud.plugins.module_utils.core.errors import NotFound, Unreachable, WaitTimeout
from ansible_collections.leasehold.cloud.plugins.module_utils.hub import Hub

PAUSE = 1.0  # seconds between looks
SHOWN = 3  # pods named in a message


class Drain:
    """A drain of several nodes together. Nodes that do not exist have nothing to drain."""

    def __init__(self, api: Hub, nodes: Sequence[str], grace_period: int | None, say: Callable[[str], None]):
        self._api = api
        self._nodes = nodes
        self._grace_period = grace_period
        self._say = say

    def open_nodes(self) -> list[str]:
        """Those of the nodes that still take pods."""
        found = []
        for name in self._nodes:
            try:
                node = self._api.get("Node", name)
            except NotFound:
                continue  # it has left already
            if not node["spec"].get("unschedulable"):
                found.append(name)
        return found

    def pods(self) -> list[Mapping]:
        """The pods on the nodes that must go, and are not merely waiting for a dead node's kubelet to say they went."""
        found: list[Mapping] = []
        for name in self._nodes:
            pods = evictable(self._api.list("Pod", fieldSelector=f"spec.nodeName={name}")[0])
            found.extend(pods if self._is_ready(name) else [pod for pod in pods if not is_going(pod)])
        return found

    def _is_ready(self, name: str) -> bool:
        try:
            return holds(self._api.get("Node", name), "Ready")
        except NotFound:
            return False

    def cordon(self, nodes: Sequence[str]) -> None:
        """Let the nodes take no more pods."""
        for name in nodes:
            self._api.patch("Node", name, None, {"spec": {"unschedulable": True}})

    def evict(self, timeout: float) -> None:
        """Evict the pods and wait until they are gone, as far as PodDisruptionBudgets allow.

        :raises WaitTimeout: when pods are left after C(timeout) seconds. :raises Unreachable: when the API is away by then.
        """
        deadline = time.monotonic() + timeout
        said, problem = "", None
        while True:
            try:
                left, refused = self._round()
                problem = None
            except Unreachable as error:
                left, refused, problem = [], [], error
            if not left and problem is None:
                return
            reason = problem.message if problem else _reason(left, refused)
            if reason != said:
                said = reason
                self._say(f"draining {', '.join(self._nodes)}: {reason}")
            if time.monotonic() >= deadline:
                raise problem or self._late(reason, timeout)
            time.sleep(PAUSE)

    def _round(self) -> tuple[list[Mapping], list[Mapping]]:
        """Ask for every eviction once: the pods left, and those that a budget keeps."""
        left = self.pods()
        refused = [pod for pod in left if not is_going(pod) and not self._api.evict(pod, self._grace_period)]
        return left, refused

    def _late(self, reason: str, timeout: float) -> WaitTimeout:
        return WaitTimeout(
            f"after {timeout:g} s still: {reason}", object=f"nodes {', '.join(self._nodes)}", attempted="draining them",
            remedy="let the cluster's admin add capacity or relax the PodDisruptionBudgets, then run the order again",
        )


def _reason(left: Sequence[Mapping], refused: Sequence[Mapping]) -> str:
    if refused:
        return f"a PodDisruptionBudget keeps {_names(refused)}"
    return f"waiting for {_names(left)} to end"


def _names(pods: Sequence[Mapping]) -> str:
    more = len(pods) - SHOWN
    return ", ".join(pod_name(pod) for pod in pods[:SHOWN]) + (f" and {more} more pods" if more > 0 else "")
