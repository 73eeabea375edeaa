# SPDX-License-Identifier: GPL-3.0-or-later
"""A token is in nothing that is printed, logged, cached or kept: with a source that answers it, and with one that refuses it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

BIN = Path(sys.executable).parent
WRONG = "feedfacefeedfacefeedfacefeedfacefeedface"


class Controller:
    """A directory that Ansible runs in, as loud as it can be, with a log and a cache."""

    def __init__(self, directory: Path, world):
        self.directory, self.world = directory, world
        self.source = {"kind": world.kind, "url": world.proxy.url, "site": world.document["site"]["name"], "mapping": "mapping.yml"}
        self.write("mapping.yml", world.mapping.values)

    def write(self, name: str, document: object) -> str:
        (self.directory / name).write_text(yaml.safe_dump(json.loads(json.dumps(document))))
        return name

    def run(self, *command: str, token: str) -> subprocess.CompletedProcess:
        environment = os.environ | {
            "ANSIBLE_HOME": str(self.directory / "home"), "ANSIBLE_LOG_PATH": str(self.directory / "log"), "ANSIBLE_NOCOLOR": "1",
            "ANSIBLE_INVENTORY_UNPARSED_FAILED": "true", "LEASEHOLD_SOURCE_TOKEN": token, "PATH": f"{BIN}:{os.environ['PATH']}"}
        return subprocess.run([BIN / command[0], *command[1:], "-vvvv"], cwd=self.directory, env=environment, capture_output=True, text=True, check=False)

    def kept(self, token: str) -> dict[str, bytes]:
        """All files, and which of them have the token in them."""
        files = [file for file in self.directory.rglob("*") if file.is_file()]
        assert {"log", "ledger.db"} <= {file.name for file in files}
        return {str(file.relative_to(self.directory)): content for file in files if token.encode() in (content := file.read_bytes())}


@pytest.fixture
def controller(served, tmp_path):
    return Controller(tmp_path, served)


@pytest.mark.parametrize("wrong", [False, True])
def test_an_inventory_and_all_that_it_leaves_behind(controller, wrong):
    token = WRONG if wrong else controller.world.token
    name = controller.write("fra1.datacenter.yml", {
        "plugin": "leasehold.cloud.datacenter", "ledger": str(controller.directory / "ledger.db"), "sources": [controller.source], "sync": "always",
        "cache": True, "cache_plugin": "ansible.builtin.jsonfile", "cache_connection": "cache"})
    outcome = controller.run("ansible-inventory", "-i", name, "--list", token=token)
    said = outcome.stdout + outcome.stderr
    assert outcome.returncode == 0, said[-3000:]
    assert ("is used" in said or "never mirrored" in said) if wrong else "leasehold_serial" in outcome.stdout or "leasehold_rack" in outcome.stdout
    assert token not in said and not controller.kept(token)
    assert list((controller.directory / "cache").iterdir())


@pytest.mark.parametrize("wrong", [False, True])
def test_a_sync_with_a_token_from_a_vault(controller, wrong):
    token = WRONG if wrong else controller.world.token
    secret = controller.directory.parent / f"{controller.directory.name}-vault.json"  # what a vault yields, outside of what is looked through
    secret.write_text(json.dumps({"leasehold_source": {**controller.source, "token": token}, "leasehold_ledger": str(controller.directory / "ledger.db")}))
    try:
        outcome = controller.run("ansible-playbook", "leasehold.cloud.source_sync", "-i", "localhost,", "-e", f"@{secret}", "--diff", token="")
    finally:
        secret.unlink()
    said = outcome.stdout + outcome.stderr
    assert (outcome.returncode != 0) == wrong, said[-3000:]
    assert ("token" in said and "Remedy" in said) if wrong else "devices_read" in said
    assert token not in said and not controller.kept(token)
