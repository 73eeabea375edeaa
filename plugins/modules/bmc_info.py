#!/usr/bin/python
# Copyright: (c) 2026, leasehold.cloud contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Documentation, and with it the options, of the action plugin of the same name."""

from __future__ import annotations

DOCUMENTATION = r"""
module: bmc_info
version_added: 0.1.0
short_description: Read power, health and inventory of many servers from their BMCs
description:
  - Reads all given servers' BMCs by Redfish, concurrently.
author: leasehold.cloud contributors (@leasehold)
extends_documentation_fragment:
  - leasehold.cloud.bmc
  - leasehold.cloud.attributes.info
options:
  gather:
    description:
      - What to read besides power, boot device, virtual media, identity and overall health.
    type: list
    elements: str
    choices: [drives, nics, gpus, thermal, log]
    default: [drives]
  fail:
    description: Whether a BMC that cannot be read fails the task. If not, RV(failed_servers) tells why.
    type: bool
    default: true
  strangers:
    description:
      - Whether a BMC with a single system is read whatever serial number it reports, so that one can see that it is another machine.
      - Where a BMC has several systems, the server's C(serial) chooses one all the same.
    type: bool
    default: false
    version_added: 0.2.0
seealso:
  - module: leasehold.cloud.bmc
"""

EXAMPLES = r"""
- name: Look at the servers of a cluster
  leasehold.cloud.bmc_info:
    servers: "{{ claimed.clusters[0].servers }}"
    gather: [drives, thermal, log]
    fail: false
  register: hardware
"""

RETURN = r"""
servers:
  description: What each BMC says.
  returned: success
  type: dict
  sample:
    r1-s01:
      power: "On"
      boot: {target: None, enabled: Disabled}
      virtual_media: null
      serial: ABC1234
      uuid: 4c4c4544-0030-3510-8052-b4c04f333732
      manufacturer: Contoso
      model: R1
      bios_version: "2.1"
      memory_gib: 512
      memory_health: OK
      processors: 2
      health: OK
      health_rollup: OK
      drives:
        - id: disk0
          name: Drive disk0
          serial: S5XN0001
          path: /redfish/v1/Systems/1/Storage/1/Drives/disk0
          capacity_bytes: 515396075520
          health: OK
          erase_target: /redfish/v1/Systems/1/Storage/1/Drives/disk0/Actions/Drive.SecureErase
failed_servers:
  description: Of the servers that could not be read, why.
  returned: success
  type: dict
"""
