# SPDX-License-Identifier: GPL-3.0-or-later
"""Enters a data centre (tests/sources/center.py) into a NetBox by its REST API, as an admin's script would: into the fake, or into a real one."""

from __future__ import annotations

import copy
import json
import urllib.error
import urllib.parse
import urllib.request

from tests.sources.center import center


ABOUT = "Made by leasehold.cloud's tests"
SHARED = ("dcim/device-types", "dcim/manufacturers", "dcim/device-roles", "dcim/platforms", "tenancy/tenants", "extras/tags")  # in the order of their removal
IN_USE = 409


def slug(name: str) -> str:
    return name.lower().replace(" ", "-").replace("_", "-")


def marked(document: dict, mark: str) -> dict:
    """A document whose site and device types are nobody else's in a NetBox that holds much else."""
    document = copy.deepcopy(document)
    document["site"]["name"] = mark + document["site"]["name"]
    document["types"] = {mark + name: maker for name, maker in document["types"].items()}
    for device in document["devices"]:
        device["type"] = mark + device["type"]
    return document


class Loader:
    """Makes the objects of one document.

    :param guest: NetBox is not the tests' own: what is made there says who made it, has a VRF of its own, and can be removed.
    """

    def __init__(self, url: str, token: str, guest: bool = False):
        self.url, self.guest = url, guest
        self.authorization = f"{'Bearer' if token.startswith('nbt_') else 'Token'} {token}"
        self.numbers: dict[tuple, int] = {}
        self.vrf: dict[str, int] = {}

    def call(self, method: str, path: str, body=None):
        """One request; what it answered."""
        path = path if "?" in path else f"{path}/"
        request = urllib.request.Request(f"{self.url}/api/{path}", method=method, data=None if body is None else json.dumps(body).encode())
        request.add_header("Authorization", self.authorization)
        request.add_header("Content-Type", "application/json")
        with urllib.request.urlopen(request, timeout=300) as answer:
            content = answer.read()
        return json.loads(content) if content else None

    def make(self, path: str, items: list[dict], keys: list) -> None:
        """Objects in bulk; their numbers are kept by ``keys``."""
        for start in range(0, len(items), 200):
            made = self.call("POST", path, items[start:start + 200])
            self.numbers |= {(path, key): row["id"] for key, row in zip(keys[start:start + 200], made, strict=True)}

    def named(self, path: str, names: list[str], **more) -> None:
        """Objects that have a name and a slug and may be there already."""
        for name in names:
            found = self._found(path, slug(name))
            self.numbers[path, name] = found or self.call("POST", path, {"name": name, "slug": slug(name), "description": ABOUT, **more})["id"]

    def _found(self, path: str, wanted: str) -> int | None:
        rows = self.listed(path, slug=wanted)
        return rows[0]["id"] if rows else None

    def load(self, document: dict) -> None:
        """All of it."""
        self.site = document["site"]["name"]
        for path, names in (("dcim/device-roles", document["roles"]), ("dcim/platforms", document["platforms"]),
                            ("dcim/manufacturers", sorted(set(document["types"].values()))), ("tenancy/tenants", document["tenants"]),
                            ("extras/tags", document["tags"]), ("dcim/sites", [self.site])):
            self.named(path, names)
        for name, maker in document["types"].items():
            found = self._found("dcim/device-types", slug(name))
            self.numbers["dcim/device-types", name] = found or self.call("POST", "dcim/device-types", {
                "model": name, "slug": slug(name), "manufacturer": self.numbers["dcim/manufacturers", maker], "u_height": 1, "description": ABOUT})["id"]
        self.number = self.numbers["dcim/sites", self.site]
        if self.guest:  # the sites of one NetBox may not have the same addresses in one VRF
            self.vrf = {"vrf": self.call("POST", "ipam/vrfs", {"name": self.site})["id"]}
        self.make("dcim/racks", [{"name": name, "site": self.number, "u_height": 60} for name in document["racks"]], document["racks"])
        self._ipam(document)
        self._devices(document["devices"])
        self._cables(document["cables"])

    def remove(self, site: str) -> None:
        """Take away a site that this (or an earlier run) has entered, and what was made for it that nobody uses."""
        number = self._found("dcim/sites", slug(site))
        if number is not None:
            groups = [row["id"] for row in self.listed("ipam/vlan-groups", site=number)]
            here = {"site_id": number}
            for path, where in (("dcim/cables", here), ("dcim/devices", here), ("ipam/prefixes", here), ("ipam/vlans", here),
                                *(("ipam/vlans", {"group_id": group}) for group in groups), ("ipam/vlan-groups", {"site": number}), ("dcim/racks", here)):
                self._clear(path, **where)
        for vrf in self.listed("ipam/vrfs", name=site):
            self._clear("ipam/ip-addresses", vrf_id=vrf["id"])
        self._clear("ipam/vrfs", name=site)
        self._clear("dcim/sites", slug=slug(site))
        for path in SHARED:
            for row in self.listed(path, description=ABOUT):
                self._unless_used("DELETE", f"{path}/{row['id']}")

    def listed(self, path: str, **filters) -> list[dict]:
        """The rows of a list that pass some filters, at most a thousand."""
        return self.call("GET", f"{path}/?{urllib.parse.urlencode({'limit': 1000, **filters})}")["results"]

    def _clear(self, path: str, **filters) -> None:
        while rows := self.listed(path, fields="id", **filters):
            for start in range(0, len(rows), 100):
                self.call("DELETE", path, [{"id": row["id"]} for row in rows[start:start + 100]])

    def _unless_used(self, method: str, path: str) -> None:
        try:
            self.call(method, path)
        except urllib.error.HTTPError as error:
            if error.code != IN_USE:
                raise

    def _tags(self, names: list[str]) -> list[int]:
        return [self.numbers["extras/tags", name] for name in names]

    def _ipam(self, document: dict) -> None:
        groups, vlans, prefixes = document["vlan_groups"], document["vlans"], document["prefixes"]
        self.make("ipam/vlan-groups", [{
            "name": group["name"], "slug": slug(group["name"]), "scope_type": "dcim.site", "scope_id": self.number, "tags": self._tags(group["tags"]),
            "vid_ranges": [[int(end) for end in ends.split("-")] for ends in group["ranges"].split(",")]} for group in groups],
            [group["name"] for group in groups])
        self.make("ipam/vlans", [{
            "vid": vlan["vid"], "name": vlan["name"], "tags": self._tags(vlan["tags"]),
            **({"group": self.numbers["ipam/vlan-groups", vlan["group"]]} if vlan["group"] else {"site": self.number})} for vlan in vlans],
            [vlan["vid"] for vlan in vlans])
        self.make("ipam/prefixes", [{
            "prefix": prefix["prefix"], **self.vrf, "scope_type": "dcim.site", "scope_id": self.number, "tags": self._tags(prefix["tags"]),
        } for prefix in prefixes],
            [prefix["prefix"] for prefix in prefixes])

    def _devices(self, devices: list[dict]) -> None:
        def of(path: str, name: str | None) -> int | None:
            return self.numbers[path, name] if name else None

        self.make("dcim/devices", [{
            "name": device["name"], "role": of("dcim/device-roles", device["role"]), "device_type": of("dcim/device-types", device["type"]),
            "site": self.number, "rack": of("dcim/racks", device["rack"]), "position": device["position"], "face": "front" if device["position"] else "",
            "status": device["status"], "serial": device["serial"] or "", "platform": of("dcim/platforms", device["platform"]),
            "tenant": of("tenancy/tenants", device["tenant"]), "tags": self._tags(device["tags"])} for device in devices],
            [device["name"] for device in devices])
        pairs = [(device, interface) for device in devices for interface in device["interfaces"]]
        for lags in (True, False):
            some = [(device, one) for device, one in pairs if (one["type"] == "lag") == lags]
            self.make("dcim/interfaces", [self._interface(device["name"], one) for device, one in some], _names(some))
        self._addresses(pairs)
        self._panels([device for device in devices if device["ports"]])

    def _interface(self, device: str, one: dict) -> dict:
        vlans = {"untagged_vlan": self.numbers["ipam/vlans", one["vlan"]], "mode": "access"} if one["vlan"] else {}
        if one["vlans"]:
            vlans |= {"tagged_vlans": [self.numbers["ipam/vlans", vid] for vid in one["vlans"]], "mode": "tagged"}
        return {"device": self.numbers["dcim/devices", device], "name": one["name"], "type": one["type"], "mgmt_only": one["mgmt_only"],
                "lag": self.numbers["dcim/interfaces", (device, one["lag"])] if one["lag"] else None, **vlans}

    def _addresses(self, pairs: list[tuple[dict, dict]]) -> None:
        def on(device: dict, one: dict) -> dict:
            return {"assigned_object_type": "dcim.interface", "assigned_object_id": self.numbers["dcim/interfaces", (device["name"], one["name"])]}

        macs = [(device, one) for device, one in pairs if one["mac"]]
        self.make("dcim/mac-addresses", [{"mac_address": one["mac"], **on(device, one)} for device, one in macs], _names(macs))
        self.change("dcim/interfaces", [{"id": on(device, one)["assigned_object_id"], "primary_mac_address": self.numbers[
            "dcim/mac-addresses", (device["name"], one["name"])]} for device, one in macs])
        inets = [(device, one) for device, one in pairs if one["address"]]
        self.make("ipam/ip-addresses", [{"address": one["address"], **self.vrf, **on(device, one)} for device, one in inets], _names(inets))
        self.change("dcim/devices", [{"id": self.numbers["dcim/devices", device["name"]], self._kind(device, one): self.numbers[
            "ipam/ip-addresses", (device["name"], one["name"])]} for device, one in inets])

    @staticmethod
    def _kind(device: dict, one: dict) -> str:
        return "primary_ip4" if device["primary_ip"] == one["address"].partition("/")[0] else "oob_ip"

    def change(self, path: str, items: list[dict]) -> None:
        """Changes in bulk."""
        for start in range(0, len(items), 200):
            self.call("PATCH", path, items[start:start + 200])

    def _panels(self, panels: list[dict]) -> None:
        """Each port of a panel is a front port and a rear port behind it."""
        for panel in panels:
            device = self.numbers["dcim/devices", panel["name"]]
            ports = range(1, panel["ports"] + 1)
            self.make("dcim/rear-ports", [{"device": device, "name": f"rear{port}", "type": "lc", "positions": 1} for port in ports],
                      [(panel["name"], port) for port in ports])
            through = {port: {"position": 1, "rear_port": self.numbers["dcim/rear-ports", (panel["name"], port)], "rear_port_position": 1} for port in ports}
            self.make("dcim/front-ports", [
                {"device": device, "name": f"front{port}", "type": "lc", "positions": 1, "rear_ports": [through[port]]} for port in ports
            ], [(panel["name"], port) for port in ports])

    def _cables(self, cables: list[dict]) -> None:
        made = []
        for cable in cables:
            ends = [("dcim.interface", self.numbers["dcim/interfaces", tuple(cable[side])]) for side in "ab"]
            if cable["via"]:
                front, rear = (self.numbers[f"dcim/{kind}-ports", tuple(cable["via"])] for kind in ("front", "rear"))
                made += [(ends[0], ("dcim.frontport", front)), (("dcim.rearport", rear), ends[1])]
            else:
                made.append(tuple(ends))
        self.make("dcim/cables", [{name: [{"object_type": kind, "object_id": number}] for name, (kind, number) in zip(
            ("a_terminations", "b_terminations"), ends, strict=True)} for ends in made], made)


def _names(pairs: list[tuple[dict, dict]]) -> list[tuple[str, str]]:
    return [(device["name"], one["name"]) for device, one in pairs]


def loaded(url: str, token: str, **sizes) -> Loader:
    """A loader that has entered a whole :func:`center`."""
    loader = Loader(url, token)
    loader.load(center(**sizes))
    return loader
