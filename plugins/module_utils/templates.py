# Copyright: (c) 2026, leasehold.cloud contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Templates: what can be ordered, one YAML file each, looked for along a path."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path

from ansible_collections.leasehold.cloud.plugins.module_utils.core.errors import InvalidOrder
from ansible_collections.leasehold.cloud.plugins.module_utils.lazy import lazy

yaml = lazy("yaml")

OURS = Path(__file__).parents[2] / "roles" / "cluster" / "files" / "templates"
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")


def find(name: str, path: Iterable[str] = ()) -> dict:
    """The template called ``name``: the first ``<name>.yml`` in the directories of ``path``, then in the collection's own.

    :raises InvalidOrder: when there is none, or it is not a mapping.
    """
    directories = [*(Path(directory).expanduser() for directory in path), OURS]
    candidates = [directory / f"{name}.yml" for directory in directories] if NAME.fullmatch(name) else []
    file = next((candidate for candidate in candidates if candidate.is_file()), None)
    if file is None:
        known = sorted({template.stem for directory in directories for template in directory.glob("*.yml")})
        raise _invalid(f"there is no template {name!r}; there are: {', '.join(known) or 'none'}", "name one of them, or give its directory in template_path")
    try:
        template = yaml.safe_load(file.read_text(encoding="utf-8"))
    except (yaml.YAMLError, OSError, UnicodeDecodeError) as error:
        raise _invalid(f"{file} cannot be read: {' '.join(str(error).split())}", "correct the template") from error
    if not isinstance(template, dict):
        raise _invalid(f"{file} is not a mapping", "correct the template")
    return template


def _invalid(message: str, remedy: str) -> InvalidOrder:
    return InvalidOrder(message, object="cluster_template", attempted="reading the template", remedy=remedy)
