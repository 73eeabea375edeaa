"""The lab's commands: up, down, status, fault, env, shell. ``python -m lab COMMAND --help`` tells of each."""

from __future__ import annotations

import argparse
import json
import os
import shlex
import sys
from pathlib import Path

from lab import fabric, faults, lifecycle, namespaces, servers, settings, switch_faults
from lab.hardware import Hardware
from lab.hub.binaries import BuildError
from lab.layout import OVSDB_PORT, Layout, default_directory
from lab.process import ProcessError, Processes, answers
from lab.settings import Settings

# What the lab fails with, in words for people; all else is a defect and shows its traceback.
FAILURES = (lifecycle.LabError, settings.NoLab, faults.UnknownFault, fabric.FabricError, namespaces.NetworkError,
            servers.BootError, ProcessError, BuildError)
MOST_SERVERS = 1000  # loopback addresses of a block, see Layout.loopback


def main(arguments: list[str]) -> int:
    """Run one command; return the exit status."""
    options = _parser().parse_args(arguments)
    if options.needs_root and os.geteuid() != 0:
        _become_root(arguments)
    try:
        return options.command(options) or 0
    except FAILURES as error:
        print(f"lab: {error}", file=sys.stderr)
        return 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="lab", description="A data centre in a box, in the directory $LEASEHOLD_LAB_DIR (default: .lab).")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    def add(name: str, function, text: str, needs_root: bool = True) -> argparse.ArgumentParser:
        command = commands.add_parser(name, help=text, description=text)
        command.set_defaults(command=function, needs_root=needs_root)
        return command

    _add_up_options(add("up", _up, "Bring up the lab; nothing happens when it is up."))
    add("down", _down, "Take the lab away: processes, namespaces, files.")
    add("status", _status, "What runs.").add_argument("--json", action="store_true")
    add("env", _env, "Shell commands that point the usual tools at the lab: eval \"$(python -m lab env)\"",
        needs_root=False)
    shell = add("shell", _shell, "A shell in a running server, or in the network of a canary or a gateway.")
    shell.add_argument("name", help="r1-s01, canary-acme, gw100 …")
    shell.add_argument("argv", nargs=argparse.REMAINDER, help="a command to run there, in place of a shell")
    _add_fault_commands(add("fault", _fault_list, "Make parts of the lab fail."))
    return parser


def _add_up_options(command: argparse.ArgumentParser) -> None:
    command.add_argument("--number", type=int, help="tells the labs of one machine apart: 1-250 (default 20)")
    command.add_argument("--racks", type=int, help="default 2; each has two leaf switches")
    command.add_argument("--servers-per-rack", type=int, help="default 8")
    command.add_argument("--canaries", help="tenants that have a host of their own in the lab (default acme,globex)")
    command.add_argument("--boot-delay", type=float, help="seconds a server takes to boot (default 1)")
    command.add_argument("--install-delay", type=float, help="seconds an installation takes (default 1)")
    command.add_argument("--hub", action=argparse.BooleanOptionalAction, help="Kubernetes and physics (default: yes)")


def _add_fault_commands(command: argparse.ArgumentParser) -> None:
    command.set_defaults(json=False)
    commands = command.add_subparsers(metavar="set|clear|list", required=True)
    kinds = ", ".join(f"{kind} ({target})" for kind, target in faults.KINDS.items())
    setting = commands.add_parser("set", help="kinds and their targets: " + kinds)
    setting.add_argument("kind", choices=faults.KINDS)
    setting.add_argument("target")
    setting.add_argument("parameters", nargs="*", metavar="NAME=VALUE", help="switch-drops: when=before|after")
    setting.add_argument("--for", type=float, dest="seconds", help="seconds; default: until cleared")
    setting.add_argument("--times", type=int, help="how often it strikes (switch-drops: once by default)")
    setting.set_defaults(command=_fault_set)
    clearing = commands.add_parser("clear", help="all faults, those of a kind, or one")
    clearing.add_argument("kind", nargs="?", choices=faults.KINDS)
    clearing.add_argument("target", nargs="?")
    clearing.set_defaults(command=_fault_clear)
    listing = commands.add_parser("list")
    listing.add_argument("--json", action="store_true")
    listing.set_defaults(command=_fault_list)


def _become_root(arguments: list[str]) -> None:
    """Run again under sudo, with what of the environment matters (sudo may be told to keep none of it)."""
    kept = {name: os.environ[name] for name in ("LEASEHOLD_LAB_DIR", "HOME", "XDG_CACHE_HOME", "KUBEBUILDER_ASSETS",
                                                "GOPROXY", "GOFLAGS") if name in os.environ}
    kept["PATH"] = f"{os.environ.get('PATH', os.defpath)}:/usr/sbin:/sbin"
    os.execvp("sudo", ["sudo", "-E", "env", *(f"{name}={value}" for name, value in kept.items()),
                       sys.executable, "-m", "lab", *arguments])


def _say(line: str) -> None:
    print(line, flush=True)


def _up(options: argparse.Namespace) -> None:
    lifecycle.up(_wanted(options), _say)


def _wanted(options: argparse.Namespace) -> Settings:
    """The settings asked for; what is not said is as the running lab has it, else as usual.

    :raises lifecycle.LabError: a number is out of range.
    """
    directory = default_directory()
    try:
        base = settings.load(directory)
    except settings.NoLab:
        base = Settings(Layout(directory))
    places = {"number": options.number, "racks": options.racks, "servers_per_rack": options.servers_per_rack,
              "canaries": None if options.canaries is None else tuple(filter(None, options.canaries.split(",")))}
    others = {"boot_delay": options.boot_delay, "install_delay": options.install_delay, "hub": options.hub}
    layout = _with(base.layout, places)
    if not 1 <= layout.number <= 250:
        raise lifecycle.LabError("--number must be 1 to 250")
    if not (layout.racks >= 1 and layout.servers_per_rack >= 1 and len(layout.servers) <= MOST_SERVERS):
        raise lifecycle.LabError(f"a lab has 1 to {MOST_SERVERS} servers, and at least one rack")
    return _with(Settings(layout, base.boot_delay, base.install_delay, base.hub), others)


