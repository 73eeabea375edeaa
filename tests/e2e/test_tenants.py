"""Two tenants side by side: amber, ordered by playbook, and cobalt, by the leasehold command, from the plan to the release."""

from __future__ import annotations

import base64
import dataclasses
import itertools
import json
import re
import subprocess
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import cryptography.exceptions
import pytest
from kubernetes import client, config

from tests.conftest import BIN, ROOT, Played
from tests.e2e import world
from tests.e2e.runs import PATIENCE, Run

PULL_SECRET = "cHVsbC1zZWNyZXQtb2YtdGhlLXRlc3Rz"
AMBER = {"cluster_name": "amber", "cluster_tenant": "umbrella", "cluster_lease_duration": "30d",
         "cluster_node_sets": [{"name": "workers", "class": "cpu", "count": 2}]}
COBALT = {"cluster_name": "cobalt", "cluster_tenant": "tyrell", "cluster_lease_duration": "2w",
          "cluster_node_sets": [{"name": "trainers", "class": "gpu", "count": 2}]}
CLUSTERS = ("amber", "cobalt")
TENANTS = pytest.mark.parametrize("cluster", CLUSTERS)


@dataclasses.dataclass
class Command:
    """A run of the leasehold command with --json."""

    returncode: int
    output: str

    def of(self, kind: str) -> list[dict]:
        """The lines of a kind: event, outcome."""
        lines = [json.loads(line) for line in self.output.splitlines() if line.startswith("{")]
        return [line[kind] for line in lines if kind in line]


@dataclasses.dataclass
class Made:
    """How the clusters came to be."""

    plan: Played  # amber in check mode, in the empty site
    touched: list[str]  # what that changed
    amber: Played
    second: Played  # a run for amber while the first was at work
    cobalt: Command
    promised: dict[str, dict]  # the receipts
    secrets: dict[str, str]

    def members(self, cluster: str) -> dict[str, str]:
        """Server -> leased address, as the receipt has them."""
        return {server["name"]: server["address"] for server in self.promised[cluster]["servers"]}


@pytest.fixture(scope="module")
def leasehold(lab, site):
    """The leasehold command: operation, order -> Command."""
    def command(operation: str, order: dict) -> Command:
        path = lab.directory / f"{order['cluster_name']}-order.yml"
        path.write_text(json.dumps(order))
        ended = subprocess.run(
            [str(BIN / "leasehold"), "order", operation, "-f", str(path), "-i", str(ROOT / "inventory/lab"), "--json", "-vvvv",
             "--state-dir", str(lab.directory / "runner")], check=False,
            cwd=ROOT, env=lab.environment, text=True, stdin=subprocess.DEVNULL, capture_output=True, timeout=PATIENCE)
        return Command(ended.returncode, ended.stdout + ended.stderr)
    return command


@pytest.fixture(scope="module")
def made(lab, site, leasehold):
    """Both clusters, made at the same time; amber planned before, and ordered once more while it is being made."""
    secret = lab.directory / "pull-secret.json"
    secret.write_text(json.dumps({"auths": {"quay.io": {"auth": PULL_SECRET}}}))
    secret.chmod(0o600)
    amber, cobalt = ({**order, "leasehold_pull_secret_file": str(secret)} for order in (AMBER, COBALT))
    before = world.snapshot(lab)
    plan = site.play("cluster_create", amber, "--check", "--diff", timeout=PATIENCE).succeeded()
    after = world.snapshot(lab)
    with ThreadPoolExecutor(1) as thread:
        ordered = thread.submit(leasehold, "create", cobalt)
        first = Run(site, "cluster_create", amber, "-vvv").until("PLAY [Segment]")
        second = site.play("cluster_create", amber, timeout=PATIENCE)
        played, cobalt_made = first.end().succeeded(), ordered.result()
    assert cobalt_made.returncode == 0, cobalt_made.output[-8000:]
    promised = {cluster: world.receipt(lab, lab.product / "clusters" / cluster / "receipt.json") for cluster in CLUSTERS}
    touched = [place for place in before if before[place] != after[place]]
    return Made(plan, touched, played, second, cobalt_made, promised, secrets_of(lab))


def secrets_of(lab) -> dict[str, str]:
    """What nobody may read, by name: pieces that stay recognizable in any quoting."""
    found = {"pull secret": PULL_SECRET, "pull secret, encoded": base64.b64encode(f'"auth": "{PULL_SECRET}"'.encode()).decode()[8:32]}
    for name, path in (("receipt key", "product/keys/receipt.key"), ("operator's SSH key", "ssh/id_ed25519")):
        found[name] = (lab.directory / path).read_text().splitlines()[1]
    hub = client.CoreV1Api(config.new_client_from_config(str(lab.directory / "hub.kubeconfig")))
    for cluster in CLUSTERS:
        password, key = world.secrets(lab, lab.product / "clusters" / cluster / "kubeconfig")
        found["BMC password"] = password
        found[f"client key of {cluster}"] = key[40:120]
        found[f"client key of {cluster}, decoded"] = base64.b64decode(key).decode().splitlines()[1]
        admin = hub.read_namespaced_secret(f"{cluster}-kubeadmin-password", cluster, _request_timeout=10)
        found[f"kubeadmin password of {cluster}"] = base64.b64decode(admin.data["password"]).decode()
    return found


