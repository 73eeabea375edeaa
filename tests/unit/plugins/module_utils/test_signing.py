# SPDX-License-Identifier: GPL-3.0-or-later
"""Keys and signatures."""

from __future__ import annotations

import os
import stat
import threading

import pytest
from ansible_collections.leasehold.cloud.plugins.module_utils import signing
from ansible_collections.leasehold.cloud.plugins.module_utils.core.errors import InvalidInput, NotFound
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec


def mode(path) -> int:
    return stat.S_IMODE(os.stat(path).st_mode)


def test_a_key_is_made_once_for_its_owner_only(tmp_path):
    path = str(tmp_path / "keys" / "receipt.key")
    first = signing.key_id(signing.private_key(path).public_key())
    assert mode(path) == 0o600 and mode(tmp_path / "keys") == 0o700 and mode(signing.public_path(path)) == 0o644
    assert signing.key_id(signing.private_key(path).public_key()) == first
    assert signing.key_id(signing.public_key(signing.public_path(path))) == first
    assert sorted(os.listdir(tmp_path / "keys")) == ["receipt.key", "receipt.pub"]


def test_runs_at_the_same_time_get_the_same_key(tmp_path):
    path, seen = str(tmp_path / "receipt.key"), []
    runs = [threading.Thread(target=lambda: seen.append(signing.key_id(signing.private_key(path).public_key()))) for _run in range(8)]
    for run in runs:
        run.start()
    for run in runs:
        run.join()
    assert len(seen) == 8 and len(set(seen)) == 1


def test_a_signature_holds_for_its_text_and_key_only(tmp_path):
    ours, theirs = signing.private_key(str(tmp_path / "a.key")), signing.private_key(str(tmp_path / "b.key"))
    signature = signing.sign(ours, "handed over")
    public = signing.public_key(str(tmp_path / "a.pub"))
    assert signing.fault(public, "handed over", signature) is None
    assert "altered" in signing.fault(public, "handed 0ver", signature)
    assert "altered" in signing.fault(public, "handed over", signature | {"value": "bm90IGJhc2U2NA=="})
    assert "altered" in signing.fault(public, "handed over", signature | {"value": "%%%"})
    assert "signed by key" in signing.fault(theirs.public_key(), "handed over", signature)
    assert "no ed25519" in signing.fault(public, "handed over", None)


def test_a_forged_key_id_does_not_help(tmp_path):
    ours, theirs = signing.private_key(str(tmp_path / "a.key")), signing.private_key(str(tmp_path / "b.key"))
    forged = signing.sign(theirs, "text") | {"key_id": signing.key_id(ours.public_key())}
    assert "altered" in signing.fault(ours.public_key(), "text", forged)


def test_keys_that_cannot_be_used(tmp_path):
    path = tmp_path / "receipt.key"
    signing.private_key(str(path))
    path.chmod(0o640)
    with pytest.raises(InvalidInput, match="others"):
        signing.private_key(str(path))
    path.write_text("nonsense")
    path.chmod(0o600)
    with pytest.raises(InvalidInput, match="cannot be read"):
        signing.private_key(str(path))
    path.write_bytes(ec.generate_private_key(ec.SECP256R1()).private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()))
    with pytest.raises(InvalidInput, match="not an Ed25519"):
        signing.private_key(str(path))
    with pytest.raises(NotFound):
        signing.public_key(str(tmp_path / "nowhere.pub"))
