# Copyright: (c) 2026, leasehold.cloud contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Gates: the checks that an order must pass. They fail closed: what was not looked at is a problem.

A gate gives a finding, C({gate, ok, problems, evidence}). A problem is C({object, endpoints, switch, port, problem}):
the two endpoints it lies between and, where there is one, the switch port to look at.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from ansible_collections.leasehold.cloud.plugins.module_utils.core import probes
from ansible_collections.leasehold.cloud.plugins.module_utils.core.errors import GateFailed

ANSWERS = {"arp": "an ARP answer", "icmp": "an ICMP echo reply"}
PLACES = ("switches", "bmcs", "objects", "claims")  # where something may be left
SHOWN = 3  # problems that a failed gate's message tells; the finding has all


def readback(expected: Mapping[str, Sequence[Mapping]], observed: Mapping[str, Sequence[Mapping]], segment: Mapping,
             servers: Iterable[Mapping] = ()) -> dict:
    """The segment's VLAN is on exactly the expected ports, and those in it carry nothing else.

    :param expected: by switch, C({name, mode: access, vlan}) or C({name, mode: trunk, vlans: [those it must carry]})
        (C(fabric.expected_readback)).
    :param observed: by switch, every port as read back (C(ports.Columns.observed)).
    :param servers: whose NICs are named in problems with the ports they are cabled to.
    """
    vlan = segment["vlan"]
    cabled = {(nic["switch"], nic["port"]): f"{server['name']} {nic['name']}" for server in servers for nic in server["nics"]}
    problems: list[dict] = []
    carriers: dict[str, list[str]] = {}
    for switch in sorted({*expected, *observed}):
        wanted = {port["name"]: port for port in expected.get(switch, ())}
        if switch not in observed:
            problems.append(_problem(f"switch {switch}", segment["name"], switch, switch, None, "was not read back"))
            continue
        found = {port["name"]: port for port in observed[switch]}
        for name, port in wanted.items():
            said = _port_flaw(port, found.get(name), vlan)
            if said:
                problems.append(_port_problem(switch, name, cabled.get((switch, name)), said))
        carriers[switch] = sorted(name for name, port in found.items() if carries(port, vlan))
        for name in sorted(set(carriers[switch]) - set(wanted)):
            said = f"carries VLAN {vlan} of {segment['name']} ({_text(found[name])}), which it must not"
            problems.append(_port_problem(switch, name, cabled.get((switch, name)), said))
    return _finding("readback", problems, {"vlan": vlan, "carried_by": carriers})


def wire(results: Sequence[Mapping], expectations: Mapping, servers: Sequence[Mapping]) -> dict:
    """From each server, who must answer does, and who must not does not, at every level that is asked for.

    :param results: of M(leasehold.cloud.probe_info).
    :param expectations: C({must_answer, must_not_answer, peers}), as probe_info was given them.
    :param servers: those that were to be probed from.
    """
    by_server: dict[str, list[Mapping]] = {server["name"]: [] for server in servers}
    for result in results:
        by_server.setdefault(result["server"], []).append(result)
    problems: list[dict] = []
    for server in servers:
        asked = probes.questions(server, servers, expectations.get("must_answer") or (), expectations.get("must_not_answer") or (),
                                 expectations.get("peers", True))
        problems += _wire_problems(server, asked, by_server[server["name"]])
    if not servers:
        problems.append(_problem("the segment", "its servers", "the fabric", None, None, "no server was probed from"))
    answered = [result for result in results if result.get("answered") is not None]
    return _finding("wire", problems, {
        "servers": [server["name"] for server in servers],
        "answers": sum(1 for result in answered if result["answered"]), "silences": sum(1 for result in answered if not result["answered"]),
        "must_not_answer": [f"{target.get('name') or target['address']} {target['address']}" for target in expectations.get("must_not_answer") or ()],
    })


def cluster(expected_nodes: Iterable[str], nodes: Iterable[Mapping], api_ok: bool) -> dict:
    """The cluster has exactly the expected nodes, all Ready, and its API answers.

    :param nodes: C({name, ready, reason}), or Node objects as the API returns them.
    """
    found = {node["name"]: node for node in map(_node, nodes)}
    problems = []
    if not api_ok:
        problems.append(_problem("API", "handed-over kubeconfig", "API server", None, None, "does not answer with the kubeconfig that is handed over"))
    for name in sorted(expected_nodes):
        if name not in found:
            problems.append(_problem(f"node {name}", f"server {name}", "API server", None, None, "is not in the cluster"))
        elif not found[name]["ready"]:
            said = f"is not Ready: {found[name].get('reason') or 'no reason given'}"
            problems.append(_problem(f"node {name}", f"server {name}", "API server", None, None, said))
    for name in sorted(set(found) - set(expected_nodes)):
        problems.append(_problem(f"node {name}", f"server {name}", "API server", None, None, "is in the cluster, and not in its plan"))
    return _finding("cluster", problems, {"api": bool(api_ok), "nodes_ready": sorted(name for name, node in found.items() if node["ready"])})


