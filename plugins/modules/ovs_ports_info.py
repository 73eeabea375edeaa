#!/usr/bin/python
# Copyright: (c) 2026, leasehold.cloud contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Documentation, and with it the options, of the action plugin of the same name."""

from __future__ import annotations

DOCUMENTATION = r"""
module: ovs_ports_info
version_added: 0.1.0
short_description: Read what an Open vSwitch's ports carry
description:
  - Reads every port of a bridge back from the switch's database, without the bridge's own port, which is the switch itself.
author: leasehold.cloud contributors (@leasehold)
extends_documentation_fragment:
  - leasehold.cloud.ovsdb
  - leasehold.cloud.attributes.info
seealso:
  - module: leasehold.cloud.ovs_ports
"""

EXAMPLES = r"""
- name: Read a leaf's ports
  leasehold.cloud.ovs_ports_info:
    host: 192.0.2.11
    bridge: br0
  register: leaf
"""

RETURN = r"""
ports:
  description: Every port of the bridge, by name.
  returned: success
  type: list
  elements: dict
  contains:
    name:
      description: Name of the port.
      type: str
    mode:
      description: V(access), V(trunk), or another that Open vSwitch has.
      type: str
    vlan:
      description: The VLAN of an access port (0 when it has none), the untagged VLAN of a trunk, if it has one.
      type: int
    vlans:
      description: The VLANs of a trunk. B(Empty means all) on a trunk; it is always empty on an access port.
      type: list
      elements: int
switch:
  description: The switch's name.
  returned: success
  type: str
"""
