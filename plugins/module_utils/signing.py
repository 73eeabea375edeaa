# Copyright: (c) 2026, leasehold.cloud contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Ed25519 keys and signatures (RFC 8032), by cryptography. The private key is made on first use, its public key beside it."""

from __future__ import annotations

import base64
import hashlib
import os
import tempfile
from pathlib import Path

from ansible_collections.leasehold.cloud.plugins.module_utils.core.errors import InvalidInput, NotFound
from ansible_collections.leasehold.cloud.plugins.module_utils.lazy import lazy

ed25519 = lazy("cryptography.hazmat.primitives.asymmetric.ed25519")
serialization = lazy("cryptography.hazmat.primitives.serialization")
crypto_exceptions = lazy("cryptography.exceptions")

ALGORITHM = "ed25519"
PRIVATE, PUBLIC = 0o600, 0o644


def public_path(private_path: str) -> str:
    """Where the public key of a private key lies: beside it, ending in C(.pub)."""
    return str(Path(private_path).with_suffix(".pub"))


def private_key(path: str):
    """The private key at ``path`` (PEM, PKCS 8), made when there is none; its public key is written beside it.

    :raises InvalidInput: it is no Ed25519 key, or others can read it.
    """
    file = Path(path)
    if not file.exists():
        _make_key(file)
    if file.stat().st_mode & 0o077:
        raise _unusable(path, "others than its owner can read it", f"chmod 600 {path}, or make a new key if it leaked")
    key = _load(path, file.read_bytes(), lambda data: serialization.load_pem_private_key(data, password=None),
                ed25519.Ed25519PrivateKey)
    if not Path(public_path(path)).exists():
        write(public_path(path), _public_pem(key.public_key()), PUBLIC)
    return key


def public_key(path: str):
    """:raises NotFound: there is none. :raises InvalidInput: it is no Ed25519 public key in PEM."""
    try:
        data = Path(path).read_bytes()
    except FileNotFoundError as error:
        raise NotFound("there is no such file", object=f"public key {path}", attempted="reading it",
                       remedy="give the path of the public key of who signed") from error
    return _load(path, data, serialization.load_pem_public_key, ed25519.Ed25519PublicKey)


def key_id(public) -> str:
    """C(sha256:…) of a public key's 32 raw bytes."""
    return f"sha256:{hashlib.sha256(public.public_bytes_raw()).hexdigest()}"


def sign(private, text: str) -> dict:
    """``{algorithm, key_id, value}``, value in base64."""
    value = base64.b64encode(private.sign(text.encode())).decode()
    return {"algorithm": ALGORITHM, "key_id": key_id(private.public_key()), "value": value}


def fault(public, text: str, signature: dict | None) -> str | None:
    """Why a signature of ``text`` is not good; None when it is."""
    if not isinstance(signature, dict) or signature.get("algorithm") != ALGORITHM:
        return f"it has no {ALGORITHM} signature"
    if signature.get("key_id") != key_id(public):
        return f"it is signed by key {signature.get('key_id')}, not by {key_id(public)}"
    try:
        public.verify(base64.b64decode(str(signature.get("value")), validate=True), text.encode())
    except (crypto_exceptions.InvalidSignature, ValueError):
        return "its signature does not match its content: it was altered after it was signed"
    return None


def write(path: str, data: bytes, mode: int) -> None:
    """Write a file whole or not at all, with ``mode`` from its first byte on."""
    target = Path(path)
    draft = _draft(target, data, mode)
    os.replace(draft, target)


def _make_key(file: Path) -> None:
    pem = ed25519.Ed25519PrivateKey.generate().private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    draft = _draft(file, pem, PRIVATE)
    try:
        os.link(draft, file)  # unlike a rename, it never takes the place of a key that another run has just made
    except FileExistsError:
        return
    finally:
        os.unlink(draft)


def _draft(target: Path, data: bytes, mode: int) -> str:
    target.parent.mkdir(parents=True, exist_ok=True)
    descriptor, draft = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name}.")  # mode 0600
    with os.fdopen(descriptor, "wb") as file:
        os.fchmod(descriptor, mode)
        file.write(data)
    return draft


def _load(path: str, data: bytes, load, kind):
    try:
        key = load(data)
    except (ValueError, TypeError) as error:
        raise _unusable(path, f"it cannot be read: {error}", "give an unencrypted Ed25519 key in PEM") from error
    if not isinstance(key, kind):
        raise _unusable(path, "it is not an Ed25519 key", "give an unencrypted Ed25519 key in PEM")
    return key


def _public_pem(public) -> bytes:
    return public.public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)


def _unusable(path: str, message: str, remedy: str) -> InvalidInput:
    return InvalidInput(message, object=f"key {path}", attempted="reading it", remedy=remedy)
