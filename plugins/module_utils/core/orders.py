# Copyright: (c) 2026, leasehold.cloud contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""From the variables of an order, and the template it names, to a validated M(claims.Order)."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from ansible_collections.leasehold.cloud.plugins.module_utils.core import constraints, hypershift, times
from ansible_collections.leasehold.cloud.plugins.module_utils.core.claims import Order
from ansible_collections.leasehold.cloud.plugins.module_utils.core.errors import InvalidOrder

VARIABLES = ("cluster_name", "cluster_tenant", "cluster_template", "cluster_node_sets", "cluster_lease_duration",
             "cluster_placement", "cluster_expected_plan", "cluster_remove_servers", "cluster_lease_start", "cluster_lease_grace",
             "cluster_hold")
TEMPLATE_KEYS = ("name", "version", "title", "description", "defaults")
DEFAULTS = ("node_sets", "lease_duration", "placement", "lease_grace")  # of a template: those that an order may say otherwise
SETTINGS = (*hypershift.REQUIRED_SETTINGS, *hypershift.SETTINGS)  # of a template: its own alone, for the control plane
REQUIRED = {
    "create": ("cluster_tenant", "cluster_node_sets", "cluster_lease_duration"),
    "scale": ("cluster_node_sets",),
    "delete": (),
    "verify": (),
}
LABEL = re.compile(r"[a-z]([-a-z0-9]*[a-z0-9])?")
DURATION = re.compile(r"([1-9][0-9]{0,4})([hdw])")
NONE = re.compile(r"0[hdw]?")
SECONDS = {"h": 3600, "d": 86400, "w": 604800}
LONGEST_LEASE = 10 * 365 * 86400
# HyperShift names the control plane's namespace <namespace>-<cluster>, which we make <name>-<name>: 63 at most.
LONGEST_CLUSTER_NAME = 31
LONGEST_LABEL = 63


def parse(variables: Mapping, template: Mapping | None = None, operation: str = "create") -> Order:
    """The order that the variables of the role C(cluster) and the template make.

    :param variables: C(cluster_*) by name; None is as absent, and then the template's default holds. A node set takes
        the keys it leaves out from the template's node set of the same name.
    :param template: C({name, version, title, description, defaults}), the one that C(cluster_template) names. None:
        there is none. Its defaults are C(node_sets), C(lease_duration), C(placement), C(lease_grace), and the settings of the control
        plane (M(orders.SETTINGS)), which become the order's C(settings).
    :param operation: create, scale, delete or verify; it decides what is required.
    :raises InvalidOrder: naming the variable and the remedy.
    """
    _refuse_unknown(variables, VARIABLES, "order")
    given = {key: value for key, value in variables.items() if value is not None}
    defaults = _defaults(given, template)
    merged = {**defaults, **given}
    merged["cluster_node_sets"] = _node_sets(given.get("cluster_node_sets"), defaults.get("cluster_node_sets"))
    for variable in ("cluster_name", *REQUIRED[operation]):
        if not merged.get(variable):
            raise _invalid(variable, "it is missing", f"Set {variable} in the order.")
    _label(merged["cluster_name"], "cluster_name", LONGEST_CLUSTER_NAME)
    if "cluster_tenant" in merged:
        _label(merged["cluster_tenant"], "cluster_tenant", LONGEST_LABEL)
    longest = LONGEST_LABEL - len(merged["cluster_name"]) - 1  # a NodePool is called <cluster>-<node set>
    for index, node_set in enumerate(merged["cluster_node_sets"]):
        _label(node_set["name"], f"cluster_node_sets[{index}].name", longest)
    if "cluster_lease_duration" in merged:
        duration_seconds(merged["cluster_lease_duration"])
    _terms(merged)
    _choice(merged.get("cluster_placement", "spread"), "cluster_placement", ("spread", "pack"))
    merged["cluster_remove_servers"] = _names(merged.get("cluster_remove_servers"), "cluster_remove_servers")
    for variable in ("cluster_template", "cluster_expected_plan"):
        if not isinstance(merged.get(variable, ""), str):
            raise _invalid(variable, f"{merged[variable]!r} is not a text", "Give one text.")
    return Order.from_dict(merged)


