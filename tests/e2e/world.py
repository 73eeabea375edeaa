"""What the tests see of the lab by means of their own: never through the product."""

from __future__ import annotations

import base64
import contextlib
import json
import sqlite3
import subprocess
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import yaml
from cryptography.hazmat.primitives import serialization
from kubernetes import client, config

from lab.hardware import Hardware

KINDS = (
    ("hypershift.openshift.io", "v1beta1", "hostedclusters"), ("hypershift.openshift.io", "v1beta1", "nodepools"),
    ("agent-install.openshift.io", "v1beta1", "agents"), ("agent-install.openshift.io", "v1beta1", "infraenvs"),
    ("agent-install.openshift.io", "v1beta1", "nmstateconfigs"), ("cluster.x-k8s.io", "v1beta1", "machines"),
    ("cluster.open-cluster-management.io", "v1", "managedclusters"),
)


def inside(namespace: str, *command: str) -> bool:
    """Whether a command succeeds in a network namespace."""
    return subprocess.run(["ip", "netns", "exec", namespace, *command], capture_output=True, timeout=20, check=False).returncode == 0


def pings(server, address: str) -> bool:
    return inside(server.namespace, "ping", "-c", "1", "-W", "1", address)


def arps(server, address: str, nic: str = "eth0") -> bool:
    return inside(server.namespace, "arping", "-c", "2", "-w", "2", "-f", "-I", nic, address)


def port_vlans(lab, switch: str) -> dict:
    """Port name -> (tag, trunks) from the switch's own database."""
    (place,) = (place for place in lab.layout().switches if place.name == switch)
    listing = subprocess.run(
        ["ovs-vsctl", f"--db=tcp:{place.address}:6640", "--format=json", "--columns=name,tag,trunks", "list", "Port"],
        capture_output=True, text=True, check=True, timeout=20)
    rows = json.loads(listing.stdout)["data"]
    return {name: (None if isinstance(tag, list) else tag, _set(trunks)) for name, tag, trunks in rows}


def _set(value) -> set[int]:
    return set(value[1]) if isinstance(value, list) else {value}


def vlans_in_use(lab) -> set[int]:
    """Every tenant VLAN that is on any port of any managed switch."""
    found = set()
    for switch in lab.layout().switches:
        for tag, trunks in port_vlans(lab, switch.name).values():
            found |= trunks | ({tag} if tag else set())
    return {vlan for vlan in found if 100 <= vlan < 116}


def powered_on(lab) -> set[str]:
    return {state.name for state in Hardware(lab.directory / "hardware.db").servers() if state.power == "On"}


def claims(lab) -> list[tuple]:
    with sqlite3.connect(lab.product / "ledger.db") as database:
        return database.execute("select kind, resource, cluster from claims order by 1, 2").fetchall()


def has_ledger(lab) -> bool:
    return (lab.product / "ledger.db").exists()


def leased_addresses(lab) -> dict[str, str]:
    """Server name -> leased address, from the ledger's own table."""
    with sqlite3.connect(lab.product / "ledger.db") as database:
        rows = database.execute("select resource, detail from claims where kind = 'server'").fetchall()
    return {name: json.loads(detail)["address"] for name, detail in rows}


def disks(lab, server: str) -> set:
    """What is on a server's drives: None is nothing."""
    return {drive["contents"] for drive in Hardware(lab.directory / "hardware.db").get(server).drives}


def _core(kubeconfig) -> client.CoreV1Api:
    return client.CoreV1Api(config.new_client_from_config(str(kubeconfig)))


def ready_nodes(kubeconfig) -> set[str]:
    nodes = _core(kubeconfig).list_node(_request_timeout=10).items
    return {node.metadata.name for node in nodes
            if any(condition.type == "Ready" and condition.status == "True" for condition in node.status.conditions or ())}


def run_pod(kubeconfig, name: str, node: str) -> None:
    container = client.V1Container(name="work", image="registry.example.com/work")
    pod = client.V1Pod(metadata=client.V1ObjectMeta(name=name), spec=client.V1PodSpec(node_name=node, containers=[container]))
    _core(kubeconfig).create_namespaced_pod("default", pod, _request_timeout=10)


def pods(kubeconfig) -> set[str]:
    return {pod.metadata.name for pod in _core(kubeconfig).list_pod_for_all_namespaces(_request_timeout=10).items}


def hub_names(lab) -> set[str]:
    """The names of everything on the hub that a cluster could leave there."""
    api = config.new_client_from_config(str(lab.directory / "hub.kubeconfig"))
    found = {f"Namespace {item.metadata.name}" for item in client.CoreV1Api(api).list_namespace(_request_timeout=10).items}
    custom = client.CustomObjectsApi(api)
    for group, version, plural in KINDS:
        items = custom.list_cluster_custom_object(group, version, plural, _request_timeout=10)["items"]
        found |= {f"{plural} {item['metadata']['name']}" for item in items}
    return found