def residue(segment: Mapping, servers: Sequence[Mapping], looked_at: Mapping, segment_gone: bool = True,
            places: Sequence[str] = PLACES) -> dict:
    """Nothing is left of what was released: on switches, BMCs, the hub, in the ledger.

    :param servers: those released; their switch ports must be in quarantine, they off, their virtual drives empty.
    :param looked_at: C(switches): as C(observed) of C(readback); C(bmcs): by server, C({power, virtual_media: {inserted} or None});
        C(objects): those that the hub still has; C(claims): those that the ledger still has. None or absent: not looked at.
    :param segment_gone: the whole cluster was released, so that its VLAN must be nowhere.
    :param places: those that must have been looked at; the ledger's claims are freed only when the others are clean.
    """
    name = segment["name"]
    problems = [
        _problem(f"{what} of {name}", name, what, None, None, "not looked at")
        for what in places if looked_at.get(what) is None
    ]
    switches = looked_at.get("switches") or {}
    if looked_at.get("switches") is not None:
        problems += _port_residue(segment, servers, switches, segment_gone)
    if looked_at.get("bmcs") is not None:
        problems += [problem for server in servers for problem in _bmc_residue(server, looked_at["bmcs"].get(server["name"]))]
    for what, where in (("objects", "hub"), ("claims", "ledger")):
        for left in looked_at.get(what) or ():
            problems.append(_problem(_label(left), name, where, None, None, f"is still in the {where}"))
    return _finding("residue", problems, {
        "vlan": segment["vlan"], "switches": sorted(switches), "servers": sorted(server["name"] for server in servers),
        "objects": len(looked_at.get("objects") or ()), "claims": len(looked_at.get("claims") or ()),
    })


def failure(finding: Mapping) -> GateFailed:
    """The error of a finding that is not ok."""
    problems = finding["problems"]
    shown = "; ".join(f"{problem['object']} {problem['problem']}" for problem in problems[:SHOWN])
    more = f"; and {len(problems) - SHOWN} more" if len(problems) > SHOWN else ""
    return GateFailed(
        f"{len(problems)} problem{'s' if len(problems) > 1 else ''}: {shown}{more}", object=f"gate {finding['gate']}",
        attempted=f"checking {finding['gate']}", remedy="mend what the problems name, then run the order again; it goes on from here",
        details={"finding": dict(finding)},
    )


def carries(port: Mapping, vlan: int) -> bool:
    """Whether a port, as read back, lets frames of ``vlan`` through. An empty trunk carries all VLANs."""
    if port["mode"] == "trunk":
        return not port["vlans"] or vlan in port["vlans"] or port.get("vlan") == vlan
    return port.get("vlan") == vlan or vlan in (port.get("vlans") or ())


def _port_flaw(wanted: Mapping, found: Mapping | None, vlan: int) -> str:
    """What is wrong with an expected port, or nothing."""
    if found is None:
        return "is not on the switch"
    if wanted["mode"] == "access":
        right = found["mode"] == "access" and found["vlan"] == wanted["vlan"]
        return "" if right else f"is {_text(found)}, not access {wanted['vlan']}"
    missing = sorted({*(wanted.get("vlans") or [vlan])} - {*found["vlans"]})
    if found["mode"] != "trunk":
        return f"is {_text(found)}, not a trunk"
    if not found["vlans"]:
        return "is a trunk of all VLANs"
    if found["vlan"] is not None:
        return f"has VLAN {found['vlan']} untagged"
    return f"does not carry VLAN {missing[0]}" if missing else ""


def _port_problem(switch: str, name: str, endpoint: str | None, said: str) -> dict:
    return _problem(f"switch {switch} port {name}", endpoint or f"what is cabled to {name}", switch, switch, name, said)


def _wire_problems(server: Mapping, asked: Sequence[probes.Question], results: Sequence[Mapping]) -> list[dict]:
    problems = []
    found: dict[tuple[str, str], list[Mapping]] = {}
    for result in results:
        if result.get("target") is None:
            problems.append(_wire_problem(server, result.get("nic"), "its segment", f"could not be probed from: {result.get('error')}"))
        else:
            found.setdefault((result["address"], result["method"]), []).append(result)
    if problems and not found:
        return problems  # that each single answer is missing says no more
    for question in asked:
        target = f"{question.name} {question.address}"
        for method in question.methods:
            heard = found.get((question.address, method), [])
            if not heard:
                problems.append(_wire_problem(server, None, target, f"was not made to ask {target} for {ANSWERS[method]}"))
            for result in heard:
                said = _answer_flaw(question, method, target, result)
                if said:
                    problems.append(_wire_problem(server, result["nic"], target, said))
    return problems


