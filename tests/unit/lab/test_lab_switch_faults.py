"""What the stand-in of a switch makes of the JSON-RPC that passes through it."""

from __future__ import annotations

import json

from hypothesis import given
from hypothesis import strategies as st

from lab.switch_faults import Messages, changes_something

MESSAGES = st.lists(st.dictionaries(st.text(), st.text() | st.integers() | st.lists(st.text())), max_size=5)


@given(MESSAGES, st.integers(1, 7), st.sampled_from(["", " ", "\n"]))
def test_messages_are_found_however_the_stream_is_cut(messages, size, separator):
    data = separator.join(json.dumps(message, ensure_ascii=False) for message in messages).encode()
    stream, found = Messages(), []
    for start in range(0, len(data), size):
        found += stream.feed(data[start:start + size])
    assert [message for message, _text in found] == messages
    assert [json.loads(text) for _message, text in found] == messages


def transact(*operations: str) -> dict:
    return {"method": "transact", "id": 1, "params": ["Open_vSwitch", *({"op": name} for name in operations)]}


def test_only_transactions_that_change_something_are_struck():
    assert changes_something(transact("select", "wait", "mutate"))
    assert changes_something(transact("insert"))
    assert not changes_something(transact("select", "wait", "comment"))
    assert not changes_something({"method": "echo", "id": "echo", "params": []})
    assert not changes_something({"method": "monitor", "id": 2, "params": ["Open_vSwitch", None, {}]})
    assert not changes_something({"id": 1, "result": [], "error": None})
