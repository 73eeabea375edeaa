"""Drift in a data centre with a customer in it: found, told, and mended where nobody is harmed."""

from __future__ import annotations

import contextlib
import subprocess
import time

import pytest
import yaml
from kubernetes import client, config

from lab.hardware import Hardware
from tests.conftest import Played
from tests.e2e import world

CORAL = {"cluster_name": "coral", "cluster_tenant": "umbrella", "cluster_lease_duration": "30d",
         "cluster_node_sets": [{"name": "workers", "class": "cpu", "count": 2}]}
MEND = {"ledger_reconcile_mend": ["port", "power", "media", "state", "hold"]}


@pytest.fixture(scope="module", autouse=True)
def coral(site):
    """A customer's cluster, and afterwards none."""
    site.play("cluster_create", CORAL).succeeded()
    yield
    site.play("cluster_delete", {"cluster_name": "coral"}).succeeded()


@pytest.fixture(scope="module")
def free(lab, coral):
    """Two servers that nobody holds."""
    held = world.held(lab, "coral")
    return [place for place in lab.layout().servers if place.name not in held][:2]


def reconcile(site, variables: dict | None = None, *options: str) -> Played:
    return site.play("ledger_reconcile", variables or {}, *options)


def hardware(lab) -> Hardware:
    return Hardware(lab.directory / "hardware.db")


def set_port(lab, nic, vlan: int) -> None:
    (place,) = (place for place in lab.layout().switches if place.name == nic.switch)
    subprocess.run(["ovs-vsctl", f"--db=tcp:{place.address}:6640", "set", "Port", nic.port, f"tag={vlan}"], check=True, timeout=20)


@contextlib.contextmanager
def namespace_of(lab, cluster: str):
    """What a deleted cluster might have left on the hub."""
    core = client.CoreV1Api(config.new_client_from_config(str(lab.directory / "hub.kubeconfig")))
    labels = {"app.kubernetes.io/managed-by": "leasehold", "leasehold.cloud/cluster": cluster}
    core.create_namespace(client.V1Namespace(metadata=client.V1ObjectMeta(name=cluster, labels=labels)), _request_timeout=10)
    try:
        yield
    finally:
        core.delete_namespace(cluster, _request_timeout=10)
        gone_by = time.monotonic() + 30
        while f"Namespace {cluster}" in world.hub_names(lab):
            assert time.monotonic() < gone_by, f"namespace {cluster} is still there"
            time.sleep(0.2)


def test_a_data_centre_as_the_ledger_has_it_has_no_drift(site):
    played = reconcile(site, {"ledger_reconcile_fail_on": "drift"}).succeeded()
    assert "no drift" in played.output and played.changed == 0


def test_drift_is_told_and_nothing_is_touched(site, lab, free):
    stray, awake = free
    (vlan,) = world.vlans_in_use(lab)
    set_port(lab, stray.nics[0], vlan)
    hardware(lab).set_power(awake.name, "On")
    before = world.snapshot(lab)
    with namespace_of(lab, "ghost"):
        played = reconcile(site).failed_with("gate_failed")
    for words in (f"{stray.nics[0].switch} port {stray.nics[0].port}", f"server {awake.name}", "cluster ghost", "1 alarm, 2 drifts"):
        assert words in played.output, words
    assert played.changed == 0 and world.snapshot(lab) | {"hub": 0} == before | {"hub": 0}


def test_check_mode_tells_what_a_mend_would_do(site, lab, free):
    before = world.snapshot(lab)
    played = reconcile(site, MEND, "--check", "--diff")
    assert played.changed > 0 and f"server {free[0].name}: quarantined" in played.output
    assert world.snapshot(lab) == before


def test_what_nobody_holds_is_mended_and_what_is_held_is_not_touched(site, lab, free):
    down, *_others = sorted(world.held(lab, "coral"))
    hardware(lab).set_power(down, "Off")
    ports = {name: world.port_tags(lab, name) for name in world.held(lab, "coral")}
    played = reconcile(site, MEND).failed_with("gate_failed")  # for the server in service that is off
    assert played.changed > 0 and f"server {down}" in played.output.rpartition("TASK [Fail")[2]
    for place in free:
        assert world.port_tags(lab, place.name) == {999} and place.name not in world.powered_on(lab)
        assert world.server_states(lab)[place.name] == "quarantined"
    assert down not in world.powered_on(lab) and {name: world.port_tags(lab, name) for name in ports} == ports
    hardware(lab).set_power(down, "On")
    again = reconcile(site, MEND).succeeded()
    assert again.changed == 0 and "no drift" in again.output


def test_a_held_server_that_vanishes_from_its_source_is_an_alarm(site, lab):
    source = lab.directory / "datacenter.yml"
    document = source.read_text(encoding="utf-8")
    gone = sorted(world.held(lab, "coral"))[0]
    said = yaml.safe_load(document)
    said["servers"] = [server for server in said["servers"] if server["name"] != gone]
    source.write_text(yaml.safe_dump(said), encoding="utf-8")
    try:
        played = reconcile(site, {"ledger_reconcile_places": ["source"]}).failed_with("gate_failed")
    finally:
        source.write_text(document, encoding="utf-8")
    assert "vanished" in played.output and gone in played.output and played.changed == 0


def test_a_switch_that_cannot_be_read_is_an_alarm_and_the_others_are_read(site, lab):
    few = {"ledger_reconcile_places": ["switches"], "segment_timeout": 1, "segment_private_key": "/nowhere"}
    played = reconcile(site, few).failed_with("gate_failed")
    assert "unread" in played.output and played.total("failed") == 1


def test_the_ledger_is_whole_and_the_servers_come_back(site, lab, free):
    export = lab.product / "events.jsonl"
    assert site.play("events_export", {"events_export_dest": str(export)}).succeeded().changed == 1
    site.play("ledger_verify", {"ledger_verify_anchor": str(export)}).succeeded()
    assert site.play("ledger_backup", {"ledger_backup_dest": str(lab.product / "backup.db")}).succeeded().changed == 1
    assert site.play("ledger_migrate", {}, "--check").succeeded().changed == 0
    for place in free:
        site.play("node_return", {"node_name": place.name}).succeeded()
    assert reconcile(site, {"ledger_reconcile_fail_on": "drift"}).succeeded().changed == 0