def test_the_plan_touches_nothing_anywhere(made):
    assert made.plan.changed > 0, "it says what would change"
    assert made.touched == []


def test_the_plan_predicts_the_claims_that_apply_makes(made, lab):
    predicted = set(re.findall(r"^\+claim (\w+) (\S+): cluster amber", made.plan.output, re.MULTILINE))
    assert {kind for kind, _resource in predicted} == {"vlan", "prefix", "server", "address"}
    assert predicted == {(kind, resource) for kind, resource, cluster in world.claims(lab) if cluster == "amber"}


def test_the_plan_predicts_the_ports_that_apply_sets(made, lab):
    predicted = set(re.findall(r"^\+port (\S+)/(\S+): access (\d+)$", made.plan.output, re.MULTILINE))
    nics = [nic for name in made.members("amber") for nic in world.place_of(lab, name).nics]
    assert {(switch, port) for switch, port, _vlan in predicted} == {(nic.switch, nic.port) for nic in nics}
    assert predicted == {(nic.switch, nic.port, str(world.port_vlans(lab, nic.switch)[nic.port][0])) for nic in nics}


def test_a_run_beside_another_for_the_same_cluster_is_refused(made):
    made.second.failed_with("run_in_progress")
    assert "cluster amber" in made.second.output


def test_the_command_tells_what_happens_and_how_it_ended(made):
    events = made.cobalt.of("event")
    assert {"order", "run", "step", "object", "state", "message", "time"} <= set(events[0])
    steps = list(dict.fromkeys(event["step"] for event in events if event["step"]))
    assert steps == ["Plan and claim", "Segment", "Servers and control plane", "Read back", "Gates and handover"]
    (outcome,) = made.cobalt.of("outcome")
    assert outcome["state"] == "successful"
    assert not outcome["failure"]


def test_the_command_ends_with_2_for_bad_input(made, leasehold, lab):
    before = world.snapshot(lab)
    ended = leasehold("create", {**AMBER, "cluster_name": "grey", "cluster_tenant": "-umbrella"})
    assert ended.returncode == 2, ended.output[-4000:]
    (outcome,) = ended.of("outcome")
    assert outcome["failure"]["error_code"] == "invalid_order"
    assert world.snapshot(lab) == before


@TENANTS
def test_the_receipt_says_what_was_handed_over(cluster, made, lab):
    said = made.promised[cluster]
    assert (said["kind"], said["order"]["cluster"]) == ("handover", cluster)
    assert {server["name"]: server["serial"] for server in said["servers"]} == {
        name: world.place_of(lab, name).serial for name in world.held(lab, cluster)}
    assert {gate["gate"]: gate["ok"] for gate in said["gates"]} == {"readback": True, "wire": True, "cluster": True}
    assert world.ready_nodes(lab.product / "clusters" / cluster / "kubeconfig") == set(made.members(cluster))


def test_an_altered_receipt_is_none(made, lab, tmp_path):
    altered = {**made.promised["amber"], "segment": made.promised["cobalt"]["segment"]}
    (tmp_path / "receipt.json").write_text(json.dumps(altered))
    with pytest.raises(cryptography.exceptions.InvalidSignature):
        world.receipt(lab, tmp_path / "receipt.json")


def test_each_segment_is_on_its_own_ports_and_on_the_links_it_needs(made, lab):
    seen = {place.name: world.port_vlans(lab, place.name) for place in lab.layout().switches}
    for cluster in CLUSTERS:
        vlan = made.promised[cluster]["segment"]["vlan"]
        nics = {(nic.switch, nic.port) for name in made.members(cluster) for nic in world.place_of(lab, name).nics}
        leaves = {switch for switch, _port in nics}
        links = {(leaf, "up1") for leaf in leaves} | {("spine-1", leaf) for leaf in leaves} | {("spine-1", "border")}
        assert {(switch, port) for switch, ports in seen.items() for port, (tag, _trunks) in ports.items() if tag == vlan} == nics
        assert {(switch, port) for switch, ports in seen.items() for port, (_tag, trunks) in ports.items() if vlan in trunks} == links


@TENANTS
def test_a_tenant_reaches_its_gateway_and_its_own(cluster, made, lab):
    members, gateway = made.members(cluster), made.promised[cluster]["segment"]["gateway"]
    for one, other in itertools.permutations(members, 2):
        assert world.pings(world.place_of(lab, one), members[other])
        assert world.arps(world.place_of(lab, one), members[other])
    for name in members:
        assert world.pings(world.place_of(lab, name), gateway)
        assert world.hears(world.place_of(lab, name).namespace, gateway, "eth1"), "the second NIC is in the segment too"


