# SPDX-License-Identifier: GPL-3.0-or-later
"""The buyers' own books, beside the ledger: one file each, a JSON line for what a buyer knows to be so.

What a buyer has written is there after it is killed. Times are of the machine's monotonic clock, which all processes share.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterable
from pathlib import Path

BEGUN = "begun"  # a cluster is about to be ordered
TOKEN = "token"  # a run has begun, with this token
TOOK = "took"  # the cluster holds these resources from now on at the latest
DROPS = "drops"  # the cluster may hold nothing from now on
ENDED = "ended"  # nothing is left to do for the cluster


ADDED_TO = os.O_WRONLY | os.O_CREAT | os.O_APPEND


class Journal:
    """A buyer's file, added to; and a file of them all, with a byte for each claim."""

    def __init__(self, directory: Path, name: str):
        self._file = os.open(directory / f"{name}.journal", ADDED_TO)
        self._tally = os.open(directory / "tally", ADDED_TO)

    def say(self, event: str, cluster: str = "", **details) -> None:
        """One line, in the file when this returns."""
        line = {"at": time.monotonic_ns(), "event": event, "cluster": cluster} | details
        os.write(self._file, json.dumps(line).encode() + b"\n")
        if event == TOOK:
            os.write(self._tally, b".")


def claims(directory: Path) -> int:
    """How many claims all buyers have made until now."""
    path = directory / "tally"
    return path.stat().st_size if path.exists() else 0


def read(directory: Path, name: str = "*") -> list[dict]:
    """What one buyer, or all, have said, in the order of time. A line that was cut off by a kill is left out."""
    texts = [path.read_text() for path in directory.glob(f"{name}.journal")]
    lines = [json.loads(line) for text in texts for line in text.splitlines(keepends=True) if line.endswith("\n")]
    return sorted(lines, key=lambda line: line["at"])


def unfinished(lines: Iterable[dict]) -> dict[str, int | None]:
    """The clusters that were begun and have not ended, each with the last token that is known."""
    found: dict[str, int | None] = {}
    for line in lines:
        if line["event"] == BEGUN:
            found[line["cluster"]] = None
        elif line["event"] == TOKEN:
            found[line["cluster"]] = line["token"]
        elif line["event"] == ENDED:
            del found[line["cluster"]]
    return found


def held_twice(lines: Iterable[dict]) -> list[str]:
    """Where one buyer was sure to hold what another one was sure to hold; to be empty."""
    holding: dict[str, str] = {}
    holds: dict[str, list[str]] = {}
    found = []
    for line in lines:
        cluster = line["cluster"]
        if line["event"] == TOOK:
            for resource in line["resources"]:
                holder = holding.setdefault(resource, cluster)
                if holder != cluster:
                    found.append(f"{resource}: {cluster} took it while {holder} held it")
            holds[cluster] = line["resources"]
        elif line["event"] == DROPS:
            for resource in holds.pop(cluster, ()):
                if holding.get(resource) == cluster:
                    del holding[resource]
    return found
