# SPDX-License-Identifier: GPL-3.0-or-later
"""The last words of a run, for people: what was handed over or taken back, what would change, or what went wrong."""

from __future__ import annotations

import os
import shlex
from collections import Counter, defaultdict
from collections.abc import Sequence
from pathlib import Path

from rich import box
from rich.console import Console, Group, RenderableType
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from leasehold_fulfillment.events import Outcome, State, Step
from leasehold_fulfillment.progress import duration
from leasehold_fulfillment.translator import RERUN

BAR = 24  # characters of the longest step's bar
DIFF_STYLES = {"+": "green", "-": "red", "~": "yellow"}


def print_outcome(console: Console, outcome: Outcome, inventory: Sequence[str], order_path: Path | None, hints: Sequence[str]) -> None:
    """Print how a run ended.

    :param hints: commands to show after a handover, before the general ones; C({cluster}), C({server}) and C({kubeconfig}) are filled in.
    """
    if outcome.state is State.CANCELED:
        console.print(_canceled(outcome))
    elif outcome.failure:
        console.print(_failed(outcome))
    elif outcome.operation == "show":
        console.print(_clusters(outcome.findings.get("clusters") or []))
    elif outcome.check:
        console.print(_plan(outcome))
    elif handover := outcome.findings.get("handover"):
        console.print(_handover(outcome, handover))
        for command in [*_filled(hints, handover), *_commands(handover, inventory, order_path)]:
            console.print(Text(f"  {command}", style="cyan"), soft_wrap=True)  # outside of any frame, to be copied
    elif released := outcome.findings.get("released"):
        console.print(_released(outcome, released))
    else:
        console.print(Text(f"{outcome.order}: {outcome.operation} done in {duration(outcome.seconds)}", style="green"))


def _panel(outcome: Outcome, what: str, colour: str, *content: RenderableType) -> Panel:
    title = Text.assemble((f"{outcome.order or 'all clusters'}: {what}", f"bold {colour}"), (f", {duration(outcome.seconds)}", "default"))
    return Panel(Group(*content), title=title, title_align="left", border_style=colour, padding=(1, 2))


def _facts() -> Table:
    table = Table.grid(padding=(0, 2))
    table.add_column(style="dim", no_wrap=True)
    table.add_column(overflow="fold")
    return table


def _handover(outcome: Outcome, handover: dict) -> RenderableType:
    facts = _facts()
    _add_servers(facts, handover.get("servers") or [])
    segment = handover.get("segment") or {}
    if segment:
        facts.add_row("Network", f"VLAN {segment.get('vlan')}, {segment.get('prefix')}, gateway {segment.get('gateway')}")
    if handover.get("gates"):
        facts.add_row("Gates", _gates(handover["gates"]))
    for key in ("kubeconfig", "receipt"):
        if handover.get(key):
            facts.add_row(key.capitalize(), _path(handover[key]))
    tenant = f" for {handover['tenant']}" if handover.get("tenant") else ""
    unchanged = [] if outcome.tasks["changed"] else [Text("All was as ordered already; nothing was changed.\n", style="dim")]
    return _panel(outcome, f"is ready{tenant}", "green", *unchanged, facts, *_times(outcome.steps))


def _released(outcome: Outcome, released: dict) -> RenderableType:
    facts = _facts()
    _add_servers(facts, released.get("servers") or [])
    facts.add_row("Erased", f"{released.get('drives', 0)} drives, each with its evidence")
    facts.add_row("Gates", _gates(released.get("gates") or []))
    if released.get("receipt"):
        facts.add_row("Receipt", _path(released["receipt"]))
    return _panel(outcome, "is released", "green", facts, *_times(outcome.steps))


def _failed(outcome: Outcome) -> RenderableType:
    failure = outcome.failure
    facts = _facts()
    facts.add_row("Step", Text(failure.step or "before the first"))
    facts.add_row("Object", Text(failure.object))
    facts.add_row("Attempted", Text(failure.attempted))
    facts.add_row("What happened", Text(failure.message))
    facts.add_row("Remedy", Text(failure.remedy, style="bold"))
    facts.add_row("Log", _path(outcome.log))
    return _panel(outcome, f"{outcome.operation} failed ({failure.error_code})", "red", facts)


def _canceled(outcome: Outcome) -> RenderableType:
    facts = _facts()
    facts.add_row("Step", Text(outcome.steps[-1].name if outcome.steps else "before the first"))
    facts.add_row("Remedy", "Run the same command again to finish it, or `leasehold order delete` to take it back.")
    facts.add_row("Log", _path(outcome.log))
    return _panel(outcome, f"{outcome.operation} canceled", "yellow", facts)


