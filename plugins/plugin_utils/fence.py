# Copyright: (c) 2026, leasehold.cloud contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the actions that touch hardware share: a run that has lost its cluster touches nothing."""

from __future__ import annotations

from ansible_collections.leasehold.cloud.plugins.module_utils.ledger import runs
from ansible_collections.leasehold.cloud.plugins.plugin_utils.ledger import LedgerAction


class FencedAction(LedgerAction):
    """An action that changes hardware, in the name of a run when the option C(fence) names one."""

    def apply(self, changes, act):
        """As :meth:`LeaseholdAction.apply`; before anything is changed, the run's token must still be its cluster's.

        :raises StaleRun: a newer run has taken over, or the run has ended; then nothing is touched.
        """
        fence = self.args["fence"]
        if fence and changes and not self.check_mode:
            with self.open_ledger(fence, writable=False) as ledger, ledger.reading() as tx:
                runs.fence(tx, fence["cluster"], fence["token"], f"{self._task.action.rpartition('.')[2]}: changing hardware")
        return super().apply(changes, act)
