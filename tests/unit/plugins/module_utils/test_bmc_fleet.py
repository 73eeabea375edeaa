# SPDX-License-Identifier: GPL-3.0-or-later
"""Servers' BMCs by Redfish, against a service that is odd in the ways in which real ones are."""

from __future__ import annotations

import datetime
import threading

import pytest
from ansible_collections.leasehold.cloud.plugins.module_utils import bmc as fleet
from ansible_collections.leasehold.cloud.plugins.module_utils.core.errors import (
    DeviceFailed,
    InvalidInput,
    Refused,
    Unreachable,
    WaitTimeout,
    WipeUnproven,
)
from ansible_collections.leasehold.cloud.plugins.module_utils.redfish import Login

from .redfish_service import DRIVE, ERASE, MANAGER, STORAGE, SYSTEM, Service

LOGIN = Login("root", "calvin", request_timeout=2, timeout=1)


@pytest.fixture(name="service")
def _service():
    service = Service()
    yield service
    service.close()


@pytest.fixture(name="bmc")
def _bmc(service, monkeypatch):
    monkeypatch.setattr(fleet, "POLL_FIRST", 0.01)
    monkeypatch.setattr(fleet, "LOG_GRACE", 0.1)
    return fleet.Bmc(service.server, LOGIN)


def ago(**span) -> datetime.datetime:
    return datetime.datetime.now(datetime.timezone.utc) - datetime.timedelta(**span)


def wiped(bmc, since) -> list[dict]:
    """Read, and erase what is unproven, as the action does."""
    observed = bmc.read(since)
    return observed["wipes"] if all(proof["proven"] for proof in observed["wipes"]) else bmc.erase(observed)


def test_the_cd_drive_of_an_older_service_is_its_managers(bmc):
    assert bmc.read() == {"power": "Off", "boot": {"target": "None", "enabled": "Disabled"},
                          "media": {"inserted": True, "image": "http://images/a.iso"}}


def test_a_bmc_without_virtual_media_says_so_only_when_it_is_needed(service, bmc):
    del service.documents[MANAGER]["VirtualMedia"]
    assert bmc.read()["media"] == {"inserted": False, "image": None}
    with pytest.raises(DeviceFailed, match="no virtual CD drive"):
        bmc.needed_media()


def test_a_task_with_hidden_payload_is_found_by_its_monitor(service, bmc):
    (proof,) = wiped(bmc, ago(minutes=1))
    assert proof["proven"] and proof["serial"] == "WD-1" and service.asked == [ERASE]


def test_what_the_bmc_remembers_is_not_erased_again(service, bmc):
    service.task("1", ERASE)
    service.log("Sanitize of WD-1 done")
    (proof,) = wiped(bmc, ago(minutes=1))
    assert proof["proven"] and service.asked == []


def test_an_erase_of_an_earlier_release_is(service, bmc):
    service.clock_skew = datetime.timedelta(minutes=-10)
    service.task("1", ERASE)
    service.log("Sanitize of WD-1 done")
    service.clock_skew = datetime.timedelta(0)
    (proof,) = wiped(bmc, ago(minutes=1))
    assert proof["proven"] and service.asked == [ERASE] and proof["task"].endswith("/2")


@pytest.mark.parametrize("skew", [datetime.timedelta(hours=-3), datetime.timedelta(hours=3)])
def test_a_bmc_whose_clock_is_wrong(service, bmc, skew):
    service.clock_skew = skew
    for _run in range(2):
        (proof,) = wiped(bmc, ago(minutes=1))
        assert proof["proven"]
        service.documents[proof["task"]]["Payload"] = {"TargetUri": ERASE}
    assert service.asked == [ERASE]
    later = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(minutes=1)
    assert not bmc.read(later)["wipes"][0]["proven"]


def test_a_running_server_has_no_valid_erase_behind_it(service, bmc):
    service.clock_skew = datetime.timedelta(seconds=-30)
    service.task("1", ERASE)
    service.log("Sanitize of WD-1 done")
    service.clock_skew = datetime.timedelta(0)
    assert bmc.read(ago(minutes=1))["wipes"][0]["proven"]
    service.documents[SYSTEM]["PowerState"] = "On"
    observed = fleet.Bmc(service.server, LOGIN).read(ago(minutes=1))
    assert not observed["wipes"][0]["proven"]


