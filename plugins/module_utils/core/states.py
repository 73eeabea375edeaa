# Copyright: (c) 2026, leasehold.cloud contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The state machines of servers and clusters: which step is allowed. One function for each machine.

Asking for the state that already is, is always allowed and moves nothing: a killed run is finished by running it again.
"""

from __future__ import annotations

from ansible_collections.leasehold.cloud.plugins.module_utils.core.errors import IllegalTransition

SERVER_ASIDE = ("quarantined", "repair", "retired")  # reached from anywhere, with a reason
SERVER_STEPS = {
    "available": ("claimed",),
    "claimed": ("provisioning", "releasing"),
    "provisioning": ("in_service", "releasing"),
    "in_service": ("releasing",),
    "releasing": ("cleaning",),
    "cleaning": ("available", "releasing"),  # releasing: a release that was killed begins again
    # What was put aside comes back only through a release or a wipe, so that its disks are proven empty.
    "quarantined": ("releasing", "cleaning"),
    "repair": ("releasing", "cleaning"),
    "retired": ("cleaning",),
}
SERVER_UNUSED = ("available", "claimed", *SERVER_ASIDE)  # of a held server: it was never booted for its cluster, unless it was set aside later
SERVER_MEMBER_STATES = ("claimed", "provisioning", "in_service")  # a held server in another state is on its way out

CLUSTER_AT_WORK = ("provisioning", "verifying", "scaling", "upgrading")
CLUSTER_STEPS = {
    "requested": ("awaiting_approval", "provisioning", "deleting", "failed"),
    "awaiting_approval": ("provisioning", "deleting", "failed"),
    "provisioning": ("verifying", "deleting", "failed"),
    # provisioning, scaling, upgrading: a run that was killed while verifying begins again
    "verifying": ("ready", "provisioning", "scaling", "upgrading", "deleting", "failed"),
    "ready": ("scaling", "upgrading", "degraded", "expiring", "deleting", "failed"),
    "scaling": ("verifying", "ready", "deleting", "failed"),
    "upgrading": ("verifying", "ready", "deleting", "failed"),
    "degraded": ("ready", "scaling", "upgrading", "expiring", "deleting", "failed"),
    "expiring": ("ready", "deleting", "failed"),
    "deleting": ("deleted", "failed"),
    "deleted": ("requested", "awaiting_approval", "provisioning"),  # the name is free for a new order
    "failed": ("requested", "awaiting_approval", *CLUSTER_AT_WORK, "expiring", "deleting"),
}
CLUSTER_FIRST = ("requested", "awaiting_approval", "provisioning")


def server_transition(current: str, wanted: str, reason: str | None = None, *, name: str = "") -> bool:
    """Whether the step of a server moves it (False: it is there already).

    :param reason: why; required for quarantined, repair and retired.
    :raises IllegalTransition: the table does not have the step, or the reason is missing.
    """
    what = f"server {name}".strip()
    _known(what, SERVER_STEPS, current, wanted)
    if current == wanted:
        return False
    if wanted in SERVER_ASIDE:
        if not (reason or "").strip():
            raise _illegal(what, current, wanted, "a reason is missing", "Say why with the option reason.")
        return True
    _allowed(what, SERVER_STEPS[current], current, wanted)
    return True


def cluster_transition(current: str | None, wanted: str, reason: str | None = None, *, name: str = "") -> bool:
    """Whether the step of a cluster moves it (False: it is there already).

    :param current: the present phase, or None for a cluster that is not in the ledger yet.
    :param reason: why; required for failed.
    :raises IllegalTransition: the table does not have the step, or the reason is missing.
    """
    what = f"cluster {name}".strip()
    _known(what, CLUSTER_STEPS, current, wanted)
    if current == wanted:
        return False
    if wanted == "failed" and not (reason or "").strip():
        raise _illegal(what, current, wanted, "a reason is missing", "Say what failed.")
    _allowed(what, CLUSTER_STEPS[current] if current else CLUSTER_FIRST, current, wanted)
    return True


def _known(what: str, steps: dict, current: str | None, wanted: str) -> None:
    for state in (current, wanted):
        if state is not None and state not in steps:
            raise _illegal(what, current, wanted, f"{state!r} is not a state", f"Use one of {', '.join(steps)}.")


def _allowed(what: str, allowed: tuple[str, ...], current: str | None, wanted: str) -> None:
    if wanted not in allowed:
        raise _illegal(what, current, wanted, "the step is not allowed",
                       f"From here it can go to {', '.join(allowed)}.")


def _illegal(what: str, current: str | None, wanted: str, why: str, remedy: str) -> IllegalTransition:
    return IllegalTransition(f"{why}: {current or 'nothing'} to {wanted}", object=what,
                             attempted=f"move it from {current or 'nothing'} to {wanted}", remedy=remedy,
                             details={"current": current, "wanted": wanted})
