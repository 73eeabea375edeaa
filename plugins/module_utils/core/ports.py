# Copyright: (c) 2026, leasehold.cloud contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Switch ports: what a port carries, what it should carry, and whether it may be changed.

What an Open vSwitch port carries is in three columns of its Port record (ovs-vswitchd.conf.db(5), "VLAN
Configuration"): C(vlan_mode), C(tag), C(trunks). Without a mode, a port with a tag is an access port and one without is
a trunk; a trunk whose C(trunks) is empty carries every VLAN.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping

from ansible_collections.leasehold.cloud.plugins.module_utils.core.changes import Change
from ansible_collections.leasehold.cloud.plugins.module_utils.core.errors import InvalidInput, LeaseholdError, NotFound, PortInUse, Refused

ATTEMPTED = "setting the VLANs of switch ports"
NATIVE_MODES = ("native-tagged", "native-untagged")


@dataclasses.dataclass(frozen=True)
class Columns:
    """What the switch's database holds for a port."""

    vlan_mode: str | None = None
    tag: int | None = None
    trunks: frozenset[int] = frozenset()

    @property
    def mode(self) -> str:
        """The mode in effect: the one set, else the one that the tag implies."""
        return self.vlan_mode or ("trunk" if self.tag is None else "access")

    @property
    def is_access(self) -> bool:
        return self.mode == "access"

    @property
    def carries_all(self) -> bool:
        """A trunk with no list of VLANs carries all of them."""
        return self.mode in ("trunk", *NATIVE_MODES) and not self.trunks

    @property
    def carried(self) -> frozenset[int]:
        """The VLANs the port carries; without meaning where C(carries_all)."""
        if self.mode == "trunk":
            return self.trunks
        native = frozenset([self.tag or 0])
        return self.trunks | native if self.mode in NATIVE_MODES else native

    def text(self) -> str:
        """For people: V(access 101), V(trunk 101,999), V(trunk all)."""
        vlans = "all" if self.carries_all else ",".join(str(vlan) for vlan in sorted(self.carried))
        return f"{self.mode} {vlans}"

    def observed(self, name: str) -> dict:
        """The port as read back: C({name, mode, vlan, vlans}).

        C(vlan) is an access port's VLAN or a trunk's native one, C(vlans) a trunk's list, empty where it carries all.
        """
        if self.mode == "trunk":
            return {"name": name, "mode": "trunk", "vlan": None, "vlans": sorted(self.trunks)}
        if self.mode in NATIVE_MODES:
            vlans = [] if self.carries_all else sorted(self.carried)
            return {"name": name, "mode": "trunk", "vlan": self.tag or 0, "vlans": vlans}
        return {"name": name, "mode": self.mode, "vlan": self.tag or 0, "vlans": []}


@dataclasses.dataclass(frozen=True)
class Place:
    """The switch and the bridge on it that ports are looked for on; for messages."""

    switch: str
    bridge: str

    def port(self, name: str) -> str:
        return f"switch {self.switch} port {name}"


@dataclasses.dataclass(frozen=True)
class PortStep:
    """What is wanted of one port: its columns before and after, alike where nothing is to be done."""

    name: str
    before: Columns
    after: Columns

    @property
    def is_change(self) -> bool:
        return self.before != self.after


@dataclasses.dataclass(frozen=True)
class Decision:
    """What is to be done on one switch, and the ports it rests on."""

    place: Place
    steps: tuple[PortStep, ...]

    @property
    def changes(self) -> list[Change]:
        """One change a port, with both sides for people."""
        return [
            Change("port", f"{self.place.switch}/{step.name}", step.before.text(), step.after.text())
            for step in self.steps if step.is_change
        ]

    def observed(self) -> list[dict]:
        """The wanted ports as they will be read back."""
        return [step.after.observed(step.name) for step in self.steps]


def check_wanted(place: Place, wanted: Iterable[Mapping]) -> None:
    """Refuse a list of wanted ports that cannot be meant.

    :param wanted: C({name, mode: access, vlan, expect}) or C({name, mode: trunk, add, remove}).
    :raises InvalidInput: a port twice, an access port without a VLAN, a VLAN outside 1-4094, a trunk with nothing to do.
    """
    seen: set[str] = set()
    for port in wanted:
        problem = _flaw(port) or ("is listed twice" if port["name"] in seen else "")
        if problem:
            raise InvalidInput(
                f"it {problem}", object=place.port(port["name"]), attempted=ATTEMPTED,
                remedy="correct the entry of this port under 'ports'",
            )
        seen.add(port["name"])


def decide(place: Place, current: Mapping[str, Columns], wanted: Iterable[Mapping]) -> Decision:
    """What must change so that the ports carry what is wanted.

    :param current: the columns of every port of the bridge, by port name.
    :param wanted: as in C(check_wanted), already checked.
    :raises NotFound: a port is not on the bridge.
    :raises PortInUse: a port carries something that the change may not take away.
    :raises Refused: a trunk would be left without a VLAN.
    """
    steps: list[PortStep] = []
    refusals: list[LeaseholdError] = []
    for port in wanted:
        name = port["name"]
        try:
            before = _found(place, current, name)
            after = _access(place, port, before) if port["mode"] == "access" else _trunk(place, port, before)
        except LeaseholdError as error:
            refusals.append(error)
        else:
            steps.append(PortStep(name, before, after))
    if refusals:
        refusals[0].details["problems"] = [f"{error.object}: {error.message}" for error in refusals]
        raise refusals[0]
    return Decision(place, tuple(steps))


def _flaw(port: Mapping) -> str:
    """What is wrong with a wanted port in itself, or nothing."""
    if port["mode"] == "access":
        vlans = [port.get("vlan")]
        if vlans == [None]:
            return "is an access port without a VLAN"
    else:
        add, remove = set(port.get("add") or ()), set(port.get("remove") or ())
        vlans = [*add, *remove]
        if not vlans:
            return "is a trunk with no VLAN to add or remove"
        if add & remove:
            return f"has VLAN {min(add & remove)} both to add and to remove"
    outside = [vlan for vlan in vlans if not 1 <= vlan <= 4094]
    return f"names VLAN {outside[0]}; there are 1 to 4094" if outside else ""


def _found(place: Place, current: Mapping[str, Columns], name: str) -> Columns:
    if name not in current:
        raise NotFound(
            f"there is no port {name} on bridge {place.bridge}", object=place.port(name), attempted=ATTEMPTED,
            remedy="correct the cabling in the source of truth, or add the port to the switch",
            details={"switch": place.switch, "bridge": place.bridge, "port": name},
        )
    return current[name]


def _access(place: Place, port: Mapping, before: Columns) -> Columns:
    """Access in one VLAN. Guarded by C(expect): the access VLANs that the port may be taken out of."""
    vlan, expect = port["vlan"], port.get("expect")
    after = Columns("access", vlan)
    if expect is None or (before.is_access and before.carried <= {vlan, *expect}):
        return after
    allowed = " or ".join(str(expected) for expected in sorted({vlan, *expect}))
    raise _in_use(place, port, before, f"it may be taken only out of VLAN {allowed}")


def _trunk(place: Place, port: Mapping, before: Columns) -> Columns:
    """A trunk with VLANs added and removed; never one that carries all, for that cannot be changed by a few."""
    add, remove = frozenset(port.get("add") or ()), frozenset(port.get("remove") or ())
    if before.mode != "trunk":
        if not add and not before.carries_all and not before.carried & remove:
            return before  # not a trunk any more, and free of what is to be removed
        raise _in_use(place, port, before, "it is not a plain trunk")
    if before.carries_all:
        raise _in_use(place, port, before, "its list of VLANs is empty, which means all; give it a list first")
    trunks = (before.trunks | add) - remove
    if not trunks:
        raise Refused(
            f"without VLAN {_listed(remove)} its list of VLANs would be empty, which means all VLANs",
            object=place.port(port["name"]), attempted=ATTEMPTED,
            remedy="let the trunk carry another VLAN, such as the quarantine VLAN",
        )
    return Columns("trunk", None, trunks)


def _in_use(place: Place, port: Mapping, before: Columns, why: str) -> PortInUse:
    return PortInUse(
        f"it carries {'all VLANs' if before.carries_all else 'VLAN ' + _listed(before.carried)} ({before.mode}), and {why}",
        object=place.port(port["name"]), attempted=ATTEMPTED,
        remedy="find out who uses the port; put it back to what the plan expects, or correct the cabling in the source of truth",
        details={"switch": place.switch, "port": port["name"], "found": before.observed(port["name"])},
    )


def _listed(vlans: Iterable[int]) -> str:
    return ",".join(str(vlan) for vlan in sorted(vlans))
