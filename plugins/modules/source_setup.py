#!/usr/bin/python
# Copyright: (c) 2026, leasehold.cloud contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Documentation, and with it the options, of the action plugin of the same name."""

from __future__ import annotations

DOCUMENTATION = r"""
module: source_setup
version_added: 0.1.0
short_description: Make, or remove, what the collection needs in a source of truth
description:
  - "Makes what lets a source be read fast and written to with care: what renders a site in a few requests (NetBox: export templates; Nautobot:
    computed fields), the custom field that names a server's cluster, tags that the mapping file's defaults look for, and permissions for what is
    read and what the mapping publishes."
  - Permissions are made without users. Give them to the user of the token that syncs and publishes; RV(advice) says how. This action itself needs
    another token, of
    an admin of the source, once.
  - What is there already is put right, and what others use is left alone. Removal leaves tags that are in use.
  - NetBox has these things for all of its sites at once; remove them when none of them is mirrored any more.
author: leasehold.cloud contributors (@leasehold)
extends_documentation_fragment:
  - leasehold.cloud.source
  - leasehold.cloud.attributes
options:
  state:
    description: Whether it is to be there.
    type: str
    choices: [present, absent]
    default: present
seealso:
  - module: leasehold.cloud.source
"""

EXAMPLES = r"""
- name: See what would be made in NetBox
  leasehold.cloud.source_setup:
    kind: netbox
    url: https://netbox.example.com
    site: fra1
    mapping: /etc/leasehold/mapping.yml
    token: "{{ netbox_admin_token }}"
  check_mode: true
  diff: true

- name: Undo it
  leasehold.cloud.source_setup:
    kind: netbox
    url: https://netbox.example.com
    site: fra1
    token: "{{ netbox_admin_token }}"
    state: absent
"""

RETURN = r"""
objects:
  description: What was made, put right or removed.
  returned: success
  type: list
  elements: str
  sample: [extras.exporttemplate leasehold-devices-1 in NetBox at https://netbox.example.com]
advice:
  description: What is left to be done by hand, in the source. Empty after a removal.
  returned: success
  type: list
  elements: str
  sample: ["Make a user of its own for the collection, and give it the permission leasehold.cloud read."]
cost:
  description: What was spent on the source, C({requests, bytes, seconds}).
  returned: success
  type: dict
  sample: {requests: 12, bytes: 20418, seconds: 0.8}
"""
