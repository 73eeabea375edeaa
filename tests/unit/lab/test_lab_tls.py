"""Certificates that clients accept, and keys that nobody else reads."""

from __future__ import annotations

import socket
import ssl
import threading

import pytest
from cryptography import x509

from lab import ssh_keys, tls


def handshake(directory, certificate, key, name: str) -> None:
    """A client that trusts the lab's CA connects to ``name``."""
    serving = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    serving.load_cert_chain(certificate, key)
    client = ssl.create_default_context(cafile=directory / "ca.crt")
    left, right = socket.socketpair()

    def serve():
        try:
            serving.wrap_socket(left, server_side=True).close()
        except (ssl.SSLError, OSError):  # the client refused, which is what its own error tells
            left.close()

    server = threading.Thread(target=serve)
    server.start()
    try:
        client.wrap_socket(right, server_hostname=name).close()
    finally:
        right.close()
        server.join()


@pytest.mark.parametrize("name", ["127.30.8.1", "localhost"])
def test_a_client_that_trusts_the_ca_accepts(tmp_path, name):
    certificate, key = tls.issue(tmp_path, "bmc", ["127.30.8.1", "127.30.8.2", "localhost"])
    handshake(tmp_path, certificate, key, name)


def test_another_name_is_refused(tmp_path):
    certificate, key = tls.issue(tmp_path, "bmc", ["127.30.8.1"])
    with pytest.raises(ssl.SSLCertVerificationError):
        handshake(tmp_path, certificate, key, "127.30.8.2")


def test_another_labs_ca_is_refused(tmp_path):
    for lab in ("one", "two"):
        (tmp_path / lab).mkdir()
    certificate, key = tls.issue(tmp_path / "one", "bmc", ["127.30.8.1"])
    tls.create_authority(tmp_path / "two")
    with pytest.raises(ssl.SSLCertVerificationError):
        handshake(tmp_path / "two", certificate, key, "127.30.8.1")


def test_the_subject_is_user_and_groups(tmp_path):
    certificate, _key = tls.issue(tmp_path, "admin", [], organizations=["system:masters"], common_name="kube-admin")
    subject = x509.load_pem_x509_certificate(certificate.read_bytes()).subject.rfc4514_string()
    assert subject == "CN=kube-admin,O=system:masters"


def test_keys_are_private_and_the_authority_stays(tmp_path):
    _certificate, key = tls.issue(tmp_path, "bmc", ["127.30.8.1"])
    authority = (tmp_path / "ca.crt").read_bytes()
    tls.issue(tmp_path, "hub", ["127.30.0.1"])
    assert (tmp_path / "ca.crt").read_bytes() == authority
    ssh_keys.ensure(tmp_path / "ssh" / "id", "someone")
    for private in (key, tmp_path / "ca.key", tmp_path / "ssh" / "id"):
        assert private.stat().st_mode & 0o777 == 0o600


def test_an_ssh_key_is_made_once(tmp_path):
    line = ssh_keys.ensure(tmp_path / "ssh" / "id", "someone")
    assert line.startswith("ssh-ed25519 ")
    assert line.endswith(" someone")
    assert ssh_keys.ensure(tmp_path / "ssh" / "id", "someone else") == line
