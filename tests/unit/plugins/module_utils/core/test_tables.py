# SPDX-License-Identifier: GPL-3.0-or-later
"""Tables that people read on a terminal, and spreadsheets take in."""

from __future__ import annotations

import csv
import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.leasehold.cloud.plugins.module_utils.core import tables

COLUMNS = (("name", "server"), ("count", "servers"), ("reason", "why"))


def test_a_table_is_aligned_numbers_to_the_right():
    rows = [{"name": "r1-s01", "count": 12, "reason": None}, {"name": "r1-s2", "count": 3, "reason": "smoke"}]
    assert tables.render(COLUMNS, rows) == [
        "server  servers  why",
        "------  -------  -----",
        "r1-s01       12  -",
        "r1-s2         3  smoke",
    ]


def test_without_rows_it_says_so():
    assert tables.render(COLUMNS, []) == ["none"]


def test_what_is_too_wide_goes_on_below_in_its_column():
    lines = tables.render(COLUMNS, [{"name": "r1-s01", "count": 1, "reason": "memory errors, ticket 4711"}], width=34)
    assert lines[2:] == ["r1-s01        1  memory errors,", "                 ticket 4711"]


def test_values_are_shown_as_people_write_them():
    assert tables.shown("2026-12-20T10:15:30.123Z") == "2026-12-20 10:15"
    assert tables.shown({"blue": 2, "green": 1.5}) == "blue 2, green 1.5"
    assert tables.shown(["a", None]) == "a, -"
    assert [tables.shown(value) for value in (True, False, 0, "", {}, "two\nlines")] == ["yes", "no", "0", "-", "-", "two lines"]


def test_csv_is_exact_and_no_formula():
    text = tables.as_csv(COLUMNS, [
        {"name": 'a,"b"', "count": 1.5, "reason": "=cmd()"}, {"name": "x\ny", "count": None, "reason": {"blue": 1}},
        {"name": True, "count": -3, "reason": "-fan"},
    ])
    assert list(csv.reader(text.splitlines(keepends=True))) == [
        ["name", "count", "reason"], ['a,"b"', "1.5", "'=cmd()"], ["x\ny", "", "blue 1"], ["yes", "-3", "'-fan"]]


@pytest.mark.parametrize("end", ["\r", "\r\n", "\n"])
def test_a_line_end_in_a_text_begins_no_row_of_the_csv(end):
    text = tables.as_csv(COLUMNS, [{"name": f"smoke{end}=cmd()", "count": 1, "reason": f"{end}=cmd()"}])
    assert "\r" not in text
    assert list(csv.reader(io.StringIO(text, newline=""))) == [["name", "count", "reason"], ["smoke\n=cmd()", "1", "'\n=cmd()"]]


ROWS = st.fixed_dictionaries({"name": st.text(max_size=60), "count": st.integers(0, 10**9), "reason": st.none() | st.text(max_size=400)})


@given(st.lists(ROWS, max_size=5))
def test_csv_has_as_many_rows_and_cells_as_it_was_given(rows):
    found = list(csv.reader(io.StringIO(tables.as_csv(COLUMNS, rows), newline="")))
    assert [len(cells) for cells in found] == [3] * (len(rows) + 1)


@given(st.lists(ROWS, max_size=5), st.integers(40, 160))
def test_a_table_fits_and_loses_nothing(rows, width):
    lines = tables.render(COLUMNS, rows, width)
    assert all(len(line) <= width for line in lines)
    letters = "".join("".join(lines).split())
    for row in rows:
        assert str(row["count"]) in letters
        assert all(letter in letters for letter in (row["reason"] or "") + row["name"] if not letter.isspace())
