# Copyright: (c) 2026, leasehold.cloud contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The ledger: our one database. It mirrors the sources and owns who holds what, until when.

``Ledger.open(url, actor)`` opens it; ``ledger.transaction()`` gives a transaction; the functions that read and write
are in small files by noun (mirror, clusters, claims, servers, runs, events) and take the transaction.
"""

from __future__ import annotations
