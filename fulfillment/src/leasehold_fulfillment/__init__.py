# SPDX-License-Identifier: GPL-3.0-or-later
"""Orders of leasehold.cloud: launched, followed and canceled."""
