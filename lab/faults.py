"""Faults that a lab is told to have: ``<dir>/faults.json``, written by ``lab fault``, read by the parts that fail.

A fault has a kind, a target (a server, a switch, the hub), an optional end (wall clock), an optional number of times it
still strikes, and parameters of its kind. The part that plays a fault asks `active` and, when it struck, `consume`.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import time
from pathlib import Path

# Kind: what its target is.
KINDS = {
    "bmc-timeout": "server",
    "power-stuck": "server",
    "wipe-fails": "server",
    "wipe-lies": "server",
    "switch-unreachable": "switch",
    "switch-drops": "switch",
    "agent-never-registers": "server",
    "hub-down": "hub",
}

DEFAULT_TIMES = {"switch-drops": 1}  # a connection that is always cut is better had by switch-unreachable

_cache: dict[Path, tuple[tuple[int, int], list[dict]]] = {}


class UnknownFault(ValueError):
    """No such kind of fault; the message lists those that are."""


def active(directory: Path, kind: str, target: str) -> dict | None:
    """The fault of this kind on this target that strikes now, or None. Cheap: one stat() when nothing changed.

    :returns: ``{"kind", "target", "until": seconds since the epoch | None, "times": int | None, "parameters": dict}``
    """
    for fault in _read(directory):
        if fault["kind"] == kind and fault["target"] == target and _strikes(fault):
            return fault
    return None


def consume(directory: Path, kind: str, target: str) -> None:
    """The fault struck once: one time less, and after the last it is gone. Without a number of times: no change."""
    with _changing(directory) as faults:
        for fault in faults:
            if fault["kind"] == kind and fault["target"] == target and fault["times"] is not None:
                fault["times"] -= 1


def set_fault(directory: Path, kind: str, target: str, seconds: float | None = None, times: int | None = None,
              **parameters: str) -> dict:
    """Make ``target`` have the fault, in place of one of the same kind.

    ``seconds``, ``times``: None is without end (`DEFAULT_TIMES` apart). ``parameters``: what the kind has; for
    ``switch-drops`` ``when``: ``before`` (the change is not done) or ``after`` (done, but not told).

    :raises UnknownFault: there is no such kind.
    """
    if kind not in KINDS:
        raise UnknownFault(f"unknown fault {kind!r}; there are: {', '.join(KINDS)}")
    until = None if seconds is None else time.time() + seconds
    times = DEFAULT_TIMES.get(kind) if times is None else times
    fault = {"kind": kind, "target": target, "until": until, "times": times, "parameters": parameters}
    with _changing(directory) as faults:
        faults[:] = [other for other in faults if (other["kind"], other["target"]) != (kind, target)] + [fault]
    return fault


def clear(directory: Path, kind: str | None = None, target: str | None = None) -> int:
    """Take away all faults, or those of a kind, or of a kind on a target; return how many."""
    with _changing(directory) as faults:
        kept = [fault for fault in faults
                if (kind is not None and fault["kind"] != kind) or (target is not None and fault["target"] != target)]
        cleared = len(faults) - len(kept)
        faults[:] = kept
    return cleared


def current(directory: Path) -> list[dict]:
    """All faults that strike now (see `active` for their shape)."""
    return [fault for fault in _read(directory) if _strikes(fault)]


def version(directory: Path) -> tuple[int, int]:
    """Changes whenever the faults were changed (not when one runs out)."""
    try:
        status = os.stat(_path(directory))
    except FileNotFoundError:
        return (0, 0)
    return (status.st_mtime_ns, status.st_ino)


def _path(directory: Path) -> Path:
    return Path(directory) / "faults.json"


def _strikes(fault: dict) -> bool:
    in_time = fault["until"] is None or time.time() < fault["until"]
    return in_time and (fault["times"] is None or fault["times"] > 0)


def _read(directory: Path) -> list[dict]:
    path = _path(directory)
    now = version(directory)
    if path not in _cache or _cache[path][0] != now:
        faults = json.loads(path.read_text()) if now != (0, 0) else []
        _cache[path] = (now, faults)
    return _cache[path][1]


@contextlib.contextmanager
def _changing(directory: Path):
    """The faults, to be changed in place; written back whole, one writer at a time. Those that ended fall out."""
    path = _path(directory)
    with open(path.with_suffix(".lock"), "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        faults = json.loads(path.read_text()) if path.exists() else []
        before = json.dumps(faults)
        yield faults
        faults[:] = [fault for fault in faults if _strikes(fault)]
        if json.dumps(faults) != before:
            draft = path.with_suffix(".new")
            draft.write_text(json.dumps(faults, indent=2) + "\n")
            os.replace(draft, path)
