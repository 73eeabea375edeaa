# SPDX-License-Identifier: GPL-3.0-or-later
"""A data centre in each kind of source, changed as its admins would, and the document that says what it is by now.

The same tests run in each of them. What a system calls things is here; what has to be true of them is in ``test_contract.py``.
"""

from __future__ import annotations

import copy
import dataclasses
import json
import time
from pathlib import Path

import httpx

from ansible_collections.leasehold.cloud.plugins.module_utils.core.mapping_file import Mapping
from ansible_collections.leasehold.cloud.plugins.module_utils.core.records import Records
from ansible_collections.leasehold.cloud.plugins.module_utils.sources import open_source
from ansible_collections.leasehold.cloud.plugins.module_utils.sources.protocol import Options, Source
from tests.netbox.fake import FakeNetBox
from tests.netbox.load import Loader
from tests.sources.expected import MAPPING, as_file
from tests.sources.nautobot_server import Site
from tests.sources.proxy import Proxy

PAUSES = (0.05, 0.1)  # seconds before a request is repeated: what is down in a test stays it
TIMEOUT = 300  # seconds: a busy machine is not what is tested


class World:
    """A data centre. Its changes are made in the source, and in ``document``, which says what has to be read from there."""

    kind: str
    has_log = True
    mapping = Mapping.from_dict(MAPPING)

    def __init__(self, document: dict):
        self.document = copy.deepcopy(document)
        self._used: set[str] = set()

    @property
    def devices(self) -> dict[str, dict]:
        return {device["name"]: device for device in self.document["devices"]}

    def server(self) -> str:
        """A server that no test has used yet, of no tenant, and that is cabled without a panel."""
        name = next(device["name"] for device in self.document["devices"] if device["role"] == "server" and device["name"] not in self._used
                    and not device["tenant"] and not any(cable["via"] for cable in self.cables(device["name"])))
        self._used.add(name)
        return name

    def paneled(self) -> str:
        """Likewise, one that is cabled through a patch panel."""
        name = next(cable["a"][0] for cable in self.document["cables"] if cable["via"] and cable["a"][0] not in self._used)
        self._used.add(name)
        return name

    def cables(self, device: str) -> list[dict]:
        return [cable for cable in self.document["cables"] if device in (cable["a"][0], cable["b"][0])]

    def cable(self, device: str, port: str) -> dict:
        return next(cable for cable in self.document["cables"] if [device, port] in (cable["a"], cable["b"]))

    def set(self, device: str, field: str, value) -> None:
        """A text of a device: C(serial), C(status), C(tenant), C(name)."""
        row = self.devices[device]
        row[field] = value
        if field == "name":
            for cable in self.document["cables"]:
                for end in (cable["a"], cable["b"]):
                    end[0] = value if end[0] == device else end[0]
        self._set(device, field, value)

    def set_mac(self, device: str, port: str, mac: str) -> None:
        next(one for one in self.devices[device]["interfaces"] if one["name"] == port)["mac"] = mac
        self._set_mac(device, port, mac)

    def move(self, device: str, port: str, to: tuple[str, str]) -> None:
        """Plug a server's cable into another switch port. What was there must not be."""
        cable = self.cable(device, port)
        self._unplug(cable)
        cable["b"], cable["via"] = list(to), None
        self._plug(cable)

    def delete(self, device: str) -> None:
        self.document["devices"].remove(self.devices[device])
        self.document["cables"] = [cable for cable in self.document["cables"] if device not in (cable["a"][0], cable["b"][0])]
        self._delete(device)

    def free_port(self, device: str, port: str) -> tuple[str, str]:
        """A leaf's port, in a server's rack, that nothing is cabled to any more: its server is unplugged there and deleted for it."""
        other = next(one for one in self.document["devices"] if one["role"] == "server" and one["rack"] == self.devices[device]["rack"]
                     and one["name"] not in self._used and not any(cable["via"] for cable in self.cables(one["name"])))
        cable = self.cable(other["name"], port)
        self._unplug(cable)
        self.delete(other["name"])
        return tuple(cable["b"])


class FileWorld(World):
    """A datacenter.yml, written anew by each change."""

    kind, has_log = "file", False

    def __init__(self, document: dict, path: Path):
        super().__init__(document)
        self.path = path
        self._write()

    def source(self, **options) -> Source:
        return open_source("file", Options(path=options.get("path", str(self.path))))

    def _write(self, *_changes) -> None:
        self.path.write_text(json.dumps(as_file(self.document)))

    _set = _set_mac = _delete = _plug = _write

    def _unplug(self, cable: dict) -> None:
        """It is written when it is plugged in again."""

    def close(self) -> None:
        self.path.unlink()