def with_known_classes(node_sets: Sequence[Mapping] | None, recorded: Sequence[Mapping] | None) -> list[dict] | None:
    """The node sets of a scale, with the class and the constraints that each was ordered with where it does not say them.

    An empty constraint (C({}), C([]), an empty text) drops the one that it was ordered with.
    """
    known = {node_set["name"]: node_set for node_set in recorded or ()}
    if node_sets is None:
        return None
    filled = []
    for node_set in node_sets:
        before = known.get(node_set.get("name"), {})
        kept = {key: before.get(key) for key in constraints.KEPT if node_set.get(key) is None and before.get(key)}
        filled.append({**node_set, **kept, "class": node_set.get("class") or before.get("class")})
    return filled


def template_of_scale(template: Mapping, node_sets: Sequence[Mapping] | None, recorded: Sequence[Mapping] | None) -> dict:
    """A template as it counts in a scale: not for the node sets that the cluster was ordered with, nor where the scale names none; nor for
    a grace that was not ordered."""
    known, defaults = {node_set["name"] for node_set in recorded or ()}, template.get("defaults")
    if not isinstance(defaults, Mapping):
        return dict(template)  # to parse it says what is wrong with it
    ours = [node_set for node_set in _mappings(defaults.get("node_sets"), "node_sets") if node_set.get("name") not in known]
    return {**template, "defaults": {**defaults, "lease_grace": None, "node_sets": None if node_sets is None else ours}}


def duration_seconds(duration: str, variable: str = "cluster_lease_duration") -> int:
    """Seconds of a duration such as C(12h), C(30d) or C(2w).

    :raises InvalidOrder: it is not such a text, or longer than ten years.
    """
    match = DURATION.fullmatch(duration) if isinstance(duration, str) else None
    if not match:
        raise _invalid(variable, f"{duration!r} is not a duration", "Write hours, days or weeks: 12h, 30d, 2w.")
    seconds = int(match[1]) * SECONDS[match[2]]
    if seconds > LONGEST_LEASE:
        raise _invalid(variable, f"{duration} is longer than ten years", "Lease for less, and renew.")
    return seconds


def grace_seconds(duration: str, variable: str = "cluster_lease_grace") -> int:
    """Seconds of a grace: a duration as :func:`duration_seconds` reads it, or C(0h) for none.

    :raises InvalidOrder: it is not such a text, or longer than ten years.
    """
    return 0 if NONE.fullmatch(str(duration)) else duration_seconds(duration, variable)


def _terms(merged: dict) -> None:
    """When the lease starts, what comes after it, and how long it is held for approval."""
    if "cluster_lease_start" in merged:
        merged["cluster_lease_start"] = times.parse(merged["cluster_lease_start"], "cluster_lease_start")
    if "cluster_lease_grace" in merged:
        grace_seconds(merged["cluster_lease_grace"])
    if "cluster_hold" in merged:
        duration_seconds(merged["cluster_hold"], "cluster_hold")
        if "cluster_lease_start" in merged:
            raise _invalid("cluster_hold", "a lease that starts later is reserved, not held",
                           "Set cluster_hold or cluster_lease_start, not both.")