def secrets(lab, kubeconfig) -> list[str]:
    """What must never be printed."""
    user = yaml.safe_load(kubeconfig.read_text())["users"][0]["user"]
    return [json.loads((lab.directory / "bmc.json").read_text())["password"], user["client-key-data"]]


@contextlib.contextmanager
def port_in_vlan(lab, switch: str, port: str, vlan: int):
    """Put a port into a VLAN behind the product's back, and put it back."""
    (place,) = (place for place in lab.layout().switches if place.name == switch)
    before = port_vlans(lab, switch)[port][0]
    database = ["ovs-vsctl", f"--db=tcp:{place.address}:6640"]
    subprocess.run([*database, "set", "Port", port, f"tag={vlan}"], check=True, timeout=20)
    try:
        yield
    finally:
        subprocess.run([*database, "set", "Port", port, f"tag={before}"], check=True, timeout=20)


def hears(namespace: str, address: str, nic: str = "eth0") -> bool:
    """Whether anybody on the NIC's wire says that the address is his, asked by an ARP probe (RFC 5227), which needs no route."""
    probe = subprocess.run(["ip", "netns", "exec", namespace, "arping", "-D", "-c", "2", "-w", "2", "-I", nic, address],
                           capture_output=True, text=True, timeout=20, check=False)
    assert "Received " in probe.stdout, probe.stdout + probe.stderr  # not: it could not ask
    return "Received 0 " not in probe.stdout


def reaches(server, address: str) -> bool:
    """Whether an address can be had from a server, by ICMP or by ARP on either NIC."""
    return any(asked([partial(pings, server, address), *(partial(hears, server.namespace, address, nic.name) for nic in server.nics)]))


def asked(questions: list[Callable[[], bool]]) -> list[bool]:
    """The answers to many questions, asked all at once: silence takes seconds to be heard."""
    with ThreadPoolExecutor(16) as threads:
        return list(threads.map(lambda question: question(), questions))


@contextlib.contextmanager
def address_in(namespace: str, address: str):
    """Let the first NIC of a namespace answer for one address more."""
    def change(verb: str) -> None:
        subprocess.run(["ip", "-n", namespace, "address", verb, f"{address}/32", "dev", "eth0"], check=True, timeout=20)
    change("add")
    try:
        yield
    finally:
        change("del")


def place_of(lab, server: str):
    (place,) = (place for place in lab.layout().servers if place.name == server)
    return place


def port_tags(lab, server: str) -> set[int]:
    """The VLANs of all of a server's ports."""
    return {port_vlans(lab, nic.switch)[nic.port][0] for nic in place_of(lab, server).nics}


def media_inserted(lab) -> set[str]:
    return {state.name for state in Hardware(lab.directory / "hardware.db").servers() if state.media_inserted}


def held(lab, cluster: str, kind: str = "server") -> set[str]:
    """What a cluster has claimed of one kind."""
    return {resource for found, resource, holder in claims(lab) if (found, holder) == (kind, cluster)}


def ledger_rows(lab, query: str, *values) -> list[tuple]:
    with sqlite3.connect(lab.product / "ledger.db", timeout=10) as database:
        return database.execute(query, values).fetchall()


def phase(lab, cluster: str) -> str | None:
    """A cluster's phase in the ledger; None when there is no such cluster."""
    rows = ledger_rows(lab, "select phase from clusters where name = ?", cluster)
    return rows[0][0] if rows else None


def run_of(lab, cluster: str) -> tuple[str, str]:
    """State and step of a cluster's newest run."""
    return ledger_rows(lab, "select state, step from runs where cluster = ?", cluster)[0]


def server_states(lab) -> dict[str, str]:
    known = dict(ledger_rows(lab, "select server, state from server_states"))
    return {place.name: known.get(place.name, "available") for place in lab.layout().servers}


def snapshot(lab) -> dict:
    """Everything that an order could change, to be compared with itself later."""
    hardware = [(state.name, state.power, state.boot_id, state.media, state.boot_once, state.drives)
                for state in Hardware(lab.directory / "hardware.db").servers()]
    return {
        "switches": {place.name: port_vlans(lab, place.name) for place in lab.layout().switches},
        "hardware": hardware,
        "ledger": {table: ledger_rows(lab, f"select * from {table}")
                   for table in ("clusters", "claims", "runs", "server_states", "events")},
        "files": sorted(str(path) for path in lab.product.rglob("*") if not path.name.startswith("ledger.db")),
        "hub": hub_names(lab),
    }


def receipt(lab, path) -> dict:
    """A receipt whose Ed25519 signature has been checked here, over its canonical JSON without the signature."""
    document = json.loads(path.read_text())
    signed = {key: document[key] for key in document if key != "signature"}
    text = json.dumps(signed, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    public = serialization.load_pem_public_key((lab.product / "keys/receipt.pub").read_bytes())
    public.verify(base64.b64decode(document["signature"]["value"]), text.encode())  # raises InvalidSignature
    return document
