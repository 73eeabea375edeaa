# SPDX-License-Identifier: GPL-3.0-or-later
"""The floor of an order: the calls that create a cluster, made by a bare script that knows everything in advance.

No plan, no ledger, no checks, no errors worth reading; never what to run a data centre with. Switches, BMCs and hub are
each spoken with in their own protocol, all of a kind at once, and waits look every tenth of a second.
"""

from __future__ import annotations

import base64
import json
import socket
import time
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import requests
import urllib3
import yaml

WORKERS = 64
PAUSE = 0.1  # seconds between looks at something awaited
PATIENCE = 120  # seconds that anything may take
APPLY = "application/apply-patch+yaml"
PLURALS = {
    "Namespace": "namespaces", "Secret": "secrets", "Role": "roles", "NMStateConfig": "nmstateconfigs", "InfraEnv": "infraenvs",
    "HostedCluster": "hostedclusters", "NodePool": "nodepools", "ManagedCluster": "managedclusters", "Agent": "agents", "Node": "nodes",
}
HYPERSHIFT, ASSISTED = "hypershift.openshift.io/v1beta1", "agent-install.openshift.io/v1beta1"


class Api:
    """A Kubernetes API, by its kubeconfig (client certificate or token)."""

    def __init__(self, kubeconfig: str, scratch: Path):
        config = yaml.safe_load(kubeconfig)
        cluster, user = config["clusters"][0]["cluster"], config["users"][0]["user"]
        self.server = cluster["server"]
        self.session = session()
        self.session.verify = str(_kept(scratch, cluster["certificate-authority-data"]))
        if "client-certificate-data" in user:
            self.session.cert = tuple(str(_kept(scratch, user[f"client-{part}-data"])) for part in ("certificate", "key"))
        if "token" in user:
            self.session.headers["Authorization"] = f"Bearer {user['token']}"

    def url(self, version: str, kind: str, namespace: str | None = None, name: str | None = None) -> str:
        root = "api" if version == "v1" else "apis"
        scope = f"/namespaces/{namespace}" if namespace else ""
        return f"{self.server}/{root}/{version}{scope}/{PLURALS[kind]}{f'/{name}' if name else ''}"

    def get(self, *place: str | None) -> dict:
        return _answer(self.session.get(self.url(*place), timeout=10))

    def apply(self, manifest: dict) -> None:
        metadata = manifest["metadata"]
        url = self.url(manifest["apiVersion"], manifest["kind"], metadata.get("namespace"), metadata["name"])
        _answer(self.session.patch(url, data=json.dumps(manifest), headers={"Content-Type": APPLY}, timeout=10,
                                   params={"fieldManager": "floor", "force": "true"}))

    def delete(self, *place: str | None) -> None:
        answer = self.session.delete(self.url(*place), timeout=10)
        if answer.status_code != 404:
            _answer(answer)


def session() -> requests.Session:
    """A session with room for every worker, whatever CA bundle or proxy the environment is for."""
    made = requests.Session()
    made.trust_env = False
    made.mount("https://", requests.adapters.HTTPAdapter(pool_connections=WORKERS, pool_maxsize=WORKERS))
    return made


def create(plan: dict, secrets: list[dict], approvals: Callable[[list, dict], list[dict]], hub: Api, bmcs: requests.Session, scratch: Path) -> None:
    """Create what ``plan`` describes: ports, objects, boots, agents, nodes; read everything back once."""
    namespace = plan["cluster"]
    with ThreadPoolExecutor(WORKERS) as pool:
        list(pool.map(set_ports, [switch for switch in plan["fabric"] if switch["ports"]]))
        for manifest in [plan["objects"][0], *secrets, *plan["objects"][1:]]:
            hub.apply(manifest)
        image = _until(lambda: hub.get(ASSISTED, "InfraEnv", namespace, namespace).get("status", {}).get("isoDownloadURL"))
        list(pool.map(lambda server: boot(bmcs, server, image), plan["servers"]))
        agents = _until(lambda: _registered(hub, namespace, len(plan["servers"])))
        list(pool.map(hub.apply, approvals(agents, plan)))
        secret = _until(lambda: hub.get(HYPERSHIFT, "HostedCluster", namespace, namespace).get("status", {}).get("kubeconfig"))
        data = hub.get("v1", "Secret", namespace, secret["name"])["data"]["kubeconfig"]
        tenant = Api(base64.b64decode(data).decode(), scratch)
        _until(lambda: sum(map(_ready, tenant.get("v1", "Node")["items"])) == len(plan["servers"]))
        list(pool.map(lambda server: eject(bmcs, server), plan["servers"]))
        list(pool.map(read_ports, plan["fabric"]))


