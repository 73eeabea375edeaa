# Copyright: (c) 2026, leasehold.cloud contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations


class ModuleDocFragment:
    """Options of everything that speaks with BMCs."""

    DOCUMENTATION = r"""
options:
  servers:
    description:
      - The servers, as plans and claims have them. All are worked on at the same time, and one that fails does not hold up the others.
      - Each needs C(name) and C(bmc.address) (an HTTPS URL). Its C(serial), when given, must be the one that the BMC reports.
    type: list
    elements: dict
    required: true
  username:
    description:
      - User of the BMCs.
      - When not given, the environment variable E(LEASEHOLD_BMC_USERNAME) is used.
    type: str
  password:
    description:
      - Password of that user. It is shown nowhere.
      - When not given, the environment variable E(LEASEHOLD_BMC_PASSWORD) is used.
    type: str
  ca_path:
    description: File or directory of the certificates to trust. Without it, the system's.
    type: path
  validate_certs:
    description: Whether a BMC must show a certificate that is trusted.
    type: bool
    default: true
  request_timeout:
    description: Seconds that a BMC may take to answer one request.
    type: float
    default: 30
  concurrency:
    description: How many BMCs are spoken with at the same time.
    type: int
    default: 64
requirements:
  - sushy >= 5.5
"""
