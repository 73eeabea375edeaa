# SPDX-License-Identifier: GPL-3.0-or-later
"""The core is pure: data in, plan out. It imports nothing from Ansible, HTTP or SQL, and does no input or output."""

from __future__ import annotations

import ast
import sys
from pathlib import Path

import pytest

from ansible_collections.leasehold.cloud.plugins.module_utils.core import plan

CORE = "ansible_collections.leasehold.cloud.plugins.module_utils.core"
FILES = sorted(Path(plan.__file__).parent.glob("*.py"))
REACHING_OUT = {
    "asyncio", "concurrent", "ctypes", "fcntl", "ftplib", "http", "imaplib", "io", "logging", "mmap", "multiprocessing", "os",
    "pathlib", "pickle", "pty", "select", "selectors", "shelve", "shutil", "signal", "smtplib", "socket", "socketserver",
    "sqlite3", "ssl", "subprocess", "sys", "tempfile", "threading", "urllib", "webbrowser", "xmlrpc",
}


def imports(tree: ast.AST):
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield "." * node.level + (node.module or "")


def impure(source: str) -> list[str]:
    tree = ast.parse(source)
    found = [name for name in imports(tree) if not (name == CORE or name.startswith(f"{CORE}."))
             and (name.partition(".")[0] not in sys.stdlib_module_names or name.partition(".")[0] in REACHING_OUT)]
    calls = [node.func.id for node in ast.walk(tree) if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)]
    return found + [name for name in calls if name in ("open", "input", "print", "__import__", "exec", "eval")]


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.name)
def test_core_is_pure(file):
    assert impure(file.read_text(encoding="utf-8")) == []


def test_all_of_the_core_is_looked_at():
    assert {"allocate.py", "fabric.py", "plan.py", "models.py", "states.py"} <= {file.name for file in FILES}


@pytest.mark.parametrize("source", [
    "import sqlalchemy", "from ansible.module_utils.basic import AnsibleModule", "import urllib.request", "def f():\n  import requests",
    "from . import models", "import sqlite3", "open('x')", f"from {CORE.rpartition('.')[0]}.ledger import database",
])
def test_the_test_sees_what_is_impure(source):
    assert impure(source)
