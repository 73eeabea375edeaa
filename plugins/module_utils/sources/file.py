# Copyright: (c) 2026, leasehold.cloud contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The source C(file): a data centre in one YAML or JSON document, written by its admins."""

from __future__ import annotations

import functools
import hashlib
import json
from pathlib import Path

from ansible_collections.leasehold.cloud.plugins.module_utils.core.errors import InvalidSource
from ansible_collections.leasehold.cloud.plugins.module_utils.core.models import Datacenter
from ansible_collections.leasehold.cloud.plugins.module_utils.core.source_schema import VERSION, parse
from ansible_collections.leasehold.cloud.plugins.module_utils.lazy import lazy

yaml = lazy("yaml")


class FileSource:
    """Reads ``path``. YAML of a large site takes seconds to parse; JSON (a name that ends in C(.json)) a tenth of it."""

    def __init__(self, path: str):
        self.path = Path(path).expanduser()

    @property
    def mark(self) -> str:
        """Changes whenever what the source says may have changed."""
        return f"file/{VERSION}/{hashlib.sha256(self._content).hexdigest()}"

    def read(self) -> Datacenter:
        """The data centre that the document describes.

        :raises InvalidSource: naming the file, each place in it and the remedy.
        """
        return parse(self._document(), str(self.path))

    @functools.cached_property
    def _content(self) -> bytes:
        try:
            return self.path.read_bytes()
        except OSError as error:
            raise self._unusable(error.strerror or str(error), "check the path, and that you may read it") from error

    def _document(self) -> object:
        try:
            if self.path.suffix == ".json":
                return json.loads(self._content)
            return yaml.load(self._content, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))
        except (yaml.YAMLError, ValueError) as error:
            raise self._unusable(" ".join(str(error).split()), "correct the document there") from error

    def _unusable(self, message: str, remedy: str) -> InvalidSource:
        return InvalidSource(message, object=str(self.path), attempted="reading the source", remedy=remedy)
