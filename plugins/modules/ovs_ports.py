#!/usr/bin/python
# Copyright: (c) 2026, leasehold.cloud contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Documentation, and with it the options, of the action plugin of the same name."""

from __future__ import annotations

DOCUMENTATION = r"""
module: ovs_ports
version_added: 0.1.0
short_description: Set the VLANs of an Open vSwitch's ports
description:
  - Sets all given ports of one switch in a single transaction of its database, natively (RFC 7047), waits until the switch has put it into effect,
    and reads back.
  - The transaction holds only if the ports are as they were read; when somebody changed them meanwhile, or the connection was lost, it is decided
    again from what is there then.
  - Access ports are set outright, guarded by O(ports[].expect). Trunks are changed relatively, so that orders that change the same trunk at the same
    time do not undo each other. A trunk is never left without VLANs, because Open vSwitch takes that for all VLANs.
author: leasehold.cloud contributors (@leasehold)
extends_documentation_fragment:
  - leasehold.cloud.ovsdb
  - leasehold.cloud.fence
  - leasehold.cloud.attributes
options:
  ports:
    description: What is wanted of which ports. Other ports are not looked at.
    type: list
    elements: dict
    required: true
    suboptions:
      name:
        description: Name of the port on the bridge.
        type: str
        required: true
      mode:
        description: An access port is in one VLAN, untagged; a trunk carries several, tagged.
        type: str
        required: true
        choices: [access, trunk]
      vlan:
        description: The VLAN of an access port, 1 to 4094.
        type: int
      expect:
        description:
          - Access VLANs that the port may be taken out of. A port that carries anything else is somebody else's, and the task fails with V(port_in_use).
          - Without it, the port is set whatever it carries.
        type: list
        elements: int
      add:
        description: VLANs that the trunk shall carry.
        type: list
        elements: int
      remove:
        description: VLANs that the trunk shall not carry.
        type: list
        elements: int
  wait_applied:
    description: Whether to wait until ovs-vswitchd has put the change into effect (C(cur_cfg) has reached C(next_cfg)).
    type: bool
    default: true
seealso:
  - module: leasehold.cloud.ovs_ports_info
"""

EXAMPLES = r"""
- name: Move two servers into VLAN 101, and carry it to the spine
  leasehold.cloud.ovs_ports:
    host: 192.0.2.11
    switch: leaf-r1a
    bridge: br0
    ports:
      - {name: s01, mode: access, vlan: 101, expect: [999, 101]}
      - {name: s02, mode: access, vlan: 101, expect: [999, 101]}
      - {name: up1, mode: trunk, add: [101]}

- name: Take them out again
  leasehold.cloud.ovs_ports:
    host: 192.0.2.11
    switch: leaf-r1a
    ports:
      - {name: s01, mode: access, vlan: 999, expect: [101, 999]}
      - {name: s02, mode: access, vlan: 999, expect: [101, 999]}
      - {name: up1, mode: trunk, remove: [101]}
"""

RETURN = r"""
ports:
  description: The given ports as they were read back; in check mode, as they would be.
  returned: success
  type: list
  elements: dict
  sample: [{name: s01, mode: access, vlan: 101, vlans: []}, {name: up1, mode: trunk, vlan: null, vlans: [101, 999]}]
error_code:
  description:
    - What kind of error it was, such as V(port_in_use), V(not_found), V(refused), V(unreachable), V(device_failed), V(invalid_input).
  returned: failure
  type: str
"""
