"""Conditions in statuses, and the time as Kubernetes writes it."""

from __future__ import annotations

import datetime


def now(micro: bool = False) -> str:
    """RFC 3339 in UTC; ``micro``: with microseconds, as Leases want it."""
    moment = datetime.datetime.now(datetime.timezone.utc)
    return moment.isoformat(timespec="microseconds" if micro else "seconds").replace("+00:00", "Z")


def status_of(item: dict, kind: str) -> str | None:
    """``"True"``, ``"False"``, ``"Unknown"``, or None when the object has no such condition."""
    for condition in item.get("status", {}).get("conditions", []):
        if condition["type"] == kind:
            return condition["status"]
    return None


def merged(item: dict, wanted: list[tuple], observed: bool = False) -> list[dict]:
    """The object's conditions with those of ``wanted`` in their place: ``(type, status, reason, message)`` each.

    ``status`` may be a bool. The time of the last transition stays while the status does. ``observed``: tell the
    generation that was looked at (metav1.Condition and NodePool's have the field, Agent's and InfraEnv's have not).
    """
    before = {condition["type"]: condition for condition in item.get("status", {}).get("conditions", [])}
    after = dict(before)
    for kind, status, reason, message in wanted:
        status = str(status)
        old = before.get(kind, {})
        condition = {"type": kind, "status": status, "reason": reason, "message": message,
                     "lastTransitionTime": old["lastTransitionTime"] if old.get("status") == status else now()}
        if observed:
            condition["observedGeneration"] = item["metadata"].get("generation", 1)
        after[kind] = condition
    return list(after.values())