class ServedWorld(World):
    """A system with an API, behind a proxy that can fail."""

    def __init__(self, document: dict, url: str, token: str):
        super().__init__(document)
        self.direct, self.token = url, token
        self.proxy = Proxy(url)
        self.http = httpx.Client(timeout=TIMEOUT)

    def source(self, **options) -> Source:
        source = open_source(self.kind, Options(**{
            "url": self.proxy.url, "token": self.token, "site": self.document["site"]["name"], "mapping": self.mapping.values,
            "timeout": TIMEOUT, **options}))
        source.api.client.server = dataclasses.replace(source.api.client.server, pauses=PAUSES)
        return source

    def close(self) -> None:
        self.proxy.close()
        self.http.close()

    def call(self, method: str, path: str, body=None, **params):
        """One request past the proxy, by who may do everything."""
        answer = self.http.request(method, f"{self.direct}/api/{path}/", json=body, params=params, headers={"Authorization": self.authorization})
        if not answer.is_success:
            raise RuntimeError(f"{method} {path}: {answer.status_code} {answer.text[:500]}")
        return answer.json() if answer.content else None

    def mine(self, found: Records) -> Records:
        """Of records, those that the document is about."""
        return found

    def _set(self, device: str, field: str, value) -> None:
        self.call("PATCH", f"dcim/devices/{self._device_id(value if field == 'name' else device, device)}", {field: self._value(field, value)})

    def _set_mac(self, device: str, port: str, mac: str) -> None:
        self.call("PATCH", f"dcim/interfaces/{self._port_id(device, port)}", {"mac_address": mac})

    def _delete(self, device: str) -> None:
        self.call("DELETE", f"dcim/devices/{self._device_id(device)}")

    def _device_id(self, name: str, now: str | None = None):
        return self.one("dcim/devices", name=now or name)["id"]

    def _port_id(self, device: str, port: str):
        return self.one("dcim/interfaces", device_id=self._device_id(device), name=port)["id"]

    def one(self, path: str, **filters) -> dict:
        found = self.call("GET", path, **filters, limit=5)["results"]
        if len(found) != 1:
            raise RuntimeError(f"{len(found)} of {path} {filters}")
        return found[0]


class NautobotWorld(ServedWorld):
    """A real Nautobot."""

    kind = "nautobot"

    def __init__(self, document: dict, site: Site):
        super().__init__(document, site.url, site.token)
        self.site = site
        self.authorization = f"Token {site.token}"

    def one(self, path: str, **filters) -> dict:
        return super().one(path, **filters, depth=0, exclude_m2m="true")

    def _value(self, field: str, value):
        if field == "status":
            return self.one("extras/statuses", name=value.capitalize())["id"]
        if field == "tenant":
            return value and self.one("tenancy/tenants", name=value)["id"]
        return value

    def _unplug(self, cable: dict) -> None:
        port = self.call("GET", f"dcim/interfaces/{self._port_id(*cable['a'])}", depth=0)
        self.call("DELETE", f"dcim/cables/{port['cable']['id']}")

    def _plug(self, cable: dict) -> None:
        self.call("POST", "dcim/cables", {
            "status": self.one("extras/statuses", name="Connected")["id"], "termination_a_type": "dcim.interface", "termination_b_type": "dcim.interface",
            "termination_a_id": self._port_id(*cable["a"]), "termination_b_id": self._port_id(*cable["b"])})

    def forget_log(self) -> None:
        """The change log begins after all that there was."""
        self.site.console("prune")

    def weak_token(self, name: str, without: str) -> str:
        """A token of a user who may see all that is needed, but one kind of object."""
        from ansible_collections.leasehold.cloud.plugins.module_utils.sources.nautobot.setup import READ
        return self.site.console("token", user=f"{name}-{time.monotonic_ns()}", permissions={"view": [model for model in READ if model != without]})


class NetBoxWorld(ServedWorld):
    """A NetBox, which a loader enters the document into."""

    kind = "netbox"

    def __init__(self, document: dict, url: str, token: str, loader: Loader | None = None):
        super().__init__(document, url, token)
        self.loader = loader or Loader(url, token)
        self.loader.load(document)
        self.authorization = self.loader.authorization

    def one(self, path: str, **filters) -> dict:
        if path == "dcim/devices":
            filters["site_id"] = self.loader.number
        return super().one(path, **filters)

    def _value(self, field: str, value):
        return value and self.one("tenancy/tenants", name=value)["id"] if field == "tenant" else value

    def _set_mac(self, device: str, port: str, mac: str) -> None:
        number = self._port_id(device, port)
        made = self.call("POST", "dcim/mac-addresses", {"mac_address": mac, "assigned_object_type": "dcim.interface", "assigned_object_id": number})
        self.call("PATCH", f"dcim/interfaces/{number}", {"primary_mac_address": made["id"]})

    def _unplug(self, cable: dict) -> None:
        port = self.call("GET", f"dcim/interfaces/{self._port_id(*cable['a'])}")
        self.call("DELETE", f"dcim/cables/{port['cable']['id']}")

    def _plug(self, cable: dict) -> None:
        ends = {f"{side}_terminations": [{"object_type": "dcim.interface", "object_id": self._port_id(*cable[side])}] for side in "ab"}
        self.call("POST", "dcim/cables", {"status": "connected", **ends})


class FakeNetBoxWorld(NetBoxWorld):
    """The fake at the edge."""

    def __init__(self, document: dict, fake: FakeNetBox):
        super().__init__(document, fake.url, fake.token)
        self.fake = fake

    def forget_log(self) -> None:
        self.fake.prune(0)

    def weak_token(self, _name: str, without: str) -> str:
        from tests.netbox.models import MODELS
        without = {"extras.objectchange": "core.objectchange"}.get(without, without)
        return self.fake.permit(*(f"view {model}" for model in {*MODELS, "core.objectchange"} if model != without))
