"""Settings come back as they were saved; commands take over what is not said."""

from __future__ import annotations

import pytest

from lab import cli, lifecycle, settings
from lab.layout import Layout
from lab.settings import Settings


def wanted(*arguments: str) -> Settings:
    return cli._wanted(cli._parser().parse_args(["up", *arguments]))


@pytest.fixture
def directory(tmp_path, monkeypatch):
    monkeypatch.setenv("LEASEHOLD_LAB_DIR", str(tmp_path))
    return tmp_path.resolve()


def test_settings_come_back(directory):
    saved = Settings(Layout(directory, 7, 3, 4, ("initech",)), 0.5, 2.0, hub=False)
    settings.save(saved)
    assert settings.load(directory) == saved


def test_no_lab_names_the_remedy(directory):
    with pytest.raises(settings.NoLab, match="lab up"):
        settings.load(directory)


def test_up_says_what_differs_from_usual(directory):
    assert wanted() == Settings(Layout(directory))
    assert wanted("--racks", "1", "--canaries", "a,b,c", "--boot-delay", "0", "--no-hub") == Settings(
        Layout(directory, racks=1, canaries=("a", "b", "c")), boot_delay=0, hub=False)


def test_up_takes_over_what_the_lab_has(directory):
    settings.save(Settings(Layout(directory, 9, 3), install_delay=7))
    assert wanted("--servers-per-rack", "2") == Settings(Layout(directory, 9, 3, 2), install_delay=7)


@pytest.mark.parametrize("arguments", [
    ["--number", "0"], ["--number", "251"], ["--racks", "0"], ["--racks", "11", "--servers-per-rack", "100"],
])
def test_what_does_not_fit_is_refused(directory, arguments):
    with pytest.raises(lifecycle.LabError):
        wanted(*arguments)


def test_a_command_without_a_lab_fails_in_words(directory, capsys, monkeypatch):
    monkeypatch.setattr(cli.os, "geteuid", lambda: 0)
    assert cli.main(["status"]) == 1
    assert "there is no lab in" in capsys.readouterr().err


def test_commands_become_root_with_what_of_the_environment_matters(directory, monkeypatch):
    class Replaced(Exception):
        pass

    def replace(program, argv):
        raise Replaced(program, argv)

    monkeypatch.setattr(cli.os, "geteuid", lambda: 1000)
    monkeypatch.setattr(cli.os, "execvp", replace)
    with pytest.raises(Replaced) as replaced:
        cli.main(["up", "--racks", "1"])
    program, argv = replaced.value.args
    assert program == "sudo"
    assert argv[:3] == ["sudo", "-E", "env"]
    assert f"LEASEHOLD_LAB_DIR={directory}" in argv
    assert argv[-5:] == ["-m", "lab", "up", "--racks", "1"]
