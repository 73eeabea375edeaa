# Copyright: (c) 2026, leasehold.cloud contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The mapping file: how a source's objects become ours. docs/sources.md is its reference.

What objects are meant is said by a list of words, any of which suffices: C(tag:X), C(role:X), C(custom_field:X) (it has a value that is neither
false, empty nor zero)
or C(custom_field:X=V), and C(X) alone, the object's slug or name (of a device: its role's).
"""

from __future__ import annotations

import dataclasses
import functools
import ipaddress
from collections.abc import Callable, Iterable, Mapping as Map

from ansible_collections.leasehold.cloud.plugins.module_utils.core.changes import fingerprint
from ansible_collections.leasehold.cloud.plugins.module_utils.core.errors import InvalidInput
from ansible_collections.leasehold.cloud.plugins.module_utils.core.models import vlan_ids
from ansible_collections.leasehold.cloud.plugins.module_utils.core.source_schema import CANARY

VERSION = 1  # of what is made of the same records; raise it when that changes: mirrors are then read anew
KINDS = ("server", "leaf", "spine", "border", "canary")
STATUSES = ("active", "maintenance", "offline", "retired")
NAMES = ("lower", "short", "exact")
PUBLISHABLE = ("tenant", "cluster", "status", "vlan", "interface_vlan", "prefix", "journal")
FIELD = "custom_field:"
DEFAULTS: Map = {
    "roles": {
        "server": ["server", "gpu-server", "compute", "tag:leasehold-server"], "leaf": ["leaf", "leaf-switch", "tor", "tag:leasehold-leaf"],
        "spine": ["spine", "spine-switch", "tag:leasehold-spine"],
        "border": ["border", "border-router", "edge-router", "router", "firewall", "tag:leasehold-border"], "canary": ["canary", "tag:leasehold-canary"],
    },
    "status": {
        "active": "active", "staged": "maintenance", "failed": "maintenance", "maintenance": "maintenance", "offline": "offline",
        "decommissioning": "retired", "decommissioned": "retired", "retired": "retired", "planned": None, "inventory": None, "*": "maintenance",
    },
    "names": "lower", "class": ["custom_field:leasehold_class", "tag:class-", "type"], "classes": {},
    "bmc": ["oob_ip", "custom_field:leasehold_bmc", "interface"], "bmc_port": None, "bmc_dns_name": False,
    "nics": ["*"], "nics_not": [], "attributes": {}, "uuid": "custom_field:leasehold_uuid", "management": None,
    "network_os": {
        "openvswitch": "openvswitch", "open-vswitch": "openvswitch", "ovs": "openvswitch", "eos": "arista.eos.eos", "arista-eos": "arista.eos.eos",
        "nxos": "cisco.nxos.nxos", "nx-os": "cisco.nxos.nxos", "cisco-nxos": "cisco.nxos.nxos", "cisco-nx-os": "cisco.nxos.nxos",
        "dell-sonic": "dellemc.enterprise_sonic.sonic", "enterprise-sonic": "dellemc.enterprise_sonic.sonic", "sonic": "dellemc.enterprise_sonic.sonic",
        "junos": "junipernetworks.junos.junos", "juniper-junos": "junipernetworks.junos.junos",
    },
    "switch_address": ["primary_ip", "oob_ip", "custom_field:leasehold_address", "interface"], "switch_port": "custom_field:leasehold_port",
    "switch_bridge": "custom_field:leasehold_bridge",
    "vlan_pools": ["tag:leasehold-pool"], "prefix_pools": ["tag:leasehold-pool"], "prefix_length": ["custom_field:leasehold_prefix_length", 24],
    "ours": ["tag:leasehold"], "quarantine_vlan": ["tag:leasehold-quarantine", "role:quarantine"], "canaries": [],
    "canary_vlan": "custom_field:leasehold_vlan", "envelope_vlans": ["tag:leasehold-envelope"], "envelope_prefixes": ["tag:leasehold-envelope"],
    "envelope_switches": ["tag:leasehold-envelope"], "spares": {}, "publish": [],
}


@dataclasses.dataclass(frozen=True)
class Match:
    """Which objects are meant."""

    names: frozenset[str] = frozenset()
    roles: frozenset[str] = frozenset()
    tags: frozenset[str] = frozenset()
    fields: tuple[tuple[str, str | None], ...] = ()

    @classmethod
    def of(cls, words: Iterable[object]) -> Match:
        """What a list of words of the mapping file means."""
        by: dict[str, list] = {"tag": [], "role": [], "custom_field": [], "": []}
        for word in map(str, words):
            prefix, colon, rest = word.partition(":")
            by[prefix if colon and prefix in by else ""].append(rest if colon and prefix in by else word)
        fields = tuple((name, value if equals else None) for name, equals, value in (word.partition("=") for word in by["custom_field"]))
        return cls(frozenset(by[""]), frozenset(by["role"]), frozenset(by["tag"]), fields)

    def __call__(self, *names: str | None, role: str | None = None, tags: Iterable[str] = (), fields: Map | None = None) -> bool:
        if not self.tags.isdisjoint(tags) or role in self.roles or any(name in self.names for name in names):
            return True
        return any(_has(fields or {}, name, value) for name, value in self.fields)


def _has(fields: Map, name: str, value: str | None) -> bool:
    found = fields.get(name)
    if value is None:
        return bool(found)
    return found is not None and value in (str(found), str(found).lower())


@dataclasses.dataclass(frozen=True, eq=False)
class Mapping:
    """A mapping file, with defaults for what it leaves out. C(values) has every key of C(DEFAULTS)."""

    values: Map = dataclasses.field(default_factory=lambda: dict(DEFAULTS))

    @classmethod
    def from_dict(cls, data: Map | None, name: str = "mapping") -> Mapping:
        """The mapping that a file's content (or None) means. The keys of mappings are added to the defaults', everything else takes their place.

        :param name: of the file, for messages.
        :raises InvalidInput: naming the key and what it may be.
        """
        data = data or {}
        if not isinstance(data, Map):
            raise _invalid(name, "it is not a mapping", "write keys and values")
        values = dict(DEFAULTS)
        for key, value in data.items():
            if key not in CHECKS:
                raise _invalid(f"{name}: {key}", "there is no such key", f"use some of {', '.join(sorted(CHECKS))}")
            problem = CHECKS[key](value)
            if problem:
                raise _invalid(f"{name}: {key}", f"{value!r} is not {problem}", "docs/sources.md has the reference of the mapping file")
            values[key] = {**DEFAULTS[key], **value} if isinstance(DEFAULTS[key], Map) and isinstance(value, Map) else value
        return cls(values)

    def __getitem__(self, key: str):
        return self.values[key]

    def get(self, key: str, default: object = None) -> object:
        """The value of a key, C(default) where there is none."""
        return self.values.get(key, default)

    @property
    def fingerprint(self) -> str:
        """Another one whenever the same records could become something else."""
        return fingerprint([VERSION, {key: value for key, value in self.values.items() if key != "publish"}])

    def match(self, key: str) -> Match:
        """Which objects a key means."""
        if key not in self._matches:
            words = self[key]
            self._matches[key] = Match.of(words if isinstance(words, (list, tuple)) else [words])
        return self._matches[key]

    @functools.cached_property
    def _matches(self) -> dict[str, Match]:
        return {}

    def kind(self, role: str | None, tags: Iterable[str], fields: Map | None = None) -> str | None:
        """Of which of C(KINDS) a device is; None: of none. Tags and custom fields say more than its role."""
        by_tag, by_field, by_role = self._kinds
        for tag in tags:
            if tag in by_tag:
                return by_tag[tag]
        for name, value, kind in by_field if fields else ():
            if _has(fields, name, value):
                return kind
        return by_role.get(role)

    @functools.cached_property
    def _kinds(self) -> tuple[dict, list, dict]:
        matches = [(kind, Match.of(self["roles"][kind])) for kind in reversed(KINDS)]  # the first of KINDS is written last, and wins
        return (
            {tag: kind for kind, match in matches for tag in match.tags},
            [(name, value, kind) for kind, match in reversed(matches) for name, value in match.fields],
            {role: kind for kind, match in matches for role in match.names | match.roles},
        )

    @property
    def custom_fields(self) -> frozenset[str]:
        """The custom fields that the mapping reads."""
        found = {word[len(FIELD):].partition("=")[0] for word in _words(self.values) if word.startswith(FIELD)}
        return frozenset(found) | frozenset(self.attribute_fields.values())

    @property
    def attribute_fields(self) -> dict[str, str]:
        """The servers' attributes, with the custom field that each is read from."""
        attributes = self["attributes"]
        return dict(attributes) if isinstance(attributes, Map) else {name: name for name in attributes}


