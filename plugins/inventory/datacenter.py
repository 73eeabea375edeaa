# Copyright: (c) 2026, leasehold.cloud contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The data centre as the ledger's mirror has it: servers, switches and hubs as hosts."""

from __future__ import annotations

DOCUMENTATION = r"""
name: datacenter
version_added: 0.1.0
short_description: Servers, switches and hubs of a data centre, from the ledger
description:
  - Hosts are the servers and switches of the ledger's mirror, with the ledger's own knowledge of who holds them, and the hubs named here.
  - Groups are C(servers), C(switches), C(hubs), and by prefix C(site_), C(rack_), C(class_), C(state_), C(tenant_), C(cluster_), C(role_).
  - The filters work in the database, so that a large site costs what is asked for.
  - The playbooks for orders do not need it. They add the hosts that they touch themselves.
  - The file's name must end in C(datacenter.yml) or C(datacenter.yaml), preceded by a dot or nothing.
author: leasehold.cloud contributors (@leasehold)
extends_documentation_fragment:
  - constructed
  - inventory_cache
options:
  plugin:
    description: Tells that the file is for this plugin.
    type: str
    required: true
    choices: [leasehold.cloud.datacenter]
  ledger:
    description: URL of the ledger's database, as SQLAlchemy writes it. A plain path means SQLite.
    type: str
    required: true
    env:
      - name: LEASEHOLD_LEDGER
  kinds:
    description: Which kinds of hosts.
    type: list
    elements: str
    choices: [server, switch, hub]
    default: [server, switch, hub]
  sites:
    description: Only hosts of these sites.
    type: list
    elements: str
    default: []
  racks:
    description: Only servers and switches in these racks.
    type: list
    elements: str
    default: []
  classes:
    description: Only servers of these classes. Switches and hubs stay.
    type: list
    elements: str
    default: []
  clusters:
    description: Only servers that these clusters hold. Switches and hubs stay.
    type: list
    elements: str
    default: []
  tenants:
    description: Only servers that clusters of these tenants hold. Switches and hubs stay.
    type: list
    elements: str
    default: []
  hubs:
    description: Management clusters. Each becomes a host with its keys, but C(name), as variables.
    type: list
    elements: dict
    default: []
notes:
  - A host has C(leasehold_kind) (server, switch, hub), C(leasehold_site), C(leasehold_rack).
  - A server has C(leasehold_class), C(leasehold_serial), C(leasehold_status) (its source's), C(leasehold_state) (the ledger's), C(leasehold_cluster),
    C(leasehold_tenant), C(leasehold_node_set), C(leasehold_address), C(leasehold_bmc), C(leasehold_nics), C(leasehold_attributes); C(ansible_host),
    C(ansible_port), C(ansible_user) where its discovery image answers.
  - A switch has C(leasehold_role), C(leasehold_port), C(leasehold_bridge), C(ansible_host), C(ansible_network_os).
requirements: [SQLAlchemy]
"""

EXAMPLES = r"""
# inventory/lab.datacenter.yml: all of it
plugin: leasehold.cloud.datacenter
ledger: .lab/product/ledger.db
hubs:
  - {name: hub-1, leasehold_kubeconfig: .lab/hub.kubeconfig}
---
# one customer's servers, grouped by node set, cached for five minutes
plugin: leasehold.cloud.datacenter
ledger: postgresql://leasehold@db.example.com/leasehold
kinds: [server]
tenants: [acme]
keyed_groups:
  - {key: leasehold_node_set, prefix: node_set}
compose:
  memory_gib: leasehold_attributes.memory_gib | default(0)
groups:
  large: (leasehold_attributes.memory_gib | default(0)) > 1000
cache: true
cache_plugin: ansible.builtin.jsonfile
cache_connection: /tmp/leasehold-inventory
cache_timeout: 300
"""

from ansible.errors import AnsibleParserError
from ansible.plugins.inventory import BaseInventoryPlugin, Cacheable, Constructable

from ansible_collections.leasehold.cloud.plugins.module_utils.core.changes import fingerprint
from ansible_collections.leasehold.cloud.plugins.module_utils.core.errors import LeaseholdError
from ansible_collections.leasehold.cloud.plugins.module_utils.ledger import hosts
from ansible_collections.leasehold.cloud.plugins.module_utils.ledger.database import Ledger

FILTERS = ("kinds", "sites", "racks", "classes", "clusters", "tenants")


class InventoryModule(BaseInventoryPlugin, Constructable, Cacheable):
    """Reads the mirror, and makes hosts and groups of it."""

    NAME = "leasehold.cloud.datacenter"

    def verify_file(self, path):
        """Whether the file's name is one of ours."""
        return super().verify_file(path) and path.endswith(("datacenter.yml", "datacenter.yaml"))

    def parse(self, inventory, loader, path, cache=True):
        """Ansible's entry: fill the inventory, from the cache where it is fresh."""
        super().parse(inventory, loader, path)
        self._read_config_data(path)
        for host in self._cached(path, cache):
            self._add(host)
        if "hub" in self.get_option("kinds"):
            for hub in self.get_option("hubs"):
                self._add(_hub(hub))

    def _cached(self, path: str, cache: bool) -> list[dict]:
        """The hosts of the ledger; an answer to other filters is not taken from the cache."""
        asked = {key: self.get_option(key) for key in (*FILTERS, "ledger")}
        key = f"{self.get_cache_key(path)}_{fingerprint(asked)[:12]}"
        if cache and self.get_option("cache"):
            try:
                return self._cache[key]
            except KeyError:
                pass  # not there yet, or too old
        found = self._read()
        if self.get_option("cache"):
            self._cache[key] = found
        return found

    def _read(self) -> list[dict]:
        filters = hosts.Filters(**{key: tuple(self.get_option(key)) for key in FILTERS})
        try:
            with Ledger.open(self.get_option("ledger"), "inventory", writable=False) as ledger, ledger.reading() as tx:
                return hosts.read(tx, filters)
        except LeaseholdError as error:
            raise AnsibleParserError(str(error)) from error

    def _add(self, host: dict) -> None:
        name = self.inventory.add_host(host["name"])
        for group in host["groups"]:
            self.inventory.add_host(name, group=self.inventory.add_group(self._sanitize_group_name(group)))
        for key, value in host["variables"].items():
            self.inventory.set_variable(name, key, value)
        strict = self.get_option("strict")
        self._set_composite_vars(self.get_option("compose"), host["variables"], name, strict=strict)
        self._add_host_to_composed_groups(self.get_option("groups"), host["variables"], name, strict=strict)
        self._add_host_to_keyed_groups(self.get_option("keyed_groups"), host["variables"], name, strict=strict)


def _hub(hub: dict) -> dict:
    if not hub.get("name"):
        raise AnsibleParserError("a hub of the option hubs has no name; write {name: hub-1, ...}")
    variables = {key: value for key, value in hub.items() if key != "name"}
    return {"name": hub["name"], "groups": ["hubs"], "variables": {"leasehold_kind": "hub"} | variables}
