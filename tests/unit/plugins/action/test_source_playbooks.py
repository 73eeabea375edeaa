# SPDX-License-Identifier: GPL-3.0-or-later
"""The playbooks around a source of truth, against a NetBox: set up, audited, synced, an order shown in it, compared with the ledger, undone."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import Played
from tests.netbox.fake import FakeNetBox
from tests.netbox.load import loaded
from tests.sources.expected import MAPPING
from tests.unit.plugins.action.test_ledger_actions import Prompt, names, prompt, runner  # pylint: disable=unused-import

ROOT = Path(__file__).parents[4]
ORDER = {"cluster": "blue", "tenant": "green-power", "template": "openshift", "lease_duration": "30d",
         "node_sets": [{"name": "workers", "class": "cpu-2s", "count": 2}]}
OURS = {**MAPPING, "ours": ["tag:leasehold"], "prefix_pools": ["10.64.0.0/16"], "envelope_prefixes": ["10.64.0.0/16"],
        "publish": ["tenant", "cluster", "vlan", "interface_vlan", "prefix", "journal"]}


@pytest.fixture
def netbox():
    with FakeNetBox() as fake:
        loaded(fake.url, fake.token, servers=8, per_rack=4, vlans=3)
        yield fake


@pytest.fixture
def play(netbox, prompt):
    """Playbooks with that NetBox as their source; what they said must not have the token in it."""
    source = {"kind": "netbox", "url": netbox.url, "site": "fra1", "mapping": OURS}

    def played(playbook: str, *options: str, **variables) -> Played:
        said = {"leasehold_ledger": str(prompt.ledger), "leasehold_state_dir": str(prompt.directory / "state"), "leasehold_source": source,
                "leasehold_hub_kubeconfig": "/nowhere"} | variables
        environment = {**os.environ, "ANSIBLE_HOME": str(prompt.directory / "home"), "ANSIBLE_NOCOLOR": "1", "ANSIBLE_LOCALHOST_WARNING": "false",
                       "ANSIBLE_INVENTORY_UNPARSED_WARNING": "false", "LEASEHOLD_SOURCE_TOKEN": netbox.token}
        command = [str(Path(sys.executable).parent / "ansible-playbook"), f"leasehold.cloud.{playbook}", "-vvv", "--diff", "-e", json.dumps(said), *options]
        done = subprocess.run(command, cwd=ROOT, env=environment, text=True, capture_output=True, check=False, timeout=120)
        assert netbox.token not in done.stdout + done.stderr
        return Played(done)

    played.source = source
    return played


def entries(netbox) -> list[str]:
    return [row.comments for row in netbox.store.rows["extras.journalentry"].values()]


def receipt(prompt: Prompt, plan: dict) -> None:
    directory = prompt.directory / "state/clusters/blue"
    directory.mkdir(parents=True)
    prompt.process.stdin.write(json.dumps({"module": "receipt", "check": False, "options": {
        "path": str(directory / "receipt.json"), "private_key": str(prompt.directory / "key.pem"), "kind": "handover", "segment": plan["segment"],
        "order": {"cluster": "blue", "tenant": "green-power"}, "servers": plan["servers"], "gates": [{"gate": "wire", "ok": True, "problems": []}]}}) + "\n")
    prompt.process.stdin.flush()
    assert json.loads(prompt.process.stdout.readline())["changed"]


def test_from_the_setup_to_an_order_that_is_shown(play, netbox, prompt):
    play("source_setup").succeeded()
    assert "0 errors" in play("source_audit").succeeded().output
    assert "'template'" in play("source_sync").succeeded().output.replace('"', "'")
    assert play("source_sync").succeeded().changed == 0

    plan, _token = prompt.order(ORDER)
    receipt(prompt, plan)
    assert play("source_publish", "--check").succeeded().changed == 1 and not entries(netbox)
    assert play("source_publish").succeeded().changed == 1
    assert play("source_publish").succeeded().changed == 0
    told = [text for text in entries(netbox) if "Handed over to cluster blue of tenant green-power" in text]
    assert len(told) == 2 and len(entries(netbox)) == 4
    assert any("Ordered: template openshift, node set workers of 2 cpu-2s" in text for text in entries(netbox))
    server = netbox.find("dcim.device", name=names(plan)[0])
    assert (server.tenant.slug, server.custom_field_data["leasehold_cluster"]) == ("green-power", "blue")
    assert play("source_sync").succeeded().changed == 0  # what was published is no news


def test_reconciling_compares_the_ledger_with_netbox(play, netbox):
    play("source_setup").succeeded()
    play("source_sync").succeeded()
    quiet = {"ledger_reconcile_places": ["source"], "ledger_reconcile_fail_on": "drift"}
    assert play("ledger_reconcile", **quiet).succeeded().changed == 0
    server = netbox.find("dcim.device", name="r1-s02")
    netbox.writer.begin()
    netbox.writer.update(server, {"serial": "EXCHANGED"})
    found = play("ledger_reconcile", **quiet)
    assert found.returncode != 0 and "EXCHANGED" in found.output
    play("source_setup", source_setup_state="absent").succeeded()
    assert not netbox.store.rows["extras.exporttemplate"]
