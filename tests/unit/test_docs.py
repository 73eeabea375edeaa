"""What the documentation promises is there, and what is there is documented."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest
import yaml
from ansible_collections.leasehold.cloud.plugins.module_utils.core import errors

ROOT = Path(__file__).parents[2]
ROLES = sorted(path.name for path in ROOT.glob("roles/*") if path.is_dir())
INCLUDES = ("ansible.builtin.include_role", "ansible.builtin.import_role")
PAGES = [*ROOT.glob("*.md"), *ROOT.glob("docs/*.md"), *ROOT.glob("roles/*/README.md"), *ROOT.glob("*/README.md")]


def tree(error: type = errors.LeaseholdError) -> dict[str, type]:
    """Every error by its code."""
    return {error.error_code: error} | {code: found for child in error.__subclasses__() for code, found in tree(child).items()}


def names(folder: str) -> set[str]:
    return {path.stem for path in (ROOT / folder).glob("*.py")}


def entry_points(role: str) -> set[str]:
    """The entry points of a role that playbooks and other roles use."""
    files = [*ROOT.glob("playbooks/*.yml"), *(file for file in ROOT.glob("roles/*/tasks/**/*.yml"))]
    used = [task for file in files for task in tasks(yaml.safe_load(file.read_text(encoding="utf-8")) or [])]
    return {task.get("tasks_from", "main").removesuffix(".yml") for task in used if task.get("name") == f"leasehold.cloud.{role}"}


def tasks(value: object):
    """The options of every inclusion of a role, at any depth of a playbook or task file."""
    if isinstance(value, list):
        for item in value:
            yield from tasks(item)
    elif isinstance(value, dict):
        yield from (value[key] for key in INCLUDES if key in value)
        yield from (found for item in value.values() for found in tasks(item))


def spec(role: str) -> dict:
    return yaml.safe_load((ROOT / f"roles/{role}/meta/argument_specs.yml").read_text(encoding="utf-8"))["argument_specs"]


def test_the_page_of_errors_lists_exactly_those_there_are():
    page = (ROOT / "docs/errors.md").read_text(encoding="utf-8")
    listed = dict(re.findall(r"^\| `([a-z_]+)` \| (?:`([a-z_]+)`|–) \|", page, re.MULTILINE))
    parents = {code: error.__base__.error_code if error is not errors.LeaseholdError else "" for code, error in tree().items()}
    assert listed == parents


def test_codes_are_used_once():
    every = [errors.LeaseholdError]
    for error in every:
        every += error.__subclasses__()
    codes = [error.error_code for error in every]
    assert sorted(codes) == sorted(set(codes))


def test_every_action_is_documented_and_nothing_else():
    assert names("plugins/action") == names("plugins/modules")


@pytest.mark.parametrize("module", sorted(names("plugins/modules")))
def test_a_module_is_documentation_only(module):
    code = ast.parse((ROOT / f"plugins/modules/{module}.py").read_text(encoding="utf-8")).body
    assigned = {target.id for node in code if isinstance(node, ast.Assign) for target in node.targets}
    assert {"DOCUMENTATION", "EXAMPLES", "RETURN"} <= assigned
    assert [node for node in code if isinstance(node, (ast.FunctionDef, ast.ClassDef, ast.Import))] == []


@pytest.mark.parametrize("role", ROLES)
def test_every_entry_point_of_a_role_has_an_argument_spec_and_a_line(role):
    used, specified = entry_points(role), set(spec(role))
    page = (ROOT / f"roles/{role}/README.md").read_text(encoding="utf-8")
    assert used - specified == set()
    assert {name for name in specified if not (ROOT / f"roles/{role}/tasks/{name}.yml").is_file()} == set()
    assert {name for name in specified if f"`{name}`" not in page} == set()


@pytest.mark.parametrize("role", ROLES)
def test_every_variable_of_a_role_is_explained(role):
    page = (ROOT / f"roles/{role}/README.md").read_text(encoding="utf-8")
    variables = {name for entry in spec(role).values() for name in entry.get("options", {})}
    assert {name for name in variables if f"`{name}`" not in page} == set()


@pytest.mark.parametrize("role", ROLES)
def test_a_role_says_what_it_is(role):
    meta = yaml.safe_load((ROOT / f"roles/{role}/meta/main.yml").read_text(encoding="utf-8"))["galaxy_info"]
    assert meta["license"] == "GPL-3.0-or-later"
    assert meta["description"]


def test_every_playbook_is_in_the_table_of_the_readme_and_nothing_else():
    table = (ROOT / "README.md").read_text(encoding="utf-8")
    listed = set(re.findall(r"^\| [^|]+ \| `([a-z_]+)` \|", table, re.MULTILINE))
    assert listed == {path.stem for path in ROOT.glob("playbooks/*.yml")}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_somewhere(page):
    text = re.sub(r"```.*?```", "", page.read_text(encoding="utf-8"), flags=re.DOTALL)
    for target in re.findall(r"\]\(([^)#\s]*)(?:#[^)]*)?\)", text):
        if target and "://" not in target:
            assert (page.parent / target).exists(), f"{page.name}: {target}"


def test_the_license_is_the_same_everywhere():
    galaxy = yaml.safe_load((ROOT / "galaxy.yml").read_text(encoding="utf-8"))
    service = (ROOT / "fulfillment/pyproject.toml").read_text(encoding="utf-8")
    assert galaxy["license_file"] == "COPYING"
    assert 'license = "GPL-3.0-or-later"' in service
    ours = [folder for folder in ROOT.iterdir() if folder.is_dir() and not folder.name.startswith(".")]
    others = {path for folder in ours for path in folder.rglob("*.py")}
    assert Path(__file__) in others
    assert [path for path in others if "License-Identifier: " "Apache" in path.read_text(encoding="utf-8")] == []
