#!/usr/bin/python
# Copyright: (c) 2026, leasehold.cloud contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Documentation, and with it the options, of the action plugin of the same name."""

from __future__ import annotations

DOCUMENTATION = r"""
module: source
version_added: 0.1.0
short_description: Bring the ledger's mirror up to date with a source of truth, or publish to it
description:
  - Reads what exists (racks, servers, switches, cabling, pools, envelope, canaries) from a source of truth, checks it and writes what differs
    into the ledger's mirror, in one transaction.
  - Of what the mirror was read from already, only what changed since is read (by the source's change log), unless that log has a gap or most of it changed.
  - A server that is held by a cluster and disappears from its source is not deleted but reported in RV(alarms), until it returns or is freed.
  - A device that cannot be used as its source tells it (no BMC address, a port cabled twice ...) is reported in RV(problems), and stays in the mirror
    as it was, but
    is not leased. It hides no other. What is wrong with the site as a whole, or on the way to it, fails the task, and the mirror stays as it was;
    C(details.mirror)
    says its age.
  - The ledger is made if there is none.
author: leasehold.cloud contributors (@leasehold)
extends_documentation_fragment:
  - leasehold.cloud.ledger
  - leasehold.cloud.source
  - leasehold.cloud.attributes
options:
  state:
    description:
      - V(mirrored) brings the ledger's mirror up to date with the source.
      - V(published) makes the source show what the ledger says - who holds a server, which VLAN its ports are in, the VLAN and prefix of a segment.
        Of that, only what
        the mapping's C(publish) lists, of objects of the site that the ledger knows from it. What differs is written, and nothing else. A change that
        somebody made
        at the same time is not overwritten (C(source_conflict)). Nothing is taken back that was not published from this ledger.
    type: str
    choices: [mirrored, published]
    default: mirrored
  full:
    description: Read all, also where the source can tell what changed.
    type: bool
    default: false
  receipts:
    description:
      - The directory that has a directory with its receipts for each cluster, as orders leave them. For journal entries that tell of each handover and
        release of a server, where the mapping's C(publish) has V(journal) and with O(state=published). It need not be there.
    type: path
  migrate:
    description:
      - Bring the schema of a ledger that an older version of this collection made up to date first.
      - Back it up before; every user of the ledger then needs this version.
    type: bool
    default: false
seealso:
  - module: leasehold.cloud.source_audit_info
  - plugin: leasehold.cloud.datacenter
    plugin_type: inventory
"""

EXAMPLES = r"""
- name: Mirror the data centre in the ledger
  leasehold.cloud.source:
    ledger: /var/lib/leasehold/ledger.db
    path: /etc/leasehold/datacenter.yml
  register: synced

- name: Mirror a NetBox site, for which LEASEHOLD_SOURCE_TOKEN has the token
  leasehold.cloud.source:
    ledger: postgresql+psycopg://leasehold@db.example.com/leasehold
    kind: netbox
    url: https://netbox.example.com
    site: fra1
    mapping: /etc/leasehold/mapping.yml

- name: Show in NetBox who holds what
  leasehold.cloud.source:
    kind: netbox
    url: https://netbox.example.com
    site: fra1
    mapping: {publish: [tenant, cluster, vlan, interface_vlan, prefix]}
    state: published

- name: Complain about servers that vanished under a customer
  ansible.builtin.assert:
    that: synced.alarms | length == 0
"""

RETURN = r"""
counts:
  description: By kind (servers, switches, links, pools, canaries), how many records were added, changed, removed, unchanged, missing (held, and kept).
  returned: with O(state=mirrored)
  type: dict
  sample:
    servers: {added: 16, changed: 0, removed: 0, unchanged: 0, missing: 0}
alarms:
  description:
    - Held servers that their source no longer has as they were taken. They are no longer there (V(missing)), cannot be used as they are told
      (V(invalid)), have another
      name now (V(renamed)), are another device (V(replaced)), or their hardware or cabling has V(changed).
  returned: with O(state=mirrored)
  type: list
  elements: dict
  sample:
    - {server: r1-s01, cluster: blue, problem: missing, message: server r1-s01 is held by cluster blue and is no longer in its source}
problems:
  description: What is wrong with single devices, in the source's words. The devices are not leased until it is right.
  returned: with O(state=mirrored)
  type: list
  elements: dict
  sample:
    - {code: no_bmc_address, object: device r1-s07, problem: it has no BMC address, remedy: "Set one of oob_ip, custom_field:leasehold_bmc.", device: "17"}
site:
  description: The name of the site.
  returned: with O(state=mirrored)
  type: str
  sample: fra1
sync:
  description: Whether all was read (V(cold)), what changed (V(warm)), or nothing had changed (V(unchanged)).
  returned: with O(state=mirrored)
  type: str
  sample: warm
sync_reason:
  description: Why all was read. Null when it was not.
  returned: with O(state=mirrored)
  type: str
way:
  description: How the source was read the last time that all was, such as V(template), V(graphql), V(rest), V(file).
  returned: with O(state=mirrored)
  type: str
  sample: template
advice:
  description: What would make reading faster, such as a permission. Null when there is nothing.
  returned: with O(state=mirrored)
  type: str
devices_read:
  description: How many devices were mapped. Null for a source without single devices.
  returned: with O(state=mirrored)
  type: int
  sample: 3
cost:
  description: What was spent on the source, C({requests, bytes, seconds}).
  returned: success
  type: dict
  sample: {requests: 2, bytes: 48112, seconds: 0.21}
mirror_age:
  description: How many seconds ago it was last certain that the mirror says what its source does. 0 after a sync, unless in check mode.
  returned: with O(state=mirrored)
  type: int
  sample: 0
"""
