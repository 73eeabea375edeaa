# SPDX-License-Identifier: GPL-3.0-or-later
"""The playbook server_verify with a switch that reports its neighbours: an Arista's API, asked by Arista's own collection."""

from __future__ import annotations

import http.server
import json
import os
import subprocess
import sys
import tempfile
import threading
from pathlib import Path

import pytest

from tests.unit.plugins.action.test_ledger_actions import prompt, runner, synced  # pylint: disable=unused-import

ROOT = Path(__file__).parents[4]
VERSION = {"modelName": "DCS-7050", "version": "4.32.0F", "serialNumber": "S", "systemMacAddress": "00:1c:73:00:00:01"}


class Eapi(http.server.BaseHTTPRequestHandler):
    """Arista's eAPI, as far as its facts ask. C(neighbours) are rows of C(show lldp neighbors)."""

    neighbours: list[dict] = []

    def do_POST(self) -> None:
        asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        result = [self._told(one if isinstance(one, str) else one["cmd"], asked["params"].get("format")) for one in asked["params"]["cmds"]]
        content = json.dumps({"jsonrpc": "2.0", "id": asked["id"], "result": result}).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def _told(self, command: str, form: str | None) -> dict:
        said = {"show version": VERSION, "show hostname": {"hostname": "leaf-r1a", "fqdn": "leaf-r1a"}, "show interfaces": {"interfaces": {}},
                "show lldp neighbors": {"lldpNeighbors": self.neighbours}}.get(command.partition("|")[0].strip(), {})
        return {"output": json.dumps(said)} if form == "text" else said

    def log_message(self, *_args) -> None:
        pass


@pytest.fixture
def switch():
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Eapi) as server:
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        yield server.server_port
        server.shutdown()


def test_the_cabling_is_compared_with_what_a_switch_hears(synced, switch, monkeypatch):
    servers = {server["name"]: server for server in synced.done("server_info", rack=["r1"])["servers"]}
    first, second = (next(nic for nic in servers[name]["nics"] if nic["switch"] == "leaf-r1a") for name in ("r1-s01", "r1-s02"))
    swapped = [{"port": nic["port"], "neighborDevice": "lldpd", "neighborPort": other["mac"].replace(":", ""), "ttl": 120}
               for nic, other in ((first, second), (second, first))]
    monkeypatch.setattr(Eapi, "neighbours", swapped)
    inventory = synced.directory / "hosts.json"
    inventory.write_text(json.dumps({"all": {"children": {"switches": {"hosts": {
        "leaf-r1a": {"ansible_host": "127.0.0.1", "ansible_httpapi_port": switch}, "leaf-r1b": {"ansible_host": "127.0.0.2", "ansible_httpapi_port": 1}},
        "vars": {"ansible_network_os": "arista.eos.eos", "ansible_connection": "ansible.netcommon.httpapi", "ansible_user": "reader",
                 "ansible_password": "none", "ansible_httpapi_use_ssl": False, "ansible_command_timeout": 8}}}}}))
    said = {"leasehold_ledger": str(synced.ledger), "server_rack": ["r1"], "server_verify_switches": "switches", "server_verify_path": str(synced.directory),
            "leasehold_bmc_request_timeout": 1}
    sockets = tempfile.mkdtemp()  # their paths have to be short
    done = subprocess.run(
        [str(Path(sys.executable).parent / "ansible-playbook"), "leasehold.cloud.server_verify", "-i", str(inventory), "-e", json.dumps(said)], cwd=ROOT,
        env={**os.environ, "ANSIBLE_HOME": str(synced.directory / "home"), "ANSIBLE_NOCOLOR": "1", "ANSIBLE_PERSISTENT_CONTROL_PATH_DIR": sockets,
             "ANSIBLE_PERSISTENT_CONNECT_TIMEOUT": "10"},
        text=True, capture_output=True, check=False, timeout=180)
    found = json.loads((synced.directory / "server_verify.json").read_text(encoding="utf-8"))
    cables = {one["server"]: (one["what"], one["found"]) for one in found["differences"] if one["what"].startswith("cable") and one["severity"] == "error"}
    assert cables == {"r1-s01": (f"cable {first['name']}", f"port {second['port']} of leaf-r1a"),
                      "r1-s02": (f"cable {second['name']}", f"port {first['port']} of leaf-r1a")}, done.stdout[-3000:]
    assert found["silent_switches"] == ["leaf-r1b"] and done.returncode != 0
