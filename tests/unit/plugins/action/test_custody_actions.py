# SPDX-License-Identifier: GPL-3.0-or-later
"""Looking after the ledger: its schema, backups, restores, and verifying it."""

from __future__ import annotations

import shutil
import sqlite3
import stat
from pathlib import Path

import pytest

from ansible_collections.leasehold.cloud.plugins.module_utils.ledger import schema
# pylint: disable-next=unused-import
from tests.unit.plugins.action.test_ledger_actions import Prompt, names, prompt, runner, synced
from tests.unit.plugins.module_utils.ledger.test_migrations import old_ledger


def behind(path: Path, *statements: str) -> None:
    """Write to a ledger as nobody should."""
    with sqlite3.connect(path) as database:
        for verb in ("update", "delete"):
            database.execute(f"DROP TRIGGER IF EXISTS events_append_only_{verb}")
        for statement in statements:
            database.execute(statement)
    database.close()


@pytest.fixture
def older(prompt):
    """A prompt at a ledger of the first schema."""
    old_ledger(f"sqlite:///{prompt.ledger}", "0001")
    return prompt


def test_an_older_schema_is_migrated_when_it_is_said(older):
    refused = older.run("ledger")
    assert (refused["error_code"], "ledger_migrate" in refused["remedy"]) == ("refused", True)
    checked = older.done("ledger", check=True, migrate=True)
    assert (checked["changed"], checked["before"], checked["after"]) == (True, "0001", schema.HEAD)
    assert older.run("claim_info")["error_code"] == "refused", "check mode migrated it"
    done = older.done("ledger", migrate=True)
    assert (done["changed"], done["before"], done["diff"]["after"]) == (True, "0001", f"schema of the ledger: {schema.HEAD}\n")
    again = older.done("ledger", migrate=True)
    assert (again["changed"], again["before"]) == (False, schema.HEAD)
    assert {cluster["name"] for cluster in older.done("claim_info")["clusters"]} == {"blue", "green", "white"}


def test_a_sync_in_check_mode_migrates_nothing(older):
    assert older.run("source", check=True, path=str(older.source), migrate=True)["error_code"] == "refused"
    assert older.done("ledger", check=True, migrate=True)["before"] == "0001"


@pytest.mark.parametrize("version", ["0000", "9999"])
def test_there_is_no_way_from_a_schema_that_nobody_knows(synced, version):
    behind(synced.ledger, f"UPDATE alembic_version SET version_num = '{version}'")
    for check in (True, False):
        result = synced.run("ledger", check=check, migrate=True)
        assert (result["error_code"], result["details"]["schema"]) == ("refused", version)


def test_a_ledger_is_made_where_there_is_none(prompt):
    assert prompt.done("ledger", check=True)["before"] is None
    assert not prompt.ledger.exists()
    assert [prompt.done("ledger")["changed"] for _turn in range(2)] == [True, False]
    assert prompt.done("ledger_info")["schema"] == schema.HEAD


def test_what_is_in_a_ledger(synced):
    told = synced.done("ledger_info")
    assert (told["database"], told["schema"], told["tables"]["servers"], told["sites"][0]["name"]) == ("sqlite", schema.HEAD, 8, "lab")
    assert told["head"]["id"] == told["tables"]["events"]


def test_a_look_at_no_ledger_makes_none(prompt):
    assert prompt.done("ledger_info")["schema"] is None
    assert not prompt.ledger.exists()


@pytest.mark.parametrize("check", [True, False])
def test_where_there_is_no_ledger_nothing_verifies(synced, tmp_path, check):
    anchor = tmp_path / "events.jsonl"
    synced.done("event_export", dest=str(anchor))
    lost = tmp_path / "none.db"
    for asked in ({"verify": True}, {"anchor": str(anchor)}):
        told = synced.run("ledger_info", check=check, ledger=str(lost), **asked)
        assert (told["error_code"], str(lost) in told["object"]) == ("not_found", True)
    assert not lost.exists()


def test_a_whole_ledger_verifies_and_a_changed_one_names_what_was_changed(synced, tmp_path):
    synced.create()
    anchor = tmp_path / "events.jsonl"
    synced.done("event_export", dest=str(anchor))
    verified = synced.done("ledger_info", anchor=str(anchor))["verified"]
    assert verified["events"] == verified["anchored"] > 0
    behind(synced.ledger, "UPDATE clusters SET phase = 'degraded'")
    broken = synced.run("ledger_info", verify=True)
    assert broken["error_code"] == "ledger_broken"
    assert broken["details"]["findings"] == [{"kind": "phase", "object": "cluster blue", "expected": "ready", "found": "degraded"}]
    assert "cluster blue: phase is degraded, not ready" in broken["msg"]