def _answer_flaw(question: probes.Question, method: str, target: str, result: Mapping) -> str:
    if result.get("answered") is None:
        return f"could not ask {target} for {ANSWERS[method]}: {result.get('error')}"
    if result["answered"] == question.must_answer:
        return ""
    if question.must_answer:
        return f"gets no answer from {target} ({method.upper()}), which must answer"
    return f"gets {ANSWERS[method]} from {target}, which must not answer"


def _wire_problem(server: Mapping, nic_name: str | None, target: str, said: str) -> dict:
    """With the switch port of the NIC; of the server's first NIC where the NIC is not known."""
    nics = {nic["name"]: nic for nic in server["nics"]}
    nic = nics.get(nic_name) or server["nics"][0]
    shown = f"{server['name']} {nic_name or nic['name']}"
    return _problem(f"server {shown} (switch {nic['switch']} port {nic['port']})", shown, target, nic["switch"], nic["port"], said)


def _node(node: Mapping) -> Mapping:
    """A node as C({name, ready, reason}); a Node object's Ready condition decides (Kubernetes API, core/v1)."""
    if "metadata" not in node:
        return node
    conditions = {condition["type"]: condition for condition in (node.get("status") or {}).get("conditions") or ()}
    ready = conditions.get("Ready") or {}
    reason = ready.get("message") or ready.get("reason")
    return {"name": node["metadata"]["name"], "ready": ready.get("status") == "True", "reason": reason}


def _port_residue(segment: Mapping, servers: Sequence[Mapping], switches: Mapping[str, Sequence[Mapping]], segment_gone: bool) -> list[dict]:
    problems = []
    name, vlan, quarantine = segment["name"], segment["vlan"], segment["quarantine_vlan"]
    released: set[tuple[str, str]] = set()
    for server in servers:
        for nic in server["nics"]:
            released.add((nic["switch"], nic["port"]))
            found = {port["name"]: port for port in switches.get(nic["switch"]) or ()}
            said = _port_flaw({"mode": "access", "vlan": quarantine}, found.get(nic["port"]), quarantine)
            if nic["switch"] not in switches:
                said = "was not read back"
            if said:
                problems.append(_port_problem(nic["switch"], nic["port"], f"{server['name']} {nic['name']}", said))
    for switch, ports in sorted(switches.items()) if segment_gone else ():
        for port in ports:
            if carries(port, vlan) and (switch, port["name"]) not in released:
                problems.append(_port_problem(switch, port["name"], None, f"still carries VLAN {vlan} of {name} ({_text(port)})"))
    return problems


def _bmc_residue(server: Mapping, bmc: Mapping | None) -> list[dict]:
    name = f"server {server['name']}"
    if not bmc:
        return [_problem(name, name, "its BMC", None, None, "has a BMC that was not read")]
    problems = []
    if str(bmc.get("power")).lower() != "off":
        problems.append(_problem(name, name, "its BMC", None, None, f"is not off: its power is {bmc.get('power')}"))
    media = bmc.get("virtual_media")
    if media and (not isinstance(media, Mapping) or media.get("inserted", True)):
        image = media.get("image") if isinstance(media, Mapping) else media
        problems.append(_problem(name, name, "its BMC", None, None, f"still has {image} in its virtual drive"))
    return problems


def _label(left: object) -> str:
    """What to call a hub object, or a claim, that is left."""
    if not isinstance(left, Mapping):
        return str(left)
    if "metadata" in left:
        metadata = left["metadata"]
        return f"{left.get('kind', 'object')} {metadata.get('namespace', '')}/{metadata['name']}".replace(" /", " ")
    return " ".join(str(left[key]) for key in ("kind", "resource", "namespace", "name") if left.get(key)) or str(dict(left))


def _text(port: Mapping) -> str:
    if port["mode"] != "trunk":
        return f"{port['mode']} {port['vlan']}"
    vlans = ",".join(str(vlan) for vlan in port["vlans"]) or "all"
    return f"trunk {vlans}" + (f", {port['vlan']} untagged" if port.get("vlan") is not None else "")


def _problem(about: str, one: str, other: str, switch: str | None, port: str | None, said: str) -> dict:
    return {"object": about, "endpoints": [one, other], "switch": switch, "port": port, "problem": said}


def _finding(gate: str, problems: list[dict], evidence: dict) -> dict:
    return {"gate": gate, "ok": not problems, "problems": problems, "evidence": evidence}