def _plan(outcome: Outcome) -> RenderableType:
    plan = outcome.findings.get("plan") or {}
    lines = [Text(line, style=DIFF_STYLES.get(line[:1], "")) for line in str(plan.get("diff", "")).splitlines()]
    fingerprint = Text(f"\nPlan {plan['hash']}", style="dim") if plan.get("hash") else Text("")
    return _panel(outcome, f"{outcome.operation} would change this; nothing was touched", "blue", *(lines or [Text("Nothing.")]), fingerprint)


def _clusters(clusters: list[dict]) -> RenderableType:
    if not clusters:
        return Text("No cluster holds anything.")
    table = Table(box=box.SIMPLE_HEAD)
    for heading in ("Cluster", "Tenant", "Phase", "Servers", "VLAN", "Prefix", "Lease ends"):
        table.add_column(heading)
    problems = []
    for cluster in clusters:
        segment, lease, run = (cluster.get(key) or {} for key in ("segment", "lease", "run"))
        phase = f"{cluster.get('phase')} ({cluster['step']})" if run.get("live") and cluster.get("step") else cluster.get("phase")
        names = ", ".join(server["name"] for server in cluster.get("servers") or [])
        cells = (cluster.get("name"), cluster.get("tenant"), phase, names, segment.get("vlan"), segment.get("prefix"), lease.get("end"))
        table.add_row(*(Text("" if cell is None else str(cell)) for cell in cells))
        if error := cluster.get("error"):
            what = error.get("reason") or error.get("msg") or error.get("message", "")
            problems.append(Text(f"{cluster.get('name')}: {error.get('object', '')}: {what} Remedy: {error.get('remedy', RERUN)}", style="red"))
    return Group(table, *problems)


def _times(steps: Sequence[Step]) -> list[RenderableType]:
    """Where the time went: a bar per step that took any."""
    shown = [step for step in steps if step.state is not State.SKIPPED]
    longest = max((step.seconds for step in shown), default=0) or 1
    table = Table.grid(padding=(0, 2))
    for step in shown:
        drawn = "━" * max(1, round(BAR * step.seconds / longest))
        table.add_row(Text(f"  {step.name}"), Text(duration(step.seconds), justify="right"), Text(drawn, style="cyan"))
    return [Text("\nTime by step", style="bold"), table] if shown else []


def _add_servers(facts: Table, servers: Sequence[dict]) -> None:
    """How many of which class, then those of each rack."""
    classes = Counter(str(server.get("class", "")) for server in servers)
    counted = ", ".join(f"{count} {name}".strip() for name, count in sorted(classes.items()))
    racks = defaultdict(list)
    for server in servers:
        racks[str(server.get("rack", ""))].append(" ".join(filter(None, (server["name"], server.get("address")))))
    facts.add_row("Servers", Text(f"{counted} in {len(racks)} rack{'s' if len(racks) > 1 else ''}" if servers else "none"))
    for rack, names in sorted(racks.items()):
        facts.add_row("", Text(f"{rack}: {', '.join(names)}" if rack else ", ".join(names)))


def _gates(gates: Sequence[dict | str]) -> Text:
    text = Text()
    for gate in gates:
        name, passed = (gate.get("gate", ""), gate.get("ok", True)) if isinstance(gate, dict) else (str(gate), True)
        text.append("✔ " if passed else "✘ ", style="green" if passed else "bold red").append(f"{name}  ")
    return text


def _path(path: str | Path) -> Text:
    """A path, from here where that is shorter. Never broken by a style or a link."""
    relative = os.path.relpath(path)
    return Text(relative if len(relative) < len(str(path)) else str(path), overflow="fold")


def _filled(hints: Sequence[str], handover: dict) -> list[str]:
    servers = handover.get("servers") or [{}]
    words = {"cluster": handover.get("cluster"), "server": servers[0].get("name"), "kubeconfig": handover.get("kubeconfig")}
    for key, value in words.items():
        hints = [hint.replace(f"{{{key}}}", str(value or "")) for hint in hints]
    return list(hints)


def _commands(handover: dict, inventory: Sequence[str], order_path: Path | None) -> list[str]:
    commands = []
    if handover.get("kubeconfig"):
        commands.append(f"kubectl --kubeconfig {shlex.quote(str(_path(handover['kubeconfig'])))} get nodes")
    sources = "".join(f" -i {shlex.quote(source)}" for source in inventory)
    if order_path:
        commands.append(f"ansible-playbook leasehold.cloud.cluster_delete{sources} -e {shlex.quote(f'@{order_path}')}")
    return commands
