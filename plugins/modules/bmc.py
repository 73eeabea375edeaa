#!/usr/bin/python
# Copyright: (c) 2026, leasehold.cloud contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Documentation, and with it the options, of the action plugin of the same name."""

from __future__ import annotations

DOCUMENTATION = r"""
module: bmc
version_added: 0.1.0
short_description: Bring many servers to a power state, a boot device, blank drives
description:
  - Brings all given servers to the wanted state through their BMCs, by Redfish, concurrently. What is so already is left alone.
  - The order is power off, erase, virtual media and boot device, power on.
  - Every BMC is read first; in check mode that is all, and the changes are told exactly. When some servers fail, the others are still
    brought to the wanted state, and one error names each that failed, what was attempted and the remedy.
author: leasehold.cloud contributors (@leasehold)
extends_documentation_fragment:
  - leasehold.cloud.bmc
  - leasehold.cloud.fence
  - leasehold.cloud.attributes
options:
  power:
    description:
      - The power state. V(off) is at once, without asking the operating system.
      - It is waited for until the BMC reports it.
    type: str
    choices: ["on", "off"]
  virtual_media:
    description: URL of the image to be in the virtual CD drive, or V(absent) to eject what is in it.
    type: str
  boot:
    description:
      - V(virtual_media) makes the next boot start the image in the virtual drive, once. With O(power=on) the server is booted now, unless it
        has booted that image already.
      - An image that has just been inserted, or a one-time boot that is still pending, means that it has not.
    type: str
    choices: [virtual_media]
  erase:
    description:
      - Whether every drive must be securely erased (C(Drive.SecureErase)), with evidence.
      - An erase is proven when both its task ended well and a log entry of the BMC confirms it for that drive, both made since O(erase_since).
        Drives of which that holds are not erased again. An erase that is still running is waited for.
      - A drive whose erase is not proven fails the task with V(wipe_unproven).
    type: bool
    default: false
  erase_since:
    description:
      - Time (ISO 8601) from which on an erase counts, such as the time when the release of the servers began.
      - Without it all drives are erased.
    type: str
  except_states:
    description: Servers whose C(state) is one of these are left alone.
    type: list
    elements: str
    default: []
  timeout:
    description: Seconds that a change of power, or an erase of a drive, may take.
    type: float
    default: 900
seealso:
  - module: leasehold.cloud.bmc_info
"""

EXAMPLES = r"""
- name: Boot the claimed servers with the discovery image
  leasehold.cloud.bmc:
    servers: "{{ cluster_plan.add }}"
    username: "{{ leasehold_bmc_username }}"
    password: "{{ leasehold_bmc_password }}"
    virtual_media: https://images.example.com/discovery.iso
    boot: virtual_media
    power: "on"
    except_states: [in_service]

- name: Power off and erase
  leasehold.cloud.bmc:
    servers: "{{ cluster_plan.remove }}"
    power: "off"
    erase: true
    erase_since: "2026-11-20T08:00:00Z"
    virtual_media: absent
"""

RETURN = r"""
servers:
  description: What each server is now; in check mode, what it would be.
  returned: success
  type: dict
  sample:
    r1-s01:
      changed: true
      steps: [power_off, erase, eject]
      power: "Off"
      virtual_media: null
      wipes:
        - drive: disk0
          serial: S5XN0001
          task: /redfish/v1/TaskService/Tasks/17
          started: "2026-11-20T08:00:03Z"
          ended: "2026-11-20T08:00:09Z"
          log_entry: /redfish/v1/Systems/1/LogServices/SEL/Entries/204
          proven: true
          reason: ""
error_code:
  description: V(unreachable), V(wipe_unproven), V(wait_timeout), V(device_failed), V(refused) or V(invalid_input).
  returned: failure
  type: str
details:
  description: By server, the errors (C(failed)) and what came of those that did not fail (C(servers)).
  returned: failure
  type: dict
"""