def test_an_erase_that_runs_is_waited_for_and_not_asked_again(service, bmc):
    task = service.task("1", ERASE, state="Running")
    observed = bmc.read(ago(minutes=1))

    def end():
        service.log("Erase done", origin=DRIVE)
        task["TaskState"] = "Completed"
    threading.Timer(0.2, end).start()
    assert bmc.erase(observed)[0]["proven"] and service.asked == []


def test_an_erase_that_never_ends(service, bmc):
    service.task("1", ERASE, state="Running")
    observed = bmc.read(ago(minutes=1))
    with pytest.raises(WaitTimeout, match="erase of drive Disk.0"):
        bmc.erase(observed)


@pytest.mark.parametrize("oddity", ["synchronous", "forgets_tasks"])
def test_an_erase_without_a_task_is_not_proven(service, bmc, oddity):
    setattr(service, oddity, True)
    (proof,) = wiped(bmc, ago(minutes=1))
    assert not proof["proven"] and "no erase task" in proof["reason"] and service.asked == [ERASE]


def test_logs_of_the_manager_count_where_the_system_has_none(service, bmc):
    del service.documents[SYSTEM]["LogServices"]
    (proof,) = wiped(bmc, ago(minutes=1))
    assert proof["proven"] and proof["log_entry"].startswith(MANAGER)


def test_a_log_in_pages_of_links(service, bmc):
    service.task("1", ERASE)
    service.log("Sanitize of WD-1 done")
    entries = f"{SYSTEM}/LogServices/Sel/Entries"
    (entry,) = service.documents[entries]["Members"]
    service.documents[entry["@odata.id"]] = entry
    service.documents[entries] = {"@odata.id": entries, "Members": [], "Members@odata.nextLink": f"{entries}?$skip=50"}
    service.documents[f"{entries}?$skip=50"] = {"@odata.id": entries, "Members": [{"@odata.id": entry["@odata.id"]}]}
    assert bmc.read(ago(minutes=1))["wipes"][0]["log_entry"] == entry["@odata.id"]


def test_a_server_that_shows_no_drives_proves_nothing(service, bmc):
    service.documents[STORAGE]["Drives"] = []
    (proof,) = wiped(bmc, ago(minutes=1))
    assert not proof["proven"] and "no drives" in proof["reason"]
    assert isinstance(fleet.unproven_wipes({"node1": {"wipes": [proof]}})["node1"], WipeUnproven)


def test_a_refused_erase_is_told_and_hides_no_other_drive(service, bmc):
    bad = f"{STORAGE}/Drives/Disk.1"
    service.documents[bad] = {**service.documents[DRIVE], "@odata.id": bad, "Id": "Disk.1", "SerialNumber": "WD-2",
                              "Actions": {"#Drive.SecureErase": {"target": f"{bad}/Actions/Drive.SecureErase"}}}
    service.documents[STORAGE]["Drives"].insert(0, {"@odata.id": bad})
    first, second = wiped(bmc, ago(minutes=1))
    assert not first["proven"] and "its BMC answered" in first["reason"]
    assert second["proven"]


def test_the_wrong_machine_is_left_alone(service):
    stranger = fleet.Bmc(service.server | {"serial": "SVC2"}, LOGIN)
    with pytest.raises(Refused, match="reports serial SVC1, its source says SVC2"):
        stranger.read(ago(minutes=1))
    assert service.asked == []


def test_who_only_compares_reads_the_wrong_machine_too(service):
    reader = fleet.Bmc(service.server | {"serial": "SVC2"}, LOGIN, strangers=True)
    assert reader.read()["power"] == "Off" and reader.system.serial_number == "SVC1"


