# SPDX-License-Identifier: GPL-3.0-or-later
"""The SSH client, with a program of the test's own in ssh's place."""

from __future__ import annotations

import os
import time

import pytest

from ansible_collections.leasehold.cloud.plugins.module_utils import ssh
from ansible_collections.leasehold.cloud.plugins.module_utils.core.errors import DeviceFailed, InvalidInput, MissingLibrary, Unreachable

LOGIN = ssh.Login("s1", "192.0.2.1", 2222, "core")


@pytest.fixture
def program(tmp_path, monkeypatch):
    """Puts a shell script in ssh's place."""

    def install(text):
        path = tmp_path / "ssh"
        path.write_text(f"#!/bin/sh\n{text}\n")
        path.chmod(0o755)
        monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")

    return install


def test_the_script_goes_in_by_standard_input(program):
    program('echo "$@"; exec sh')
    output = ssh.Client("/keys/a b", "/hosts", True).run(LOGIN, "echo seen\n", 5)
    command, seen = output.splitlines()
    assert seen == "seen" and command.endswith("-p 2222 -l core 192.0.2.1 sh -s")
    for option in ('IdentityFile="/keys/a b"', 'UserKnownHostsFile="/hosts"', "StrictHostKeyChecking=accept-new", "BatchMode=yes", "ControlPath=none"):
        assert option in command


def test_host_keys_must_be_known_unless_told_otherwise():
    assert "StrictHostKeyChecking=yes" in ssh.Client().command(LOGIN)


def test_further_arguments_come_first():
    assert ssh.Client(extra=["-J", "jump"]).command(LOGIN)[2:4] == ["-J", "jump"]


def test_no_connection_is_unreachable_with_what_ssh_said(program):
    program("echo 'Warning: x' >&2; echo 'ssh: connect to host: Connection refused' >&2; exit 255")
    with pytest.raises(Unreachable, match="Connection refused"):
        ssh.Client().run(LOGIN, "", 5)


def test_a_script_that_fails_is_the_servers_failure(program):
    program("exit 7")
    with pytest.raises(DeviceFailed, match="ended with 7"):
        ssh.Client().run(LOGIN, "", 5)


def test_a_server_that_never_ends_is_given_up(program):
    program("exec sleep 60")
    started = time.monotonic()
    with pytest.raises(Unreachable, match="no end within 1 s"):
        ssh.Client(connect_timeout=0).run(LOGIN, "", 0.6)
    assert time.monotonic() - started < 5


def test_without_a_client_the_remedy_is_told(monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(MissingLibrary, match="install the OpenSSH client"):
        ssh.Client().run(LOGIN, "", 5)


def test_a_login_comes_from_management_or_the_leased_address():
    management = {"address": "192.0.2.9", "port": 2222, "user": "root"}
    assert ssh.Login.of({"name": "s1", "address": "10.64.0.10", "management": management}) == ssh.Login("s1", "192.0.2.9", 2222, "root")
    assert ssh.Login.of({"name": "s1", "address": "10.64.0.10"}) == ssh.Login("s1", "10.64.0.10", 22, "core")


@pytest.mark.parametrize("management", [{"address": "-oProxyCommand=reboot"}, {"address": "192.0.2.9", "user": "-l root"}])
def test_an_address_that_ssh_would_take_for_an_option_is_refused(management):
    with pytest.raises(InvalidInput):
        ssh.Login.of({"name": "s1", "address": "10.64.0.10", "management": management})