def _words(value: object) -> Iterable[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, Map):
        for item in value.values():
            yield from _words(item)
    elif isinstance(value, (list, tuple)):
        for item in value:
            yield from _words(item)


def _invalid(where: str, problem: str, remedy: str) -> InvalidInput:
    return InvalidInput(problem, object=where, attempted="reading the mapping of the source", remedy=remedy)


Check = Callable[[object], "str | None"]  # says what a value should be, when it is not


def _texts(value: object) -> str | None:
    fine = isinstance(value, (list, tuple)) and all(isinstance(item, (str, int)) and not isinstance(item, bool) for item in value)
    return None if fine else "a list of words"


def _text(value: object) -> str | None:
    return None if value is None or isinstance(value, str) else "a word, or null"


def _of_texts(value: object) -> str | None:
    fine = isinstance(value, Map) and all(isinstance(item, str) for item in value.values())
    return None if fine else "a mapping of words"


def _roles(value: object) -> str | None:
    if not isinstance(value, Map) or not set(value) <= set(KINDS) or any(_texts(item) for item in value.values()):
        return f"a mapping of {', '.join(KINDS)} to lists of words"
    if any(str(word).startswith(FIELD) for kind in ("leaf", "spine", "border") for word in value.get(kind, ())):
        return "possible: leaf, spine and border are told by role or tag alone, as cables' far ends are"
    return None