def _defaults(given: Mapping, template: Mapping | None) -> dict:
    named = given.get("cluster_template")
    if template is None:
        if named:
            raise _invalid("cluster_template", f"there is no template {named!r}", "Name a template of the catalog.")
        return {}
    label = f"template {template.get('name')}"
    _refuse_unknown(template, TEMPLATE_KEYS, label)
    if named and named != template.get("name"):
        raise _invalid("cluster_template", f"the order names {named!r}, the template given is {template.get('name')!r}",
                       "Give the template that the order names.")
    defaults = template.get("defaults") or {}
    _refuse_unknown(defaults, (*DEFAULTS, *SETTINGS), f"{label}: defaults")
    present = {key: value for key, value in defaults.items() if value is not None}
    return {
        "cluster_template": template.get("name"),
        **{f"cluster_{key}": present[key] for key in DEFAULTS if key in present},
        "cluster_settings": {key: present[key] for key in SETTINGS if key in present},
    }


def _node_sets(given: object, default: object) -> list[dict]:
    """The order's node sets, filled in from the template's; the template's own where the order has none."""
    by_name = {item["name"]: item for item in _mappings(default, "cluster_node_sets") if "name" in item}
    items = _mappings(given if given is not None else default, "cluster_node_sets")
    checked: list[dict] = []
    for index, item in enumerate(items):
        where = f"cluster_node_sets[{index}]"
        _refuse_unknown(item, ("name", "class", "count", *constraints.KEYS), where)
        filled = {**by_name.get(item.get("name"), {}), **{key: value for key, value in item.items() if value is not None}}
        for key in ("name", "class", "count"):
            if filled.get(key) is None:
                raise _invalid(f"{where}.{key}", "it is missing", "A node set has a name, a class and a count.")
        if filled["name"] in [other["name"] for other in checked]:
            raise _invalid(f"{where}.name", f"{filled['name']!r} is there twice", "Give each node set its own name.")
        _label(filled["class"], f"{where}.class", LONGEST_LABEL)
        plain = {"name": filled["name"], "class": filled["class"], "count": _count(filled["count"], f"{where}.count")}
        checked.append(plain | constraints.checked({**filled, **plain}, where))
    constraints.refuse_twice(checked)
    return checked


def _mappings(value: object, where: str) -> list[Mapping]:
    items = value if value is not None else []
    if not isinstance(items, (list, tuple)) or not all(isinstance(item, Mapping) for item in items):
        raise _invalid(where, "it is not a list of node sets", "Write [{name: workers, class: cpu, count: 3}].")
    return list(items)


def _count(value: object, where: str) -> int:
    number = int(value) if isinstance(value, str) and value.isascii() and value.isdigit() else value
    if not isinstance(number, int) or isinstance(number, bool) or number < 1:
        raise _invalid(where, f"{value!r} is not a count of at least 1", "Ask for 1 server or more.")
    return number


def _names(value: object, where: str) -> list[str]:
    items = value if value is not None else []
    if not isinstance(items, (list, tuple)) or not all(isinstance(item, str) and item for item in items):
        raise _invalid(where, "it is not a list of server names", "Write [r1-s01, r1-s02].")
    return list(dict.fromkeys(items))


def _label(value: object, where: str, longest: int) -> None:
    if not isinstance(value, str) or not LABEL.fullmatch(value) or len(value) > longest:
        raise _invalid(where, f"{value!r} is not a DNS label of at most {longest} characters",
                       "Use lower case letters, digits and hyphens; begin with a letter, end with a letter or digit.")


def _choice(value: object, where: str, choices: tuple[str, ...]) -> None:
    if value not in choices:
        raise _invalid(where, f"{value!r} is not a choice", f"Use one of {', '.join(choices)}.")


def _refuse_unknown(value: object, known: tuple[str, ...], where: str) -> None:
    if not isinstance(value, Mapping):
        raise _invalid(where, "it is not a mapping", f"Give a mapping with the keys {', '.join(known)}.")
    unknown = sorted(str(key) for key in value if key not in known)
    if unknown:
        raise _invalid(where, f"{', '.join(unknown)}: not known here", f"Known are {', '.join(known)}.")


def _invalid(variable: str, problem: str, remedy: str) -> InvalidOrder:
    return InvalidOrder(problem, object=variable, attempted="read the order", remedy=remedy,
                        details={"variable": variable})