def release(plan: dict, hub: Api, bmcs: requests.Session) -> None:
    """Take it all back, so that the next run finds what this one found. Not measured, and nothing is erased."""
    namespace = plan["cluster"]
    with ThreadPoolExecutor(WORKERS) as pool:
        list(pool.map(lambda server: power(bmcs, server, "ForceOff"), plan["servers"]))
        list(pool.map(unset_ports, plan["fabric"], [plan["segment"]["quarantine_vlan"]] * len(plan["fabric"])))
    for manifest in reversed(plan["objects"]):
        if manifest["kind"] in ("NodePool", "HostedCluster", "ManagedCluster", "InfraEnv", "Namespace"):
            place = (manifest["apiVersion"], manifest["kind"], manifest["metadata"].get("namespace"), manifest["metadata"]["name"])
            hub.delete(*place)
            _until(lambda place=place: hub.session.get(hub.url(*place), timeout=10).status_code == 404)


def set_ports(switch: dict) -> None:
    """All of a switch's ports in one transaction."""
    operations = []
    for port in switch["ports"]:
        if port["mode"] == "access":
            operations.append(_update(port["name"], {"tag": port["vlan"], "vlan_mode": "access", "trunks": ["set", []]}))
        else:
            operations.append({"op": "mutate", "table": "Port", "where": [["name", "==", port["name"]]],
                               "mutations": [["trunks", "insert", ["set", port["add"]]]]})
    _transact(switch, operations)


def unset_ports(switch: dict, quarantine: int) -> None:
    operations = []
    for port in switch["ports"]:
        if port["mode"] == "access":
            operations.append(_update(port["name"], {"tag": quarantine}))
        else:
            operations.append({"op": "mutate", "table": "Port", "where": [["name", "==", port["name"]]],
                               "mutations": [["trunks", "delete", ["set", port["add"]]]]})
    if operations:
        _transact(switch, operations)


def read_ports(switch: dict) -> list:
    """What every port of the switch carries."""
    return _transact(switch, [{"op": "select", "table": "Port", "where": [], "columns": ["name", "tag", "trunks", "vlan_mode"]}])


def boot(bmcs: requests.Session, server: dict, image: str) -> None:
    """Insert the image, boot from it once, power on."""
    system, media = _places(bmcs, server)
    _answer(bmcs.post(f"{media}/Actions/VirtualMedia.InsertMedia", json={"Image": image, "Inserted": True}, timeout=30))
    _answer(bmcs.patch(system, json={"Boot": {"BootSourceOverrideTarget": "Cd", "BootSourceOverrideEnabled": "Once"}}, timeout=30))
    power(bmcs, server, "On")


def eject(bmcs: requests.Session, server: dict) -> None:
    _answer(bmcs.post(f"{_places(bmcs, server)[1]}/Actions/VirtualMedia.EjectMedia", json={}, timeout=30))


def power(bmcs: requests.Session, server: dict, reset: str) -> None:
    _answer(bmcs.post(f"{_places(bmcs, server)[0]}/Actions/ComputerSystem.Reset", json={"ResetType": reset}, timeout=30))


def _places(bmcs: requests.Session, server: dict) -> tuple[str, str]:
    """URLs of a BMC's system and of its virtual drive."""
    address = server["bmc"]["address"]
    system = _answer(bmcs.get(f"{address}/redfish/v1/Systems", timeout=30))["Members"][0]["@odata.id"]
    return address + system, f"{address}{system}/VirtualMedia/Cd"


def _update(port: str, row: dict) -> dict:
    return {"op": "update", "table": "Port", "where": [["name", "==", port]], "row": row}


def _transact(switch: dict, operations: Iterable[dict]) -> list:
    """One OVSDB transaction (RFC 7047) over a connection of its own."""
    request = {"method": "transact", "id": 1, "params": ["Open_vSwitch", *operations]}
    with socket.create_connection((switch["address"], switch["port"]), timeout=10) as connection:
        connection.sendall(json.dumps(request).encode())
        received = b""
        while True:
            received += connection.recv(1 << 16)
            try:
                answer = json.loads(received)
            except ValueError:
                continue
            failures = [result for result in answer["result"] if result and "error" in result]
            if answer["error"] or failures:
                raise RuntimeError(f"{switch['name']}: {answer['error'] or failures}")
            return answer["result"]


def _registered(hub: Api, namespace: str, count: int) -> list[dict] | None:
    agents = hub.get(ASSISTED, "Agent", namespace)["items"]
    complete = [agent for agent in agents if agent.get("status", {}).get("inventory", {}).get("interfaces")]
    return complete if len(complete) >= count else None


def _ready(node: dict) -> bool:
    return any(each["type"] == "Ready" and each["status"] == "True" for each in node["status"].get("conditions", []))


def _until(look: Callable[[], object]):
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end:
        try:
            found = look()
        except (requests.ConnectionError, urllib3.exceptions.HTTPError):
            found = None  # a tenant's API that is about to start
        if found:
            return found
        time.sleep(PAUSE)
    raise TimeoutError(f"nothing after {PATIENCE} s")


def _answer(response: requests.Response) -> dict:
    if not response.ok:
        raise RuntimeError(f"{response.request.method} {response.url}: {response.status_code} {response.text[:300]}")
    return response.json() if response.content else {}


def _kept(scratch: Path, data: str) -> Path:
    path = scratch / f"{abs(hash(data))}.pem"
    path.write_bytes(base64.b64decode(data))
    path.chmod(0o600)
    return path
