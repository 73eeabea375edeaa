# Copyright: (c) 2026, leasehold.cloud contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Exports of the ledger's events: JSON lines that are only added to, also on storage that lets nothing else be done."""

from __future__ import annotations

import contextlib
import fcntl
import os
from collections.abc import Iterable, Iterator
from pathlib import Path

from ansible_collections.leasehold.cloud.plugins.module_utils.core import chain
from ansible_collections.leasehold.cloud.plugins.module_utils.core.errors import InvalidInput, LedgerBroken

BLOCK = 1 << 16  # bytes read at once from the file's end
MODE = 0o600
ATTEMPTED = "reading the export"


class EventFile:
    """An export at ``path``. A killed writer may leave half a line at its end; the next one completes it."""

    def __init__(self, path: str):
        self.path = Path(path).expanduser()

    def __str__(self) -> str:
        return f"export {self.path}"

    def tail(self) -> tuple[dict | None, bytes]:
        """The last whole event (None: there is none yet), and the half line after it.

        :raises InvalidInput: what is there is no export.
        """
        with self._explained(ATTEMPTED):
            if not self.path.exists():
                return None, b""
            with self.path.open("rb") as file:
                text = _last_lines(file)
        whole, half = (text[:text.rfind(b"\n") + 1], text[text.rfind(b"\n") + 1:])
        lines = whole.splitlines()
        return self._parsed(lines[-1], "its last line") if lines else None, half

    def events(self) -> Iterator[dict]:
        """Every event that the export has now, in its order; not those that are added while one reads.

        :raises LedgerBroken: naming the line that was changed: the export itself is not what was written.
        :raises InvalidInput: there is no such file, or it is no export.
        """
        with self._explained(ATTEMPTED):
            return self._events(self.path.stat().st_size)

    def _events(self, size: int) -> Iterator[dict]:
        previous = None
        with self._explained(ATTEMPTED), self.path.open("rb") as file:
            for number, text in enumerate(file, 1):
                size -= len(text)
                if size < 0 or not text.endswith(b"\n"):
                    return  # added since, or half a line, that a killed export left
                event = self._parsed(text, f"line {number}")
                fault = chain.fault(event, previous)
                if fault:
                    raise LedgerBroken(
                        f"line {number}, event {event['id']}: {fault}", object=str(self), attempted=ATTEMPTED,
                        remedy="take a copy of the export that nobody could write to; find out who could write to this one",
                        details={"line": number, "event": event["id"]},
                    )
                previous = event["hash"]
                yield event

    @contextlib.contextmanager
    def locked(self) -> Iterator[int]:
        """The file (made with mode 0600 if there is none), open for adding to it, and nobody else adds meanwhile."""
        with self._explained("opening the export"):
            new = not self.path.exists()
            descriptor = os.open(self.path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, MODE)
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX)
                yield descriptor
                os.fsync(descriptor)
                if new:
                    _sync_directory(self.path.parent)
            finally:
                os.close(descriptor)

    def add(self, descriptor: int, lines: Iterable[bytes], half: bytes) -> int:
        """Write lines at the end of the open file, completing ``half`` a one; how many.

        :raises LedgerBroken: the half line is not the beginning of the first.
        """
        count, block = 0, bytearray()
        for text in lines:
            if count == 0 and not text.startswith(half):
                break
            block += text[len(half):] if count == 0 else text
            count += 1
            if len(block) >= BLOCK:
                _write(descriptor, block)
                block = bytearray()
        if half and count == 0:
            raise LedgerBroken(
                "its half last line is not the beginning of the ledger's next event", object=str(self), attempted="adding to the export",
                remedy="see leasehold.cloud.ledger_verify with this export as anchor; if only the half line is foreign, cut it off",
            )
        _write(descriptor, block)
        return count

    def _parsed(self, text: bytes, where: str) -> dict:
        try:
            return chain.parse(text)
        except ValueError as error:
            raise InvalidInput(
                f"{where} is no event: {error}", object=str(self), attempted=ATTEMPTED, remedy="give the path of an export of the ledger's events",
            ) from error

    @contextlib.contextmanager
    def _explained(self, attempted: str):
        try:
            yield
        except OSError as error:
            raise InvalidInput(
                f"{error.strerror or error}", object=str(self), attempted=attempted, remedy="give a path that you may read, and for an export write",
            ) from error


def _last_lines(file) -> bytes:
    """The end of a file, from the beginning of its last whole line on."""
    position, text = file.seek(0, os.SEEK_END), b""
    while position and text.count(b"\n") < 2:
        size = min(BLOCK, position)
        position -= size
        file.seek(position)
        text = file.read(size) + text
    return text


def _write(descriptor: int, block: bytes | bytearray) -> None:
    view = memoryview(bytes(block))
    while view:
        view = view[os.write(descriptor, view):]


def _sync_directory(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
