"""SSH keys of the lab: the operator's, and a host key for each server."""

from __future__ import annotations

from pathlib import Path

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ed25519

from lab import tls


def ensure(path: Path, comment: str) -> str:
    """Make an Ed25519 key at ``path`` (0600) and ``path``.pub unless they are there; return the public key's line."""
    public_path = path.with_name(path.name + ".pub")
    if not (path.exists() and public_path.exists()):
        path.parent.mkdir(parents=True, exist_ok=True)
        key = ed25519.Ed25519PrivateKey.generate()
        tls.write_private(path, key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.OpenSSH, serialization.NoEncryption()))
        line = key.public_key().public_bytes(serialization.Encoding.OpenSSH, serialization.PublicFormat.OpenSSH)
        public_path.write_text(f"{line.decode()} {comment}\n")
    return public_path.read_text().strip()
