# SPDX-License-Identifier: GPL-3.0-or-later
"""A switch's real database (ovsdb-server, without the switch), on loopback, with a bridge and its ports."""

from __future__ import annotations

import datetime
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import NamedTuple

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

SCHEMA = Path("/usr/share/openvswitch/vswitch.ovsschema")
PORTS = {
    "s01": ["vlan_mode=access", "tag=999"],
    "s02": ["vlan_mode=access", "tag=999"],
    "s03": ["vlan_mode=access", "tag=190"],
    "up1": ["vlan_mode=trunk", "trunks=999"],
    "blank": [],
}


class Database:
    """One ovsdb-server, and what a test wants to do to it behind the product's back."""

    def __init__(self, directory: Path):
        self.directory = directory
        self.socket = directory / "db.sock"
        self.tcp_port, self.tls_port = free_port(), free_port()
        self.child: subprocess.Popen | None = None
        subprocess.run(["ovsdb-tool", "create", directory / "conf.db", SCHEMA], check=True)

    def start(self, *extra: str) -> None:
        self.child = subprocess.Popen([
            "ovsdb-server", str(self.directory / "conf.db"), f"--remote=punix:{self.socket}", f"--unixctl={self.directory / 'ctl'}",
            f"--remote=ptcp:{self.tcp_port}:127.0.0.1", "--no-chdir", "--log-file=/dev/null", *extra,
        ], stderr=subprocess.DEVNULL)
        deadline = time.monotonic() + 10
        while not self.socket.exists() or self._refuses():
            assert time.monotonic() < deadline, "ovsdb-server did not start"
            time.sleep(0.01)

    def stop(self) -> None:
        if self.child:
            self.child.kill()
            self.child.wait()

    def freeze(self) -> None:
        """It keeps its connections and says nothing."""
        self.child.send_signal(signal.SIGSTOP)

    def fill(self) -> None:
        self.vsctl("init")
        self.vsctl("add-br", "br0")
        for name, columns in PORTS.items():
            self.vsctl("add-port", "br0", name, *columns)

    def vsctl(self, *arguments: str) -> str:
        return subprocess.run(["ovs-vsctl", f"--db=unix:{self.socket}", "--no-wait", *arguments], check=True, capture_output=True, text=True).stdout.strip()

    def port(self, name: str) -> tuple[str, str, str]:
        """What ovs-vsctl says of a port: mode, tag, trunks."""
        return tuple(self.vsctl("get", "Port", name, column) for column in ("vlan_mode", "tag", "trunks"))

    def transactions(self) -> int:
        """How many transactions of ours the database's log holds."""
        log = subprocess.run(["ovsdb-tool", "show-log", self.directory / "conf.db"], check=True, capture_output=True, text=True).stdout
        return log.count("leasehold.cloud")

    def _refuses(self) -> bool:
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", self.tcp_port)) != 0


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Certificates(NamedTuple):
    """PEM files: an authority, what it signed for the switch and for us, and an authority of strangers."""

    authority: Path
    switch: Path
    switch_key: Path
    client: Path
    client_key: Path
    other_authority: Path


@pytest.fixture
def certificates(tmp_path):
    authority_key, authority = _certificate("authority")
    _key, other = _certificate("strangers")
    parts = [authority]
    for name in ("switch", "client"):
        key, certificate = _certificate(name, authority.subject, authority_key)
        parts += [certificate, key]
    files = []
    for field, part in zip(Certificates._fields, [*parts, other], strict=True):
        path = tmp_path / f"{field}.pem"
        if isinstance(part, x509.Certificate):
            path.write_bytes(part.public_bytes(serialization.Encoding.PEM))
        else:
            path.write_bytes(part.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()))
        files.append(path)
    return Certificates(*files)


def _certificate(name, issuer=None, issuer_key=None):
    """A key and its certificate; without an issuer, an authority's."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = datetime.datetime.now(datetime.timezone.utc)
    builder = (
        x509.CertificateBuilder().subject_name(subject).issuer_name(issuer or subject).public_key(key.public_key())
        .serial_number(x509.random_serial_number()).not_valid_before(now - datetime.timedelta(days=1)).not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.BasicConstraints(ca=issuer is None, path_length=None), critical=True)
    )
    return key, builder.sign(issuer_key or key, hashes.SHA256())


@pytest.fixture
def empty_database(tmp_path):
    if not shutil.which("ovsdb-server") or not SCHEMA.exists():
        pytest.skip("Open vSwitch's ovsdb-server is not installed")
    database = Database(tmp_path)
    yield database
    database.stop()


@pytest.fixture
def database(empty_database):
    empty_database.start()
    empty_database.fill()
    return empty_database


class Answer(NamedTuple):
    """What one task came to."""

    code: int
    result: dict
    output: str  # with the diff, which is not part of the printed result


@pytest.fixture
def ansible(tmp_path):
    """Run one task, as a user does at the prompt."""

    def run(module: str, options: dict, *flags: str) -> Answer:
        environment = {**os.environ, "ANSIBLE_LOCALHOST_WARNING": "false", "ANSIBLE_NOCOLOR": "1", "ANSIBLE_LOCAL_TEMP": str(tmp_path / "ansible")}
        command = [str(Path(sys.executable).parent / "ansible"), "localhost", "-i", "localhost,", "-c", "local"]
        command += ["-m", f"leasehold.cloud.{module}", "-a", json.dumps(options), *flags]
        done = subprocess.run(command, capture_output=True, text=True, env=environment, check=False)
        assert " => {" in done.stdout, done.stdout + done.stderr
        text = done.stdout[done.stdout.index(" => {") + 4:]
        return Answer(done.returncode, json.JSONDecoder().raw_decode(text)[0], done.stdout)

    return run