@pytest.mark.parametrize(("cluster", "other"), [CLUSTERS, CLUSTERS[::-1]])
def test_a_tenant_reaches_nothing_of_the_other(cluster, other, made, lab):
    pairs = list(itertools.product(made.members(cluster), made.members(other).values()))
    answers = world.asked([partial(world.reaches, world.place_of(lab, name), address) for name, address in pairs])
    assert [pair for pair, answer in zip(pairs, answers, strict=True) if answer] == []


@TENANTS
def test_no_canary_is_reached_nor_reaches(cluster, made, lab):
    name, address = next(iter(made.members(cluster).items()))
    server = world.place_of(lab, name)
    for canary in lab.layout().canary_places:
        back = [partial(world.pings, canary, address), partial(world.hears, canary.namespace, address)]
        assert not any(world.asked([partial(world.reaches, server, canary.address), *back])), canary.name


def leaked(made: Made, text: str) -> list[str]:
    return [name for name, secret in made.secrets.items() if secret in text]


def test_no_secret_is_in_the_most_talkative_output(made):
    assert "TASK [leasehold.cloud.node : Boot the servers with the image]" in made.amber.output
    assert leaked(made, made.amber.output) == []
    assert leaked(made, made.cobalt.output) == []


def test_no_secret_is_in_the_artifacts_of_a_run_nor_in_the_ledger_nor_in_a_receipt(made, lab):
    artifacts = [path for path in (lab.directory / "runner").rglob("*") if path.is_file()]
    records = [*lab.product.glob("ledger.db*"), *lab.product.rglob("receipt.json")]
    assert len(artifacts) > 50 and len(records) >= 3
    found = {str(path): leaked(made, path.read_bytes().decode(errors="replace")) for path in artifacts + records}
    assert {path: names for path, names in found.items() if names} == {}


def test_a_stranger_on_the_wire_fails_the_gate_with_its_name(made, lab, site):
    """A canary's address answers in amber's VLAN, behind the border, where no switch of ours shows it."""
    canary = lab.layout().canary_places[0]
    asker = world.place_of(lab, min(made.members("amber")))
    with world.address_in(f"{lab.layout().prefix}-gw{made.promised['amber']['segment']['vlan']}", canary.address):
        played = site.play("segment_verify", {"cluster_name": "amber"}, timeout=PATIENCE).failed_with("gate_failed")
    assert "gate wire" in played.output
    assert f'"endpoints": ["{asker.name} eth0", "{canary.name} {canary.address}"]' in played.output
    assert f"switch {asker.nics[0].switch} port {asker.nics[0].port}" in played.output


def test_a_tenants_server_can_be_set_aside_and_stays_the_tenants(made, lab, site):
    out, stays = sorted(made.members("cobalt"))
    address, peer = made.members("cobalt")[out], world.place_of(lab, stays)
    assert world.pings(peer, address)
    site.play("node_quarantine", {"node_name": out, "node_reason": "ECC errors"}, timeout=PATIENCE).succeeded()
    assert world.port_tags(lab, out) == {999}
    assert out not in world.powered_on(lab)
    assert world.ledger_rows(lab, "select state, reason from server_states where server = ?", out) == [("quarantined", "ECC errors")]
    assert world.held(lab, "cobalt") == {out, stays}, "until it is released, wiped with proof"
    assert not world.pings(peer, address)


@pytest.fixture(scope="module")
def gone(made, lab, site, leasehold):
    """Both are released at the same time."""
    with ThreadPoolExecutor(1) as thread:
        cobalt = thread.submit(leasehold, "delete", COBALT)
        site.play("cluster_delete", {"cluster_name": "amber"}, timeout=PATIENCE).succeeded()
    assert cobalt.result().returncode == 0, cobalt.result().output[-8000:]


def test_nothing_of_them_is_left(gone, made, lab):
    assert world.claims(lab) == []
    assert {world.phase(lab, cluster) for cluster in CLUSTERS} == {"deleted"}
    assert world.vlans_in_use(lab) == set()
    assert world.powered_on(lab) == world.media_inserted(lab) == set()
    assert set(world.server_states(lab).values()) == {"available"}
    for place in lab.layout().servers:
        assert world.port_tags(lab, place.name) == {999}
        assert world.disks(lab, place.name) == {None}
    assert not [name for name in world.hub_names(lab) for cluster in CLUSTERS if cluster in name]


@TENANTS
def test_their_addresses_answer_no_more(cluster, gone, made, lab):
    gateway = f"{lab.layout().prefix}-gw{made.promised[cluster]['segment']['vlan']}"
    assert not any(world.asked([partial(world.hears, gateway, address) for address in made.members(cluster).values()]))


@TENANTS
def test_the_release_is_signed_for(cluster, gone, made, lab):
    directory = lab.product / "clusters" / cluster
    assert not (directory / "kubeconfig").exists()
    released = [world.receipt(lab, path) for path in directory.glob("release*.json")]
    assert {wipe["server"] for said in released for wipe in said["wipes"] if wipe["proven"]} == set(made.members(cluster))
    assert all(gate["ok"] for said in released for gate in said["gates"])
