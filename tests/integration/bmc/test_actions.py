# SPDX-License-Identifier: GPL-3.0-or-later
"""The actions bmc, bmc_info, receipt and receipt_info as a user runs them, against the lab's BMCs."""

from __future__ import annotations

import json
import time

import pytest

from lab import faults
from lab.hardware import now

BOOT = {"boot": "virtual_media", "power": "on", "timeout": 5}
WIPE = {"power": "off", "virtual_media": "absent", "erase": True, "timeout": 5}


def installed(bench, **changes):
    """Servers that run a tenant's system."""
    for state in bench.hardware.servers():
        bench.hardware.set_power(state.name, "On")
        for drive in state.drives:
            bench.hardware.update_drive(state.name, drive["id"], contents="installed:demo", **changes)


def contents(bench, name) -> set:
    return {drive["contents"] for drive in bench.hardware.get(name).drives}


def test_boot_as_predicted_once(ansible, bench, image):
    wanted = bench.options(virtual_media=image, **BOOT)
    predicted = ansible("bmc", wanted, "--check", "--diff")
    assert [state.boot_id for state in bench.hardware.servers()] == [0, 0]
    done = ansible("bmc", wanted, "--diff")
    assert predicted.result == done.result and done.result["changed"]
    assert f"+media r1-s01: {image}\n" in done.output and "-power r1-s02: Off\n" in done.output
    for state in bench.hardware.servers():
        assert state.boots_from_media and (state.power, state.boot_id, state.media) == ("On", 1, image)
    again = ansible("bmc", wanted)
    assert not again.result["changed"] and [state.boot_id for state in bench.hardware.servers()] == [1, 1]


def test_servers_in_service_are_left_alone(action, bench, image):
    servers = [server | {"state": "in_service"} for server in bench.servers]
    done = action("bmc", bench.options(virtual_media=image, except_states=["in_service"], **BOOT) | {"servers": servers})
    assert not done["changed"] and bench.hardware.servers()[0].power == "Off"


def test_wipe_as_predicted_with_evidence_once(action, bench):
    installed(bench)
    wanted = bench.options(erase_since=now(), **WIPE)
    predicted = action("bmc", wanted, check=True)
    assert predicted["changed"] and contents(bench, "r1-s01") == {"installed:demo"}
    done = action("bmc", wanted)
    assert {name: outcome["steps"] for name, outcome in done["servers"].items()} == \
        {name: outcome["steps"] for name, outcome in predicted["servers"].items()}
    for name, outcome in done["servers"].items():
        state = bench.hardware.get(name)
        assert state.power == "Off" and contents(bench, name) == {None}
        assert [proof["serial"] for proof in outcome["wipes"]] == [drive["serial"] for drive in state.drives]
        assert all(proof["proven"] and proof["task"] and proof["log_entry"] for proof in outcome["wipes"])
    erased = [drive["erased_at"] for state in bench.hardware.servers() for drive in state.drives]
    again = action("bmc", wanted)
    assert not again["changed"]
    assert erased == [drive["erased_at"] for state in bench.hardware.servers() for drive in state.drives]


@pytest.mark.parametrize(("kind", "said"), [("wipe-fails", "ended as Exception/Critical"), ("wipe-lies", "no log entry")])
def test_an_unproven_wipe_fails_closed_and_a_rerun_finishes_it(action, bench, kind, said):
    installed(bench)
    faults.set_fault(bench.directory, kind, "r1-s02")
    wanted = bench.options(erase_since=now(), **WIPE)
    failed = action("bmc", wanted)
    assert failed["error_code"] == "wipe_unproven"
    assert "r1-s02" in failed["object"] and said in failed["msg"]
    assert all(proof["proven"] for proof in failed["details"]["servers"]["r1-s01"]["wipes"])
    assert contents(bench, "r1-s01") == {None} and contents(bench, "r1-s02") == {"installed:demo"}
    faults.clear(bench.directory)
    rerun = action("bmc", wanted)
    assert not rerun.get("failed") and contents(bench, "r1-s02") == {None}
    assert not rerun["servers"]["r1-s01"]["changed"] and rerun["servers"]["r1-s02"]["changed"]


def test_a_hanging_bmc_is_named_and_hides_no_other(action, bench, image):
    faults.set_fault(bench.directory, "bmc-timeout", "r1-s01")
    started = time.monotonic()
    failed = action("bmc", bench.options(virtual_media=image, **BOOT) | {"request_timeout": 1})
    assert failed["error_code"] == "unreachable" and "r1-s01" in failed["object"]
    assert "did not answer in time" in failed["reason"] and time.monotonic() - started < 10
    assert bench.hardware.get("r1-s02").power == "On"
    read = action("bmc_info", bench.options(fail=False) | {"request_timeout": 1})
    assert list(read["failed_servers"]) == ["r1-s01"] and read["servers"]["r1-s02"]["power"] == "On"
    faults.clear(bench.directory)
    assert not action("bmc", bench.options(virtual_media=image, **BOOT)).get("failed")
    assert bench.hardware.get("r1-s01").power == "On" and bench.hardware.get("r1-s02").boot_id == 1


