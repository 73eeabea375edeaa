# SPDX-License-Identifier: GPL-3.0-or-later
"""Orders as files. The role's argument_specs say what an order may hold; here it only has to be a mapping."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import yaml

PLAYBOOKS = {
    "create": "leasehold.cloud.cluster_create",
    "scale": "leasehold.cloud.cluster_scale",
    "delete": "leasehold.cloud.cluster_delete",
    "show": "leasehold.cloud.cluster_info",
}


class InvalidOrder(Exception):
    """An order file that cannot be used; the text names the file, what is wrong and the remedy."""


@dataclasses.dataclass(frozen=True)
class Order:
    """What was ordered: the variables of the playbooks, from the customer's file."""

    variables: dict
    path: Path | None = None

    @property
    def name(self) -> str:
        """The cluster's name; empty where an order names none (show)."""
        return str(self.variables.get("cluster_name", ""))


def load(path: Path) -> Order:
    """Read an order file.

    :raises InvalidOrder: when it cannot be read, is not YAML, is not a mapping, or names no cluster.
    """
    try:
        variables = yaml.safe_load(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise InvalidOrder(f"{path}: cannot be read: {error.strerror}") from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise InvalidOrder(f"{path}: is not YAML: {error}") from error
    if not isinstance(variables, dict) or not all(isinstance(key, str) for key in variables):
        raise InvalidOrder(f"{path}: is not a mapping. Write one variable a line, such as `cluster_name: alpha`")
    if not variables.get("cluster_name"):
        raise InvalidOrder(f"{path}: names no cluster. Add `cluster_name: alpha`")
    return Order(variables, path)
