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
  - The filters work in the database, so that a large site costs what is asked for. So does O(expose), which leaves variables out.
  - With O(sources) and O(sync), the mirror is brought up to date first, which costs what has changed. A source that does not answer does not take the
    inventory away,
    unless O(stale=fail). The mirror of before is used then, and a warning tells its age.
  - Values from sources are never templates.
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
  states:
    description: Only servers that the ledger has in these states, such as V(available), V(in_service), V(quarantined). Switches and hubs stay.
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
  roles:
    description: Only switches of these roles, V(leaf) or V(spine). Servers and hubs stay.
    type: list
    elements: str
    default: []
  expose:
    description:
      - The variables that servers and switches shall have, of those below (C(notes)); all, when the list is empty.
      - Fewer make it faster. Without C(leasehold_nics), C(leasehold_attributes), C(leasehold_bmc), C(ansible_host), C(ansible_port), C(ansible_user),
        the records of servers are not even read.
    type: list
    elements: str
    default: []
  sources:
    description:
      - Sources of truth to sync from, before hosts are read. Nobody but O(sync) makes them be asked.
      - Tokens belong in the environment, C(LEASEHOLD_SOURCE_TOKEN); for several sources, name a variable for each in C(token_env).
      - Relative paths are from the directory of the inventory's file.
    type: list
    elements: dict
    default: []
    suboptions:
      kind:
        description: The kind of source, V(file), V(netbox) or V(nautobot).
        type: str
        default: file
      path:
        description: Of the document, for V(file).
        type: str
      url:
        description: Where it answers, for V(netbox) and V(nautobot).
        type: str
      token_env:
        description: The environment variable that has the token.
        type: str
        default: LEASEHOLD_SOURCE_TOKEN
      site:
        description: The slug (or name) of the site.
        type: str
      mapping:
        description: Path or content of the mapping file.
        type: raw
      validate_certs:
        description: Whether its certificate must be trusted.
        type: bool
        default: true
      ca_path:
        description: File or directory of the CA certificates to trust.
        type: str
      timeout:
        description: Of one request, in seconds.
        type: int
        default: 60
  sync:
    description:
      - When to bring the mirror up to date from O(sources). V(always); V(max_age), when it was last certain longer ago than O(max_age); or V(never).
      - Ansible's inventory cache comes first. While that is fresh, neither source nor ledger is asked.
    type: str
    choices: [always, max_age, never]
    default: never
  max_age:
    description: In seconds, with O(sync=max_age).
    type: int
    default: 300
  stale:
    description: What to do when a sync fails, V(warn) and use the mirror as it is, or V(fail).
    type: str
    choices: [warn, fail]
    default: warn
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
# all of a NetBox site, fresh each time; the token is in LEASEHOLD_SOURCE_TOKEN
plugin: leasehold.cloud.datacenter
ledger: /var/lib/leasehold/ledger.db
sources:
  - {kind: netbox, url: "https://netbox.example.com", site: fra1, mapping: /etc/leasehold/mapping.yml}
sync: always
---
# what a play over free servers needs, and no more
plugin: leasehold.cloud.datacenter
ledger: /var/lib/leasehold/ledger.db
kinds: [server]
states: [available]
expose: [leasehold_class, leasehold_rack]
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

import contextlib
import os

from ansible.errors import AnsibleParserError
from ansible.plugins.inventory import BaseInventoryPlugin, Cacheable, Constructable

from ansible_collections.leasehold.cloud.plugins.module_utils.core.changes import fingerprint
from ansible_collections.leasehold.cloud.plugins.module_utils.core.errors import LeaseholdError
from ansible_collections.leasehold.cloud.plugins.module_utils.lazy import collecting_later, lazy
from ansible_collections.leasehold.cloud.plugins.module_utils.ledger import hosts
from ansible_collections.leasehold.cloud.plugins.module_utils.ledger.database import Ledger

# What only a sync needs; an inventory that makes none does not load it.
syncing = lazy("ansible_collections.leasehold.cloud.plugins.module_utils.syncing")
options_of = lazy("ansible_collections.leasehold.cloud.plugins.plugin_utils.source")

FILTERS = ("kinds", "sites", "racks", "classes", "states", "clusters", "tenants", "roles")
CONSTRUCTED = ("compose", "groups", "keyed_groups")


