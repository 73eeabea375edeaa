#!/usr/bin/python
# Copyright: (c) 2026, leasehold.cloud contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Documentation, and with it the options, of the action plugin of the same name."""

from __future__ import annotations

DOCUMENTATION = r"""
module: report
version_added: 0.2.0
short_description: Keep a ledger's report as files
description:
  - Writes the files of a report into a directory, each whole or not at all. One that says already what it should is left as it is, so that
    nothing changes while the ledger says the same.
author: leasehold.cloud contributors (@leasehold)
extends_documentation_fragment:
  - leasehold.cloud.attributes
options:
  path:
    description: The directory. It is made if it is not there.
    type: path
    required: true
  files:
    description: The files by name, as RV(leasehold.cloud.report_info#module:files).
    type: dict
    required: true
seealso:
  - module: leasehold.cloud.report_info
"""

EXAMPLES = r"""
- name: Count what there is
  leasehold.cloud.report_info:
    ledger: /var/lib/leasehold/ledger.db
  register: found

- name: Keep the report
  leasehold.cloud.report:
    path: /var/lib/leasehold/report
    files: "{{ found.files }}"
"""

RETURN = r"""
path:
  description: The directory.
  returned: success
  type: str
written:
  description: Names of the files that are new or have changed.
  returned: success
  type: list
  elements: str
  sample: [holders.csv, report.json]
"""
