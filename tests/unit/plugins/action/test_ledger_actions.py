# SPDX-License-Identifier: GPL-3.0-or-later
"""The ledger's actions as tasks run them: options from their documentation, results, check mode, diff, errors."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from tests.unit.plugins.module_utils.core import sites

ROOT = Path(__file__).parents[4]
SET = [{"name": "workers", "class": "cpu", "count": 2}]
ORDER = {"cluster": "blue", "tenant": "acme", "template": "openshift", "lease_duration": "30d", "node_sets": SET}
PROOF = [{"drive": "disk0", "proven": True}]


@pytest.fixture(scope="module")
def runner():
    """A process in which Ansible runs tasks, one a line."""
    command = [sys.executable, "-m", "tests.integration.bmc.runner"]
    with subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        yield process
        process.stdin.close()


class Prompt:
    """Runs actions against a ledger of its own."""

    def __init__(self, process, directory: Path):
        self.process = process
        self.directory = directory
        self.ledger = directory / "ledger.db"
        self.source = directory / "datacenter.yml"
        self.write(sites.document())

    def write(self, document: dict) -> None:
        self.source.write_text(yaml.safe_dump(document), encoding="utf-8")

    def run(self, module: str, check: bool = False, **options) -> dict:
        quiet = {"heartbeat": False} if module == "run" else {}  # it would beat until the tests end
        asked = {"module": module, "options": {"ledger": str(self.ledger)} | quiet | options, "check": check}
        self.process.stdin.write(json.dumps(asked) + "\n")
        self.process.stdin.flush()
        return json.loads(self.process.stdout.readline())

    def done(self, module: str, check: bool = False, **options) -> dict:
        result = self.run(module, check, **options)
        assert not result.get("failed"), result
        return result

    def sync(self, **options) -> dict:
        return self.done("source", path=str(self.source), **options)

    def create(self) -> tuple[dict, int]:
        """Cluster blue, from the plan to ready: the plan and the last token."""
        return self.order(ORDER)

    def order(self, order: dict) -> tuple[dict, int]:
        """A cluster, from the plan to ready: the plan and the last token."""
        plan = self.done("plan_info", operation="create", **order)["plan"]
        token = self.done("run", cluster=order["cluster"], state="started", operation="create", plan=plan)["token"]
        self.done("claim", cluster=order["cluster"], plan=plan, token=token)
        for state in ("provisioning", "in_service"):
            self.done("server", cluster=order["cluster"], servers=names(plan), state=state, token=token)
        self.done("run", cluster=order["cluster"], state="finished", token=token)
        return plan, token

    def cluster(self) -> dict:
        return self.done("claim_info", cluster="blue")["clusters"][0]


def names(plan: dict) -> list[str]:
    return [server["name"] for server in plan["servers"]]


@pytest.fixture
def prompt(runner, tmp_path):
    return Prompt(runner, tmp_path)


@pytest.fixture
def synced(prompt):
    prompt.sync()
    return prompt


def test_a_sync_fills_the_ledger_once(prompt):
    first = prompt.sync()
    assert (first["changed"], first["counts"]["servers"]["added"]) == (True, 8)
    assert "server r1-s01" in first["diff"]["after"]
    again = prompt.sync()
    assert (again["changed"], again["counts"]["servers"]["unchanged"]) == (False, 8)


def test_a_sync_in_check_mode_tells_and_makes_nothing(prompt):
    assert prompt.sync(check=True)["counts"]["servers"]["added"] == 8
    assert not prompt.ledger.exists()
    prompt.sync()
    document = sites.document()
    document["servers"][0]["status"] = "maintenance"
    prompt.write(document)
    assert prompt.sync(check=True)["counts"]["servers"]["changed"] == 1
    assert prompt.sync()["counts"]["servers"]["changed"] == 1, "check mode had written nothing"


def test_a_changed_file_without_a_changed_record_is_no_change(synced):
    synced.source.write_text(synced.source.read_text(encoding="utf-8") + "# a comment\n", encoding="utf-8")
    assert synced.sync()["changed"] is False


def test_a_source_of_another_site_is_refused(prompt):
    result = prompt.run("source", path=str(prompt.source), site="elsewhere")
    assert (result["error_code"], result["failed"]) == ("invalid_source", True)


def test_a_held_server_that_vanishes_is_in_the_result(synced):
    synced.create()
    document = sites.document()
    document["servers"] = [server for server in document["servers"] if server["name"] != "r1-s01"]
    synced.write(document)
    assert [alarm["server"] for alarm in synced.sync()["alarms"]] == ["r1-s01"]


def test_the_plan_of_an_order(synced):
    result = synced.done("plan_info", operation="create", **ORDER)
    plan = result["plan"]
    assert (result["changed"], names(plan), plan["tenant"]) == (False, ["r1-s01", "r2-s01"], "acme")
    assert {manifest["kind"] for manifest in plan["objects"]} >= {"HostedCluster", "NodePool"}
    assert plan["diff"].startswith("create cluster blue of acme in lab\n")


def test_an_order_of_an_unknown_template_lists_the_templates(synced):
    result = synced.run("plan_info", **(ORDER | {"template": "../../secrets"}))
    assert result["error_code"] == "invalid_order"
    assert "openshift" in result["reason"]


def test_a_template_is_found_in_the_directories_given_first(synced):
    own = yaml.safe_load((ROOT / "roles/cluster/files/templates/openshift.yml").read_text(encoding="utf-8"))
    own["defaults"]["node_sets"] = [{"name": "gpus", "class": "gpu", "count": 1}]
    (synced.directory / "openshift.yml").write_text(yaml.safe_dump(own), encoding="utf-8")
    options = {key: value for key, value in ORDER.items() if key != "node_sets"}
    plan = synced.done("plan_info", template_path=[str(synced.directory)], **options)["plan"]
    assert names(plan) == ["r1-s02"]


def test_a_scale_keeps_the_grace_that_was_ordered(synced):
    own = yaml.safe_load((ROOT / "roles/cluster/files/templates/openshift.yml").read_text(encoding="utf-8"))
    own["defaults"]["lease_grace"] = "3d"
    (synced.directory / "openshift.yml").write_text(yaml.safe_dump(own), encoding="utf-8")
    path = [str(synced.directory)]
    synced.order(ORDER | {"lease_grace": "7d", "template_path": path})
    scale = {"operation": "scale", "cluster": "blue", "node_sets": [{"name": "workers", "count": 1}], "template_path": path}
    assert synced.done("plan_info", **scale)["plan"]["grace_seconds"] == 7 * 86400
    assert synced.done("plan_info", **scale, lease_grace="1d")["plan"]["grace_seconds"] == 86400


def test_a_plan_without_a_sync_says_what_to_do(prompt):
    result = prompt.run("plan_info", **ORDER)
    assert result["error_code"] == "not_found"
    assert "leasehold.cloud.source" in result["remedy"]
    assert not prompt.ledger.exists()


def test_a_lease_from_order_to_release(synced):
    plan, _token = synced.create()
    found = synced.cluster()
    assert (found["phase"], found["error"], found["run"]["state"]) == ("ready", None, "finished")
    assert found["lease"]["end"] > found["lease"]["start"]
    plan = synced.done("plan_info", operation="delete", cluster="blue")["plan"]
    token = synced.done("run", cluster="blue", state="started", operation="delete", plan=plan)["token"]
    leaving = [server["name"] for server in plan["remove"]]
    common = {"cluster": "blue", "servers": leaving, "token": token}
    synced.done("server", state="releasing", except_states=["releasing", "cleaning", "available"], **common)
    cleaning = synced.done("server", state="cleaning", except_states=["available"], **common)
    assert cleaning["since"] == max(server["since"] for server in cleaning["servers"])
    synced.done("server", state="available", evidence=dict.fromkeys(leaving, PROOF), **common)
    freed = synced.done("claim", cluster="blue", state="absent", token=token)
    assert "server r1-s01" in freed["diff"]["before"]
    synced.done("run", cluster="blue", state="finished", token=token)
    told = synced.done("claim_info", servers=True)
    assert told["clusters"] == []
    assert {server["state"] for server in told["servers"]} == {"available"}


def test_a_create_run_again_changes_nothing(synced):
    synced.create()
    plan = synced.done("plan_info", operation="create", **ORDER)["plan"]
    started = synced.done("run", cluster="blue", state="started", operation="create", plan=plan, step="Plan")
    token = started["token"]
    results = [
        started, synced.done("claim", cluster="blue", plan=plan, token=token),
        synced.done("run", cluster="blue", state="step", step="Gates", phase="verifying", token=token),
        synced.done("run", cluster="blue", state="finished", token=token),
    ]
    assert [result["changed"] for result in results] == [False] * 4
    assert plan["changes"] == []


def test_check_mode_writes_nothing_at_all(synced):
    before = synced.ledger.read_bytes()
    plan = synced.done("plan_info", check=True, operation="create", **ORDER)["plan"]
    started = synced.done("run", check=True, cluster="blue", state="started", operation="create", plan=plan, step="Plan")
    assert (started["token"], started["changed"]) == (0, True)
    claimed = synced.done("claim", check=True, cluster="blue", plan=plan, token=0)
    assert claimed["changed"]
    assert "server r1-s01" in claimed["diff"]["after"]
    step = synced.done("run", check=True, cluster="blue", state="step", step="Gates", phase="verifying", token=0)
    finished = synced.done("run", check=True, cluster="blue", state="finished", token=0)
    assert (step["changed"], finished["changed"]) == (False, False)
    assert synced.ledger.read_bytes() == before
    assert synced.done("claim_info")["clusters"] == []


def test_check_mode_takes_earlier_steps_for_done(synced):
    plan, _token = synced.create()
    cleaning = synced.done("server", check=True, cluster="blue", servers=names(plan), state="cleaning", token=0)
    assert cleaning["changed"]
    assert cleaning["servers"][0]["state"] == "in_service"


def test_the_first_failure_of_a_run_is_kept_and_no_secret_with_it(synced):
    plan = synced.done("plan_info", operation="create", **ORDER)["plan"]
    token = synced.done("run", cluster="blue", state="started", operation="create", plan=plan, step="Boot")["token"]
    failure = {"msg": "long text", "reason": "no answer", "error_code": "unreachable", "object": "server r1-s01", "remedy": "plug it in",
               "attempted": "booting", "invocation": {"module_args": {"password": "s3cret"}}}
    assert synced.done("run", cluster="blue", state="failed", token=token, error=failure)["changed"]
    assert not synced.done("run", cluster="blue", state="failed", token=token, error={"msg": "and another host"})["changed"]
    error = synced.cluster()["error"]
    assert (error["message"], error["step"], error["object"], error["remedy"]) == ("no answer", "Boot", "server r1-s01", "plug it in")
    assert b"s3cret" not in synced.ledger.read_bytes()


def test_a_stale_run_is_refused_in_every_action(synced):
    plan, token = synced.create()
    common = {"cluster": "blue", "token": token}
    for module, options in {
        "claim": {"plan": plan}, "server": {"servers": names(plan), "state": "releasing"}, "run": {"state": "step", "step": "x"},
    }.items():
        assert synced.run(module, **common, **options)["error_code"] == "stale_run", module
    assert synced.run("claim", state="absent", **common)["error_code"] == "stale_run"


def test_another_plan_than_the_approved_one_is_refused(synced):
    approved = synced.done("plan_info", operation="create", **ORDER)["plan"]["hash"]
    synced.done("server", servers=["r1-s01"], state="quarantined", reason="smoke")
    assert synced.run("plan_info", expected_plan=approved, **ORDER)["error_code"] == "stale_plan"
    plan = synced.done("plan_info", operation="create", **ORDER)["plan"]
    token = synced.done("run", cluster="blue", state="started", operation="create", plan=plan)["token"]
    assert synced.run("claim", cluster="blue", plan=plan, token=token, expected_plan=approved)["error_code"] == "stale_plan"


@pytest.mark.parametrize(("module", "options", "word"), [
    ("run", {"cluster": "blue", "state": "started"}, "operation"),
    ("run", {"cluster": "blue", "state": "step", "step": "x"}, "token"),
    ("claim", {"cluster": "blue", "token": 1}, "plan"),
    ("server", {"servers": ["r1-s01"], "state": "claimed"}, "state"),
    ("server", {"servers": ["r1-s01"], "state": "releasing", "cluster": "blue"}, "token"),
    ("source", {"kind": "netbox", "path": "x"}, "kind"),
])
def test_what_is_missing_or_wrong_is_told(synced, module, options, word):
    result = synced.run(module, **options)
    assert result["error_code"] == "invalid_input"
    assert word in result["reason"]


def test_without_a_ledger_the_remedy_is_told(prompt):
    result = prompt.run("claim_info", ledger=None)
    assert result["error_code"] == "invalid_input"
    assert "LEASEHOLD_LEDGER" in result["remedy"]