class InventoryModule(BaseInventoryPlugin, Constructable, Cacheable):
    """Reads the mirror, and makes hosts and groups of it."""

    NAME = "leasehold.cloud.datacenter"
    _directory = "."

    def verify_file(self, path):
        """Whether the file's name is one of ours."""
        return super().verify_file(path) and path.endswith(("datacenter.yml", "datacenter.yaml"))

    def parse(self, inventory, loader, path, cache=True):
        """Ansible's entry: fill the inventory, from the cache where it is fresh."""
        super().parse(inventory, loader, path)
        self._read_config_data(path)
        names: dict[str, str] = {}
        self._directory = os.path.dirname(os.path.abspath(path))
        with collecting_later():
            for host in self._cached(path, cache):
                self._add(host, names)
        if "hub" in self.get_option("kinds"):
            for hub in self.get_option("hubs"):
                self._add(_hub(hub), names)

    def _cached(self, path: str, cache: bool) -> list[dict]:
        """The hosts of the ledger; an answer to other filters is not taken from the cache."""
        asked = {key: self.get_option(key) for key in (*FILTERS, "expose", "ledger")}
        key = f"{self.get_cache_key(path)}_{fingerprint(asked)[:12]}"
        if cache and self.get_option("cache"):
            with contextlib.suppress(KeyError):  # it is not there yet, or too old
                return self._cache[key]
        found = self._read()
        if self.get_option("cache"):
            self._cache[key] = found
        return found

    def _read(self) -> list[dict]:
        filters = hosts.Filters(**{key: tuple(self.get_option(key)) for key in FILTERS})
        expose = self.get_option("expose") or hosts.VARIABLES
        unknown = sorted(set(expose) - set(hosts.VARIABLES))
        if unknown:
            raise AnsibleParserError(f"expose: there is no variable {', '.join(unknown)}; there are {', '.join(hosts.VARIABLES)}")
        try:
            if self.get_option("sync") != "never":
                self._sync()
            with Ledger.open(self.get_option("ledger"), "inventory", writable=False) as ledger, ledger.reading() as tx:
                return hosts.read(tx, filters, frozenset(expose))
        except LeaseholdError as error:
            raise AnsibleParserError(str(error)) from error

    def _sync(self) -> None:
        """Bring the mirror up to date; a failure is a warning, unless it shall be more."""
        max_age = self.get_option("max_age") if self.get_option("sync") == "max_age" else None
        with Ledger.open(self.get_option("ledger"), "inventory") as ledger:
            for options in self.get_option("sources"):
                try:
                    placed = self._placed(options)
                    source = options_of.source_of(placed | {"token": os.environ.get(options.get("token_env") or options_of.TOKEN)})
                    if max_age is None or not syncing.is_fresh(ledger, source, max_age):
                        syncing.sync(ledger, source, options_of.mapping_of(placed.get("mapping")))
                except LeaseholdError as error:
                    if self.get_option("stale") == "fail":
                        raise
                    self.display.warning(f"{error}. {_stays(error.details.get('mirror'))}")

    def _placed(self, options: dict) -> dict:
        """A source's options, with its files beside the inventory's, wherever that is read from."""
        files = {key: options[key] for key in ("path", "mapping", "ca_path") if isinstance(options.get(key), str)}
        return options | {key: os.path.join(self._directory, os.path.expanduser(file)) for key, file in files.items()}

    def _add(self, host: dict, names: dict[str, str]) -> None:
        """Add a host to the inventory. Where there are ten thousand, each call per variable would tell: they are put there together.

        :param names: the groups made so far: what Ansible calls each.
        """
        name, variables = self.inventory.add_host(host["name"]), host["variables"]
        made = self.inventory.hosts[name]
        made.vars.update(variables)
        for group in host["groups"]:
            if group not in names:
                names[group] = self.inventory.add_group(self._sanitize_group_name(group))
            self.inventory.groups[names[group]].add_host(made)
        if any(map(self.get_option, CONSTRUCTED)):
            self._construct(name, variables)

    def _construct(self, name: str, variables: dict) -> None:
        strict = self.get_option("strict")
        self._set_composite_vars(self.get_option("compose"), variables, name, strict=strict)
        self._add_host_to_composed_groups(self.get_option("groups"), variables, name, strict=strict)
        self._add_host_to_keyed_groups(self.get_option("keyed_groups"), variables, name, strict=strict)


def _stays(mirror: dict | None) -> str:
    if not mirror:
        return "It was never mirrored."
    return f"The mirror of site {mirror['site']} is used as it was {mirror['age']} s ago."


def _hub(hub: dict) -> dict:
    if not hub.get("name"):
        raise AnsibleParserError("a hub of the option hubs has no name; write {name: hub-1, ...}")
    variables = {key: value for key, value in hub.items() if key != "name"}
    return {"name": hub["name"], "groups": ["hubs"], "variables": {"leasehold_kind": "hub"} | variables}
