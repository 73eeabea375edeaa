# Copyright: (c) 2026, leasehold.cloud contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Find out on the wire who answers a segment's servers; documented in plugins/modules/probe_info.py."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from ansible_collections.leasehold.cloud.plugins.module_utils import ssh
from ansible_collections.leasehold.cloud.plugins.module_utils.core import probes
from ansible_collections.leasehold.cloud.plugins.module_utils.core.errors import DeviceFailed, Unreachable
from ansible_collections.leasehold.cloud.plugins.plugin_utils.action import LeaseholdAction


class ActionModule(LeaseholdAction):
    """One SSH session a server, many at a time."""

    def execute(self, args, task_vars):
        servers = args["servers"]
        pace = probes.Pace.among(min(len(servers), args["concurrency"]), args["patience"], args["window"])
        body = Path(ssh.__file__).with_name("probe.sh").read_text(encoding="utf-8")
        client = ssh.Client(
            args["private_key_file"], args["known_hosts_file"], args["host_key_checking"] == "accept_new",
            args["connect_timeout"], args["ssh_args"],
        )
        prepared = []
        for server in servers:
            asked = probes.questions(server, servers, args["must_answer"], args["must_not_answer"], args["peers"])
            prepared.append((server, asked, ssh.Login.of(server), probes.script(server, asked, pace, body)))
        with ThreadPoolExecutor(max(1, min(args["concurrency"], len(prepared)))) as pool:
            found = list(pool.map(lambda one: _probe(client, pace, *one), prepared))
        return {"changed": False, "results": [result for results in found for result in results]}


def _probe(client: ssh.Client, pace: probes.Pace, server: dict, asked: list[probes.Question], login: ssh.Login, script: str) -> list[dict]:
    """One server's findings; that it cannot be probed is a finding as well."""
    try:
        output = client.run(login, script, probes.time_limit(server, asked, pace))
    except (Unreachable, DeviceFailed) as error:
        return [probes.failure(server, error.message)]
    return probes.read(server, asked, output)
