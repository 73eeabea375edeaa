# Copyright: (c) 2026, leasehold.cloud contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What those share that read a source of truth: its client and its mapping, from options."""

from __future__ import annotations

import os
from collections.abc import Mapping as Map
from pathlib import Path

from ansible_collections.leasehold.cloud.plugins.module_utils.core.errors import InvalidInput
from ansible_collections.leasehold.cloud.plugins.module_utils.core.mapping_file import Mapping
from ansible_collections.leasehold.cloud.plugins.module_utils.lazy import lazy
from ansible_collections.leasehold.cloud.plugins.module_utils.sources import open_source
from ansible_collections.leasehold.cloud.plugins.module_utils.sources.protocol import Options, Source

yaml = lazy("yaml")

TOKEN = "LEASEHOLD_SOURCE_TOKEN"
SOURCE_CONSTRAINTS = {
    "required_if": [("kind", "file", ("path",)), ("kind", "netbox", ("url", "site")), ("kind", "nautobot", ("url", "site"))],
}


def mapping_of(given: object) -> Mapping:
    """The mapping that an option means: a mapping, the path of a YAML file of one, or None.

    :raises InvalidInput: naming the file and the key.
    """
    if given is None or isinstance(given, Map):
        return Mapping.from_dict(given)
    path = Path(str(given)).expanduser()
    try:
        return Mapping.from_dict(yaml.safe_load(path.read_bytes()), str(path))
    except OSError as error:
        raise _unusable(path, error.strerror or str(error), "check the path, and that you may read it") from error
    except (yaml.YAMLError, ValueError) as error:
        raise _unusable(path, " ".join(str(error).split()), "correct the file there") from error


def source_of(options: Map) -> Source:
    """The client of the source that options name: C({kind, path, url, token, site, mapping, validate_certs, ca_path, timeout}).
    Without a token, that of the environment is used (E(LEASEHOLD_SOURCE_TOKEN)).

    :raises InvalidInput: an option that its kind needs is not given.
    """
    given = {key: options[key] for key in ("path", "url", "site", "validate_certs", "ca_path", "timeout") if options.get(key) is not None}
    token = options.get("token") or os.environ.get(TOKEN)
    return open_source(options["kind"], Options(**given, token=token, mapping=mapping_of(options.get("mapping"))))


def _unusable(path: Path, message: str, remedy: str) -> InvalidInput:
    return InvalidInput(message, object=f"mapping {path}", attempted="reading the mapping of the source", remedy=remedy)
