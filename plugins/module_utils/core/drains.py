# Copyright: (c) 2026, leasehold.cloud contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a drain has to move off a node. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

MIRROR = "kubernetes.io/config.mirror"  # a static pod's image in the API; only the kubelet can remove it


def pod_name(pod: Mapping) -> str:
    return f"{pod['metadata']['namespace']}/{pod['metadata']['name']}"


def evictable(pods: Iterable[Mapping]) -> list[Mapping]:
    """The pods that a drain must see gone: all but static pods and those of DaemonSets, which stay with their node.

    Pods without a controller and pods with local data go too: the server is leaving and will be wiped.
    """
    return [pod for pod in pods if not _stays(pod)]


def _stays(pod: Mapping) -> bool:
    metadata = pod["metadata"]
    owners = metadata.get("ownerReferences") or []
    of_daemon_set = any(owner.get("controller") and owner["kind"] == "DaemonSet" for owner in owners)
    return of_daemon_set or MIRROR in (metadata.get("annotations") or {})


def is_going(pod: Mapping) -> bool:
    return bool(pod["metadata"].get("deletionTimestamp"))
