# SPDX-License-Identifier: GPL-3.0-or-later
"""The actions ovs_ports and ovs_ports_info as a user runs them, against a real database."""

from __future__ import annotations

import pytest

from ansible_collections.leasehold.cloud.plugins.module_utils.ledger import clusters, runs
from ansible_collections.leasehold.cloud.plugins.module_utils.ledger.database import Ledger

PORTS = [
    {"name": "s01", "mode": "access", "vlan": 101, "expect": [999, 101]},
    {"name": "up1", "mode": "trunk", "add": [101]},
]


@pytest.fixture
def options(database):
    return {"host": "127.0.0.1", "port": database.tcp_port, "switch": "leaf-r1a", "timeout": 3}


def test_check_mode_predicts_what_the_change_then_does(ansible, options, database):
    wanted = options | {"ports": PORTS, "wait_applied": False}
    predicted = ansible("ovs_ports", wanted, "--check", "--diff")
    assert database.port("s01")[1] == "999"
    done = ansible("ovs_ports", wanted, "--diff")
    assert database.port("s01")[1] == "101"
    assert predicted.result == done.result and done.result["changed"]
    for answer in (predicted, done):
        for line in ("-port leaf-r1a/s01: access 999", "+port leaf-r1a/s01: access 101", "-port leaf-r1a/up1: trunk 999", "+port leaf-r1a/up1: trunk 101,999"):
            assert f"\n{line}\n" in answer.output
    again = ansible("ovs_ports", wanted)
    assert not again.result["changed"] and again.result["ports"] == done.result["ports"]


def test_info_lists_every_port(ansible, options):
    code, read, _output = ansible("ovs_ports_info", options)
    assert code == 0 and not read["changed"] and read["switch"] == "leaf-r1a"
    assert read["ports"] == [
        {"name": "blank", "mode": "trunk", "vlan": None, "vlans": []},
        {"name": "s01", "mode": "access", "vlan": 999, "vlans": []},
        {"name": "s02", "mode": "access", "vlan": 999, "vlans": []},
        {"name": "s03", "mode": "access", "vlan": 190, "vlans": []},
        {"name": "up1", "mode": "trunk", "vlan": None, "vlans": [999]},
    ]


@pytest.mark.parametrize(("ports", "error_code", "said"), [
    ([{"name": "s77", "mode": "access", "vlan": 101}], "not_found", "no port s77 on bridge br0"),
    ([{"name": "s03", "mode": "access", "vlan": 101, "expect": [999]}], "port_in_use", "switch leaf-r1a port s03: it carries VLAN 190"),
    ([{"name": "s01", "mode": "access"}], "invalid_input", "without a VLAN"),
    ([{"name": "s01", "mode": "hybrid"}], "invalid_input", "mode"),
])
def test_refusals_name_the_port(ansible, options, ports, error_code, said):
    code, failed, _output = ansible("ovs_ports", options | {"ports": ports})
    assert code != 0 and failed["error_code"] == error_code and said in failed["msg"]


def test_tls_needs_all_its_files(ansible, options):
    code, failed, _output = ansible("ovs_ports_info", options | {"ca_cert": "/nowhere/ca.crt"})
    assert code != 0 and failed["error_code"] == "invalid_input" and "all three" in failed["msg"]


def test_a_run_that_lost_its_cluster_touches_no_switch(ansible, options, database, tmp_path):
    path = str(tmp_path / "ledger.db")
    with Ledger.open(path, "test") as ledger, ledger.transaction() as tx:
        clusters.begin(tx, "blue", "create", tenant="acme", site="lab1")
        stale = runs.start(tx, "blue", "create", "one host:1:1", 3600)
        runs.end(tx, "blue", stale["token"], runs.FAILED, {"message": "it failed"})
        newest = runs.start(tx, "blue", "create", "one host:2:1", 3600)
        tx.keep()

    def in_the_name_of(run):
        return options | {"ports": PORTS, "wait_applied": False, "fence": {"ledger": path, "cluster": "blue", "token": run["token"]}}

    code, failed, _output = ansible("ovs_ports", in_the_name_of(stale))
    assert code != 0 and failed["error_code"] == "stale_run"
    assert database.port("s01")[1] == "999"
    assert ansible("ovs_ports", in_the_name_of(newest)).result["changed"]
    assert database.port("s01")[1] == "101"
