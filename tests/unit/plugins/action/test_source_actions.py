# SPDX-License-Identifier: GPL-3.0-or-later
"""The actions that read a source of truth, as tasks run them: options, results, what a failure says and what it does not."""

from __future__ import annotations

import json

import pytest
import yaml

from tests.unit.plugins.action.test_ledger_actions import Prompt, prompt, runner, synced  # pylint: disable=unused-import
from tests.unit.plugins.module_utils.core import sites

SECRET = "s3cr3t-t0ken-of-nobody"
NOBODY = {"url": "https://127.0.0.1:1", "site": "fra1", "token": SECRET, "timeout": 2}


@pytest.fixture
def asked(prompt):
    """Runs an action that has no option ledger."""
    def run(module: str, **options) -> dict:
        prompt.process.stdin.write(json.dumps({"module": module, "options": options, "check": False}) + "\n")
        prompt.process.stdin.flush()
        return json.loads(prompt.process.stdout.readline())

    return run


def test_a_sync_tells_how_it_was_done(prompt):
    first = prompt.sync()
    assert (first["sync"], first["sync_reason"], first["way"], first["site"], first["mirror_age"]) == ("cold", "it was not read before", "file", "lab", 0)
    assert (first["problems"], first["advice"], first["devices_read"]) == ([], None, None)
    assert first["cost"]["bytes"] == prompt.source.stat().st_size
    again = prompt.sync()
    assert (again["sync"], again["sync_reason"], again["changed"]) == ("unchanged", None, False)
    assert prompt.sync(full=True)["sync_reason"] == "all was asked for"


def test_a_sync_that_fails_says_which_mirror_stays_and_its_age(synced):
    document = sites.document()
    document["servers"][0]["rack"] = "r9"
    synced.write(document)
    result = synced.run("source", path=str(synced.source))
    assert result["error_code"] == "invalid_source"
    assert result["details"]["mirror"]["site"] == "lab" and "the mirror of site lab stays as it was" in result["msg"]
    assert 0 <= result["details"]["mirror"]["age"] < 600
    assert synced.done("claim_info")["changed"] is False


def test_a_first_sync_that_fails_has_no_mirror_to_tell_of(prompt):
    result = prompt.run("source", path=str(prompt.directory / "none.yml"))
    assert (result["error_code"], result["details"]["mirror"]) == ("invalid_source", None)


@pytest.mark.parametrize(
    "options", [{"kind": "file"}, {"kind": "netbox", "site": "x"}, {"kind": "nautobot", "url": "https://127.0.0.1"}, {"kind": "spreadsheet"}])
def test_what_a_kind_needs_is_asked_for(prompt, asked, options):
    for result in (prompt.run("source", **options), asked("source_audit_info", **options)):
        assert (result["failed"], result["error_code"]) == (True, "invalid_input")


@pytest.mark.parametrize("mapping", [{"no_such_key": 1}, {"names": "loud"}])
def test_a_mapping_that_cannot_be_used_is_refused(prompt, mapping):
    file = prompt.directory / "mapping.yml"
    file.write_text(yaml.safe_dump(mapping), encoding="utf-8")
    for given in (mapping, str(file)):
        result = prompt.run("source", path=str(prompt.source), mapping=given)
        assert result["error_code"] == "invalid_input"
        assert next(iter(mapping)) in result["object"]
    assert prompt.run("source", path=str(prompt.source), mapping=str(prompt.directory / "none.yml"))["error_code"] == "invalid_input"


@pytest.mark.parametrize("kind", ["netbox", "nautobot"])
def test_the_token_is_in_no_result(synced, asked, kind):
    for result in (synced.run("source", kind=kind, **NOBODY), asked("source_audit_info", kind=kind, **NOBODY)):
        assert result["error_code"] == "unreachable"
        assert SECRET not in json.dumps(result)


def test_an_audit_of_a_document(asked, prompt):
    result = asked("source_audit_info", path=str(prompt.source))
    assert (result["changed"], result["counts"]) == (False, {"errors": 0, "warnings": 1})
    assert [finding["code"] for finding in result["findings"]] == ["few_canaries"]
    assert set(result["files"]) == {"source_audit.json", "source_audit.csv"}


def test_an_audit_of_a_document_that_cannot_be_used_is_not_a_failure(asked, prompt):
    document = sites.document()
    document["servers"][0]["rack"] = "r9"
    prompt.write(document)
    result = asked("source_audit_info", path=str(prompt.source))
    assert (result.get("failed"), result["counts"]["errors"]) == (None, 1)
    assert "servers[0].rack" in result["text"]
