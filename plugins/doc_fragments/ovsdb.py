# Copyright: (c) 2026, leasehold.cloud contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations


class ModuleDocFragment:
    """Options of everything that speaks to an Open vSwitch's database."""

    DOCUMENTATION = r"""
options:
  host:
    description:
      - Where the switch's OVSDB server answers, a name or an address; or V(unix:) and the path of its socket.
    type: str
    required: true
  port:
    description: TCP port of the OVSDB server.
    type: int
    default: 6640
  bridge:
    description: The bridge that holds the ports.
    type: str
    default: br0
  switch:
    description:
      - The switch's name, for messages and the diff.
      - Defaults to O(host).
    type: str
  private_key:
    description:
      - Path of our private key (PEM). Given together with O(certificate) and O(ca_cert), the switch is spoken to over TLS.
    type: path
  certificate:
    description: Path of our certificate (PEM).
    type: path
  ca_cert:
    description: Path of the certificate (PEM) of the CA that signs the switches' certificates. Names in them are not looked at.
    type: path
  timeout:
    description:
      - How long, in seconds, to wait for the switch before the task fails with V(unreachable); counted anew for each
        step (connecting, a reply, coming into effect).
    type: float
    default: 10
requirements:
  - ovs (Python library)
"""
