# SPDX-License-Identifier: GPL-3.0-or-later
"""The models of the fake NetBox: names, endpoints, fields and relations as NetBox's public documentation and OpenAPI schema have them."""

from __future__ import annotations

import dataclasses

PARTS = {"fk", "many", "any"}  # kinds of fields that point to rows


@dataclasses.dataclass(frozen=True)
class Field:
    """``kind``: text, choice, int, number, bool, json, inet, mac; fk and many (to ``to``), any (to one of several models), tags.

    ``back`` is the name of the other direction. ``cascade``: the row goes with what it points to.
    """

    kind: str = "text"
    to: str | None = None
    back: str | None = None
    cascade: bool = False
    required: bool = False
    default: object = None


@dataclasses.dataclass(frozen=True)
class Model:
    """``type`` as in C(dcim.device), ``path`` below C(/api/)."""

    type: str
    path: str
    fields: dict[str, Field]
    number: int = 0  # of its content type


def fk(to: str, back: str | None = None, **more) -> Field:
    return Field("fk", to, back, **more)


TEXT, INT, BOOL, JSON, NUMBER = Field(default=""), Field("int"), Field("bool", default=False), Field("json"), Field("number")
NAME = Field(required=True)
STATUS = Field("choice", default="active")
TENANT = fk("tenancy.tenant")
SCOPE = Field("any", back="scoped")
ASSIGNED = {"assigned_object": Field("any", cascade=True)}
NAMED = {"name": NAME, "slug": NAME, "description": TEXT}
PORT = {"name": NAME, "type": Field("choice", default=""), "cable": fk("dcim.cable"), "cable_end": Field(), "description": TEXT}

