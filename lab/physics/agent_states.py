"""The conditions of an Agent, from its state: the tables of assisted-service's agent controller."""

from __future__ import annotations

DISCONNECTED_UNBOUND, KNOWN_UNBOUND = "disconnected-unbound", "known-unbound"
BINDING, KNOWN, DISCONNECTED = "binding", "known", "disconnected"
INSTALLING, INSTALLED = "installing-in-progress", "added-to-existing-cluster"
UNBINDING, UNBINDING_PENDING = "unbinding", "unbinding-pending-user-action"

UNBOUND = (DISCONNECTED_UNBOUND, KNOWN_UNBOUND)
# In these an Agent has let go of its cluster, so its Machine may end.
RELEASED = (*UNBOUND, UNBINDING_PENDING)

STAGES = ["Starting installation", "Installing", "Writing image to disk", "Rebooting", "Joined", "Done"]

_BINDING = ("False", "Binding", "The agent is currently binding to a cluster deployment")
_UNBINDING = ("False", "Unbinding", "The agent is currently unbinding from a cluster deployment")


def wanted(state: str, approved: bool) -> list[tuple]:
    """``(type, status, reason, message)`` of each condition."""
    return [
        ("SpecSynced", "True", "SyncOK", "The Spec has been successfully applied"),
        ("Connected", *_connected(state)),
        ("RequirementsMet", *_requirements_met(state, approved)),
        ("Validated", *_validated(state)),
        ("Installed", *_installed(state)),
        ("Bound", *_bound(state)),
    ]


def _connected(state: str) -> tuple:
    if state in (DISCONNECTED, DISCONNECTED_UNBOUND):
        return ("False", "AgentIsDisconnected",
                "The agent has not contacted the installation service in some time, user action should be taken")
    return "True", "AgentIsConnected", "The agent's connection to the installation service is unimpaired"


def _requirements_met(state: str, approved: bool) -> tuple:
    if state in (KNOWN, KNOWN_UNBOUND):
        if approved:
            return "True", "AgentIsReady", "The agent is ready to begin the installation"
        return "False", "AgentIsNotApproved", "The agent is not approved"
    if state == INSTALLING:
        return "True", "AgentAlreadyInstalling", "Installation already started and is in progress"
    if state == INSTALLED:
        return "True", "AgentInstallationStopped", "The agent installation stopped"
    if state == BINDING:
        return _BINDING
    if state in (UNBINDING, UNBINDING_PENDING):
        return _UNBINDING
    return "False", "AgentNotReady", "The agent is not ready to begin the installation"


def _validated(state: str) -> tuple:
    if state == BINDING:
        return _BINDING
    if state in (UNBINDING, UNBINDING_PENDING):
        return _UNBINDING
    return "True", "ValidationsPassing", "The agent's validations are passing"


def _installed(state: str) -> tuple:
    if state == INSTALLED:
        return "True", "InstallationCompleted", "The installation has completed: Done"
    if state == INSTALLING:
        return "False", "InstallationInProgress", "The installation is in progress: Host is installing"
    if state == BINDING:
        return _BINDING
    if state in (UNBINDING, UNBINDING_PENDING):
        return _UNBINDING
    return "False", "InstallationNotStarted", "The installation has not yet started"


def _bound(state: str) -> tuple:
    if state in UNBOUND:
        return "False", "Unbound", "The agent is not bound to any cluster deployment"
    if state == BINDING:
        return _BINDING
    if state == UNBINDING:
        return _UNBINDING
    if state == UNBINDING_PENDING:
        return ("False", "UnbindingPendingUserAction",
                "The agent is currently unbinding; Pending host reboot from infraenv image")
    return "True", "Bound", "The agent is bound to a cluster deployment"
