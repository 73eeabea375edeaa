# Copyright: (c) 2026, leasehold.cloud contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Third-party libraries on first use: a collection must import where its libraries are not installed."""

from __future__ import annotations

import contextlib
import gc
import importlib
from collections.abc import Iterator

from ansible_collections.leasehold.cloud.plugins.module_utils.core.errors import MissingLibrary


class lazy:  # pylint: disable=invalid-name
    """A stand-in for module ``name`` that imports it when an attribute is first read.

    :raises MissingLibrary: on first use, when the library is not installed.
    """

    def __init__(self, name: str):
        self._name = name

    def __getattr__(self, attribute: str):
        try:
            with collecting_later():
                module = importlib.import_module(self._name)
        except ImportError as error:
            raise MissingLibrary(
                f"the Python library {self._name} cannot be imported: {error}",
                object=self._name, attempted="importing it in Ansible's Python environment",
                remedy="pip install -r requirements.txt of the leasehold.cloud collection",
            ) from error
        self.__dict__.update(vars(module))
        return getattr(module, attribute)


def preload(*names: str) -> None:
    """Import libraries now, where they are installed.

    Ansible loads an action plugin's file in its main process and runs the action in a fork of it: what is imported at
    load time is paid for once a run, not once a task.
    """
    with collecting_later():
        for name in names:
            try:
                importlib.import_module(name)
            except ImportError:
                continue  # the first use will say so, with the remedy


@contextlib.contextmanager
def collecting_later() -> Iterator[None]:
    """Without the collector of reference cycles, which would look at very many new objects again and again: a quarter of what the import of a large
    library takes."""
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()
