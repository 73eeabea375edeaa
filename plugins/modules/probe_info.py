#!/usr/bin/python
# Copyright: (c) 2026, leasehold.cloud contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Documentation, and with it the options, of the action plugin of the same name."""

from __future__ import annotations

DOCUMENTATION = r"""
module: probe_info
version_added: 0.1.0
short_description: Find out on the wire who answers a segment's servers
description:
  - Logs in to each server over SSH, all at once, and lets it ask for addresses by ICMP echo and by ARP, from the device that holds its leased address.
  - Every peer is asked for by ARP, and each server's next six peers by ICMP echo, too.
  - NICs of the server that hold no address and are in no bond ask too, at ARP level, for O(must_answer) and O(must_not_answer), though not for peers.
  - An address that must not answer is asked for by ARP probes without a sender (RFC 5227), which whoever holds it answers, even when it lies outside
    the segment's prefix.
  - It only asks. What the answers mean is decided by M(leasehold.cloud.gate_info); a server that cannot be probed is a result with an error, not a failed
    task.
  - For N servers, each asks for N - 1 peers and the given targets. There is one SSH session a server, O(concurrency) at a time, and together they ask
    about 128 questions at a time of those that must answer, so that the segment is not flooded.
author: leasehold.cloud contributors (@leasehold)
extends_documentation_fragment:
  - leasehold.cloud.attributes.info
options:
  servers:
    description:
      - The servers to probe from, as a plan has them. Used are C(name), C(address) (the leased one), C(nics) (C(name),
        C(mac)) and C(management) (C(address), C(port),
        C(user)).
    type: list
    elements: dict
    required: true
  must_answer:
    description: Whom each server must reach besides its peers, such as the gateway; C(name), C(address) and, where
      only one is meant, C(methods) (V(arp), V(icmp)).
    type: list
    elements: dict
    default: []
  must_not_answer:
    description:
      - Whom no server may reach, such as canaries of other tenants and of the quarantine VLAN, and servers of other clusters; entries as in O(must_answer).
    type: list
    elements: dict
    default: []
  peers:
    description: Whether every other server of O(servers) must answer, too.
    type: bool
    default: true
  patience:
    description: Whole seconds within which those that must answer do so. An answer ends the wait; without one, they are asked once more.
    type: int
    default: 3
  window:
    description: Whole seconds to listen for an answer of those that must not.
    type: int
    default: 2
  private_key_file:
    description: Path of the SSH private key to log in with. Otherwise OpenSSH chooses.
    type: path
  known_hosts_file:
    description: Path of the file of known host keys. Otherwise the user's.
    type: path
  host_key_checking:
    description:
      - With V(strict), a server's host key must be known already.
      - With V(accept_new), a host key never seen before is taken and remembered in O(known_hosts_file); one that
        changed is still refused. A discovery image makes
        new host keys whenever it boots, so give a file of the order's own.
    type: str
    choices: [strict, accept_new]
    default: strict
  ssh_args:
    description: Further arguments of C(ssh), which come first, such as V(["-J", "jump.example.com"]).
    type: list
    elements: str
    default: []
  connect_timeout:
    description: Seconds to wait for a connection.
    type: int
    default: 10
  concurrency:
    description: How many servers are logged in to at a time.
    type: int
    default: 32
requirements:
  - ssh (OpenSSH client) where Ansible runs
  - sh, ip, ping and iputils' arping on the servers, as root or through C(sudo -n)
seealso:
  - module: leasehold.cloud.gate_info
"""

EXAMPLES = r"""
- name: Probe the segment from its servers
  leasehold.cloud.probe_info:
    servers: "{{ plan.servers }}"
    must_answer:
      - {name: gateway, address: "{{ plan.segment.gateway }}"}
    must_not_answer:
      - {name: canary-acme, address: 10.99.0.10}
      - {name: canary-quarantine, address: 10.99.99.10}
    private_key_file: ~/.ssh/id_ed25519
    known_hosts_file: /var/lib/leasehold/clusters/blue/known_hosts
    host_key_checking: accept_new
  register: probes
"""

RETURN = r"""
results:
  description: One for each server, NIC, target and method, in the servers' order.
  returned: success
  type: list
  elements: dict
  contains:
    server:
      description: The server that asked.
      type: str
    nic:
      description: Its NIC, or its device where that is none of its NICs. Of a bond, the NIC through which it sends.
      type: str
    target:
      description: Name of the one that was asked for.
      type: str
    address:
      description: Address that was asked for.
      type: str
    method:
      description: V(arp) or V(icmp).
      type: str
    must_answer:
      description: Whether it must answer, or must not.
      type: bool
    answered:
      description: Whether it did; null when that could not be found out.
      type: bool
    error:
      description: Why it could not be found out. Without RV(results[].target), nothing could be found out from this server or NIC.
      type: str
      returned: when it could not be found out
"""