def _statuses(value: object) -> str | None:
    fine = isinstance(value, Map) and all(item is None or item in STATUSES for item in value.values())
    return None if fine else f"a mapping of the source's statuses to {', '.join(STATUSES)} or null"


def _ranges(value: object) -> str | None:
    if isinstance(value, Map):
        try:
            return None if all(vlan_ids(str(item)) for item in value.values()) else "a mapping of names to VLAN ranges"
        except ValueError:
            return "a mapping of names to VLAN ranges such as 100-199"
    return _texts(value) and "a list of words, or a mapping of names to VLAN ranges"


def _prefixes(value: object) -> str | None:
    if isinstance(value, Map):
        return None if all(isinstance(item, Map) and _is_pool(item) for item in value.values()) else "a mapping of names to {prefix, length}"
    return _texts(value) and "a list of words, or a mapping of names to {prefix, length}"


def _is_count(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0


def _is_pool(item: Map) -> bool:
    try:
        return set(item) == {"prefix", "length"} and _is_count(item["length"]) and bool(ipaddress.ip_network(item["prefix"]))
    except ValueError:
        return False


def _attributes(value: object) -> str | None:
    return None if _texts(value) is None or _of_texts(value) is None else "a list of custom fields, or a mapping of attributes to custom fields"


def _vlan(value: object) -> str | None:
    if isinstance(value, int) and not isinstance(value, bool):
        return None if 1 <= value <= 4094 else "a VLAN, 1 to 4094"
    return _texts(value) and "a VLAN, or a list of words"


def _number(value: object) -> str | None:
    return None if value is None or (isinstance(value, int) and not isinstance(value, bool)) else "a number, or null"


def _truth(value: object) -> str | None:
    return None if isinstance(value, bool) else "true or false"


def _names(value: object) -> str | None:
    return None if value in NAMES else f"one of {', '.join(NAMES)}"


def _publish(value: object) -> str | None:
    return None if isinstance(value, list) and set(map(str, value)) <= set(PUBLISHABLE) else f"a list of some of {', '.join(PUBLISHABLE)}"


def _canaries(value: object) -> str | None:
    problem = next((problem for item in value for problem in CANARY(item, "")), None) if isinstance(value, list) else True
    return f"a list of canaries as datacenter.yml has them{'' if problem is True else f': {problem.path} {problem.problem}'}" if problem else None


def _counts(value: object) -> str | None:
    fine = isinstance(value, Map) and all(_is_count(item) for item in value.values())
    return None if fine else "a mapping of classes to numbers of servers"


CHECKS: dict[str, Check] = {
    "roles": _roles, "status": _statuses, "names": _names, "class": _texts, "classes": _of_texts, "bmc": _texts, "bmc_port": _number,
    "bmc_dns_name": _truth, "nics": _texts, "nics_not": _texts, "attributes": _attributes, "uuid": _text, "management": _text,
    "network_os": _of_texts, "switch_address": _texts, "switch_port": _text, "switch_bridge": _text, "vlan_pools": _ranges, "prefix_pools": _prefixes,
    "prefix_length": _texts, "ours": _texts, "quarantine_vlan": _vlan, "canaries": _canaries, "canary_vlan": _text, "envelope_vlans": _texts,
    "envelope_prefixes": _texts, "envelope_switches": _texts, "spares": _counts, "publish": _publish,
}
