# Copyright: (c) 2026, leasehold.cloud contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations


class ModuleDocFragment:
    """Options of everything that opens the ledger."""

    DOCUMENTATION = r"""
options:
  ledger:
    description:
      - URL of the ledger's database, as SQLAlchemy writes it, such as V(sqlite:////var/lib/leasehold/ledger.db) or
        V(postgresql+psycopg://leasehold@db/leasehold). A plain path means SQLite.
      - When not given, the environment variable E(LEASEHOLD_LEDGER) is used.
    type: str
"""