def test_stuck_power_is_a_timeout(action, bench):
    installed(bench)
    faults.set_fault(bench.directory, "power-stuck", "r1-s01")
    failed = action("bmc", bench.options(power="off", timeout=1))
    assert failed["error_code"] == "wait_timeout" and "power Off was not reached" in failed["msg"]
    assert bench.hardware.get("r1-s02").power == "Off"


def test_an_image_that_cannot_be_had(action, bench, image):
    failed = action("bmc", bench.options(virtual_media=f"{image}.missing", **BOOT))
    assert failed["error_code"] == "device_failed" and "inserting" in failed["msg"]
    assert {state.power for state in bench.hardware.servers()} == {"Off"}


def test_secrets_and_certificates(ansible, bench):
    options = bench.options()
    password = options.pop("password")
    assert ansible("bmc_info", options, env={"LEASEHOLD_BMC_PASSWORD": password}).code == 0
    wrong = ansible("bmc_info", options | {"password": "hunter2-hunter2"}, "-vvv")
    assert "refuses the user or password" in wrong.result["msg"] and "hunter2" not in wrong.output
    distrust = ansible("bmc_info", options | {"password": password, "ca_path": None}, "-vvv")
    assert distrust.result["error_code"] == "unreachable" and "not trusted" in distrust.result["msg"]
    assert password not in distrust.output
    assert ansible("bmc_info", options | {"password": password, "ca_path": None, "validate_certs": False}).code == 0


def test_info_tells_inventory_and_health(action, bench):
    bench.hardware.update_drive("r1-s02", "disk1", health="Critical")
    read = action("bmc_info", bench.options(gather=["drives", "nics", "thermal", "log"]))
    sick = read["servers"]["r1-s02"]
    assert not read["changed"] and (sick["power"], sick["health"], sick["processors"]) == ("Off", "Critical", 2)
    assert [drive["health"] for drive in sick["drives"]] == ["OK", "Critical"]
    assert [nic["mac"] for nic in sick["nics"]] == [nic.mac for nic in bench.layout.servers[1].nics]
    assert sick["thermal"]["temperatures"] and sick["log"] == []


def test_the_wrong_server_is_not_touched(action, bench):
    installed(bench)
    servers = bench.servers
    servers[0]["bmc"], servers[1]["bmc"] = servers[1]["bmc"], servers[0]["bmc"]
    failed = action("bmc", bench.options(**WIPE) | {"servers": servers})
    assert failed["error_code"] == "refused" and {state.power for state in bench.hardware.servers()} == {"On"}


@pytest.mark.parametrize(("options", "said"), [({"erase": True, "erase_since": "noon"}, "is no time"), ({"power": "maybe"}, "power")])
def test_options_that_make_no_sense(action, tmp_path, options, said):
    failed = action("bmc", {"servers": [], **options})
    assert failed["error_code"] == "invalid_input" and said in failed["msg"]


def test_receipt_as_predicted_once_and_verified(action, tmp_path):
    options = {
        "path": str(tmp_path / "demo" / "receipt.json"), "private_key": str(tmp_path / "keys" / "receipt.key"), "kind": "handover",
        "order": {"cluster": "demo", "tenant": "acme"}, "servers": [{"name": "r1-s01", "serial": "S1"}], "segment": {"vlan": 101},
        "gates": [{"gate": "wire", "ok": True, "problems": [], "evidence": {"rtt_ms": 0.3}}],
    }
    assert action("receipt", options, check=True)["changed"] and list(tmp_path.glob("keys/*")) == []
    assert action("receipt", options)["changed"]
    written = (tmp_path / "demo" / "receipt.json").read_text()
    again = action("receipt", options | {"gates": [options["gates"][0] | {"evidence": {"rtt_ms": 0.5}}]})
    assert not again["changed"] and (tmp_path / "demo" / "receipt.json").read_text() == written
    check = {"path": options["path"], "public_key": str(tmp_path / "keys" / "receipt.pub")}
    assert action("receipt_info", check)["valid"]
    failed_gate = options | {"gates": [{"gate": "wire", "ok": False}]}
    assert action("receipt", failed_gate)["error_code"] == "gate_failed"
    assert action("receipt", failed_gate | {"path": str(tmp_path / "new.json")}, check=True)["changed"]  # in check mode no gate could pass yet
    forged = json.loads(written)
    forged["order"]["tenant"] = "globex"
    (tmp_path / "demo" / "receipt.json").write_text(json.dumps(forged))
    assert action("receipt_info", check)["error_code"] == "invalid_input"
    assert "altered" in action("receipt_info", check | {"fail": False})["problems"][0]
    assert action("receipt", options)["changed"] and action("receipt_info", check)["valid"]
