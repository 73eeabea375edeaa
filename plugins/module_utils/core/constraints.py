# Copyright: (c) 2026, leasehold.cloud contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The placement constraints of a node set, as an order writes them: checked. What they mean, M(picks) and M(placement) say."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from ansible_collections.leasehold.cloud.plugins.module_utils.core.errors import InvalidOrder
from ansible_collections.leasehold.cloud.plugins.module_utils.core.picks import MOST_CAPS
from ansible_collections.leasehold.cloud.plugins.module_utils.core.placement import COMPARISON, as_number

DOMAINS = ("spread_by", "within", "pack_by")
KEYS = ("require", *DOMAINS, "max_per", "include", "exclude")
KEPT = tuple(key for key in KEYS if key != "include")  # in a scale that does not say them again; included were those who joined


def checked(node_set: Mapping, where: str) -> dict:
    """The constraints of a node set that has some; its count is checked already.

    :param where: the node set's place in the order, for messages.
    :raises InvalidOrder: naming the key.
    """
    given = {key: node_set[key] for key in KEYS if node_set.get(key) is not None}
    made = {key: _domain(given[key], f"{where}.{key}") for key in DOMAINS if given.get(key)}
    made |= {key: _names(given[key], f"{where}.{key}") for key in ("include", "exclude") if key in given}
    if "require" in given:
        made["require"] = _require(given["require"], f"{where}.require")
    if "max_per" in given:
        made["max_per"] = _max_per(given["max_per"], f"{where}.max_per")
    both = sorted(set(made.get("include", ())) & set(made.get("exclude", ())))
    if both:
        raise _invalid(f"{where}.include", f"{', '.join(both)}: included and excluded", "Name each server in one of them.")
    if len(made.get("include", ())) > node_set["count"]:
        raise _invalid(f"{where}.include", f"it names {len(made['include'])} servers, and the count is {node_set['count']}", "Raise the count.")
    return {key: value for key, value in made.items() if value}


def refuse_twice(node_sets: Iterable[Mapping]) -> None:
    """Refuse that two node sets include the same server.

    :raises InvalidOrder: naming it.
    """
    seen: dict[str, str] = {}
    for node_set in node_sets:
        for name in node_set.get("include", ()):
            if name in seen:
                raise _invalid("cluster_node_sets", f"{seen[name]} and {node_set['name']} both include {name}", "Name it in one of them.")
            seen[name] = node_set["name"]


def _domain(value: object, where: str) -> str:
    if not isinstance(value, str):
        raise _invalid(where, f"{value!r} is not a kind of domain", "Write rack, leaf_pair, or the name of an attribute such as power_feed.")
    return value


def _require(value: object, where: str) -> dict:
    if not isinstance(value, Mapping) or not all(isinstance(key, str) and key for key in value):
        raise _invalid(where, "it is not a mapping of attributes", "Write {gpu_model: H100, memory_gib: '>=1024'}.")
    for key, wanted in value.items():
        for choice in wanted if isinstance(wanted, (list, tuple)) else [wanted]:
            _choice(choice, f"{where}.{key}")
        if wanted in ([], ()):
            raise _invalid(f"{where}.{key}", "it lists nothing to choose from", "List at least one value, or leave it out.")
    return dict(value)


def _choice(choice: object, where: str) -> None:
    if not isinstance(choice, (str, int, float, bool)):
        raise _invalid(where, f"{choice!r} is not a value", "Write a text, a number, true or false, or a list of them.")
    comparison = COMPARISON.fullmatch(choice) if isinstance(choice, str) else None
    if comparison and comparison[1] != "!=" and as_number(comparison[2]) is None:
        raise _invalid(where, f"{choice!r} compares with what is not a number", "Write a comparison such as '>=1024'.")


def _max_per(value: object, where: str) -> dict:
    if not isinstance(value, Mapping) or not all(isinstance(kind, str) and kind for kind in value):
        raise _invalid(where, "it is not a mapping of kinds of domain", "Write {rack: 2}.")
    if len(value) > MOST_CAPS:
        raise _invalid(where, f"it caps {len(value)} kinds of domain", f"Cap {MOST_CAPS} at most.")
    caps = {}
    for kind, most in value.items():
        number = int(most) if isinstance(most, str) and most.isascii() and most.isdigit() else most
        if not isinstance(number, int) or isinstance(number, bool) or number < 1:
            raise _invalid(f"{where}.{kind}", f"{most!r} is not a count of at least 1", "Allow 1 server or more in each.")
        caps[kind] = number
    return caps


def _names(value: object, where: str) -> list[str]:
    if not isinstance(value, (list, tuple)) or not all(isinstance(item, str) and item for item in value):
        raise _invalid(where, "it is not a list of server names", "Write [r1-s01, r1-s02].")
    return list(dict.fromkeys(value))


def _invalid(variable: str, problem: str, remedy: str) -> InvalidOrder:
    return InvalidOrder(problem, object=variable, attempted="read the order", remedy=remedy, details={"variable": variable})
