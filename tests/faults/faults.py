"""Which faults strike which playbook, and what must become of the order: data only, played by `story`."""

from __future__ import annotations

import dataclasses

FIRST, SECOND = "r1-s01", "r2-s01"  # the servers that an order of two gets in an empty lab: spread over the racks
LEAF = "leaf-r1a"  # a switch of the first
HUB = "hub"

PLAN, SEGMENT, PROVISION = "Plan and claim", "Segment", "Servers and control plane"
NETWORK, WIPE = "Network first", "Wipe and release"


@dataclasses.dataclass(frozen=True)
class Strike:
    """A fault during a playbook.

    :param fault: kind and target, and parameters, as ``lab fault set`` takes them.
    :param error_code: what the order fails with; None: it recovers by itself.
    :param object: what the error must name.
    :param step: the step that the ledger must name.
    :param variables: what the playbook is given besides the order: waits short enough for a test.
    :param passes: the fault ends by itself, some seconds into ``step``.
    :param says: what the run must have told meanwhile.
    """

    fault: tuple[str, ...]
    step: str
    error_code: str | None = None
    object: str = ""
    variables: dict = dataclasses.field(default_factory=dict)
    passes: bool = False
    says: str = ""

    @property
    def title(self) -> str:
        return " ".join(self.fault) + (", passes" if self.passes else "")


@dataclasses.dataclass(frozen=True)
class Story:
    """An order that meets a fault when it is created, and another when it is released."""

    name: str
    create: Strike
    delete: Strike


QUICK_BMC = {"leasehold_bmc_request_timeout": 2, "leasehold_power_timeout": 4}
QUICK_SWITCH = {"segment_timeout": 3}
QUICK_HUB = {"control_plane_delete_timeout": 6}
ALWAYS = ("--times", "1000")

STORIES = (
    Story("agent", Strike(("agent-never-registers", SECOND), PROVISION, "wait_timeout", SECOND, {"control_plane_agents_timeout": 6}),
          Strike(("bmc-timeout", FIRST), WIPE, "unreachable", FIRST, QUICK_BMC)),
    Story("bmc", Strike(("bmc-timeout", FIRST), PROVISION, "unreachable", FIRST, QUICK_BMC),
          Strike(("wipe-fails", FIRST), WIPE, "wipe_unproven", FIRST)),
    Story("power", Strike(("power-stuck", SECOND), PROVISION, "wait_timeout", SECOND, QUICK_BMC),
          Strike(("wipe-lies", SECOND), WIPE, "wipe_unproven", SECOND)),
    Story("switch", Strike(("switch-unreachable", LEAF), SEGMENT, "unreachable", LEAF, QUICK_SWITCH),
          Strike(("switch-unreachable", LEAF), NETWORK, "unreachable", LEAF, QUICK_SWITCH)),
    Story("hub-away", Strike((HUB + "-down", HUB), PROVISION, "unreachable", "the API", QUICK_HUB),
          Strike((HUB + "-down", HUB), WIPE, "unreachable", "the API", QUICK_HUB)),
    Story("drops", Strike(("switch-drops", LEAF, "when=before", *ALWAYS), SEGMENT, "unreachable", LEAF, QUICK_SWITCH),
          Strike(("switch-drops", LEAF, "when=before", *ALWAYS), NETWORK, "unreachable", LEAF, QUICK_SWITCH)),
    Story("drops-before", Strike(("switch-drops", LEAF, "when=before"), SEGMENT), Strike(("switch-drops", LEAF, "when=before"), NETWORK)),
    Story("drops-after", Strike(("switch-drops", LEAF, "when=after"), SEGMENT), Strike(("switch-drops", LEAF, "when=after"), NETWORK)),
    Story("hub-passes", Strike((HUB + "-down", HUB), PROVISION, passes=True, says="does not answer"),
          Strike((HUB + "-down", HUB), WIPE, passes=True, says="does not answer")),
)
