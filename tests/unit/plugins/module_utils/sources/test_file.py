# SPDX-License-Identifier: GPL-3.0-or-later
"""The file source: what it reads, and what it says of what it cannot."""

from __future__ import annotations

import json

import pytest
import yaml

from ansible_collections.leasehold.cloud.plugins.module_utils.core.errors import InvalidInput, InvalidSource
from ansible_collections.leasehold.cloud.plugins.module_utils.sources import open_source
from ansible_collections.leasehold.cloud.plugins.module_utils.sources.file import FileSource
from ansible_collections.leasehold.cloud.plugins.module_utils.sources.protocol import Delta, Gap, Options
from tests.unit.plugins.module_utils.core import sites


def opened(path) -> FileSource:
    return FileSource(Options(path=str(path)))


def written(path, text: str) -> FileSource:
    path.write_text(text, encoding="utf-8")
    return opened(path)


def refusal(source: FileSource) -> InvalidSource:
    with pytest.raises(InvalidSource) as error:
        source.read()
    return error.value


@pytest.mark.parametrize(("name", "text"), [("dc.yml", yaml.safe_dump(sites.document())), ("dc.json", json.dumps(sites.document()))])
def test_yaml_and_json_tell_the_same(tmp_path, name, text):
    assert written(tmp_path / name, text).read().datacenter == sites.site()


def test_the_file_kind_is_known(tmp_path):
    assert isinstance(open_source("file", Options(path=str(tmp_path))), FileSource)


def test_a_path_is_needed():
    with pytest.raises(InvalidInput, match="no path is given"):
        FileSource(Options())


def test_since_a_cursor_there_is_nothing_new_or_all_to_be_read(tmp_path):
    text = yaml.safe_dump(sites.document())
    cursor = written(tmp_path / "dc.yml", text).read().cursor
    assert opened(tmp_path / "dc.yml").since(cursor) == Delta(cursor)
    assert opened(tmp_path / "dc.yml").since(cursor).empty
    assert isinstance(written(tmp_path / "dc.yml", text + "#\n").since(cursor), Gap)
    assert isinstance(opened(tmp_path / "dc.yml").since({}), Gap)


def test_the_cost_of_reading_is_told(tmp_path):
    source = written(tmp_path / "dc.yml", yaml.safe_dump(sites.document()))
    source.read()
    assert (source.cost["requests"], source.cost["bytes"]) == (1, (tmp_path / "dc.yml").stat().st_size)


def test_the_mark_follows_the_content(tmp_path):
    text = yaml.safe_dump(sites.document())
    first = written(tmp_path / "a.yml", text).mark
    assert written(tmp_path / "b.yml", text).mark == first
    assert written(tmp_path / "a.yml", text + "#\n").mark != first


def test_a_missing_file_is_told(tmp_path):
    error = refusal(opened(tmp_path / "none.yml"))
    assert error.object.endswith("none.yml")
    assert "check the path" in error.remedy


@pytest.mark.parametrize(("name", "text"), [("a.yml", "a: [1"), ("a.json", "{"), ("a.yml", "a: \udcff")])
def test_what_is_no_document_is_told_with_its_file(tmp_path, name, text):
    (tmp_path / name).write_bytes(text.encode("utf-8", "surrogateescape"))
    assert refusal(opened(tmp_path / name)).object.endswith(name)


def test_a_problem_is_told_with_file_path_and_remedy(tmp_path):
    document = sites.document()
    document["servers"][1]["nics"][0]["switch"] = "leaf-r9a"
    error = refusal(written(tmp_path / "dc.yml", yaml.safe_dump(document)))
    assert "dc.yml" in error.object
    assert "servers[1].nics[0]" in error.object
    assert error.remedy


def test_an_unsafe_tag_is_not_obeyed(tmp_path):
    refusal(written(tmp_path / "dc.yml", "!!python/object/apply:os.getcwd []"))
