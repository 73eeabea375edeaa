# Copyright: (c) 2026, leasehold.cloud contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The schema of datacenter.yml, version 1: from a document that people wrote to a M(models.Datacenter).

Two passes: the shape of every value, then what must fit together (names that exist, ports used once, numbers that do
not overlap). All problems are found, and each names its path and the remedy.
"""

from __future__ import annotations

import dataclasses
import ipaddress
import re
from collections.abc import Callable, Iterator, Mapping
from typing import NoReturn

from ansible_collections.leasehold.cloud.plugins.module_utils.core import source_links
from ansible_collections.leasehold.cloud.plugins.module_utils.core.errors import InvalidSource
from ansible_collections.leasehold.cloud.plugins.module_utils.core.models import Datacenter
from ansible_collections.leasehold.cloud.plugins.module_utils.core.source_links import Problem

VERSION = 1
LABEL = re.compile(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?")
NAME = re.compile(r"\S(.{0,126}\S)?")
MAC = re.compile(r"[0-9a-fA-F]{2}(:[0-9a-fA-F]{2}){5}")
RANGES = re.compile(r"\d{1,4}(-\d{1,4})?(\s*,\s*\d{1,4}(-\d{1,4})?)*")
HTTPS = re.compile(r"https://[^\s/]+\S*")
STATUSES = ("active", "maintenance", "offline", "retired")

Check = Callable[[object, str], Iterator[Problem]]


def parse(document: object, file: str) -> Datacenter:
    """The data centre that a document describes.

    :param document: what the YAML or JSON holds.
    :param file: its name, for messages.
    :raises InvalidSource: naming file, path and remedy of the first problem; C(details.problems) has all.
    """
    problems = list(DATACENTER(document, ""))
    if not problems:
        datacenter = Datacenter.from_dict(document)
        problems = list(source_links.problems(datacenter))
    if problems:
        _refuse(problems, file)
    return datacenter


def _refuse(problems: list[Problem], file: str) -> NoReturn:
    first, others = problems[0], len(problems) - 1
    more = f" (and {others} more problem{'s' if others > 1 else ''})" if others else ""
    raise InvalidSource(
        f"{first.problem}{more}", object=f"{file}: {first.path or 'document'}", attempted="read the source of truth",
        remedy=first.remedy, details={"file": file, "problems": [dataclasses.asdict(problem) for problem in problems]},
    )


def _is(kind: type, called: str, remedy: str) -> Check:
    def check(value: object, path: str) -> Iterator[Problem]:
        if not isinstance(value, kind) or (kind is int and isinstance(value, bool)):
            yield Problem(path, f"{value!r} is not {called}", remedy)
    return check


def _text(pattern: re.Pattern, called: str, remedy: str) -> Check:
    def check(value: object, path: str) -> Iterator[Problem]:
        if not isinstance(value, str) or not pattern.fullmatch(value):
            yield Problem(path, f"{value!r} is not {called}", remedy)
    return check


def _one_of(*choices: str) -> Check:
    def check(value: object, path: str) -> Iterator[Problem]:
        if value not in choices:
            yield Problem(path, f"{value!r} is not a choice", f"Use one of {', '.join(choices)}.")
    return check


def _number(first: int, last: int) -> Check:
    def check(value: object, path: str) -> Iterator[Problem]:
        if not isinstance(value, int) or isinstance(value, bool) or not first <= value <= last:
            yield Problem(path, f"{value!r} is not a number from {first} to {last}", "Correct the number.")
    return check


def _list(check_item: Check, least: int = 0) -> Check:
    def check(value: object, path: str) -> Iterator[Problem]:
        if not isinstance(value, list):
            yield Problem(path, "it is not a list", "Write a list.")
            return
        if len(value) < least:
            yield Problem(path, "it is empty", "List at least one.")
        for index, item in enumerate(value):
            yield from check_item(item, f"{path}[{index}]")
    return check


def _mapping(required: Mapping[str, Check], optional: Mapping[str, Check] | None = None) -> Check:
    """A mapping with these keys and no others."""
    optional = optional or {}
    checks = {**required, **optional}

    def check(value: object, path: str) -> Iterator[Problem]:
        if not isinstance(value, Mapping):
            yield Problem(path, "it is not a mapping", f"Write a mapping with {', '.join(required)}.")
            return
        for key in value:
            if key not in checks:
                yield Problem(_join(path, key), "it is not known", f"Remove it, or use one of {', '.join(checks)}.")
        for key, check_value in checks.items():
            if value.get(key) is not None:
                yield from check_value(value[key], _join(path, key))
            elif key in required:
                yield Problem(_join(path, key), "it is missing", f"Add {key}.")
    return check


def _join(path: str, key: object) -> str:
    return f"{path}.{key}" if path else str(key)


def _ip(value: object, path: str) -> Iterator[Problem]:
    try:
        ipaddress.ip_address(value if isinstance(value, str) else repr(value))
    except ValueError:
        yield Problem(path, f"{value!r} is not an IP address", "Write an address such as 10.0.0.1.")


def _prefix(value: object, path: str) -> Iterator[Problem]:
    try:
        ipaddress.ip_network(value if isinstance(value, str) else repr(value))
    except ValueError:
        yield Problem(path, f"{value!r} is not a prefix", "Write a prefix whose host bits are 0, such as 10.64.0.0/20.")


def _vlan_ranges(value: object, path: str) -> Iterator[Problem]:
    text = str(value) if isinstance(value, int) and not isinstance(value, bool) else value
    if not isinstance(text, str) or not RANGES.fullmatch(text):
        yield Problem(path, f"{value!r} is not a range of VLANs", "Write ranges such as 100-115 or 100-115,120.")
        return
    for part in text.split(","):
        first, _dash, last = part.strip().partition("-")
        if not 1 <= int(first) <= int(last or first) <= 4094:
            yield Problem(path, f"{part.strip()} is not a range within 1-4094", "Write the lower VLAN first, 1 to 4094.")


def _counts(value: object, path: str) -> Iterator[Problem]:
    if not isinstance(value, Mapping):
        yield Problem(path, "it is not a mapping", "Write how many of which class: {gpu: 2}.")
        return
    for name, count in value.items():
        yield from _label(name, _join(path, name))
        yield from _number(0, 100000)(count, _join(path, name))


def _border_or_switch(value: object, path: str) -> Iterator[Problem]:
    kind = SWITCH_END if not isinstance(value, Mapping) or "switch" in value else DEVICE_END
    yield from kind(value, path)


_label = _text(LABEL, "a DNS label", "Use lower case letters, digits and hyphens, at most 63.")
_name = _text(NAME, "a name", "Write a text of 1 to 128 characters without spaces around it.")
_host = _text(re.compile(r"[^\s/]+"), "a host name or address", "Write where it answers, such as 192.0.2.1.")
_vlan = _number(1, 4094)
_tcp_port = _number(1, 65535)
SWITCH_END = _mapping({"switch": _name, "port": _name})
DEVICE_END = _mapping({"device": _name}, {"port": _name})
SWITCH = _mapping(
    {"name": _name, "role": _one_of("leaf", "spine"), "network_os": _name, "address": _host},
    {"rack": _name, "port": _tcp_port, "bridge": _name},
)
NIC = _mapping({
    "name": _name, "mac": _text(MAC, "a MAC address", "Write six pairs of hex digits: 52:54:14:00:01:00."),
    "switch": _name, "port": _name,
})
SERVER = _mapping(
    {
        "name": _label, "rack": _name, "class": _label, "serial": _name, "nics": _list(NIC, least=1),
        "bmc": _mapping({"address": _text(HTTPS, "an HTTPS URL", "Write the BMC's URL, https://host[:port].")}),
    },
    {
        "status": _one_of(*STATUSES), "uuid": _name, "attributes": _is(dict, "a mapping", "Write a mapping."),
        "management": _mapping({}, {"address": _host, "port": _tcp_port, "user": _name}),
    },
)
POOLS = _mapping({
    "vlans": _list(_mapping({"name": _name, "range": _vlan_ranges}), least=1),
    "prefixes": _list(_mapping({"name": _name, "prefix": _prefix, "length": _number(1, 128)}), least=1),
})
ENVELOPE = _mapping({"vlans": _list(_vlan_ranges), "prefixes": _list(_prefix), "switches": _list(_name)})
CANARY = _mapping({"name": _name, "vlan": _vlan, "address": _ip, "switch": _name, "port": _name}, {"tenant": _name})
DATACENTER = _mapping(
    {
        "version": _number(VERSION, VERSION), "site": _name, "racks": _list(_name, least=1),
        "switches": _list(SWITCH, least=1), "links": _list(_mapping({"a": _border_or_switch, "b": _border_or_switch}), least=1),
        "servers": _list(SERVER), "pools": POOLS, "quarantine_vlan": _vlan, "envelope": ENVELOPE,
    },
    {"canaries": _list(CANARY), "spares": _counts},
)
