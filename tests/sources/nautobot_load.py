# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs inside Nautobot's own environment: puts a data centre (tests/sources/center.py) into its database.

In bulk, through Nautobot's models, and with nothing in the change log: as if it had been there for long.
"""

from __future__ import annotations

import ipaddress

from django.contrib.contenttypes.models import ContentType
from nautobot.dcim import models as dcim
from nautobot.dcim.utils import object_to_path_node
from nautobot.extras.models import Role, Status, Tag
from nautobot.ipam import models as ipam
from nautobot.tenancy.models import Tenant

ROUND = 2000  # rows of one INSERT


def status(model, name: str) -> Status:
    """The status of that name (in lower case), which a fresh Nautobot has or which is made."""
    found = Status.objects.filter(name__iexact=name).first() or Status.objects.create(name=name.capitalize())
    found.content_types.add(ContentType.objects.get_for_model(model))
    return found


class Loader:
    """Makes the objects of one document, in the order that they need each other."""

    def __init__(self, document: dict):
        self.document = document
        self.devices: dict[str, dcim.Device] = {}
        self.interfaces: dict[tuple[str, str], dcim.Interface] = {}

    def load(self) -> dict:
        """:returns: how many there are of each."""
        self.site_wide()
        self.make_devices()
        self.make_interfaces()
        self.make_addresses()
        self.make_cables()
        return {"devices": len(self.devices), "interfaces": len(self.interfaces), "cables": len(self.document["cables"])}

    def site_wide(self) -> None:
        document = self.document
        kind, _made = dcim.LocationType.objects.get_or_create(name="Site")
        for model in (dcim.Device, dcim.Rack, ipam.VLAN, ipam.Prefix, ipam.VLANGroup):
            kind.content_types.add(ContentType.objects.get_for_model(model))
        self.site = dcim.Location.objects.create(name=document["site"]["name"], location_type=kind, status=status(dcim.Location, "active"))
        self.tenants = {name: Tenant.objects.get_or_create(name=name)[0] for name in document["tenants"]}
        self.tags = {name: self._tag(name) for name in document["tags"]}
        self.racks = {
            name: dcim.Rack.objects.create(name=name, location=self.site, status=status(dcim.Rack, "active"), u_height=64) for name in document["racks"]}
        self.roles = {name: self._role(name) for name in document["roles"]}
        self.types = {}
        for name, maker in document["types"].items():
            manufacturer, _made = dcim.Manufacturer.objects.get_or_create(name=maker)
            self.types[name], _made = dcim.DeviceType.objects.get_or_create(model=name, manufacturer=manufacturer)
        self.platforms = {name: dcim.Platform.objects.get_or_create(name=name)[0] for name in document["platforms"]}
        self._ipam()

    def _ipam(self) -> None:
        groups = {}
        for row in self.document["vlan_groups"]:
            groups[row["name"]] = ipam.VLANGroup.objects.create(name=row["name"], location=self.site, range=row["ranges"])
            groups[row["name"]].tags.add(*(self.tags[tag] for tag in row["tags"]))
        self.vlans = {}
        for row in self.document["vlans"]:
            vlan = ipam.VLAN.objects.create(vid=row["vid"], name=row["name"], vlan_group=groups.get(row["group"]), status=status(ipam.VLAN, "active"))
            vlan.locations.add(self.site)
            vlan.tags.add(*(self.tags[tag] for tag in row["tags"]))
            self.vlans[row["vid"]] = vlan
        self.prefixes = {}
        for row in self.document["prefixes"]:
            prefix = ipam.Prefix(prefix=row["prefix"], status=status(ipam.Prefix, "active"))
            prefix.save()
            prefix.locations.add(self.site)
            prefix.tags.add(*(self.tags[tag] for tag in row["tags"]))
            self.prefixes[ipaddress.ip_network(row["prefix"])] = prefix

    def _tag(self, name: str) -> Tag:
        tag, _made = Tag.objects.get_or_create(name=name)
        tag.content_types.set(ContentType.objects.get_for_models(dcim.Device, dcim.Interface, ipam.VLAN, ipam.VLANGroup, ipam.Prefix).values())
        return tag

    def _role(self, name: str) -> Role:
        role, _made = Role.objects.get_or_create(name=name)
        role.content_types.add(ContentType.objects.get_for_model(dcim.Device))
        return role

    def make_devices(self) -> None:
        for row in self.document["devices"]:
            rack = self.racks.get(row["rack"])
            self.devices[row["name"]] = dcim.Device(
                name=row["name"], role=self.roles[row["role"]], device_type=self.types[row["type"]], location=self.site, rack=rack,
                position=row["position"], face="front" if rack else "", status=status(dcim.Device, row["status"]), serial=row["serial"] or "",
                platform=self.platforms.get(row["platform"]), tenant=self.tenants.get(row["tenant"]))
        dcim.Device.objects.bulk_create(self.devices.values(), batch_size=ROUND)
        for row in self.document["devices"]:
            if row["tags"]:
                self.devices[row["name"]].tags.add(*(self.tags[tag] for tag in row["tags"]))

    def make_interfaces(self) -> None:
        active = status(dcim.Interface, "active")
        for row in self.document["devices"]:
            for port in row["interfaces"]:
                self.interfaces[row["name"], port["name"]] = dcim.Interface(
                    device=self.devices[row["name"]], name=port["name"], type=port["type"], mac_address=port["mac"] or "", mgmt_only=port["mgmt_only"],
                    status=active, mode="access" if port["vlan"] else "", untagged_vlan=self.vlans.get(port["vlan"]))
        for row in self.document["devices"]:
            for port in row["interfaces"]:
                self.interfaces[row["name"], port["name"]].lag = self.interfaces.get((row["name"], port["lag"]))
        ordered = sorted(self.interfaces.values(), key=lambda port: port.lag is not None)  # a LAG before its members
        dcim.Interface.objects.bulk_create(ordered, batch_size=ROUND)

    def make_addresses(self) -> None:
        active, given = status(ipam.IPAddress, "active"), {}
        for row in self.document["devices"]:
            for port in row["interfaces"]:
                if port["address"]:
                    address = ipaddress.ip_interface(port["address"])
                    parent = next(prefix for network, prefix in self.prefixes.items() if address.ip in network)
                    given[row["name"], port["name"]] = ipam.IPAddress(address=port["address"], status=active, parent=parent, ip_version=address.version)
        ipam.IPAddress.objects.bulk_create(given.values(), batch_size=ROUND)
        ipam.IPAddressToInterface.objects.bulk_create(
            [ipam.IPAddressToInterface(ip_address=address, interface=self.interfaces[place]) for place, address in given.items()], batch_size=ROUND)
        primary = {row["name"]: row["primary_ip"] for row in self.document["devices"] if row["primary_ip"]}
        for (device, _port), address in given.items():
            if primary.get(device) == str(address.host):
                self.devices[device].primary_ip4 = address
        dcim.Device.objects.bulk_update([self.devices[name] for name in primary], ["primary_ip4"], batch_size=ROUND)

    def make_cables(self) -> None:
        connected = status(dcim.Cable, "connected")
        rears, fronts = self._panels()
        straight = [row for row in self.document["cables"] if not row["via"]]
        self._straight(straight, connected)
        for row in self.document["cables"]:
            if row["via"]:
                panel, port = row["via"]
                for near, far in ((self.interfaces[tuple(row["a"])], fronts[panel, port]), (rears[panel, port], self.interfaces[tuple(row["b"])])):
                    dcim.Cable(termination_a=near, termination_b=far, status=connected).validated_save()

    def _panels(self) -> tuple[dict, dict]:
        rears, fronts = {}, {}
        for row in self.document["devices"]:
            for port in range(1, row["ports"] + 1):
                device = self.devices[row["name"]]
                rear = rears[row["name"], port] = dcim.RearPort.objects.create(device=device, name=f"rear{port}", type="lc", positions=1)
                fronts[row["name"], port] = dcim.FrontPort.objects.create(
                    device=device, name=f"front{port}", type="lc", rear_port=rear, rear_port_position=1)
        return rears, fronts

    def _straight(self, rows: list[dict], connected: Status) -> None:
        """Cables between two interfaces, with the paths that Nautobot makes of them (before 3.2, by itself, one by one)."""
        if not hasattr(dcim, "CableToCableTermination"):
            for row in rows:
                dcim.Cable(termination_a=self.interfaces[tuple(row["a"])], termination_b=self.interfaces[tuple(row["b"])], status=connected).save()
            return
        kind = ContentType.objects.get_for_model(dcim.Interface)
        cables = [dcim.Cable(status=connected) for _row in rows]
        ends = [(self.interfaces[tuple(row["a"])], self.interfaces[tuple(row["b"])]) for row in rows]
        dcim.Cable.objects.bulk_create(cables, batch_size=ROUND)
        dcim.CableToCableTermination.objects.bulk_create(
            [dcim.CableToCableTermination(cable=cable, cable_end=end, interface=port)
             for cable, pair in zip(cables, ends, strict=True) for end, port in zip("AB", pair, strict=True)], batch_size=ROUND)
        dcim.CablePath.objects.bulk_create(
            [dcim.CablePath(origin_type=kind, origin_id=near.pk, destination_type=kind, destination_id=far.pk,
                            path=[object_to_path_node(cable)], is_active=True)
             for cable, pair in zip(cables, ends, strict=True) for near, far in (pair, pair[::-1])], batch_size=ROUND)
