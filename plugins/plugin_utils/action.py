# Copyright: (c) 2026, leasehold.cloud contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What every action of the collection shares: options from its documentation, errors, check mode, diff, progress."""

from __future__ import annotations

import functools
from abc import abstractmethod
from pathlib import Path

from ansible.module_utils.basic import env_fallback
from ansible.module_utils.common.arg_spec import ArgumentSpecValidator
from ansible.plugins.action import ActionBase
from ansible.plugins.loader import fragment_loader
from ansible.utils.display import Display
from ansible.utils.plugin_docs import get_docstring

from ansible_collections.leasehold.cloud.plugins.module_utils.core.changes import Change, as_diff
from ansible_collections.leasehold.cloud.plugins.module_utils.core.errors import InvalidInput, LeaseholdError

MODULES = Path(__file__).parent.parent / "modules"
SPEC_KEYS = ("type", "elements", "required", "default", "choices", "aliases")
PROGRESS = "… "  # starts each line of progress, for those who read the run's output
ENVIRONMENT = {"ledger": "LEASEHOLD_LEDGER", "password": "LEASEHOLD_BMC_PASSWORD", "username": "LEASEHOLD_BMC_USERNAME"}


def argument_spec(options: dict, secrets: frozenset = frozenset()) -> dict:
    """An argument spec from the ``options`` of a module's documentation (the documentation is the spec)."""
    spec = {}
    for name, option in options.items():
        entry = {key: option[key] for key in SPEC_KEYS if key in option}
        entry.setdefault("type", "str")
        entry["no_log"] = name in secrets
        if name in ENVIRONMENT:
            entry["fallback"] = (env_fallback, [ENVIRONMENT[name]])
        if "suboptions" in option:
            entry["options"] = argument_spec(option["suboptions"], secrets)
        spec[name] = entry
    return spec


@functools.cache
def documented_spec(module: str, secrets: frozenset) -> dict:
    """The argument spec of ``module``, from plugins/modules/<module>.py and its documentation fragments."""
    document = get_docstring(str(MODULES / f"{module}.py"), fragment_loader, is_module=True)[0]
    return argument_spec(document.get("options") or {}, secrets)


class LeaseholdAction(ActionBase):
    """An action on the controller. A subclass writes :meth:`execute`; options, errors and check mode are here."""

    _requires_connection = False
    secrets: frozenset = frozenset()  # options whose values are never shown
    args: dict = {}  # the options as they were given, and their defaults
    constraints: dict = {}  # mutually_exclusive, required_if … as ArgumentSpecValidator takes them

    def run(self, tmp=None, task_vars=None):
        """Ansible's entry: parse the options, execute, and turn our errors into a failed result."""
        super().run(tmp, task_vars)
        try:
            self.args = self._options()
            return self.execute(self.args, task_vars or {})
        except LeaseholdError as error:
            return {"changed": False, **error.as_result()}

    @abstractmethod
    def execute(self, args: dict, task_vars: dict) -> dict:
        """Do the work and return the task's result.

        :raises LeaseholdError: for whatever a user can mend.
        """

    @property
    def check_mode(self) -> bool:
        return bool(self._task.check_mode)

    def apply(self, changes: list[Change], act) -> dict:
        """Carry out ``changes`` by calling ``act()``: never in check mode, never when there is nothing to do.

        :returns: C(changed), and C(diff) when the user asked for it.
        """
        result: dict = {"changed": bool(changes)}
        if self._task.diff and changes:
            result["diff"] = as_diff(changes)
        if changes and not self.check_mode:
            act()
        return result

    def say(self, message: str) -> None:
        """Show a line of progress (what a wait is waiting for) at the prompt and in the runner's events."""
        Display().display(f"{PROGRESS}{message}")

    def _options(self) -> dict:
        name = self._task.action.rpartition(".")[2]
        validator = ArgumentSpecValidator(documented_spec(name, self.secrets), **self.constraints)
        outcome = validator.validate(self._task.args)
        if outcome.error_messages:
            raise InvalidInput(
                "; ".join(outcome.error_messages), object=self._task.action, attempted="reading its options",
                remedy=f"ansible-doc leasehold.cloud.{name} lists them",
            )
        return outcome.validated_parameters
