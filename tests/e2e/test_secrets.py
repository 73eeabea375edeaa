"""No secret is in what runs print at their most talkative, in the runner's artifacts, in the ledger or in a receipt."""

from __future__ import annotations

import base64
import json

import kubernetes
import pytest
import yaml

from tests.e2e.conftest import PULL_SECRET


@pytest.fixture(scope="module")
def secrets(made, lab) -> dict[str, str]:
    """What nobody may read, by name: pieces that stay recognizable in any quoting."""
    found = {"pull secret": PULL_SECRET, "BMC password": json.loads((lab.directory / "bmc.json").read_text())["password"]}
    for name, path in (("receipt key", "product/keys/receipt.key"), ("operator's SSH key", "ssh/id_ed25519")):
        found[name] = (lab.directory / path).read_text().splitlines()[1]
    hub = kubernetes.config.new_client_from_config(str(lab.directory / "hub.kubeconfig"))
    for cluster in ("red", "blue"):
        user = yaml.safe_load((lab.product / "clusters" / cluster / "kubeconfig").read_text())["users"][0]["user"]
        found[f"client key of {cluster}"] = user["client-key-data"][40:120]
        found[f"client key of {cluster}, decoded"] = base64.b64decode(user["client-key-data"]).decode().splitlines()[1]
        secret = kubernetes.client.CoreV1Api(hub).read_namespaced_secret(f"{cluster}-kubeadmin-password", cluster, _request_timeout=10)
        found[f"kubeadmin password of {cluster}"] = base64.b64decode(secret.data["password"]).decode()
    encoded = base64.b64encode(json.dumps({"auths": {"quay.io": {"auth": PULL_SECRET}}}).encode()).decode()
    found["pull secret, as the hub keeps it"] = encoded[20:80]
    return found


def leaked(secrets: dict[str, str], text: str) -> list[str]:
    return [name for name, secret in secrets.items() if secret in text]


def test_none_in_the_output_at_its_most_talkative(made, secrets):
    assert "TASK [leasehold.cloud.node : Boot the servers with the image]" in made.red.output
    assert leaked(secrets, made.red.output) == []
    assert leaked(secrets, made.blue.output) == []


def test_none_in_the_artifacts_of_the_run(made, secrets, lab):
    files = [path for path in (lab.directory / "runner").rglob("*") if path.is_file()]
    assert len(files) > 50, "a file for each event"
    assert {str(path): leaked(secrets, path.read_text(errors="replace")) for path in files
            if leaked(secrets, path.read_text(errors="replace"))} == {}


def test_none_in_the_ledger_or_a_receipt(made, secrets, lab):
    files = [*lab.product.glob("ledger.db*"), *lab.product.rglob("receipt.json")]
    assert len(files) >= 3
    for path in files:
        assert leaked(secrets, path.read_bytes().decode(errors="replace")) == [], path
