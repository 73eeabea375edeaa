# SPDX-License-Identifier: GPL-3.0-or-later
"""The cursor in a Nautobot's change log."""

from __future__ import annotations

import datetime
import types

import pytest

from ansible_collections.leasehold.cloud.plugins.module_utils.sources.nautobot import log
from ansible_collections.leasehold.cloud.plugins.module_utils.sources.protocol import Gap


class Api:
    """A log whose entries can come late, go, and be hidden."""

    def __init__(self, *entries: tuple[str, str]):
        self.entries = [{"id": f"{name}-0000000000000000", "time": f"2026-11-21T{time}+00:00"} for name, time in entries]
        self.hidden = False
        self.asked: list[str] = []

    def query(self, text: str) -> dict:
        self.asked.append(text)
        return {"object_changes": [] if self.hidden else sorted(self.entries, key=lambda row: row["time"], reverse=True)}

    def get(self, _path, _params, accept=()):
        return types.SimpleNamespace(status=403 if self.hidden else 200)


def names(rows: list[dict]) -> list[str]:
    return [row["id"].partition("-")[0] for row in rows]


def test_nothing_new_is_nothing():
    changes = log.ChangeLog(Api(("a", "07:00:00"), ("b", "07:01:00")))
    rows, cursor = changes.since(changes.head())
    assert rows == [] and cursor == changes.head()


def test_what_is_new_is_told_once():
    api = Api(("a", "07:00:00"))
    changes = log.ChangeLog(api)
    cursor = changes.head()
    api.entries.append({"id": "b-0000000000000000", "time": "2026-11-21T07:02:00+00:00"})
    rows, cursor = changes.since(cursor)
    assert names(rows) == ["b"]
    assert changes.since(cursor)[0] == []


def test_an_older_entry_that_is_seen_later_is_told():
    """Its transaction took longer than the next one."""
    api = Api(("a", "07:00:00"), ("c", "07:02:00"))
    changes = log.ChangeLog(api)
    cursor = changes.head()
    api.entries.append({"id": "b-0000000000000000", "time": "2026-11-21T07:01:00+00:00"})
    rows, _cursor = changes.since(cursor)
    assert names(rows) == ["b"]
    assert "06:47:00" in api.asked[-1]


def test_a_log_without_the_last_entry_is_a_gap():
    api = Api(("a", "07:00:00"))
    changes = log.ChangeLog(api)
    cursor = changes.head()
    api.entries = [{"id": "z-0000000000000000", "time": "2026-11-21T07:00:00+00:00"}]
    assert isinstance(changes.since(cursor), Gap)


def test_a_token_that_may_not_see_it_has_no_cursor():
    api = Api(("a", "07:00:00"))
    changes = log.ChangeLog(api)
    cursor = changes.head()
    api.hidden = True
    assert changes.head() is None
    gap = changes.since(cursor)
    assert isinstance(gap, Gap) and "view on extras.objectchange" in gap.reason


def test_an_empty_log_can_be_followed_for_a_day(monkeypatch):
    api = Api()
    changes = log.ChangeLog(api)
    cursor = changes.head()
    assert changes.since(cursor)[0] == []
    api.entries.append({"id": "a-0000000000000000", "time": "2026-11-21T06:00:00+00:00"})
    rows, after = changes.since(cursor)
    assert names(rows) == ["a"] and changes.since(after)[0] == []
    later = log._now() + datetime.timedelta(hours=25)
    monkeypatch.setattr(log, "_now", lambda: later)
    assert isinstance(changes.since(cursor), Gap)


def test_too_many_changes_are_a_gap(monkeypatch):
    monkeypatch.setattr(log, "MOST", 2)
    api = Api(("a", "07:00:00"), ("b", "07:01:00"))
    gap = log.ChangeLog(api).since({"last": api.entries[0]["id"], "time": "2026-11-21T07:00:00+00:00", "seen": []})
    assert isinstance(gap, Gap) and "2 changes" in gap.reason


@pytest.mark.parametrize("data, document", [('{"name": "a"}', {"name": "a"}), ({"name": "a"}, {"name": "a"}), (None, {})])
def test_data_is_read_as_json_or_text(data, document):
    api = types.SimpleNamespace(query=lambda _text: {"object_changes": [{"id": "e1", "object_data_v2": data}]})
    assert log.details(api, [{"id": "e1", "action": "DELETE"}]) == [(None, document)]
