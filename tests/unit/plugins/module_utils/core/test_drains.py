# SPDX-License-Identifier: GPL-3.0-or-later
"""What a drain moves."""

from __future__ import annotations

from ansible_collections.leasehold.cloud.plugins.module_utils.core.drains import evictable, is_going, pod_name


def pod(name: str, *owners: str, **metadata) -> dict:
    references = [{"kind": kind, "name": "x", "controller": True} for kind in owners]
    return {"metadata": {"name": name, "namespace": "web", "ownerReferences": references, **metadata}}


def test_everything_goes_but_what_belongs_to_the_node():
    pods = [pod("deployed", "ReplicaSet"), pod("alone"), pod("daemon", "DaemonSet"),
            pod("static", annotations={"kubernetes.io/config.mirror": "x"}), pod("job", "Job")]
    assert [pod_name(found) for found in evictable(pods)] == ["web/deployed", "web/alone", "web/job"]


def test_an_owner_that_does_not_control_the_pod_does_not_keep_it():
    mentioned = pod("mentioned")
    mentioned["metadata"]["ownerReferences"] = [{"kind": "DaemonSet", "name": "x"}]
    assert evictable([mentioned]) == [mentioned]


def test_a_pod_that_ends_is_going():
    assert is_going(pod("a", deletionTimestamp="2026-01-01T00:00:00Z")) and not is_going(pod("b"))
