# Copyright: (c) 2026, leasehold.cloud contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Tables as plain text for a terminal, and as CSV for a spreadsheet."""

from __future__ import annotations

import csv
import re
import textwrap
from collections.abc import Mapping, Sequence

WIDTH = 120  # characters of a line
NARROWEST = 8  # a column is not made narrower to let the others fit
GAP = "  "
TIME = re.compile(r"(\d{4}-\d\d-\d\d)T(\d\d:\d\d):\d\d(\.\d+)?Z")
FORMULA = ("=", "+", "-", "@", "\t", "\n")  # a spreadsheet would take a text that begins so for a formula

Columns = Sequence[tuple[str, str]]  # key in the rows, and heading


def render(columns: Columns, rows: Sequence[Mapping], width: int = WIDTH) -> list[str]:
    """The lines of a table; what is too wide goes on below in its column. Without rows, one line that says so.

    Times are shown to the minute (UTC), None as a dash, numbers to the right.
    """
    if not rows:
        return ["none"]
    cells = [[shown(row.get(key)) for key, _heading in columns] for row in rows]
    headings = [heading for _key, heading in columns]
    widths = _fit([max(map(len, column)) for column in zip(headings, *cells)], width)
    right = [_is_numeric([row.get(key) for row in rows]) for key, _heading in columns]
    lines = [line for row in [headings, *cells] for line in _lines(row, widths, right)]
    rule = GAP.join("-" * size for size in widths)
    first = len(_lines(headings, widths, right))
    return [*lines[:first], rule, *lines[first:]]


def shown(value: object) -> str:
    """A value in a cell."""
    if value in (None, "", [], (), {}):
        return "-"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, Mapping):
        return ", ".join(f"{key} {shown(item)}" for key, item in value.items())
    if isinstance(value, (list, tuple)):
        return ", ".join(map(shown, value))
    text = " ".join(str(value).split())  # a line break in a reason would break the table
    time = TIME.fullmatch(text)
    return f"{time[1]} {time[2]}" if time else text


def as_csv(columns: Columns, rows: Sequence[Mapping]) -> str:
    """The rows as CSV with the keys as headings: times and numbers as they are, nothing for None.

    A text that a spreadsheet would take for a formula is quoted with an apostrophe.
    """
    text = _Text()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow([key for key, _heading in columns])
    writer.writerows([[_plain(row.get(key)) for key, _heading in columns] for row in rows])
    return "".join(text)


class _Text(list):
    """What M(csv) writes to, without input or output."""

    write = list.append


def _is_numeric(values: Sequence) -> bool:
    known = [value for value in values if value is not None]
    return bool(known) and all(isinstance(value, (int, float)) and not isinstance(value, bool) for value in known)


def _plain(value: object) -> object:
    if value is None or isinstance(value, (int, float)):
        return value if not isinstance(value, bool) else shown(value)
    text = value if isinstance(value, str) else shown(value)
    text = text.replace("\r\n", "\n").replace("\r", "\n")  # M(csv) quotes a line end of its own kind only: another would begin a row
    return f"'{text}" if text.startswith(FORMULA) else text


def _fit(widths: list[int], width: int) -> list[int]:
    """The widths of the columns such that the table fits: the widest give way first."""
    widths = list(widths)
    while sum(widths) + len(GAP) * (len(widths) - 1) > width and max(widths) > NARROWEST:
        widths[widths.index(max(widths))] -= 1
    return widths


def _lines(cells: Sequence[str], widths: Sequence[int], right: Sequence[bool]) -> list[str]:
    """The lines of one row."""
    wrapped = [textwrap.wrap(cell, size) or [""] for cell, size in zip(cells, widths)]
    lines = []
    for number in range(max(map(len, wrapped))):
        parts = [column[number] if number < len(column) else "" for column in wrapped]
        padded = [part.rjust(size) if to_right else part.ljust(size) for part, size, to_right in zip(parts, widths, right)]
        lines.append(GAP.join(padded).rstrip())
    return lines