def _with(base, changes: dict):
    given = {name: value for name, value in changes.items() if value is not None}
    return type(base)(**{**vars(base), **given})


def _down(_options: argparse.Namespace) -> None:
    try:
        current = settings.load(default_directory())
    except settings.NoLab:
        cleared = lifecycle.clear_orphans(default_directory())
        _say("The lab's directory was gone; the rest of it is now, too." if cleared else "There is no lab.")
        return
    lifecycle.down(current, _say)


def _status(options: argparse.Namespace) -> None:
    status = _gather(settings.load(default_directory()))
    if options.json:
        print(json.dumps(status, indent=2))
        return
    running = [server["name"] for server in status["servers"] if server["running"]]
    powered = [server["name"] for server in status["servers"] if server["power"] == "On"]
    dead = [name for name, alive in status["processes"].items() if not alive]
    print(f"Lab {status['number']} in {status['directory']}: {'up' if status['up'] else 'NOT complete'}")
    print(f"  switches   {len(status['switches'])}, answering: {sum(item['answers'] for item in status['switches'])}")
    print(f"  servers    {len(status['servers'])}, powered on: {len(powered)}, running: {', '.join(running) or 'none'}")
    print(f"  processes  {len(status['processes'])}, ended: {', '.join(dead) or 'none'}")
    for fault in status["faults"]:
        print(f"  fault      {fault['kind']} on {fault['target']}")


def _gather(current: Settings) -> dict:
    """What `status --json` prints."""
    layout = current.layout
    up = lifecycle.is_complete(current)
    processes = Processes(current.directory) if lifecycle.runs(current) else None
    states = Hardware(current.directory / "hardware.db").servers() if processes else []
    power = {state.name: state.power for state in states}
    return {
        "number": layout.number, "directory": str(layout.directory), "up": up,
        "switches": [{"name": place.name, "address": place.address, "answers": answers(place.address, OVSDB_PORT)}
                     for place in layout.switches],
        "servers": [{"name": place.name, "power": power.get(place.name, "Off"),
                     "running": servers.is_running(layout, place.name)} for place in layout.servers],
        "processes": {name: processes.alive(name) for name in processes.names()} if processes else {},
        "faults": faults.current(current.directory),
    }


def _env(_options: argparse.Namespace) -> None:
    directory = settings.load(default_directory()).directory
    for name, value in (("LEASEHOLD_LAB_DIR", directory), ("KUBECONFIG", directory / "hub.kubeconfig"),
                        ("ANSIBLE_SSH_CONTROL_PATH_DIR", directory / "cp")):
        print(f"export {name}={shlex.quote(str(value))}")


def _shell(options: argparse.Namespace) -> None:
    layout = settings.load(default_directory()).layout
    argv = options.argv[1:] if options.argv[:1] == ["--"] else options.argv
    if options.name in {server.name for server in layout.servers}:
        command = ["/usr/bin/env", "-i", f"HOME={servers.HOME}", f"TERM={os.environ.get('TERM', 'dumb')}",
                   f"PATH={servers.PATH}", f"PS1={options.name}# ", *(argv or ["/bin/sh"])]
        command = servers.enter(layout, options.name, command)
    else:
        canaries = {canary.name: canary.namespace for canary in layout.canary_places}
        namespace = canaries.get(options.name, f"{layout.prefix}-{options.name}")
        if namespace not in namespaces.existing(layout.prefix):
            raise lifecycle.LabError(f"there is no {options.name} in this lab")
        command = ["nsenter", f"--net={namespaces.FOLDER / namespace}", *(argv or [os.environ.get("SHELL", "/bin/sh")])]
    os.execvp(command[0], command)


def _fault_set(options: argparse.Namespace) -> None:
    layout = settings.load(default_directory()).layout
    targets = {"server": {server.name for server in layout.servers}, "switch": layout.switch_names, "hub": {"hub"}}
    target_kind = faults.KINDS[options.kind]
    if options.target not in targets[target_kind]:
        raise lifecycle.LabError(f"{options.kind} strikes a {target_kind}; there is none named {options.target}")
    parameters = dict(parameter.partition("=")[::2] for parameter in options.parameters)
    faults.set_fault(layout.directory, options.kind, options.target, options.seconds, options.times, **parameters)
    _wait_applied(layout.directory)
    _say(f"{options.target} now has: {options.kind}")


def _fault_clear(options: argparse.Namespace) -> None:
    directory = settings.load(default_directory()).directory
    count = faults.clear(directory, options.kind, options.target)
    _wait_applied(directory)
    _say(f"{count} cleared")


def _wait_applied(directory: Path) -> None:
    """Faults of the other parts strike at once; the switches' need a moment to be put in place."""
    if not switch_faults.wait_applied(directory):
        raise lifecycle.LabError("the switches do not follow: see log/switch-faults.log in the lab's directory")


def _fault_list(options: argparse.Namespace) -> None:
    found = faults.current(settings.load(default_directory()).directory)
    if options.json:
        print(json.dumps(found, indent=2))
        return
    for fault in found:
        rest = {name: value for name, value in fault.items() if name in ("until", "times") and value is not None}
        print(fault["kind"], fault["target"], *(f"{name}={value}" for name, value in rest.items()))
