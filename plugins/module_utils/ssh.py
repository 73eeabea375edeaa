# Copyright: (c) 2026, leasehold.cloud contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Shell scripts on servers, through the OpenSSH client that the site's admins have configured (jump hosts and all).

The script goes in by standard input: nothing but ``sh -s`` is ever on a command line.
"""

from __future__ import annotations

import dataclasses
import re
import subprocess
from collections.abc import Mapping, Sequence

from ansible_collections.leasehold.cloud.plugins.module_utils.core.errors import DeviceFailed, InvalidInput, MissingLibrary, Unreachable

ATTEMPTED = "running a script on it over SSH"
SSH_FAILED = 255  # ssh(1): its own exit code when the connection did not work


@dataclasses.dataclass(frozen=True)
class Login:
    """Where a server answers SSH, and as whom."""

    server: str  # its name, for messages
    address: str
    port: int = 22
    user: str = "core"

    @classmethod
    def of(cls, server: Mapping) -> Login:
        """A server's, from its C(management); the leased address where that has none.

        :raises InvalidInput: the address or the user would be read as something else by ssh.
        """
        management = server.get("management") or {}
        login = cls(server["name"], management.get("address") or server["address"], int(management.get("port") or 22), management.get("user") or "core")
        for value in (login.address, login.user):
            if not re.fullmatch(r"[A-Za-z0-9_][A-Za-z0-9_.:-]*", value):
                raise InvalidInput(f"{value!r} cannot be logged in to", object=f"server {login.server}", attempted=ATTEMPTED,
                                   remedy="correct the server's management address and user in the source of truth")
        return login


@dataclasses.dataclass(frozen=True)
class Client:
    """How ssh is called."""

    private_key_file: str | None = None
    known_hosts_file: str | None = None
    accept_new: bool = False  # take host keys never seen before; keys that changed are refused all the same
    connect_timeout: int = 10
    extra: Sequence[str] = ()

    def command(self, login: Login) -> list[str]:
        """The command line that runs a script given on standard input."""
        options = {
            "BatchMode": "yes", "ConnectTimeout": self.connect_timeout, "ServerAliveInterval": 5, "ServerAliveCountMax": 3,
            "ControlMaster": "no", "ControlPath": "none", "ClearAllForwardings": "yes", "LogLevel": "ERROR",
            "StrictHostKeyChecking": "accept-new" if self.accept_new else "yes",
        }
        if self.known_hosts_file:
            options |= {"UserKnownHostsFile": f'"{self.known_hosts_file}"'}
        if self.private_key_file:
            options |= {"IdentitiesOnly": "yes", "IdentityFile": f'"{self.private_key_file}"'}
        flags = [part for name, value in options.items() for part in ("-o", f"{name}={value}")]
        return ["ssh", "-T", *self.extra, *flags, "-p", str(login.port), "-l", login.user, login.address, "sh", "-s"]

    def run(self, login: Login, script: str, limit: float) -> str:
        """Run ``script`` and return what it printed.

        :param limit: seconds that it may take once connected; then it is given up.
        :raises Unreachable: no connection, or no end in time.
        :raises DeviceFailed: the script ended with an error.
        :raises MissingLibrary: there is no ssh program.
        """
        seconds = self.connect_timeout + limit
        try:
            # pylint: disable-next=ansible-bad-function  # run_command is of modules; this runs in an action
            done = subprocess.run(self.command(login), input=script, capture_output=True, text=True, errors="replace", timeout=seconds, check=False)
        except FileNotFoundError as error:
            raise MissingLibrary("there is no ssh program", object="ssh", attempted=ATTEMPTED, remedy="install the OpenSSH client") from error
        except subprocess.TimeoutExpired as error:
            raise self._unreachable(login, f"no end within {seconds:.0f} s") from error
        if done.returncode == SSH_FAILED:
            raise self._unreachable(login, _last_line(done.stderr))
        if done.returncode:
            raise DeviceFailed(f"the script ended with {done.returncode}: {_last_line(done.stderr)}", object=f"server {login.server}",
                               attempted=ATTEMPTED, remedy="log in to the server and see what its shell says")
        return done.stdout

    def _unreachable(self, login: Login, message: str) -> Unreachable:
        return Unreachable(f"{login.user}@{login.address} port {login.port}: {message}", object=f"server {login.server}", attempted=ATTEMPTED,
                           remedy="see that the server runs its discovery image, and that the key and known hosts fit")


def _last_line(text: str) -> str:
    lines = text.strip().splitlines()
    return lines[-1] if lines else "no message"
