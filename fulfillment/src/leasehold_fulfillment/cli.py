# SPDX-License-Identifier: GPL-3.0-or-later
"""The ``leasehold`` command. Exit codes: 0 done, 1 failed, 2 bad input, 130 canceled."""

from __future__ import annotations

import os
import signal
from enum import IntEnum
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.text import Text

from leasehold_fulfillment import jobs, orders
from leasehold_fulfillment.events import Outcome, State
from leasehold_fulfillment.progress import JsonView, LiveView, PlainView, View
from leasehold_fulfillment.summary import print_outcome

app = typer.Typer(no_args_is_help=True, add_completion=False, help="Clusters by order: leasehold.cloud at the prompt.")
order_app = typer.Typer(no_args_is_help=True, help="Create, scale, delete or show the cluster of an order.")
app.add_typer(order_app, name="order")

File = Annotated[Path, typer.Option("--file", "-f", help="The order: a YAML file of the playbooks' variables.")]
OptionalFile = Annotated[Path | None, typer.Option("--file", "-f", help="Show this order's cluster only.")]
Inventory = Annotated[list[str] | None, typer.Option("--inventory", "-i", help="Inventory source; may be repeated. Default: as Ansible is configured.")]
Check = Annotated[bool, typer.Option("--check", help="Show the plan; change nothing.")]
Json = Annotated[bool, typer.Option("--json", help="Print events and outcome as JSON, one object a line.")]
Verbose = Annotated[int, typer.Option("--verbose", "-v", count=True, help="Show every task; repeat for Ansible's own verbosity.")]
StateDir = Annotated[Path, typer.Option(envvar="LEASEHOLD_STATE_DIR", help="Where the logs of runs are kept.")]
Hint = Annotated[list[str] | None, typer.Option(help="A command to show in the summary; {cluster}, {server}, {kubeconfig} are filled in.")]
STATE_DIR = Path.home() / ".leasehold"


class Exit(IntEnum):
    """What the command ends with."""

    DONE = 0
    FAILED = 1
    BAD_INPUT = 2
    CANCELED = 130


@order_app.command()
def create(
    file: File, inventory: Inventory = None, check: Check = False, as_json: Json = False, verbose: Verbose = 0,
    state_dir: StateDir = STATE_DIR, hint: Hint = None,
) -> None:
    """Create the cluster, or finish creating it. Safe to run again."""
    _run("create", file, _settings(inventory, check, verbose, state_dir), as_json, verbose, hint)


@order_app.command()
def scale(
    file: File, inventory: Inventory = None, check: Check = False, as_json: Json = False, verbose: Verbose = 0,
    state_dir: StateDir = STATE_DIR, hint: Hint = None,
) -> None:
    """Bring the cluster to the size that the order now says."""
    _run("scale", file, _settings(inventory, check, verbose, state_dir), as_json, verbose, hint)


@order_app.command()
def delete(
    file: File, inventory: Inventory = None, check: Check = False, as_json: Json = False, verbose: Verbose = 0,
    state_dir: StateDir = STATE_DIR,
) -> None:
    """Take the cluster back: network first, then a wipe with evidence. Nothing is left."""
    _run("delete", file, _settings(inventory, check, verbose, state_dir), as_json, verbose)


@order_app.command()
def show(
    file: OptionalFile = None, inventory: Inventory = None, as_json: Json = False, verbose: Verbose = 0, state_dir: StateDir = STATE_DIR,
) -> None:
    """Show what the order's cluster holds, or all clusters."""
    _run("show", file, _settings(inventory, False, verbose, state_dir), as_json, verbose)


def _settings(inventory: list[str] | None, check: bool, verbose: int, state_dir: Path) -> jobs.Settings:
    return jobs.Settings(state_dir=state_dir.expanduser(), inventory=tuple(inventory or ()), check=check, verbosity=max(0, verbose - 1))


def _run(
    operation: str, file: Path | None, settings: jobs.Settings, as_json: bool, verbose: int, hints: list[str] | None = None,
) -> None:
    """Launch, follow to the end, tell how it ended, and exit accordingly."""
    try:
        order = orders.load(file) if file else orders.Order({})
    except orders.InvalidOrder as error:
        Console(stderr=True).print(Text(str(error), style="red"))
        raise typer.Exit(Exit.BAD_INPUT) from None
    console = Console()
    view = _view(console, as_json, verbose, operation, order.name)
    outcome = _follow(_launch(order, operation, settings), view)
    if not as_json:
        target = Console(stderr=True) if outcome.failure and not console.is_terminal else console
        print_outcome(target, outcome, settings.inventory, file, hints or ())
    raise typer.Exit(_exit_code(outcome))


def _view(console: Console, as_json: bool, verbose: int, operation: str, name: str) -> View:
    if as_json:
        return JsonView(console)
    if console.is_terminal and os.environ.get("TERM") != "dumb":
        return LiveView(console, f"{operation} {name}".rstrip(), transient=operation == "show")
    return PlainView(console, everything=verbose > 0)


def _launch(order: orders.Order, operation: str, settings: jobs.Settings) -> jobs.Job:
    """Launch a run that Ctrl-C, SIGTERM and a closed terminal cancel; a second one ends it at once."""
    job = None
    asked: list[int] = []

    def cancel(number: int, _frame: object) -> None:
        asked.append(number)
        if job:
            job.cancel(now=len(asked) > 1)

    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, cancel)
    job = jobs.launch(order, operation, settings)
    if asked:
        job.cancel()
    return job


def _follow(job: jobs.Job, view: View) -> Outcome:
    with view:
        for event in job.events():
            view.show(event)
        outcome = job.wait()
        view.end(outcome)
    return outcome


def _exit_code(outcome: Outcome) -> Exit:
    if outcome.state is State.SUCCESSFUL:
        return Exit.DONE
    if outcome.state is State.CANCELED:
        return Exit.CANCELED
    return Exit.BAD_INPUT if outcome.failure and outcome.failure.bad_input else Exit.FAILED


if __name__ == "__main__":
    app()