TABLE: dict[str, tuple[str, dict[str, Field]]] = {
    "dcim.region": ("dcim/regions", NAMED | {"parent": fk("dcim.region", "children")}),
    "dcim.sitegroup": ("dcim/site-groups", NAMED | {"parent": fk("dcim.sitegroup", "children")}),
    "dcim.site": ("dcim/sites", NAMED | {
        "status": STATUS, "region": fk("dcim.region", "sites"), "group": fk("dcim.sitegroup", "sites"), "tenant": fk("tenancy.tenant", "sites")}),
    "dcim.location": ("dcim/locations", NAMED | {
        "site": fk("dcim.site", "locations", required=True), "parent": fk("dcim.location", "children"), "status": STATUS}),
    "dcim.rack": ("dcim/racks", {
        "name": NAME, "site": fk("dcim.site", "racks", required=True), "location": fk("dcim.location", "racks"), "status": STATUS,
        "u_height": Field("int", default=42)}),
    "dcim.manufacturer": ("dcim/manufacturers", NAMED),
    "dcim.devicerole": ("dcim/device-roles", NAMED | {"color": Field(default="9e9e9e")}),
    "dcim.platform": ("dcim/platforms", NAMED),
    "dcim.devicetype": ("dcim/device-types", {
        "model": NAME, "slug": NAME, "manufacturer": fk("dcim.manufacturer", "device_types", required=True), "u_height": Field("number", default=1.0),
        "description": TEXT}),
    "dcim.device": ("dcim/devices", {
        "name": Field(), "role": fk("dcim.devicerole", "devices", required=True), "device_type": fk("dcim.devicetype", "instances", required=True),
        "site": fk("dcim.site", "devices", required=True), "location": fk("dcim.location", "devices"), "rack": fk("dcim.rack", "devices"),
        "position": NUMBER, "face": Field("choice", default=""), "status": STATUS, "serial": TEXT, "platform": fk("dcim.platform", "devices"),
        "tenant": fk("tenancy.tenant", "devices"), "oob_ip": fk("ipam.ipaddress"), "primary_ip4": fk("ipam.ipaddress"), "primary_ip6": fk("ipam.ipaddress"),
        "description": TEXT, "comments": TEXT}),
    "dcim.interface": ("dcim/interfaces", PORT | {
        "device": fk("dcim.device", "interfaces", cascade=True, required=True), "enabled": Field("bool", default=True), "mgmt_only": BOOL,
        "mode": Field("choice", default=None), "lag": fk("dcim.interface", "member_interfaces"), "untagged_vlan": fk("ipam.vlan", "interfaces_as_untagged"),
        "tagged_vlans": Field("many", "ipam.vlan", "interfaces_as_tagged"), "primary_mac_address": fk("dcim.macaddress")}),
    "dcim.macaddress": ("dcim/mac-addresses", {"mac_address": Field("mac", required=True), **ASSIGNED}),
    "dcim.rearport": ("dcim/rear-ports", PORT | {
        "device": fk("dcim.device", "rearports", cascade=True, required=True), "positions": Field("int", default=1)}),
    "dcim.frontport": ("dcim/front-ports", PORT | {
        "device": fk("dcim.device", "frontports", cascade=True, required=True), "positions": Field("int", default=1)}),
    "dcim.portmapping": ("", {
        "device": fk("dcim.device", cascade=True), "front_port": fk("dcim.frontport", "mappings", cascade=True),
        "rear_port": fk("dcim.rearport", "mappings", cascade=True), "front_port_position": INT, "rear_port_position": INT}),
    "dcim.cable": ("dcim/cables", {"status": Field("choice", default="connected"), "label": TEXT, "description": TEXT}),
    "dcim.cabletermination": ("dcim/cable-terminations", {
        "cable": fk("dcim.cable", "terminations", cascade=True), "cable_end": Field(), "termination": Field("any", back="cable_terminations", cascade=True)}),
    "tenancy.tenant": ("tenancy/tenants", NAMED),
    "ipam.vrf": ("ipam/vrfs", {"name": NAME}),
    "ipam.role": ("ipam/roles", NAMED),
    "ipam.vlangroup": ("ipam/vlan-groups", NAMED | {"scope": SCOPE, "vid_ranges": Field("json", default=((1, 4094),))}),
    "ipam.vlan": ("ipam/vlans", {
        "vid": Field("int", required=True), "name": NAME, "site": fk("dcim.site", "vlans"), "group": fk("ipam.vlangroup", "vlans"), "status": STATUS,
        "role": fk("ipam.role", "vlans"), "tenant": TENANT, "description": TEXT}),
    "ipam.prefix": ("ipam/prefixes", {
        "prefix": Field("inet", required=True), "vrf": fk("ipam.vrf"), "scope": SCOPE, "vlan": fk("ipam.vlan", "prefixes"), "status": STATUS,
        "role": fk("ipam.role", "prefixes"), "tenant": TENANT, "description": TEXT}),
    "ipam.ipaddress": ("ipam/ip-addresses", {
        "address": Field("inet", required=True), "vrf": fk("ipam.vrf"), "status": STATUS, "tenant": TENANT, "dns_name": TEXT, **ASSIGNED,
        "description": TEXT}),
    "extras.tag": ("extras/tags", NAMED | {"color": Field(default="9e9e9e"), "object_types": Field("json", default=())}),
    "extras.customfield": ("extras/custom-fields", {
        "name": NAME, "label": TEXT, "type": Field("choice", default="text"), "object_types": Field("json", default=()), "related_object_type": Field(),
        "description": TEXT, "group_name": TEXT, "default": JSON, "ui_editable": Field("choice", default="yes"),
        "filter_logic": Field("choice", default="loose")}),
    "extras.exporttemplate": ("extras/export-templates", {
        "name": NAME, "object_types": Field("json", default=()), "template_code": NAME, "mime_type": TEXT, "file_extension": TEXT,
        "as_attachment": Field("bool", default=True), "description": TEXT}),
    "users.objectpermission": ("users/permissions", {
        "name": NAME, "description": TEXT, "enabled": Field("bool", default=True), "object_types": Field("json", default=()),
        "actions": Field("json", default=())}),
    "extras.journalentry": ("extras/journal-entries", {
        "assigned_object": Field("any", back="journal_entries"), "kind": Field("choice", default="info"), "comments": NAME}),
}
PLAIN = {"dcim.cabletermination", "dcim.portmapping", "extras.tag", "extras.customfield", "extras.exporttemplate",
         "users.objectpermission"}  # without tags and custom fields
MODELS = {
    type_: Model(type_, path, fields if type_ in PLAIN else fields | {"tags": Field("tags"), "custom_field_data": JSON}, number)
    for number, (type_, (path, fields)) in enumerate(TABLE.items(), 11)
}
BY_PATH = {model.path: model for model in MODELS.values() if model.path}
