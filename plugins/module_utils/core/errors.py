# Copyright: (c) 2026, leasehold.cloud contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Every error a user can meet, as one small tree.

::

    LeaseholdError
    ├── InvalidInput          what was given cannot be used
    │   ├── InvalidOrder      an order, template or option
    │   ├── InvalidSource     a document or record of a source of truth
    │   └── OutsideEnvelope   more than the network admin delegated
    ├── Refused               well formed, but the state of things forbids it
    │   ├── NoCapacity        not enough free resources
    │   ├── ClaimConflict     another cluster took a resource first
    │   ├── StalePlan         what the plan rests on has moved
    │   ├── StaleRun          the run's token is no longer the newest
    │   ├── RunInProgress     another run is at work on the cluster
    │   ├── IllegalTransition a state machine does not allow the step
    │   ├── PortInUse         a switch port carries somebody else's VLAN
    │   ├── QuotaExceeded     more than the tenant may use
    │   ├── Reserved          a later reservation needs the resource
    │   ├── SourceConflict    somebody changed an object of a source meanwhile
    │   └── NotFound          the object named does not exist
    ├── Unreachable           a system did not answer
    ├── DeviceFailed          a system answered, and did not do as asked
    │   ├── WipeUnproven      an erase without evidence
    │   └── WaitTimeout       a condition was not met in time
    ├── GateFailed            a gate found problems
    ├── LedgerBroken          the ledger is not what its events say, or not what it was
    └── MissingLibrary        a Python library is not installed
"""

from __future__ import annotations


class LeaseholdError(Exception):
    """An error that names its object, what was attempted, and the remedy.

    :param message: what went wrong, one sentence.
    :param object: what it concerns, such as C(server r1-s01) or C(order.yml: cluster_name).
    :param attempted: what was being done.
    :param remedy: what the reader can do about it.
    :param details: further JSON-able facts for machines.
    """

    error_code = "error"

    def __init__(self, message: str, *, object: str, attempted: str, remedy: str, details: dict | None = None):
        super().__init__(message)
        self.message = message
        self.object = object
        self.attempted = attempted
        self.remedy = remedy
        self.details = details or {}

    def __str__(self) -> str:
        return f"{self.object}: {self.message} (while: {self.attempted}). Remedy: {self.remedy} [{self.error_code}]"

    def as_result(self) -> dict:
        """The error as the keys of a failed task's result."""
        return {
            "failed": True, "msg": str(self), "error_code": self.error_code, "object": self.object,
            "attempted": self.attempted, "remedy": self.remedy, "reason": self.message, "details": self.details,
        }


class InvalidInput(LeaseholdError):
    error_code = "invalid_input"


class InvalidOrder(InvalidInput):
    error_code = "invalid_order"


class InvalidSource(InvalidInput):
    error_code = "invalid_source"


class OutsideEnvelope(InvalidInput):
    error_code = "outside_envelope"


class Refused(LeaseholdError):
    error_code = "refused"


class NoCapacity(Refused):
    error_code = "no_capacity"


class ClaimConflict(Refused):
    error_code = "claim_conflict"


class StalePlan(Refused):
    error_code = "stale_plan"


class StaleRun(Refused):
    error_code = "stale_run"


class RunInProgress(Refused):
    error_code = "run_in_progress"


class IllegalTransition(Refused):
    error_code = "illegal_transition"


class PortInUse(Refused):
    error_code = "port_in_use"


class QuotaExceeded(Refused):
    error_code = "quota_exceeded"


class Reserved(Refused):
    error_code = "reserved"


class SourceConflict(Refused):
    error_code = "source_conflict"


class NotFound(Refused):
    error_code = "not_found"


class Unreachable(LeaseholdError):
    error_code = "unreachable"


class DeviceFailed(LeaseholdError):
    error_code = "device_failed"


class WipeUnproven(DeviceFailed):
    error_code = "wipe_unproven"


class WaitTimeout(DeviceFailed):
    error_code = "wait_timeout"


class GateFailed(LeaseholdError):
    error_code = "gate_failed"


class LedgerBroken(LeaseholdError):
    error_code = "ledger_broken"


class MissingLibrary(LeaseholdError):
    error_code = "missing_library"