def test_an_anchor_that_was_changed_proves_nothing(synced, tmp_path):
    anchor = tmp_path / "events.jsonl"
    synced.done("event_export", dest=str(anchor))
    anchor.write_text(anchor.read_text(encoding="utf-8").replace("synced", "sunken", 1), encoding="utf-8")
    broken = synced.run("ledger_info", anchor=str(anchor))
    assert (broken["error_code"], broken["details"]["line"]) == ("ledger_broken", 1)
    assert synced.run("ledger_info", anchor=str(tmp_path / "none"))["error_code"] == "invalid_input"


def test_a_backup_is_made_once_and_is_a_ledger(synced, tmp_path):
    synced.create()
    dest = tmp_path / "backup.db"
    assert synced.done("ledger_backup", check=True, dest=str(dest))["changed"] and not dest.exists()
    made = synced.done("ledger_backup", dest=str(dest))
    assert made["changed"] and made["head"] == synced.done("ledger_info")["head"]
    assert stat.S_IMODE(dest.stat().st_mode) == 0o600
    kept = dest.read_bytes()
    for check in (True, False):
        assert not synced.done("ledger_backup", check=check, dest=str(dest))["changed"]
    assert dest.read_bytes() == kept
    assert [path.name for path in tmp_path.glob("*backup*")] == ["backup.db"]
    assert synced.done("claim_info", ledger=str(dest)) == synced.done("claim_info")


def test_a_backup_follows_the_ledger_also_where_no_event_was(synced, tmp_path):
    dest = tmp_path / "backup.db"
    synced.done("ledger_backup", dest=str(dest))
    plan, token = synced.create()
    assert synced.done("ledger_backup", dest=str(dest))["changed"]
    run = synced.done("run", cluster="blue", state="started", operation="create", plan=plan)
    synced.done("ledger_backup", dest=str(dest))
    synced.done("run", cluster="blue", state="step", step="Segment", token=run["token"])
    assert synced.done("ledger_backup", dest=str(dest))["changed"]


def test_a_ledger_of_an_older_schema_is_backed_up(older, tmp_path):
    made = older.done("ledger_backup", dest=str(tmp_path / "backup.db"))
    assert (made["schema"], made["events"]) == ("0001", 107)


def test_nothing_but_a_backup_is_written_over(synced, tmp_path):
    notes = tmp_path / "notes.txt"
    notes.write_text("dear diary\n" * 100, encoding="utf-8")
    for dest in (notes, synced.ledger):
        result = synced.run("ledger_backup", dest=str(dest))
        assert result["error_code"] == "invalid_input", result
    assert notes.read_text(encoding="utf-8") == "dear diary\n" * 100
    assert synced.run("ledger_backup", dest=str(tmp_path / "nowhere" / "b.db"))["error_code"] == "invalid_input"
    assert synced.run("ledger_backup", ledger=str(tmp_path / "none.db"), dest=str(tmp_path / "b.db"))["error_code"] == "not_found"


def test_a_broken_ledger_does_not_take_a_good_backups_place(synced, tmp_path):
    dest = tmp_path / "backup.db"
    synced.done("ledger_backup", dest=str(dest))
    kept = dest.read_bytes()
    behind(synced.ledger, "UPDATE events SET actor = 'nobody' WHERE id = 3")
    broken = synced.run("ledger_backup", dest=str(dest))
    assert (broken["error_code"], "event 3" in broken["reason"]) == ("ledger_broken", True)
    assert dest.read_bytes() == kept
    assert [path.name for path in tmp_path.glob("*backup*")] == ["backup.db"]


def test_a_ledger_in_postgresql_names_its_own_tool(prompt, tmp_path):
    refused = prompt.run("ledger_backup", ledger="postgresql://someone:s3cret@nowhere/ledger", dest=str(tmp_path / "b.db"))
    assert refused["error_code"] == "refused" and "pg_dump" in refused["remedy"]
    assert "s3cret" not in str(refused)


def test_after_the_restore_of_an_older_backup_the_export_tells_what_was_lost(synced, tmp_path):
    """As docs/ledger.md has it."""
    backup, export = tmp_path / "backup.db", tmp_path / "events.jsonl"
    synced.done("ledger_backup", dest=str(backup))
    plan, _token = synced.create()
    synced.done("event_export", dest=str(export))
    for name in ("ledger.db-wal", "ledger.db-shm"):
        (synced.directory / name).unlink(missing_ok=True)
    shutil.copy(backup, synced.ledger)
    synced.done("ledger_info", verify=True)
    told = synced.run("ledger_info", anchor=str(export))
    assert told["error_code"] == "ledger_broken"
    lost = {(event["subject"], event["action"]) for event in told["details"]["lost_events"]}
    assert {(f"server {name}", "claimed") for name in names(plan)} < lost
    assert told["details"]["lost"] == len(told["details"]["lost_events"])
    assert synced.run("event_export", dest=str(export))["error_code"] == "ledger_broken"
    export.rename(tmp_path / "events-before-restore.jsonl")
    synced.done("event_export", dest=str(export))
