# Copyright: (c) 2026, leasehold.cloud contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Options of the actions that read or write a source of truth."""

from __future__ import annotations


class ModuleDocFragment:
    """Where the source is, and how its objects become ours."""

    DOCUMENTATION = r"""
options:
  kind:
    description: The kind of source.
    type: str
    choices: [file, netbox, nautobot]
    default: file
  path:
    description:
      - Of the document that describes the data centre, YAML, or JSON if its name ends in C(.json). For O(kind=file).
    type: str
  url:
    description: Where the source answers, as people open it. For O(kind=netbox) and O(kind=nautobot).
    type: str
  token:
    description:
      - An API token. Not given, the environment variable E(LEASEHOLD_SOURCE_TOKEN) is used. It appears nowhere.
    type: str
  site:
    description:
      - The slug (where there is none, the name) of the site. Required for O(kind=netbox) and O(kind=nautobot).
      - With O(kind=file), the site that the document must describe. Not given, any.
    type: str
  mapping:
    description:
      - How the source's objects become ours. The path of a YAML file, or its content; docs/sources.md is the reference. What it leaves out has defaults.
      - Another mapping than the last time leads to reading all.
    type: raw
  validate_certs:
    description: Whether the source's certificate must be trusted. V(false) gives the token to whoever answers.
    type: bool
    default: true
  ca_path:
    description: File or directory of the CA certificates to trust. Not given, the system's.
    type: str
  timeout:
    description: For one request and its answer, in seconds.
    type: int
    default: 60
"""
