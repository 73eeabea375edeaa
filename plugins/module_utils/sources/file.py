# Copyright: (c) 2026, leasehold.cloud contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The source C(file): a data centre in one YAML or JSON document, written by its admins."""

from __future__ import annotations

import functools
import hashlib
import json
import time
from collections.abc import Collection
from pathlib import Path

from ansible_collections.leasehold.cloud.plugins.module_utils.core.errors import InvalidInput, InvalidSource
from ansible_collections.leasehold.cloud.plugins.module_utils.core.records import Records
from ansible_collections.leasehold.cloud.plugins.module_utils.core.source_schema import VERSION, parse
from ansible_collections.leasehold.cloud.plugins.module_utils.lazy import lazy
from ansible_collections.leasehold.cloud.plugins.module_utils.sources.protocol import Delta, Gap, Options, Reading

yaml = lazy("yaml")


class FileSource:
    """Reads C(options.path). YAML of a large site takes seconds to parse; JSON (a name that ends in C(.json)) a tenth of it."""

    def __init__(self, options: Options):
        if not options.path:
            raise InvalidInput("no path is given", object="option path", attempted="reading the source",
                               remedy="give the path of the document that describes the data centre")
        self.path = Path(options.path).expanduser().absolute()
        self.identity = f"file {self.path}"
        self.cost = {"requests": 0, "bytes": 0, "seconds": 0.0}

    def read(self) -> Reading:
        """The data centre that the document describes.

        :raises InvalidSource: naming the file, each place in it and the remedy.
        """
        return Reading(cursor={"mark": self.mark}, way="file", datacenter=parse(self._document(), str(self.path)))

    def since(self, cursor: dict) -> Delta | Gap:
        """Nothing, while the document is what it was; else it has to be read."""
        return Delta(cursor) if cursor.get("mark") == self.mark else Gap("the document has changed")

    def devices(self, ids: Collection[str]) -> Records:
        """None: a document is read as a whole."""
        return Records()

    @property
    def mark(self) -> str:
        """Changes whenever what the document says may have changed."""
        return f"file/{VERSION}/{hashlib.sha256(self._content).hexdigest()}"

    @functools.cached_property
    def _content(self) -> bytes:
        started = time.monotonic()
        try:
            content = self.path.read_bytes()
        except OSError as error:
            raise self._unusable(error.strerror or str(error), "check the path, and that you may read it") from error
        self.cost = {"requests": 1, "bytes": len(content), "seconds": round(time.monotonic() - started, 3)}
        return content

    def _document(self) -> object:
        try:
            if self.path.suffix == ".json":
                return json.loads(self._content)
            return yaml.load(self._content, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))
        except (yaml.YAMLError, ValueError) as error:
            raise self._unusable(" ".join(str(error).split()), "correct the document there") from error

    def _unusable(self, message: str, remedy: str) -> InvalidSource:
        return InvalidSource(message, object=str(self.path), attempted="reading the source", remedy=remedy)