def test_of_several_systems_the_one_with_the_serial_is_read(service):
    second = SYSTEM.replace("System.Embedded.1", "System.Embedded.2")
    service.documents[second] = {**service.documents[SYSTEM], "@odata.id": second, "SerialNumber": "SVC2", "PowerState": "On"}
    service.documents["/redfish/v1/Systems"]["Members"].append({"@odata.id": second})
    for strangers in (False, True):
        read = {serial: fleet.Bmc(service.server | {"serial": serial}, LOGIN, strangers=strangers).read()["power"] for serial in ("SVC1", " svc2 ")}
        assert read == {"SVC1": "Off", " svc2 ": "On"}
        with pytest.raises(Refused, match="reports serial SVC1, SVC2, its source says SVC3"):
            fleet.Bmc(service.server | {"serial": "SVC3"}, LOGIN, strangers=strangers).read()


def test_a_broken_connection_is_tried_again_once(service, bmc):
    service.breaks = 1
    assert bmc.read()["power"] == "Off"
    service.breaks = 2
    with pytest.raises(Unreachable):
        fleet.Bmc(service.server, LOGIN).read()


def test_a_wrong_password_is_said_without_saying_it(service):
    with pytest.raises(DeviceFailed) as caught:
        fleet.Bmc(service.server, Login("root", "hunter2")).read()
    assert "refuses the user or password" in str(caught.value) and "hunter2" not in str(caught.value)
    assert "hunter2" not in repr(Login("root", "hunter2"))


def test_an_answer_that_is_not_redfish(service, bmc):
    service.documents["/redfish/v1/TaskService"] = {"Tasks": {"@odata.id": "/redfish/v1/Systems"}, "DateTime": "yesterday"}
    service.documents["/redfish/v1/Systems"]["Members"].append({"@odata.id": "/redfish/v1/nonsense"})
    with pytest.raises(DeviceFailed):
        bmc.tasks()


def test_power_is_awaited(service, bmc):
    bmc.power("On")
    assert service.documents[SYSTEM]["PowerState"] == "On"
    service.reset = lambda kind: None
    with pytest.raises(WaitTimeout, match="power Off was not reached"):
        bmc.power("Off")


def test_a_broken_bmc_hides_no_other(service):
    nowhere = {"name": "node2", "bmc": {"address": "http://127.0.0.1:9"}}
    bmcs = [fleet.Bmc(service.server, LOGIN), fleet.Bmc(nowhere, LOGIN)]
    results, failures = fleet.each(bmcs, lambda one: one.read()["power"], 8, print)
    assert results == {"node1": "Off"} and list(failures) == ["node2"]
    error = fleet.together(failures, results, 2, "reading")
    assert isinstance(error, Unreachable) and "node2" in error.object and "1 of 2" in error.message
    assert error.details["servers"] == results and error.details["failed"]["node2"]["error_code"] == "unreachable"


def test_one_unproven_wipe_names_the_whole_failure():
    about = {"object": "server x", "attempted": "y", "remedy": "z"}
    error = fleet.together({"a": Unreachable("gone", **about), "b": WipeUnproven("drive 0", **about)}, {}, 3, "wiping")
    assert isinstance(error, WipeUnproven)


def test_what_is_waited_for_is_said(monkeypatch):
    monkeypatch.setattr(fleet, "SAY_EVERY", 0.02)
    bmcs = [fleet.Bmc({"name": f"n{number}", "bmc": {"address": "http://127.0.0.1"}}, LOGIN) for number in range(6)]
    release, said = threading.Event(), []

    def hear(line):
        said.append(line)
        release.set()
    fleet.each(bmcs, lambda one: release.wait(5), 6, hear)
    assert said == ["waiting for n0 (its BMC's answer), n1 (its BMC's answer), n2 (its BMC's answer), n3 (its BMC's answer) and 2 more"]


@pytest.mark.parametrize("servers", [
    [{"bmc": {"address": "https://x"}}], [{"name": "a"}], [{"name": "a", "bmc": None}],
    [{"name": "a", "bmc": {"address": "https://x"}}, {"name": "a", "bmc": {"address": "https://y"}}],
])
def test_servers_that_cannot_be_used(servers):
    with pytest.raises(InvalidInput):
        fleet.check_servers(servers)
