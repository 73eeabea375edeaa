# SPDX-License-Identifier: Apache-2.0
"""Orders of leasehold.cloud: launched, followed and canceled."""
